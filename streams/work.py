"""What every agent's work shares: options, metrics, and how a batch is ended in one transaction."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from rules.awards import Standing
from rules.keys import CredentialId, Instant, LearnerKey
from rules.known import Decisions, Table
from rules.verdict import is_told
from streams import dead_letters, messages, topics, wire
from streams.lane import Consumer
from streams.messages import Message
from streams.metrics import Metrics
from streams.options import StreamOptions
from streams.tables import BatchTable, Changes, View
from streams.transaction import Transaction


def wall_clock() -> Instant:
    """The time of day, in microseconds since 1970."""
    return Instant(time.time_ns() // 1_000)


@dataclass(slots=True, kw_only=True)
class Ended:
    """The end of a batch: what it sends, what it changes in its tables, and the input offset it ends at."""

    source: TP
    offset: int | None
    sends: dict[TP, list[Message]] = field(default_factory=dict)
    changelog: TP | None = None
    changes: Changes = field(default_factory=list)

    def add(self, topic: str, partition: int, records: Iterable[Message]) -> None:
        """Send these records behind what is already to be sent there."""
        self.sends.setdefault(TP(topic, partition), []).extend(records)


@dataclass(slots=True)
class Counted:
    """How many records a batch had in the end."""

    records: int = 0


@dataclass(slots=True, kw_only=True)
class State:
    """What an agent keeps of one partition, and changes only together with what it sends."""

    shared: "Shared"
    tp: TP
    producer: AIOKafkaProducer
    table: BatchTable
    changelog: str
    letters: list[Message] = field(default_factory=list)
    view: View = field(init=False)

    def __post_init__(self) -> None:
        self.view = View(self.table.database(self.tp.partition))

    def table_of(self, name: str) -> Table[Any]:
        """One of the agent's tables, as the view of this partition has it."""
        return self.view.table(name, *wire.CODECS[name])

    def refuse(self, record: "ConsumerRecord[bytes, bytes]", reason: str, stage: str) -> None:
        """Send a record to the dead letters, with the batch that it is in."""
        letter = self.shared.dead_letter(record, reason, stage=stage, source=record.topic, dialect="")
        self.letters.append(letter)

    async def commit(self, offset: int | None, sends: Mapping[str, Iterable[Message]]) -> None:
        """End a batch: send, commit, and only then write what has changed to the database."""
        partition = self.tp.partition
        ended = Ended(source=self.tp, offset=offset, changes=self.view.changes())
        ended.changelog = TP(self.changelog, partition)
        for topic, records in sends.items():
            ended.add(topic, partition, records)
        ended.add(topics.DEAD_LETTERS, partition, self.letters)
        reached = await self.shared.commit(self.producer, ended)
        self.table.store(partition, ended.changes, reached)
        self.view.settle()
        self.letters.clear()


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all lanes of a worker share; `now` tells the time of day, and `seconds` measures how long a thing takes."""

    options: StreamOptions
    metrics: Metrics
    consumer: Consumer | None = None
    now: Callable[[], Instant] = wall_clock
    seconds: Callable[[], float] = time.monotonic

    async def commit(self, producer: AIOKafkaProducer, ended: Ended) -> int | None:
        """
        Make the end of a batch visible in one transaction; gives the changelog offset that it reaches.

        Raises what `Transaction` raises; nothing has happened then, or the restart will find it.
        """
        transaction = Transaction(producer)
        await transaction.begin()
        for tp, records in ended.sends.items():
            await transaction.send(tp.topic, tp.partition, records)
        if ended.changelog is not None:
            logged = [Message(key=key, value=value) for key, value in ended.changes]
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
    ) -> Message:
        """Make the dead letter of a record, and count it."""
        self.metrics.dead_letters.labels(stage, source).inc()
        return dead_letters.dead_letter(
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

    def awards(self, decisions: Decisions) -> list[Message]:
        """The awards that were decided, as the world hears of them, and then those of who was erased: tombstones."""
        found = []
        for award in decisions.awards:
            if is_told(award):
                found.append(messages.dump_award(award, source=self.options.ce_source))
                self.metrics.awards.labels(award.kind, award.status).inc()
        for who, award_id in decisions.awards_gone:
            found.append(messages.award_gone(*who, award_id))
        return found


def standings(decisions: Decisions, standing: Callable[[LearnerKey, CredentialId], Standing | None]) -> list[Message]:
    """The standings that have changed, each once; a tombstone where there is none any more."""
    found = []
    for who, credential in decisions.standings:
        said = standing(who, credential)
        found.append(messages.standing_gone(*who, credential) if said is None else messages.dump_standing(said))
    return found
