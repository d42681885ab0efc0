"""
Cases: what a learner does, told in a line, and what becomes of the badge, told in another.

`given` is a list of events as "DAY WHAT", in the order in which they arrive; what comes late has an earlier day than
what stands before it. `expected` is the status from each day on: "3 awarded, 7 revoked" says that nothing was due
before day 3. It is read off the entitlements, and the last is compared with what was told.

Policies that come later have their place in POLICIES.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from rules.criteria import (
    OUTSIDE,
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
    parts_of,
)
from rules.facts import CourseFact, Fact, Kind
from rules.keys import CredentialId, LearnerKey
from rules.ledger import Status
from rules.lengths import MICROSECONDS_A_DAY, Length
from rules.policies import Ending, Policy
from rules.replay import Replay
from rules.spans import FOREVER
from tests.stories import COURSES, LEARNERS, NOW, TENANT, badge, catalogue_of, fact, outline, release

C, D = COURSES
PASSED = FinalGrade(course=C, at_least=7_000)
PASSED_D = FinalGrade(course=D, at_least=7_000)
EXAM = ItemGrade(course=C, item="exam", at_least=5_000)
BADGE = CredentialId("badge")
ONE, TWO, THREE = (CredentialId(name) for name in ("one", "two", "three"))
# Badges that are counted: each is held while the topic of its name is complete.
COUNTED = [badge(name, TopicsCompleted(course=D, topics=(name,)), Policy.REVOKE) for name in (ONE, TWO, THREE)]
KEEP, REVOKE = Policy.KEEP, Policy.REVOKE
POLICIES = {"keep": KEEP, "revoke": REVOKE}

Said = Fact | CourseFact
WORDS: dict[str, Callable[[int, list[str]], Said]] = {
    "grade": lambda at, words: fact(Kind.CALCULATED_GRADE, at, _score(words[0])),
    "grade-d": lambda at, words: fact(Kind.CALCULATED_GRADE, at, _score(words[0]), course=D),
    "adjusted": lambda at, words: fact(Kind.ADJUSTED_GRADE, at, _score(words[0])),
    "muted": lambda at, words: _with_release(fact(Kind.CALCULATED_GRADE, at, _score(words[0])), released=False),
    "shown": lambda at, words: _with_release(fact(Kind.CALCULATED_GRADE, at, _score(words[0])), released=True),
    "item": lambda at, words: fact(Kind.ITEM_GRADE, at, _score(words[1]), thing=words[0]),
    "muted-item": lambda at, words: _with_release(
        fact(Kind.ITEM_GRADE, at, _score(words[1]), thing=words[0]), released=False
    ),
    "done": lambda at, words: fact(Kind.TOPIC, at, 1, thing=words[0]),
    "undone": lambda at, words: fact(Kind.TOPIC, at, 0, thing=words[0]),
    "exempted": lambda at, words: fact(Kind.EXEMPTION, at, 1, thing=words[0]),
    "unexempted": lambda at, words: fact(Kind.EXEMPTION, at, 0, thing=words[0]),
    "earned": lambda at, words: fact(Kind.TOPIC, at, 1, thing=words[0], course=D),
    "lost": lambda at, words: fact(Kind.TOPIC, at, 0, thing=words[0], course=D),
    "outline": lambda at, words: outline(at, *words),
    "released": lambda at, _: release(at, True),
    "unreleased": lambda at, _: release(at, False),
    "completed": lambda at, _: fact(Kind.COURSE_COMPLETED, at, 1),
    "uncompleted": lambda at, _: fact(Kind.COURSE_COMPLETED, at, 0),
    "attended": lambda at, _: fact(Kind.PARTICIPATED, at, 1, thing="attended"),
    "posted": lambda at, _: fact(Kind.PARTICIPATED, at, 1, thing="posted"),
    "not-attended": lambda at, _: fact(Kind.PARTICIPATED, at, 0, thing="attended"),
    "attended-elsewhere": lambda at, _: fact(Kind.PARTICIPATED, at, 1, thing="attended", course=OUTSIDE),
    "recognised": lambda at, words: fact(Kind.PRIOR_LEARNING, at, 1, thing=words[0], course=OUTSIDE),
    "unrecognised": lambda at, words: fact(Kind.PRIOR_LEARNING, at, 0, thing=words[0], course=OUTSIDE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked for, under which policy, what is said, and what follows."""

    criterion: Criterion
    policy: Policy
    given: str
    expected: str


