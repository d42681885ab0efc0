"""Policies over time: what is told of badges and certificates as the clock moves and facts are corrected."""

from dataclasses import replace

import pytest

from rules.awards import Award
from rules.catalogue import Credential
from rules.criteria import Badges, FinalGrade
from rules.facts import Fact, Kind
from rules.keys import CredentialId, Instant, LearnerId
from rules.ledger import Status
from rules.lengths import Length
from rules.policies import Policy
from rules.replay import Replay
from tests.stories import COURSES, DAY, LEARNERS, badge, catalogue_of, certificate, fact
from tests.test_status import days, next_day

AWARDED, REVOKED, EXPIRED = Status.AWARDED, Status.REVOKED, Status.EXPIRED
KEEP, REVOKE = Policy.KEEP, Policy.REVOKE
ONE, TWO = CredentialId("one"), CredentialId("two")
FIRST, SECOND = (
    badge(name, FinalGrade(course=course, at_least=5_000), REVOKE)
    for name, course in (("one", COURSES[0]), ("two", COURSES[1]))
)
BOTH = certificate("paper", Badges(at_least=2, of=(ONE, TWO)), REVOKE)


def at(day: int) -> Instant:
    return Instant(day * DAY)


def grade(day: int, value: int, *, course: int = 0, learner: LearnerId = LEARNERS[0]) -> Fact:
    """A grade of that day, heard of at its end."""
    return fact(
        Kind.CALCULATED_GRADE, day * DAY, value, course=COURSES[course], learner=learner, received_at=at(day + 1)
    )


