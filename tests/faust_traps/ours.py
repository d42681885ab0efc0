"""Laurel's streams in this process, with work that writes down what it was given, and exits that are told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.types import TP
from prometheus_client import CollectorRegistry

from laurel.embedded import EmbeddedBroker
from rules.keys import TenantId
from streams import broker as broker_module
from streams import topics
from streams.app import Streams, build
from streams.lane import Run
from streams.metrics import Metrics
from streams.options import Source, StreamOptions
from tests.faust_traps.plain import SOURCE


class Ended(BaseException):
    """The process would have ended here."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes that the process would have ended with."""
    codes: list[int] = []

    def end(code: int) -> NoReturn:
        codes.append(code)
        raise Ended(code)

    monkeypatch.setattr("streams.exits.os._exit", end)
    return codes


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@dataclass(slots=True)
class Noted:
    """Work that keeps what it was given; it may be told to wait, or to fail."""

    seen: list[int] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    fails: bool = False
    walking: int = 0

    def __post_init__(self) -> None:
        self.may_go_on.set()

    async def batch(self, run: Run) -> None:
        self.begun += 1
        await self.may_go_on.wait()
        if self.fails:
            raise ZeroDivisionError("a bug of ours")
        self.runs.append((run.begin, run.end))
        self.seen += [record.offset for record in run.records]

    async def step(self) -> bool:
        return False


def options(address: str, data_dir: Path, *, partitions: int = 1, **more: Any) -> StreamOptions:
    source = Source(topic=SOURCE.topic, dialect="laurel", tenant=TenantId("t"))
    return StreamOptions(
        **{
            "app_id": "laurel",
            "brokers": (address,),
            "sources": (source,),
            "data_dir": data_dir,
            "worker_name": "w",
            "partitions": partitions,
            **more,
        }
    )


def make_embedded_topics(broker: EmbeddedBroker, wanted: StreamOptions) -> None:
    names = [topic.name for topic in topics.wanted(wanted)]
    broker.create_topics([*names, *[source.topic for source in wanted.sources]], partitions=wanted.partitions)


async def make_topics(wanted: StreamOptions) -> None:
    """Make our topics and the source on a real Kafka."""
    stop = asyncio.Event()
    admin = await broker_module.reached(wanted, stop)
    assert admin is not None
    try:
        await broker_module.apply_topics(admin, wanted, 1)
    finally:
        await admin.stop()
    await make_topic(wanted.bootstrap, wanted.sources[0].topic, partitions=1)


async def make_topic(address: str, name: str, *, partitions: int = 1, config: dict[str, str] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config or {})])
    finally:
        await admin.close()


def built(wanted: StreamOptions, work: Noted) -> Streams:
    """The app, with this work on its source."""
    streams = build(wanted, Metrics(CollectorRegistry()))
    streams.lanes.makers[wanted.sources[0].topic] = lambda _tp, _producer: work
    return streams


@asynccontextmanager
async def running(streams: Streams) -> AsyncIterator[Streams]:
    starting = asyncio.create_task(streams.start())
    try:
        yield streams
    finally:
        await streams.stop()
        await starting


def is_paused(streams: Streams, tp: TP) -> bool:
    """Whether nothing is fetched from a partition that is assigned."""
    consumer = cast("Any", streams.app.consumer)
    assert tp in consumer.assignment()
    return tp not in consumer._active_partitions
