"""What a record of `laurel.held` changes, and which certificates follow: the certificates agent's whole judgement."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rules.awards import ByHand, Erased, Held, Standing, UpToDate
from rules.criteria import Badges, Leaf, Node
from rules.erasure import erase_certificates
from rules.keys import CredentialId, LearnerKey
from rules.known import AT_ONCE, KnownOfCertificates
from rules.ledger import Entry, Ledger, joined_act
from rules.nesting import evidence, node, spans
from rules.rulebook import Rulebook
from rules.spans import Spans
from rules.tree import TreeView
from rules.verdict import verdict


def decide_told(known: KnownOfCertificates, told: Held | UpToDate | ByHand | Erased) -> None:
    """Take in whatever progress tells of one learner."""
    match told:
        case Held():
            decide_held(known, told)
        case UpToDate():
            decide_up_to_date(known, told)
        case ByHand():
            decide_by_hand(known, told)
        case Erased():
            decide_erased(known, told)


def decide_held(known: KnownOfCertificates, held: Held) -> None:
    """Take in when a badge is held and, with the last that was decided with it, decide certificates."""
    advance(known, held.received_at)
    who = LearnerKey(held.tenant, held.learner)
    rulebook = known.clock.rulebook(held.tenant)
    all_held = known.held.get(str(who)) or {}
    if rulebook is not None and rulebook.digest == held.judged_under:
        _bring_up_to_date(known, rulebook, who, all_held)
    if all_held.get(held.credential) != held.spans:
        all_held[held.credential] = held.spans
        known.held.put(str(who), all_held)
    together = held.together or (held.credential,)
    # The same spans again mean that one of their ends has passed: how far the learner is has changed with it.
    if rulebook is not None and held.credential == together[-1]:
        counting = [certificate for badge in together for certificate in rulebook.by_badge.get(badge, ())]
        _judge(known, rulebook, who, counting)


def decide_up_to_date(known: KnownOfCertificates, told: UpToDate) -> None:
    """All that a learner holds has been told, as judged under a catalogue: now it decides their certificates."""
    advance(known, told.received_at)
    rulebook, who = known.clock.rulebook(told.tenant), LearnerKey(told.tenant, told.learner)
    if rulebook is not None and rulebook.digest == told.judged_under:
        _bring_up_to_date(known, rulebook, who, known.held.get(str(who)) or {})


def decide_by_hand(known: KnownOfCertificates, done: ByHand) -> None:
    """Take in what a person did about a certificate; it counts once the learner is up to date."""
    advance(known, done.received_at)
    rulebook, who = known.clock.rulebook(done.tenant), LearnerKey(done.tenant, done.learner)
    ledger = known.ledger.get(str(who)) or Ledger()
    entry = ledger.entries.get(done.credential) or Entry()
    acts = joined_act(entry.acts, done.act)
    if acts == entry.acts:
        return
    ledger.entries[done.credential] = replace(entry, acts=acts)
    known.ledger.put(str(who), ledger)
    if rulebook is not None:
        _judge(known, rulebook, who, [done.credential])


def decide_erased(known: KnownOfCertificates, erased: Erased) -> None:
    """Remove all that is known of a learner."""
    advance(known, erased.received_at)
    erase_certificates(known, erased)


def _bring_up_to_date(
    known: KnownOfCertificates, rulebook: Rulebook, who: LearnerKey, all_held: dict[CredentialId, Spans]
) -> None:
    ledger = known.ledger.get(str(who)) or Ledger()
    if ledger.judged_under != rulebook.digest:
        ledger.judged_under = rulebook.digest
        known.ledger.put(str(who), ledger)
        retired = ledger.entries.keys() - rulebook.certificates
        known.decisions.standings.update({(who, credential): None for credential in sorted(retired)})
        concerned = _concerned(rulebook, all_held, ledger)
        if concerned:
            _judge(known, rulebook, who, concerned)


def decide_catalogue(known: KnownOfCertificates, document: dict[str, Any], received_at: int) -> bool:
    """Put a catalogue in force from here on; it decides a learner once they are up to date. False: it was already."""
    advance(known, received_at)
    _, changed = known.clock.put_in_force(document)
    return changed


def advance(known: KnownOfCertificates, time: int) -> None:
    """Let the time be known, and look at what was due by then, as `rules.decide.advance` does."""
    before = known.clock.time
    if known.clock.advance(time) and not known.agenda.is_due(before):
        look_on(known, AT_ONCE)


def look_on(known: KnownOfCertificates, learners: int) -> int:
    """Look at so many of those who are due by now; says at how many it looked."""
    time = known.clock.time
    due = known.agenda.take(time, learners)
    for who in due:
        rulebook = known.clock.rulebook(who.tenant)
        if rulebook is not None and not _is_up_to_date(known, rulebook, who):
            # Judged when they are; but that may be never, where this catalogue was in force before.
            known.agenda.add(time + 1, who)
        elif rulebook is not None:
            ledger = known.ledger.get(str(who)) or Ledger()
            _judge(known, rulebook, who, _concerned(rulebook, known.held.get(str(who)) or {}, ledger))
    return len(due)


def is_behind(known: KnownOfCertificates) -> bool:
    """Whether somebody is due by now who was not looked at yet."""
    return known.agenda.is_due(known.clock.time)


def standing(known: KnownOfCertificates, who: LearnerKey, credential: CredentialId) -> Standing | None:
    """How far a learner is with one certificate: none when the catalogue has it no more, or they were erased."""
    rulebook, ledger = known.clock.rulebook(who.tenant), known.ledger.get(str(who))
    if rulebook is None or ledger is None or credential not in rulebook.certificates:
        return None
    rule, view = rulebook.rules[credential], _view(known, who)

    def leaf(criterion: Leaf) -> Node:
        if not isinstance(criterion, Badges):
            msg = "a certificate's tree has badges only"
            raise TypeError(msg)
        return view.badges_node(criterion, known.clock.time)

    return Standing(
        tenant=who.tenant,
        learner=who.learner,
        credential=credential,
        credential_version=rule.version,
        kind=rule.credential.kind,
        status=ledger.entries.get(credential, Entry()).status,
        progress=node(rule.tree, leaf, view.has_met),
        decided_at=known.clock.time,
    )


def _judge(
    known: KnownOfCertificates,
    rulebook: Rulebook,
    who: LearnerKey,
    credentials: Iterable[CredentialId],
) -> None:
    """Decide these certificates; none where the learner is not up to date under the catalogue in force."""
    place = str(who)
    ledger = known.ledger.get(place) or Ledger()
    chosen = set(credentials) & rulebook.certificates
    if ledger.judged_under != rulebook.digest:
        return
    view = _view(known, who)
    for credential in rulebook.in_order(chosen):
        rule, entry = rulebook.rules[credential], ledger.entries.get(credential) or Entry()
        said = verdict(
            rule,
            entry,
            spans(rule.tree, view.spans),
            who=who,
            time=known.clock.time,
            evidence_at=lambda time, tree=rule.tree: evidence(tree, time, view.spans, view.said),  # type: ignore[misc]
        )
        if said.due_at is not None:
            known.agenda.add(said.due_at, who)
        known.decisions.standings[who, credential] = None
        # Also where nothing was said: its standing was told, and is taken back when the catalogue has it no more.
        ledger.entries[credential] = said.entry
        if said.award is not None:
            known.decisions.awards.append(said.award)
    if chosen:
        known.ledger.put(place, ledger)


def _view(known: KnownOfCertificates, who: LearnerKey) -> TreeView:
    return TreeView(who=who, clauses={}, held=known.held.get(str(who)) or {})


def _is_up_to_date(known: KnownOfCertificates, rulebook: Rulebook, who: LearnerKey) -> bool:
    ledger = known.ledger.get(str(who))
    return ledger is not None and ledger.judged_under == rulebook.digest


def _concerned(rulebook: Rulebook, all_held: dict[CredentialId, Spans], ledger: Ledger) -> set[CredentialId]:
    """The certificates that a learner has, or has a badge for."""
    counting = {certificate for badge in all_held for certificate in rulebook.by_badge.get(badge, ())}
    return counting | (set(ledger.entries) & rulebook.certificates)
