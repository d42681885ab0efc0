"""Delivery on the embedded broker: everything arrives, in order, once the sink is there; bad rows go aside."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from structlog.testing import capture_logs

from laurel.embedded import EmbeddedBroker, EmbeddedDatabase
from rules.awards import Award, CredentialKind
from rules.keys import CredentialId, LearnerId
from sinks.memory import MemorySink
from sinks.postgres import PostgresSink
from sinks.sink import AwardSink, Item, Refused
from streams.delivery import DeliveryOptions, DeliveryTopics, TooManyRefused, deliver
from streams.messages import Message, award_gone, dump_award, dump_profile, dump_standing, standing_gone
from tests.awards import BADGE, TENANT, award, profile, standing
from tests.real_kafka import RealKafka
from tests.real_kafka import real_kafka as real_kafka  # noqa: PLC0414 - a fixture, which counts as used only so

pytestmark = pytest.mark.stack

TOPICS = DeliveryTopics(
    badges="badges",
    certificates="certificates",
    standings="standings",
    profiles="profiles",
    dead_letters="dead-letters",
)
INPUTS = (TOPICS.badges, TOPICS.certificates, TOPICS.standings, TOPICS.profiles)
CERTIFICATE = CredentialId("data-professional")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        broker.create_topics([*INPUTS, TOPICS.dead_letters], partitions=2)
        yield broker


@dataclass
class Watched:
    """Notes down what delivery tells."""

    delivered_counts: dict[str, int] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    aways: list[bool] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)

    def delivered(self, kind: str, count: int) -> None:
        self.delivered_counts[kind] = self.delivered_counts.get(kind, 0) + count

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)

    def unavailable(self, away: bool, /) -> None:
        self.aways.append(away)

    def lag(self, records: int) -> None:
        self.lags.append(records)


class Tracked(MemorySink):
    """Remembers what it was handed."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: list[Item] = []
        self.attempts = 0

    async def write(self, items: Sequence[Item]) -> list[Refused]:
        self.attempts += 1
        refused = await super().write(items)
        self.handed += items
        return refused


def options_for(broker: EmbeddedBroker | RealKafka) -> DeliveryOptions:
    return DeliveryOptions(
        bootstrap_servers=broker.address,
        topics=TOPICS,
        group="delivery",
        name="memory",
        version="0.1.0",
        delays_seconds=(0.05,),
        check_crcs=False,
    )


async def send(broker: EmbeddedBroker, messages: Sequence[tuple[str, Message]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address, acks="all") as producer:
        for topic, message in messages:
            await producer.send(topic, message.value, message.key, partition=0, headers=list(message.headers))
        await producer.flush()


def badge(learner: str, revision: int = 1) -> tuple[str, Message]:
    return TOPICS.badges, dump_award(award(learner, revision=revision), source="/t")


async def dead_letters(broker: EmbeddedBroker) -> list[ConsumerRecord[bytes | None, bytes | None]]:
    async with AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest") as consumer:
        partitions = [TopicPartition(TOPICS.dead_letters, number) for number in range(2)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord[bytes | None, bytes | None]] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found


async def committed(broker: EmbeddedBroker) -> dict[str, int]:
    async with AIOKafkaConsumer(bootstrap_servers=broker.address, group_id="delivery") as consumer:
        found = {topic: await consumer.committed(TopicPartition(topic, 0)) for topic in INPUTS}
        return {topic: offset for topic, offset in found.items() if offset}


@asynccontextmanager
async def delivering(
    options: DeliveryOptions, sink: AwardSink, watch: Watched | None = None
) -> AsyncIterator["asyncio.Task[None]"]:
    """Deliver in the background; at the end stop as an operator would, and let what went wrong come out."""
    stop = asyncio.Event()
    task = asyncio.create_task(deliver(options, sink, stop=stop, watch=watch))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def until(is_true: Callable[[], bool], task: "asyncio.Task[None] | None" = None) -> None:
    async with asyncio.timeout(30):
        while not is_true() and not (task and task.done()):  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.02)


