"""How conditions nest: when a nested one held, what met it, and how far it is, given the same of its leaves."""

from collections.abc import Callable

from rules.criteria import AllOf, AnyOf, AtLeastOf, Criterion, Evidence, Leaf, Node, needed
from rules.spans import Spans, at_least, holds_at, intersection, union


def spans(criterion: Criterion, leaf: Callable[[Leaf], Spans]) -> Spans:
    """When the criterion held, given when its leaves did."""
    match criterion:
        case AllOf(parts=parts):
            return intersection([spans(part, leaf) for part in parts])
        case AnyOf(parts=parts):
            return union([spans(part, leaf) for part in parts])
        case AtLeastOf(count=count, parts=parts):
            return at_least(count, [spans(part, leaf) for part in parts])
        case _:
            return leaf(criterion)


def evidence(
    criterion: Criterion, time: int, leaf: Callable[[Leaf], Spans], said: Callable[[Leaf, int], tuple[Evidence, ...]]
) -> tuple[Evidence, ...]:
    """What met the criterion at that time: of a group, only the parts that held then."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return tuple(
                found
                for part in parts
                if holds_at(spans(part, leaf), time)
                for found in evidence(part, time, leaf, said)
            )
        case _:
            return said(criterion, time)


def node(criterion: Criterion, leaf: Callable[[Leaf], Node]) -> Node:
    """How far the criterion is, given how far its leaves are."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            nodes = tuple(node(part, leaf) for part in parts)
            need = needed(criterion)
            have = sum(1 for part in nodes if part.met)
            return Node(criterion.text, have >= need, min(have, need), need, "conditions", (), nodes)
        case _:
            return leaf(criterion)


def spans_and_node(criterion: Criterion, leaf: Callable[[Leaf], tuple[Spans, Node]]) -> tuple[Spans, Node]:
    """Both at once: when the criterion held, and how far it is."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            found = [spans_and_node(part, leaf) for part in parts]
            need = needed(criterion)
            nodes = tuple([far for _, far in found])
            have = len([far for far in nodes if far.met])
            far = Node(criterion.text, have >= need, min(have, need), need, "conditions", (), nodes)
            return at_least(need, [spans for spans, _ in found]), far
        case _:
            return leaf(criterion)