def _score(percent: str) -> int | None:
    return None if percent == "cleared" else int(percent) * 100


def _with_release(said: Fact, *, released: bool) -> Fact:
    statement = said.statement._replace(released=released, event_id=f"{said.statement.event_id}-{released}")
    return Fact(register=said.register, statement=statement, received_at=said.received_at)


def said_in(given: str) -> list[Said]:
    """The events of a line; its times are days, so that windows have something to measure."""
    events = []
    for event in filter(None, map(str.strip, given.split(","))):
        day, word, *words = event.split()
        events.append(WORDS[word](int(day) * MICROSECONDS_A_DAY, words))
    return events


def keep(criterion: Criterion, given: str, expected: str) -> Case:
    return Case(criterion=criterion, policy=KEEP, given=given, expected=expected)


def revoke(criterion: Criterion, given: str, expected: str) -> Case:
    return Case(criterion=criterion, policy=REVOKE, given=given, expected=expected)


CALCULATED = CalculatedGrade(course=C, at_least=7_000)
UNSEEN = FinalGrade(course=C, at_least=7_000, unreleased_too=True)
UNSEEN_EXAM = ItemGrade(course=C, item="exam", at_least=5_000, unreleased_too=True)
MEAN = WeightedGrade(course=C, items=(("essay", 1), ("exam", 3)), at_least=7_000)
OUTLINED = TopicsCompleted(course=C, topics="all")
LISTED = TopicsCompleted(course=C, topics=("a", "b"))
ANY_TWO = TopicsCompleted(course=C, topics=2)
COMPLETED = CourseCompleted(course=C)
ATTENDED_TWICE = Participated(course=C, kind="attended", times=2)
TOOK_PART_TWICE = Participated(course=C, kind="", times=2)
ELSEWHERE = Participated(course=OUTSIDE, kind="attended", times=1)
RECOGNISED = PriorLearning(achievement="work")
BOTH = Badges(at_least=2, of=(ONE, TWO))
TWO_OF_THREE = Badges(at_least=2, of=(ONE, TWO, THREE))
CLOSE = Badges(at_least=2, of=(ONE, TWO, THREE), within=Length(days=5))
IN_TIME = Before(time=5 * MICROSECONDS_A_DAY, of=PASSED)
WITHOUT_EXAM = AllOf(parts=(PASSED, Not(of=EXAM)))
TWO_PARTS = AtLeastOf(count=2, parts=(PASSED, EXAM, COMPLETED))

