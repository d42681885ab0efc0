"""The demo's term: the same each time, and with everything in it that a demo has to show."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

import laurel
from laurel.catalogue_file import read_catalogue
from laurel.term import KEPT_BY_LEDGER, STATISTICS, term
from laurel.term_records import BRIGHTSPACE, NATIVE, TENANT, Told
from rules.awards import CredentialKind
from rules.catalogue import Catalogue
from rules.facts import CourseFact, Fact, Kind, Profile
from rules.keys import CredentialId, TenantId
from rules.ledger import Status
from rules.replay import Replay
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Record, Said, UnreadableEvent
from tests.dialect_records import RECEIVED_AT

DIALECT_OF = {BRIGHTSPACE: "brightspace", NATIVE: "laurel"}
STATISTICS_BADGE = CredentialId("statistics")


@cache
def whole_term() -> tuple[Told, ...]:
    return tuple(term())


def read(told: Told) -> tuple[Said, ...] | str:
    """What a record says, or why it cannot be read."""
    one = Record(
        value=told.value, headers=told.headers, tenant=TenantId(TENANT), source=told.topic, received_at=RECEIVED_AT
    )
    try:
        return DIALECTS[DIALECT_OF[told.topic]](one)
    except UnreadableEvent as refused:
        return str(refused)


@cache
def everything_said() -> tuple[tuple[Said, ...] | str, ...]:
    return tuple(read(told) for told in whole_term())


def catalogue() -> Catalogue:
    return read_catalogue(Path(laurel.__file__).parent / "demo" / "catalogue.yaml", TenantId(TENANT))


def digest(told: tuple[Told, ...]) -> str:
    return sha256(repr([(one.topic, one.key, one.value, one.headers) for one in told]).encode()).hexdigest()


def replayed(said: list[Fact | CourseFact]) -> Replay:
    replay = Replay()
    replay.catalogue(catalogue(), RECEIVED_AT)
    replay.facts(said)
    return replay


def facts_of(learners: set[str]) -> list[Fact | CourseFact]:
    """What is said of these learners and of all courses, in the order of sending."""
    flat = [one for said in everything_said() if not isinstance(said, str) for one in said]
    return [
        one
        for one in flat
        if isinstance(one, CourseFact) or (isinstance(one, Fact) and one.register.learner in learners)
    ]


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    script = "from tests.test_term import digest, term; print(digest(tuple(term(learners=20))))"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == digest(tuple(term(learners=20)))


def test_another_seed_gives_another_term() -> None:
    assert digest(tuple(term(seed=2, learners=5))) != digest(tuple(term(seed=1, learners=5)))


@pytest.mark.parametrize(("learners", "courses"), [(1, 1), (1, 6), (30, 2)])
def test_a_term_may_be_small(learners: int, courses: int) -> None:
    assert term(learners=learners, courses=courses)


@pytest.mark.slow
def test_a_term_has_more_than_twenty_thousand_events_of_every_outcome() -> None:
    outcomes = Counter(
        "unreadable" if isinstance(said, str) else type(said[0]).__name__ if said else "not for us"
        for said in everything_said()
    )

    assert 20_000 <= sum(outcomes.values()) <= 25_000
    assert outcomes["Profile"] >= 300
    assert outcomes["CourseFact"] >= 6
    assert outcomes["not for us"] >= 1_000
    assert 0.004 <= outcomes["unreadable"] / len(whole_term()) <= 0.006


def test_what_cannot_be_read_has_many_reasons() -> None:
    reasons = " ".join(said for said in everything_said() if isinstance(said, str))

    for reason in (
        "no JSON",
        "too deeply",
        "too early",
        "after it was received",
        "without a zone",
        "expected text",
        "'another'",
    ):
        assert reason in reasons


def test_a_term_has_facts_of_both_dialects_and_all_its_kinds() -> None:
    said = [one for said in everything_said() if not isinstance(said, str) for one in said]
    kinds = Counter((one.register.kind, one.source) for one in said if isinstance(one, Fact))

    assert kinds[Kind.TOPIC, BRIGHTSPACE] > 5_000
    assert kinds[Kind.TOPIC, NATIVE] > 10
    assert kinds[Kind.EXEMPTION, BRIGHTSPACE] > 10
    assert min(kinds[kind, NATIVE] for kind in (Kind.CALCULATED_GRADE, Kind.ADJUSTED_GRADE, Kind.ITEM_GRADE)) > 100


def test_some_events_are_sent_twice_and_some_far_out_of_order() -> None:
    told = whole_term()
    times = [one.statement.occurred_at for said in everything_said() for one in said if isinstance(one, Fact)]
    latest, weeks_late = 0, 0
    for at in times:
        latest = max(latest, at)
        weeks_late += latest - at > 14 * 86_400_000_000

    assert len(told) - len(set(told)) > 200
    assert weeks_late > 20


def test_names_are_of_many_scripts() -> None:
    said = [one for said in everything_said() if not isinstance(said, str) for one in said]
    names = {one.full_name for one in said if isinstance(one, Profile)}

    for letter in "ëΨЩمשा王":
        assert any(letter in name for name in names), letter
    assert min(map(len, names)) <= 3
    assert max(map(len, names)) >= 25


def test_the_ledger_alone_holds_the_awards_whose_grade_was_taken_back() -> None:
    replay = replayed(facts_of(set(KEPT_BY_LEDGER)))
    due = {who.learner for who, credential in replay.entitlements(TenantId(TENANT)) if credential == STATISTICS_BADGE}
    held = {
        a.learner for a in replay.in_force().values() if a.credential == "statistics" and a.status is Status.AWARDED
    }

    assert held == set(KEPT_BY_LEDGER)
    assert due == set()


def test_a_grade_that_is_taken_back_is_so_long_after_it_was_given() -> None:
    places: dict[str, list[int]] = {learner: [] for learner in KEPT_BY_LEDGER}
    for place, said in enumerate(everything_said()):
        for one in said:
            if isinstance(one, Fact) and one.register.learner in places:
                about = one.register
                if (about.course, about.kind) == (STATISTICS, Kind.CALCULATED_GRADE):
                    places[about.learner].append(place)

    assert all(len(found) == 2 and found[1] - found[0] > 2_000 for found in places.values())


def test_a_fair_share_earns_each_credential() -> None:
    learners = {str(10_001 + at) for at in range(0, 300, 4)}
    replay = replayed(facts_of(learners))
    held = Counter(a.credential for a in replay.in_force().values() if a.status is Status.AWARDED)
    told = Counter(a.status for a in replay.awards)

    for credential in catalogue().credentials:
        low, high = (0.10, 0.50) if credential.kind is CredentialKind.CERTIFICATE else (0.20, 0.75)
        assert low <= held[credential.id] / len(learners) <= high, credential.id
    assert told[Status.REVOKED] > 0
