"""The Faust app: one group, three agents, two tables, and the lanes between them."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import faust
import structlog
from aiokafka import AIOKafkaProducer
from faust.types import TP, AppT, StreamT, TopicT

from streams import topics
from streams.certificates import Certificates
from streams.clock import FIRST, ClockWriter, keep_telling
from streams.deadlines import Deadline, Deadlines
from streams.exits import stuck
from streams.intake import Intake
from streams.lane import Consumer, Run
from streams.lanes import Lanes, Work
from streams.metrics import Metrics
from streams.options import Source, StreamOptions
from streams.progress import Progress
from streams.tables import STORE_OPTIONS, BatchTable
from streams.work import Shared, State

log = structlog.get_logger("laurel")

# How often we look whether work goes on, and how long the consumer's thread may take to answer.
TICK_SECONDS = 1.0
ANSWER_SECONDS = 1.0
# A long recovery is told of as often.
TOLD_TICKS = 3

# One sleeping worker would otherwise block every reader of committed records for a minute (DESIGN.md).
SESSION_SECONDS = 10
TRANSACTION_TIMEOUT_MS = SESSION_SECONDS * 1_000

# Faust buffers batches here, not records.
BUFFERED_BATCHES = 4

FETCH_BYTES = 8 << 20
BATCH_BYTES = 1 << 20

# To Faust a batch is bytes that it must not touch; anything else fails in recovery, and quietly.
RAW: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}

# Millions of small objects live for one batch each; the default thresholds cost a third of the speed.
GC_THRESHOLDS = (50_000, 20, 50)


@dataclass(slots=True, kw_only=True)
class Streams:
    """A built app with its lanes."""

    app: faust.App
    lanes: Lanes
    shared: Shared
    _recovery: Deadline = field(init=False)
    _commits: Deadlines = field(init=False)
    _clock: ClockWriter = field(init=False)

    def __post_init__(self) -> None:
        options = self.shared.options
        self._recovery = Deadline(limit_ticks=options.recovery_limit_seconds)
        self._commits = Deadlines(limit_ticks=options.commit_limit_seconds)
        self._clock = ClockWriter(options)

    @property
    def waits_for(self) -> list[str]:
        """What is not as it should be; nothing when state is restored, lanes are open and records are committed."""
        if not self.lanes.is_open:
            return ["its partitions and their state"]
        return [f"commits of {name}" for name in self._commits.late]

    @property
    def _faust_recovery(self) -> Any:
        return cast("Any", self.app.tables).recovery

    async def start(self) -> None:
        gc.set_threshold(*GC_THRESHOLDS)
        await self.app.start()

    async def stop(self) -> None:
        """Finish the batches under way, commit, leave."""
        await self.lanes.stop()
        await self.app.stop()

    async def tell_time(self) -> None:
        """Tell all partitions each minute what time it is, while the first of them is this worker's; for ever."""
        try:
            await keep_telling(self._clock.tell, is_ours=lambda: self.lanes.owns(FIRST), now=self.shared.now)
        finally:
            await self._clock.close()

    async def watch(self) -> None:
        """See, each second, whether what has to go on does; the process ends where it does not."""
        for tick in itertools.count(1):
            await asyncio.sleep(TICK_SECONDS)
            self._recovery.tick(None if self.lanes.is_open or self.lanes.is_leaving else self._recovered(tick))
            self._commits.tick(await self._commit_progress())
            if self._recovery.is_over:
                stuck(["recovery"], self.shared.options.recovery_limit_seconds)
            if self._commits.over:
                stuck(self._commits.over, self.shared.options.commit_limit_seconds)

    def _recovered(self, tick: int) -> tuple[int, int]:
        """How far recovery is: in which generation of the group, and how many offsets it has passed."""
        recovery = self._faust_recovery
        remaining = recovery.active_remaining_total()
        if remaining > 0 and tick % TOLD_TICKS == 0:
            log.info("restoring state", remaining=remaining)
        return self.app.consumer_generation_id, sum(at or 0 for at in recovery.active_offsets.values())

    async def observe(self) -> None:
        """Bring the gauges up to date."""
        metrics, consumer = self.shared.metrics, self.shared.consumer
        metrics.walks.set(self.lanes.walking())
        metrics.recovery_remaining.set(0 if self.lanes.is_open else self._faust_recovery.active_remaining_total())
        # A topic or partition that has moved away would keep its last number for ever.
        metrics.lanes.clear()
        metrics.clock_time.clear()
        metrics.clock_jump.clear()
        for partition, work in self.lanes.works(topics.FACTS) if self.lanes.is_open else ():
            progress = cast("Progress", work)
            metrics.clock_time.labels(str(partition)).set(progress.time_seconds)
            metrics.clock_jump.labels(str(partition)).set(progress.jump_seconds)
        for topic, count in self.lanes.open_by_topic().items():
            metrics.lanes.labels(topic).set(count)
        if consumer is None:
            return
        standbys = self._faust_recovery.standby_tps
        try:
            ends = await asyncio.wait_for(consumer.ends(), ANSWER_SECONDS)
            warm = await asyncio.wait_for(consumer.positions(standbys), ANSWER_SECONDS) if standbys else {}
        except TimeoutError:
            # The consumer's thread or the broker does not answer: `watch` knows what follows.
            return
        behind = {tp: end - position for tp, (position, end) in warm.items() if end is not None}
        for gauge, found in ((metrics.lag, self._lags(consumer, ends)), (metrics.standby_lag, behind)):
            gauge.clear()
            for tp, lag in found.items():
                gauge.labels(tp.topic, str(tp.partition)).set(lag)

    async def _commit_progress(self) -> dict[str, int | None]:
        """How far the commits of each partition are, by its name; none where nothing waits for one."""
        consumer = self.shared.consumer
        if consumer is None:
            return {}
        try:
            # Without a word of the broker: while it is away, what was fetched still waits for its commit.
            ends = await asyncio.wait_for(consumer.positions(self.lanes.partitions), ANSWER_SECONDS)
        except TimeoutError:
            return {"everything, since its consumer does not answer": 0}
        return {
            f"{tp.topic} partition {tp.partition}": self.lanes.committed(tp) if lag else None
            for tp, lag in self._lags(consumer, ends).items()
        }

    def _lags(self, consumer: Consumer, ends: Mapping[TP, tuple[int, int | None]]) -> dict[TP, int]:
        """How far each partition is behind, by the consumer's position, so that markers do not look like lag."""
        lags = {}
        for tp, (position, end) in ends.items() if self.lanes.is_open else ():
            committed = self.lanes.committed(tp)
            # A position beyond what was handed over has passed markers only.
            is_done = committed >= consumer.fetched.get(tp, committed)
            lags[tp] = max(0, (position if end is None else end) - (position if is_done else committed))
        return lags