CASES = {
    "a grade at the bar earns it": keep(PASSED, "3 grade 70", "3 awarded"),
    "a grade below the bar does not": keep(PASSED, "3 grade 69", ""),
    "a grade that goes up earns it then": keep(PASSED, "3 grade 60, 5 grade 75", "5 awarded"),
    "what a grade earned is kept when it goes down": keep(PASSED, "3 grade 75, 5 grade 60", "3 awarded"),
    "what a grade earned is taken back when it goes down": revoke(
        PASSED, "3 grade 75, 5 grade 60", "3 awarded, 5 revoked"
    ),
    "what a grade earned comes back when it goes up again": revoke(
        PASSED, "3 grade 75, 5 grade 60, 8 grade 80", "3 awarded, 5 revoked, 8 awarded"
    ),
    "a cleared grade is no grade": revoke(PASSED, "3 grade 75, 5 grade cleared", "3 awarded, 5 revoked"),
    "what a cleared grade earned is kept": keep(PASSED, "3 grade 75, 5 grade cleared", "3 awarded"),
    "a muted grade does not count until it is shown": revoke(PASSED, "3 muted 75, 6 shown 75", "6 awarded"),
    "a grade that is muted again is taken back": revoke(PASSED, "3 shown 75, 6 muted 75", "3 awarded, 6 revoked"),
    "what a grade earned that is muted later is kept": keep(PASSED, "3 shown 75, 6 muted 75", "3 awarded"),
    "a course that releases its grades lets them count": revoke(PASSED, "3 grade 75, 6 released", "6 awarded"),
    "a course that takes its release back takes them away": revoke(
        PASSED, "1 released, 3 grade 75, 6 unreleased", "3 awarded, 6 revoked"
    ),
    "an adjusted grade that lifts counts": keep(PASSED, "3 grade 60, 5 adjusted 70", "5 awarded"),
    "an adjusted grade that lowers counts": revoke(PASSED, "3 grade 75, 5 adjusted 60", "3 awarded, 5 revoked"),
    "a cleared adjustment gives the word back": revoke(
        PASSED, "3 grade 75, 5 adjusted 60, 7 adjusted cleared", "3 awarded, 5 revoked, 7 awarded"
    ),
    "a correction that arrives late is judged by when it was made": revoke(
        PASSED, "3 grade 75, 9 grade 80, 5 grade 60", "3 awarded, 5 revoked, 9 awarded"
    ),
    "the calculated grade does not hear of adjustments": revoke(CALCULATED, "3 grade 75, 5 adjusted 10", "3 awarded"),
    "the calculated grade goes down by itself": revoke(CALCULATED, "3 grade 75, 5 grade 10", "3 awarded, 5 revoked"),
    "what the calculated grade earned is kept": keep(CALCULATED, "3 grade 75, 5 grade 10", "3 awarded"),
    "released or not counts a muted grade": revoke(UNSEEN, "3 muted 75, 6 shown 75", "3 awarded"),
    "released or not does not hear of the course": keep(UNSEEN, "1 unreleased, 3 grade 75", "3 awarded"),
    "an item's grade earns it": keep(EXAM, "3 item exam 50", "3 awarded"),
    "another item's grade does not": keep(EXAM, "3 item essay 90", ""),
    "an item's grade that is lowered is taken back": revoke(
        EXAM, "3 item exam 50, 6 item exam 49", "3 awarded, 6 revoked"
    ),
    "an item's grade that is cleared is kept where it is kept": keep(
        EXAM, "3 item exam 50, 6 item exam cleared", "3 awarded"
    ),
    "an item's muted grade does not count": revoke(EXAM, "3 muted-item exam 90", ""),
    "an item's muted grade counts where it may": revoke(UNSEEN_EXAM, "3 muted-item exam 90", "3 awarded"),
    "a mean waits for its last item": keep(MEAN, "3 item essay 70, 5 item exam 70", "5 awarded"),
    "a mean of one item alone is none": keep(MEAN, "3 item exam 100", ""),
    "a mean weighs its items": keep(MEAN, "3 item essay 100, 5 item exam 59, 7 item exam 60", "7 awarded"),
    "a mean is lost with a cleared item": revoke(
        MEAN, "3 item essay 70, 5 item exam 70, 7 item essay cleared", "5 awarded, 7 revoked"
    ),
    "a mean that was reached is kept": keep(MEAN, "3 item essay 70, 5 item exam 70, 7 item exam 0", "5 awarded"),
    "all topics of the outline earn it": keep(OUTLINED, "1 outline a b, 3 done a, 5 done b", "5 awarded"),
    "an outline that grows takes it back": revoke(
        OUTLINED, "1 outline a, 3 done a, 6 outline a b", "3 awarded, 6 revoked"
    ),
    "an outline that grows leaves what is kept": keep(OUTLINED, "1 outline a, 3 done a, 6 outline a b", "3 awarded"),
    "an outline that grew earlier than was known takes it away": revoke(
        OUTLINED, "1 outline a, 3 done a, 2 outline a b, 7 done b", "7 awarded"
    ),
    "an outline that shrinks earns it": keep(OUTLINED, "1 outline a b, 3 done a, 6 outline a", "6 awarded"),
    "a topic that is uncompleted takes it back": revoke(
        LISTED, "3 done a, 4 done b, 7 undone a", "4 awarded, 7 revoked"
    ),
    "a topic that is uncompleted leaves what is kept": keep(LISTED, "3 done a, 4 done b, 7 undone a", "4 awarded"),
    "an exemption stands for a topic": revoke(LISTED, "3 done a, 5 exempted b", "5 awarded"),
    "an exemption that is taken back takes it back": revoke(
        LISTED, "3 done a, 5 exempted b, 8 unexempted b", "5 awarded, 8 revoked"
    ),
    "exemptions alone earn nothing": keep(LISTED, "3 exempted a, 5 exempted b", ""),
    "any two topics earn it": keep(ANY_TWO, "3 done x, 5 done y", "5 awarded"),
    "any two topics do not count exemptions": keep(ANY_TWO, "3 done x, 5 exempted y", ""),
    "any two topics are lost with one of them": revoke(
        ANY_TWO, "3 done x, 5 done y, 6 undone x", "5 awarded, 6 revoked"
    ),
    "a completed course earns it": keep(COMPLETED, "4 completed", "4 awarded"),
    "a course that is not completed after all takes it back": revoke(
        COMPLETED, "4 completed, 6 uncompleted", "4 awarded, 6 revoked"
    ),
    "a course that is completed twice is completed once": revoke(COMPLETED, "4 completed, 6 completed", "4 awarded"),
    "the second attendance earns it": keep(ATTENDED_TWICE, "2 attended, 5 attended, 7 attended", "5 awarded"),
    "one attendance does not": keep(ATTENDED_TWICE, "2 attended, 5 posted", ""),
    "what is sent twice is one attendance": keep(ATTENDED_TWICE, "2 attended, 2 attended", ""),
    "an attendance that was none does not count": revoke(ATTENDED_TWICE, "2 attended, 4 not-attended", ""),
    "a late attendance moves the second one": revoke(ATTENDED_TWICE, "5 attended, 7 attended, 2 attended", "5 awarded"),
    "participations of any kind are counted together": keep(TOOK_PART_TWICE, "2 attended, 5 posted", "5 awarded"),
    "what was attended in a course was not attended elsewhere": keep(ELSEWHERE, "2 attended", ""),
    "what was attended elsewhere counts there": keep(ELSEWHERE, "2 attended-elsewhere", "2 awarded"),
    "prior learning counts from its recognition on": keep(RECOGNISED, "4 recognised work", "4 awarded"),
    "other prior learning does not count": keep(RECOGNISED, "4 recognised abroad", ""),
    "a recognition that is taken back takes it back": revoke(
        RECOGNISED, "4 recognised work, 9 unrecognised work", "4 awarded, 9 revoked"
    ),
    "two badges earn a third": keep(BOTH, "3 earned one, 6 earned two", "6 awarded"),
    "two badges must be held together": keep(BOTH, "3 earned one, 5 lost one, 6 earned two", ""),
    "a badge that is lost takes the third back": revoke(
        BOTH, "3 earned one, 6 earned two, 8 lost one", "6 awarded, 8 revoked"
    ),
    "any two of three badges do": revoke(
        TWO_OF_THREE, "3 earned one, 6 earned three, 7 earned two, 9 lost one", "6 awarded"
    ),
    "badges within the window earn it": keep(CLOSE, "3 earned one, 8 earned two", "8 awarded"),
    "badges too far apart do not": keep(CLOSE, "3 earned one, 9 earned two", ""),
    "a third badge finds a second within its window": keep(
        CLOSE, "1 earned one, 9 earned two, 12 earned three", "12 awarded"
    ),
    "a badge of the window that is lost takes it back": revoke(
        CLOSE, "3 earned one, 5 earned two, 9 lost one", "5 awarded, 9 revoked"
    ),
    "what was met before its time stays met": revoke(IN_TIME, "4 grade 75, 6 grade 10", "4 awarded"),
    "what is met at its time is met too late": keep(IN_TIME, "5 grade 75", ""),
    "what was met in time and arrives late counts": revoke(IN_TIME, "9 grade 75, 4 grade 80", "4 awarded"),
    "what was met too late is not met by what was too low in time": revoke(IN_TIME, "6 grade 75, 4 grade 10", ""),
    "what must not be is not there at first": revoke(WITHOUT_EXAM, "3 grade 75", "3 awarded"),
    "what must not be comes, and it is taken back": revoke(
        WITHOUT_EXAM, "3 grade 75, 6 item exam 90", "3 awarded, 6 revoked"
    ),
    "what must not be comes, and what was earned is kept": keep(
        WITHOUT_EXAM, "3 grade 75, 6 item exam 90", "3 awarded"
    ),
    "what must not be goes, and it comes back": revoke(
        WITHOUT_EXAM, "3 grade 75, 6 item exam 90, 8 item exam 10", "3 awarded, 6 revoked, 8 awarded"
    ),
    "what must not be was there before": keep(WITHOUT_EXAM, "2 item exam 90, 3 grade 75", ""),
    "all parts must hold together": keep(AllOf(parts=(PASSED, EXAM)), "3 grade 75, 5 grade 10, 7 item exam 90", ""),
    "all parts of two courses earn it": keep(AllOf(parts=(PASSED, PASSED_D)), "3 grade 75, 5 grade-d 75", "5 awarded"),
    "all parts are lost with one": revoke(
        AllOf(parts=(PASSED, PASSED_D)), "3 grade 75, 5 grade-d 75, 8 grade-d 0", "5 awarded, 8 revoked"
    ),
    "any part is enough, and another takes over": revoke(
        AnyOf(parts=(PASSED, EXAM)), "3 grade 75, 5 item exam 90, 7 grade 0", "3 awarded"
    ),
    "what any part earned is kept": keep(AnyOf(parts=(PASSED, EXAM)), "3 item exam 90, 5 item exam 0", "3 awarded"),
    "the last of any parts is lost": revoke(
        AnyOf(parts=(PASSED, EXAM)), "3 grade 75, 5 grade 0", "3 awarded, 5 revoked"
    ),
    "two of three parts earn it": keep(TWO_PARTS, "3 grade 75, 5 completed", "5 awarded"),
    "two of three parts are lost with one of two": revoke(
        TWO_PARTS, "3 grade 75, 5 completed, 7 grade 0", "5 awarded, 7 revoked"
    ),
    "of three parts one may go": revoke(TWO_PARTS, "3 grade 75, 5 completed, 6 item exam 60, 7 grade 0", "5 awarded"),
}


