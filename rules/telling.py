"""Standings: telling how far a learner is with each credential, leaf by leaf."""

from rules.awards import Standing
from rules.course import CourseView, how_far
from rules.criteria import Badges, Clause, Leaf, Node, leaves
from rules.keys import CredentialId, LearnerId, LearnerKey, TenantId, key, parts, prefix
from rules.known import CourseProgress, Known, StandingRecord
from rules.ledger import Ledger, Status
from rules.nesting import node
from rules.rulebook import ClauseRule, Rulebook
from rules.tree import TreeView, leaf_name


def tell_clause(known: Known, who: LearnerKey, rule: ClauseRule, progress: CourseProgress, far: Node) -> None:
    """Note how far a clause is, and tell every credential's standing that asks for it; the caller puts `progress`."""
    if progress.nodes.get(rule.id) == far:
        return
    progress.nodes[rule.id] = far
    for credential in rule.credentials:
        place = key(*who, credential)
        if known.standings.get(place) is None:
            known.standings.put(place, StandingRecord())
        known.decisions.standings[who, credential] = None


def tell_status(known: Known, who: LearnerKey, credential: CredentialId, now: Status | None) -> None:
    """Write down what a credential's award is now."""
    record = _record(known, who, credential)
    if record.status != now:
        record.status = now
        _changed(known, who, credential, record)


def tell_badges(known: Known, rulebook: Rulebook, view: TreeView, credential: CredentialId) -> None:
    """Write down how many badges are held, of those that a credential counts."""
    record = _record(known, view.who, credential)
    for leaf in leaves(rulebook.rules[credential].tree):
        if isinstance(leaf, Badges):
            far = view.badges_node(leaf, known.clock.time)
            if record.badges.get(leaf_name(leaf), far) != far or (far.have and leaf_name(leaf) not in record.badges):
                record.badges[leaf_name(leaf)] = far
                _changed(known, view.who, credential, record)


def tell_deadlines(known: Known, rulebook: Rulebook, who: LearnerKey, credential: CredentialId) -> None:
    """Tell how far a credential is, where that hangs on when its clauses were met."""
    place = key(*who, credential)
    if rulebook.rules[credential].has_deadline and known.standings.get(place) is not None:
        known.decisions.standings[who, credential] = None


def forget(known: Known, who: LearnerKey) -> None:
    """Drop what was told of a learner, to tell it anew; what is not told again is taken back (a tombstone)."""
    for place, _ in list(known.standings.scan(prefix(*who))):
        known.standings.delete(place)
        known.decisions.standings[who, CredentialId(parts(place)[2])] = None


def tell_ledger(known: Known, rulebook: Rulebook, view: TreeView, ledger: Ledger) -> None:
    """Tell all that the ledger knows, after everything of a learner was judged anew."""
    for credential, entry in ledger.entries.items():
        if credential in rulebook.rules and entry.status is not None:
            tell_status(known, view.who, credential, entry.status)
    builders = {builder for badge, spans in view.held.items() if spans for builder in rulebook.by_badge.get(badge, ())}
    for credential in rulebook.in_order(builders & rulebook.badges):
        tell_badges(known, rulebook, view, credential)


def standing(known: Known, who: LearnerKey, credential: CredentialId) -> Standing | None:
    """How far a learner is with one credential: none when nothing is known, or the catalogue has it no more."""
    rulebook = known.clock.rulebook(who.tenant)
    record = known.standings.get(key(*who, credential))
    if rulebook is None or record is None or credential not in rulebook.rules:
        return None
    rule = rulebook.rules[credential]

    def leaf(criterion: Leaf) -> Node:
        found = _told(known, rulebook, who, record, criterion)
        return _untouched(known, rulebook, who.tenant, criterion) if found is None else found

    return Standing(
        tenant=who.tenant,
        learner=who.learner,
        credential=credential,
        credential_version=rule.version,
        kind=rule.credential.kind,
        status=record.status,
        progress=node(rule.tree, leaf, lambda deadline: _view(known, who).has_met(deadline)),
        decided_at=known.clock.time,
    )


def _told(known: Known, rulebook: Rulebook, who: LearnerKey, record: StandingRecord, leaf: Leaf) -> Node | None:
    """How far a leaf was when it was told last, if it ever was."""
    if isinstance(leaf, Clause):
        progress = known.progress.get(key(*who, rulebook.clauses[leaf.id].course))
        return None if progress is None else progress.nodes.get(leaf.id)
    return record.badges.get(leaf_name(leaf))


def _untouched(known: Known, rulebook: Rulebook, tenant: TenantId, leaf: Leaf) -> Node:
    """How far one is with nothing done: the need is known all the same."""
    match leaf:
        case Clause(id=clause):
            rule = rulebook.clauses[clause]
            record = known.course(tenant, rule.course)
            return how_far(rule.criterion, CourseView(histories={}, record=record), known.clock.time)
        case Badges():
            nobody = TreeView(who=LearnerKey(tenant, LearnerId("")), clauses={}, held={})
            return nobody.badges_node(leaf, known.clock.time)
        case _:
            msg = "a credential's tree has clauses and badges only"
            raise TypeError(msg)


def _view(known: Known, who: LearnerKey) -> TreeView:
    ledger = known.ledger.get(str(who)) or Ledger()
    return TreeView(who=who, clauses=ledger.clauses, held={of: entry.held for of, entry in ledger.entries.items()})


def _record(known: Known, who: LearnerKey, credential: CredentialId) -> StandingRecord:
    return known.standings.get(key(*who, credential)) or StandingRecord()


def _changed(known: Known, who: LearnerKey, credential: CredentialId, record: StandingRecord) -> None:
    known.standings.put(key(*who, credential), record)
    known.decisions.standings[who, credential] = None
