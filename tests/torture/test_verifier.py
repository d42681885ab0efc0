"""The verifier has teeth: it finds nothing in what is right, and everything that is planted."""

import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from laurel.term import term
from rules.catalogue import Catalogue, dump_catalogue
from rules.histories import Statement
from rules.keys import CredentialId, Instant
from rules.known import Known, KnownOfCertificates, MemoryTable
from rules.ledger import Status
from rules.replay import Replay
from streams.wire import CODECS, CatalogueInForce, FactsRecord, dump
from tests.acceptance.scenes import DIALECTS, demo_catalogue, evaluated
from tests.torture import judgements
from tests.torture.clean import Clean, Input, Sent, judged
from tests.torture.findings import Findings
from tests.torture.reading import Found, Kept, Letter, Rows
from tests.torture.verifier import verified

NOW = Instant(1_800_000_000_000_000)
PROGRESS, CERTIFICATES = ("progress", 0), ("certificates", 0)


@cache
def catalogue() -> Catalogue:
    return demo_catalogue()


def clean_run() -> Clean:
    """A small term, with one partition of everything."""
    inputs = [Input(one.topic, 0, at, one.value, one.headers) for at, one in enumerate(term(seed=5, learners=15))]
    return judged(catalogue(), inputs, DIALECTS, partitions=1, now=NOW)


def live_run(path: Path) -> Replay:
    """The same as it comes in, each fact judged when it arrives: what is said early binds."""
    return evaluated(path, term(seed=5, learners=15)).replay


@cache
def clean() -> Clean:
    return clean_run()


@cache
def right() -> Found:
    """What a system without a fault would leave behind."""
    # Judged apart, so that the two have no value in common that one of them could change.
    other = clean_run()
    with tempfile.TemporaryDirectory() as place:
        live = live_run(Path(place) / "events.jsonl")
    tables = {PROGRESS: raw(progress_tables(live.known)), CERTIFICATES: raw(certificates_tables(live))}
    found = Found(
        facts=[fact_record(sent) for sent in other.facts.elements()],
        profiles=list(other.profiles.elements()),
        letters=[Letter(*place, "intake", reason, value) for place, (reason, value) in other.refused.items()],
        awards=list(live.awards),
        tables=tables,
        restored=deepcopy(tables),
    )
    found.facts.append(Kept(0, b"catalogue", dump(FactsRecord(catalogue=CatalogueInForce(document(), NOW)))))
    found.standings = dict(judgements.standings(judgements.judgements(tables), clean().rulebook))
    found.rows = Rows(
        awards={award.award_id: award for award in found.awards},
        standings={(one.tenant, one.learner, one.credential): one for one in found.standings.values() if one},
        people={(one.tenant, one.learner): one for _, one in found.profiles},
    )
    return found


def document() -> dict[str, Any]:
    return dump_catalogue(catalogue())


def fact_record(sent: Sent) -> Kept:
    partition, place, fact = sent
    later = replace(fact, received_at=NOW)
    record = FactsRecord(fact=later) if hasattr(later, "register") else FactsRecord(course=later)  # type: ignore[arg-type]  # one of the two
    return Kept(partition, place, dump(record))


def progress_tables(known: Known) -> dict[str, Any]:
    names = ("facts", "courses", "progress", "ledger", "standings", "enrolled", "events")
    return {name: getattr(known, name) for name in names} | {"due": known.agenda.due, "control": known.clock.control}


def certificates_tables(replay: Replay) -> dict[str, Any]:
    known: KnownOfCertificates = replay.of_certificates
    return {
        "held": known.held,
        "certificate_ledger": known.ledger,
        "due": known.agenda.due,
        "control": known.clock.control,
    }


def raw(tables: dict[str, MemoryTable[Any]]) -> dict[bytes, bytes]:
    """Tables as a worker's RocksDB holds them."""
    return {
        f"{name}/{place}".encode(): CODECS[name][0](value)
        for name, table in tables.items()
        for place, value in table.scan("")
    }


def changed(found: Found, table: str, change: Callable[[Any], bool], agent: tuple[str, int] = PROGRESS) -> None:
    """Change the first value of a table that lets itself be changed, in the workers' state and the restored one."""
    encode, decode = CODECS[table]
    for place, value in found.tables[agent].items():
        if place.startswith(f"{table}/".encode()) and change(known := decode(value)):
            found.tables[agent][place] = found.restored[agent][place] = encode(known)
            return
    pytest.fail(f"no value of {table} can be changed so")


def found_with(plant: Callable[[Found], None]) -> Findings:
    planted = deepcopy(right())
    plant(planted)
    return verified(clean(), planted, [document()])


