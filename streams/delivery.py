"""Delivery: what the award topics hold goes to one sink, in order, and is committed only when it is there."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Protocol, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from sinks.sink import AwardSink, Item, SinkUnavailable
from streams.clients import Patience, Sleep, heed_offset_errors, started, until_topics
from streams.dead_letters import dead_letter
from streams.dialects.dialect import UnreadableEvent
from streams.messages import (
    Message,
    parse_award,
    parse_award_gone,
    parse_profile,
    parse_profile_gone,
    parse_standing,
    parse_standing_gone,
)

STAGE: Final = "delivery"

# aiokafka gives up its partitions when nothing was fetched for five minutes; a wait ends well before.
_POLL_INTERVAL_SECONDS: Final = 300
_LONGEST_DELAY_SECONDS: Final = 120
_FETCH_WAIT_SECONDS: Final = 0.5
_COMMIT_SECONDS: Final = 30
# A dead letter may be as large as a record, and its framing comes on top.
_LARGEST_REQUEST_BYTES: Final = 2 << 20

log = structlog.get_logger(__name__)

Record: TypeAlias = ConsumerRecord[bytes | None, bytes | None]
Fetched: TypeAlias = Mapping[TopicPartition, Sequence[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTopics:
    """Where awards, standings and profiles come from, and where goes what the sink can never take."""

    badges: str
    certificates: str
    standings: str
    profiles: str
    dead_letters: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """
    How one sink is fed: one consumer group for each sink, named `group`.

    `security` goes to aiokafka's constructors as it is. `refused_in_a_row`: more than so many, and the fault is ours.
    `check_crcs` is false for the embedded broker alone, whose transaction markers carry no checksum.
    """

    bootstrap_servers: str
    topics: DeliveryTopics
    group: str
    name: str
    version: str
    batch_records: int = 2_000
    delays_seconds: tuple[float, ...] = (0.5, 1, 2, 5, 10, 30)
    refused_in_a_row: int = 1_000
    check_crcs: bool = True
    security: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.delays_seconds or not 0 < max(self.delays_seconds) <= _LONGEST_DELAY_SECONDS:
            raise ValueError(f"Delays are above 0 and at most {_LONGEST_DELAY_SECONDS} seconds, or the group gives up.")


class DeliveryWatch(Protocol):
    """Who wants to know how delivery goes; metrics, mostly."""

    def delivered(self, kind: str, count: int) -> None: ...
    def refused(self, reason: str) -> None: ...
    def unavailable(self, away: bool, /) -> None: ...
    def lag(self, records: int) -> None: ...


class Unwatched:
    """Nobody wants to know."""

    def delivered(self, kind: str, count: int) -> None: ...
    def refused(self, reason: str) -> None: ...
    def unavailable(self, away: bool, /) -> None: ...
    def lag(self, records: int) -> None: ...


class TooManyRefused(RuntimeError):  # noqa: N818 - named for what happened, as the outcomes are
    """So many records in a row were refused that the fault is ours: nothing is committed, the worker stops."""


@dataclass(slots=True)
class Read:
    """One record and what became of it: an item, or the fault that makes it a dead letter."""

    record: Record
    item: Item | None = None
    fault: str = ""
    reason: str = ""


async def deliver(
    options: DeliveryOptions,
    sink: AwardSink,
    *,
    stop: asyncio.Event,
    sleep: Sleep = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
    watch: DeliveryWatch | None = None,
) -> None:
    """
    Feed one sink until `stop`: fetch, write, dead-letter what can never be written, commit.

    A sink or broker that is away is waited for. Anything unforeseen ends this with nothing committed.
    """
    patience = Patience(options.delays_seconds, stop, sleep)
    async with _clients(options, patience) as clients:
        if clients is not None:
            await _Delivery(options, sink, *clients, patience, clock, watch or Unwatched()).run()


@dataclass(slots=True)
class _Delivery:
    options: DeliveryOptions
    sink: AwardSink
    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer
    patience: Patience
    clock: Callable[[], float]
    watch: DeliveryWatch
    away_since: float | None = None
    tried: int = 0
    refused_run: int = 0

    async def run(self) -> None:
        """
        Deliver batch by batch until told to stop.

        When something is away the batch is given back (the consumer seeks to its beginning) and fetched again
        after the wait: so the order stays, the group sees a living member, and a rebalance finds nothing in hand.
        """
        while not self.patience.is_over:
            fetched: Fetched = await self.consumer.getmany(
                timeout_ms=int(_FETCH_WAIT_SECONDS * 1000), max_records=self.options.batch_records
            )
            if fetched:
                try:
                    await self._deliver([self._read(record) for record in chain(*fetched.values())])
                except SinkUnavailable as error:
                    self._away(error)
                    await self._try_later(fetched)
                except (KafkaError, TimeoutError) as error:
                    if not getattr(error, "retriable", True):
                        raise
                    log.warning("kafka does not take it", sink=self.options.name, reason=repr(error))
                    await self._try_later(fetched)
                else:
                    self.tried = 0
            await self._tell_lag()

    async def _deliver(self, batch: Sequence[Read]) -> None:
        await self._write(batch)
        longest, refused_run = _runs(batch, self.refused_run)
        if longest > self.options.refused_in_a_row:
            reason = next(read.reason for read in batch if read.fault)
            raise TooManyRefused(f"{longest} records in a row were refused: {reason}. Mend the cause and start again.")
        await self._send_dead_letters([read for read in batch if read.fault])
        await self._commit()
        self.refused_run = refused_run
        self._tell(batch)

    async def _write(self, batch: Sequence[Read]) -> None:
        """Hand the batch to the sink, and note what it refuses; an item is found again by what it is, not its value."""
        reads = {id(read.item): read for read in batch if read.item is not None}
        if reads:
            for refused in await self.sink.write([read.item for read in batch if read.item is not None]):
                read = reads[id(refused.item)]
                read.fault, read.reason = "refused", refused.reason
            self._back()

    async def _send_dead_letters(self, refused: Sequence[Read]) -> None:
        if not refused:
            return
        topic = self.options.topics.dead_letters
        sent = []
        for read in refused:
            letter = _dead_letter(read, self.options.version)
            sent.append(await self.producer.send(topic, letter.value, letter.key, headers=list(letter.headers)))
        await asyncio.gather(*sent)

    async def _commit(self) -> None:
        """Commit all that was fetched: it is in the sink or in the dead letters."""
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):  # aiokafka itself would wait for ever
                await self.consumer.commit()
        except (CommitFailedError, IllegalStateError) as error:
            # The group was dealt anew meanwhile: whoever has the partition now writes the same again.
            log.info("commit was too late", sink=self.options.name, reason=str(error))

    async def _try_later(self, fetched: Fetched) -> None:
        with contextlib.suppress(IllegalStateError):  # dealt to another meanwhile
            for partition in self.consumer.assignment() & fetched.keys():
                self.consumer.seek(partition, fetched[partition][0].offset)
        await self.patience.pause(self.tried)
        self.tried += 1

    def _read(self, record: Record) -> Read:
        try:
            return Read(record, item=_item(record, self.options.topics))
        except UnreadableEvent as error:
            return Read(record, fault="unreadable", reason=str(error))

    def _away(self, error: SinkUnavailable) -> None:
        if self.away_since is None:
            self.away_since = self.clock()
            self.watch.unavailable(True)
            log.warning("sink is away, waiting for it", sink=self.options.name, reason=str(error))

    def _back(self) -> None:
        if self.away_since is not None:
            away_seconds = round(self.clock() - self.away_since, 3)
            self.away_since = None
            self.watch.unavailable(False)
            log.info("sink is back", sink=self.options.name, away_seconds=away_seconds)

    def _tell(self, batch: Sequence[Read]) -> None:
        counts: dict[str, int] = {}
        for read in batch:
            if read.fault:
                self.watch.refused(read.fault)
            else:
                kind = _kind(read.record.topic, self.options.topics)
                counts[kind] = counts.get(kind, 0) + 1
        for kind, count in counts.items():
            self.watch.delivered(kind, count)

    async def _tell_lag(self) -> None:
        """Count what lies before the stable ends; a partition from which nothing came yet has no end known."""
        lag = 0
        with contextlib.suppress(IllegalStateError):  # dealt to another meanwhile
            for partition in self.consumer.assignment():
                end = self.consumer.last_stable_offset(partition)
                if end is not None and end >= 0:
                    lag += max(0, end - await self.consumer.position(partition))
            self.watch.lag(lag)


def _item(record: Record, topics: DeliveryTopics) -> Item:
    """What a record says; no value is a tombstone, and its key says of what."""
    key, value = record.key, record.value
    match _kind(record.topic, topics):
        case "standings":
            return parse_standing_gone(key) if value is None else parse_standing(value)
        case "profiles":
            return parse_profile_gone(key) if value is None else parse_profile(value)
        case _:
            return parse_award_gone(key) if value is None else parse_award(value)


def _kind(topic: str, topics: DeliveryTopics) -> str:
    kinds = {
        topics.badges: "badges",
        topics.certificates: "certificates",
        topics.standings: "standings",
        topics.profiles: "profiles",
    }
    return kinds[topic]


def _runs(batch: Sequence[Read], run: int) -> tuple[int, int]:
    """The longest run of refused records up to here, given the run before this batch, and the run at its end."""
    longest = run
    for read in batch:
        run = run + 1 if read.fault else 0
        longest = max(longest, run)
    return longest, run


def _dead_letter(read: Read, version: str) -> Message:
    record = read.record
    return dead_letter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=record.headers,
        reason=read.reason,
        stage=STAGE,
        version=version,
    )


@contextlib.asynccontextmanager
async def _clients(
    options: DeliveryOptions, patience: Patience
) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer] | None]:
    """Consumer and producer, connected and subscribed; none if told to stop before Kafka was there."""
    topics = options.topics
    wanted = {topics.badges, topics.certificates, topics.standings, topics.profiles}
    async with contextlib.AsyncExitStack() as undo:
        consumer = await started(lambda: _consumer(options), options.bootstrap_servers, patience)
        if consumer is not None:
            undo.push_async_callback(consumer.stop)
            heed_offset_errors(consumer)
            await until_topics(consumer, wanted, patience)
        producer = await started(lambda: _producer(options), options.bootstrap_servers, patience)
        if producer is not None:
            undo.push_async_callback(producer.stop)
        yield None if consumer is None or producer is None or patience.is_over else (consumer, producer)


def _consumer(options: DeliveryOptions) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=options.bootstrap_servers,
        client_id=f"laurel-delivery-{options.name}",
        group_id=options.group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=options.check_crcs,
        max_poll_interval_ms=_POLL_INTERVAL_SECONDS * 1000,
        **options.security,
    )


def _producer(options: DeliveryOptions) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=options.bootstrap_servers,
        client_id=f"laurel-delivery-{options.name}",
        acks="all",
        enable_idempotence=True,
        max_request_size=_LARGEST_REQUEST_BYTES,
        **options.security,
    )
