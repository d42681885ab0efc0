"""The limit: aiokafka reads the backlog, does nothing with it, and commits twenty times a second."""

import asyncio
import sys
import time

from aiokafka import AIOKafkaConsumer

COMMIT_SECONDS = 0.05


async def run(broker: str, group: str, source: str) -> None:
    """Read until ended."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=broker,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_poll_records=4_000,
    )
    await consumer.start()
    committed = time.monotonic()
    try:
        while True:
            found = await consumer.getmany(timeout_ms=100)
            if not found or time.monotonic() - committed > COMMIT_SECONDS:
                await consumer.commit()
                committed = time.monotonic()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
