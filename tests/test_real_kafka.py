"""The real Kafka that tests start does what the embedded broker cannot: it isolates and fences transactions."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ProducerFenced

from tests import real_kafka as helper
from tests.real_kafka import RealKafka

pytestmark = pytest.mark.kafka


@pytest.fixture
async def topic(real_kafka: RealKafka) -> str:
    name = f"smoke-{uuid.uuid4()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=real_kafka.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 2, 1)])
        described = await admin.describe_topics([name])
    finally:
        await admin.close()
    assert len(described[0]["partitions"]) == 2
    return name


@asynccontextmanager
async def transactional_producer(kafka: RealKafka, name: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id=name)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def read(kafka: RealKafka, topic: str, *, isolation_level: str) -> list[bytes]:
    """Everything up to the end, as a reader of this isolation sees it."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.address, isolation_level=isolation_level, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(timeout_ms=200)
            values += [record.value or b"" for records in batches.values() for record in records]
        return values
    finally:
        await consumer.stop()


async def test_an_aborted_transaction_is_invisible_to_readers_of_what_is_committed(
    real_kafka: RealKafka, topic: str
) -> None:
    async with transactional_producer(real_kafka, f"{topic}-writer") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed", partition=0)

    assert await read(real_kafka, topic, isolation_level="read_committed") == [b"committed"]
    assert await read(real_kafka, topic, isolation_level="read_uncommitted") == [b"aborted", b"committed"]


async def test_a_second_producer_of_the_same_name_fences_the_first(real_kafka: RealKafka, topic: str) -> None:
    async with transactional_producer(real_kafka, topic) as first:
        await first.begin_transaction()
        await first.send_and_wait(topic, b"from the first", partition=0)
        async with transactional_producer(real_kafka, topic) as second, second.transaction():
            await second.send_and_wait(topic, b"from the second", partition=0)

        with pytest.raises(ProducerFenced):
            await first.commit_transaction()

    assert await read(real_kafka, topic, isolation_level="read_committed") == [b"from the second"]


async def test_what_is_committed_outlives_a_kill() -> None:
    with RealKafka() as kafka:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        async with transactional_producer(kafka, "writer") as producer, producer.transaction():
            await producer.send_and_wait("kept", b"committed", partition=0)

        kafka.kill()
        kafka.start()

        assert await read(kafka, "kept", isolation_level="read_committed") == [b"committed"]


def test_what_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert helper.why_unavailable() == "A real Kafka needs JDK 17 and Maven, and there is no java on the PATH."
