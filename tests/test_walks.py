"""What concerns everyone reaches everyone, step by step and once, and one fact costs what one fact costs."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from hypothesis import given

from rules import certify, decide, telling
from rules.awards import Held, UpToDate
from rules.catalogue import Catalogue, Credential, dump_catalogue
from rules.criteria import AllOf, AnyOf, Badges, Before, FinalGrade, ItemGrade, Not, TopicsCompleted
from rules.facts import CourseFact, Fact, Kind
from rules.keys import CourseId, CredentialId, Instant, LearnerId, LearnerKey, TenantId, key
from rules.known import Agenda, Clock, Decisions, Known, KnownOfCertificates, MemoryTable
from rules.ledger import Status
from rules.policies import Policy
from rules.replay import Replay
from rules.rulebook import rulebook
from rules.spans import FOREVER, Span
from tests.stories import (
    COURSES,
    NOW,
    TENANT,
    badge,
    catalogue_of,
    catalogues,
    certificate,
    events,
    fact,
    outline,
    release,
)

V = TypeVar("V")
C, D = COURSES
ONE, TWO = CredentialId("one"), CredentialId("two")
HAS_ONE = Badges(at_least=1, of=(ONE,))
# One is the beginning of another, and one hides a separator: each must stay apart from its neighbours.
LEARNERS = tuple(LearnerId(learner) for learner in ("u", "u/1", "u-1", "u1", "ü", "~"))
AWARDED, REVOKED = Status.AWARDED, Status.REVOKED


def grade_of(course: CourseId, bar: int) -> FinalGrade:
    return FinalGrade(course=course, at_least=bar)


HELD = (Span(1, FOREVER),)
ONE_BADGE = badge(ONE, grade_of(C, 5_000))


def grade(learner: LearnerId, value: int, *, time: int = 1, course: CourseId = C, received_at: int = NOW) -> Fact:
    said = Instant(received_at)
    return fact(Kind.CALCULATED_GRADE, time, value, course=course, learner=learner, received_at=said)


def progress(catalogue: Catalogue, facts: Iterable[Fact | CourseFact]) -> Known:
    """What is known after these facts under this catalogue, with all walks at their ends."""
    replay = Replay()
    replay.catalogue(catalogue, NOW)
    replay.facts(facts)
    replay.known.decisions = Decisions()
    return replay.known


def put_in_force(known: Known, catalogue: Catalogue) -> bool:
    return decide.decide_catalogue(known, dump_catalogue(catalogue), NOW)


def step(known: Known, learners: int = 1) -> int:
    """Take one step of the only walk under way."""
    [(place, walk)] = decide.walks(known)
    return decide.walk_on(known, place, walk, learners)


def walked(known: Known) -> list[LearnerId]:
    """Walk to the end, one learner a step, and say who was awarded anything in which order."""
    found: list[LearnerId] = []
    while decide.walks(known):
        before = len(known.decisions.awards)
        step(known)
        found += [award.learner for award in known.decisions.awards[before:]]
    return found


def told(known: Known | KnownOfCertificates) -> list[tuple[LearnerId, CredentialId, int, Status]]:
    return [(award.learner, award.credential, award.revision, award.status) for award in known.decisions.awards]


HARD = catalogue_of(badge(ONE, grade_of(C, 9_000)))
EASY = catalogue_of(badge(ONE, grade_of(C, 5_000)), version=2)


def test_a_new_catalogue_reaches_every_learner_once_in_steps_of_one() -> None:
    known = progress(HARD, [grade(learner, 7_000) for learner in LEARNERS])

    assert put_in_force(known, EASY)
    assert known.decisions.awards == []
    assert sorted(walked(known)) == sorted(LEARNERS)
    assert decide.walks(known) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7, 100])
def test_a_walk_ends_after_each_learner_was_looked_at_once_whatever_its_step(limit: int) -> None:
    facts = [grade(learner, 7_000, course=course) for learner in LEARNERS for course in COURSES]
    known = progress(HARD, facts)
    put_in_force(known, EASY)

    steps = []
    while decide.walks(known):
        steps.append(step(known, limit))

    assert sum(steps) == len(LEARNERS)
    assert all(taken == limit for taken in steps[:-1])
    assert steps[-1] < limit


def test_a_walk_does_not_leave_its_tenant() -> None:
    known = progress(HARD, [grade(LearnerId("u"), 7_000)])
    stranger = grade(LearnerId("u"), 7_000)
    for tenant in (f"{TENANT}1", f"{TENANT}/u", "t"):
        decide.decide_fact(known, replace(stranger, register=replace(stranger.register, tenant=TenantId(tenant))))
    put_in_force(known, EASY)

    assert step(known, 100) == 1
    assert told(known) == [(LearnerId("u"), ONE, 1, AWARDED)]


def test_who_comes_while_a_walk_is_under_way_is_judged_once() -> None:
    known = progress(HARD, [grade(LEARNERS[0], 7_000)])
    put_in_force(known, EASY)
    decide.decide_fact(known, grade(LearnerId("a"), 7_000))
    decide.decide_fact(known, grade(LearnerId("z"), 7_000))

    walked(known)

    assert sorted(award.learner for award in known.decisions.awards) == ["a", "u", "z"]


def test_the_same_catalogue_again_does_nothing() -> None:
    known = progress(EASY, [grade(learner, 7_000) for learner in LEARNERS])

    assert not put_in_force(known, EASY)
    assert decide.walks(known) == []
    assert known.decisions == Decisions()


def test_a_catalogue_that_comes_during_a_walk_begins_it_anew() -> None:
    known = progress(HARD, [grade(learner, 7_000) for learner in LEARNERS])
    put_in_force(known, catalogue_of(badge(TWO, grade_of(C, 5_000)), version=2))
    step(known, 3)
    put_in_force(known, catalogue_of(badge("three", grade_of(C, 5_000)), version=3))

    walked(known)

    credentials = [award.credential for award in known.decisions.awards]
    assert (credentials.count(TWO), credentials.count(CredentialId("three"))) == (3, len(LEARNERS))


def test_a_fact_about_a_course_walks_only_those_who_are_in_it() -> None:
    known = progress(
        catalogue_of(badge(ONE, grade_of(C, 5_000)), badge(TWO, grade_of(D, 5_000))),
        [
            release(1, False),
            release(1, False, course=D),
            *[grade(learner, 7_000, time=2) for learner in LEARNERS[:3]],
            *[grade(learner, 7_000, time=2, course=D) for learner in LEARNERS[2:]],
        ],
    )
    decide.decide_course_fact(known, release(5, True))

    assert sorted(walked(known)) == sorted(LEARNERS[:3])
    assert {award.credential for award in known.decisions.awards} == {ONE}


def test_a_fact_about_a_course_that_nothing_hangs_on_walks_nobody() -> None:
    known = progress(EASY, [grade(LEARNERS[0], 7_000)])
    decide.decide_course_fact(known, outline(5, "a"))
    decide.decide_course_fact(known, release(5, True, course=D))

    assert decide.walks(known) == []


def test_a_fact_about_a_course_said_again_walks_nobody() -> None:
    known = progress(EASY, [grade(LEARNERS[0], 7_000), release(5, True)])
    decide.decide_course_fact(known, release(5, True))

    assert decide.walks(known) == []


@pytest.mark.parametrize(
    "touch", [grade(LEARNERS[3], 6_000, course=D), grade(LEARNERS[3], 6_000, time=2)], ids=["new course", "same course"]
)
def test_who_is_touched_before_the_walk_gets_there_is_judged_under_the_new_catalogue_at_once(touch: Fact) -> None:
    has_topic = TopicsCompleted(course=C, topics=1)
    old = catalogue_of(badge(ONE, grade_of(C, 9_000)), badge(TWO, AllOf(parts=(has_topic, grade_of(D, 1)))))
    new = catalogue_of(badge(ONE, grade_of(C, 9_000)), badge(TWO, AnyOf(parts=(has_topic, grade_of(D, 1)))), version=2)
    done = [fact(Kind.TOPIC, 1, 1, thing="a", learner=learner) for learner in LEARNERS]
    known = progress(old, [*done, *[grade(learner, 7_000) for learner in LEARNERS]])
    put_in_force(known, new)
    decide.decide_fact(known, touch)

    assert told(known) == [(LEARNERS[3], TWO, 1, AWARDED)]
    assert sorted(walked(known)) == sorted(learner for learner in LEARNERS if learner != LEARNERS[3])


@pytest.mark.parametrize(
    "touch",
    [grade(LEARNERS[3], 6_000, time=6), fact(Kind.TOPIC, 6, 1, thing="a", learner=LEARNERS[3])],
    ids=["same clause", "another clause"],
)
def test_who_is_touched_before_a_course_walk_gets_there_is_judged_by_the_course_as_it_is_now(touch: Fact) -> None:
    catalogue = catalogue_of(badge(ONE, grade_of(C, 5_000)), badge(TWO, TopicsCompleted(course=C, topics=2)))
    known = progress(catalogue, [release(1, False), *[grade(learner, 7_000, time=2) for learner in LEARNERS]])
    decide.decide_course_fact(known, release(5, True))
    decide.decide_fact(known, touch)

    assert told(known) == [(LEARNERS[3], ONE, 1, AWARDED)]
    assert sorted(walked(known)) == sorted(learner for learner in LEARNERS if learner != LEARNERS[3])


def test_the_standing_of_a_retired_credential_is_taken_back() -> None:
    known = progress(EASY, [grade(LEARNERS[0], 7_000)])
    who = LearnerKey(TENANT, LEARNERS[0])
    assert telling.standing(known, who, ONE) is not None
    put_in_force(known, catalogue_of(badge(TWO, grade_of(C, 9_000)), version=3))
    walked(known)

    assert set(known.decisions.standings) == {(who, ONE), (who, TWO)}
    assert known.standings.get(key(*who, ONE)) is None
    assert telling.standing(known, who, ONE) is None


def test_the_standing_of_a_retired_certificate_is_taken_back() -> None:
    both = HAS_ONE, Badges(at_least=2, of=(ONE, TWO))
    two = badge(TWO, grade_of(D, 5_000))
    papers = [certificate(f"paper-{at}", criteria) for at, criteria in enumerate(both)]
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE, two, *papers), NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    replay.of_certificates.decisions = Decisions()
    replay.catalogue(catalogue_of(ONE_BADGE, two, version=2), NOW)

    told = replay.of_certificates.decisions.standings
    assert {credential for _, credential in told} == {"paper-0", "paper-1"}
    assert [certify.standing(replay.of_certificates, *one) for one in told] == [None, None]


def test_a_new_badge_on_badges_goes_to_those_who_hold_them_already() -> None:
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE), NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    built = badge("built", HAS_ONE), badge("on-top", Badges(at_least=1, of=(CredentialId("built"),)))
    replay.catalogue(catalogue_of(ONE_BADGE, *built, version=2), NOW)

    assert [award.credential for award in replay.awards] == [ONE, "built", "on-top"]


@pytest.mark.parametrize("policy", Policy)
def test_a_harder_catalogue_takes_away_only_what_the_policy_does_not_let_keep(policy: Policy) -> None:
    known = progress(catalogue_of(badge(ONE, grade_of(C, 5_000), policy)), [grade(LEARNERS[0], 7_000)])
    put_in_force(known, catalogue_of(badge(ONE, grade_of(C, 9_000), policy), version=2))
    walked(known)

    expected = [] if policy is Policy.KEEP else [(LEARNERS[0], ONE, 2, REVOKED)]
    assert told(known) == expected


@pytest.mark.parametrize("policy", Policy)
def test_a_retired_credential_stays_with_its_holders(policy: Policy) -> None:
    replay = Replay()
    paper = certificate("paper", HAS_ONE, policy)
    replay.catalogue(catalogue_of(badge(ONE, grade_of(C, 5_000), policy), paper), NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    in_force = replay.in_force()
    replay.catalogue(catalogue_of(badge(TWO, grade_of(C, 9_000)), version=2), NOW)
    replay.facts([grade(LEARNERS[0], 0, time=3), grade(LEARNERS[1], 7_000)])
    replay.advance(Instant(NOW + 1))

    assert [award.status for award in in_force.values()] == [AWARDED, AWARDED]
    assert replay.in_force() == in_force


def test_a_retired_credential_that_comes_back_is_the_same_award() -> None:
    replay = Replay()
    replay.catalogue(EASY, NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    replay.catalogue(catalogue_of(badge(TWO, grade_of(C, 9_000)), version=3), NOW)
    replay.catalogue(EASY, NOW)

    assert [(award.credential, award.revision) for award in replay.awards] == [(ONE, 1)]


def of_certificates(catalogue: Catalogue, learners: Iterable[LearnerId]) -> KnownOfCertificates:
    """What the certificates agent knows when these learners hold the badge `one`."""
    known = KnownOfCertificates.of(lambda _: MemoryTable[Any]())
    certify.decide_catalogue(known, dump_catalogue(catalogue), NOW)
    for learner in learners:
        certify.decide_held(known, Held(tenant=TENANT, learner=learner, credential=ONE, spans=HELD, received_at=NOW))
        certify.decide_up_to_date(known, up_to_date(catalogue, learner))
    known.decisions = Decisions()
    return known


def up_to_date(catalogue: Catalogue, learner: LearnerId) -> UpToDate:
    """All that this learner holds was told, as judged under that catalogue."""
    return UpToDate(tenant=TENANT, learner=learner, judged_under=rulebook(catalogue).digest, received_at=NOW)


def test_a_new_catalogue_decides_a_learners_certificates_once_they_are_up_to_date_and_once() -> None:
    known = of_certificates(catalogue_of(ONE_BADGE), LEARNERS)
    new = catalogue_of(ONE_BADGE, certificate("paper", HAS_ONE), version=2)

    assert certify.decide_catalogue(known, dump_catalogue(new), NOW)
    assert told(known) == []
    for learner in (*LEARNERS, *LEARNERS):
        certify.decide_up_to_date(known, up_to_date(new, learner))

    assert sorted(told(known)) == [(who, CredentialId("paper"), 1, AWARDED) for who in sorted(LEARNERS)]
    assert not certify.decide_catalogue(known, dump_catalogue(new), NOW)


def test_what_is_held_meanwhile_counts_when_a_learner_is_up_to_date_and_not_before() -> None:
    known = of_certificates(catalogue_of(ONE_BADGE), LEARNERS)
    both = certificate("paper", HAS_ONE), certificate("second", Badges(at_least=1, of=(TWO,)))
    new = catalogue_of(ONE_BADGE, badge(TWO, grade_of(D, 1)), *both, version=2)
    certify.decide_catalogue(known, dump_catalogue(new), NOW)
    late = Held(tenant=TENANT, learner=LEARNERS[3], credential=TWO, spans=HELD, received_at=NOW)
    certify.decide_held(known, late)
    assert told(known) == []

    certify.decide_up_to_date(known, up_to_date(catalogue_of(ONE_BADGE), LEARNERS[3]))
    assert told(known) == []

    certify.decide_up_to_date(known, up_to_date(new, LEARNERS[3]))
    assert [(who, credential) for who, credential, _, _ in told(known)] == [
        (LEARNERS[3], CredentialId("paper")),
        (LEARNERS[3], CredentialId("second")),
    ]


@pytest.mark.parametrize("policy", Policy)
def test_a_certificate_that_now_counts_other_badges_is_kept_or_taken_back_as_its_policy_says(policy: Policy) -> None:
    replay = Replay()
    two = badge(TWO, grade_of(D, 5_000))
    replay.catalogue(catalogue_of(ONE_BADGE, two, certificate("paper", HAS_ONE, policy)), NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    other = certificate("paper", Badges(at_least=1, of=(TWO,)), policy)
    replay.catalogue(catalogue_of(ONE_BADGE, two, other, version=2), NOW)

    papers = [award.status for award in replay.awards if award.credential == "paper"]
    assert papers == ([AWARDED] if policy is Policy.KEEP else [AWARDED, REVOKED])


class DurableTable(MemoryTable[V]):
    """A table that forgets, at the end of each batch, what was changed in place and not put."""

    def __init__(self) -> None:
        super().__init__()
        self._stored: dict[str, V] = {}
        self._put: set[str] = set()

    def put(self, key: str, value: V) -> None:
        super().put(key, value)
        self._put.add(key)

    def delete(self, key: str) -> None:
        super().delete(key)
        self._put.add(key)

    def end_batch(self) -> None:
        for place in self._put:
            if place in self._values:
                self._stored[place] = deepcopy(self._values[place])
            else:
                self._stored.pop(place, None)
        self._put = set()
        self._values = deepcopy(self._stored)


@given(catalogues(), catalogues(), events)
def test_nothing_is_remembered_that_was_not_put(
    old: Catalogue, new: Catalogue, events: list[Fact | CourseFact]
) -> None:
    tables: list[DurableTable[Any]] = []

    def durable(_: str) -> DurableTable[Any]:
        tables.append(DurableTable())
        return tables[-1]

    kept, forgetful = Replay(), Replay(known=Known.of(durable), of_certificates=KnownOfCertificates.of(durable))
    half = len(events) // 2
    steps: list[Callable[[Replay], None]] = [
        lambda replay: replay.catalogue(old, NOW),
        *[lambda replay, event=event: replay.facts([event]) for event in events[:half]],
        lambda replay: replay.catalogue(new, NOW),
        *[lambda replay, event=event: replay.facts([event]) for event in events[half:]],
    ]
    for take in steps:
        take(kept)
        take(forgetful)
        for table in tables:
            table.end_batch()

    assert forgetful.awards == kept.awards
    assert forgetful.standings() == kept.standings()
    assert forgetful.entitlements(TENANT) == kept.entitlements(TENANT)


class CountingTable(MemoryTable[V]):
    """A table that counts what is read from it: each get, and each record that a scan gives."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, key: str) -> V | None:
        self.reads += 1
        return super().get(key)

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, V]]:
        for found in super().scan(prefix, after):
            self.reads += 1
            yield found