def judged(case: Case, events: list[Said]) -> Replay:
    replay = Replay()
    replay.catalogue(catalogue_of(*COUNTED, badge(BADGE, case.criterion, case.policy)), NOW)
    replay.facts(events)
    return replay


def timeline(replay: Replay) -> str:
    """What is due and what ends, in the words of a case."""
    told = []
    for span in replay.entitlements(TENANT).get((LearnerKey(TENANT, LEARNERS[0]), BADGE), ()):
        told.append(f"{span.since // MICROSECONDS_A_DAY} awarded")
        if span.until != FOREVER:
            ending = "revoked" if span.ending is Ending.LOST else "expired"
            told.append(f"{span.until // MICROSECONDS_A_DAY} {ending}")
    return ", ".join(told)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_so_that(case: Case) -> None:
    replay = judged(case, said_in(case.given))

    assert timeline(replay) == case.expected
    last = case.expected.rpartition(" ")[2]
    told = [award.status for award in replay.awards if award.credential == BADGE]
    if last:
        assert told[-1] == Status(last)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_so_in_any_order(case: Case) -> None:
    events = said_in(case.given)

    assert timeline(judged(case, [*reversed(events), *events])) == case.expected


def test_the_cases_have_every_criterion_under_every_policy() -> None:
    used = {(kind, case.policy) for case in CASES.values() for kind in _kinds(case.criterion)}
    kinds = {kind for kind, _ in used}

    assert len(CASES) >= 60
    assert len(kinds) == 15 - 1  # clauses stand in rulebooks alone
    assert used == {(kind, policy) for kind in kinds for policy in POLICIES.values()}


def _kinds(criterion: Criterion) -> set[str]:
    return {type(criterion).__name__}.union(*map(_kinds, parts_of(criterion)))
