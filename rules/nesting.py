"""How conditions nest: when a nested one held, what met it, and how far it is, given the same of its leaves."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from rules.criteria import AllOf, AnyOf, AtLeastOf, Before, Criterion, Evidence, Leaf, Node, Not, needed
from rules.spans import FOREVER, NEVER, Span, Spans, at_least, complement, holds_at, intersection, union

SpansOf: TypeAlias = Callable[[Leaf], Spans]
EvidenceOf: TypeAlias = Callable[[Leaf, int], tuple[Evidence, ...]]


def spans(criterion: Criterion, leaf: SpansOf) -> Spans:
    """When the criterion held, given when its leaves did."""
    match criterion:
        case AllOf(parts=parts):
            return intersection([spans(part, leaf) for part in parts])
        case AnyOf(parts=parts):
            return union([spans(part, leaf) for part in parts])
        case AtLeastOf(count=count, parts=parts):
            return at_least(count, [spans(part, leaf) for part in parts])
        case Not(of=of):
            return complement(spans(of, leaf))
        case Before(time=time, of=of):
            return _from_first(spans(of, leaf), time)
        case _:
            return leaf(criterion)


def holds_of_nobody(criterion: Criterion) -> bool:
    """Whether it holds of one of whom nothing was ever said: everyone would earn what asks for this alone."""
    return spans(criterion, lambda _: NEVER) != NEVER


def evidence(criterion: Criterion, time: int, leaf: SpansOf, said: EvidenceOf) -> tuple[Evidence, ...]:
    """
    What met the criterion at that time, when it held: of a group, only the parts that held then.

    Of what must not hold: what was said of it all the same, which may be nothing.
    """
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return tuple(
                found
                for part in parts
                if holds_at(spans(part, leaf), time)
                for found in evidence(part, time, leaf, said)
            )
        case Not(of=of):
            return tuple(_against(of, time, leaf, said))
        case Before(of=of):
            # What binds because it was said may never have been met by what is known now.
            found = spans(of, leaf)
            return evidence(of, found[0].since, leaf, said) if found else ()
        case _:
            return said(criterion, time)


def _against(criterion: Criterion, time: int, leaf: SpansOf, said: EvidenceOf) -> Iterator[Evidence]:
    """Why the criterion did not hold at that time: of a group, the parts that did not."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            for part in parts:
                if not holds_at(spans(part, leaf), time):
                    yield from _against(part, time, leaf, said)
        case Not(of=of):
            yield from evidence(of, time, leaf, said)
        case Before():
            yield Evidence(f"not {criterion.text}")
        case _:
            found = said(criterion, time)
            events = tuple(event for one in found for event in one.events)
            yield Evidence(f"not {criterion.text}", events, tuple(award for one in found for award in one.awards))


def node(criterion: Criterion, leaf: Callable[[Leaf], Node], is_met: Callable[[Before], bool]) -> Node:
    """How far the criterion is, given how far its leaves are, and whether what had a deadline was met before it."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            nodes = tuple(node(part, leaf, is_met) for part in parts)
            need = needed(criterion)
            have = sum(1 for part in nodes if part.met)
            return Node(criterion.text, have >= need, min(have, need), need, "conditions", (), nodes)
        case Not(of=of):
            far = node(of, leaf, is_met)
            return _one_condition(criterion, far, not far.met)
        case Before(of=of):
            return _one_condition(criterion, node(of, leaf, is_met), is_met(criterion))
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
        case Not(of=of):
            held, far = spans_and_node(of, leaf)
            return complement(held), _one_condition(criterion, far, not far.met)
        case Before(time=time, of=of):
            held, far = spans_and_node(of, leaf)
            kept = _from_first(held, time)
            return kept, _one_condition(criterion, far, kept != NEVER)
        case _:
            return leaf(criterion)


def _one_condition(criterion: Not | Before, of: Node, is_met: bool) -> Node:
    """What is met or not as a whole; its part says what is there."""
    return Node(criterion.text, is_met, int(is_met), 1, "conditions", (), (of,))


def _from_first(spans: Spans, time: int) -> Spans:
    """From the first moment on, if that is before a time."""
    return (Span(spans[0].since, FOREVER),) if spans and spans[0].since < time else NEVER
