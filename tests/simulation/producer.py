"""The modelled producer: aiokafka's interface and its state of a transaction, over the modelled broker."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol

from aiokafka.errors import IllegalOperation, KafkaError, MessageSizeTooLargeError, ProducerClosed, ProducerFenced
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.structs import OffsetAndMetadata, RecordMetadata, TopicPartition
from faust.types import TP

from streams.messages import Header, Message
from tests.simulation.broker import TRANSACTION_SECONDS, Broker, Fate


class Owner(Protocol):
    """The process that a producer belongs to: where it may be stopped, and what goes wrong in it."""

    broker: Broker

    async def pause(self, what: str, *about: object) -> None: ...

    def goes_wrong(self, how: str) -> bool: ...


class Builder:
    """Stands for aiokafka's batch of records: it takes so many, and the first always."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.messages: list[Message] = []

    def append(
        self, *, key: bytes | None, value: bytes | None, timestamp: int | None, headers: Sequence[Header]
    ) -> object | None:
        assert timestamp is None
        if len(self.messages) == self._most:
            return None
        self.messages.append(Message(key, value, headers))
        return self

    def record_count(self) -> int:
        return len(self.messages)

    def close(self) -> None:
        self._most = len(self.messages)


class Producer:
    """
    One transactional producer.

    As aiokafka's, it sends in the background: what is sent reaches partitions in any order between them, a failure
    that is not asked about does not stop a commit, and being fenced ends it for good.
    """

    def __init__(self, owner: Owner, transactional_id: str, most_records: int) -> None:
        self._owner, self.broker, self._id = owner, owner.broker, transactional_id
        self._most_records = most_records
        # aiokafka's own: which step is allowed when, and why it ended, is its code and not ours.
        self._txn_manager: Any = TransactionManager(transactional_id, TRANSACTION_SECONDS * 1_000)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._last: dict[TP, asyncio.Task[None]] = {}
        self._unanswered: dict[asyncio.Future[RecordMetadata], None] = {}
        self._is_closed = False

    async def start(self) -> None:
        await self._owner.pause("init", self._id)
        epoch = await self.broker.init(self._id)
        await self._owner.pause("inited", self._id)
        self._txn_manager.set_pid_and_epoch(1, epoch)

    async def stop(self) -> None:
        self._is_closed = True
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._owner.pause("closed", self._id)

    def create_batch(self) -> Builder:
        return Builder(self._most_records)

    async def begin_transaction(self) -> None:
        await asyncio.shield(self._txn_manager.wait_for_pid())
        await self._owner.pause("begin", self._id)
        self._txn_manager.begin_transaction()

    async def send_batch(self, batch: Builder, topic: str, *, partition: int) -> "asyncio.Future[RecordMetadata]":
        tp = TP(topic, partition)
        await self._owner.pause("send", self._id, tp)
        self._ready()
        answer: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        self._unanswered[answer] = None
        self._txn_manager.maybe_add_partition_to_txn(tp)
        self._last[tp] = self._in_background(partial(self._send, tp, batch.messages, self._last.get(tp), answer))
        return answer

    async def send_offsets_to_transaction(self, offsets: dict[TopicPartition, int], group: str) -> None:
        await self._owner.pause("send offsets", self._id)
        self._ready()
        stated = {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        answer = self._txn_manager.add_offsets_to_txn(stated, group)
        self._in_background(partial(self._send_offsets, {TP(*tp): offset for tp, offset in offsets.items()}, group))
        await asyncio.shield(answer)

    async def commit_transaction(self) -> None:
        self._txn_manager.committing_transaction()
        before = list(self._tasks)
        self._in_background(partial(self._commit, before))
        await asyncio.shield(self._txn_manager.wait_for_transaction_end())

    def _ready(self) -> None:
        if self._is_closed:
            raise ProducerClosed
        if not self._txn_manager.is_in_transaction():
            raise IllegalOperation("not while no transaction is open")

    def _in_background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(self._ended_by_errors(work))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    async def _ended_by_errors(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What aiokafka's sender does when it fails: everything that waits for it fails with it."""
        try:
            await work()
        except KafkaError as error:
            if not self._txn_manager.is_fatal_error():
                self._txn_manager.fatal_error(error)
            for answer in self._unanswered:
                _fail(answer, error)

    async def _send(
        self,
        tp: TP,
        messages: list[Message],
        after: "asyncio.Task[None] | None",
        answer: "asyncio.Future[RecordMetadata]",
    ) -> None:
        if after is not None and not after.done():
            await asyncio.wait([after])
        if self._txn_manager.is_fatal_error():
            return
        await self.broker.add(self._id, self._epoch, tp)
        if tp in self._txn_manager.partitions_to_add():
            self._txn_manager.partition_added(tp)
        await self._owner.pause("sending", self._id, tp, len(messages))
        try:
            first = self._produced(tp, messages)
        except (ProducerFenced, MessageSizeTooLargeError) as error:
            # A batch that fails does not end the sender; whoever asks is told.
            _fail(answer, error)
        else:
            await self._owner.pause("sent", self._id, tp, first)
            if not answer.done():
                answer.set_result(RecordMetadata(tp.topic, tp.partition, TopicPartition(*tp), first, -1, 0, 0))
        finally:
            self._unanswered.pop(answer, None)

    def _produced(self, tp: TP, messages: list[Message]) -> int:
        if self._owner.goes_wrong("refused"):
            raise MessageSizeTooLargeError
        return self.broker.produce(self._id, self._epoch, tp, messages)

    async def _send_offsets(self, offsets: dict[TP, int], group: str) -> None:
        await self.broker.add(self._id, self._epoch, None)
        self._txn_manager.consumer_group_added(group)
        await self._owner.pause("sending offsets", self._id, *offsets.items())
        if self._owner.goes_wrong("outage"):
            raise KafkaError("the coordinator of the group failed")
        self.broker.send_offsets(self._id, self._epoch, offsets)
        await self._owner.pause("offsets sent", self._id)
        if self._txn_manager.is_fatal_error():
            return
        for tp, offset in offsets.items():
            self._txn_manager.offset_committed(TopicPartition(*tp), offset, group)

    async def _commit(self, before: "list[asyncio.Task[None]]") -> None:
        if before:
            await asyncio.wait(before)
        if self._txn_manager.is_fatal_error():
            return
        if not self._txn_manager.is_empty_transaction():
            await self._owner.pause("commit", self._id)
            if self._owner.goes_wrong("outage"):
                raise KafkaError("the coordinator of the transaction failed")
            self.broker.end(self._id, self._epoch, Fate.COMMITTED)
            await self._owner.pause("committed", self._id)
            if self._owner.goes_wrong("outage"):
                raise KafkaError("the coordinator of the transaction did not answer")
            if self._txn_manager.is_fatal_error():
                return
        self._txn_manager.complete_transaction()

    @property
    def _epoch(self) -> int:
        return int(self._txn_manager.producer_epoch)


def _fail(answer: "asyncio.Future[RecordMetadata]", error: KafkaError) -> None:
    if not answer.done():
        answer.set_exception(error)
