"""Transactions on a real Kafka: all of a batch is visible with its offset, or nothing is."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ProducerFenced
from faust.types import TP

from streams.messages import Message
from streams.transaction import Transaction
from tests.acceptance.scenes import count
from tests.real_kafka import RealKafka

pytestmark = pytest.mark.kafka


async def test_a_record_that_the_broker_will_never_take_leaves_nothing_committed(own_kafka: RealKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=own_kafka.address)
    await admin.start()
    small = {"max.message.bytes": "300"}
    await admin.create_topics(
        [NewTopic("source", 1, 1), NewTopic("wide", 1, 1), NewTopic("narrow", 1, 1, topic_configs=small)]
    )
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=own_kafka.address, transactional_id="t", linger_ms=0)
    await producer.start()
    transaction = Transaction(producer)
    await transaction.begin()
    await transaction.send("wide", 0, [Message(key=b"k", value=b"v")])
    await transaction.send("narrow", 0, [Message(key=b"k", value=b"v" * 1_000)])

    with pytest.raises(RuntimeError, match="narrow does not take"):
        await transaction.commit(TP("source", 0), 42, "group")

    await producer.abort_transaction()
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=own_kafka.address, group_id="group", enable_auto_commit=False)
    await consumer.start()
    try:
        assert await consumer.committed(TopicPartition("source", 0)) is None
    finally:
        await consumer.stop()
    assert await count(own_kafka.address, ["wide", "narrow"], 1, "read_committed") == 0


async def test_whoever_was_taken_over_is_told_so_whatever_it_does_next(own_kafka: RealKafka) -> None:
    async def started() -> AIOKafkaProducer:
        producer = AIOKafkaProducer(bootstrap_servers=own_kafka.address, transactional_id="t", linger_ms=0)
        await producer.start()
        return producer

    admin = AIOKafkaAdminClient(bootstrap_servers=own_kafka.address)
    await admin.start()
    await admin.create_topics([NewTopic("source", 1, 1), NewTopic("wide", 1, 1)])
    await admin.close()
    asleep = await started()
    transaction = Transaction(asleep)
    await transaction.begin()
    await transaction.send("wide", 0, [Message(key=b"k", value=b"before")])
    awake = await started()

    with pytest.raises(ProducerFenced):
        await transaction.commit(TP("source", 0), 42, "group")
    # The sender knows by now; what comes next must not look like a bug of ours.
    with pytest.raises(ProducerFenced):
        await transaction.send("wide", 0, [Message(key=b"k", value=b"after")])
    with pytest.raises(ProducerFenced):
        await Transaction(asleep).begin()

    await awake.stop()
    await asleep.stop()
    assert await count(own_kafka.address, ["wide"], 1, "read_committed") == 0
