"""Latency: events sent at half of what a processor can take, and the time until a reader has their awards."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench import lms
from bench.kafka import BATCH_BYTES, written
from bench.measuring import Running, started
from bench.processors import EXACTLY_ONCE, Processor, kstreams, laurel
from bench.rates import percentile
from bench.rows import KSTREAMS, LAUREL, Found
from bench.sizes import Sizes
from bench.stage import LMS_TOPIC, Log, Stage, stage
from bench.throughput import award_of
from bench.workload import Event, Record, due, facts_record, lives, lms_record
from streams import topics

SEED = 4
# Learners come and go: awards are earned all the time, and not only at the end.
COHORT = 20
EVENTS_OF_A_LEARNER = 100
TICK_SECONDS = 0.005
PATIENCE_SECONDS = 60.0
READY_SECONDS = 90.0
# The default of Kafka Streams for exactly once: what it is meant to be quick with.
KSTREAMS_QUICK = {"commit.interval.ms": "100", "producer.linger.ms": "5"}


async def measure(log: Log, sizes: Sizes, found: Found) -> None:
    """The rows of latency."""
    async with stage(log, sizes) as scene:
        ours = await _laurel(scene, found.capacity.get(LAUREL) or await _capacity_of_laurel(scene))
    async with stage(log, sizes) as scene:
        theirs = await _kstreams(scene, found.capacity.get(KSTREAMS) or await _capacity_of_kstreams(scene))
    found.figure("Laurel, LMS to award at half load: median, ms", percentile(ours, 50) * 1_000)
    found.figure("Kafka Streams, exactly once, at half load: median, ms", percentile(theirs, 50) * 1_000)
    found.figure("Kafka Streams, exactly once, at half load: 99th percentile, ms", percentile(theirs, 99) * 1_000)
    found.add("latency_p99_ms", [percentile(ours, 99) * 1_000])
    found.add("latency_p99_vs_kstreams", [percentile(ours, 99) / percentile(theirs, 99)])


async def _capacity_of_laurel(scene: Stage) -> float:
    return await lms.rate(scene, list(lives(scene.sizes.lms_learners, SEED, cohort=COHORT)))


async def _capacity_of_kstreams(scene: Stage) -> float:
    until = await scene.facts(lives(scene.sizes.learners, SEED, cohort=COHORT))
    processor = kstreams(scene.broker.address, scene.next_run(), scene.directory, EXACTLY_ONCE)
    return (await scene.run(processor, until)).steady


async def _laurel(scene: Stage, capacity: float) -> list[float]:
    # What the backlog left in the sources is behind the group that measured it; a new one begins behind it.
    await scene.broker.remove([LMS_TOPIC, topics.FACTS])
    await scene.broker.make([LMS_TOPIC])
    worker = laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config, source=LMS_TOPIC)
    await scene.laurel_topics(worker.group)
    await scene.put_in_force(5)
    return await _latencies(scene, worker, capacity / 2, lms_record)


async def _kstreams(scene: Stage, capacity: float) -> list[float]:
    await scene.broker.remove([topics.FACTS])
    await scene.broker.make([topics.FACTS])
    quick = kstreams(scene.broker.address, scene.next_run(), scene.directory, EXACTLY_ONCE, KSTREAMS_QUICK)
    await scene.prepare(quick)
    return await _latencies(scene, quick, capacity / 2, facts_record)


async def _latencies(
    scene: Stage, processor: Processor, per_second: float, record: Callable[[Event], Record]
) -> list[float]:
    """
    Seconds from when each event was due to be sent until its award was read.

    Before that the same kind of events warm the processor up, and it is waited for until it has caught up: what a
    cold start leaves lying would otherwise be waited for by all that come after.
    """
    sizes = scene.sizes
    warm, counted = (
        EVENTS_OF_A_LEARNER * (int(per_second * seconds / EVENTS_OF_A_LEARNER) + 1)
        for seconds in (sizes.warm_up_seconds, sizes.latency_seconds)
    )
    events = list(lives((warm + counted) // EVENTS_OF_A_LEARNER, SEED, cohort=COHORT))
    records = [record(event) for event in events]
    earns = {(one.learner, one.course): one.number for one in due(events)}
    with started(processor, scene.directory / f"{processor.group}.log") as running:
        await _until_ready(scene, running)
        async with streaming(scene, running, per_second) as stream:
            await stream.run(records[:warm], sum(number < warm for number in earns.values()))
            began = await stream.run(records[warm:], len(earns))
    found = [
        at - (began + (earns[award] - warm) / per_second)
        for award, at in ((award_of(value), at) for at, value in stream.seen)
        if earns[award] >= warm
    ]
    scene.log.say(
        f"{processor.name}, {processor.guarantee}, at {per_second:,.0f} events/s: event to award "
        f"{percentile(found, 50) * 1_000:,.0f} ms in the middle, {percentile(found, 99) * 1_000:,.0f} ms at the "
        f"99th percentile of {len(found):,}"
    )
    return found


async def _until_ready(scene: Stage, running: Running) -> None:
    """Wait until the group is at work: it commits what little is there, or says so."""
    group = running.processor.group
    end = time.monotonic() + READY_SECONDS
    while not await scene.broker.is_in(group, "Stable"):
        running.check()
        if time.monotonic() > end:
            raise running.failed(f"was not at work after {READY_SECONDS:.0f} s")
        await asyncio.sleep(0.1)
    # State is opened after partitions are assigned.
    await asyncio.sleep(2)


@dataclass(slots=True)
class Stream:
    """Sends records by the clock, whatever comes of them, and notes when each award can be read."""

    log: Log
    running: Running
    per_second: float
    producer: AIOKafkaProducer
    seen: list[tuple[float, bytes]] = field(default_factory=list)

    async def run(self, records: list[Record], awards: int) -> float:
        """
        Send all, and wait until there are so many awards; says when it began.

        Raises FailedRunError if the awards do not come.
        """
        name = self.running.processor.name
        with self.log.bar() as bar:
            task = bar.add_task(f"{name} at half load", total=len(records))
            began = await self._send(records, lambda sent: bar.update(task, completed=sent))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(self.seen) < awards:  # noqa: ASYNC110  # an event for each award would take time from them
                    await asyncio.sleep(TICK_SECONDS)
        except TimeoutError as error:
            raise self.running.failed(f"gave {len(self.seen):,} of {awards:,} awards at half load") from error
        return began

    async def _send(self, records: list[Record], tell: Callable[[int], Any]) -> float:
        began, sent = time.monotonic(), 0
        while sent < len(records):
            self.running.check()
            upto = min(len(records), int((time.monotonic() - began) * self.per_second))
            await written(self.producer, self.running.processor.source, records[sent:upto])
            sent = upto
            tell(sent)
            await asyncio.sleep(TICK_SECONDS)
        return began

    async def read(self, consumer: AIOKafkaConsumer) -> None:
        """Note awards as they come, until cancelled."""
        while True:
            found = await consumer.getmany(timeout_ms=100)
            now = time.monotonic()
            self.seen += [(now, record.value or b"") for records in found.values() for record in records]


@contextlib.asynccontextmanager
async def streaming(scene: Stage, running: Running, per_second: float) -> AsyncIterator[Stream]:
    """A stream with its clients: a producer, and a reader of committed awards."""
    address = scene.broker.address
    consumer = AIOKafkaConsumer(
        running.processor.awards,
        bootstrap_servers=address,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=0, max_batch_size=BATCH_BYTES)
    async with contextlib.AsyncExitStack() as undo:
        await consumer.start()
        undo.push_async_callback(consumer.stop)
        await producer.start()
        undo.push_async_callback(producer.stop)
        stream = Stream(scene.log, running, per_second, producer)
        reading = asyncio.create_task(stream.read(consumer))
        try:
            yield stream
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
