"""The outcome of a world at rest: what was said to it, what its topics hold, and what state that makes."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from faust.types import TP
from rocksdict import Rdict

from laurel.demo.results import Told
from laurel.evaluate import Evaluation
from laurel.term_records import NATIVE
from rules.awards import Award
from rules.facts import CourseFact, Fact, Profile
from rules.keys import Instant, LearnerId, LearnerKey, TenantId, parts
from rules.known import Known, KnownOfCertificates, Table
from rules.ledger import Ledger
from rules.replay import Replay
from rules.rulebook import Rulebook
from streams import messages, topics, wire
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Record, Said, UnreadableEvent
from streams.messages import Message
from streams.tables import View
from tests.simulation.broker import Broker
from tests.simulation.disk import Database, Stored
from tests.simulation.story import NOW, Story, closing
from tests.simulation.wiring import CERTIFICATES, PROGRESS
from tests.simulation.world import PARTITIONS, SOURCES, World
from tests.stories import TENANT


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


def said_by(message: Message) -> tuple[Said, ...] | None:
    """What a source's record says; none when it cannot be read."""
    record = Record(
        value=message.value or b"", headers=message.headers, tenant=TENANT, source=NATIVE, received_at=Instant(NOW)
    )
    try:
        return DIALECTS["laurel"](record)
    except UnreadableEvent:
        return None


@dataclass(slots=True)
class State:
    """What the changelogs alone hold of one partition."""

    broker: Broker
    partition: int
    known: Known = field(init=False)
    certificates: KnownOfCertificates = field(init=False)

    def __post_init__(self) -> None:
        self.known = Known.of(self._tables(PROGRESS))
        self.certificates = KnownOfCertificates.of(self._tables(CERTIFICATES))

    def _tables(self, changelog: str) -> Any:
        stored = restored(self.broker, TP(changelog, self.partition))
        view = View(cast("Rdict", Database(stored, lambda _how: None)))

        def table(name: str) -> Table[Any]:
            return view.table(name, *wire.CODECS[name])

        return table

    def ledgers(self) -> Iterator[tuple[LearnerKey, Ledger]]:
        """Everyone's ledger of badges."""
        return ((learner_of(place), ledger) for place, ledger in self.known.ledger.scan(""))

    def certificate_ledgers(self) -> Iterator[tuple[LearnerKey, Ledger]]:
        """Everyone's ledger of certificates."""
        return ((learner_of(place), ledger) for place, ledger in self.certificates.ledger.scan(""))


@dataclass(slots=True)
class Outcome:
    """What a world has come to."""

    world: World
    states: list[State] = field(init=False)
    clean: Replay = field(init=False)

    def __post_init__(self) -> None:
        self.states = [State(self.broker, partition) for partition in range(PARTITIONS)]
        self.clean = clean_run(self.world.story, max(state.known.clock.time for state in self.states))

    @property
    def broker(self) -> Broker:
        return self.world.broker

    @property
    def evaluation(self) -> Evaluation:
        """The clean run as what `laurel evaluate` gives."""
        return Evaluation(replay=self.clean)

    @property
    def rulebook(self) -> Rulebook:
        """The catalogue that the clean run ended with, made ready."""
        found = self.clean.known.clock.rulebook(TENANT)
        assert found is not None
        return found

    def visible(self, topic: str) -> Iterator[tuple[Place, Message]]:
        """Everything in a topic that a reader of committed records has seen."""
        for partition in range(PARTITIONS):
            for entry in self.broker.log(TP(topic, partition)).visible():
                yield Place(topic, partition, entry.offset), entry.message

    def told(self) -> Told:
        """All that was told of awards, but for what was erased."""
        found: dict[bytes, list[Award]] = {}
        for topic in (topics.BADGES, topics.CERTIFICATES):
            for _, message in self.visible(topic):
                place = message.key or b""
                if message.value is None:
                    found.pop(place, None)
                else:
                    found.setdefault(place, []).append(messages.parse_award(message.value))
        return Told(revisions=[award for revisions in found.values() for award in revisions])

    def letters(self) -> Iterator[Place]:
        """Where each dead letter lay before."""
        for _, message in self.visible(topics.DEAD_LETTERS):
            about = dict[str, bytes](message.headers)
            topic, partition, offset = (about[f"laurel.errors.{name}"] for name in ("topic", "partition", "offset"))
            yield Place(topic.decode(), int(partition), int(offset))

    def sources(self) -> Iterator[tuple[Place, Message]]:
        """Every record of the sources."""
        return self.visible(SOURCES[0].topic)


def restored(broker: Broker, changelog: TP, upto: int | None = None) -> Stored:
    """The database that a changelog makes, up to an offset."""
    stored = Stored()
    for entry in broker.log(changelog).visible():
        if upto is not None and entry.offset > upto:
            break
        stored.write({entry.message.key or b"": entry.message.value})
    return stored


def clean_run(story: Story, time: Instant) -> Replay:
    """The same events once more, each once and in the order of the story, as `laurel evaluate` judges them."""
    replay = Replay()
    replay.catalogue(story.catalogues[0], time)
    for number, told in enumerate((*story.told, *[closing(partition) for partition in range(PARTITIONS)])):
        for one in said_by(Message(told.key, told.value, told.headers)) or ():
            if not isinstance(one, Profile):
                replay.facts([timed(one, time)])
        for after, done in story.acts:
            if after == number:
                replay.by_hand(replace(done, received_at=time))
        for after, erasure in story.erasures:
            if after == number:
                replay.erase(replace(erasure, received_at=time))
        if number == story.changed_after:
            replay.catalogue(story.catalogues[1], time)
    replay.advance(time)
    return replay


def timed(fact: Fact | CourseFact, time: Instant) -> Fact | CourseFact:
    """The same fact, received at that time."""
    if isinstance(fact, Fact):
        return Fact(register=fact.register, statement=fact.statement, received_at=time, source=fact.source)
    return CourseFact(
        tenant=fact.tenant,
        course=fact.course,
        kind=fact.kind,
        period=fact.period,
        statement=fact.statement,
        received_at=time,
        source=fact.source,
    )


def learner_of(place: str) -> LearnerKey:
    """The learner whose key begins so."""
    tenant, learner = parts(place)[:2]
    return LearnerKey(TenantId(tenant), LearnerId(learner))
