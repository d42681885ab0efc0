"""Feeding: sends a term's events to the source topics, holding back while the worker is behind."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from aiokafka import AIOKafkaProducer

from laurel.demo.stack import WorkerProcess
from laurel.term_records import Told

# The embedded broker keeps 5 MB a partition and drops what is older, read or not. It also answers each fetch with
# one record batch, so small ones would make the whole stack slow.
CHUNK = 2_000
MOST_WAITING = 3_000
LINGER_MS = 100
BATCH_BYTES = 1 << 20
HELD_BACK_SECONDS = 0.1

# What is settled stays settled: so often in a row the worker must say that nothing waits.
CALM = 8


async def feed(bootstrap: str, told: Sequence[Told], worker: WorkerProcess, done: Callable[[int], None]) -> None:
    """
    Send everything in its order; `done` hears how many events intake has read so far.

    Raises EmbeddedStackError when the worker ends meanwhile.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, linger_ms=LINGER_MS, max_batch_size=BATCH_BYTES, max_request_size=2 * BATCH_BYTES
    )
    await producer.start()
    try:
        sent = 0
        for chunk in _chunks(told):
            for one in chunk:
                await producer.send(one.topic, one.value, one.key, headers=list(one.headers))
            await producer.flush()
            sent += len(chunk)
            # The worker is another process: its metrics are all that tells of it.
            while await _waiting(worker, sent, done) > MOST_WAITING:  # noqa: ASYNC110
                await asyncio.sleep(HELD_BACK_SECONDS)
        calm = 0
        while calm < CALM:
            await asyncio.sleep(2 * HELD_BACK_SECONDS)
            calm = 0 if await _waiting(worker, sent, done) else calm + 1
    finally:
        await producer.stop()


async def _waiting(worker: WorkerProcess, sent: int, done: Callable[[int], None]) -> float:
    """How much waits: what intake has not read, and everything behind it."""
    await asyncio.to_thread(worker.check)
    metrics = await asyncio.to_thread(worker.metrics)
    read = int(metrics.get("laurel_records_total.intake", 0))
    done(read)
    return sent - read + worker.waiting_of(metrics)


def _chunks(told: Sequence[Told]) -> Iterator[list[Told]]:
    left = iter(told)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