def test_nothing_is_found_in_what_is_right_and_all_of_it_was_compared() -> None:
    findings = verified(clean(), right(), [document()])

    assert str(findings) == "lost=0 unexpected=0 duplicate_effects=0", findings.sentences()
    assert findings.is_clean
    assert all(findings.compared.values())
    assert findings.compared["facts"] > 900
    assert findings.compared["awards"] > 50
    assert findings.compared["dead letters"] > 3
    assert findings.ledger_alone, "the term has awards that the ledger alone holds"


def test_what_a_credential_stands_on_is_known_to_the_bottom() -> None:
    below = judgements.builds_on(clean().rulebook)

    assert {"capstone", "foundations", "sql", "statistics", "data-literacy"} < below[CredentialId("data-lead")]
    assert below[CredentialId("sql")] == set()


# What is planted, and what must be said of it


def lost_fact(found: Found) -> None:
    found.facts.pop(17)


def lost_letter(found: Found) -> None:
    found.letters.pop()


def lost_profile(found: Found) -> None:
    found.profiles.pop()


def lost_revision(found: Found) -> None:
    """A hole: what was the first is the second, and there is no first."""
    single = next(award for award in found.awards if award.revision == 1)
    found.awards = [replace(award, revision=2) if award is single else award for award in found.awards]


def lost_award(found: Found) -> None:
    award_id = next(award.award_id for award in found.awards if award.status is Status.AWARDED)
    found.awards = [award for award in found.awards if award.award_id != award_id]


def lost_row(found: Found) -> None:
    found.rows.awards.popitem()


def lost_person(found: Found) -> None:
    found.rows.people.popitem()


def lost_row_of_standing(found: Found) -> None:
    found.rows.standings.popitem()


def lost_standing(found: Found) -> None:
    found.standings.popitem()


def lost_statement(found: Found) -> None:
    place = next(place for place in found.tables[PROGRESS] if place.startswith(b"facts/"))
    del found.tables[PROGRESS][place], found.restored[PROGRESS][place]


def lost_clauses(found: Found) -> None:
    def change(ledger: Any) -> bool:
        had = bool(ledger.entries) and bool(ledger.clauses)
        ledger.clauses.clear()
        return had

    changed(found, "ledger", change)


def older_copy(found: Found) -> None:
    copy = dict(found.tables[PROGRESS])
    copy.popitem()
    found.copies.append((PROGRESS, copy))


def not_restored(found: Found) -> None:
    place = next(place for place in found.restored[CERTIFICATES] if place.startswith(b"held/"))
    del found.restored[CERTIFICATES][place]


def nothing_restored(found: Found) -> None:
    found.restored.clear()


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (lost_fact, "facts"),
        (lost_letter, "dead letters"),
        (lost_profile, "profiles"),
        (lost_revision, "revisions"),
        (lost_award, "awards"),
        (lost_row, "rows of awards"),
        (lost_person, "rows of people"),
        (lost_row_of_standing, "rows of standings"),
        (lost_standing, "standings"),
        (lost_statement, "histories"),
        (lost_clauses, "entitlements"),
        (older_copy, "progress in warm copies"),
        (not_restored, "certificates restored"),
        (nothing_restored, "progress restored"),
    ],
)
def test_what_is_lost_is_found(plant: Callable[[Found], None], what: str) -> None:
    findings = found_with(plant)

    assert any(sentence.startswith(what) for sentence in findings.lost), findings.sentences()
    assert not findings.is_clean


def foreign_fact(found: Found) -> None:
    (*_, fact) = next(iter(clean().facts))
    said = replace(fact, statement=fact.statement._replace(event_id="nobody-sent-this"))  # type: ignore[arg-type]  # either kind of fact
    found.facts.append(fact_record((0, b"example/1", said)))


def foreign_record(found: Found) -> None:
    found.facts.append(Kept(0, b"example/1", b'{"grant":{}}'))


def foreign_letter(found: Found) -> None:
    found.letters.append(Letter("lms.laurel", 0, 1_000_000, "intake", "nobody knows", b""))


def letter_of_delivery(found: Found) -> None:
    found.letters.append(Letter("laurel.badges", 0, 3, "delivery", "22P05", b""))


def spoilt_letter(found: Found) -> None:
    found.letters[0] = replace(found.letters[0], value=found.letters[0].value + b" ")


def foreign_evidence(found: Found) -> None:
    at = next(at for at, award in enumerate(found.awards) if award.status is Status.AWARDED and award.evidence)
    award = found.awards[at]
    spoilt = (award.evidence[0]._replace(events=("nobody-sent-this",)), *award.evidence[1:])
    found.awards[at] = replace(award, evidence=spoilt)


