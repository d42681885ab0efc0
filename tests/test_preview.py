"""What a preview says is what putting the catalogue in force then does, for any story and any two catalogues."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.awards import Award, ByHand, CredentialKind
from rules.catalogue import Catalogue
from rules.closeness import closeness
from rules.criteria import AllOf, AnyOf, Badges, FinalGrade, TopicsCompleted
from rules.facts import CourseFact, Fact, Kind
from rules.keys import AwardId, CredentialId, Instant, LearnerId, LearnerKey, parts, prefix
from rules.known import Known, KnownOfCertificates, MemoryTable
from rules.ledger import Status
from rules.lengths import Length
from rules.policies import Policy
from rules.preview import AwardChange, Compared, Effect, LearnerPreview, Shift, Told, preview_learner
from rules.replay import Replay
from rules.rulebook import rulebook
from tests.stories import (
    COURSES,
    HOUR,
    LEARNERS,
    NOW,
    TENANT,
    badge,
    catalogue_of,
    catalogues,
    certificate,
    events,
    fact,
)
from tests.test_by_hand import acts

Events = list[Fact | CourseFact]
AWARDED = Status.AWARDED
# Between the times of stories.
EARLY, LATER = Instant(5 * 7 * HOUR + 1), Instant(9 * 7 * HOUR + 1)
C, D = COURSES


def told_of(replay: Replay, who: LearnerKey) -> Told:
    """A copy of all that is known of one learner."""

    def copied(table: Any, mine: bool) -> MemoryTable[Any]:
        found = MemoryTable[Any]()
        for place, value in table.scan(prefix(*who) if mine else ""):
            found.put(place, deepcopy(value))
        return found

    def due(table: Any) -> MemoryTable[bool]:
        found = MemoryTable[bool]()
        for place, value in table.scan(""):
            if parts(place)[1:] == list(who):
                found.put(place, value)
        return found

    def one(table: Any) -> MemoryTable[Any]:
        found = MemoryTable[Any]()
        if (value := table.get(str(who))) is not None:
            found.put(str(who), deepcopy(value))
        return found

    known, certificates = replay.known, replay.of_certificates
    tables = {
        "facts": copied(known.facts, mine=True),
        "courses": copied(known.courses, mine=False),
        "ledger": one(known.ledger),
        "due": due(known.agenda.due),
        "control": copied(known.clock.control, mine=False),
    }
    of_certificates = {
        "held": one(certificates.held),
        "certificate_ledger": one(certificates.ledger),
        "due": due(certificates.agenda.due),
        "control": copied(certificates.clock.control, mine=False),
    }
    return Told(
        who=who,
        known=Known.of(lambda name: tables.get(name) or MemoryTable()),
        of_certificates=KnownOfCertificates.of(lambda name: of_certificates.get(name) or MemoryTable()),
    )


def previewed(replay: Replay, new: Catalogue, now: Instant) -> dict[LearnerId, LearnerPreview]:
    compared = Compared.of(replay.known.clock.rulebook(TENANT), rulebook(new))
    everyone = [LearnerKey(TENANT, learner) for learner in LEARNERS]
    return {who.learner: preview_learner(told_of(replay, who), compared, now) for who in everyone}


def story(old: Catalogue, events: Iterable[Fact | CourseFact], heard_at: Instant = EARLY) -> Replay:
    """What happened under a catalogue; where it was heard of early, much of it lies in the future."""
    replay = Replay()
    replay.catalogue(old, heard_at)
    replay.facts(replace(event, received_at=heard_at) for event in events)
    return replay


def last(awards: Iterable[Award]) -> dict[AwardId, tuple[int, Status]]:
    return {award.award_id: (award.revision, award.status) for award in awards}


def foretold(changes: Iterable[AwardChange]) -> dict[AwardId, tuple[int, Status]]:
    return {change.award_id: (change.revision, change.status) for change in changes}


@given(catalogues(), catalogues(), events, st.sampled_from((EARLY, LATER, NOW)))
def test_a_preview_says_exactly_what_putting_the_catalogue_in_force_does(
    old: Catalogue, new: Catalogue, events: Events, now: Instant
) -> None:
    replay = story(old, events)
    before, told = replay.in_force(), len(replay.awards)
    found = previewed(replay, new, now)
    replay.catalogue(new, now)

    changes = [change for one in found.values() for change in (*one.anyway, *one.awards)]
    assert foretold(changes) == last(replay.awards[told:])
    for one in found.values():
        gained = {change.award_id for change in one.awards if change.effect is Effect.GAINS}
        lost = {change.award_id for change in one.awards if change.effect is Effect.LOSES}
        settled = {change.award_id: change.status for change in one.anyway}
        statuses = {award.award_id: award.status for award in before.values()} | settled
        assert all(statuses.get(award_id) is not AWARDED for award_id in gained)
        assert all(statuses[award_id] is AWARDED for award_id in lost)


@pytest.mark.slow
@given(catalogues(), catalogues(), events, st.lists(acts, max_size=6), st.sampled_from((EARLY, NOW)))
def test_a_preview_knows_what_people_did(
    old: Catalogue, new: Catalogue, events: Events, done: list[ByHand], now: Instant
) -> None:
    """Also about what only the new catalogue names, and for who has done nothing themselves."""
    replay = story(old, events)
    for one in done:
        if one.learner in LEARNERS:
            replay.by_hand(replace(one, received_at=EARLY))
    told = len(replay.awards)
    found = previewed(replay, new, now)
    replay.catalogue(new, now)

    changes = [change for one in found.values() for change in (*one.anyway, *one.awards)]
    assert foretold(changes) == last(replay.awards[told:])


@pytest.mark.slow
@given(catalogues(), catalogues(), events)
def test_a_preview_says_who_comes_closer_as_standings_then_say_it(
    old: Catalogue, new: Catalogue, events: Events
) -> None:
    # Standings are as of when they were told: of what lies in the future they say nothing yet.
    replay = story(old, events, NOW)
    found = previewed(replay, new, NOW)
    before = distances(replay)
    replay.catalogue(new, NOW)
    after = distances(replay)

    for learner, one in found.items():
        for shift in one.shifts:
            assert shift.before == before.get((learner, shift.credential), shift.before)
            assert shift.after == after.get((learner, shift.credential), shift.after)
    shifted = {(learner, shift.credential) for learner, one in found.items() for shift in one.shifts}
    held = {(award.learner, award.credential) for award in replay.in_force().values() if award.status is AWARDED}
    moved = {place for place in before.keys() & after.keys() if before[place] != after[place]}
    assert moved - held <= shifted


def distances(replay: Replay) -> dict[tuple[LearnerId, CredentialId], int]:
    """How close everyone is to every badge that anything is told of."""
    return {
        (one.learner, one.credential): closeness(one.progress)
        for one in replay.standings()
        if one.kind is CredentialKind.BADGE
    }


@pytest.mark.slow
@given(catalogues(), catalogues(), events)
def test_a_preview_touches_nothing(old: Catalogue, new: Catalogue, events: Events) -> None:
    replay = story(old, events)
    before = deepcopy((list(replay.known.ledger.scan("")), list(replay.known.facts.scan(""))))
    previewed(replay, new, NOW)

    assert (list(replay.known.ledger.scan("")), list(replay.known.facts.scan(""))) == before


@given(catalogues(), events)
def test_the_catalogue_that_is_in_force_changes_nothing(old: Catalogue, events: Events) -> None:
    for one in previewed(story(old, events), old, EARLY).values():
        assert (one.awards, one.shifts, one.anyway) == ((), (), ())


@pytest.mark.slow
@given(catalogues(), catalogues(), events, st.integers(0, 20))
def test_what_a_certificate_has_not_heard_of_yet_comes_anyway(
    old: Catalogue, new: Catalogue, events: Events, heard: int
) -> None:
    """The certificates agent is behind: what progress has said is on its way to it."""
    replay = story(old, events[:heard])
    behind = deepcopy(replay.of_certificates)
    replay.facts(replace(event, received_at=EARLY) for event in events[heard:])
    issued = len(replay.awards)
    ahead, replay.of_certificates = replay.of_certificates, behind
    found = previewed(replay, new, EARLY)
    replay.of_certificates = ahead
    replay.catalogue(new, EARLY)

    changes = [change for one in found.values() for change in one.awards]
    certificates = {CredentialId("certificate")}
    expected = [award for award in replay.awards[issued:] if award.credential not in certificates]
    assert foretold(c for c in changes if c.credential not in certificates) == last(expected)
    # Of certificates the status is foretold; the revision counts what was said on the way.
    status = {c.award_id: c.status for c in [a for one in found.values() for a in (*one.anyway, *one.awards)]}
    for award in replay.in_force().values():
        if award.credential in certificates and award.award_id in status:
            assert status[award.award_id] is award.status


ONE, TWO = CredentialId("one"), CredentialId("two")
WHO = LEARNERS[0]


def grade_of(bar: int) -> FinalGrade:
    return FinalGrade(course=C, at_least=bar)


SEVENTY = fact(Kind.CALCULATED_GRADE, 1, 7_000)


@pytest.mark.parametrize(
    ("policy", "expected"), [(Policy.KEEP, []), (Policy.REVOKE, [Effect.LOSES])], ids=["keep", "revoke"]
)
def test_a_harder_rule_takes_back_what_is_not_kept(policy: Policy, expected: list[Effect]) -> None:
    replay = story(catalogue_of(badge(ONE, grade_of(5_000), policy)), [SEVENTY])
    found = previewed(replay, catalogue_of(badge(ONE, grade_of(9_000), policy), version=2), NOW)[WHO]

    assert [change.effect for change in found.awards] == expected
    assert found.held == (ONE,)


def test_a_badge_that_is_new_is_gained_with_the_certificate_that_counts_it() -> None:
    replay = story(catalogue_of(badge(ONE, grade_of(5_000))), [SEVENTY])
    both = certificate(CredentialId("both"), Badges(at_least=2, of=(ONE, TWO)))
    new = catalogue_of(badge(ONE, grade_of(5_000)), badge(TWO, grade_of(6_000)), both, version=2)
    found = previewed(replay, new, NOW)[WHO]

    assert [(one.effect, one.credential) for one in found.awards] == [(Effect.GAINS, TWO), (Effect.GAINS, "both")]
    assert found.shifts == ()


def test_who_comes_closer_is_said_with_how_close_they_were() -> None:
    topics = TopicsCompleted(course=D, topics=2)
    old = catalogue_of(badge(ONE, AllOf(parts=(grade_of(8_000), topics))))
    new = catalogue_of(badge(ONE, AnyOf(parts=(grade_of(8_000), topics))), badge(TWO, topics), version=2)
    replay = story(old, [SEVENTY, fact(Kind.TOPIC, 2, 1, course=D, thing="t1")])

    assert set(previewed(replay, new, NOW)[WHO].shifts) == {Shift(WHO, ONE, 6_875, 8_750), Shift(WHO, TWO, 0, 5_000)}


@pytest.mark.parametrize(
    "changed", [{"when_no_longer_met": Policy.REVOKE}, {"when_no_longer_met": Policy.REVOKE, "grace": Length(days=1)}]
)
def test_another_policy_of_a_badge_moves_what_counts_it(changed: dict[str, Any]) -> None:
    one, two = badge(ONE, grade_of(5_000)), badge(TWO, FinalGrade(course=D, at_least=5_000))
    both = certificate(CredentialId("both"), Badges(at_least=2, of=(ONE, TWO)))
    replay = story(catalogue_of(one, two, both), [SEVENTY, fact(Kind.CALCULATED_GRADE, 2, 0)], NOW)
    found = previewed(replay, catalogue_of(replace(one, **changed), two, both, version=2), NOW)[WHO]

    assert [(change.effect, change.credential) for change in found.awards] == [(Effect.LOSES, ONE)]
    assert Shift(WHO, CredentialId("both"), 5_000, 0) in found.shifts


def test_what_the_catalogue_has_no_more_stays_awarded() -> None:
    replay = story(catalogue_of(badge(ONE, grade_of(5_000)), badge(TWO, grade_of(9_000))), [SEVENTY])
    found = previewed(replay, catalogue_of(badge(TWO, grade_of(9_000)), version=2), NOW)[WHO]

    assert (found.held, found.awards) == ((ONE,), ())
