"""The clock: whoever owns the first partition of the facts tells all partitions each minute what time it is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from rules.keys import Instant
from streams import topics, wire
from streams.clients import Sleep
from streams.dialects.dialect import UnreadableEvent
from streams.messages import Message
from streams.options import StreamOptions
from streams.reading import reader, records

log = structlog.get_logger("laurel")

# How often the time is told, and how often somebody who need not looks whether that has changed, in seconds.
TOLD_SECONDS = 60.0
LOOK_SECONDS = 1.0

# So many offsets from its end we begin to look what a partition has said last.
LOOKED_BACK = 64

# Its owner tells the time: an owner there always is, and two for a moment do no harm.
FIRST = TP(topics.FACTS, 0)

KEY = b"clock"


def clock_record(time: Instant, *, is_set: bool = False) -> Message:
    """The record that says that it is that time; one that is set is believed however far ahead it is."""
    return Message(KEY, wire.dump(wire.FactsRecord(clock=wire.ClockRecord(time=time, is_set=is_set))))


async def keep_telling(
    tell: Callable[[Instant], Awaitable[None]],
    *,
    is_ours: Callable[[], bool],
    now: Callable[[], Instant],
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Tell the time at once and then each minute, for as long as it is ours to tell; for ever."""
    while True:
        is_told = is_ours()
        if is_told:
            await tell(now())
        await sleep(TOLD_SECONDS if is_told else LOOK_SECONDS)


@dataclass(slots=True)
class ClockWriter:
    """
    Writes clock records to all partitions of the facts.

    Idempotent and without a transaction: partitions take the latest time that they hear, so it does not matter which
    of them hear it, how often and in which order.
    """

    options: StreamOptions
    _producer: AIOKafkaProducer | None = None
    _is_away: bool = field(default=False)

    async def write(self, time: Instant, *, is_set: bool = False) -> None:
        """Write that it is that time. Raises KafkaError when the broker cannot be reached, or refuses."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.options.bootstrap, enable_idempotence=True, **self.options.security
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        key, value, _ = clock_record(time, is_set=is_set)
        sent = [
            await self._producer.send(topics.FACTS, value, key, partition=partition)
            for partition in range(self.options.partitions)
        ]
        await asyncio.gather(*sent)

    async def tell(self, time: Instant) -> None:
        """Write the time; while the broker is away it is told later, and anew."""
        try:
            await self.write(time)
        except KafkaError as error:
            if not self._is_away:
                log.warning("the time cannot be told; trying again each minute", reason=repr(error))
            self._is_away = True
            # A producer that has failed may be of no use any more.
            await self.close()
        else:
            self._is_away = False

    async def close(self) -> None:
        """Let go of the broker."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await producer.stop()
            except KafkaError as error:
                log.debug("closing a producer failed", error=repr(error))


async def known_times(options: StreamOptions) -> dict[int, Instant | None]:
    """
    The time that each partition knew when it said something last; none where it never has.

    Read off the end of `laurel.held`, to which progress passes on the time each minute: no worker is asked, and none
    has to run. Raises KafkaError when the broker cannot be reached, or has no such topic.
    """
    async with reader(options) as consumer:
        if topics.HELD not in await consumer.topics():
            # Asking for the ends of what is not there takes most of a minute.
            return dict.fromkeys(range(options.partitions))
        partitions = [TopicPartition(topics.HELD, partition) for partition in range(options.partitions)]
        consumer.assign(partitions)
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        return {tp.partition: await _last_time(consumer, tp, begins[tp], ends[tp]) for tp in partitions}


async def _last_time(consumer: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int) -> Instant | None:
    """The latest time among the last records of a partition; further back where there is none, as behind markers."""
    last, back = end, LOOKED_BACK
    while last > begin:
        first = max(begin, last - back)
        found = [time for one in await records(consumer, tp, first, last) if (time := _time_of(one.value)) is not None]
        if found:
            return Instant(max(found))
        last, back = first, back * 8
    return None


def _time_of(value: bytes | None) -> Instant | None:
    (record,) = wire.parse_held([value])
    if isinstance(record, UnreadableEvent):
        return None
    about = record.held or record.up_to_date or record.erased
    return about.received_at if about is not None else None if record.clock is None else record.clock.time
