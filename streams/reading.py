"""Reading a partition of ours from outside: its ends, and the records between two offsets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from streams import topics
from streams.options import StreamOptions

READ_MS = 500


@asynccontextmanager
async def reader(options: StreamOptions) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of committed records, in no group. Raises KafkaError when the broker cannot be reached."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=topics.LARGEST_BYTES,
        **options.security,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def records(
    consumer: AIOKafkaConsumer, tp: TopicPartition, first: int, last: int
) -> "list[ConsumerRecord[bytes, bytes]]":
    """What lies between two offsets, the last one left out. The partition must be assigned."""
    consumer.seek(tp, first)
    found: list[ConsumerRecord[bytes, bytes]] = []
    while await consumer.position(tp) < last:
        fetched = await consumer.getmany(tp, timeout_ms=READ_MS)
        found += [record for record in fetched.get(tp, ()) if record.offset < last]
    return found
