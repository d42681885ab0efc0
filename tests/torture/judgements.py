"""What workers' tables say: histories, entitlements, ledgers and standings, and whether they fit each other."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rules import certify, telling
from rules.awards import CredentialKind, Standing
from rules.entitlements import entitlements
from rules.histories import Statement
from rules.keys import CredentialId, Instant, LearnerId, LearnerKey, TenantId, key, parts
from rules.known import Known, KnownOfCertificates, MemoryTable
from rules.ledger import Entry, Ledger, Status
from rules.nesting import spans
from rules.replay import Entitlements
from rules.rulebook import Rulebook
from rules.spans import Span, Spans, normal
from rules.tree import TreeView
from rules.verdict import verdict
from streams.wire import CODECS
from tests.torture.reading import Tables

PROGRESS, CERTIFICATES = "progress", "certificates"

Told = dict[tuple[LearnerKey, CredentialId], tuple[int, Status | None]]
Courses = dict[str, tuple[object, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """What one partition's tables say, decoded."""

    partition: int
    known: Known
    of_certificates: KnownOfCertificates

    def ledgers(self) -> Iterator[tuple[LearnerKey, Ledger]]:
        """Progress' ledgers."""
        for place, ledger in self.known.ledger.scan(""):
            yield _learner(place), ledger

    def holders(self) -> Iterator[tuple[LearnerKey, dict[CredentialId, Spans], Ledger]]:
        """Who holds anything, by what the certificates agent was told, with their ledger of certificates."""
        for place, held in self.of_certificates.held.scan(""):
            yield _learner(place), held, self.of_certificates.ledger.get(place) or Ledger()


def judgements(tables: Tables) -> list[Judgements]:
    """Decode the tables of all partitions."""
    return [
        Judgements(
            partition=partition,
            known=Known.of(_tables_of(tables.get((PROGRESS, partition), {}))),
            of_certificates=KnownOfCertificates.of(_tables_of(tables.get((CERTIFICATES, partition), {}))),
        )
        for partition in sorted({partition for _, partition in tables})
    ]


def histories(known: Known) -> Counter[tuple[str, Statement]]:
    """Every statement in every history."""
    return Counter((place, statement) for place, history in known.facts.scan("") for statement in history)


def courses(known: Known) -> Courses:
    """What was said of each course; how often it changed depends on what arrived when."""
    return {place: (record.outline, record.release) for place, record in known.courses.scan("")}


def due(found: list[Judgements], rulebook: Rulebook) -> Entitlements:
    """What is due by the ledgers."""
    return {
        (who, credential): entitlement
        for one in found
        for who, ledger in one.ledgers()
        for credential, entitlement in entitlements(rulebook, who, ledger.clauses).items()
    }


def told(found: list[Judgements], rulebook: Rulebook) -> Told:
    """What the ledgers say was told of each award: its revision and status. Milestones are not told."""
    shown = {c for c, rule in rulebook.rules.items() if rule.credential.kind is not CredentialKind.MILESTONE}
    ledgers = [ledger for one in found for ledger in one.ledgers()]
    ledgers += [(_learner(place), ledger) for one in found for place, ledger in one.of_certificates.ledger.scan("")]
    return {
        (who, credential): (entry.revision, entry.status)
        for who, ledger in ledgers
        for credential, entry in ledger.entries.items()
        if entry.revision and credential in shown
    }


def apart(found: list[Judgements], due: Entitlements) -> set[tuple[LearnerKey, CredentialId]]:
    """The badges that are held at other times than the facts alone give: there what was said binds."""
    return {
        (who, credential)
        for (who, credential), held in held_by_ledgers(found).items()
        if held != normal(Span(span.since, span.until) for span in due.get((who, credential), ()))
    }


