"""The broker itself: waiting for it, making topics, and putting a catalogue in force."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    NotCoordinatorForGroupError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.structs import RecordMetadata

from rules.keys import Instant, TenantId, key
from streams import topics, wire
from streams.clients import Patience, started
from streams.options import StreamOptions

log = structlog.get_logger("laurel")

# How long to wait between tries, in seconds; the last repeats.
DELAYS_SECONDS = (0.5, 1.0, 2.0, 5.0)
# The same, where the coordinator of the workers' group is asked for: then it is an error.
COORDINATOR_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 10.0)


class Admin(AIOKafkaAdminClient):
    """aiokafka's admin client, stopped by the same word as its other clients."""

    async def stop(self) -> None:
        await self.close()  # type: ignore[no-untyped-call]  # aiokafka's


async def reached(options: StreamOptions, stop: asyncio.Event) -> Admin | None:
    """Connect, waiting for the broker as long as it takes, with one line when it is away; none if told to stop."""
    patience = Patience(DELAYS_SECONDS, stop, asyncio.sleep)
    return await started(
        lambda: Admin(bootstrap_servers=options.bootstrap, **options.security), options.bootstrap, patience
    )


@asynccontextmanager
async def connected(options: StreamOptions) -> AsyncIterator[Admin]:
    """An admin client, once the broker can be reached."""
    admin = await reached(options, asyncio.Event())
    if admin is None:
        raise KafkaConnectionError("nobody has told to stop")
    try:
        yield admin
    finally:
        await admin.stop()


async def until_as_wanted(admin: Admin, options: StreamOptions, stop: asyncio.Event) -> list[str]:
    """
    Wait until every topic is there, with one line for each that is not.

    Gives what waiting would not mend, such as another number of partitions; then a worker must not start.
    """
    told: set[str] = set()
    patience = Patience(DELAYS_SECONDS, stop, asyncio.sleep)
    tried = 0
    while not patience.is_over:
        missing, unlike = await differences(admin, options)
        for sentence in [*missing, *unlike]:
            if sentence not in told:
                log.warning(
                    "waiting for a topic" if sentence in missing else "a topic is not as it should be", topic=sentence
                )
                told.add(sentence)
        if not missing:
            return unlike
        await patience.pause(tried)
        tried += 1
    return []


async def apply_topics(admin: Admin, options: StreamOptions, replication: int) -> list[str]:
    """
    Make the topics that are missing; says which. What exists is left as it is: `differences` tells.

    Raises KafkaError when the broker refuses.
    """
    existing = set(await admin.list_topics())
    made = []
    for topic in topics.wanted(options):
        if topic.name in existing:
            continue
        new = NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.config)
        try:
            answer: Any = await admin.create_topics([new])
        except TopicAlreadyExistsError:
            continue
        for error in answer.topic_errors:
            if error[1] not in (0, TopicAlreadyExistsError.errno):
                raise for_code(error[1])(f"{topic.name}: {error[2] if len(error) > 2 else ''}")
        made.append(topic.name)
    return made


async def differences(admin: Admin, options: StreamOptions) -> tuple[list[str], list[str]]:
    """What is missing, and what is there but not as it should be: a sentence each, with its cure."""
    found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    missing = [
        f"source topic `{source.topic}` does not exist: the learning platform makes it, or its name is misspelt"
        for source in options.sources
        if source.topic not in found
    ]
    wanted = topics.wanted(options)
    missing += [f"topic `{t.name}` does not exist: run `laurel topics apply`" for t in wanted if t.name not in found]
    unlike = [
        f"topic `{topic.name}` has {found[topic.name]} partitions and should have {topic.partitions}: a learner would "
        "be in several; set LAUREL_PARTITIONS to what it has, or make the topic anew"
        for topic in wanted
        if found.get(topic.name, topic.partitions) != topic.partitions
    ]
    if not options.embedded:
        unlike += await _unlike(admin, [topic for topic in wanted if topic.name in found])
    return missing, unlike


async def _unlike(admin: Admin, wanted: list[topics.Topic]) -> list[str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in wanted]
    actual: dict[str, Mapping[str, str]] = {}
    answers: list[Any] = await admin.describe_configs(resources) if resources else []
    for answer in answers:
        for resource in answer.resources:
            actual[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
    return [
        f"topic `{topic.name}` has {name}={actual.get(topic.name, {}).get(name)} and should have {name}={value}: "
        f"mend it with kafka-configs --alter"
        for topic in wanted
        for name, value in topic.config.items()
        if actual.get(topic.name, {}).get(name) != value
    ]


async def committed(admin: Admin, options: StreamOptions) -> dict[TopicPartition, int]:
    """
    How far the workers have read facts, and when badges are held. No group is joined for it.

    Raises KafkaError when no coordinator answers: a broker that was just made, or has just started, needs a while.
    """
    asked = [TopicPartition(topic, at) for topic in (topics.FACTS, topics.HELD) for at in range(options.partitions)]
    for delay_seconds in (*COORDINATOR_SECONDS, None):
        try:
            found = await admin.list_consumer_group_offsets(options.app_id, partitions=asked)
            # An answer that names no partition is an error that aiokafka has not read (see `heed_offset_errors`).
            if found.keys() >= set(asked):
                return {tp: offset.offset for tp, offset in found.items() if offset.offset >= 0}
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError):
            if delay_seconds is None:
                raise
        if delay_seconds is not None:
            await asyncio.sleep(delay_seconds)
    raise GroupCoordinatorNotAvailableError(f"nobody says what {options.app_id} has committed")


async def put_in_force(options: StreamOptions, documents: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """
    Write catalogues to all partitions of the facts, in one transaction: they take effect at a known offset.

    Gives the offset of the last of them in each partition. Raises KafkaError when the broker refuses; nothing is in
    force then.
    """
    now = Instant(time.time_ns() // 1_000)
    producer = AIOKafkaProducer(
        bootstrap_servers=options.bootstrap,
        transactional_id=f"{options.app_id}-catalogue",
        max_request_size=8 << 20,
        **options.security,
    )
    sent: dict[int, asyncio.Future[RecordMetadata]] = {}
    await producer.start()
    try:
        async with producer.transaction():
            for document in documents:
                record = wire.FactsRecord(catalogue=wire.CatalogueInForce(dict(document), now))
                place = key("catalogue", TenantId(document["tenant"])).encode()
                for partition in range(options.partitions):
                    sent[partition] = await producer.send(topics.FACTS, wire.dump(record), place, partition=partition)
    finally:
        await producer.stop()
    return {partition: (await told).offset for partition, told in sent.items()}
