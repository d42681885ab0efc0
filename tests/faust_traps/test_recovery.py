"""Recovery: what comes on a changelog too late, is lost before the seek, never ends, or cannot be applied."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from laurel.embedded import EmbeddedBroker
from streams import topics
from streams.app import Streams
from streams.exits import BUG
from streams.lane import Run
from streams.tables import BatchTable
from tests.faust_traps import ours, plain
from tests.faust_traps.ours import Ended, Noted, embedded, ends
from tests.faust_traps.plain import COUNTS, SOURCE, mended, until
from tests.real_kafka import RealKafka

__all__ = ["embedded", "ends"]

pytestmark = pytest.mark.timeout(90)

CHANGELOG = TP(topics.progress_changelog("laurel"), 0)
MANY = 1_000


def counting(app: Any, *, buffer_size: int) -> Any:
    """A table, and an agent that has no work but makes Faust assign the table's partition."""

    async def nothing(stream: Any) -> None:
        async for _ in stream:
            pass

    plain.agent(app, nothing)
    return app.Table("counts", partitions=1, default=int, recovery_buffer_size=buffer_size, standby_buffer_size=2)


def record(offset: int, key: bytes, value: bytes) -> Any:
    sizes = {"serialized_key_size": len(key), "serialized_value_size": len(value)}
    return SimpleNamespace(key=key, value=value, timestamp=0, offset=offset, **sizes)


def progress_of(streams: Streams) -> BatchTable:
    return cast("BatchTable", streams.app.tables["progress"])


# Active changelogs after recovery


@pytest.mark.stack
@pytest.mark.parametrize(("buffer_size", "is_applied"), [(1, True), (2, False)])
async def test_plain_faust_applies_what_is_on_an_active_changelog_after_recovery_only_if_it_buffers_one(
    embedded: EmbeddedBroker, buffer_size: int, *, is_applied: bool
) -> None:
    embedded.create_topics([SOURCE.topic, COUNTS.topic], partitions=1)
    app = plain.plain_app(embedded.address)
    table = counting(app, buffer_size=buffer_size)
    async with plain.running(app):
        await until(app.tables.recovery.completed.is_set, "recovery did not end")
        table.data["k"] = 5
        # As the worker's own older records come back to it.
        await plain.send(embedded.address, COUNTS, [(b'"k"', b"1"), (b'"k"', b"2")])
        if is_applied:
            await until(lambda: table.data["k"] != 5, mended("delete the refusal in BatchTable.apply_changelog_batch."))
        else:
            await asyncio.sleep(1)
            assert table.data["k"] == 5


