"""
Spans: half-open intervals of event time, and their algebra.

This is one of the two rooms where cleverness is allowed. The whole of it is one idea, a sweep: walk the ends
of all spans in order of time and count how many are open. `all` is "as many as there are", `any` is "one",
`at_least n of` is "n". Every function takes and gives spans in normal form: sorted, not empty, not touching.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias, TypeVar

from rules.histories import CourseStatement, Statement

# Later than any event: the end of a span that has not ended.
FOREVER = 1 << 62


class Span(NamedTuple):
    """From `since` on, until just before `until`; both in microseconds since 1970 (see `Instant`)."""

    since: int
    until: int


Spans: TypeAlias = tuple[Span, ...]
S = TypeVar("S", bound=Statement | CourseStatement)
NEVER: Spans = ()
_VALUE = itemgetter(3)
ALWAYS: Spans = (Span(-FOREVER, FOREVER),)


def at_least(count: int, lists: Sequence[Spans]) -> Spans:
    """Spans during which at least `count` of the lists have one open."""
    if count <= 0:
        return ALWAYS
    some = [spans for spans in lists if spans]
    if len(some) < count:
        return NEVER
    if len(some) == 1:
        return some[0]
    if (starts := _open_since(some)) is not None:
        return (Span(starts[count - 1], FOREVER),)
    steps = sorted(step for spans in some for span in spans for step in ((span.since, 1), (span.until, -1)))
    found: list[Span] = []
    is_open, since, at = 0, None, 0
    while at < len(steps):
        time = steps[at][0]
        while at < len(steps) and steps[at][0] == time:
            is_open += steps[at][1]
            at += 1
        if is_open >= count and since is None:
            since = time
        elif is_open < count and since is not None:
            found.append(Span(since, time))
            since = None
    return tuple(found)


def _open_since(lists: Sequence[Spans]) -> list[int] | None:
    """
    When each began, in order, if each is one span that has not ended; else none.

    Most of what learners complete stays complete, and then the sweep is the count-th smallest (decision 0010).
    """
    starts: list[int] = []
    for spans in lists:
        since, until = spans[0]
        if until != FOREVER or len(spans) != 1:
            return None
        starts.append(since)
    starts.sort()
    return starts


def intersection(lists: Sequence[Spans]) -> Spans:
    """Spans during which all of them hold. Of nothing: always (a catalogue with empty criteria is refused)."""
    return at_least(len(lists), lists)


def union(lists: Sequence[Spans]) -> Spans:
    """Spans during which any of them holds. Of nothing: never."""
    return at_least(1, lists)


def normal(spans: Iterable[Span]) -> Spans:
    """Sort, join what touches or overlaps, drop what is empty."""
    return union([(span,) for span in spans if span.since < span.until])


def complement(spans: Spans) -> Spans:
    """Spans during which none of them holds."""
    edges = [-FOREVER, *[edge for span in spans for edge in span], FOREVER]
    return tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)


def holds_at(spans: Spans, time: int) -> bool:
    """Whether one of them is open at that time."""
    for since, until in spans:  # noqa: SIM110  # asked at every event, and a generator costs more than the question
        if since <= time < until:
            return True
    return False


def spans_where(
    holds: Callable[[list[Statement | CourseStatement | None]], bool],
    timelines: Sequence[Sequence[Statement | CourseStatement]],
) -> Spans:
    """
    Spans during which `holds` is true of the statements in force: one for each timeline, none before its first.

    What is said later at the same time wins, so a statement that was corrected at once was never in force.
    """
    lines = [line for line, timeline in enumerate(timelines) if timeline]
    in_force: list[Statement | CourseStatement | None] = [None] * len(timelines)
    if len(lines) == 1:
        # One timeline is in order already: most grades are neither adjusted nor held back.
        [line] = lines
        steps = [(line, statement) for statement in timelines[line]]
    else:
        steps = [(line, statement) for line in lines for statement in timelines[line]]
        steps.sort(key=lambda step: (step[1][:3], step[0]))

    def moments() -> Iterator[tuple[int, bool]]:
        for line, statement in steps:
            in_force[line] = statement
            yield statement[0], holds(in_force)

    return spans_of(moments())


def spans_true(timeline: Sequence[Statement]) -> Spans:
    """Spans during which the value in force is true: what `spans_where` gives, for the most frequent question."""
    if all(map(_VALUE, timeline)):
        # What was said again and again, and never taken back, is so from the first time on.
        return (Span(timeline[0][0], FOREVER),) if timeline else NEVER
    return spans_of([(statement[0], bool(statement[3])) for statement in timeline])


def spans_of(moments: Iterable[tuple[int, bool]]) -> Spans:
    """Spans of what is so, or not, from each moment on, in order of time; of several at one time the last counts."""
    found: list[Span] = []
    since: int | None = None
    for time, holds in moments:
        if holds and since is None:
            # What ended at this very time did not end.
            since = found.pop().since if found and found[-1].until == time else time
        elif not holds and since is not None:
            if since < time:
                found.append(Span(since, time))
            since = None
    if since is not None:
        found.append(Span(since, FOREVER))
    return tuple(found)


def in_force(timeline: Sequence[S], time: int) -> S | None:
    """The last statement made at or before that time."""
    if timeline and timeline[-1][0] <= time:
        return timeline[-1]
    found = None
    for statement in timeline:
        if statement.occurred_at > time:
            break
        found = statement
    return found
