"""Erasure on a real Kafka: afterwards nothing of a learner is found, wherever Laurel keeps anything."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from rocksdict import AccessType, Options, Rdict

from laurel import wiring
from laurel.demo.stack import Stack, WorkerProcess, prepared
from laurel.term_records import Told
from streams import topics
from tests.acceptance.scenes import command, make_topics, send, until, until_calm
from tests.acceptance.test_by_hand import CATALOGUE, listed
from tests.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

# Strings that occur nowhere else, one with what keys escape.
GONE, STAYS = "erase-me/ö 7", "stays-8"
NAME = "Zacharias Unwiederbringlich"
SOUGHT = tuple(text.encode() for text in (GONE, quote(GONE, safe=""), json.dumps(GONE)[1:-1], NAME))
# Kafka's cleaner looks every 15 seconds; what a tombstone hides goes in one round, the tombstone in another.
CLEANED_SECONDS = 120


def event(learner: str, kind: str, number: int, **data: object) -> Told:
    """One event of a learner."""
    value = {
        "specversion": "1.0",
        "id": f"e-{learner}-{kind}-{number}",
        "source": "https://lms.example.edu",
        "type": f"laurel.{kind}.v1",
        "time": f"2026-05-01T10:00:{number:02}Z",
        "data": {"tenant": "example", "learner": learner, **data},
    }
    return Told(topic="lms.laurel", key=learner.encode(), value=json.dumps(value).encode())


def events_of(learner: str, name: str, number: int = 0) -> list[Told]:
    return [
        event(learner, "fact.topic_completed", number, course="C1", topic="charts"),
        event(learner, "profile", number, full_name=name, first_name=name.split(maxsplit=1)[0]),
    ]


def sure(stack: Stack, *arguments: str) -> str:
    done = command(stack, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_after_an_erasure_nothing_is_found_and_late_facts_and_a_redrive_bring_nothing_back(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    address = own_kafka.address
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    with prepared(address, catalogue) as stack, (tmp_path / "workers.log").open("ab") as log:
        asyncio.run(make_topics(address, {"lms.brightspace": 1, "lms.laurel": 2}))
        sure(stack, "topics", "apply")
        sure(stack, "catalogue", "apply", "--yes", str(catalogue))
        workers = list(started(stack, log, tmp_path))
        told = [*events_of(GONE, NAME), *events_of(STAYS, "Ada Lovelace")]
        asyncio.run(send(address, told))
        until(lambda: listed(stack, GONE).keys() == {"charts", "expert", "paper"}, seconds=60, why="not awarded")
        sure(stack, "grant", GONE, "expert", "--why", "recognised")
        before = asyncio.run(found_in(stack, "awards", "people", "standings"))
        assert before == {"awards", "people", "standings"}, "the search finds nothing where there is something"

        said = sure(stack, "learners", "erase", GONE, "--why", "asked for", "--yes")
        assert "PostgreSQL: no awards, no standings, no names" in said
        assert listed(stack, GONE) == {}
        assert asyncio.run(found_in(stack)) == set()

        # A redrive of all that was ever said, something new, another name, and a decision by hand.
        asyncio.run(send(address, [*told, *events_of(GONE, NAME + " II", number=9)]))
        sure(stack, "grant", GONE, "paper", "--why", "by mistake")
        until_calm(workers, seconds=60)
        assert sum(worker.metrics().get("laurel_passed_over_records_total", 0) for worker in workers) >= 5
        assert asyncio.run(found_in(stack)) == set()
        # What came late lies in the facts until it is cut.
        sure(stack, "learners", "erase", GONE, "--why", "asked for", "--yes")
        assert listed(stack, STAYS).keys() == {"charts", "expert", "paper"}
        assert [worker.stop() for worker in workers] == [0, 0, 0]

        assert rocks(tmp_path, STAYS.encode()), "the search finds nothing where there is something"
        assert [rocks(tmp_path, text) for text in SOUGHT] == [[]] * len(SOUGHT)
        asyncio.run(compact(stack))
        until_nothing_is_kept(stack)
        assert asyncio.run(found_in(stack)) == set()


def started(stack: Stack, log: IO[bytes], directory: Path) -> Iterator[WorkerProcess]:
    """Two workers, each with warm copies of the other's state, and a delivery."""
    for role, name in (("stream", "a"), ("stream", "b"), ("delivery", "d")):
        worker = stack.worker(log, role, name, {"LAUREL_DATA_DIR": str(directory / "state")})
        worker.until_ready()
        yield worker


async def found_in(stack: Stack, *only: str) -> set[str]:
    """The tables of the database in which anything of the learner is found."""
    connection = await asyncpg.connect(stack.database.url)
    try:
        names = [
            row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        assert set(only) <= set(names)
        found = set()
        for name in names:
            rows = "\n".join([row[0] for row in await connection.fetch(f'SELECT t::text FROM "{name}" AS t')])  # noqa: S608  # names from the database itself
            if any(text.decode() in rows for text in SOUGHT):
                found.add(name)
        return found
    finally:
        await connection.close()


def rocks(directory: Path, sought: bytes) -> list[str]:
    """The databases of all workers, own state and warm copies, that hold a text in a key or a value."""
    found = []
    for place in sorted(directory.glob("state/*/v*/tables/*.db")):
        opened = Rdict(str(place), options=Options(raw_mode=True), access_type=AccessType.read_only())
        try:
            pairs = cast("Iterable[tuple[bytes, bytes]]", opened.items())
            if any(sought in key + b"\n" + value for key, value in pairs):
                found.append(place.name)
        finally:
            opened.close()
    return found


def ours(stack: Stack) -> list[topics.Topic]:
    return list(topics.wanted(wiring.stream_options(stack.settings, None)))


async def compact(stack: Stack) -> None:
    """Let Kafka compact at once, as it would in time: small segments, rolled by further records, and a busy cleaner."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.settings.broker)
    await admin.start()
    eager = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0"}
    try:
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=dict(topic.config) | eager)
            for topic in ours(stack)
            if topic.config["cleanup.policy"] == "compact"
        ]
        await admin.alter_configs(resources)
    finally:
        await admin.close()
    await roll(stack)


async def roll(stack: Stack) -> None:
    """Write to every compacted partition twice, so that what is before it can be compacted."""
    producer = AIOKafkaProducer(bootstrap_servers=stack.settings.broker)
    await producer.start()
    try:
        for _ in range(2):
            for topic in ours(stack):
                for partition in range(topic.partitions) if topic.config["cleanup.policy"] == "compact" else ():
                    await producer.send_and_wait(topic.name, b"{}", b"roll", partition=partition)
            await asyncio.sleep(0.3)
    finally:
        await producer.stop()


def until_nothing_is_kept(stack: Stack) -> None:
    """Wait until Kafka has compacted away what tombstones hide, and the tombstones."""
    end = time.monotonic() + CLEANED_SECONDS
    while found := asyncio.run(kept(stack)):
        assert time.monotonic() < end, f"still there after {CLEANED_SECONDS} s: {found}"
        time.sleep(2)


async def kept(stack: Stack) -> dict[str, bytes]:
    """The topics of ours that hold anything of the learner, committed or not, each with an example."""
    await roll(stack)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.settings.broker, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for topic in ours(stack) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends, found = await consumer.end_offsets(partitions), dict[str, bytes]()
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    headers = b"".join([value or b"" for _, value in record.headers])
                    whole = b"\n".join([record.key or b"", record.value or b"", headers])
                    if any(text in whole for text in SOUGHT):
                        found[tp.topic] = whole
        return found
    finally:
        await consumer.stop()
