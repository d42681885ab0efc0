"""What people do, as it is written: a record about one learner, in the partition that is theirs."""

from aiokafka import AIOKafkaProducer
from faust.types import TP

from rules.awards import ByHand, Erasure
from rules.keys import LearnerKey
from streams import topics, wire
from streams.options import StreamOptions


async def write_by_hand(options: StreamOptions, done: ByHand) -> None:
    """
    Write what a person did. Idempotent: it is there once, or not at all.

    Raises KafkaError when the broker cannot be reached, or refuses.
    """
    await _write(options, LearnerKey(done.tenant, done.learner), wire.facts_by_hand(done))


async def write_erasure(options: StreamOptions, erasure: Erasure) -> tuple[TP, int]:
    """Write that a learner is to be erased; says where. Raises as `write_by_hand` does."""
    return await _write(options, LearnerKey(erasure.tenant, erasure.learner), wire.FactsRecord(erase=erasure))


async def _write(options: StreamOptions, who: LearnerKey, record: wire.FactsRecord) -> tuple[TP, int]:
    place, partition = topics.place_of(*who, options.partitions)
    producer = AIOKafkaProducer(bootstrap_servers=options.bootstrap, enable_idempotence=True, **options.security)
    await producer.start()
    try:
        sent = await producer.send_and_wait(topics.FACTS, wire.dump(record), place, partition=partition)
    finally:
        await producer.stop()
    return TP(topics.FACTS, partition), int(sent.offset)