@dataclass(frozen=True, slots=True)
class Counted:
    """A replay over tables that count."""

    tables: dict[str, CountingTable[Any]] = field(default_factory=dict)

    def replay(self) -> Replay:
        return Replay(
            known=Known.of(lambda name: self._table(f"progress {name}")),
            of_certificates=KnownOfCertificates.of(lambda name: self._table(f"certificates {name}")),
        )

    def reads(self, replay: Replay, take: Callable[[Replay], None]) -> dict[str, int]:
        """The reads of each table that this costs, of those that anything was read from."""
        before = {name: table.reads for name, table in self.tables.items()}
        take(replay)
        return {name: table.reads - before[name] for name, table in self.tables.items() if table.reads > before[name]}

    def _table(self, name: str) -> CountingTable[Any]:
        return self.tables.setdefault(name, CountingTable())


BASE: tuple[Credential, ...] = (ONE_BADGE, badge("built", HAS_ONE), certificate("paper", HAS_ONE))


def cost(
    *, learners: int = 0, courses: int = 0, credentials: int = 0, builders: int = 0, before: int = 1
) -> dict[str, int]:
    """The reads of one fact that earns two badges and a certificate, in a world with so much else in it."""
    others = [CourseId(f"other-{at}") for at in range(courses)]
    more = [
        badge(f"more-{at}", AllOf(parts=(grade_of(D, at), grade_of(CourseId("x"), 1)))) for at in range(credentials)
    ]
    built = [badge(f"built-{at}", Badges(at_least=1, of=(TWO,))) for at in range(builders)]
    asked = [badge(f"asks-{course}", grade_of(course, 5_000)) for course in others]
    counted, who = Counted(), LEARNERS[0]
    replay = counted.replay()
    replay.catalogue(catalogue_of(*BASE, badge(TWO, grade_of(D, 1)), *more, *built, *asked), NOW)
    replay.facts([grade(LearnerId(f"other-{at}"), 7_000) for at in range(learners)])
    replay.facts([grade(who, 7_000, course=course) for course in others])
    replay.facts([grade(who, 1_000)] * before)
    return counted.reads(replay, lambda replay: replay.facts([grade(who, 7_000, time=2)]))


