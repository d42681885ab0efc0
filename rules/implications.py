"""Implications: which conditions mean the same, and which hold whenever another does."""

import json
from dataclasses import replace
from math import gcd
from typing import TypeAlias

from rules.canonical import dump_criterion
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    Criterion,
    Grade,
    Group,
    Not,
    Participated,
    TopicsCompleted,
    WeightedGrade,
    needed,
)
from rules.lengths import Length

_Known: TypeAlias = dict[tuple[int, int], bool]


def normal(criterion: Criterion) -> Criterion:
    """
    Write a condition in the one way in which all conditions that differ only in writing are written.

    Two conditions of the same normal form hold at the same times, whatever happens. The other way round is not
    promised: what is not found here may mean the same all the same.
    """
    match criterion:
        case AllOf(parts=parts):
            return _all(parts)
        case AnyOf(parts=parts) | AtLeastOf(count=1, parts=parts):
            return _any(parts)
        case AtLeastOf(count=count, parts=parts) if count == len(parts):
            return _all(parts)
        case AtLeastOf(count=count, parts=parts):
            # Not freed of repetitions: of a part that stands twice, each counts.
            return AtLeastOf(count=count, parts=tuple(sorted((normal(part) for part in parts), key=_text)))
        case Before(time=time, of=of):
            found = normal(of)
            if isinstance(found, Before):
                return Before(time=min(time, found.time), of=found.of)
            return Before(time=time, of=found)
        case _:
            return _normal_leaf(criterion)


def _normal_leaf(criterion: Criterion) -> Criterion:
    match criterion:
        case Badges(at_least=1, within=Length()):
            return normal(replace(criterion, within=None))  # one is within any length of itself
        case Badges(of=of, within=Length()):
            return replace(criterion, of=tuple(sorted(of)))
        case Badges(at_least=count, of=of) if len(of) > 1:
            return normal(AtLeastOf(count=count, parts=tuple(Badges(at_least=1, of=(badge,)) for badge in of)))
        case Not(of=of):
            found = normal(of)
            return found.of if isinstance(found, Not) else Not(of=found)
        case WeightedGrade(items=items):
            shared = gcd(*[weight for _, weight in items])
            return replace(criterion, items=tuple(sorted((item, weight // shared) for item, weight in items)))
        case TopicsCompleted(topics=tuple(topics)):
            return replace(criterion, topics=tuple(sorted(set(topics))))
        case _:
            return criterion


def _all(parts: tuple[Criterion, ...]) -> Criterion:
    found = [normal(part) for part in parts]
    return _one_or(AllOf, [inner for part in found for inner in (part.parts if isinstance(part, AllOf) else (part,))])


def _any(parts: tuple[Criterion, ...]) -> Criterion:
    found = [normal(part) for part in parts]
    return _one_or(AnyOf, [inner for part in found for inner in (part.parts if isinstance(part, AnyOf) else (part,))])


def _one_or(group: type[AllOf | AnyOf], parts: list[Criterion]) -> Criterion:
    by_text = {_text(part): part for part in parts}
    return (
        next(iter(by_text.values())) if len(by_text) == 1 else group(parts=tuple(by_text[t] for t in sorted(by_text)))
    )


def _text(criterion: Criterion) -> str:
    return json.dumps(dump_criterion(criterion), sort_keys=True)


def implies(one: Criterion, other: Criterion) -> bool:
    """
    Whether `other` certainly holds whenever `one` does.

    False says nothing: only what follows from the conditions alone is found, whatever the events. Badges are not
    looked into, since one may be granted by hand.
    """
    return _implies(one, other, {})


def _implies(one: Criterion, other: Criterion, known: _Known) -> bool:
    pair = (id(one), id(other))
    if pair not in known:
        known[pair] = (
            one == other
            or (isinstance(one, Group) and _by_parts_of_one(one, other, known))
            or (isinstance(other, Group) and _by_parts_of_other(one, other, known))
            or (isinstance(one, Not) and isinstance(other, Not) and _implies(other.of, one.of, known))
            or (isinstance(one, Before) and isinstance(other, Before) and _before_implies(one, other, known))
            or _leaf_implies(one, other)
        )
    return known[pair]


def _by_parts_of_one(one: Group, other: Criterion, known: _Known) -> bool:
    # Those that do not imply it may hold alone, unless so many are asked for that one that does is among them.
    needless = sum(1 for part in one.parts if not _implies(part, other, known))
    return needless < needed(one)


def _by_parts_of_other(one: Criterion, other: Group, known: _Known) -> bool:
    return sum(1 for part in other.parts if _implies(one, part, known)) >= needed(other)


def _before_implies(one: Before, other: Before, known: _Known) -> bool:
    return one.time <= other.time and _implies(one.of, other.of, known)


def _leaf_implies(one: Criterion, other: Criterion) -> bool:
    if isinstance(one, Grade) and isinstance(other, Grade):
        return _grade_implies(one, other)
    match one, other:
        case TopicsCompleted(), TopicsCompleted():
            return one.course == other.course and _topics_imply(one.topics, other.topics)
        case Participated(), Participated():
            return one.course == other.course and other.kind in ("", one.kind) and one.times >= other.times
        case Badges(), Badges():
            # In the worst case as many as can be are held of those that the other does not count.
            is_enough = one.at_least - len(set(one.of) - set(other.of)) >= other.at_least
            return is_enough and (other.within in (None, one.within) or other.at_least == 1)
        case _:
            return False


def _grade_implies(one: Grade, other: Grade) -> bool:
    # The same grade, and a lower bar; what counts only when it is released counts in any case.
    as_other = replace(one, at_least=other.at_least, unreleased_too=other.unreleased_too)
    return as_other == other and one.at_least >= other.at_least and one.unreleased_too <= other.unreleased_too


def _topics_imply(one: str | tuple[str, ...] | int, other: str | tuple[str, ...] | int) -> bool:
    match one, other:
        case int(), int():
            return one >= other
        case _, 1:
            return True  # exemptions alone are not enough: one topic at least is complete
        case tuple(), tuple():
            # More topics do not imply fewer: of those, all may be exempted.
            return set(one) == set(other)
        case _:
            return one == other
