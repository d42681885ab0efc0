"""What is probably not meant in a catalogue without a fault: warnings, only where they are certainly right."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import chain
from pathlib import Path
from typing import Final

from laurel.catalogue_file import catalogue_of
from laurel.faults import Fault, Steps, show
from laurel.located import Document, read_document
from rules.awards import CredentialKind
from rules.canonical import dump_criterion
from rules.catalogue import Catalogue, Credential
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    Clause,
    Criterion,
    FinalGrade,
    Group,
    ItemGrade,
    Not,
    WeightedGrade,
    describe,
    leaves,
    parts_of,
    percent,
)
from rules.facts import FULL_SCORE
from rules.implications import implies, normal
from rules.keys import CredentialId, TenantId
from rules.policies import Policy

# Conditions beside each other are compared in pairs; a longer list is not looked at.
MAX_COMPARED: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A criterion and where it stands in the file."""

    criterion: Criterion
    path: Steps


def read_with_warnings(path: Path, tenant: TenantId, time_zone: tzinfo = UTC) -> tuple[Catalogue, list[Fault]]:
    """Read a catalogue, with what is to be said of it. Raises FileFaults as `read_catalogue` does."""
    document = read_document(path)
    catalogue = catalogue_of(document, tenant, time_zone)
    return catalogue, catalogue_warnings(document, catalogue)


def catalogue_warnings(document: Document, catalogue: Catalogue) -> list[Fault]:
    """Everything that a catalogue can do without, or probably does not mean, from top to bottom of its file."""
    found = chain(
        _unused_courses(document, catalogue),
        _same_names(document, catalogue),
        _same_criteria(document, catalogue),
        _unseen_milestones(document, catalogue),
        _revoked_for_nothing(document, catalogue),
        *[
            warnings(document, part)
            for at, credential in enumerate(catalogue.credentials)
            for part in _parts(credential.criteria, ("credentials", at, "criteria"))
            for warnings in (_bars, _windows, _needless, _never_together, _counted_twice)
        ],
    )
    return sorted(found, key=lambda warning: (warning.line, warning.column))


def _parts(criterion: Criterion, path: Steps) -> Iterator[_Part]:
    """Every criterion with its place, outer before inner."""
    yield _Part(criterion=criterion, path=path)
    for part in _inner(criterion, path):
        yield from _parts(part.criterion, part.path)


def _inner(criterion: Criterion, path: Steps) -> list[_Part]:
    match criterion:
        case AllOf(parts=parts):
            key = "all"
        case AnyOf(parts=parts):
            key = "any"
        case AtLeastOf(parts=parts):
            key = "of"
        case Not(of=of):
            return [_Part(criterion=of, path=(*path, "not"))]
        case Before(of=of):
            return [_Part(criterion=of, path=(*path, "before", "of"))]
        case _:
            return []
    return [_Part(criterion=part, path=(*path, key, at)) for at, part in enumerate(parts)]


def _line(document: Document, path: Steps) -> int:
    return document.fault(path, "", "").line