def told(replay: Replay, credential: str) -> list[tuple[int, Status, int]]:
    """What was told of a credential: the day of the decision, the status, and the revision."""
    of = [award for award in replay.awards if award.credential == credential]
    assert len({award.award_id for award in of}) <= 1
    return [(award.decided_at // DAY, award.status, award.revision) for award in of]


def lived(*credentials: Credential, facts: tuple[Fact, ...], days: int) -> Replay:
    """So many days, in which facts are heard of one by one, and the clock is heard of each day."""
    replay = Replay()
    replay.catalogue(catalogue_of(*credentials), at(0))
    for day in range(1, days + 1):
        replay.facts([fact for fact in facts if fact.received_at == at(day)])
        replay.advance(at(day))
    return replay


BOTH_EARNED = (grade(1, 7_000), grade(1, 7_000, course=1))


def test_a_certificate_follows_its_badges_down_and_up_again_as_the_same_award() -> None:
    facts = (*BOTH_EARNED, grade(9, 0), grade(19, 6_000), grade(29, 0, course=1), grade(39, 9_000, course=1))
    replay = lived(FIRST, SECOND, BOTH, facts=facts, days=50)

    assert told(replay, "one") == [(2, AWARDED, 1), (10, REVOKED, 2), (20, AWARDED, 3)]
    assert told(replay, "two") == [(2, AWARDED, 1), (30, REVOKED, 2), (40, AWARDED, 3)]
    assert told(replay, "paper") == [
        *((2, AWARDED, 1), (10, REVOKED, 2), (20, AWARDED, 3)),
        *((30, REVOKED, 4), (40, AWARDED, 5)),
    ]
    last = replay.in_force()[award_of(replay, "paper")]
    assert last.met_at == at(39)
    assert set(last.evidence[0].awards) == {award_of(replay, "one"), award_of(replay, "two")}


def award_of(replay: Replay, credential: str) -> str:
    return next(award.award_id for award in replay.awards if award.credential == credential)


def test_a_certificate_that_is_kept_does_not_follow() -> None:
    replay = lived(FIRST, SECOND, replace(BOTH, when_no_longer_met=KEEP), facts=(*BOTH_EARNED, grade(9, 0)), days=20)

    assert told(replay, "one") == [(2, AWARDED, 1), (10, REVOKED, 2)]
    assert told(replay, "paper") == [(2, AWARDED, 1)]


@pytest.mark.parametrize(
    ("met_again", "both"),
    [
        # Within the grace of the badge nobody is told anything.
        (14, [(2, AWARDED, 1)]),
        # Behind it, both go on the day on which it is over, and come again together.
        (19, [(2, AWARDED, 1), (16, REVOKED, 2), (20, AWARDED, 3)]),
    ],
)
def test_what_a_badge_has_of_grace_its_certificate_has_too(met_again: int, both: list[tuple[int, Status, int]]) -> None:
    facts = (*BOTH_EARNED, grade(9, 0), grade(met_again, 8_000))
    replay = lived(replace(FIRST, grace=days(7)), SECOND, BOTH, facts=facts, days=40)

    assert told(replay, "one") == told(replay, "paper") == both


def test_a_certificate_has_a_grace_of_its_own() -> None:
    graceful = replace(BOTH, grace=days(5))
    in_time = lived(FIRST, SECOND, graceful, facts=(*BOTH_EARNED, grade(9, 0), grade(12, 8_000)), days=40)
    too_late = lived(FIRST, SECOND, graceful, facts=(*BOTH_EARNED, grade(9, 0), grade(19, 8_000)), days=40)

    assert [status for _, status, _ in told(in_time, "one")] == [AWARDED, REVOKED, AWARDED]
    assert told(in_time, "paper") == [(2, AWARDED, 1)]
    assert told(too_late, "paper") == [(2, AWARDED, 1), (14, REVOKED, 2), (20, AWARDED, 3)]


def test_a_badge_that_expires_takes_its_certificate_with_it_and_earned_again_brings_it_back() -> None:
    facts = (*BOTH_EARNED, grade(14, 0), grade(19, 8_000))
    replay = lived(replace(FIRST, valid_for=days(10)), SECOND, BOTH, facts=facts, days=40)

    assert told(replay, "one") == [(2, AWARDED, 1), (11, EXPIRED, 2), (20, AWARDED, 3), (29, EXPIRED, 4)]
    statuses = [(day, status) for day, status, _ in told(replay, "paper")]
    assert [status for _, status in statuses if status is not AWARDED] == [REVOKED, REVOKED]
    assert [day for day, status in statuses if status is REVOKED] == [11, 29]
    assert len({award.award_id for award in replay.awards if award.credential == "paper"}) == 1


def test_a_kept_badge_that_expires_takes_its_certificate_with_it_too() -> None:
    lasting = replace(FIRST, when_no_longer_met=KEEP, valid_for=Length(days=10))
    replay = lived(lasting, SECOND, BOTH, facts=BOTH_EARNED, days=20)

    assert told(replay, "one")[-1] == (11, EXPIRED, 2)
    assert told(replay, "paper")[-1][:2] == (11, REVOKED)


def test_a_certificate_expires_by_the_clock_of_its_own_agent() -> None:
    replay = lived(FIRST, SECOND, replace(BOTH, valid_for=next_day(9)), facts=BOTH_EARNED, days=20)

    assert told(replay, "paper") == [(2, AWARDED, 1), (10, EXPIRED, 2)]
    assert [award.expires_at for award in replay.awards if award.credential == "paper"] == [at(10), at(10)]
    assert told(replay, "one") == [(2, AWARDED, 1)]


def test_a_badge_that_is_built_on_badges_follows_them_as_a_certificate_does() -> None:
    built = badge("built", Badges(at_least=1, of=(ONE,)), REVOKE)
    replay = lived(replace(FIRST, valid_for=days(10)), built, facts=(grade(1, 7_000),), days=20)

    assert [(day, status) for day, status, _ in told(replay, "built")] == [(2, AWARDED), (11, REVOKED)]


def test_what_ends_at_one_time_is_told_once_however_often_the_clock_is_heard_of() -> None:
    replay = lived(replace(FIRST, valid_for=days(10)), facts=(grade(1, 7_000),), days=30)
    before = list(replay.awards)
    for moment in range(30 * DAY, 31 * DAY, DAY // 24):
        replay.advance(Instant(moment))

    assert replay.awards == before


def test_a_year_passes_in_a_second() -> None:
    """A hundred learners, one a day, each with a badge of half a year and a certificate that follows it."""
    learners = [LearnerId(f"u-{number}") for number in range(100)]
    facts = tuple(grade(number, 7_000, learner=learner) for number, learner in enumerate(learners))
    length = Length(months=6)
    half_a_year = replace(FIRST, when_no_longer_met=KEEP, valid_for=length)
    paper = certificate("paper", Badges(at_least=1, of=(ONE,)), REVOKE)
    replay = lived(half_a_year, paper, facts=facts, days=365)

    ended: dict[str, list[Award]] = {"one": [], "paper": []}
    for award in replay.in_force().values():
        ended[award.credential].append(award)
    for number, learner in enumerate(learners):
        ends = length.after(number * DAY)
        (one,) = [award for award in ended["one"] if award.learner == learner]
        (of_it,) = [award for award in ended["paper"] if award.learner == learner]
        assert (one.status, one.expires_at, one.decided_at) == (EXPIRED, ends, ends)
        assert (of_it.status, of_it.decided_at) == (REVOKED, ends)
    assert [award.revision for award in ended["one"]] == [2] * 100


def test_an_agenda_is_empty_when_all_has_ended() -> None:
    replay = lived(replace(FIRST, valid_for=days(10)), SECOND, BOTH, facts=BOTH_EARNED, days=20)

    assert list(replay.known.agenda.due.scan("")) == []
    assert list(replay.of_certificates.agenda.due.scan("")) == []