@pytest.mark.parametrize("what", ["learners", "courses", "credentials", "builders"])
def test_the_cost_of_a_fact_does_not_grow_with_what_it_does_not_touch(what: str) -> None:
    """Law 5."""
    assert cost(**{what: 40}) == cost(**{what: 1}) == cost()


def test_a_fact_that_nothing_asks_about_costs_its_history_and_nothing_else() -> None:
    """Law 5."""
    counted = Counted()
    replay = counted.replay()
    replay.catalogue(EASY, NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    said = fact(Kind.TOPIC, 1, 1, thing="a", learner=LEARNERS[0])

    assert counted.reads(replay, lambda replay: decide.decide_fact(replay.known, said)) == {"progress facts": 1}


def test_a_fact_that_changes_no_span_does_not_open_the_ledger() -> None:
    """Law 5."""
    counted = Counted()
    replay = counted.replay()
    replay.catalogue(EASY, NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    reads = counted.reads(replay, lambda replay: decide.decide_fact(replay.known, grade(LEARNERS[0], 8_000, time=2)))

    assert "progress ledger" not in reads


def test_the_cost_of_a_learners_first_fact_does_not_grow_with_the_catalogue() -> None:
    """Law 5."""
    assert cost(builders=40, before=0) == cost(before=0)


def test_what_is_due_now_does_not_cost_what_is_due_later() -> None:
    """Law 5."""

    def reads(later: int) -> dict[str, int]:
        counted = Counted()
        replay = counted.replay()
        replay.catalogue(EASY, NOW)
        replay.facts([grade(LEARNERS[0], 7_000, time=NOW + 5)])
        replay.facts([grade(LearnerId(f"later-{at}"), 7_000, time=NOW + 100) for at in range(later)])
        return counted.reads(replay, lambda replay: decide.advance(replay.known, NOW + 5))

    assert reads(40) == reads(1)


def test_what_was_due_is_said_when_its_time_comes_and_once() -> None:
    known = progress(EASY, [grade(learner, 7_000, time=NOW + 5) for learner in LEARNERS])
    decide.advance(known, NOW + 4)
    assert told(known) == []

    decide.advance(known, NOW + 5)
    decide.advance(known, NOW + 6)
    decide.advance(known, NOW + 3)

    assert sorted(told(known)) == [(who, ONE, 1, AWARDED) for who in sorted(LEARNERS)]
    assert {award.decided_at for award in known.decisions.awards} == {NOW + 5}
    assert list(known.agenda.due.scan("")) == []


def test_what_is_due_is_found_by_a_worker_that_starts_anew() -> None:
    known = progress(EASY, [grade(learner, 7_000, time=NOW + 5) for learner in LEARNERS])
    known.agenda, known.clock = Agenda(due=known.agenda.due), Clock(control=known.clock.control)
    decide.advance(known, NOW + 5)

    assert sorted(told(known)) == [(who, ONE, 1, AWARDED) for who in sorted(LEARNERS)]


def test_what_is_due_is_looked_at_by_the_time_that_a_fact_was_received() -> None:
    known = progress(EASY, [grade(LEARNERS[0], 7_000, time=NOW + 5)])
    decide.decide_fact(known, grade(LEARNERS[1], 0, received_at=NOW + 9))

    assert told(known) == [(LEARNERS[0], ONE, 1, AWARDED)]


def test_who_is_due_before_the_walk_gets_there_does_not_lose_what_both_catalogues_give() -> None:
    old, new = (catalogue_of(badge(ONE, grade_of(C, bar), Policy.REVOKE), version=bar) for bar in (5_000, 6_000))
    known = progress(old, [grade(LEARNERS[0], 7_000, time=NOW + 5), grade(LEARNERS[0], 7_000)])
    put_in_force(known, new)
    decide.advance(known, NOW + 5)
    walked(known)

    assert told(known) == []


def test_what_was_due_shows_in_the_standing_when_its_time_comes() -> None:
    replay = Replay()
    replay.catalogue(EASY, NOW)
    replay.facts([grade(LEARNERS[0], 7_000, time=NOW + 5)])
    replay.advance(Instant(NOW + 5))
    [standing] = replay.standings()

    assert standing.status is AWARDED
    assert standing.progress.met


def test_a_badge_that_will_be_lost_leaves_a_certificates_standing_when_its_time_comes() -> None:
    replay = Replay()
    lasting = badge(TWO, grade_of(D, 5_000))
    passing = badge(ONE, grade_of(C, 5_000), Policy.REVOKE)
    paper = certificate("paper", Badges(at_least=1, of=(ONE, TWO)))
    replay.catalogue(catalogue_of(lasting, passing, paper), NOW)
    replay.facts([grade(LEARNERS[0], 7_000, course=course) for course in COURSES])
    replay.facts([grade(LEARNERS[0], 0, time=NOW + 5)])
    replay.of_certificates.decisions = Decisions()
    decide.advance(replay.known, NOW + 5)
    for held in replay.known.decisions.held:
        assert isinstance(held, Held)
        certify.decide_held(replay.of_certificates, held)

    [(who, credential)] = replay.of_certificates.decisions.standings
    standing = certify.standing(replay.of_certificates, who, credential)
    assert standing is not None
    assert len(standing.progress.awards) == 1


def test_a_certificate_whose_parts_change_places_is_not_given_for_a_part_that_was_never_met() -> None:
    grade_c, grade_d = grade_of(C, 1), grade_of(D, 1)
    first = certificate("paper", AllOf(parts=(grade_c, HAS_ONE, grade_d)))
    second = certificate("paper", AllOf(parts=(grade_d, HAS_ONE, grade_c)))
    one = badge(ONE, ItemGrade(course=C, item="i1", at_least=1))
    replay = Replay()
    replay.catalogue(catalogue_of(one, first), NOW)
    replay.facts([grade(LEARNERS[0], 7_000), fact(Kind.ITEM_GRADE, 1, 1, learner=LEARNERS[0], thing="i1")])
    replay.catalogue(catalogue_of(one, second, version=2), NOW)

    assert [award.credential for award in replay.awards] == [ONE]


def test_a_certificate_that_both_catalogues_give_is_not_revoked_in_between() -> None:
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE, certificate("paper", HAS_ONE, Policy.REVOKE)), NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])
    harder = certificate("paper", AllOf(parts=(HAS_ONE, grade_of(C, 6_000))), Policy.REVOKE)
    replay.catalogue(catalogue_of(ONE_BADGE, badge(TWO, grade_of(C, 100)), harder, version=2), NOW)

    assert REVOKED not in {award.status for award in replay.awards}


