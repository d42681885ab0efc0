"""One Kafka transaction: what a batch says and the offset it ends at, visible together or not at all."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    InvalidTopicError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata
from faust.types import TP

from streams.messages import Message

# What a restart does not mend: the broker refuses the record batch itself, or us.
NEVER_TAKEN = (
    InvalidTopicError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)


class Transaction:
    """
    Sends record batches and the input offset through one transactional producer.

    Nothing is begun before the first record or offset is sent, so folding may take its time; `commit` gives back
    the offset of the last record sent to each partition. Raises aiokafka's ProducerFenced where another worker
    owns the partition by now, KafkaError for an outage, and RuntimeError for what the broker will never take: then
    nothing is committed.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._pending: list[tuple[TP, int, asyncio.Future[RecordMetadata]]] = []

    async def begin(self) -> None:
        with self._told_why():
            await self._producer.begin_transaction()

    async def send(self, topic: str, partition: int, records: Iterable[Message]) -> None:
        """Send records to one partition, in as few record batches as they fit into."""
        batch = self._producer.create_batch()
        for record in records:
            if self._appended(batch, record):
                continue
            await self._flush(batch, topic, partition)
            batch = self._producer.create_batch()
            # An empty batch takes any one record; the broker's limit is the topic's (see `streams.topics`).
            self._appended(batch, record)
        await self._flush(batch, topic, partition)

    async def commit(self, source: TP, offset: int | None, group: str) -> dict[TP, int]:
        """Make all of it visible, with the input offset if there is one: the next record to be read."""
        with self._told_why():
            if offset is not None:
                offsets = {TopicPartition(source.topic, source.partition): offset}
                await self._producer.send_offsets_to_transaction(offsets, group)
            # aiokafka would commit even if the broker has refused one of these: so ask each of them before.
            last: dict[TP, int] = {}
            for tp, count, sent in self._pending:
                last[tp] = max(last.get(tp, -1), (await _taken(tp, sent)).offset + count - 1)
            await self._producer.commit_transaction()
        return last

    @contextmanager
    def _told_why(self) -> Iterator[None]:
        """
        Raise what has ended the transaction behind our back, rather than that it is not there any more.

        aiokafka's sender may learn first that it was fenced; it keeps the reason where it waits for the end.
        """
        try:
            yield
        except (IllegalOperation, AssertionError) as error:
            ended: asyncio.Future[None] = self._producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
            reason = ended.exception() if ended.done() and not ended.cancelled() else None
            if reason is None:
                raise
            raise reason from error

    async def _flush(self, batch: object, topic: str, partition: int) -> None:
        count = batch.record_count()  # type: ignore[attr-defined]  # aiokafka's BatchBuilder is untyped
        if count:
            batch.close()  # type: ignore[attr-defined]
            with self._told_why():
                sent = await self._producer.send_batch(batch, topic, partition=partition)
            self._pending.append((TP(topic, partition), count, sent))

    @staticmethod
    def _appended(batch: object, record: Message) -> bool:
        appended = batch.append(  # type: ignore[attr-defined]
            key=record.key, value=record.value, timestamp=None, headers=list(record.headers)
        )
        return appended is not None


async def _taken(tp: TP, sent: "asyncio.Future[RecordMetadata]") -> RecordMetadata:
    """Wait for a record batch; one that the broker will never take is a bug, and no outage."""
    try:
        return await sent
    except NEVER_TAKEN as error:
        raise RuntimeError(f"{tp.topic} does not take a record batch of ours: {error!r}") from error
