"""Every metric of the streams, with its help. No label ever holds a learner."""

from collections.abc import Callable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCH_RECORDS = (1, 4, 16, 64, 256, 1_000, 4_000, 16_000)


class Metrics:
    """One worker's metrics."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.records = Counter(
            "laurel_records", "Records read by an agent and committed.", ["agent"], registry=registry
        )
        self.facts = Counter(
            "laurel_facts", "Facts that intake read, by source and kind.", ["source", "kind"], registry=registry
        )
        self.ignored = Counter(
            "laurel_ignored_records",
            "Records of a source that are known and say no fact.",
            ["source"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "laurel_dead_letters",
            "Records sent to the dead letters, by the stage that refused them.",
            ["stage", "source"],
            registry=registry,
        )
        self.passed_over = Counter(
            "laurel_passed_over_records", "Records about learners who were erased, passed over.", registry=registry
        )
        self.awards = Counter(
            "laurel_awards", "Awards told, by kind of credential and status.", ["kind", "status"], registry=registry
        )
        self.batch_seconds = Histogram(
            "laurel_batch_seconds",
            "Time from taking a batch to its commit.",
            ["agent"],
            buckets=BATCH_SECONDS,
            registry=registry,
        )
        self.batch_records = Histogram(
            "laurel_batch_records", "Records in a batch.", ["agent"], buckets=BATCH_RECORDS, registry=registry
        )
        self.walked = Counter(
            "laurel_walked_learners",
            "Learners judged again after a change of catalogue or course, or since they were due.",
            ["agent"],
            registry=registry,
        )
        self.walks = Gauge(
            "laurel_walks_under_way",
            "Walks not yet at their end, in this worker's partitions; the look at many who are due is one.",
            registry=registry,
        )
        self.clock_time = Gauge(
            "laurel_clock_timestamp_seconds", "The time that a partition knows.", ["partition"], registry=registry
        )
        self.clock_jump = Gauge(
            "laurel_clock_jump_seconds",
            "How far ahead the clock is, where that waits to be set; 0 where it does not.",
            ["partition"],
            registry=registry,
        )
        self.lanes = Gauge("laurel_lanes", "Partitions that this worker works on.", ["topic"], registry=registry)
        self.lag = Gauge(
            "laurel_lag_records",
            "Offsets between what is committed and the stable end.",
            ["topic", "partition"],
            registry=registry,
        )
        self.restored = Counter(
            "laurel_restored_records",
            "Changelog records applied to local state, its own and warm copies.",
            ["topic"],
            registry=registry,
        )
        self.recovery_remaining = Gauge(
            "laurel_recovery_remaining_records",
            "Changelog offsets still to be read before this worker can work.",
            registry=registry,
        )
        self.standby_lag = Gauge(
            "laurel_standby_lag_records",
            "Offsets that a warm copy of another worker's state is behind.",
            ["topic", "partition"],
            registry=registry,
        )
        self.last_commit = Gauge(
            "laurel_last_commit_timestamp_seconds", "When a batch was last committed.", ["agent"], registry=registry
        )
        self.ready = Gauge("laurel_ready", "1 while this worker is ready.", registry=registry)
        self.sink_available = Gauge(
            "laurel_sink_available", "1 while the sink can be reached.", ["sink"], registry=registry
        )
        self.delivered = Counter(
            "laurel_delivered", "Messages that a sink has taken.", ["sink", "kind"], registry=registry
        )
        self.delivery_lag = Gauge(
            "laurel_delivery_lag_records", "Messages that a sink has not taken yet.", ["sink"], registry=registry
        )


class DeliveryMetrics:
    """What one sink's delivery tells (see `streams.delivery.DeliveryWatch`)."""

    def __init__(self, metrics: Metrics, sink: str, *, connected: Callable[[], object]) -> None:
        self._metrics, self._sink, self._connected = metrics, sink, connected
        metrics.sink_available.labels(sink).set(0)

    def delivered(self, kind: str, count: int) -> None:
        self._metrics.delivered.labels(self._sink, kind).inc(count)
        self._metrics.last_commit.labels("delivery").set_to_current_time()

    def refused(self, reason: str) -> None:  # noqa: ARG002  # a label for each reason would have no bound
        self._metrics.dead_letters.labels("delivery", self._sink).inc()

    def unavailable(self, away: bool, /) -> None:
        self._metrics.sink_available.labels(self._sink).set(0 if away else 1)

    def lag(self, records: int) -> None:
        self._connected()
        self._metrics.delivery_lag.labels(self._sink).set(records)
