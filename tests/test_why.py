"""Why a learner has a credential or not, and which are near: from the sink to the terminal."""

import json
from asyncio import to_thread
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from laurel.cli import app
from laurel.embedded import EmbeddedDatabase
from laurel.why_printing import near_document, near_table, why_document, why_tree
from rules.awards import Award, CredentialKind, Reason
from rules.criteria import Evidence, Node
from rules.keys import CredentialId, Instant, LearnerId
from rules.ledger import Status
from sinks.memory import MemorySink
from sinks.postgres import PostgresSink
from sinks.sink import AwardSink
from sinks.standing_queries import NothingKnown, UnknownCredential, UnknownLearner, near, why
from tests.awards import BADGE, TENANT, THEN, award, profile, standing

LEARNER = LearnerId("u-17")
DIPLOMA = CredentialId("diploma")
# A badge that is held, and a certificate that counts it and lacks another.
COUNTED = Node("badges 2 of data-literacy, sql", False, 1, 2, "badges", (), (), (award().award_id,))


def revoked() -> Award:
    return replace(award(revision=2, status=Status.REVOKED, met_at=None, evidence=()), reason=Reason.NO_LONGER_MET)


async def filled(sink: AwardSink, told: Award) -> None:
    diploma = replace(standing(), credential=DIPLOMA, kind=CredentialKind.CERTIFICATE, progress=COUNTED)
    certificate = award("u-18", credential=DIPLOMA, evidence=(Evidence("badges", (), ("of-another",)),))
    held = told.status is Status.AWARDED
    earned = replace(standing(have=7_000 if held else 6_650), status=told.status)
    assert await sink.write([told, earned, diploma, certificate, profile(), profile("u-19")]) == []


def printed(what: object) -> str:
    console = Console(width=200, soft_wrap=True, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


async def test_an_award_is_explained_by_what_met_it() -> None:
    sink = MemorySink()
    await filled(sink, award())
    found = await why(sink, TENANT, LEARNER, BADGE)

    assert (found.closeness, found.missing) == (10_000, ())
    text = printed(why_tree(found))
    for line in (
        "u-17: data-literacy, badge",
        "awarded: criteria met, decided 2026-03-01 12:00 (revision 1)",
        "met from 2026-03-01 12:00",
        "by final_grade DATA101 ≥ 70: e-1",
        "✓ all of: 1 of 1 condition",
        "✓ final_grade DATA101 ≥ 70: 70 of 70 %; e-1",
    ):
        assert line in text
    assert "missing" not in text


async def test_an_award_that_was_revoked_is_explained_by_why_and_by_what_is_missing_now() -> None:
    sink = MemorySink()
    await filled(sink, revoked())
    text = printed(why_tree(await why(sink, TENANT, LEARNER, BADGE)))

    assert "revoked: criteria no longer met, decided 2026-03-01 12:00 (revision 2)" in text
    assert "✗ final_grade DATA101 ≥ 70: 66.5 of 70 %; e-1" in text
    assert text.rstrip().endswith("final_grade DATA101 ≥ 70 (66.5 of 70 %)")


async def test_badges_that_count_are_named_with_when_they_were_met() -> None:
    sink = MemorySink()
    await filled(sink, award())
    found = await why(sink, TENANT, LEARNER, DIPLOMA)

    text = printed(why_tree(found))
    assert "never awarded; 50 % of the way" in text
    assert "1 of 2 badges; data-literacy (met 2026-03-01 12:00)" in text
    document = why_document(found)
    assert json.loads(json.dumps(document)) == document
    assert document["status"] is None
    assert document["closeness_percent"] == 50
    assert document["progress"]["awards"] == [award().award_id]
    assert [one["credential"] for one in document["behind"]] == [BADGE]


async def test_an_award_of_a_credential_that_is_no_more_is_still_explained() -> None:
    sink = MemorySink()
    await sink.write([award()])

    assert "no standing any more" in printed(why_tree(await why(sink, TENANT, LEARNER, BADGE)))


async def test_each_occurrence_is_told() -> None:
    sink = MemorySink()
    await sink.write([award(occurrence="2025"), award(occurrence="2026", decided_at=Instant(THEN + 1))])
    found = await why(sink, TENANT, LEARNER, BADGE)

    assert [one.occurrence for one in found.awards] == ["2026", "2025"]
    assert "awarded for 2025: criteria met" in printed(why_tree(found))


async def test_what_is_near_comes_with_what_is_missing() -> None:
    sink = MemorySink()
    await filled(sink, revoked())
    found = await near(sink, TENANT, LEARNER)

    assert [one.standing.credential for one in found] == [BADGE, DIPLOMA]
    text = [line.rstrip() for line in printed(near_table(found)).splitlines()]
    assert text[1].split(maxsplit=4) == ["data-literacy", "badge", "95", "%", "final_grade DATA101 ≥ 70 (66.5 of 70 %)"]
    assert [near_document(one)["closeness_percent"] for one in found] == [95, 50]


async def test_what_is_not_known_has_its_own_name() -> None:
    sink = MemorySink()
    await filled(sink, award())

    with pytest.raises(UnknownLearner):
        await near(sink, TENANT, LearnerId("u-71"))
    with pytest.raises(UnknownLearner):
        await why(sink, TENANT, LearnerId("u-71"), BADGE)
    with pytest.raises(NothingKnown):
        await why(sink, TENANT, LearnerId("u-19"), DIPLOMA)
    with pytest.raises(NothingKnown):
        await why(sink, TENANT, LEARNER, CredentialId("sql"), listed=[CredentialId("sql")])
    with pytest.raises(UnknownCredential) as refused:
        await why(sink, TENANT, LEARNER, CredentialId("diplomma"))
    assert refused.value.known == [BADGE, DIPLOMA]
    assert await near(sink, TENANT, LearnerId("u-19")) == []


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase() as database:
        yield database


@pytest.mark.stack
async def test_the_commands_say_what_the_database_has(
    database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sink = PostgresSink(database.url)
    await sink.connect()
    await filled(sink, revoked())
    await sink.close()
    monkeypatch.setenv("LAUREL_DATABASE", database.url)
    monkeypatch.delenv("LAUREL_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def laurel(*arguments: str) -> tuple[int, str]:
        # The commands have an event loop of their own.
        done = CliRunner().invoke(app, [*arguments, "--tenant", TENANT], env={"COLUMNS": "200"})
        return done.exit_code, done.output

    code, text = await to_thread(laurel, "why", LEARNER, BADGE)
    assert (code, "revoked: criteria no longer met" in text) == (0, True)
    code, text = await to_thread(laurel, "why", LEARNER, DIPLOMA, "--json")
    assert (code, json.loads(text)["credential"]) == (0, DIPLOMA)
    code, text = await to_thread(laurel, "near", LEARNER, "--json")
    assert [json.loads(line)["credential"] for line in text.splitlines()] == [BADGE, DIPLOMA]
    code, text = await to_thread(laurel, "near", LEARNER, "--limit", "1")
    assert (code, "diploma" in text) == (0, False)
    code, text = await to_thread(laurel, "why", LEARNER, "diplomma")
    assert (code, text) == (2, 'There is no credential "diplomma". Did you mean "diploma"?\n')
    code, text = await to_thread(laurel, "near", "u-71")
    assert (code, 't1 has no learner "u-71"' in text) == (1, True)
    code, text = await to_thread(laurel, "why", "u-19", DIPLOMA)
    assert (code, 'Nothing is known yet of "u-19" and "diploma"' in text) == (1, True)