@pytest.mark.stack
async def test_an_active_changelog_is_not_read_after_recovery_and_what_comes_of_it_is_refused(
    tmp_path: Path, embedded: EmbeddedBroker, ends: list[int]
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    streams = ours.built(options, Noted())
    async with ours.running(streams):
        await until(lambda: streams.lanes.is_open, "the worker is not ready")
        table = progress_of(streams)
        assert ours.is_paused(streams, CHANGELOG)
        assert table.recovery_buffer_size > 1
        table.store(0, [(b"k", b"newer")], 9)
        older = Run(CHANGELOG, [record(3, b"k", b"older")], 3, 4)
        event = SimpleNamespace(message=SimpleNamespace(value=older, generation_id=streams.app.consumer_generation_id))

        with pytest.raises(Ended):
            table.apply_changelog_batch(cast("Any", [event]))
        assert ends == [BUG]
        assert table.database(0).get(b"k") == b"newer"


# Between the end of recovery and the seek


async def slowly_sought(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the broker take its time to say what was committed, so that something is fetched meanwhile."""
    consumer = app.consumer
    seek = consumer.perform_seek

    async def slow() -> None:
        await asyncio.sleep(0.5)
        await seek()

    monkeypatch.setattr(consumer, "perform_seek", slow)


def numbered(count: int) -> list[tuple[None, bytes]]:
    return [(None, str(number).encode()) for number in range(count)]


async def left_out_by_plain_faust(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of a thousand events a plain agent is never given, on a broker of its own."""
    seen: set[int] = set()

    async def work(stream: Any) -> None:
        async for value in stream:
            seen.add(int(value))
            await asyncio.sleep(0.001)

    with EmbeddedBroker() as broker:
        broker.create_topics([SOURCE.topic, COUNTS.topic], partitions=1)
        await plain.send(broker.address, COUNTS, [(b'"k"', b"1")])
        await plain.send(broker.address, SOURCE, numbered(MANY))
        app = plain.plain_app(broker.address, broker_commit_interval=60)
        plain.agent(app, work)
        app.Table("counts", partitions=1, default=int, recovery_buffer_size=2)
        await slowly_sought(app, monkeypatch)
        async with plain.running(app):
            await until(lambda: bool(seen), "the agent was given nothing")
            settled = 0
            while settled != len(seen):
                settled = len(seen)
                await asyncio.sleep(0.5)
    return MANY - len(seen)


@pytest.mark.stack
async def test_plain_faust_loses_what_it_fetches_before_it_seeks_where_nothing_was_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is fetched before the seek depends on which of two threads is quicker: nearly always something is.
    for _ in range(5):
        if await left_out_by_plain_faust(monkeypatch):
            return
    pytest.fail(mended("keep the lanes' own counting all the same: it is not the only place."))


@pytest.mark.stack
async def test_a_lane_misses_nothing_that_is_fetched_before_the_seek(
    tmp_path: Path, embedded: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True, batch_records=50)
    ours.make_embedded_topics(embedded, options)
    await plain.send(embedded.address, CHANGELOG, [(b"k", b"v")])
    await plain.send(embedded.address, SOURCE, numbered(MANY))
    work = Noted()
    streams = ours.built(options, work)
    await slowly_sought(streams.app, monkeypatch)
    async with ours.running(streams):
        await until(lambda: len(work.seen) >= MANY, "something was lost")

    assert work.seen == list(range(MANY))


@pytest.mark.stack
async def test_a_batch_that_is_lost_on_the_way_is_fetched_again_though_no_other_follows(
    tmp_path: Path, embedded: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    await plain.send(embedded.address, SOURCE, numbered(3))
    work = Noted()
    streams = ours.built(options, work)
    put = streams.lanes.put
    lost: list[Run] = []

    async def loses_the_first(tp: TP, run: Run, consumer: Any) -> None:
        if lost:
            await put(tp, run, consumer)
        else:
            lost.append(run)

    monkeypatch.setattr(streams.lanes, "put", loses_the_first)
    async with ours.running(streams):
        await until(lambda: work.seen == [0, 1, 2], "what was lost was not fetched again")
    assert len(lost) == 1


# Markers of transactions at the end of a changelog


async def left_open(address: str, tp: TP, transactional_id: str, count: int) -> AIOKafkaProducer:
    """Records in a transaction that nobody ends, as a worker that was killed leaves them."""
    producer = AIOKafkaProducer(
        bootstrap_servers=address, transactional_id=transactional_id, transaction_timeout_ms=60_000
    )
    await producer.start()
    await producer.begin_transaction()
    for _ in range(count):
        await producer.send_and_wait(tp.topic, b"open", b"k", partition=tp.partition)
    return producer


async def stable_end(address: str, tp: TP) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, isolation_level="read_committed")
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(*tp)])
    finally:
        await consumer.stop()
    return int(ends[TopicPartition(*tp)])


@pytest.mark.kafka
async def test_plain_faust_waits_for_ever_for_a_marker_at_the_end_of_a_changelog(own_kafka: RealKafka) -> None:
    for name in (SOURCE.topic, COUNTS.topic):
        await ours.make_topic(own_kafka.address, name)
    await plain.send(own_kafka.address, COUNTS, [(b'"k"', b"1")], transactional_id="writer")
    app = plain.plain_app(own_kafka.address, consumer_auto_offset_reset="earliest")
    counting(app, buffer_size=2)
    async with plain.running(app):
        await until(lambda: app.tables.recovery.active_offsets[COUNTS] == 0, "nothing came")
        await asyncio.sleep(6)  # longer than Faust waits before it looks again
        recovery = app.tables.recovery
        assert app.in_recovery, mended("see whether `Consumer._add_markers` in streams/lane.py is still needed.")
        assert (recovery.active_offsets[COUNTS], recovery.active_highwaters[COUNTS]) == (0, 1)


