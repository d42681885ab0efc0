"""What Faust is told: settings whose defaults or units are traps, and what our app has instead."""

import ast
import asyncio
import os
import re
import tomllib
from collections.abc import AsyncIterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientSession
from aiokafka.consumer.fetcher import READ_COMMITTED
from faust.types import TP
from prometheus_client import CollectorRegistry

from laurel import health
from laurel.config import Config
from laurel.embedded import EmbeddedBroker
from laurel.settings import read_settings
from laurel.worker import MISFIT, Role, Worker
from streams import topics
from streams.app import SESSION_SECONDS, Streams, build
from streams.lane import Run
from streams.metrics import Metrics
from streams.tables import BatchTable
from tests.faust_traps import ours, plain
from tests.faust_traps.ours import Noted, embedded
from tests.faust_traps.plain import SOURCE, mended, until

__all__ = ["embedded"]

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parent.parent.parent
LAYERS = ("rules", "sinks", "streams", "portal", "laurel")
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
NOWHERE = "127.0.0.1:1"
# The versions that docs/faust.md was tried on.
TRIED = {
    "faust-streaming": "0.15.3",
    "mode-streaming": "0.7.1",
    "aiokafka": "0.14.0",
    "rocksdict": "0.3.29",
    "confluent-kafka": "2.14.2",
}


@pytest.fixture
async def streams(tmp_path: Path) -> AsyncIterator[Streams]:
    built = build(ours.options(NOWHERE, tmp_path), Metrics(CollectorRegistry()))
    yield built
    close(built.app)


def close(app: Any) -> None:
    """Close what an app has made that was never started."""
    if app._consumer is not None:
        app._consumer._thread.thread_loop.close()


async def nothing(stream: Any) -> None:
    async for _ in stream:
        pass


