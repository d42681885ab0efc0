"""The verifier: holds topics, tables and database against the clean run, and against each other."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rules.awards import Award, award_id
from rules.facts import Profile
from rules.keys import LearnerKey, TenantId
from rules.ledger import Status
from streams.dialects.dialect import UnreadableEvent
from streams.wire import parse_facts
from tests.torture import judgements
from tests.torture.clean import Clean, Place, Sent, timeless
from tests.torture.findings import Findings
from tests.torture.judgements import Judgements
from tests.torture.reading import Found, Letter

# A letter longer than this was cut, and says so.
WHOLE_LETTER_BYTES = 64 << 10

# Where a partition keeps what time it is, and what the clock said last.
TIME = (b"control/time", b"control/clock")


def verified(clean: Clean, found: Found, catalogues: Sequence[Mapping[str, Any]]) -> Findings:
    """Compare everything. `catalogues` are the documents that were put in force, in their order."""
    findings = Findings()
    _facts(findings, clean, found, catalogues)
    findings.multisets("profiles", clean.profiles, Counter(found.profiles))
    _letters(findings, clean, found.letters)
    in_force = _revisions(findings, found.awards)
    _evidence(findings, clean, found.awards)
    partitions = judgements.judgements(found.tables)
    _tables(findings, clean, partitions)
    _awards(findings, clean, partitions, in_force)
    _ledgers(findings, clean, found, partitions, in_force)
    _restored(findings, found)
    _rows(findings, clean, found, in_force)
    return findings


def _facts(findings: Findings, clean: Clean, found: Found, catalogues: Sequence[Mapping[str, Any]]) -> None:
    sent: Counter[Sent] = Counter()
    in_force: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    said = parse_facts([kept.value for kept in found.facts])
    lie: dict[Sent, list[str]] = defaultdict(list)
    for kept, one in zip(found.facts, said, strict=True):
        partition, place = kept.partition, kept.key
        if isinstance(one, UnreadableEvent):
            findings.must("facts", [f"{place!r} in partition {partition}: {one}"])
        elif one.catalogue is not None:
            in_force[partition].append(one.catalogue.document)
        elif (fact := one.fact or one.course) is not None:
            sent[partition, place, timeless(fact)] += 1
            lie[partition, place, timeless(fact)].append(kept.where)
    findings.multisets("facts", clean.facts, sent, lambda one: _where(clean, one, lie[one]))
    # One that was applied again, since it was not known whether it had been, changes nothing.
    wanted = _without_repeats(catalogues)
    for partition, documents in in_force.items():
        if _without_repeats(documents) != wanted:
            findings.must("catalogues", [f"partition {partition} has other ones, or in another order"])
    findings.count("catalogues", len(wanted))


def _where(clean: Clean, sent: Sent, lie: list[str]) -> str:
    """Where a fact came from and where it lies: with that a fault can be followed through the logs of that moment."""
    _, place, fact = sent
    came = ", ".join(f"{one.topic} {one.partition} {one.offset}" for one in clean.came[fact])
    event, there = fact.statement.event_id, "; ".join(lie) or "no"
    return f"{place.decode()} {event}: in the input at {came or 'no place'}; there: {there}"


def _without_repeats(documents: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [document for document, _ in groupby(documents)]


def _letters(findings: Findings, clean: Clean, letters: Sequence[Letter]) -> None:
    findings.multisets(
        "dead letters",
        Counter(clean.refused.keys()),
        Counter(Place(letter.topic, letter.partition, letter.offset) for letter in letters),
    )
    for letter in letters:
        _, value = clean.refused.get(Place(letter.topic, letter.partition, letter.offset), ("", letter.value))
        if letter.stage != "intake":
            findings.must("dead letters", [f"{letter.stage} refused a record of {letter.topic}: {letter.reason}"])
        elif letter.value != value and len(value) <= WHOLE_LETTER_BYTES:
            findings.must("dead letters", [f"{letter.topic} {letter.partition} {letter.offset} is not as it was"])


def _revisions(findings: Findings, awards: Sequence[Award]) -> dict[str, Award]:
    """Each award's revisions must come one by one, each once; gives the highest of each."""
    told: dict[str, list[Award]] = defaultdict(list)
    for award in awards:
        told[award.award_id].append(award)
    for name, revisions in told.items():
        numbers = [award.revision for award in revisions]
        findings.multisets(
            "revisions", Counter((name, at) for at in range(1, max(numbers) + 1)), Counter((name, at) for at in numbers)
        )
        if list(dict.fromkeys(numbers)) != sorted(set(numbers)):
            findings.must("revisions", [f"{name} has them in the order {numbers}"])
    return {name: max(revisions, key=lambda award: award.revision) for name, revisions in told.items()}