def test_one_event_that_speaks_of_two_periods_leads_to_the_same_in_any_order() -> None:
    whole, period = release(1, False), release(1, True, period="p")
    graded = fact(Kind.CALCULATED_GRADE, 2, 7_000, period="p")

    def due(facts: list[Fact | CourseFact]) -> object:
        replay = Replay()
        replay.catalogue(EASY, NOW)
        replay.facts(facts)
        return replay.entitlements(TENANT)

    assert due([whole, period, graded]) == due([period, whole, graded])


def test_what_stands_side_by_side_is_decided_in_the_same_order_in_every_process() -> None:
    names = tuple(CredentialId(f"n{at}") for at in range(40))
    built = badge("built", Badges(at_least=2, of=names))
    ready = rulebook(catalogue_of(built, *[badge(name, grade_of(C, at)) for at, name in enumerate(names)]))

    assert ready.in_order(ready.rules) == [*names, CredentialId("built")]


def test_many_credentials_that_one_fact_meets_are_decided_in_their_order_and_once() -> None:
    names = tuple(CredentialId(f"n{at}") for at in range(40))
    built = badge("built", Badges(at_least=len(names), of=names), Policy.REVOKE)
    known = progress(catalogue_of(built, *[badge(name, grade_of(C, at)) for at, name in enumerate(names)]), [])
    decide.decide_fact(known, grade(LEARNERS[0], 7_000))

    assert [credential for _, credential, _, _ in told(known)] == [*names, CredentialId("built")]
    assert {revision for _, _, revision, _ in told(known)} == {1}