async def test_everything_arrives_and_is_committed(broker: EmbeddedBroker) -> None:
    certificate = award("u-17", credential=CERTIFICATE, kind=CredentialKind.CERTIFICATE)
    await send(
        broker,
        [
            *(badge(f"u-{number}") for number in range(300)),
            badge("u-17", revision=2),
            (TOPICS.certificates, dump_award(certificate, source="/t")),
            (TOPICS.standings, dump_standing(standing("u-17"))),
            (TOPICS.standings, dump_standing(standing("u-18"))),
            (TOPICS.standings, standing_gone(TENANT, LearnerId("u-18"), BADGE)),
            (TOPICS.profiles, dump_profile(profile())),
            (TOPICS.badges, award_gone(TENANT, LearnerId("u-3"), award("u-3").award_id)),
        ],
    )
    sink, watch = Tracked(), Watched()
    async with delivering(replace(options_for(broker), batch_records=50), sink, watch) as task:
        await until(lambda: len(sink.handed) == 307 and watch.lags[-1] == 0, task)

    assert len(sink.awards) == 300
    assert sink.awards[award("u-17").award_id].revision == 2
    assert sink.awards[certificate.award_id] == certificate
    assert list(sink.standings.values()) == [standing("u-17")]
    assert await sink.find_person(TENANT, LearnerId("u-17")) == profile()
    assert watch.delivered_counts == {"badges": 302, "certificates": 1, "standings": 3, "profiles": 1}
    assert await committed(broker) == {"badges": 302, "certificates": 1, "standings": 3, "profiles": 1}
    assert await dead_letters(broker) == []


async def test_after_a_restart_only_what_is_new_is_delivered(broker: EmbeddedBroker) -> None:
    await send(broker, [badge("u-1"), badge("u-2")])
    sink = Tracked()
    async with delivering(options_for(broker), sink) as task:
        await until(lambda: len(sink.handed) == 2, task)
    await send(broker, [badge("u-3")])

    again = Tracked()
    async with delivering(options_for(broker), again) as task:
        await until(lambda: bool(again.handed), task)

    assert again.handed == [award("u-3")]


async def test_what_was_not_committed_comes_again(broker: EmbeddedBroker) -> None:
    class Broken(Tracked):
        async def write(self, items: Sequence[Item]) -> list[Refused]:
            await super().write(items)
            raise ZeroDivisionError

    await send(broker, [badge("u-1"), badge("u-2")])
    broken, sink = Broken(), Tracked()
    with pytest.raises(ZeroDivisionError):
        await deliver(options_for(broker), broken, stop=asyncio.Event())
    assert await committed(broker) == {}

    async with delivering(options_for(broker), sink) as task:
        await until(lambda: len(sink.handed) == 2, task)
    assert sink.handed == broken.handed


async def test_a_sink_that_is_away_is_waited_for_and_the_order_stays(broker: EmbeddedBroker) -> None:
    bad = badge("u-x")[1]._replace(value=b"{")
    await send(broker, [badge("u-1"), (TOPICS.badges, bad), *(badge("u-1", revision) for revision in range(2, 9))])
    sink, watch = Tracked(), Watched()
    sink.available = False
    with capture_logs() as logs:
        async with delivering(replace(options_for(broker), batch_records=3), sink, watch) as task:
            await until(lambda: sink.attempts >= 5, task)
            assert sink.handed == []
            assert watch.lags[-1] == 9
            sink.available = True
            await until(lambda: len(sink.handed) == 8, task)

    assert sink.handed == [award("u-1", revision=revision) for revision in range(1, 9)]
    assert watch.aways == [True, False]
    assert [line["event"] for line in logs] == ["sink is away, waiting for it", "sink is back"]
    assert len(await dead_letters(broker)) == 1
    assert await committed(broker) == {"badges": 9}


async def test_a_stop_while_the_sink_is_away_leaves_all_for_later(broker: EmbeddedBroker) -> None:
    await send(broker, [badge("u-1")])
    sink = Tracked()
    sink.available = False
    async with delivering(replace(options_for(broker), delays_seconds=(100.0,)), sink) as task:
        await until(lambda: sink.attempts == 1, task)
    assert await committed(broker) == {}


