"""Reading an agent's state from outside: what its changelog holds, up to where it ended at one moment."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from streams import reading
from streams.options import StreamOptions

FETCH_MS = 500
FETCH_RECORDS = 20_000
# How far before an end its last record is looked for first.
LAST_RECORDS = 500

Tables = dict[str, dict[bytes, bytes]]


@dataclass(slots=True)
class Reader:
    """
    A reader of committed records without a group: it commits nothing, and leaves nothing behind.

    One partition is read at a time, so that no more than one is held in memory.
    """

    consumer: AIOKafkaConsumer

    async def ends(self, topics: Iterable[str], partitions: int) -> dict[TopicPartition, int]:
        """Where the partitions of these topics end now, for a reader of committed records; 0 where a topic is not."""
        # Asking for a partition of a topic that is not there would have the broker make it.
        there = await self.consumer.topics()
        found = [TopicPartition(topic, at) for topic in topics for at in range(partitions)]
        asked = [tp for tp in found if tp.topic in there]
        ends = await self.consumer.end_offsets(asked) if asked else {}
        return {tp: ends.get(tp, 0) for tp in found}

    async def begins(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where these partitions begin: above 0 where the broker has thrown their beginning away."""
        asked = list(partitions)
        return dict(await self.consumer.beginning_offsets(asked)) if asked else {}

    async def records(
        self, tp: TopicPartition, begin: int, end: int, read: Callable[[int], None] = lambda _offsets: None
    ) -> AsyncIterator["ConsumerRecord[bytes, bytes]"]:
        """The records of one partition between two offsets; `read` hears how many offsets were passed."""
        if end <= begin:
            return
        self.consumer.assign([tp])
        self.consumer.seek(tp, begin)
        told = begin
        while told < end:
            got = await self.consumer.getmany(tp, timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)
            for record in got.get(tp, ()):
                if record.offset < end:
                    yield record
            # Markers of transactions have offsets too, and what was compacted away has left a gap.
            now = min(await self.consumer.position(tp), end)
            read(now - told)
            told = now

    async def last(self, tp: TopicPartition, end: int) -> int:
        """The offset of the last record before an offset, -1 where there is none: an end may be a marker's."""
        begin, step = (await self.begins([tp]))[tp] if end else 0, LAST_RECORDS
        while end > begin:
            offsets = [record.offset async for record in self.records(tp, max(begin, end - step), end)]
            if offsets or end - step <= begin:
                return offsets[-1] if offsets else -1
            step *= 16
        return -1

    async def tables(
        self, tp: TopicPartition, end: int, wanted: Callable[[bytes, bytes], bool], read: Callable[[int], None]
    ) -> Tables:
        """
        What the tables of one partition held at an offset: encoded values by table and key.

        `wanted` is asked of a table's name and a key; what it does not want is not kept.
        """
        found: Tables = {}
        begin = (await self.begins([tp]))[tp] if end else 0
        read(min(begin, end))
        async for record in self.records(tp, begin, end, read):
            name, _, place = (record.key or b"").partition(b"/")
            if not wanted(name, place):
                continue
            table = found.setdefault(name.decode(), {})
            if record.value is None:
                table.pop(place, None)
            else:
                table[place] = record.value
        return found


@asynccontextmanager
async def reader(options: StreamOptions) -> AsyncIterator[Reader]:
    """Connect a reader. Raises KafkaError when the broker cannot be reached."""
    async with reading.reader(options) as consumer:
        yield Reader(consumer)