def test_of_who_holds_nothing_nothing_is_told_until_their_first_badge_and_the_certificate_follows() -> None:
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE, certificate("paper", HAS_ONE)), NOW)
    decide.decide_fact(replay.known, grade(LEARNERS[0], 1_000))
    assert replay.known.decisions.held == []

    decide.decide_fact(replay.known, grade(LEARNERS[0], 7_000, time=2))
    [held] = replay.known.decisions.held
    assert isinstance(held, Held)
    certify.decide_held(replay.of_certificates, held)

    assert told(replay.of_certificates) == [(LEARNERS[0], CredentialId("paper"), 1, AWARDED)]


@pytest.mark.parametrize("policy", Policy)
def test_a_certificate_is_not_given_for_parts_that_never_held_together(policy: Policy) -> None:
    has_two = Badges(at_least=1, of=(TWO,))
    two = badge(TWO, grade_of(D, 5_000), Policy.REVOKE)
    replay = Replay()
    replay.catalogue(catalogue_of(two, certificate("paper", AllOf(parts=(has_two, grade_of(C, 5_000))), policy)), NOW)
    replay.facts([grade(LEARNERS[0], 7_000, time=1), grade(LEARNERS[0], 0, time=3)])
    replay.facts([grade(LEARNERS[0], 7_000, time=5, course=D)])

    assert [award.credential for award in replay.awards] == [TWO]


