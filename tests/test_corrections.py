"""Every policy with every correction: what is told, and when, of a badge whose facts are put right afterwards."""

from typing import NamedTuple

import pytest

from rules.ledger import Status
from rules.lengths import Length
from rules.policies import Policy
from rules.spans import Spans
from rules.validity import Validity
from tests.stories import DAY
from tests.test_status import AWARDED, EXPIRED, REVOKED, Learner, days, days_met, next_day, until

KEEP, REVOKE = Policy.KEEP, Policy.REVOKE
NEVER: Spans = ()
FOR_GOOD = days_met((3, None))


class Told(NamedTuple):
    """A message: its revision, its status, and the days since which it is due and on which it expires."""

    revision: int
    status: Status
    since: int | None
    expires: int | None = None


class Step(NamedTuple):
    """On that day the criteria are known to have been met so, and that is what is told of it."""

    day: int
    met: Spans
    told: Told | None = None


class Case(NamedTuple):
    sentence: str
    policy: Policy
    steps: tuple[Step, ...]
    grace: Length | None = None
    valid_for: Validity | None = None


ON_4 = Step(4, FOR_GOOD, Told(1, AWARDED, 3))
CASES = [
    # The grade falls.
    Case("keep: who loses what was met keeps", KEEP, (ON_4, Step(7, days_met((3, 6))))),
    Case(
        "revoke: who loses what was met loses the badge",
        REVOKE,
        (ON_4, Step(7, days_met((3, 6)), Told(2, REVOKED, 3))),
    ),
    Case(
        "grace: who loses what was met loses the badge when grace is over, and is told nothing until then",
        REVOKE,
        (ON_4, Step(7, days_met((3, 6))), Step(8, days_met((3, 6)), Told(2, REVOKED, 3))),
        grace=days(2),
    ),
    Case(
        "grace: who meets it again in time never loses the badge",
        REVOKE,
        (
            ON_4,
            Step(7, days_met((3, 6))),
            Step(8, days_met((3, 6), (7, None))),
            Step(99, days_met((3, 6), (7, None))),
        ),
        grace=days(2),
    ),
    Case(
        "grace: a loss that is heard of when grace is long over is told at once",
        REVOKE,
        (ON_4, Step(40, days_met((3, 6)), Told(2, REVOKED, 3))),
        grace=days(2),
    ),
    Case(
        "validity and keep: who loses what was met keeps until it expires",
        KEEP,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(7, days_met((3, 6))),
            Step(12, days_met((3, 6))),
            Step(13, days_met((3, 6)), Told(2, EXPIRED, 3, 13)),
        ),
        valid_for=days(10),
    ),
    Case(
        "validity and revoke: who loses what was met loses the badge, and it does not expire any more",
        REVOKE,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(7, days_met((3, 6)), Told(2, REVOKED, 3)),
            Step(13, days_met((3, 6))),
        ),
        valid_for=days(10),
    ),
    Case(
        "revoke: when it was lost may be corrected, and that is told to nobody",
        REVOKE,
        (ON_4, Step(7, days_met((3, 6)), Told(2, REVOKED, 3)), Step(7, days_met((3, 5)))),
    ),
    # What was met and lost is met again.
    Case(
        "revoke: who meets it again has the same award with a higher revision",
        REVOKE,
        (
            ON_4,
            Step(7, days_met((3, 6)), Told(2, REVOKED, 3)),
            Step(9, days_met((3, 6), (8, None)), Told(3, AWARDED, 8)),
        ),
    ),
    Case(
        "validity and keep: what has expired is not earned again",
        KEEP,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(13, FOR_GOOD, Told(2, EXPIRED, 3, 13)),
            Step(20, days_met((3, 15), (18, None))),
        ),
        valid_for=days(10),
    ),
    Case(
        "validity and revoke: what has expired is earned again by who loses it and meets it anew",
        REVOKE,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(13, FOR_GOOD, Told(2, EXPIRED, 3, 13)),
            Step(14, FOR_GOOD),
            Step(20, days_met((3, 15), (18, None)), Told(3, AWARDED, 18, 28)),
            Step(28, days_met((3, 15), (18, None)), Told(4, EXPIRED, 18, 28)),
        ),
        valid_for=days(10),
    ),
    Case(
        "the next such day: each time that it is earned it is valid until the next",
        REVOKE,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 10)),
            Step(10, FOR_GOOD, Told(2, EXPIRED, 3, 10)),
            Step(20, days_met((3, 15), (18, None)), Told(3, AWARDED, 18, 10 + 365)),
        ),
        valid_for=next_day(9),
    ),
    # A late fact moves the beginning.
    Case("keep: an earlier beginning is told", KEEP, (ON_4, Step(5, days_met((2, None)), Told(2, AWARDED, 2)))),
    Case("revoke: a later beginning is told", REVOKE, (ON_4, Step(5, days_met((4, None)), Told(2, AWARDED, 4)))),
    Case(
        "validity and keep: an earlier beginning does not shorten what was said",
        KEEP,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(5, days_met((2, None))),
            Step(13, days_met((2, None)), Told(2, EXPIRED, 3, 13)),
        ),
        valid_for=days(10),
    ),
    Case(
        "validity and keep: a later beginning moves the end",
        KEEP,
        (Step(6, FOR_GOOD, Told(1, AWARDED, 3, 13)), Step(7, days_met((5, None)), Told(2, AWARDED, 5, 15))),
        valid_for=days(10),
    ),
    Case(
        "validity and revoke: an earlier beginning moves the end, which may have passed",
        REVOKE,
        (Step(12, FOR_GOOD, Told(1, AWARDED, 3, 13)), Step(12, days_met((2, None)), Told(2, EXPIRED, 2, 12))),
        valid_for=days(10),
    ),
    Case(
        "a fixed day: the beginning moves, and the end does not",
        REVOKE,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 6)),
            Step(4, days_met((2, None)), Told(2, AWARDED, 2, 6)),
            Step(6, days_met((2, None)), Told(3, EXPIRED, 2, 6)),
        ),
        valid_for=until(5),
    ),
    # It was never met after all.
    Case("keep: what was never met binds all the same", KEEP, (ON_4, Step(7, NEVER))),
    Case("revoke: what was never met is taken back", REVOKE, (ON_4, Step(7, NEVER, Told(2, REVOKED, None)))),
    Case(
        "grace: it is for what was met, and so what was never met is taken back at once",
        REVOKE,
        (ON_4, Step(7, NEVER, Told(2, REVOKED, None))),
        grace=days(30),
    ),
    Case(
        "validity and keep: what was never met binds until it expires",
        KEEP,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(7, NEVER),
            Step(13, NEVER, Told(2, EXPIRED, 3, 13)),
            Step(14, NEVER),
        ),
        valid_for=days(10),
    ),
    Case(
        "validity and revoke: what has expired and was never met is taken back",
        REVOKE,
        (
            Step(4, FOR_GOOD, Told(1, AWARDED, 3, 13)),
            Step(13, FOR_GOOD, Told(2, EXPIRED, 3, 13)),
            Step(14, NEVER, Told(3, REVOKED, None)),
        ),
        valid_for=days(10),
    ),
    # It comes too late.
    Case(
        "a fixed day: what is met after it is never awarded",
        KEEP,
        (Step(9, days_met((8, None))), Step(99, days_met((8, None)))),
        valid_for=until(5),
    ),
    Case(
        "validity: what is heard of when it has expired is told as expired",
        KEEP,
        (Step(40, FOR_GOOD, Told(1, EXPIRED, 3, 13)),),
        valid_for=days(10),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_what_is_told_of_each_correction_under_each_policy(case: Case) -> None:
    learner = Learner(case.policy, case.grace, case.valid_for)
    for step in case.steps:
        told = learner.judged(step.met, step.day * DAY)
        assert [learner.judged(step.met, step.day * DAY), len(told)] == [[], int(step.told is not None)], step
        if step.told is not None:
            award = learner.awards[-1]
            times = [None if at is None else at / DAY for at in (award.met_at, award.expires_at)]
            assert Told(award.revision, award.status, *times) == step.told  # type: ignore[arg-type]  # whole days
    assert len({award.award_id for award in learner.awards}) <= 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_what_will_end_by_the_clock_is_waited_for(case: Case) -> None:
    """Whatever is told on a later day with nothing new known is due on the agenda at that very day."""
    learner = Learner(case.policy, case.grace, case.valid_for)
    before: Step | None = None
    for step in case.steps:
        if before is not None and before.met == step.met and step.told is not None:
            while learner.due_at is not None and learner.due_at < step.day * DAY:
                assert learner.judged(step.met, learner.due_at) == []
            assert learner.due_at == step.day * DAY
        learner.judged(step.met, step.day * DAY)
        before = step