async def test_what_can_never_be_written_becomes_a_dead_letter_and_the_others_go_on(broker: EmbeddedBroker) -> None:
    unreadable = badge("u-2")[1]._replace(value=b'{"award_id": 1}')
    no_key = award_gone(TENANT, LearnerId("u-2"), award("u-2").award_id)._replace(key=b"elsewhere")
    messages = [badge("u-1"), (TOPICS.badges, unreadable), badge("u-3\0"), (TOPICS.badges, no_key), badge("u-4")]
    await send(broker, messages)
    sink, watch = Tracked(), Watched()
    async with delivering(options_for(broker), sink, watch) as task:
        await until(lambda: watch.delivered_counts.get("badges") == 2, task)

    assert {found.learner for found in sink.awards.values()} == {"u-1", "u-4"}
    letters = {dict(letter.headers)["laurel.errors.offset"]: letter for letter in await dead_letters(broker)}
    assert sorted(letters) == [b"1", b"2", b"3"]
    assert sorted(watch.refusals) == ["refused", "unreadable", "unreadable"]
    letter = letters[b"2"]
    assert (letter.key, letter.value) == (messages[2][1].key, messages[2][1].value)
    headers = dict(letter.headers)
    assert headers["ce_type"] == b"laurel.badge.awarded.v1"
    assert headers["laurel.errors.topic"] == b"badges"
    assert headers["laurel.errors.partition"] == b"0"
    assert headers["laurel.errors.stage"] == b"delivery"
    assert headers["laurel.errors.attempts"] == b"1"
    assert headers["laurel.errors.app.version"] == b"0.1.0"
    assert headers["laurel.errors.reason"].startswith(b"22021")
    assert letters[b"3"].value is None
    assert await committed(broker) == {"badges": 5}


async def test_too_many_refused_in_a_row_stop_delivery_with_nothing_committed(broker: EmbeddedBroker) -> None:
    await send(broker, [badge("u-1"), *(badge(f"{number}\0") for number in range(4))])

    with pytest.raises(TooManyRefused, match="4 records in a row were refused: 22021"):
        await deliver(replace(options_for(broker), refused_in_a_row=3), MemorySink(), stop=asyncio.Event())

    assert await committed(broker) == {}
    assert await dead_letters(broker) == []


async def test_topics_that_are_not_there_yet_are_waited_for() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topics([TOPICS.badges])
        sink = Tracked()
        with capture_logs() as logs:
            async with delivering(options_for(broker), sink) as task:
                await until(lambda: bool(logs), task)
                await asyncio.sleep(0.3)
                broker.create_topics(INPUTS)
                await send(broker, [badge("u-1")])
                await until(lambda: bool(sink.handed), task)
    assert [(line["event"], line.get("missing")) for line in logs] == [
        ("waiting for topics", ["certificates", "profiles", "standings"])
    ]


async def test_a_broker_that_is_not_there_yet_is_waited_for(broker: EmbeddedBroker) -> None:
    await send(broker, [badge("u-1")])
    broker.take_down()
    sink = Tracked()
    with capture_logs() as logs:
        async with delivering(options_for(broker), sink) as task:
            await until(lambda: bool(logs), task)
            await asyncio.sleep(0.3)
            broker.bring_up()
            await until(lambda: bool(sink.handed), task)
    assert [line["event"] for line in logs] == ["waiting for kafka"]


async def test_a_stop_ends_the_wait_for_a_broker(broker: EmbeddedBroker) -> None:
    broker.take_down()
    with capture_logs() as logs:
        async with delivering(replace(options_for(broker), delays_seconds=(100.0,)), MemorySink()) as task:
            await until(lambda: bool(logs), task)


async def test_a_broker_that_goes_away_is_waited_for(broker: EmbeddedBroker) -> None:
    await send(broker, [badge("u-1")])
    sink = Tracked()
    async with delivering(options_for(broker), sink) as task:
        await until(lambda: len(sink.handed) == 1, task)
        broker.take_down()
        await asyncio.sleep(1)
        broker.bring_up()
        await send(broker, [badge("u-2")])
        await until(lambda: award("u-2") in sink.handed, task)