@pytest.mark.parametrize(("policy", "status"), [(Policy.KEEP, AWARDED), (Policy.REVOKE, Status.REVOKED)])
def test_a_certificate_whose_own_part_is_lost_follows_its_own_policy(policy: Policy, status: Status) -> None:
    paper = certificate("paper", AllOf(parts=(HAS_ONE, grade_of(D, 5_000))), policy)
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE, paper), NOW)
    replay.facts([grade(LEARNERS[0], 7_000), grade(LEARNERS[0], 7_000, course=D)])
    replay.facts([grade(LEARNERS[0], 0, time=5, course=D)])

    awards = [award for award in replay.awards if award.credential == "paper"]
    assert [awards[0].status, awards[-1].status] == [AWARDED, status]
    assert len(awards[0].evidence) == 2


@pytest.mark.parametrize("policy", Policy)
def test_a_certificate_that_asks_for_one_badge_without_the_other_is_not_given_for_the_event_that_earns_both(
    policy: Policy,
) -> None:
    has_two = Badges(at_least=1, of=(TWO,))
    papers = [
        certificate("paper", AllOf(parts=(HAS_ONE, Not(of=has_two))), policy),
        certificate("other", AllOf(parts=(has_two, Not(of=HAS_ONE))), policy),
    ]
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE, badge(TWO, grade_of(C, 6_000)), *papers), NOW)
    replay.facts([grade(LEARNERS[0], 7_000)])

    assert {award.credential for award in replay.awards} == {ONE, TWO}