def other_status(found: Found) -> None:
    """The last that was said of an award that is due is that it is taken back."""
    in_force = {award.award_id: award for award in found.awards}
    last = next(award for award in in_force.values() if award.status is Status.AWARDED)
    found.awards.append(replace(last, revision=last.revision + 1, status=Status.REVOKED))


def revisions_in_disorder(found: Found) -> None:
    at = next(at for at, award in enumerate(found.awards) if award.revision == 2)
    found.awards.insert(0, found.awards.pop(at))


def stale_row(found: Found) -> None:
    award_id, award = next((name, one) for name, one in found.rows.awards.items() if one.revision > 1)
    found.rows.awards[award_id] = replace(award, revision=award.revision - 1)


def stale_standing(found: Found) -> None:
    place, said = next((place, said) for place, said in found.standings.items() if said)
    node = said.progress._replace(have=said.progress.have + 1)
    found.standings[place] = replace(said, progress=node)


def old_name(found: Found) -> None:
    place, profile = next(iter(found.rows.people.items()))
    found.rows.people[place] = replace(profile, full_name="as it was before")


def statement_from_nowhere(found: Found) -> None:
    place, value = next((p, v) for p, v in found.tables[PROGRESS].items() if p.startswith(b"facts/"))
    encode, decode = CODECS["facts"]
    longer = encode((*decode(value), Statement(NOW, 0, "nobody-sent-this", 7)))
    found.tables[PROGRESS][place] = found.restored[PROGRESS][place] = longer


def outline_from_nowhere(found: Found) -> None:
    def change(record: Any) -> bool:
        record.outline.clear()
        return True

    changed(found, "courses", change)


def unsaid(found: Found) -> None:
    """A ledger that has forgotten what it said, although it follows from what it knows."""

    def change(ledger: Any) -> bool:
        awarded = [name for name, entry in ledger.entries.items() if entry.status is Status.AWARDED]
        for name in awarded:
            ledger.entries[name] = replace(ledger.entries[name], status=Status.REVOKED, span=None, said=None)
        return bool(awarded)

    changed(found, "ledger", change)


def held_by_nobody(found: Found) -> None:
    def change(held: Any) -> bool:
        badge = next((badge for badge, spans in held.items() if spans), None)
        if badge is not None:
            held[badge] = ()
        return badge is not None

    changed(found, "held", change, CERTIFICATES)


def restored_otherwise(found: Found) -> None:
    place = next(place for place in found.restored[PROGRESS] if place.startswith(b"ledger/"))
    found.restored[PROGRESS][place] += b"\x00"


def other_copy(found: Found) -> None:
    copy = dict(found.tables[PROGRESS])
    copy[next(iter(copy))] += b"\x00"
    found.copies.append((PROGRESS, copy))


def no_catalogue(found: Found) -> None:
    found.facts.append(found.facts[-1])
    other = dump(FactsRecord(catalogue=CatalogueInForce(document() | {"version": 2}, NOW)))
    found.facts[-2] = Kept(0, b"catalogue", other)


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (foreign_fact, "facts"),
        (foreign_record, "facts"),
        (foreign_letter, "dead letters"),
        (letter_of_delivery, "dead letters"),
        (spoilt_letter, "dead letters"),
        (foreign_evidence, "evidence"),
        (other_status, "awards"),
        (revisions_in_disorder, "revisions"),
        (stale_row, "rows of awards"),
        (stale_standing, "standings"),
        (old_name, "rows of people"),
        (statement_from_nowhere, "histories"),
        (outline_from_nowhere, "courses"),
        (unsaid, "ledgers"),
        (held_by_nobody, "badges as held"),
        (restored_otherwise, "progress restored"),
        (other_copy, "progress in warm copies"),
        (no_catalogue, "catalogues"),
    ],
)
def test_what_should_not_be_there_is_found(plant: Callable[[Found], None], what: str) -> None:
    findings = found_with(plant)

    assert any(sentence.startswith(what) for sentence in findings.unexpected), findings.sentences()
    assert not findings.is_clean


def fact_twice(found: Found) -> None:
    found.facts.append(found.facts[17])


def letter_twice(found: Found) -> None:
    found.letters.append(found.letters[3])


def profile_twice(found: Found) -> None:
    found.profiles.append(found.profiles[3])


def revision_twice(found: Found) -> None:
    found.awards.append(found.awards[-1])


@pytest.mark.parametrize("plant", [fact_twice, letter_twice, profile_twice, revision_twice])
def test_an_effect_that_came_twice_is_found_and_counted(plant: Callable[[Found], None]) -> None:
    findings = found_with(plant)

    assert str(findings) == "lost=0 unexpected=0 duplicate_effects=1", findings.sentences()
