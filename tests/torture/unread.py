"""What is not read yet by the broker's own account, and whether it forgets what was committed."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.clients import heed_offset_errors

ASKED_SECONDS = 2.0


class Unread:
    """
    How far a group is behind in the source topics, asked of the broker. Nobody writes transactions there.

    `went_back` names committed offsets that were higher before: then the broker has lost what it had committed, and
    whoever reads from there does again what was done.
    """

    def __init__(self, bootstrap: str, group: str, partitions: Mapping[str, int]) -> None:
        self._address, self._group = bootstrap, group
        self._partitions = [TopicPartition(name, at) for name, count in partitions.items() for at in range(count)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="unread", daemon=True)
        self._consumer: AIOKafkaConsumer | None = None
        self._reached: dict[TopicPartition, int] = {}
        self.went_back: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def records(self) -> float | None:
        """How many records the group has not committed; none when the broker does not answer."""
        return asyncio.run_coroutine_threadsafe(self._asked(), self._loop).result()

    async def _asked(self) -> float | None:
        try:
            return await asyncio.wait_for(self._behind(), ASKED_SECONDS)
        except (TimeoutError, KafkaError, OSError):
            await self._close()
            return None

    async def _behind(self) -> float:
        if self._consumer is None:
            # It looks at the group's offsets and does not join.
            consumer = AIOKafkaConsumer(bootstrap_servers=self._address, group_id=self._group, enable_auto_commit=False)
            self._consumer = consumer
            await consumer.start()
            heed_offset_errors(consumer)
            consumer.assign(self._partitions)
        ends = await self._consumer.end_offsets(self._partitions)
        committed = await asyncio.gather(*[self._consumer.committed(tp) for tp in self._partitions])
        for tp, at in zip(self._partitions, committed, strict=True):
            self._note(tp, at or 0)
        return float(sum(ends[tp] - (at or 0) for tp, at in zip(self._partitions, committed, strict=True)))

    def _note(self, tp: TopicPartition, at: int) -> None:
        before = self._reached.get(tp, 0)
        if at < before:
            now = datetime.now(UTC).time().isoformat("seconds")
            self.went_back.append(
                f"{now}: the broker had committed {before} of {tp.topic} {tp.partition}, and says {at}"
            )
        self._reached[tp] = at

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                await asyncio.wait_for(consumer.stop(), ASKED_SECONDS)
            except (TimeoutError, KafkaError, OSError):
                return