def builds_on(rulebook: Rulebook) -> dict[CredentialId, set[CredentialId]]:
    """The badges that each credential stands on, and those that they stand on."""
    found: dict[CredentialId, set[CredentialId]] = {credential: set() for credential in rulebook.rules}
    for badge in rulebook.in_order(rulebook.rules):
        for builder in rulebook.by_badge.get(badge, ()):
            found[builder] |= {badge, *found[badge]}
    return found


def held_by_ledgers(found: list[Judgements]) -> dict[tuple[LearnerKey, CredentialId], Spans]:
    """When badges are held, as progress has decided it."""
    return {
        (who, credential): entry.held
        for one in found
        for who, ledger in one.ledgers()
        for credential, entry in ledger.entries.items()
    }


def held_by_certificates(found: list[Judgements]) -> dict[tuple[LearnerKey, CredentialId], Spans]:
    """The same, as the certificates agent knows it."""
    return {
        (who, credential): spans
        for one in found
        for who, held, _ in one.holders()
        for credential, spans in held.items()
    }


def unsettled(found: list[Judgements], rulebook: Rulebook) -> Iterator[str]:
    """
    What the ledgers have not said although it follows, or have said although it does not.

    Judging what is known once more must change nothing: what was said before is part of what is known.
    """
    for one in found:
        for who, ledger in one.ledgers():
            if ledger.judged_under != rulebook.digest:
                yield f"{who} was not judged under the catalogue in force"
            held = {credential: entry.held for credential, entry in ledger.entries.items()}
            view = TreeView(who=who, clauses=ledger.clauses, held=held)
            yield from _changing(rulebook, rulebook.badges, view, ledger, one.known.clock.time)
        for who, spans_of, ledger in one.holders():
            view = TreeView(who=who, clauses={}, held=spans_of)
            yield from _changing(rulebook, rulebook.certificates, view, ledger, one.of_certificates.clock.time)


def standings(found: list[Judgements], rulebook: Rulebook) -> dict[bytes, Standing]:
    """How far everyone is by the tables: what the last message about each must say, but for its time."""
    said: dict[bytes, Standing] = {}
    for one in found:
        for place, _ in one.known.standings.scan(""):
            *_, credential = parts(place)
            standing = telling.standing(one.known, _learner(place), CredentialId(credential))
            if standing is not None:
                said[place.encode()] = untimed(standing)
        for who, held, ledger in one.holders():
            counted = {certificate for badge in held for certificate in rulebook.by_badge.get(badge, ())}
            for credential in (counted | set(ledger.entries)) & rulebook.certificates:
                standing = certify.standing(one.of_certificates, who, credential)
                if standing is not None:
                    said[key(*who, credential).encode()] = untimed(standing)
    return said


def untimed(standing: Standing) -> Standing:
    """A standing without when it was decided: the clock goes on without a word."""
    return replace(standing, decided_at=Instant(0))


def _changing(
    rulebook: Rulebook, credentials: frozenset[CredentialId], view: TreeView, ledger: Ledger, time: Instant
) -> Iterator[str]:
    for credential in credentials:
        rule, entry = rulebook.rules[credential], ledger.entries.get(credential) or Entry()
        again = verdict(rule, entry, spans(rule.tree, view.spans), who=view.who, time=time, evidence_at=lambda _: ())
        if again.award is not None or again.entry != entry:
            yield f"{view.who}: {credential} is {entry.status}, and judged once more {again.entry.status}"


def _tables_of(raw: Mapping[bytes, bytes]) -> Callable[[str], MemoryTable[Any]]:
    ordered = sorted(raw.items())

    def table(name: str) -> MemoryTable[Any]:
        made, prefix, decode = MemoryTable[Any](), f"{name}/".encode(), CODECS[name][1]
        for place, value in ordered:
            if place.startswith(prefix):
                made.put(place[len(prefix) :].decode(), decode(value))
        return made

    return table


def _learner(place: str) -> LearnerKey:
    tenant, learner, *_ = parts(place)
    return LearnerKey(TenantId(tenant), LearnerId(learner))
