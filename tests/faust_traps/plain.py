"""Plain Faust in a small app, as the library is pinned, to show what it does without Laurel."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

SOURCE = TP("in", 0)
COUNTS = TP("plain-counts-changelog", 0)
PATIENCE_SECONDS = 20.0


def mended(what: str) -> str:
    """What to say where a trap is not found any more."""
    return f"Faust is mended here, it seems: look at its changes, then {what}"


def plain_app(address: str, **settings: Any) -> Any:
    """An app of one partition, without a web server, that declares nothing."""
    return faust.App(
        "plain",
        broker=f"kafka://{address}",
        **{
            "topic_allow_declare": False,
            "topic_disable_leader": True,
            "topic_partitions": 1,
            "web_enabled": False,
            "store": "memory://",
            "value_serializer": "raw",
            "stream_wait_empty": False,
            "logging_config": None,
            **settings,
        },
    )


def agent(app: Any, work: Callable[[Any], Awaitable[None]], **settings: Any) -> None:
    """An agent on the source that does this with its stream."""
    channel = app.topic(SOURCE.topic, value_serializer="raw", value_type=bytes)
    app.agent(channel, name="plain", **settings)(work)


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[Any]:
    """The app while it starts and runs; stopped afterwards. A start ends with recovery, which may be never."""
    app.finalize()
    starting = asyncio.create_task(app.start())
    try:
        yield app
    finally:
        await app.stop()
        await starting


async def until(what: Callable[[], bool], why: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds."""
    end = asyncio.get_running_loop().time() + seconds
    while not what():
        assert asyncio.get_running_loop().time() < end, f"after {seconds:.0f} s: {why}"
        await asyncio.sleep(0.02)


async def send(
    address: str, tp: TP, records: Iterable[tuple[bytes | None, bytes]], *, transactional_id: str | None = None
) -> None:
    """Write records, in one transaction where an id is given."""
    producer = AIOKafkaProducer(
        bootstrap_servers=address, transactional_id=transactional_id, max_request_size=8 << 20, max_batch_size=1 << 20
    )
    await producer.start()
    try:
        if transactional_id is not None:
            await producer.begin_transaction()
        for key, value in records:
            await producer.send(tp.topic, value, key, partition=tp.partition)
        await producer.flush()
        if transactional_id is not None:
            await producer.commit_transaction()
    finally:
        await producer.stop()


async def committed(address: str, group: str, tp: TP) -> int | None:
    """The offset that the broker has for a group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        found: int | None = await consumer.committed(TopicPartition(*tp))
    finally:
        await consumer.stop()
    return found


async def commit(address: str, group: str, offsets: dict[TP, int]) -> None:
    """Put a group at these offsets, as an operator would."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*tp) for tp in offsets])
        await consumer.commit({TopicPartition(*tp): offset for tp, offset in offsets.items()})
    finally:
        await consumer.stop()
