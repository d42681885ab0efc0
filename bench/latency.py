"""Latency: events sent at half of what a processor can take, and the time until a reader has their awards."""

import asyncio
import time
from collections.abc import Callable
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
PATIENCE_SECONDS = 15.0
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
    """Seconds from when each event was due to be sent until its award was read, the time of warming up left out."""
    sizes = scene.sizes
    seconds = sizes.warm_up_seconds + sizes.latency_seconds
    learners = int(per_second * seconds / EVENTS_OF_A_LEARNER) + 1
    events = list(lives(learners, SEED, cohort=COHORT))
    earns = {(one.learner, one.course): one.number for one in due(events)}
    with started(processor, scene.directory / f"{processor.group}.log") as running:
        await _until_ready(scene, running)
        stream = Stream(scene, processor, [record(event) for event in events], per_second)
        await stream.run(running, len(earns))
    sent = {number: stream.began + number / per_second for number in earns.values()}
    counted = stream.began + sizes.warm_up_seconds
    found = [
        at - sent[earns[award]]
        for award, at in ((award_of(value), at) for at, value in stream.seen)
        if sent[earns[award]] >= counted
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

    scene: Stage
    processor: Processor
    records: list[Record]
    per_second: float
    began: float = 0.0
    seen: list[tuple[float, bytes]] = field(default_factory=list)

    async def run(self, running: Running, awards: int) -> None:
        """Send all, and wait for all awards. Raises FailedRunError if they do not come."""
        address = self.scene.broker.address
        consumer = AIOKafkaConsumer(
            self.processor.awards,
            bootstrap_servers=address,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=0, max_batch_size=BATCH_BYTES)
        await consumer.start()
        await producer.start()
        reading = asyncio.create_task(self._read(consumer, awards))
        try:
            with self.scene.log.bar() as bar:
                task = bar.add_task(f"{self.processor.name} at half load", total=len(self.records))
                await self._send(producer, lambda sent: bar.update(task, completed=sent))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await reading
        except TimeoutError as error:
            raise running.failed(f"gave {len(self.seen):,} of {awards:,} awards at half load") from error
        finally:
            reading.cancel()
            await producer.stop()
            await consumer.stop()

    async def _send(self, producer: AIOKafkaProducer, tell: Callable[[int], Any]) -> None:
        self.began = time.monotonic()
        sent = 0
        while sent < len(self.records):
            upto = min(len(self.records), int((time.monotonic() - self.began) * self.per_second))
            await written(producer, self.processor.source, self.records[sent:upto])
            sent = upto
            tell(sent)
            await asyncio.sleep(TICK_SECONDS)

    async def _read(self, consumer: AIOKafkaConsumer, awards: int) -> None:
        while len(self.seen) < awards:
            found = await consumer.getmany(timeout_ms=100)
            now = time.monotonic()
            self.seen += [(now, record.value or b"") for records in found.values() for record in records]
