"""The algebra of spans does at every instant what logic does."""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from rules.histories import CourseStatement, Statement
from rules.spans import (
    ALWAYS,
    FOREVER,
    NEVER,
    Span,
    Spans,
    at_least,
    complement,
    holds_at,
    in_force,
    intersection,
    normal,
    spans_true,
    spans_where,
    union,
)

EDGES = (-FOREVER, *range(9), FOREVER)
INSTANTS = (-FOREVER, -1, *range(10), FOREVER - 1)
Value: TypeAlias = int | None
Timeline: TypeAlias = tuple[Statement, ...]


def _paired(edges: list[int]) -> Spans:
    ordered = sorted(edges)
    return tuple(Span(a, b) for a, b in zip(ordered[::2], ordered[1::2], strict=False))


some_spans = st.lists(st.sampled_from(EDGES), unique=True, max_size=8).map(_paired)
lists_of_spans = st.lists(some_spans, max_size=4)
any_edges = st.sampled_from(EDGES)
raw_spans = st.lists(st.builds(Span, any_edges, any_edges), max_size=6)

# Sequences break ties, so that several statements of one moment are common.
timelines = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 2), st.sampled_from((None, 0, 1, 2))),
    unique_by=lambda said: said[:2],
    max_size=8,
).map(
    lambda said: tuple(
        Statement(time, sequence, "e", value) for time, sequence, value in sorted(said, key=lambda one: one[:2])
    )
)


def is_normal(spans: Spans) -> bool:
    edges = [edge for span in spans for edge in span]
    return all(a < b for a, b in pairwise(edges))


def instants(holds: Callable[[int], bool]) -> list[int]:
    """The oracle: ask at every instant."""
    return [instant for instant in INSTANTS if holds(instant)]


def instants_of(spans: Spans) -> list[int]:
    return instants(lambda instant: any(span.since <= instant < span.until for span in spans))


@given(st.integers(-1, 5), lists_of_spans)
def test_at_least_n_holds_when_n_or_more_of_the_lists_do(count: int, lists: list[Spans]) -> None:
    found = at_least(count, lists)

    assert instants_of(found) == instants(lambda t: sum(t in instants_of(spans) for spans in lists) >= count)
    assert is_normal(found)


@given(lists_of_spans)
def test_intersection_holds_when_all_do(lists: list[Spans]) -> None:
    found = intersection(lists)

    assert instants_of(found) == instants(lambda t: all(t in instants_of(spans) for spans in lists))
    assert is_normal(found)


@given(lists_of_spans)
def test_union_holds_when_any_does(lists: list[Spans]) -> None:
    found = union(lists)

    assert instants_of(found) == instants(lambda t: any(t in instants_of(spans) for spans in lists))
    assert is_normal(found)


@given(some_spans)
def test_complement_holds_when_the_spans_do_not(spans: Spans) -> None:
    found = complement(spans)

    assert instants_of(found) == instants(lambda t: t not in instants_of(spans))
    assert is_normal(found)
    assert complement(found) == spans


@given(raw_spans)
def test_normal_form_holds_when_any_of_the_raw_spans_does(raw: list[Span]) -> None:
    found = normal(raw)

    assert instants_of(found) == instants(lambda t: any(span.since <= t < span.until for span in raw))
    assert is_normal(found)


@given(some_spans)
def test_what_is_in_normal_form_stays_as_it_is(spans: Spans) -> None:
    assert is_normal(spans)
    assert normal(spans) == normal(reversed(spans)) == union([spans]) == intersection([spans]) == spans


@given(lists_of_spans)
def test_none_of_them_is_all_of_the_complements(lists: list[Spans]) -> None:
    assert complement(union(lists)) == intersection([complement(spans) for spans in lists])


@given(lists_of_spans)
def test_the_order_of_the_lists_does_not_matter(lists: list[Spans]) -> None:
    for count in range(len(lists) + 1):
        assert at_least(count, lists[::-1]) == at_least(count, lists)


def test_spans_that_touch_are_one_and_a_hole_of_a_moment_stays() -> None:
    assert normal([Span(1, 3), Span(3, 5)]) == (Span(1, 5),)
    assert union([(Span(1, 3),), (Span(4, 5),)]) == (Span(1, 3), Span(4, 5))
    assert at_least(2, [(Span(1, 3),), (Span(1, 5),), (Span(3, 5),)]) == (Span(1, 5),)


def test_all_of_nothing_is_always_and_any_of_nothing_is_never() -> None:
    assert intersection([]) == at_least(0, [NEVER]) == complement(NEVER) == ALWAYS
    assert union([]) == at_least(1, [NEVER, NEVER]) == complement(ALWAYS) == NEVER


@given(some_spans)
def test_a_span_holds_from_its_start_until_just_before_its_end(spans: Spans) -> None:
    assert instants(lambda t: holds_at(spans, t)) == instants_of(spans)


@given(timelines)
def test_the_last_statement_made_is_in_force(timeline: Timeline) -> None:
    for instant in INSTANTS:
        assert in_force(timeline, instant) == _last(timeline, instant)


@given(st.lists(timelines, min_size=1, max_size=3), st.data())
def test_spans_where_agrees_with_asking_at_every_instant(lines: list[Timeline], data: st.DataObject) -> None:
    combination = st.tuples(*[st.sampled_from(("none", None, 0, 1, 2)) for _ in lines])
    accepted = data.draw(st.sets(combination, max_size=12))
    first = min((statement.occurred_at for line in lines for statement in line), default=FOREVER)

    def holds(now: list[Statement | CourseStatement | None]) -> bool:
        return tuple("none" if one is None else _value(one) for one in now) in accepted

    found = spans_where(holds, lines)

    assert instants_of(found) == instants(lambda t: t >= first and holds([_last(line, t) for line in lines]))
    assert is_normal(found)


@given(timelines)
def test_spans_true_is_spans_where_the_value_is_true(timeline: Timeline) -> None:
    assert spans_true(timeline) == spans_where(lambda now: bool(now[0] and _value(now[0])), [timeline])


def test_what_was_corrected_in_the_same_moment_was_never_in_force() -> None:
    corrected = (Statement(1, 0, "a", 1), Statement(3, 0, "b", 0), Statement(3, 1, "c", 1), Statement(5, 0, "d", 0))

    assert spans_true(corrected) == (Span(1, 5),)
    assert spans_true(corrected[1:]) == (Span(3, 5),)
    assert spans_true(corrected[:1]) == spans_true(corrected[:3]) == (Span(1, FOREVER),)
    assert spans_true(()) == NEVER


def _last(timeline: Timeline, instant: int) -> Statement | None:
    return next((one for one in reversed(timeline) if one.occurred_at <= instant), None)


def _value(statement: Statement | CourseStatement) -> Value:
    assert isinstance(statement, Statement)
    return statement.value
