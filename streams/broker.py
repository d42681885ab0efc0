"""The broker itself: waiting for it, making topics, and putting a catalogue in force."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from rules.keys import Instant, TenantId, key
from streams import topics, wire
from streams.options import StreamOptions

log = structlog.get_logger("laurel")

# How long to wait between tries, in seconds; the last repeats.
DELAYS_SECONDS = (0.5, 1.0, 2.0, 5.0)


async def until_reached(
    options: StreamOptions, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AIOKafkaAdminClient:
    """Connect, waiting for the broker as long as it takes, with one line when it is away and one when it is there."""
    began, tries = time.monotonic(), 0
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=options.bootstrap, **options.security)
        try:
            await admin.start()
        except (KafkaError, OSError) as error:
            await admin.close()
            if tries == 0:
                log.warning("the broker cannot be reached; waiting for it", broker=options.bootstrap, error=repr(error))
            await sleep(DELAYS_SECONDS[min(tries, len(DELAYS_SECONDS) - 1)])
            tries += 1
            continue
        if tries:
            log.info("the broker is there", broker=options.bootstrap, waited_seconds=round(time.monotonic() - began, 1))
        return admin


async def apply_topics(admin: AIOKafkaAdminClient, options: StreamOptions, replication: int) -> list[str]:
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
            answer = await admin.create_topics([new])
        except TopicAlreadyExistsError:
            continue
        for error in answer.topic_errors:
            if error[1] not in (0, TopicAlreadyExistsError.errno):
                raise for_code(error[1])(f"{topic.name}: {error[2] if len(error) > 2 else ''}")
        made.append(topic.name)
    return made


async def differences(admin: AIOKafkaAdminClient, options: StreamOptions) -> list[str]:
    """What is not as it should be, a sentence each: missing topics, partitions, settings; missing sources."""
    found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    said = [
        f"source topic `{source.topic}` does not exist: the learning platform makes it, or a typo in LAUREL_CONFIG"
        for source in options.sources
        if source.topic not in found
    ]
    wanted = topics.wanted(options)
    for topic in wanted:
        if topic.name not in found:
            said.append(f"topic `{topic.name}` does not exist: run `laurel topics apply`")
        elif found[topic.name] != topic.partitions:
            said.append(
                f"topic `{topic.name}` has {found[topic.name]} partitions and should have {topic.partitions}: "
                "a learner would be in several; set LAUREL_PARTITIONS to what it has, or make the topic anew"
            )
    there = [topic for topic in wanted if topic.name in found]
    if not options.embedded:
        said.extend(await _unlike(admin, there))
    return said


async def _unlike(admin: AIOKafkaAdminClient, wanted: list[topics.Topic]) -> list[str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in wanted]
    actual: dict[str, Mapping[str, str]] = {}
    for answer in await admin.describe_configs(resources) if resources else ():
        for resource in answer.resources:
            actual[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
    return [
        f"topic `{topic.name}` has {name}={actual.get(topic.name, {}).get(name)} and should have {name}={value}: "
        f"mend it with kafka-configs --alter"
        for topic in wanted
        for name, value in topic.config.items()
        if actual.get(topic.name, {}).get(name) != value
    ]


async def put_in_force(options: StreamOptions, documents: Iterable[Mapping[str, Any]]) -> None:
    """
    Write catalogues to all partitions of the facts, in one transaction: they take effect at a known offset.

    Raises KafkaError when the broker refuses; nothing is in force then.
    """
    now = Instant(time.time_ns() // 1_000)
    producer = AIOKafkaProducer(
        bootstrap_servers=options.bootstrap,
        transactional_id=f"{options.app_id}-catalogue",
        max_request_size=8 << 20,
        **options.security,
    )
    await producer.start()
    try:
        async with producer.transaction():
            for document in documents:
                record = wire.FactsRecord(catalogue=wire.CatalogueInForce(dict(document), now))
                place = key("catalogue", TenantId(document["tenant"])).encode()
                for partition in range(options.partitions):
                    await producer.send(topics.FACTS, wire.dump(record), place, partition=partition)
    finally:
        await producer.stop()