def _evidence(findings: Findings, clean: Clean, awards: Sequence[Award]) -> None:
    for award in awards:
        if award.status is not Status.AWARDED:
            continue
        who = LearnerKey(award.tenant, award.learner)
        badges = {award_id(who, credential) for credential in clean.rulebook.rules}
        wrong = [event for one in award.evidence for event in one.events if event not in clean.events]
        wrong += [other for one in award.evidence for other in one.awards if other not in badges]
        if wrong or not award.evidence:
            findings.must("evidence", [f"{award.learner}: {award.credential} stands on {wrong or 'nothing'}"])
    findings.count("evidence", len(awards))


def _awards(findings: Findings, clean: Clean, partitions: list[Judgements], in_force: Mapping[str, Award]) -> None:
    """
    Awards in force must be those of the clean run.

    But for those that no entitlement stands behind, and those that count a badge of which that is so: there what
    was said binds, and it depends on what arrived first. `_ledgers` sees to it that they follow from what was said.
    """
    expected = clean.replay.entitlements(clean.rulebook.catalogue.tenant)
    apart, below = judgements.apart(partitions, expected), judgements.builds_on(clean.rulebook)
    judged = clean.replay.in_force()
    findings.count("awards", len(judged))
    for name in judged.keys() | in_force.keys():
        award, other = in_force.get(name), judged.get(name)
        some = award or other
        if some is None:
            continue
        what = f"awards: {some.learner}: {some.credential}"
        who = LearnerKey(some.tenant, some.learner)
        if (who, some.credential) not in expected or any((who, badge) in apart for badge in below[some.credential]):
            findings.ledger_alone += 1
        elif award is None:
            findings.lost.append(f"{what} was never told")
        elif other is None or award.status != other.status:
            findings.unexpected.append(f"{what} is {award.status} and should be {other and other.status}")


def _tables(findings: Findings, clean: Clean, found: list[Judgements]) -> None:
    statements: Counter[Any] = Counter()
    for one in found:
        statements.update(judgements.histories(one.known))
        expected = judgements.courses(clean.replay.known)
        findings.mappings(f"courses in partition {one.partition}", expected, judgements.courses(one.known))
    findings.multisets("histories", judgements.histories(clean.replay.known), statements)
    wanted = clean.replay.entitlements(clean.rulebook.catalogue.tenant)
    findings.mappings("entitlements", wanted, judgements.due(found, clean.rulebook))


def _ledgers(
    findings: Findings, clean: Clean, found: Found, partitions: list[Judgements], in_force: Mapping[str, Award]
) -> None:
    """What was said must follow from what is known, and be what topics and the other agent have heard."""
    findings.must("ledgers", judgements.unsettled(partitions, clean.rulebook))
    told = {
        (LearnerKey(award.tenant, award.learner), award.credential): (award.revision, award.status)
        for award in in_force.values()
    }
    findings.mappings("ledgers as told", judgements.told(partitions, clean.rulebook), told)
    findings.mappings(
        "badges as held", judgements.held_by_ledgers(partitions), judgements.held_by_certificates(partitions)
    )
    said = {place: judgements.untimed(one) for place, one in found.standings.items() if one is not None}
    findings.mappings("standings", judgements.standings(partitions, clean.rulebook), said)


def _restored(findings: Findings, found: Found) -> None:
    """
    What the changelogs alone give must be what the workers had, byte for byte; and so must warm copies.

    But for the time: whoever restores hears it, as any worker does.
    """
    nothing: dict[bytes, bytes] = {}
    for at in found.tables.keys() | found.restored.keys():
        agent, partition = at
        what = f"{agent} restored in partition {partition}"
        had, given = (_without_time(tables.get(at, nothing)) for tables in (found.tables, found.restored))
        findings.mappings(what, had, given)
    for (agent, partition), copy in found.copies:
        what = f"{agent} in warm copies in partition {partition}"
        findings.mappings(what, found.tables.get((agent, partition), nothing), copy)


def _without_time(table: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {place: value for place, value in table.items() if place not in TIME}


def _rows(findings: Findings, clean: Clean, found: Found, in_force: Mapping[str, Award]) -> None:
    findings.mappings("rows of awards", in_force, found.rows.awards)
    last = {(one.tenant, one.learner, one.credential): one for one in found.standings.values() if one is not None}
    findings.mappings("rows of standings", last, found.rows.standings)
    findings.mappings("rows of people", dict(_newest(clean)), found.rows.people)


def _newest(clean: Clean) -> Iterator[tuple[tuple[TenantId, str], Profile]]:
    """What everyone is called at last; the later come later, and win."""
    profiles = [profile for _, profile in clean.profiles]
    for profile in sorted(profiles, key=lambda one: (one.occurred_at, one.event_id)):
        yield (profile.tenant, profile.learner), profile
