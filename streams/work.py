"""What every agent's work shares: options, metrics, and how a batch is ended in one transaction."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams import dead_letters
from streams.lane import Consumer
from streams.metrics import Metrics
from streams.options import StreamOptions
from streams.tables import Changes
from streams.transaction import Outgoing, Transaction


@dataclass(slots=True, kw_only=True)
class Ended:
    """The end of a batch: what it sends, what it changes in its tables, and the input offset it ends at."""

    source: TP
    offset: int | None
    sends: dict[TP, list[Outgoing]] = field(default_factory=dict)
    changelog: TP | None = None
    changes: Changes = field(default_factory=list)

    def add(self, topic: str, partition: int, records: Iterable[Outgoing]) -> None:
        """Send these records behind what is already to be sent there."""
        self.sends.setdefault(TP(topic, partition), []).extend(records)

    def is_empty(self) -> bool:
        """Whether nothing would be sent or committed."""
        return self.offset is None and not self.changes and not any(self.sends.values())


@dataclass(slots=True)
class Counted:
    """How many records a batch had in the end."""

    records: int = 0


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all lanes of a worker share."""

    options: StreamOptions
    metrics: Metrics
    consumer: Consumer | None = None

    async def commit(self, producer: AIOKafkaProducer, ended: Ended) -> int | None:
        """
        Make the end of a batch visible in one transaction; gives the changelog offset that it reaches.

        Raises aiokafka's ProducerFenced and KafkaError; nothing has happened then, or the restart will find it.
        """
        transaction = Transaction(producer)
        await transaction.begin()
        for tp, records in ended.sends.items():
            await transaction.send(tp.topic, tp.partition, records)
        if ended.changelog is not None:
            logged = [Outgoing(key=key, value=value) for key, value in ended.changes]
            await transaction.send(ended.changelog.topic, ended.changelog.partition, logged)
        last = await transaction.commit(ended.source, ended.offset, self.options.app_id)
        if self.options.embedded and self.consumer is not None and ended.offset is not None:
            await self.consumer.commit_plainly({ended.source: ended.offset})
        return last.get(ended.changelog) if ended.changelog is not None else None

    @contextmanager
    def timed(self, agent: str) -> Iterator[Counted]:
        """Time a batch of an agent, and count it once it is committed."""
        began, counted = time.perf_counter(), Counted()
        yield counted
        self.metrics.batch_seconds.labels(agent).observe(time.perf_counter() - began)
        self.metrics.batch_records.labels(agent).observe(counted.records)
        self.metrics.records.labels(agent).inc(counted.records)
        self.metrics.last_commit.labels(agent).set_to_current_time()

    def dead_letter(
        self, record: "ConsumerRecord[bytes, bytes]", reason: str, *, stage: str, source: str, dialect: str
    ) -> Outgoing:
        """Make the dead letter of a record, and count it."""
        self.metrics.dead_letters.labels(stage, source).inc()
        letter: Any = dead_letters.dead_letter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
            reason=reason,
            stage=stage,
            dialect=dialect,
            version=self.options.version,
        )
        return Outgoing(key=letter.key, value=letter.value, headers=letter.headers)
