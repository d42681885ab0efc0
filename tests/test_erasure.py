"""Erasure: nothing of a learner is left, in any table or message, and nothing that is said later brings them back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from laurel import erasing_command
from laurel.cli import app
from rules import decide
from rules.awards import ByHand, Erasure, Named, award_id
from rules.catalogue import Catalogue
from rules.erasure import is_erased
from rules.facts import CourseFact, Fact, Kind
from rules.keys import Instant, LearnerId, LearnerKey
from rules.known import Known, KnownOfCertificates, MemoryTable
from rules.ledger import Status
from rules.replay import Replay
from streams import wire
from tests.stories import BUILT, CERTIFICATE, LEARNERS, NOW, ONE, TENANT, catalogues, events, fact
from tests.test_by_hand import SMALL, Told, act, acts, met, replayed, status_of

GONE = LearnerId("nobody")
WHO = LearnerKey(TENANT, GONE)
KEYS = ("ab" * 32, "cd" * 32)


def erasure(learner: LearnerId = GONE, *, hash_key: str = KEYS[0]) -> Erasure:
    return Erasure(tenant=TENANT, learner=learner, hash_key=hash_key, who="registrar", why="asked for", received_at=NOW)


def tables(known: Known | KnownOfCertificates) -> dict[str, dict[str, Any]]:
    """Every table by its name, but for the control table."""
    found: dict[str, MemoryTable[Any]] = {
        name: table for name in known.__slots__ if isinstance(table := getattr(known, name), MemoryTable)
    }
    return {name: dict(table.scan("")) for name, table in (found | {"due": known.agenda.due}).items()}


def about(told: Told) -> LearnerId | None:
    if isinstance(told, Fact):
        return told.register.learner
    return told.learner if isinstance(told, ByHand) else None


def take(replay: Replay, told: Iterable[Told]) -> None:
    for one in told:
        if isinstance(one, ByHand):
            replay.by_hand(one)
        else:
            replay.facts([one])


@pytest.mark.slow
@given(
    catalogues(),
    catalogues(),
    events,
    st.lists(acts, max_size=6),
    st.integers(0, 31),
    st.randoms(use_true_random=False),
)
def test_who_was_erased_is_as_if_they_had_never_been(
    old: Catalogue, new: Catalogue, said: list[Fact | CourseFact], done: list[ByHand], first: int, random: Any
) -> None:
    """Whatever was said of them before and after, and whichever catalogue comes then."""
    told: list[Told] = [*said, *done]
    random.shuffle(told)
    erased, never = replayed(old, told[:first]), Replay()
    erased.erase(erasure(LEARNERS[0]))
    take(erased, told[first:])
    erased.catalogue(new, NOW)
    never.catalogue(old, NOW)
    take(never, [one for one in told if about(one) != LEARNERS[0]])
    never.catalogue(new, NOW)

    assert tables(erased.known) == tables(never.known)
    assert tables(erased.of_certificates) == tables(never.of_certificates)
    assert erased.in_force() == never.in_force()


def test_all_that_was_told_is_taken_back_and_nothing_else() -> None:
    replay = replayed(SMALL, [met(2), act(CERTIFICATE), fact(Kind.CALCULATED_GRADE, 3, 7_000, learner=LEARNERS[0])])
    known = replay.known
    decide.decide_erasure(known, erasure())

    assert {award for _, award in known.decisions.awards_gone} == {award_id(WHO, one) for one in (ONE, BUILT)}
    assert list(known.decisions.names_gone) == [WHO]
    assert {who for who, _ in known.decisions.standings} >= {WHO}
    assert status_of(replay, ONE, LEARNERS[0]) is Status.AWARDED


def test_what_is_due_of_them_is_off_the_agenda_of_both() -> None:
    later = NOW + 5
    replay = replayed(SMALL, [met(2), met(later, 0), act(at=later, grants=False), act(CERTIFICATE, at=later)])
    assert tables(replay.known)["due"]
    assert tables(replay.of_certificates)["due"]

    replay.erase(erasure())

    assert tables(replay.known)["due"] == tables(replay.of_certificates)["due"] == {}


def test_late_facts_acts_and_names_are_passed_over_and_names_are_taken_back() -> None:
    replay = replayed(SMALL, [met(2)])
    replay.erase(erasure())
    decide.decide_fact(replay.known, met(9))
    decide.decide_by_hand(replay.known, act())
    decide.decide_named(replay.known, Named(tenant=TENANT, learner=GONE, received_at=NOW))
    decide.decide_named(replay.known, Named(tenant=TENANT, learner=LEARNERS[0], received_at=NOW))

    assert replay.known.decisions.passed_over == 3
    assert list(replay.known.decisions.names_gone) == [WHO]
    assert replay.awards == replay.known.decisions.awards == []


def test_who_was_erased_is_known_by_a_hash_alone() -> None:
    replay = Replay()
    for hash_key in KEYS:
        replay.erase(erasure(hash_key=hash_key))
    replay.erase(erasure(LEARNERS[0], hash_key=KEYS[1]))
    control = replay.known.clock.control
    noted = [place for place, _ in control.scan("erased/")]

    assert len(noted) == 2
    assert GONE not in str(list(control.scan("")))
    assert is_erased(replay.known.clock, WHO)
    assert is_erased(replay.known.clock, LearnerKey(TENANT, LEARNERS[0]))
    assert not is_erased(replay.known.clock, LearnerKey(TENANT, LEARNERS[1]))
    other = Replay()
    other.erase(erasure(hash_key=KEYS[1]))
    assert noted != [place for place, _ in other.known.clock.control.scan("erased/")]


def test_somebody_of_whom_nothing_is_known_can_be_erased() -> None:
    replay = replayed(SMALL, [])
    replay.erase(erasure())
    replay.facts([met(2)])

    assert replay.awards == []
    assert tables(replay.known)["facts"] == {}


@pytest.mark.parametrize(
    "record",
    [wire.FactsRecord(erase=erasure()), wire.FactsRecord(named=Named(tenant=TENANT, learner=GONE, received_at=NOW))],
)
def test_the_records_are_read_as_they_are_written(record: wire.FactsRecord) -> None:
    assert wire.parse_facts([wire.dump(record)]) == [record]


# The command


@pytest.fixture
def erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Erasure]:
    """What the command would erase."""
    (tmp_path / "catalogue.yaml").write_text("")
    config = tmp_path / "config.yaml"
    config.write_text(
        "public_address: https://example.edu\n"
        "sources: [{topic: t, dialect: laurel, tenant: example}]\n"
        "tenants: {example: {catalogue: catalogue.yaml, time_zone: Europe/Berlin, languages: [en]}}\n"
    )
    found: list[Erasure] = []

    async def erase(_settings: object, one: Erasure, _wait: int) -> None:
        found.append(one)

    monkeypatch.setenv("LAUREL_CONFIG", str(config))
    monkeypatch.setattr("laurel.logs.set_up", lambda *_: None)
    monkeypatch.setattr(erasing_command, "_erased", erase)
    return found


def test_an_erasure_says_who_and_why_and_brings_a_key_of_its_own(erased: list[Erasure]) -> None:
    for _ in range(2):
        done = CliRunner().invoke(app, ["learners", "erase", "u-17", "--why", " on  request ", "--who", "ana", "--yes"])
        assert done.exit_code == 0, done.output
    first, second = erased

    assert (first.tenant, first.learner, first.who, first.why) == ("example", "u-17", "ana", "on request")
    assert len(bytes.fromhex(first.hash_key)) == 32
    assert first.hash_key != second.hash_key
    assert abs(first.received_at - second.received_at) < Instant(60_000_000)


@pytest.mark.parametrize(
    ("arguments", "answer", "said"),
    [
        (("u-17",), "", "--why"),
        (("u-17", "--why", " ", "--yes"), "", "--why says nothing"),
        (("u-17", "--why", "asked"), "n\n", "nothing was erased"),
        (("u-17", "--why", "asked"), "", "Erase?"),
        (("u-17", "--why", "asked", "--tenant", "other", "--yes"), "", 'no tenant "other"'),
    ],
)
def test_without_a_reason_or_a_yes_nothing_is_erased(
    erased: list[Erasure], arguments: tuple[str, ...], answer: str, said: str
) -> None:
    done = CliRunner().invoke(app, ["learners", "erase", *arguments], input=answer)

    assert done.exit_code != 0
    assert said in " ".join(done.output.split())
    assert erased == []