def calls_and_names() -> list[tuple[str, str]]:
    """Everything that our code calls or names, with the file that does."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "arg", None)
            if isinstance(node, ast.ImportFrom):
                found += [(str(path), alias.name) for alias in node.names]
            if isinstance(name, str):
                found.append((str(path), name))
    return found


def texts() -> list[str]:
    return [
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


# Buffers, linger, leader


async def test_plain_faust_buffers_4096_events_and_ours_are_whole_batches(streams: Streams) -> None:
    assert plain.plain_app(NOWHERE).conf.stream_buffer_maxsize == 4096, mended("look at BUFFERED_BATCHES.")
    assert streams.app.conf.stream_buffer_maxsize <= 4
    agent = streams.app.agents["intake"]
    assert cast("Any", agent.channel).queue.maxsize <= 4


async def test_faust_takes_the_producers_linger_in_seconds(streams: Streams) -> None:
    producer = plain.plain_app(NOWHERE, producer_linger=5).producer
    assert producer.linger_ms == 5_000, mended("look at the unit of producer_linger in streams/app.py.")
    assert streams.app.producer.linger_ms == 5


@pytest.mark.stack
async def test_plain_faust_has_no_leader_at_all_without_a_topic_for_it(embedded: EmbeddedBroker) -> None:
    embedded.create_topics([SOURCE.topic], partitions=1)
    app = plain.plain_app(embedded.address, topic_disable_leader=True)
    plain.agent(app, nothing)
    async with plain.running(app):
        await until(app.tables.recovery.completed.is_set, "the app does not start")
        assert app.consumer.assignment() == {SOURCE}
        assert not app.is_leader(), mended("a leader could be relied on.")


def test_nothing_of_ours_waits_to_be_the_leader() -> None:
    assert [(path, name) for path, name in calls_and_names() if name in ("is_leader", "on_leader")] == []


# What is not used


def test_tables_of_sets_ttl_taking_many_and_the_other_transport_are_not_used() -> None:
    unused = {"SetTable", "SetGlobalTable", "ttl", "take_events", "noack_take", "take_with_timestamp"}
    found = calls_and_names()

    assert [(path, name) for path, name in found if name in unused] == []
    # Elsewhere it is a word like any other.
    assert [(path, name) for path, name in found if name == "take" and "streams" in Path(path).parts] == []
    assert [text for text in texts() if re.search(r"confluent:|ttl", text)] == []


async def test_our_store_keeps_what_it_is_given_for_ever(streams: Streams) -> None:
    for table in streams.app.tables.values():
        assert cast("BatchTable", table).rocksdb.rocksdb_options.ttl is None


# HTTP


async def test_plain_faust_shows_tables_over_http_unless_told_not_to(streams: Streams) -> None:
    blueprints = [str(where) for where, _ in plain.plain_app(NOWHERE).web.blueprints._enabled]
    assert {"/table", "/router"} <= set(blueprints), mended("its web server need not be off for this reason.")
    assert not streams.app.conf.web_enabled


async def test_a_worker_serves_neither_tables_nor_routes() -> None:
    async def observed() -> None: ...

    runner, port = await health.serve(
        host="127.0.0.1", port=0, registry=CollectorRegistry(), observe=observed, not_ready=list
    )
    try:
        async with ClientSession() as session:
            for path, status in {"/healthz": 200, "/table": 404, "/table/progress": 404, "/router": 404}.items():
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    assert answer.status == status, path
    finally:
        await runner.cleanup()


# State on disk


async def test_two_workers_of_plain_faust_cannot_share_a_directory(tmp_path: Path) -> None:
    def store() -> Any:
        app = plain.plain_app(NOWHERE, store="rocksdb://", datadir=tmp_path)
        return app.Table("counts", partitions=1).data

    first, second = store(), store()
    first._db_for_partition(0)
    with pytest.raises(Exception, match=r"(?i)lock"):
        second._open_for_partition(0)


async def test_each_worker_has_a_directory_of_its_name(tmp_path: Path) -> None:
    def database(name: str) -> Any:
        streams = build(ours.options(NOWHERE, tmp_path, worker_name=name), Metrics(CollectorRegistry()))
        return cast("BatchTable", streams.app.tables["progress"])

    one, other = database("one"), database("other")
    one.store(0, [(b"k", b"v")], 0)
    other.store(0, [(b"k", b"w")], 0)

    assert (one.database(0).get(b"k"), other.database(0).get(b"k")) == (b"v", b"w")
    assert set(os.listdir(tmp_path)) == {"one", "other"}  # noqa: PTH208  # no path is wanted


async def test_a_worker_whose_state_has_no_place_does_not_start(tmp_path: Path) -> None:
    place = tmp_path / "a file"
    place.touch()
    settings = read_settings({"LAUREL_DATA_DIR": str(place), "LAUREL_WORKER_NAME": "w"})
    worker = Worker(settings, cast("Config", None), Role.STREAM, asyncio.Event(), Metrics(CollectorRegistry()))

    assert await worker.run() == MISFIT


# Agents under test


async def test_plain_faust_tells_a_test_that_a_value_was_handled_before_an_agent_without_yield_has_done_it() -> None:
    app = plain.plain_app(NOWHERE, store="memory://")
    done, may_go_on = [], asyncio.Event()

    async def silent(stream: Any) -> None:
        async for value in stream:
            await may_go_on.wait()
            done.append(value)

    app.agent(app.topic("in"), name="silent")(silent)
    async with app.agents["silent"].test_context() as agent:
        await asyncio.wait_for(agent.put(b"0"), 5)
        assert done == [], mended("agents need not yield to be tested.")
        may_go_on.set()
    close(app)


async def test_an_agent_of_ours_is_done_with_a_batch_when_a_test_is_told_so(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over = []

    async def slow(tp: TP, run: Run, _consumer: Any) -> None:
        await asyncio.sleep(0.05)
        handed_over.append((tp, run))

    monkeypatch.setattr(streams.lanes, "put", slow)
    run = Run(SOURCE, [record(0)], 0, 1)
    async with streams.app.agents["intake"].test_context() as agent:
        await asyncio.wait_for(agent.put(run), 5)
        assert handed_over == [(SOURCE, run)]


# Versions


def test_what_is_installed_is_what_the_traps_were_tried_on() -> None:
    locks = [
        dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE))
        for path in (ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock")
    ]
    embedded_only = {"confluent-kafka"}

    assert {name: metadata.version(name) for name in TRIED} == TRIED, "try the traps on it, and say so in docs/faust.md"
    assert {name: locks[0][name] for name in TRIED} == TRIED
    assert {name: locks[1][name] for name in TRIED.keys() - embedded_only} == {
        name: TRIED[name] for name in TRIED.keys() - embedded_only
    }


def test_every_dependency_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *[one for extra in project["optional-dependencies"].values() for one in extra]]

    assert [one for one in wanted if "==" not in one and not one.startswith("laurel")] == []


# Transactions and isolation


async def test_plain_faust_reads_what_is_not_committed_and_ours_never_does(streams: Streams) -> None:
    async def made(app: Any) -> str:
        consumer = app.consumer._thread._create_worker_consumer(app.transport)
        await consumer.stop()
        return str(consumer._isolation_level)

    other = plain.plain_app(NOWHERE)
    assert await made(other) == "read_uncommitted", mended("Thread need not set it in streams/lane.py.")
    assert await made(streams.app) == "read_committed"
    close(other)


@pytest.mark.stack
async def test_the_consumer_that_runs_reads_only_what_is_committed(tmp_path: Path, embedded: EmbeddedBroker) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    streams = ours.built(options, Noted())
    async with ours.running(streams):
        await until(lambda: streams.lanes.is_open, "the worker is not ready")
        assert cast("Any", streams.app.consumer)._thread._consumer._fetcher._isolation_level == READ_COMMITTED


async def test_a_transaction_lasts_no_longer_than_a_session(streams: Streams) -> None:
    producer = streams.lanes._producer(TP(topics.FACTS, 0))
    await producer.stop()

    assert producer._txn_manager.transaction_timeout_ms == SESSION_SECONDS * 1_000
    assert streams.app.conf.broker_session_timeout == SESSION_SECONDS


# Batches


def record(offset: int) -> Any:
    return SimpleNamespace(offset=offset, timestamp=0, serialized_key_size=0, serialized_value_size=1)


@pytest.mark.stack
async def test_batches_of_the_old_generation_are_not_taken_between_revocation_and_assignment(
    tmp_path: Path, embedded: EmbeddedBroker
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    work = Noted()
    streams = ours.built(options, work)
    async with ours.running(streams):
        await until(lambda: streams.lanes.is_open, "the worker is not ready")
        consumer = cast("Any", streams.app.consumer)

        async def hand_over(generation: int) -> int:
            message = consumer._to_message(SOURCE, Run(SOURCE, [record(0)], 0, 1))
            message.generation_id = generation
            await consumer.callback(message)
            await asyncio.sleep(0.2)
            return work.begun

        now = streams.app.consumer_generation_id
        assert await hand_over(now - 1) == 0
        assert await hand_over(now) == 1
        streams.lanes.revoked()
        assert await hand_over(now) == 1


async def test_what_markers_take_is_counted_by_position_and_is_no_gap(streams: Streams) -> None:
    consumer = cast("Any", streams.app.consumer)

    # Offset 2 is a marker that the fetch has passed, 5 one that it has not.
    first = consumer._batch(SOURCE, [record(0), record(1)], 3)
    second = consumer._batch(SOURCE, [record(3), record(4)], 5)
    third = consumer._batch(SOURCE, [record(6)], 7)

    assert [(run.begin, run.end) for run in (first, second, third)] == [(0, 3), (3, 5), (5, 7)]