async def test_postgres_that_is_away_for_a_while_ends_up_with_everything(broker: EmbeddedBroker) -> None:
    with EmbeddedDatabase() as database:
        sink = PostgresSink(database.url, timeout_seconds=10)
        await sink.connect()
        watch = Watched()
        async with delivering(options_for(broker), sink, watch) as task:
            await send(broker, [badge("u-1")])
            await until(lambda: watch.delivered_counts.get("badges") == 1, task)
            await asyncio.to_thread(database.stop)
            await send(
                broker, [badge("u-1", 2), badge("u\0"), badge("u-2"), (TOPICS.profiles, dump_profile(profile()))]
            )
            await until(lambda: watch.aways == [True], task)
            await asyncio.to_thread(database.start)
            await until(lambda: watch.delivered_counts == {"badges": 3, "profiles": 1}, task)
        found = await sink.list_awards(limit=9)
        await sink.close()

    assert {(award.learner, award.revision) for award in found} == {("u-1", 2), ("u-2", 1)}
    assert watch.aways == [True, False]
    assert watch.refusals == ["refused"]
    (letter,) = await dead_letters(broker)
    assert json.loads(letter.value or b"")["learner"] == "u\0"


@pytest.mark.kafka
async def test_members_that_come_and_go_lose_nothing_and_keep_the_order(real_kafka: RealKafka) -> None:
    """On a real broker: transactions, markers, and three members while the sink comes and goes."""
    run = str(uuid.uuid4())
    topics = DeliveryTopics(**{name: f"{name}-{run}" for name in DeliveryTopics.__slots__})
    admin = AIOKafkaAdminClient(bootstrap_servers=real_kafka.address)
    await admin.start()
    await admin.create_topics([NewTopic(getattr(topics, name), 4, 1) for name in DeliveryTopics.__slots__])
    await admin.close()
    options = replace(options_for(real_kafka), topics=topics, group=run, batch_records=20, check_crcs=True)
    sink, watches, stops, members = Tracked(), [Watched() for _ in range(3)], list[asyncio.Event](), []
    for watch in watches:
        stops.append(asyncio.Event())
        members.append(asyncio.create_task(deliver(options, sink, stop=stops[-1], watch=watch)))
        for revision in range(1, 11):
            await send_in_a_transaction(real_kafka, topics.badges, len(members) * 10 + revision)
            sink.available = revision % 3 != 0
            await asyncio.sleep(0.2)
    sink.available = True
    stops[0].set()
    await asyncio.wait_for(members[0], 60)
    await until(lambda: sum(found.revision == 40 for found in sink.awards.values()) == 40)
    await until(lambda: sum(watch.lags[-1] for watch in watches[1:]) == 0)
    for stop in stops:
        stop.set()
    await asyncio.gather(*members)

    assert {found.revision for found in sink.awards.values()} == {40}
    for learner in range(40):
        told = [item.revision for item in sink.handed if isinstance(item, Award) and item.learner == f"u-{learner}"]
        assert set(told) >= set(range(11, 41))
        firsts = list(dict.fromkeys(told))
        assert firsts == sorted(firsts)
    assert not any(watch.refusals for watch in watches)


async def send_in_a_transaction(kafka: RealKafka, topic: str, revision: int) -> None:
    """One revision of forty awards that holds, and one that is taken back."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id=topic, acks="all") as producer:
        for is_kept in (False, True):
            await producer.begin_transaction()
            for number in range(40):
                message = badge(f"u-{number}", revision if is_kept else revision + 1_000)[1]
                await producer.send(topic, message.value, message.key, headers=list(message.headers))
            await (producer.commit_transaction() if is_kept else producer.abort_transaction())


@pytest.mark.parametrize("delays", [(), (0.0,), (1.0, 300.0)])
def test_delays_that_the_group_would_not_survive_are_refused(delays: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="at most 120 seconds"):
        DeliveryOptions(bootstrap_servers="x", topics=TOPICS, group="g", name="n", version="", delays_seconds=delays)
