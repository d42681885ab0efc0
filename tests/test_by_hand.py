"""What people do by hand: it counts whatever else is known, in any order and however often it is told."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from laurel import by_hand_commands
from laurel.cli import app
from rules.awards import ByHand, Reason, award_id
from rules.catalogue import Catalogue
from rules.criteria import Badges, CalculatedGrade, Evidence
from rules.facts import CourseFact, Fact, Kind
from rules.keys import CredentialId, Instant, LearnerId, LearnerKey
from rules.ledger import ACTS, Act, Status, joined_act
from rules.policies import Policy
from rules.replay import Replay
from streams import messages, wire
from streams.options import StreamOptions
from tests.stories import (
    BUILT,
    CERTIFICATE,
    COURSES,
    LEARNERS,
    NOW,
    ONE,
    TENANT,
    TWO,
    badge,
    catalogue_of,
    catalogues,
    certificate,
    events,
    fact,
    times,
)
from tests.test_laws import awarded, revoking

AWARDED, REVOKED = Status.AWARDED, Status.REVOKED
Told = Fact | CourseFact | ByHand
Owed = tuple[LearnerKey, CredentialId]

NOBODY = LearnerId("nobody")
ONE_BADGE = badge(ONE, CalculatedGrade(course=COURSES[0], at_least=5_000))
ON_ONE = badge(BUILT, Badges(at_least=1, of=(ONE,)), Policy.REVOKE)
PAPER = certificate(CERTIFICATE, Badges(at_least=1, of=(ONE,)), Policy.REVOKE)
SMALL = catalogue_of(ONE_BADGE, ON_ONE, PAPER)


def act(
    credential: CredentialId = ONE, *, at: int = 5, grants: bool = True, learner: LearnerId = NOBODY, number: int = 0
) -> ByHand:
    done = Act(at, 0, f"act-{at}-{number}", grants, "registrar", "transferred")
    return ByHand(tenant=TENANT, learner=learner, credential=credential, act=done, received_at=NOW)


acts = st.builds(
    act,
    st.sampled_from((ONE, TWO, BUILT, CERTIFICATE)),
    at=times,
    grants=st.booleans(),
    learner=st.sampled_from((*LEARNERS, NOBODY)),
    number=st.integers(0, 99),
)


def replayed(catalogue: Catalogue, told: Iterable[Told]) -> Replay:
    replay = Replay()
    replay.catalogue(catalogue, NOW)
    for one in told:
        if isinstance(one, ByHand):
            replay.by_hand(one)
        else:
            replay.facts([one])
    return replay


def status_of(replay: Replay, credential: CredentialId, learner: LearnerId = NOBODY) -> Status | None:
    award = replay.in_force().get(award_id(LearnerKey(TENANT, learner), credential))
    return None if award is None else award.status


def last_acts(told: Iterable[Told]) -> dict[Owed, Act]:
    found: dict[Owed, Act] = {}
    for one in told:
        if isinstance(one, ByHand):
            owed = LearnerKey(one.tenant, one.learner), one.credential
            found[owed] = max(found.get(owed, one.act), one.act)
    return found


# The laws, with acts among the facts


@given(catalogues(), events, st.lists(acts, max_size=8), st.randoms(use_true_random=False))
def test_what_a_person_did_last_is_so_in_any_order_and_however_often_it_is_told(
    catalogue: Catalogue, said: list[Fact | CourseFact], done: list[ByHand], random: Random
) -> None:
    noisy: list[Told] = [*said, *done, *random.choices([*said, *done], k=len(said) + len(done))] if done else []
    random.shuffle(noisy)
    shuffled = replayed(catalogue, noisy)

    lasting = {one.id for one in catalogue.credentials if one.valid_for is None}
    for (who, credential), last in last_acts(done).items():
        found = status_of(shuffled, credential, who.learner)
        if not last.grants:
            assert found is REVOKED
        elif credential in lasting:
            # Others are valid for as long as what is earned (tests/test_validity.py).
            assert found is AWARDED


@pytest.mark.slow
@given(catalogues(), events, st.lists(acts, max_size=8), st.randoms(use_true_random=False))
def test_acts_and_facts_in_any_order_award_the_same(
    catalogue: Catalogue, said: list[Fact | CourseFact], done: list[ByHand], random: Random
) -> None:
    """Law 1, where nothing that was said binds: under `revoke`."""
    told: list[Told] = [*said, *done]
    noisy = [*told, *random.choices(told, k=len(told))] if told else []
    random.shuffle(noisy)

    straight, shuffled = replayed(revoking(catalogue), told), replayed(revoking(catalogue), noisy)

    assert awarded(shuffled) == awarded(straight)
    assert shuffled.entitlements(TENANT) == straight.entitlements(TENANT)


@pytest.mark.slow
@given(catalogues(), catalogues(), events, st.lists(acts, max_size=8), st.integers(0, 33))
def test_acts_before_a_catalogue_count_as_if_it_had_been_there_from_the_start(
    old: Catalogue, new: Catalogue, said: list[Fact | CourseFact], done: list[ByHand], first: int
) -> None:
    """Law 2, where nothing that was said binds: under `revoke`."""
    told: list[Told] = [*done, *said]
    late = replayed(revoking(old), told[:first])
    late.catalogue(revoking(new), NOW)
    for one in told[first:]:
        if isinstance(one, ByHand):
            late.by_hand(one)
        else:
            late.facts([one])

    assert awarded(late) == awarded(replayed(revoking(new), told))


@pytest.mark.slow
@given(catalogues(), events, st.lists(acts, max_size=8))
def test_an_act_that_is_told_again_says_nothing(
    catalogue: Catalogue, said: list[Fact | CourseFact], done: list[ByHand]
) -> None:
    replay = replayed(catalogue, [*said, *done])
    before = list(replay.awards)
    for one in done:
        replay.by_hand(one)
    replay.catalogue(catalogue, NOW)

    assert replay.awards == before


@given(st.lists(st.builds(lambda at, number: act(at=at, number=number).act, times, st.integers(0, 40))), st.data())
def test_of_too_many_acts_the_latest_are_kept_in_whichever_order_they_come(
    done: list[Act], data: st.DataObject
) -> None:
    def kept(acts: Iterable[Act]) -> tuple[Act, ...]:
        found: tuple[Act, ...] = ()
        for one in acts:
            found = joined_act(found, one)
        return found

    many = [*done, *[act(at=20 + number).act for number in range(ACTS)]]

    assert kept(data.draw(st.permutations(done))) == kept([*done, *done])
    assert kept(many) == tuple(sorted(set(many)))[-ACTS:]


# Who has done nothing


@pytest.mark.parametrize("credential", [ONE, BUILT, CERTIFICATE])
def test_a_grant_to_somebody_of_whom_nothing_is_known_is_an_award_with_its_act_as_evidence(
    credential: CredentialId,
) -> None:
    replay = replayed(SMALL, [act(credential)])
    award = replay.in_force()[award_id(LearnerKey(TENANT, NOBODY), credential)]

    assert (award.status, award.met_at, award.reason) == (AWARDED, 5, Reason.GRANTED)
    assert award.evidence == (Evidence("granted by hand", ("act-5-0",)),)
    assert messages.parse_award(messages.dump_award(award, source="").value or b"") == award
    assert b"registrar" not in (messages.dump_award(award, source="").value or b"")


def test_what_builds_on_a_granted_badge_follows_and_goes_with_it() -> None:
    replay = replayed(SMALL, [act()])
    assert [status_of(replay, one) for one in (ONE, BUILT, CERTIFICATE)] == [AWARDED] * 3

    replay.by_hand(act(at=7, grants=False))

    assert [status_of(replay, one) for one in (ONE, BUILT, CERTIFICATE)] == [REVOKED] * 3
    award = replay.in_force()[award_id(LearnerKey(TENANT, NOBODY), ONE)]
    assert (award.revision, award.reason) == (2, Reason.REVOKED)


@pytest.mark.parametrize("credential", [ONE, BUILT, CERTIFICATE])
def test_an_act_waits_for_the_catalogue_that_names_its_credential(credential: CredentialId) -> None:
    """Also of somebody who has no fact: walks find them."""
    other = catalogue_of(badge(TWO, CalculatedGrade(course=COURSES[0], at_least=5_000)))
    waiting = Replay()
    waiting.by_hand(act(credential))
    waiting.catalogue(other, NOW)
    assert waiting.awards == []

    waiting.catalogue(SMALL, NOW)

    assert status_of(waiting, credential) is AWARDED


def test_who_was_granted_a_certificate_keeps_it_under_another_catalogue() -> None:
    replay = replayed(SMALL, [act(CERTIFICATE)])
    before = list(replay.awards)
    replay.catalogue(replace(SMALL, version=2, credentials=(ONE_BADGE, PAPER)), NOW)

    assert replay.awards == before


# Beside what was met


def met(time: int, value: int = 7_000) -> Fact:
    return fact(Kind.CALCULATED_GRADE, time, value, learner=NOBODY)


def test_a_grant_of_what_is_held_already_changes_nothing() -> None:
    replay = replayed(SMALL, [met(2)])
    before = list(replay.awards)
    replay.by_hand(act(at=5))

    assert replay.awards == before


def test_what_was_revoked_by_hand_does_not_come_back_by_being_met_again() -> None:
    replay = replayed(SMALL, [met(2), act(at=5, grants=False), met(6), met(7, 0), met(8)])

    assert status_of(replay, ONE) is REVOKED


def test_a_grant_after_what_was_met_names_both_as_evidence() -> None:
    replay = replayed(SMALL, [met(2), act(at=5, grants=False), act(at=7)])
    award = replay.in_force()[award_id(LearnerKey(TENANT, NOBODY), ONE)]

    assert (award.status, award.revision) == (AWARDED, 3)
    assert [one.clause for one in award.evidence] == ["granted by hand", "calculated_grade c/1 ≥ 50"]


def test_an_act_that_is_dated_ahead_counts_when_its_time_comes() -> None:
    replay = replayed(SMALL, [act(at=NOW + 5)])
    assert replay.awards == []

    replay.advance(Instant(NOW + 5))

    assert status_of(replay, ONE) is AWARDED


# The records


@pytest.mark.parametrize("grants", [True, False])
def test_a_record_says_what_was_done(grants: bool) -> None:
    done = act(grants=grants)
    (facts,) = wire.parse_facts([wire.dump(wire.facts_by_hand(done))])
    (held,) = wire.parse_held([wire.dump(wire.held_by_hand(done))])

    assert isinstance(facts, wire.FactsRecord)
    assert isinstance(held, wire.HeldRecord)
    assert wire.by_hand(facts) == wire.by_hand(held) == done
    assert (facts.grant is not None) is grants
    assert wire.by_hand(wire.FactsRecord()) is None


# The commands


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ByHand]:
    """What the commands would write, with a configuration of two tenants."""
    found: list[ByHand] = []
    text = """\