def build(options: StreamOptions, metrics: Metrics) -> Streams:
    """Build the app; call it inside the running event loop. Nothing is connected until it is started."""
    sources = {source.topic: source for source in options.sources}
    lanes = Lanes(
        frozenset({*sources, topics.FACTS, topics.HELD}),
        lambda tp: _producer(options, tp),
        most_records=options.batch_records,
        most_bytes=options.batch_bytes,
        from_latest=frozenset(source.topic for source in options.sources if source.start == "latest"),
    )
    shared = Shared(options=options, metrics=metrics)
    app = _faust_app(options)
    app.lanes = lanes
    streams = Streams(app=app, lanes=lanes, shared=shared)
    progress = _table(app, "progress", topics.progress_changelog(options.app_id), shared)
    certificates = _table(app, "certificates", topics.certificates_changelog(options.app_id), shared)

    def progress_work(tp: TP, producer: AIOKafkaProducer) -> Work:
        changelog = topics.progress_changelog(options.app_id)
        return Progress(State(shared=shared, tp=tp, producer=producer, table=progress, changelog=changelog))

    def certificates_work(tp: TP, producer: AIOKafkaProducer) -> Work:
        changelog = topics.certificates_changelog(options.app_id)
        return Certificates(State(shared=shared, tp=tp, producer=producer, table=certificates, changelog=changelog))

    lanes.makers |= {topics.FACTS: progress_work, topics.HELD: certificates_work}
    for source in options.sources:
        lanes.makers[source.topic] = _intake_of(shared, source)
    if sources:
        _agent(app, "intake", sorted(sources), lanes)
    _agent(app, "progress", [topics.FACTS], lanes)
    _agent(app, "certificates", [topics.HELD], lanes)
    _open_after_recovery(app, streams)
    app.finalize()
    return streams