def test_a_certificate_with_a_not_of_its_own_is_given_to_those_of_whom_nothing_was_said_there() -> None:
    paper = certificate("paper", AllOf(parts=(HAS_ONE, Not(of=grade_of(D, 5_000)))), Policy.REVOKE)
    replay = Replay()
    replay.catalogue(catalogue_of(ONE_BADGE, paper), NOW)
    replay.facts([grade(learner, 7_000) for learner in LEARNERS[:2]])
    replay.facts([grade(LEARNERS[0], 7_000, time=5, course=D)])

    found = {award.learner: award.status for award in replay.awards if award.credential == "paper"}
    assert found == {LEARNERS[0]: Status.REVOKED, LEARNERS[1]: AWARDED}


def test_a_badge_with_a_not_about_another_course_is_given_to_those_of_whom_nothing_was_said_there() -> None:
    replay = Replay()
    replay.catalogue(
        catalogue_of(badge(ONE, AllOf(parts=(grade_of(C, 5_000), Not(of=grade_of(D, 5_000)))), Policy.REVOKE)), NOW
    )
    replay.facts([grade(LEARNERS[0], 7_000, time=2)])
    [award] = replay.awards
    assert [(one.clause, len(one.events)) for one in award.evidence] == [
        ("final_grade c/1 ≥ 50", 1),
        ("not final_grade c2 ≥ 50", 0),
    ]

    replay.facts([grade(LEARNERS[0], 7_000, time=5, course=D), grade(LEARNERS[0], 0, time=9, course=D)])
    spans = [(one.since, one.until) for one in replay.entitlements(TENANT)[LearnerKey(TENANT, LEARNERS[0]), ONE]]
    assert spans == [(2, 5), (9, FOREVER)]


