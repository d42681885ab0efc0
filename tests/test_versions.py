"""Versions: an award names the criteria under which it was earned, for as long as nothing else is to be said."""

from dataclasses import replace

import pytest

from rules.catalogue import Credential, Skill, version_of
from rules.criteria import AllOf, Badges, Criterion, FinalGrade
from rules.facts import Kind
from rules.keys import CredentialId
from rules.ledger import Entry, Status
from rules.policies import Policy
from rules.replay import Replay
from rules.rulebook import rulebook
from tests.stories import COURSES, LEARNERS, NOW, TENANT, badge, catalogue_of, certificate, fact

ONE = CredentialId("one")
EASY, HARD = FinalGrade(course=COURSES[0], at_least=5_000), FinalGrade(course=COURSES[0], at_least=9_000)
PLAIN = badge("one", EASY)


def earned(credential: Credential, score: int = 7_000) -> Replay:
    """Somebody with a grade under a catalogue of this credential."""
    replay = Replay()
    replay.catalogue(catalogue_of(credential), NOW)
    replay.facts([fact(Kind.CALCULATED_GRADE, 1, score)])
    return replay


def told(replay: Replay) -> list[tuple[int, Status, str]]:
    return [(award.revision, award.status, award.credential_version) for award in replay.awards]


def entry(replay: Replay) -> Entry:
    ledger = replay.known.ledger.get(f"{TENANT}/{LEARNERS[0].replace('/', '%2F')}")
    assert ledger is not None
    return ledger.entries[ONE]


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAIN, name="Another name"),
        replace(PLAIN, description="Read closely"),
        replace(PLAIN, skills=(Skill(framework="ESCO", code="S5.6", name="managing data"),)),
        replace(PLAIN, when_no_longer_met=Policy.REVOKE),
    ],
    ids=lambda changed: changed.name,
)
def test_what_a_credential_is_called_and_what_follows_later_is_no_new_version(changed: Credential) -> None:
    replay = earned(PLAIN)
    replay.catalogue(catalogue_of(changed, version=2), NOW)

    assert rulebook(catalogue_of(changed)).rules[ONE].version == version_of(EASY)
    assert told(replay) == [(1, Status.AWARDED, version_of(EASY))]


@pytest.mark.parametrize("harder", [HARD, AllOf(parts=(EASY, HARD))])
def test_a_holder_under_keep_keeps_the_version_and_the_evidence_of_before(harder: Criterion) -> None:
    replay = earned(PLAIN)
    before = entry(replay)
    replay.catalogue(catalogue_of(badge("one", harder), version=2), NOW)
    replay.facts([fact(Kind.CALCULATED_GRADE, 2, 6_000)])

    assert told(replay) == [(1, Status.AWARDED, version_of(EASY))]
    assert entry(replay) == before
    assert before.version == version_of(EASY)


def test_criteria_that_are_met_in_the_same_way_say_nothing_new_of_a_holder() -> None:
    replay = earned(PLAIN, score=9_500)
    replay.catalogue(catalogue_of(badge("one", HARD), version=2), NOW)

    assert told(replay) == [(1, Status.AWARDED, version_of(EASY))]
    assert entry(replay).version == version_of(EASY)


def test_what_is_taken_back_names_the_version_under_which_it_was_earned() -> None:
    replay = earned(badge("one", EASY, Policy.REVOKE))
    replay.catalogue(catalogue_of(badge("one", HARD, Policy.REVOKE), version=2), NOW)

    assert told(replay) == [(1, Status.AWARDED, version_of(EASY)), (2, Status.REVOKED, version_of(EASY))]


def test_what_is_earned_again_names_the_version_under_which_it_was_earned_again() -> None:
    replay = earned(badge("one", EASY, Policy.REVOKE))
    replay.catalogue(catalogue_of(badge("one", HARD, Policy.REVOKE), version=2), NOW)
    replay.facts([fact(Kind.CALCULATED_GRADE, 5, 9_000)])

    assert told(replay)[2:] == [(3, Status.AWARDED, version_of(HARD))]
    assert replay.awards[-1].evidence[0].clause == HARD.text


def test_a_certificate_with_criteria_of_its_own_has_the_version_of_what_its_author_wrote() -> None:
    criteria = AllOf(parts=(Badges(at_least=1, of=(ONE,)), HARD))
    catalogue = catalogue_of(PLAIN, certificate("paper", criteria))

    assert rulebook(catalogue).rules[CredentialId("paper")].version == version_of(criteria)