version: 1
issuer: {id: https://example.edu/issuer, name: Example}
courses: {C1: {name: A course}}
credentials:
  - {id: data-literacy, kind: badge, name: Data Literacy, criteria: {final_grade: {course: C1, at_least: 70}}}
  - {id: step, kind: milestone, name: A step, criteria: {final_grade: {course: C1, at_least: 50}}}
"""
    (tmp_path / "catalogue.yaml").write_text(text)
    config = tmp_path / "config.yaml"
    config.write_text(
        "public_address: https://example.edu\n"
        "sources: [{topic: t, dialect: laurel, tenant: example}]\n"
        "tenants:\n"
        "  example: {catalogue: catalogue.yaml, time_zone: Europe/Berlin, languages: [en]}\n"
        "  other: {catalogue: catalogue.yaml, time_zone: Europe/Berlin, languages: [en]}\n"
    )

    async def write(_options: StreamOptions, done: ByHand) -> None:
        found.append(done)

    monkeypatch.setenv("LAUREL_CONFIG", str(config))
    monkeypatch.setattr(by_hand_commands, "write_by_hand", write)
    # It would send the lines of all other tests to where this one's output went.
    monkeypatch.setattr("laurel.logs.set_up", lambda *_: None)
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    return found


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments])


EXAMPLE = ("--tenant", "example")


def test_a_grant_is_written_with_who_why_when_and_a_name_that_saying_it_again_gives_again(
    written: list[ByHand],
) -> None:
    said = ("grant", "u-17", "data-literacy", "--why", " recognised  elsewhere ", "--when", "2026-03-02T10:00:00+02:00")
    for _ in range(2):
        done = run(*said, *EXAMPLE)
        assert done.exit_code == 0, done.output
    run("revoke", *said[1:], *EXAMPLE)
    first, second, third = written

    assert first == replace(second, received_at=first.received_at)
    assert first.act[:2] == (1_772_438_400_000_000, 0)
    assert first.act[3:] == (True, "ana", "recognised elsewhere")
    assert (first.tenant, first.learner, first.credential) == ("example", "u-17", "data-literacy")
    assert (third.act.grants, third.act.event_id != first.act.event_id) == (False, True)
    assert "data-literacy is granted to u-17 of example as of 2026-03-02T08:00:00Z" in done.output
    assert first.act.event_id in done.output


def test_a_milestone_is_granted_and_it_is_said_that_nobody_hears_of_it(written: list[ByHand]) -> None:
    done = run("grant", "u-17", "step", "--why", "done", *EXAMPLE)

    assert written
    assert "no award is told" in done.output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("u-17", "data-litracy", "--why", "x", *EXAMPLE), 'Did you mean "data-literacy"?'),
        (("u-17", "nonsense", "--why", "x", *EXAMPLE), 'There is no credential "nonsense"'),
        (("u-17", "data-literacy", *EXAMPLE), "--why"),
        (("u-17", "data-literacy", "--why", "  ", *EXAMPLE), "--why says nothing"),
        (("u-17", "data-literacy", "--why", "x" * 1_001, *EXAMPLE), "1,000 are the most"),
        (("u-17", "data-literacy", "--why", "x"), "--tenant: example, other"),
        (("u-17", "data-literacy", "--why", "x", "--tenant", "exmple"), 'Did you mean "example"?'),
        ((" ", "data-literacy", "--why", "x", *EXAMPLE), "LEARNER"),
        (("u-17", "data-literacy", "--why", "x", "--when", "2999-01-01T00:00:00Z", *EXAMPLE), "more than a day"),
        (("u-17", "data-literacy", "--why", "x", "--when", "2026-01-01T00:00:00", *EXAMPLE), "with its zone"),
        (("u-17", "data-literacy", "--why", "x", "--when", "tomorrow", *EXAMPLE), "ISO 8601"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_is_written(
    written: list[ByHand], arguments: tuple[str, ...], why: str
) -> None:
    done = run("grant", *arguments)

    assert done.exit_code == 2
    assert why in " ".join(done.output.split())
    assert written == []