def _faust_app(options: StreamOptions) -> Any:
    return faust.App(
        options.app_id,
        broker=[f"lane://{broker}" for broker in options.brokers],
        broker_credentials=options.credentials,
        store="rocksdb://",
        datadir=options.data_dir / options.worker_name,
        topic_partitions=options.partitions,
        # Topics are made by `laurel topics apply`, with the settings that each needs.
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        table_standby_replicas=options.standbys,
        # A worker that comes back within its session takes up what it had: nobody else is disturbed (KIP-345).
        consumer_group_instance_id=None if options.embedded else options.worker_name,
        stream_buffer_maxsize=BUFFERED_BATCHES,
        broker_max_poll_records=options.batch_records,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=20,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES // 8,
        producer_linger=0.005,
        logging_config=None,
    )


def _producer(options: StreamOptions, tp: TP) -> AIOKafkaProducer:
    """One transactional producer for each input partition: aiokafka cannot send the group's generation."""
    return AIOKafkaProducer(
        bootstrap_servers=options.bootstrap,
        client_id=options.worker_name,
        transactional_id=f"{options.app_id}-{tp.topic}-{tp.partition}",
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        linger_ms=0,
        max_batch_size=BATCH_BYTES,
        max_request_size=FETCH_BYTES,
        **options.security,
    )


def _table(app: Any, name: str, changelog: str, shared: Shared) -> BatchTable:
    partitions = shared.options.partitions
    topic: TopicT = app.topic(changelog, **RAW, partitions=partitions)
    table = BatchTable(
        app,
        name=name,
        partitions=partitions,
        key_type=bytes,
        value_type=bytes,
        changelog_topic=topic,
        # With 1, Faust resumes active changelogs after recovery, and older records overwrite newer state.
        recovery_buffer_size=2,
        standby_buffer_size=1,
        options=STORE_OPTIONS,
    )
    table.restored = shared.metrics.restored.labels(changelog)
    return cast("BatchTable", app.tables.add(table))


def _intake_of(shared: Shared, source: Source) -> Any:
    def intake_work(tp: TP, producer: AIOKafkaProducer) -> Work:
        return Intake(shared, source, tp, producer)

    return intake_work


def _agent(app: Any, name: str, names: list[str], lanes: Lanes) -> None:
    """An agent is a door: it hands batches of its topics to their lanes."""
    channel = app.topic(*names, **RAW)

    async def agent(stream: "StreamT[bytes]") -> AsyncIterator[int]:
        async for event in stream.events():
            message = event.message
            # A batch of an older generation is of partitions that may be somebody else's by now.
            if message.generation_id == app.consumer_generation_id:
                tp = TP(message.topic, message.partition)
                await lanes.put(tp, cast("Run", message.value), cast("Consumer", app.consumer))
            # Faust's `test_context` tells that a value was handled when it is yielded, or else as soon as it is read.
            yield message.offset

    app.agent(channel, name=name)(agent)


def _open_after_recovery(app: Any, streams: Streams) -> None:
    async def recovered(_app: AppT, **_kwargs: Any) -> None:
        consumer = cast("Consumer", app.consumer)
        streams.shared.consumer = consumer
        # Faust does not tell whose end this is: it is that of the generation for which it last began to restore.
        await streams.lanes.open(consumer, app.tables.recovery._generation_id)  # noqa: SLF001  # see above
        held = sorted(tp.partition for tp in consumer.assignment() if tp.topic == topics.FACTS)
        log.info("working", partitions=held)

    app.on_rebalance_complete.connect(recovered, weak=False)
