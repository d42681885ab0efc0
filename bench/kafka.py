"""The measured broker, seen from outside: topics, the backlog, what groups have committed, what topics hold."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, for_code

from bench.workload import PARTITIONS, Record
from tests.real_kafka import RealKafka

# A broker that is no bottleneck: the whole compiler, and room enough that it hardly ever collects.
BROKER_JAVA = ("-Xms1g", "-Xmx1g")
BATCH_BYTES = 1 << 20
LARGE = {"max.message.bytes": str(8 << 20)}
SETTLE_SECONDS = 0.1
DELETED_SECONDS = 30


class Broker:
    """One Apache Kafka and the clients by which it is watched."""

    def __init__(self, kafka: RealKafka, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        self._admin, self._consumer = admin, consumer
        self.kafka = kafka
        self.address = kafka.address

    async def make(self, names: Iterable[str], **config: str) -> None:
        """Make topics, with all that is said of them."""
        new = [NewTopic(name, PARTITIONS, 1, topic_configs={**LARGE, **config}) for name in names]
        answer: Any = await self._admin.create_topics(new)
        for error in answer.topic_errors:
            if error[1]:
                raise for_code(error[1])(f"{error[0]}: {error[2]}")
        await self._until(lambda there: {topic.name for topic in new} <= there)

    async def remove(self, names: Sequence[str]) -> None:
        """Delete topics, and wait until they are gone."""
        gone = set(names)
        await self._admin.delete_topics(list(names))
        await self._until(lambda there: not gone & there)

    async def _until(self, holds: Callable[[set[str]], bool]) -> None:
        async with asyncio.timeout(DELETED_SECONDS):
            while not holds(set(await self._admin.list_topics())):  # noqa: ASYNC110  # the broker has no event for it
                await asyncio.sleep(SETTLE_SECONDS)

    async def topics(self) -> list[str]:
        return list(await self._admin.list_topics())

    async def ends(self, topic: str) -> dict[int, int]:
        """Where each partition ends."""
        partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        found = await self._consumer.end_offsets(partitions)
        return {tp.partition: end for tp, end in found.items()}

    async def length(self, topic: str) -> int:
        """So many offsets a topic has: its records, and the markers of transactions."""
        return sum((await self.ends(topic)).values())

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """What a group has committed; 0 where it has not yet."""
        partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        try:
            found = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        except GroupCoordinatorNotAvailableError:
            # The topic of offsets is being made: the first group of all asks for it.
            return dict.fromkeys(range(PARTITIONS), 0)
        return {tp.partition: max(0, said.offset) for tp, said in found.items()}

    async def is_in(self, group: str, *states: str) -> bool:
        """Whether a group is in one of these states."""
        try:
            answers: list[Any] = await self._admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            # As in `committed`: nobody knows of it yet.
            return False
        return all(described[2] in states for answer in answers for described in answer.groups)

    async def until_left(self, group: str, seconds: float) -> None:
        """Wait until a group has no members: the next one of it need not wait for their sessions then."""
        async with asyncio.timeout(seconds):
            while not await self.is_in(group, "Empty", "Dead"):  # noqa: ASYNC110  # as above
                await asyncio.sleep(SETTLE_SECONDS)

    async def write(self, topic: str, records: Iterable[Record]) -> int:
        """Write a backlog, in as large record batches as fit; says how many records it has."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.address, linger_ms=0, max_batch_size=BATCH_BYTES, max_request_size=2 * BATCH_BYTES
        )
        await producer.start()
        try:
            return await written(producer, topic, records)
        finally:
            await producer.stop()

    async def read(self, topic: str) -> list[bytes]:
        """All values that a topic has for readers of committed records."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.address, isolation_level="read_committed", enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            values: list[bytes] = []
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    values += [record.value for record in found if record.value is not None]
            return values
        finally:
            await consumer.stop()


async def written(producer: AIOKafkaProducer, topic: str, records: Iterable[Record]) -> int:
    """Send records in large batches, few of them under way, and wait until all are taken; says how many."""
    open_batches: dict[int, Any] = {}
    sent: list[asyncio.Future[Any]] = []
    count = 0
    for partition, key, value in records:
        batch = open_batches.get(partition)
        if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
            if batch is not None:
                sent.append(await _sent(producer, topic, partition, batch))
            batch = open_batches[partition] = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
        count += 1
        if len(sent) > 2 * PARTITIONS:
            await sent.pop(0)
    for partition, batch in open_batches.items():
        sent.append(await _sent(producer, topic, partition, batch))
    await asyncio.gather(*sent)
    return count


async def _sent(producer: AIOKafkaProducer, topic: str, partition: int, batch: Any) -> "asyncio.Future[Any]":
    batch.close()
    sent: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
    return sent


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[Broker]:
    """A broker of its own, with nothing in it; gone afterwards. Raises KafkaUnavailableError for what lacks."""
    with RealKafka(BROKER_JAVA) as kafka:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.address, enable_auto_commit=False)
        await admin.start()
        try:
            await consumer.start()
            yield Broker(kafka, admin, consumer)
        finally:
            with contextlib.suppress(KafkaError):  # it may be gone already, and all of it goes
                await consumer.stop()
            await admin.close()
