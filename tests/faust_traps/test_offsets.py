"""Committed offsets: what the broker cannot say yet is asked again, and never taken for "nothing was committed"."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchRequest

from streams.clients import heed_offset_errors
from tests.acceptance.scenes import make_topics
from tests.real_kafka import RealKafka

SOURCE = TopicPartition("lms", 0)
LOADING, NOT_COORDINATOR = 14, 16


class Answering:
    """A broker in place of the one coordinator of a group: it answers in this order, then that 42 was committed."""

    def __init__(self, consumer: Any, *codes: int) -> None:
        self.codes, self.lost = list(codes), 0
        coordinator: Any = consumer._coordinator
        coordinator._send_req = self.send
        coordinator.ensure_coordinator_known = self.known
        coordinator.coordinator_dead = self.dead
        coordinator._retry_backoff_ms = 1

    async def send(self, _request: object) -> Any:
        if self.codes:
            return SimpleNamespace(error_code=self.codes.pop(0), topics=[])
        return SimpleNamespace(error_code=0, topics=[(SOURCE.topic, [(SOURCE.partition, 42, "", 0)])])

    async def known(self) -> None: ...

    def dead(self) -> None:
        self.lost += 1


@pytest.fixture
def consumer() -> Any:
    """Of a consumer only its coordinator, as aiokafka has it."""
    coordinator: Any = GroupCoordinator.__new__(GroupCoordinator)
    coordinator.group_id = "g"
    return SimpleNamespace(_coordinator=coordinator, _group_id="g")


async def test_plain_aiokafka_takes_a_coordinator_that_is_loading_for_one_that_knows_of_no_commit(
    consumer: Any,
) -> None:
    Answering(consumer, LOADING)

    said = await consumer._coordinator.fetch_committed_offsets([SOURCE])
    assert said == {}, "aiokafka heeds the error of the whole answer now: `heed_offset_errors` can go"


async def test_a_coordinator_that_is_loading_or_has_moved_is_asked_again(consumer: Any) -> None:
    broker = Answering(consumer, LOADING, NOT_COORDINATOR, LOADING)
    heed_offset_errors(consumer)

    said = await consumer._coordinator.fetch_committed_offsets([SOURCE])
    assert {tp: found.offset for tp, found in said.items()} == {SOURCE: 42}
    assert broker.lost == 1


async def test_answers_to_other_requests_are_left_to_those_who_asked(consumer: Any) -> None:
    Answering(consumer, LOADING)
    heed_offset_errors(consumer)

    assert (await consumer._coordinator._send_req(object())).error_code == LOADING
    assert OffsetFetchRequest.API_KEY == 9


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_what_was_committed_is_known_right_after_a_broker_was_killed(own_kafka: RealKafka) -> None:
    await make_topics(own_kafka.address, {"lms": 1})
    producer = AIOKafkaProducer(bootstrap_servers=own_kafka.address, transactional_id="t")
    await producer.start()
    for offset in range(1, 301):
        async with producer.transaction():
            await producer.send_offsets_to_transaction({SOURCE: offset}, "g")
    await producer.stop()
    for _ in range(3):
        own_kafka.kill()
        await asyncio.to_thread(own_kafka.start)
        consumer = AIOKafkaConsumer(bootstrap_servers=own_kafka.address, group_id="g", enable_auto_commit=False)
        await consumer.start()
        heed_offset_errors(consumer)
        consumer.assign([SOURCE])
        assert await consumer.committed(SOURCE) == 300
        await consumer.stop()
