"""Erasing as it is seen from outside: how far the workers are with it, and cutting what is deleted by age only."""

from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete

from rules.awards import Erasure
from streams import topics, wire
from streams.broker import Admin, committed
from streams.by_hand import write_erasure
from streams.dialects.dialect import UnreadableEvent
from streams.options import StreamOptions
from streams.reading import reader, records


@dataclass(slots=True)
class Erasing:
    """
    One erasure under way, followed by what the workers have committed.

    Every call raises KafkaError when the broker cannot be reached, or refuses.
    """

    options: StreamOptions
    erasure: Erasure
    admin: Admin
    _facts: TopicPartition = field(init=False)
    _held: TopicPartition = field(init=False)
    _written_at: int = -1
    _held_before: int = 0
    _passed_on_at: int | None = None

    def __post_init__(self) -> None:
        _, partition = topics.place_of(self.erasure.tenant, self.erasure.learner, self.options.partitions)
        self._facts, self._held = TopicPartition(topics.FACTS, partition), TopicPartition(topics.HELD, partition)

    @property
    def partition(self) -> int:
        """Where the learner is."""
        return self._facts.partition

    async def begin(self) -> None:
        """Write the record that erases."""
        async with reader(self.options) as consumer:
            consumer.assign([self._held])
            self._held_before = (await consumer.end_offsets([self._held]))[self._held]
        _, self._written_at = await write_erasure(self.options, self.erasure)

    async def is_read_by_progress(self) -> bool:
        """Whether badges, standings, names and progress' own state are gone."""
        return await self._read_to(self._facts) > self._written_at

    async def is_read_by_certificates(self) -> bool:
        """Whether certificates and the state of their agent are gone; progress has to have read it."""
        if self._passed_on_at is None:
            async with reader(self.options) as consumer:
                consumer.assign([self._held])
                end = (await consumer.end_offsets([self._held]))[self._held]
                for record in await records(consumer, self._held, self._held_before, end):
                    if self._is_it(record.value):
                        self._passed_on_at = record.offset
        return self._passed_on_at is not None and await self._read_to(self._held) > self._passed_on_at

    async def cut(self) -> None:
        """Delete from facts and held all that was read: it would stay for a week otherwise."""
        for tp in (self._facts, self._held):
            # Never beyond: an offset that is committed below the beginning of the log ends a worker.
            # To Kafka -1 would mean all there is.
            await self.admin.delete_records({tp: RecordsToDelete(max(0, await self._read_to(tp)))})

    async def _read_to(self, tp: TopicPartition) -> int:
        return (await committed(self.admin, self.options)).get(tp, -1)

    def _is_it(self, value: bytes | None) -> bool:
        (record,) = wire.parse_held([value])
        if isinstance(record, UnreadableEvent) or record.erased is None:
            return False
        return (record.erased.tenant, record.erased.learner) == (self.erasure.tenant, self.erasure.learner)
