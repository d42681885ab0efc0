"""Completions: when a course, or its topics, were complete or exempted, and which events say so."""

from collections.abc import Sequence
from typing import Final

from rules.histories import ByPeriod, CourseHistory, Statement
from rules.spans import FOREVER, NEVER, Span, Spans, at_least, in_force, intersection, normal, spans_true, union

ByTopic = dict[str, ByPeriod]

_SILENCE: Final = Statement(0, 0, "", None)


def completed(periods: ByPeriod, time: int) -> tuple[Spans, tuple[str, ...]]:
    """When one thing was complete, in any period; and the event by which it is at that time, if it is."""
    event = _event(periods, time)
    return _spans(periods), () if event is None else (event,)


def any_topics(count: int, done: ByTopic, time: int) -> tuple[Spans, list[str]]:
    """
    When so many topics were complete, and the events of all that are at that time.

    What is only exempted does not count among topics of one's own choice.
    """
    said = _said_once(done)
    if said is None:
        spans = NEVER if len(done) < count else at_least(count, [_spans(periods) for periods in done.values()])
        return spans, _events(sorted(done), done, {}, time)
    starts = sorted([statement[0] for _, statement in said])
    spans = NEVER if len(starts) < count else (Span(starts[count - 1], FOREVER),)
    return spans, [statement[2] for _, statement in sorted(said) if statement[0] <= time]


def _said_once(done: ByTopic) -> list[tuple[str, Statement]] | None:
    """Topics with the one statement that each was completed by, if none has more: so it is of most (decision 0010)."""
    found = []
    for topic, periods in done.items():
        if len(periods) != 1:
            return None
        for history in periods.values():
            if len(history) != 1 or not history[0][3]:
                return None
            found.append((topic, history[0]))
    return found


def all_topics(topics: Sequence[str], done: ByTopic, exempted: ByTopic, time: int) -> tuple[Spans, list[str]]:
    """
    When all topics were complete or exempted, and not by exemption alone; and the events of those that are then.

    Of no topics: never.
    """
    return _all_spans(topics, done, exempted), _events(topics, done, exempted, time)


def _all_spans(topics: Sequence[str], done: ByTopic, exempted: ByTopic) -> Spans:
    spoken_of = {**done, **exempted} if exempted else done
    # One of which nothing was said is the answer, and so it is until the last of them.
    if not topics or not done or not all(map(spoken_of.__contains__, topics)):
        return NEVER
    if not exempted:
        return intersection([_spans(done[topic]) for topic in topics])
    by_work, of_each = [], []
    for topic in topics:
        done_spans = _spans(done[topic]) if topic in done else NEVER
        by_work.append(done_spans)
        of_each.append(union([done_spans, _spans(exempted[topic])]) if topic in exempted else done_spans)
    return intersection([*of_each, union(by_work)])


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


def _spans(periods: ByPeriod) -> Spans:
    """When a topic was complete, in any period."""
    if len(periods) == 1:
        [history] = periods.values()
        return spans_true(history)
    return union([spans_true(history) for history in periods.values()])


def _events(topics: Sequence[str], done: ByTopic, exempted: ByTopic, time: int) -> list[str]:
    """The events by which topics are complete or exempted at that time, in the topics' order."""
    found = []
    for topic in topics:
        event = _event(done[topic], time) if topic in done else None
        if event is None and topic in exempted:
            event = _event(exempted[topic], time)
        if event is not None:
            found.append(event)
    return found


def _event(periods: ByPeriod, time: int) -> str | None:
    """The event by which a topic is complete at that time: of several periods' the earliest."""
    counting = []
    for history in periods.values():
        said = history[-1]
        if said[0] > time:
            said = in_force(history, time) or _SILENCE
        if said[3]:
            counting.append(said)
    if len(counting) > 1:
        return min(counting).event_id
    return counting[0].event_id if counting else None
