"""The rulebook: a catalogue made ready for judging, with the index from register to what it can change."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import TypeAlias

from rules.awards import CredentialKind
from rules.canonical import dump_criterion
from rules.catalogue import Catalogue, Credential, digest, dump_catalogue, version_of
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    Clause,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
    leaves,
    parts_of,
)
from rules.facts import CourseKind, Kind
from rules.keys import ClauseId, CourseId, CredentialId
from rules.nesting import holds_of_nobody
from rules.policies import Policy

# A clause's name is the beginning of its digest: 64 bits, among the few thousand clauses of a tenant.
CLAUSE_ID_LENGTH = 16
# In place of an object: every object of that kind.
ANY = None
RegisterName: TypeAlias = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseRule:
    """A clause: what it says, of which course, and the credentials that ask for it."""

    id: ClauseId
    course: CourseId
    criterion: Criterion
    credentials: tuple[CredentialId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    A credential ready for judging: `tree` is its criteria with each clause put in place of what it says.

    `has_deadline`: how far one is hangs on when its clauses were met, and not only on how far these are.
    """

    credential: Credential
    version: str
    tree: Criterion
    order: int
    has_deadline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """
    A catalogue made ready.

    `by_register` finds the clauses that a register can change; `by_badge` the credentials that count a badge;
    `badges` are all that are not certificates.
    """

    catalogue: Catalogue
    digest: str
    rules: dict[CredentialId, Rule]
    clauses: dict[ClauseId, ClauseRule]
    by_register: dict[RegisterName, tuple[ClauseId, ...]]
    by_course: dict[CourseId, tuple[ClauseId, ...]]
    by_badge: dict[CredentialId, tuple[CredentialId, ...]]
    badges: frozenset[CredentialId]
    certificates: frozenset[CredentialId]

    def asked(self, course: CourseId, kind: Kind, thing: str) -> tuple[ClauseId, ...]:
        """The clauses that a register can change: none for most of what a platform says."""
        found = self.by_register.get((course, kind, thing))
        return self.by_register.get((course, kind, ANY), ()) if found is None else found

    def asked_of_course(self, course: CourseId, kind: CourseKind) -> bool:
        """Whether anything hangs on this kind of course fact."""
        return (course, kind, "") in self.by_register

    def in_order(self, credentials: Iterable[CredentialId]) -> list[CredentialId]:
        """What is built on comes before what builds on it."""
        return sorted(credentials, key=lambda credential: self.rules[credential].order)


def rulebook(catalogue: Catalogue) -> Rulebook:
    """
    Make a catalogue ready for judging.

    Raises graphlib.CycleError when credentials build on each other in a ring, KeyError for an unknown badge;
    a catalogue that was checked has neither.
    """
    credentials = [lifted for credential in catalogue.credentials for lifted in _lifted(credential)]
    # As authors wrote them: what is lifted out of a certificate is a part of its criteria.
    authored = {credential.id: credential.criteria for credential in catalogue.credentials}
    trees = {credential.id: _tree(credential.criteria) for credential in credentials}
    clauses: dict[ClauseId, Criterion] = {}
    users: dict[ClauseId, list[CredentialId]] = defaultdict(list)
    by_badge: dict[CredentialId, list[CredentialId]] = defaultdict(list)
    # Not sets: what is built on nothing would stand in another order in each process, and so would its revisions.
    builds_on: dict[CredentialId, dict[CredentialId, None]] = {credential.id: {} for credential in credentials}
    for credential in credentials:
        for part in _clause_parts(credential.criteria):
            clauses[clause_id(part)] = part
            users[clause_id(part)].append(credential.id)
        for badge in [badge for leaf in leaves(trees[credential.id]) if isinstance(leaf, Badges) for badge in leaf.of]:
            if badge not in builds_on:
                raise KeyError(f"{credential.id} counts the badge {badge}, which the catalogue does not have")
            builds_on[credential.id][badge] = None
            by_badge[badge].append(credential.id)
    order = {credential: at for at, credential in enumerate(TopologicalSorter(builds_on).static_order())}
    by_register: dict[RegisterName, list[ClauseId]] = defaultdict(list)
    by_course: dict[CourseId, list[ClauseId]] = defaultdict(list)
    for clause, criterion in clauses.items():
        by_course[_course(criterion)].append(clause)
        for register in {register for leaf in leaves(criterion) for register in _registers(leaf)}:
            by_register[register].append(clause)
    badges = frozenset(c.id for c in credentials if c.kind is not CredentialKind.CERTIFICATE)
    return Rulebook(
        catalogue=catalogue,
        digest=digest(dump_catalogue(catalogue)),
        rules={
            credential.id: Rule(
                credential=credential,
                version=version_of(authored.get(credential.id, credential.criteria)),
                tree=trees[credential.id],
                order=order[credential.id],
                has_deadline=_has_deadline(trees[credential.id]),
            )
            for credential in credentials
        },
        clauses={
            clause: ClauseRule(
                id=clause,
                course=_course(criterion),
                criterion=criterion,
                credentials=tuple(dict.fromkeys(users[clause])),
            )
            for clause, criterion in clauses.items()
        },
        by_register={
            # Whoever asks about one object is asked together with those who ask about every one.
            (course, kind, thing): tuple(dict.fromkeys([*by_register.get((course, kind, ANY), ()), *found]))
            for (course, kind, thing), found in by_register.items()
        },
        by_course={course: tuple(found) for course, found in by_course.items()},
        by_badge={badge: tuple(dict.fromkeys(found)) for badge, found in by_badge.items()},
        badges=badges,
        certificates=frozenset(trees) - badges,
    )


