"""The clean run: what must be there by the input alone, judged once, in order, without streams or faults."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rules.catalogue import Catalogue
from rules.facts import CourseFact, Fact, Profile
from rules.keys import Instant, TenantId, key
from rules.replay import Replay
from rules.rulebook import Rulebook, rulebook
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Record, Said, UnreadableEvent
from streams.topics import place_of


class Input(NamedTuple):
    """One record of a source topic."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


# One record of `laurel.facts`, but for when it was received: partition, key, and what it says.
Sent = tuple[int, bytes, Fact | CourseFact]


@dataclass(slots=True, kw_only=True)
class Clean:
    """What must be there."""

    rulebook: Rulebook
    replay: Replay
    records: int = 0
    facts: Counter[Sent] = field(default_factory=Counter)
    profiles: Counter[tuple[int, Profile]] = field(default_factory=Counter)
    refused: dict[Place, tuple[str, bytes]] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    came: dict[Fact | CourseFact, list[Place]] = field(default_factory=lambda: defaultdict(list))


def judged(
    catalogue: Catalogue, inputs: Iterable[Input], dialects: Mapping[str, str], *, partitions: int, now: Instant
) -> Clean:
    """
    Judge what the source topics hold, under the catalogue that is in force at the end.

    Everything is known before anything is judged, once: nothing was said before that could bind, so awards are
    exactly those that are due. `now` is later than anything was received: what is too far ahead of it was so then.
    """
    clean = Clean(rulebook=rulebook(catalogue), replay=Replay())
    said: list[Fact | CourseFact] = []
    for one in inputs:
        clean.records += 1
        place = Place(one.topic, one.partition, one.offset)
        try:
            found = _parsed(one, dialects[one.topic], catalogue.tenant, now)
        except UnreadableEvent as error:
            clean.refused[place] = str(error), one.value
            continue
        for fact in found:
            if isinstance(fact, Profile):
                _, partition = place_of(fact.tenant, fact.learner, partitions)
                clean.profiles[partition, fact] += 1
            else:
                said.append(fact)
                clean.events.add(fact.statement.event_id)
                clean.facts.update(_sent(fact, partitions))
                clean.came[timeless(fact)].append(place)
    latest = Instant(max((fact.statement.occurred_at for fact in said), default=0))
    clean.replay.facts(replace(fact, received_at=latest) for fact in said)
    clean.replay.catalogue(catalogue, latest)
    clean.replay.advance(latest)
    return clean


def timeless(fact: Fact | CourseFact) -> Fact | CourseFact:
    """A fact without when it was received: nobody but intake knows that."""
    return replace(fact, received_at=Instant(0))


def _parsed(one: Input, dialect: str, tenant: TenantId, now: Instant) -> tuple[Said, ...]:
    return DIALECTS[dialect](
        Record(value=one.value, headers=one.headers, tenant=tenant, source=one.topic, received_at=now)
    )


def _sent(fact: Fact | CourseFact, partitions: int) -> list[Sent]:
    if isinstance(fact, Fact):
        place, partition = place_of(fact.register.tenant, fact.register.learner, partitions)
        return [(partition, place, timeless(fact))]
    # It concerns everyone in the course, so it is in every partition.
    place = key(fact.tenant, fact.course).encode()
    return [(partition, place, timeless(fact)) for partition in range(partitions)]
