"""Scenes: what the acceptance tests do to a running stack, and how they look at it from outside."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from laurel.catalogue_file import read_catalogue
from laurel.demo.results import event_line
from laurel.demo.stack import TENANT, Stack, WorkerProcess, prepared
from laurel.evaluate import Evaluation, evaluate, read_lines
from laurel.term_records import Told
from rules.catalogue import Catalogue
from rules.keys import Instant
from sinks.postgres import PostgresSink

DEMO_CATALOGUE = Path(str(files("laurel.demo") / "catalogue.yaml"))
DIALECTS = {"lms.brightspace": "brightspace", "lms.laurel": "laurel"}


def demo_catalogue() -> Catalogue:
    return read_catalogue(DEMO_CATALOGUE, TENANT)


def command(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `laurel ...` as an operator would."""
    environ = {**os.environ, **stack.environ}
    return subprocess.run(
        [sys.executable, "-m", "laurel", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def on_kafka(bootstrap: str, prefix: str) -> Iterator[Stack]:
    """The stack on a real Kafka: topics made and the catalogue applied by the command line."""
    with prepared(bootstrap, DEMO_CATALOGUE) as stack:
        stack.environ["LAUREL_APP_ID"] = prefix
        asyncio.run(make_topics(bootstrap, {"lms.brightspace": 4, "lms.laurel": 3}))
        for arguments in (
            ("topics", "apply"),
            ("topics", "check"),
            ("catalogue", "apply", "--yes", str(DEMO_CATALOGUE)),
        ):
            done = command(stack, *arguments)
            assert done.returncode == 0, done.stdout + done.stderr
        yield stack


async def make_topics(bootstrap: str, partitions: dict[str, int]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        config = {"max.message.bytes": str(8 << 20)}
        await admin.create_topics([NewTopic(n, p, 1, topic_configs=config) for n, p in partitions.items()])
    finally:
        await admin.close()


async def send(bootstrap: str, told: Sequence[Told], per_second: int = 0) -> None:
    """Send events in their order, at most so many a second where it matters."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_request_size=8 << 20)
    await producer.start()
    try:
        for at, one in enumerate(told):
            await producer.send(one.topic, one.value, one.key, headers=list(one.headers))
            if per_second and at % 100 == 0:
                await asyncio.sleep(100 / per_second)
    finally:
        await producer.stop()


async def count(bootstrap: str, names: Sequence[str], partitions: int, isolation: str) -> int:
    """How many records topics hold for readers of that isolation, from beginning to end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False)
    await consumer.start()
    try:
        found = [TopicPartition(name, partition) for name in names for partition in range(partitions)]
        consumer.assign(found)
        await consumer.seek_to_beginning(*found)
        ends, counted = await consumer.end_offsets(found), 0
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            counted += sum(len(records) for records in (await consumer.getmany(timeout_ms=500)).values())
    finally:
        await consumer.stop()
    return counted


def evaluated(path: Path, told: Sequence[Told]) -> Evaluation:
    """What `laurel evaluate` says of the same events."""
    path.write_text("".join(event_line(DIALECTS[t.topic], t.value, t.headers) + "\n" for t in told), encoding="utf-8")
    now = Instant(time.time_ns() // 1_000)
    return evaluate(demo_catalogue(), read_lines(path), dialect=None, tenant=TENANT, at=None, now=now)


def rows(stack: Stack) -> int:
    """How many awards the database holds."""

    async def asked() -> int:
        sink = PostgresSink(stack.database.url)
        await sink.connect()
        try:
            return len(await sink.list_awards(limit=1_000_000))
        finally:
            await sink.close()

    return asyncio.run(asked())


def until(what: Callable[[], bool], *, seconds: float, why: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"after {seconds:.0f} s: {why}"
        time.sleep(0.2)


def until_calm(workers: Sequence[WorkerProcess], *, seconds: float, calm_seconds: float = 3.0) -> None:
    """Wait until no worker has anything to do, for some seconds on end."""
    end, since = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() - since < calm_seconds:
        assert time.monotonic() < end, f"still at work after {seconds:.0f} s"
        for worker in workers:
            worker.check()
        if sum(worker.waiting_of(worker.metrics()) for worker in workers):
            since = time.monotonic()
        time.sleep(0.2)