def clause_id(criterion: Criterion) -> ClauseId:
    """Name a clause by what it says, so that credentials and catalogues share what is the same."""
    return ClauseId(digest(dump_criterion(criterion)).removeprefix("sha256:")[:CLAUSE_ID_LENGTH])


def _lifted(credential: Credential) -> list[Credential]:
    """
    A certificate is built of badges only; its other criteria become milestones (DESIGN.md, "State").

    They are held while they are met, whatever the certificate's policy: it is due when its parts held together, and
    what was met in March must not go together with what was met in May (decision 0012).
    """
    if credential.kind is not CredentialKind.CERTIFICATE:
        return [credential]
    milestones: list[Credential] = []

    def without_badges(criterion: Criterion) -> Criterion:
        if not any(isinstance(leaf, Badges) for leaf in leaves(criterion)) and not holds_of_nobody(criterion):
            # Named by what it says: what was said of one must not bind another that took its place.
            milestone = CredentialId(f"{credential.id}~{clause_id(criterion)}")
            milestones.append(
                Credential(
                    id=milestone,
                    kind=CredentialKind.MILESTONE,
                    name=f"{credential.name}, part {len(milestones) + 1}",
                    criteria=criterion,
                    when_no_longer_met=Policy.REVOKE,
                )
            )
            return Badges(at_least=1, of=(milestone,))
        return _with_parts(criterion, without_badges)

    return [replace(credential, criteria=without_badges(credential.criteria)), *milestones]


def _tree(criterion: Criterion) -> Criterion:
    if _is_clause(criterion):
        return Clause(id=clause_id(criterion), says=criterion.text)
    return _with_parts(criterion, _tree)


def _with_parts(criterion: Criterion, change: Callable[[Criterion], Criterion]) -> Criterion:
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return replace(criterion, parts=tuple(change(part) for part in parts))
        case Not(of=of) | Before(of=of):
            return replace(criterion, of=change(of))
        case _:
            return criterion


def _clause_parts(criterion: Criterion) -> list[Criterion]:
    """The largest parts that one course decides."""
    if _is_clause(criterion):
        return [criterion]
    return [found for part in parts_of(criterion) for found in _clause_parts(part)]


def _has_deadline(criterion: Criterion) -> bool:
    return isinstance(criterion, Before) or any(_has_deadline(part) for part in parts_of(criterion))


def _is_clause(criterion: Criterion) -> bool:
    """
    Whether one course decides it, and not by silence.

    Of learners of whom nothing was said in a course nothing is kept: what holds of them too is taken apart, down to
    what does not, so that a clause that is not known does not hold (decision 0012).
    """
    found = list(leaves(criterion))
    courses = {leaf.course for leaf in found if not isinstance(leaf, Badges | Clause)}
    is_of_one = len(courses) == 1 and not any(isinstance(leaf, Badges | Clause) for leaf in found)
    return is_of_one and not holds_of_nobody(criterion)


def _course(criterion: Criterion) -> CourseId:
    return next(leaf.course for leaf in leaves(criterion) if not isinstance(leaf, Badges | Clause))


def _registers(leaf: Criterion) -> list[RegisterName]:
    """The registers that a leaf reads, as (course, kind, object)."""
    match leaf:
        case FinalGrade(course=course):
            kinds = (Kind.ADJUSTED_GRADE, Kind.CALCULATED_GRADE, CourseKind.RELEASE)
            return [(course, kind, "") for kind in kinds]
        case CalculatedGrade(course=course):
            return [(course, Kind.CALCULATED_GRADE, ""), (course, CourseKind.RELEASE, "")]
        case ItemGrade(course=course, item=item):
            return [(course, Kind.ITEM_GRADE, item)]
        case WeightedGrade(course=course, items=items):
            return [(course, Kind.ITEM_GRADE, item) for item, _ in items]
        case TopicsCompleted(course=course, topics="all"):
            return [(course, Kind.TOPIC, ANY), (course, Kind.EXEMPTION, ANY), (course, CourseKind.OUTLINE, "")]
        case TopicsCompleted(course=course, topics=int()):
            return [(course, Kind.TOPIC, ANY)]
        case TopicsCompleted(course=course, topics=tuple(topics)):
            return [(course, kind, topic) for topic in topics for kind in (Kind.TOPIC, Kind.EXEMPTION)]
        case CourseCompleted(course=course):
            return [(course, Kind.COURSE_COMPLETED, "")]
        case Participated(course=course, kind=kind):
            return [(course, Kind.PARTICIPATED, kind or ANY)]
        case PriorLearning(course=course, achievement=achievement):
            return [(course, Kind.PRIOR_LEARNING, achievement)]
        case _:
            return []