def _unused_courses(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    asked = [leaf for credential in catalogue.credentials for leaf in leaves(credential.criteria)]
    used = {leaf.course for leaf in asked if not isinstance(leaf, Badges | Clause)}
    for course, _ in catalogue.courses:
        if course not in used:
            problem = f"No criterion asks about the course {show(course)}."
            yield document.fault(("courses", course), problem, "Remove it, or ask about it.", at_key=True)


def _same_names(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    first: dict[tuple[CredentialKind, str], int] = {}
    for at, credential in enumerate(catalogue.credentials):
        earlier = first.setdefault((credential.kind, " ".join(credential.name.split())), at)
        if earlier != at:
            line = _line(document, ("credentials", earlier, "name"))
            problem = f"Another {credential.kind.value} has the name {show(credential.name)} too, on line {line}."
            yield document.fault(("credentials", at, "name"), problem, "Give them names that people can tell apart.")


def _same_criteria(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for at, credential in enumerate(catalogue.credentials):
        earlier = first.setdefault(json.dumps(dump_criterion(normal(credential.criteria)), sort_keys=True), at)
        if earlier != at:
            other = catalogue.credentials[earlier]
            problem = f"{show(credential.id)} takes just what {show(other.id)} takes."
            line = _line(document, ("credentials", earlier, "criteria"))
            cure = f"Let one of them go, or ask for something else; line {line} has the other."
            yield document.fault(("credentials", at, "criteria"), problem, cure, at_key=True)


def _unseen_milestones(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    counted = {badge for credential in catalogue.credentials for badge in _counted(credential)}
    for at, credential in enumerate(catalogue.credentials):
        if credential.kind is CredentialKind.MILESTONE and credential.id not in counted:
            problem = f"Nothing counts {show(credential.id)}, and a milestone is not shown: nobody will see it."
            cure = "Count it under `badges`, write `kind: badge`, or remove it."
            yield document.fault(("credentials", at, "kind"), problem, cure)


def _counted(credential: Credential) -> Iterator[CredentialId]:
    for leaf in leaves(credential.criteria):
        if isinstance(leaf, Badges):
            yield from leaf.of


def _revoked_for_nothing(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    lasting = {one.id for one in catalogue.credentials if one.when_no_longer_met is Policy.KEEP and not one.valid_for}
    for at, credential in enumerate(catalogue.credentials):
        if credential.when_no_longer_met is not Policy.REVOKE or _has_not(credential.criteria):
            continue
        counts_only = all(isinstance(leaf, Badges) for leaf in leaves(credential.criteria))
        if counts_only and lasting.issuperset(_counted(credential)):
            problem = (
                f"{show(credential.id)} is taken back when its badges are, and all that it counts are kept: "
                "by events that never happens."
            )
            cure = "Write `revoke` at one of those badges, or `keep` here."
            yield document.fault(("credentials", at, "when_no_longer_met"), problem, cure)


def _has_not(criterion: Criterion) -> bool:
    return isinstance(criterion, Not) or any(_has_not(part) for part in parts_of(criterion))


def _bars(document: Document, part: _Part) -> Iterator[Fault]:
    match part.criterion:
        case FinalGrade(at_least=bar):
            kind = "final_grade"
        case CalculatedGrade(at_least=bar):
            kind = "calculated_grade"
        case ItemGrade(at_least=bar):
            kind = "item_grade"
        case WeightedGrade(at_least=bar):
            kind = "weighted_grade"
        case _:
            return
    path = (*part.path, kind, "at_least")
    if bar > FULL_SCORE:
        problem = f"{percent(bar)} % is more than a full mark: nobody has it without bonus points."
        yield document.fault(path, problem, "Ask for at most 100, unless bonus points are meant.")
    elif bar == 0:
        yield document.fault(path, "Any grade is at least 0 %.", "Ask for more, unless any grade is meant.")


def _windows(document: Document, part: _Part) -> Iterator[Fault]:
    if isinstance(part.criterion, Badges) and part.criterion.within is not None and part.criterion.at_least == 1:
        path = (*part.path, "badges", "within")
        yield document.fault(path, "One badge is within any length of itself.", "Remove `within`, or ask for more.")


def _needless(document: Document, part: _Part) -> Iterator[Fault]:
    """Of conditions beside each other: those that change nothing about who earns it."""
    beside = _inner(part.criterion, part.path)
    if not isinstance(part.criterion, AllOf | AnyOf) or len(beside) > MAX_COMPARED:
        return
    is_all = isinstance(part.criterion, AllOf)
    gone: set[int] = set()
    for at in reversed(range(len(beside))):  # of equal ones, the first stays
        one = beside[at]
        for by in [by for by in range(len(beside)) if by != at and by not in gone]:
            other = beside[by]
            holds, follows = (other, one) if is_all else (one, other)
            if implies(holds.criterion, follows.criterion):
                gone.add(at)
                yield _needless_fault(document, one, other, is_all)
                break


def _needless_fault(document: Document, part: _Part, other: _Part, is_all: bool) -> Fault:
    this, that = _called(part), f"{_called(other)} on line {_line(document, other.path)}"
    if is_all:
        problem = f"{this} changes nothing here: whoever meets {that} meets it too."
    else:
        problem = f"{this} changes nothing here: whoever meets it meets {that} too."
    return document.fault(part.path, f"{problem[0].upper()}{problem[1:]}", "Remove it.")


def _never_together(document: Document, part: _Part) -> Iterator[Fault]:
    """Of conditions that must hold together: those of which one is what another must not be."""
    beside = _inner(part.criterion, part.path)
    if not isinstance(part.criterion, AllOf) or len(beside) > MAX_COMPARED:
        return
    for one in beside:
        refused = one.criterion.of if isinstance(one.criterion, Not) else None
        for other in beside if refused is not None else ():
            if other is not one and refused is not None and implies(other.criterion, refused):
                problem = (
                    f"Nobody meets this: whoever meets {_called(other)} on line {_line(document, other.path)} cannot."
                )
                yield document.fault(one.path, problem, "Remove one of them.")
                break


def _called(part: _Part) -> str:
    if isinstance(part.criterion, Group | Not | Before):
        return "the condition"
    return f"`{describe(part.criterion)}`"


def _counted_twice(document: Document, part: _Part) -> Iterator[Fault]:
    """Parts of a count that say the same: one thing done counts as two."""
    if not isinstance(part.criterion, AtLeastOf):
        return
    first: dict[str, _Part] = {}
    for one in _inner(part.criterion, part.path):
        earlier = first.setdefault(json.dumps(dump_criterion(normal(one.criterion)), sort_keys=True), one)
        if earlier is not one:
            said = _called(one)
            line = _line(document, earlier.path)
            problem = f"{said[0].upper()}{said[1:]} says what line {line} says: whoever meets it has met two."
            yield document.fault(one.path, problem, "Remove one of them, or ask for something else.")