def test_a_standing_is_told_again_when_a_late_fact_shows_that_a_deadline_was_met() -> None:
    both = AllOf(parts=(grade_of(C, 5_000), grade_of(D, 5_000)))
    in_time = Before(time=5, of=both)
    replay = Replay()
    replay.catalogue(catalogue_of(badge(ONE, AllOf(parts=(in_time, ItemGrade(course=C, item="i1", at_least=1))))), NOW)
    replay.facts([grade(LEARNERS[0], 7_000, time=2), grade(LEARNERS[0], 7_000, time=7, course=D)])
    [late] = replay.standings()
    replay.known.decisions = Decisions()
    replay.facts([grade(LEARNERS[0], 7_000, time=3, course=D)])
    [early] = replay.standings()

    assert [far.progress.parts[0].met for far in (late, early)] == [False, True]
    assert early.progress.parts[0].parts[0].met
    assert replay.awards == []


def test_a_certificate_that_counts_what_was_lost_since_leads_to_the_events_that_met_it() -> None:
    paper = certificate("paper", AllOf(parts=(HAS_ONE, grade_of(D, 5_000))))
    replay = Replay()
    replay.facts([grade(LEARNERS[0], 7_000), grade(LEARNERS[0], 7_000, time=2, course=D)])
    replay.facts([grade(LEARNERS[0], 0, time=5, course=D)])
    replay.catalogue(catalogue_of(ONE_BADGE, paper), NOW)
    [(_, ledger)] = replay.known.ledger.scan("")
    [milestone] = [entry for credential, entry in ledger.entries.items() if credential != ONE]

    assert replay.awards[-1].credential == "paper"
    assert milestone.status is REVOKED
    assert [len(one.events) for one in milestone.evidence] == [1]
