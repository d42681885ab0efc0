"""What a record of `laurel.held` changes, and which certificates follow: the certificates agent's whole judgement."""

from collections.abc import Iterable, Iterator
from typing import Any

from rules.awards import Held, Standing
from rules.criteria import Badges, Leaf, Node, evidence, node, spans
from rules.keys import CredentialId, LearnerId, LearnerKey, key, parts, prefix
from rules.known import Control, KnownOfCertificates, Walk
from rules.ledger import Entry, Ledger
from rules.rulebook import Rulebook
from rules.tree import TreeView
from rules.verdict import verdict


def decide_held(known: KnownOfCertificates, held: Held) -> None:
    """Take in when a badge is held, and decide the certificates that count it."""
    advance(known, held.received_at)
    who = LearnerKey(held.tenant, held.learner)
    place = str(who)
    all_held = known.held.get(place) or {}
    if all_held.get(held.credential) == held.spans:
        return
    all_held[held.credential] = held.spans
    known.held.put(place, all_held)
    rulebook = known.clock.rulebook(held.tenant)
    if rulebook is not None:
        _judge(known, rulebook, who, rulebook.by_badge.get(held.credential, ()))


def decide_catalogue(known: KnownOfCertificates, document: dict[str, Any], received_at: int) -> bool:
    """Put a catalogue in force from here on; a walk over all who hold a badge begins. False: it was already."""
    advance(known, received_at)
    catalogue, changed = known.clock.put_in_force(document)
    if changed:
        control = Control(walk=Walk(tenant=catalogue.tenant))
        known.clock.control.put(key("walk", catalogue.tenant, "all"), control)
    return changed


def advance(known: KnownOfCertificates, time: int) -> None:
    """Let the time be known, and look at what was due by then."""
    if not known.clock.advance(time):
        return
    for who in known.agenda.take(time):
        rulebook = known.clock.rulebook(who.tenant)
        if rulebook is not None:
            _judge(known, rulebook, who, rulebook.certificates)


def walk_on(known: KnownOfCertificates, place: str, walk: Walk, learners: int) -> int:
    """Go on with one walk for at most so many learners; says how many it looked at. At its end it is gone."""
    rulebook = known.clock.rulebook(walk.tenant)
    done = 0
    for after, learner in _walked(known, walk) if rulebook is not None else ():
        if rulebook is None or done == learners:
            break
        _judge(known, rulebook, LearnerKey(walk.tenant, learner), ())
        walk = Walk(tenant=walk.tenant, after=after)
        done += 1
    if done == learners:
        known.clock.control.put(place, Control(walk=walk))
    else:
        known.clock.control.delete(place)
    return done


def walks(known: KnownOfCertificates) -> list[tuple[str, Walk]]:
    """The walks that are under way in this partition."""
    return [(place, record.walk) for place, record in known.clock.control.scan("walk/") if record.walk is not None]


def standing(known: KnownOfCertificates, who: LearnerKey, credential: CredentialId) -> Standing | None:
    """How far a learner is with one certificate: none when the catalogue has it no more."""
    rulebook = known.clock.rulebook(who.tenant)
    if rulebook is None or credential not in rulebook.certificates:
        return None
    rule, view = rulebook.rules[credential], _view(known, who)
    ledger = known.ledger.get(str(who)) or Ledger()

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
        progress=node(rule.tree, leaf),
        decided_at=known.clock.time,
    )


def _judge(
    known: KnownOfCertificates,
    rulebook: Rulebook,
    who: LearnerKey,
    credentials: Iterable[CredentialId],
) -> None:
    """Decide these certificates; all of them where the learner was judged under an older catalogue."""
    place = str(who)
    ledger = known.ledger.get(place) or Ledger()
    chosen = set(credentials) & rulebook.certificates
    if ledger.judged_under != rulebook.digest:
        ledger.judged_under = rulebook.digest
        chosen = set(rulebook.certificates)
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
        if said.entry != entry:
            ledger.entries[credential] = said.entry
        if said.award is not None:
            known.decisions.awards.append(said.award)
    if chosen:
        known.ledger.put(place, ledger)


def _view(known: KnownOfCertificates, who: LearnerKey) -> TreeView:
    return TreeView(who=who, clauses={}, held=known.held.get(str(who)) or {})


def _walked(known: KnownOfCertificates, walk: Walk) -> Iterator[tuple[str, LearnerId]]:
    for place, _ in known.held.scan(prefix(walk.tenant), walk.after):
        yield place, LearnerId(parts(place)[1])
