"""Completions: when topics of a course were complete or exempted, and which events say so."""

from collections.abc import Iterable
from typing import Any, Final

from rules.histories import ByPeriod, CourseHistory
from rules.spans import FOREVER, NEVER, Span, Spans, at_least, in_force, intersection, normal, spans_true, union

ByTopic = dict[str, ByPeriod]

# Of what nothing was said. Nobody writes into it.
_NOTHING: Final[dict[Any, Any]] = {}


def any_topics(count: int, done: ByTopic, time: int) -> tuple[Spans, list[str]]:
    """
    When so many topics were complete, and the events of all that are at that time.

    What is only exempted does not count among topics of one's own choice.
    """
    found = [_completion(done[topic], time) for topic in sorted(done)]
    return at_least(count, [spans for spans, _ in found]), [event for _, event in found if event is not None]


def all_topics(topics: Iterable[str], done: ByTopic, exempted: ByTopic, time: int) -> tuple[Spans, list[str]]:
    """
    When all topics were complete or exempted, and not by exemption alone; and the events of those that are then.

    Of no topics: never.
    """
    spans: list[Spans] = []
    by_work: list[Spans] = []
    events: list[str] = []
    for topic in topics:
        found, event = _completion(done.get(topic, _NOTHING), time)
        if exempted:
            by_work.append(found)
            other, exempting = _completion(exempted.get(topic, _NOTHING), time)
            found, event = union([found, other]), exempting if event is None else event
        spans.append(found)
        if event is not None:
            events.append(event)
    if not spans or NEVER in spans:
        return NEVER, events
    return intersection([*spans, union(by_work)] if exempted else spans), events


def outlined_topics(
    outline: CourseHistory, done: ByTopic, exempted: ByTopic, time: int
) -> tuple[Spans, tuple[str, ...], int, int]:
    """
    When all topics of the outline were complete; and at that time the events, how many are complete, how many needed.

    Each outline counts for as long as it was the course's: the topics of then, and not of now.
    """
    pieces: list[Spans] = []
    events: tuple[str, ...] = ()
    have = need = 0
    for at, said in enumerate(outline):
        until = outline[at + 1].occurred_at if at + 1 < len(outline) else FOREVER
        if said.occurred_at >= until:
            continue
        spans, completing = all_topics(said.topics, done, exempted, time)
        if spans:
            pieces.append(intersection([(Span(said.occurred_at, until),), spans]))
        if said.occurred_at <= time < until:
            events, have, need = (said.event_id, *completing), len(completing), len(said.topics)
    whole = pieces[0] if len(pieces) == 1 else normal(span for piece in pieces for span in piece)
    return whole, events, have, need


def _completion(periods: ByPeriod, time: int) -> tuple[Spans, str | None]:
    """When a topic was complete in any period, and the event by which it is at that time: of several the earliest."""
    if not periods:
        return NEVER, None
    spans: list[Spans] = []
    counting = []
    for history in periods.values():
        if len(periods) == 1 and len(history) == 1:
            # Said once: so it is with most topics, and there are many of them (decision 0010).
            at, _, event, value, _ = history[0]
            return ((Span(at, FOREVER),), event if at <= time else None) if value else (NEVER, None)
        spans.append(spans_true(history))
        said = in_force(history, time)
        if said is not None and said.value:
            counting.append(said)
    return union(spans), min(counting).event_id if counting else None