@pytest.mark.kafka
async def test_recovery_and_lag_end_at_the_position_though_a_changelog_ends_with_markers(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    options = ours.options(own_kafka.address, tmp_path, partitions=1)
    await ours.make_topics(options)
    address = own_kafka.address
    # One changelog ends with a marker; of the other nothing but markers is readable.
    await plain.send(address, CHANGELOG, [(b"k", b"v")], transactional_id="writer")
    only_markers = TP(topics.certificates_changelog("laurel"), 0)
    aborted = await left_open(address, only_markers, "aborted", 1)
    await aborted.abort_transaction()
    await aborted.stop()
    await plain.send(address, SOURCE, [(None, b"0")], transactional_id="writer")
    await plain.send(address, SOURCE, [(None, b"1")], transactional_id="writer")

    work = Noted()
    streams = ours.built(options, work)
    async with ours.running(streams):
        await until(lambda: work.seen == [0, 2], "the work was not given what it should")
        assert progress_of(streams).database(0).get(b"k") == b"v"
        assert [end for _, end in work.runs][-1] in (3, 4)
        lags = []

        async def lag() -> float:
            await streams.observe()
            found = [s.value for m in streams.shared.metrics.lag.collect() for s in m.samples]
            lags.append(sum(found))
            return sum(found)

        for _ in range(100):
            if await lag() == 0:
                break
            await asyncio.sleep(0.05)
        assert lags[-1] == 0, "markers look like lag"


@pytest.mark.kafka
async def test_where_a_changelog_ends_is_asked_once_a_former_owners_transaction_is_over(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    address = own_kafka.address
    options = ours.options(address, tmp_path, partitions=1)
    await ours.make_topics(options)
    await plain.send(address, CHANGELOG, [(b"k", b"committed")], transactional_id="writer")
    former = await left_open(address, CHANGELOG, f"laurel-{topics.FACTS}-0", 3)
    open_end = await stable_end(address, CHANGELOG)

    streams = ours.built(options, Noted())
    async with ours.running(streams):
        await until(lambda: streams.lanes.is_open, "the worker is not ready")
        end = await stable_end(address, CHANGELOG)
        recovery = cast("Any", streams.app.tables).recovery
        assert recovery.active_highwaters[CHANGELOG] == end - 1
        assert progress_of(streams).database(0).get(b"k") == b"committed"
    # What was open held the stable end back: asked before, it would have been too low.
    assert (open_end, end) == (2, 6)
    await former.stop()


# What cannot be applied


class UnwritableError(RuntimeError):
    """A disk that is full."""


async def slurped(recovery: Any, tp: TP, *events: Any) -> None:
    """Let Faust take these from a changelog, as its recovery does."""
    queue: asyncio.Queue[Any] = asyncio.Queue()
    recovery.tables._changelog_queue = queue
    for event in events:
        queue.put_nowait(event)
    recovery.active_tps.add(tp)
    task = asyncio.create_task(recovery._slurp_changelogs.fun(recovery))
    try:
        done, _ = await asyncio.wait({task}, timeout=0.3)
        for ended in done:
            await ended
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_plain_faust_goes_on_past_what_it_could_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    app = plain.plain_app("nowhere:1")
    table = counting(app, buffer_size=1)
    app.finalize()

    def refuses(_batch: Any) -> None:
        raise UnwritableError

    monkeypatch.setattr(table, "apply_changelog_batch", refuses)
    recovery = app.tables.recovery
    recovery.tp_to_table[COUNTS] = table

    event = SimpleNamespace(message=SimpleNamespace(tp=COUNTS, offset=7))
    await slurped(recovery, COUNTS, event)

    assert recovery.active_offsets[COUNTS] == 7, mended("let `BatchTable.apply_changelog_batch` raise.")


# A recovery without an end


class Silent:
    """A consumer of which nothing ever comes, though its changelog has an end far off."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers

    def assignment(self) -> set[TP]:
        return {SOURCE, COUNTS}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        if not self.answers:
            await asyncio.Event().wait()
        return dict.fromkeys(partitions, 6)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, 0)

    async def seek_wait(self, _offsets: dict[TP, int]) -> None: ...

    def resume_partitions(self, _partitions: set[TP]) -> None: ...

    def resume_flow(self) -> None: ...


async def recovering(consumer: Silent) -> tuple[Any, "asyncio.Task[None]"]:
    """An app in the middle of a recovery, and Faust's task that is to end it."""
    app = plain.plain_app("nowhere:1", broker_request_timeout=0.5, broker_session_timeout=0.5)
    table = counting(app, buffer_size=2)
    app.finalize()

    async def nothing() -> None: ...

    vars(app).update(_consumer=consumer, _producer=None, _fetcher=SimpleNamespace(maybe_start=nothing))
    recovery = app.tables.recovery
    recovery.recovery_delay = 0
    recovery.add_active(table, COUNTS)
    recovery.signal_recovery_start.set()
    return app, asyncio.create_task(recovery._restart_recovery.fun(recovery))


@pytest.mark.slow
async def test_plain_faust_waits_for_the_end_of_a_recovery_without_a_deadline() -> None:
    app, task = await recovering(Silent(answers=True))
    try:
        # Three times as long as it gives the broker for an answer.
        await asyncio.wait({task}, timeout=1.5)
        assert not task.done(), mended("see whether our own deadline on recovery is still needed.")
        assert app.in_recovery
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_plain_faust_takes_an_answer_that_is_late_for_the_end_of_the_worker_and_says_nothing() -> None:
    app, task = await recovering(Silent(answers=False))
    await asyncio.wait_for(task, 3)

    # Nobody recovers any more, and nobody is told.
    assert app.in_recovery, mended("see whether our own deadline on recovery is still needed.")
    assert not app.tables.recovery.completed.is_set()
    assert not app._stopped.is_set()
    assert not app._crashed.is_set()
