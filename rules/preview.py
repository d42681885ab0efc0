"""What would change if another catalogue were in force: learner by learner, by the agents' own functions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rules import certify, decide
from rules.awards import Award, CredentialKind, Held, UpToDate, award_id
from rules.closeness import closeness
from rules.course import CourseView, Histories, how_far
from rules.criteria import Badges, Clause, Leaf, Node
from rules.judging import asked_histories, bring_up_to_date
from rules.keys import AwardId, ClauseId, CourseId, CredentialId, Instant, LearnerId, LearnerKey, parts, prefix
from rules.known import Decisions, Known, KnownOfCertificates
from rules.ledger import Ledger, Status
from rules.nesting import node
from rules.rulebook import Rule, Rulebook
from rules.tree import TreeView

# So many of one learner's moments are looked at in a step.
_ALL = 2


class Effect(StrEnum):
    """What another catalogue does to an award."""

    GAINS = "gains"
    LOSES = "loses"
    CHANGES = "changes"


class AwardChange(NamedTuple):
    """An award that would be told, as it would be told."""

    effect: Effect
    learner: LearnerId
    credential: CredentialId
    occurrence: str
    award_id: AwardId
    revision: int
    status: Status


class Shift(NamedTuple):
    """How close a learner is to a credential they do not hold, before and after (hundredths of a percent)."""

    learner: LearnerId
    credential: CredentialId
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerPreview:
    """
    What would change for one learner.

    `held` are the credentials that are awarded before; `anyway` what is told without another catalogue: what has
    come due by the clock, and certificates that are on their way.
    """

    who: LearnerKey
    held: tuple[CredentialId, ...]
    awards: tuple[AwardChange, ...]
    shifts: tuple[Shift, ...]
    anyway: tuple[AwardChange, ...]


@dataclass(slots=True, kw_only=True)
class Told:
    """What both agents know of one learner, to be judged on: it is changed by it, and is nobody else's."""

    who: LearnerKey
    known: Known
    of_certificates: KnownOfCertificates

    def put_in_force(self, rulebook: Rulebook) -> None:
        """Judge by another rulebook from here on."""
        for clock in (self.known.clock, self.of_certificates.clock):
            clock.rulebooks[self.who.tenant] = rulebook

    def walk(self) -> None:
        """Judge the learner as a walk does."""
        rulebook = self.known.clock.rulebook(self.who.tenant)
        if rulebook is not None:
            bring_up_to_date(self.known, rulebook, self.who)

    def pass_on(self) -> list[Award]:
        """Let the certificates agent hear what progress has to tell; gives all awards that follow, in their order."""
        told, self.known.decisions = self.known.decisions, Decisions()
        for one in told.held:
            certify.decide_told(self.of_certificates, one)
        issued, self.of_certificates.decisions = self.of_certificates.decisions, Decisions()
        # Whose standings were told is asked later.
        self.known.decisions.standings = told.standings
        return [*told.awards, *issued.awards]

    def ledgers(self) -> Iterator[Ledger]:
        """What was said of badges, and of certificates."""
        for table in (self.known.ledger, self.of_certificates.ledger):
            if (ledger := table.get(str(self.who))) is not None:
                yield ledger

    def view(self) -> TreeView:
        """What credentials' trees stand on now, by what progress has judged and said."""
        ledger = self.known.ledger.get(str(self.who)) or Ledger()
        held = {credential: entry.held for credential, entry in ledger.entries.items()}
        return TreeView(who=self.who, clauses=ledger.clauses, held=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two catalogues; `affected` are the credentials of the new one to which anyone may come closer by it."""

    current: Rulebook | None
    new: Rulebook
    affected: frozenset[CredentialId]

    @classmethod
    def of(cls, current: Rulebook | None, new: Rulebook) -> "Compared":
        """Compare: affected is what is new or not what it was, and all that builds on it."""
        known = {} if current is None else {credential: _decides(rule) for credential, rule in current.rules.items()}
        unseen = [credential for credential, rule in new.rules.items() if known.get(credential) != _decides(rule)]
        found = set[CredentialId]()
        while unseen:
            credential = unseen.pop()
            if credential not in found:
                found.add(credential)
                unseen += new.by_badge.get(credential, ())
        shown = [one for one in found if new.rules[one].credential.kind is not CredentialKind.MILESTONE]
        return cls(current=current, new=new, affected=frozenset(shown))


def _decides(rule: Rule) -> tuple[object, ...]:
    """All of a credential that says who has it: its version is of its criteria alone (decision 0013)."""
    one = rule.credential
    return rule.version, one.kind, one.when_no_longer_met, one.grace, one.valid_for


def preview_learner(told: Told, compared: Compared, now: Instant) -> LearnerPreview:
    """
    Say what would change for one learner if the new catalogue were put in force at `now`.

    What comes anyway comes first, under the catalogue in force; then the learner is judged as the walk will.
    """
    anyway_before = _statuses(told)
    _let_come_what_comes(told, now)
    anyway = told.pass_on()
    before, view_before = _statuses(told), told.view()
    held = tuple(
        credential
        for ledger in told.ledgers()
        for credential, entry in ledger.entries.items()
        if entry.status is Status.AWARDED
    )
    told.known.decisions = Decisions()
    told.put_in_force(compared.new)
    told.walk()
    awards = told.pass_on()
    return LearnerPreview(
        who=told.who,
        held=held,
        awards=tuple(_changes(before, awards)),
        shifts=tuple(_shifts(told, compared, view_before)),
        anyway=tuple(_changes(anyway_before, anyway)),
    )


def _let_come_what_comes(told: Told, now: Instant) -> None:
    """Let certificates catch up with progress, and let it be `now`."""
    who, known, ledger = told.who, told.known, told.known.ledger.get(str(told.who))
    time = known.clock.time
    if ledger is not None:
        for credential, spans in told.view().held.items():
            if spans != (told.of_certificates.held.get(str(who)) or {}).get(credential, ()):
                on_its_way = Held(
                    tenant=who.tenant,
                    learner=who.learner,
                    credential=credential,
                    spans=spans,
                    judged_under="",
                    received_at=time,
                )
                certify.decide_held(told.of_certificates, on_its_way)
        if ledger.entries:
            up_to_date = UpToDate(
                tenant=who.tenant, learner=who.learner, judged_under=ledger.judged_under, received_at=time
            )
            certify.decide_up_to_date(told.of_certificates, up_to_date)
    issued, told.of_certificates.decisions = told.of_certificates.decisions, Decisions()
    decide.advance(known, now)
    while decide.is_behind(known):
        decide.look_on(known, _ALL)
    known.decisions.awards[:0] = issued.awards
    certify.advance(told.of_certificates, now)
    while certify.is_behind(told.of_certificates):
        certify.look_on(told.of_certificates, _ALL)


def _statuses(told: Told) -> dict[AwardId, Status | None]:
    """What was said of each award."""
    return {
        award_id(told.who, credential): entry.status
        for ledger in told.ledgers()
        for credential, entry in ledger.entries.items()
    }


def _changes(before: dict[AwardId, Status | None], awards: list[Award]) -> Iterator[AwardChange]:
    """What awards become, each as it is told last."""
    for award in {award.award_id: award for award in awards}.values():
        was, now = before.get(award.award_id), award.status
        if (was is Status.AWARDED) == (now is Status.AWARDED):
            effect = Effect.CHANGES
        else:
            effect = Effect.GAINS if now is Status.AWARDED else Effect.LOSES
        yield AwardChange(
            effect, award.learner, award.credential, award.occurrence, award.award_id, award.revision, now
        )


def _shifts(told: Told, compared: Compared, view_before: TreeView) -> Iterator[Shift]:
    """Who comes closer to what they do not hold, or falls back; of what is new, everyone begins at nothing."""
    after = _Progress(told, compared.new, told.view())
    after.nodes = {
        clause: far
        for _, progress in told.known.progress.scan(prefix(*told.who))
        for clause, far in progress.nodes.items()
    }
    # What was judged is in hand; of what the catalogue in force asks, only what is not new has to be looked up.
    after.known = {
        CourseId(parts(place)[2]): progress.histories for place, progress in told.known.progress.scan(prefix(*told.who))
    }
    current = compared.current
    is_compared = current is not None and not compared.affected.isdisjoint(current.rules)
    before = _Progress(told, current, view_before) if current is not None and is_compared else None
    begun = after.begun() | (set() if before is None else before.begun())
    awarded = {
        credential
        for ledger in told.ledgers()
        for credential, entry in ledger.entries.items()
        if entry.status is Status.AWARDED
    }
    for credential in compared.new.in_order((begun & compared.affected) - awarded):
        if before is not None:
            # A clause is named by what it says: what both catalogues ask is as far under both.
            before.nodes.update(after.nodes)
        was = 0 if before is None or credential not in before.rulebook.rules else closeness(before.of(credential))
        now = closeness(after.of(credential))
        if was != now:
            yield Shift(told.who.learner, credential, was, now)


@dataclass(slots=True)
class _Progress:
    """How far a learner is with credentials of one catalogue, from histories and from what is held."""

    told: Told
    rulebook: Rulebook
    view: TreeView
    nodes: dict[ClauseId, Node] = field(default_factory=dict)
    known: dict[CourseId, Histories] | None = None

    def begun(self) -> set[CredentialId]:
        """The credentials for which anything was done: something was said that they ask about, or a badge counts."""
        asked = {
            credential
            for course in self.histories()
            for clause in self.rulebook.by_course.get(course, ())
            for credential in self.rulebook.clauses[clause].credentials
        }
        found, unseen = set[CredentialId](), [*asked, *[badge for badge, spans in self.view.held.items() if spans]]
        while unseen:
            credential = unseen.pop()
            if credential not in found:
                found.add(credential)
                unseen += self.rulebook.by_badge.get(credential, ())
        return found

    def histories(self) -> dict[CourseId, Histories]:
        if self.known is None:
            self.known = asked_histories(self.told.known, self.rulebook, self.told.who)
        return self.known

    def of(self, credential: CredentialId) -> Node:
        """How far the learner is with one credential; what a milestone takes stands where it is counted."""
        return node(self.rulebook.rules[credential].tree, self._leaf, self.view.has_met)

    def _leaf(self, leaf: Leaf) -> Node:
        if isinstance(leaf, Clause):
            return self._clause(leaf.id)
        if not isinstance(leaf, Badges):
            msg = "a credential's tree has clauses and badges only"
            raise TypeError(msg)
        far = self.view.badges_node(leaf, self.told.known.clock.time)
        if len(leaf.of) == 1 and self.rulebook.rules[leaf.of[0]].credential.kind is CredentialKind.MILESTONE:
            return self.of(leaf.of[0])._replace(met=far.met)
        return far

    def _clause(self, clause: ClauseId) -> Node:
        if clause not in self.nodes:
            rule, known = self.rulebook.clauses[clause], self.told.known
            record = known.course(self.told.who.tenant, rule.course)
            view = CourseView(histories=self.histories().get(rule.course, {}), record=record)
            self.nodes[clause] = how_far(rule.criterion, view, known.clock.time)
        return self.nodes[clause]
