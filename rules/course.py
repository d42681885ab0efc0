"""Judging one course: what the histories of a learner and of the course itself say about a criterion."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, cast

from rules.criteria import (
    CalculatedGrade,
    Criterion,
    Evidence,
    FinalGrade,
    ItemGrade,
    Leaf,
    Node,
    TopicsCompleted,
    describe,
    evidence,
    node,
    spans,
)
from rules.facts import Kind
from rules.histories import CourseHistory, CourseStatement, History, Statement, merged
from rules.spans import (
    FOREVER,
    NEVER,
    Span,
    Spans,
    at_least,
    holds_at,
    in_force,
    intersection,
    normal,
    spans_true,
    spans_where,
    union,
)

ByPeriod: TypeAlias = dict[str, History]
Histories: TypeAlias = dict[str, dict[str, ByPeriod]]


@dataclass(slots=True, kw_only=True)
class CourseRecord:
    """What was said of a course for everyone, by period; `revision` counts what changed it."""

    revision: int = 0
    outline: dict[str, CourseHistory] = field(default_factory=dict)
    release: dict[str, CourseHistory] = field(default_factory=dict)


class Met(NamedTuple):
    """A span during which a clause was met, and what met it when it began."""

    since: int
    until: int
    evidence: tuple[Evidence, ...]


@dataclass(slots=True, kw_only=True)
class CourseView:
    """A learner's histories in one course (by kind, object and period), and the course's own."""

    histories: Histories
    record: CourseRecord
    _done_spans: dict[str, Spans] = field(default_factory=dict)
    _exempted_spans: dict[str, Spans] = field(default_factory=dict)

    def spans(self, criterion: Leaf) -> Spans:
        """When a leaf held, over all periods (DESIGN.md: under `once` a register's spans are their union)."""
        match criterion:
            case FinalGrade(at_least=bar) | CalculatedGrade(at_least=bar) | ItemGrade(at_least=bar):
                return union([self._grade(criterion, bar, period) for period in self._periods(criterion)])
            case TopicsCompleted(topics=topics):
                return self._topics(topics)
            case _:
                msg = f"no course decides {describe(criterion)}"
                raise TypeError(msg)

    def said(self, criterion: Leaf, time: int) -> tuple[Evidence, ...]:
        """The events that stand behind a leaf at that time."""
        return (Evidence(describe(criterion), tuple(self._events(criterion, time))),)

    def node(self, criterion: Leaf, time: int) -> Node:
        """How far a leaf is at that time."""
        met = holds_at(self.spans(criterion), time)
        events = tuple(self._events(criterion, time))
        text = describe(criterion)
        match criterion:
            case FinalGrade(at_least=bar) | CalculatedGrade(at_least=bar) | ItemGrade(at_least=bar):
                best = max((score for score, _ in self._scores(criterion, time)), default=0)
                return Node(text, met, best, bar, "percent", events)
            case TopicsCompleted(topics=topics):
                wanted = self._wanted(topics, time)
                need = topics if isinstance(topics, int) else len(wanted)
                have = sum(1 for topic in wanted if holds_at(self._done_or_exempted(topic), time))
                return Node(text, met, min(have, need), need, "topics", events)
            case _:
                msg = f"no course decides {text}"
                raise TypeError(msg)

    def _of(self, kind: Kind, thing: str = "") -> ByPeriod:
        return self.histories.get(kind, {}).get(thing, {})

    def _release(self, criterion: Leaf, period: str) -> CourseHistory:
        """What the course says of the release of final grades; an item's grade is not one of them."""
        if isinstance(criterion, ItemGrade):
            return ()
        return merged([h for p, h in self.record.release.items() if p in ("", period)])

    def _outline(self) -> CourseHistory:
        return merged(list(self.record.outline.values()))

    def _grade(self, criterion: Leaf, bar: int, period: str) -> Spans:
        """When the first of the criterion's grades that has a score is released and at or above the bar."""
        release = self._release(criterion, period)

        def holds(now: list[Statement | CourseStatement | None]) -> bool:
            grade = _counting(cast("list[Statement | None]", now[:-1]))
            said = cast("CourseStatement | None", now[-1])
            return grade is not None and (grade.value or 0) >= bar and _is_released(grade, said, release)

        timelines = [self._of(kind, thing).get(period, ()) for kind, thing in _grades(criterion)]
        return spans_where(holds, [*timelines, release])

    def _scores(self, criterion: Leaf, time: int) -> list[tuple[int, tuple[str, ...]]]:
        """The scores that count at that time, one for each period, with the events that gave and released them."""
        found = []
        for period in self._periods(criterion):
            grades = [in_force(self._of(kind, thing).get(period, ()), time) for kind, thing in _grades(criterion)]
            release = self._release(criterion, period)
            grade, said = _counting(grades), _course_in_force(release, time)
            if grade is not None and _is_released(grade, said, release):
                released_by = (said.event_id,) if grade.released is None and said is not None else ()
                found.append((grade.value or 0, (grade.event_id, *released_by)))
        return found

    def _periods(self, criterion: Leaf) -> list[str]:
        return sorted({period for kind, thing in _grades(criterion) for period in self._of(kind, thing)})

    def _events(self, criterion: Leaf, time: int) -> Iterable[str]:
        match criterion:
            case FinalGrade(at_least=bar) | CalculatedGrade(at_least=bar) | ItemGrade(at_least=bar):
                scores = self._scores(criterion, time)
                enough = [events for score, events in scores if score >= bar] or [events for _, events in scores]
                return dict.fromkeys(event for events in enough for event in events)
            case TopicsCompleted(topics=topics):
                return self._topic_events(topics, time)
            case _:
                return ()

    def _topic_events(self, topics: str | tuple[str, ...] | int, time: int) -> Iterable[str]:
        if topics == "all":
            outline = _course_in_force(self._outline(), time)
            if outline is not None:
                yield outline.event_id
        for topic in self._wanted(topics, time):
            for kind in (Kind.TOPIC, Kind.EXEMPTION):
                said = [in_force(history, time) for history in self._of(kind, topic).values()]
                counting = [statement for statement in said if statement is not None and statement.value]
                if counting:
                    yield min(counting)[2]
                    break

    def _wanted(self, topics: str | tuple[str, ...] | int, time: int) -> tuple[str, ...]:
        if isinstance(topics, tuple):
            return topics
        if isinstance(topics, int):
            return tuple(sorted(t for t in self.histories.get(Kind.TOPIC, {}) if holds_at(self._done(t), time)))
        outline = _course_in_force(self._outline(), time)
        return outline.topics if outline is not None else ()

    def _done(self, topic: str) -> Spans:
        """When a topic was complete; asked for again and again while a course is judged, so it is kept."""
        found = self._done_spans.get(topic)
        if found is None:
            found = self._done_spans[topic] = _true(self._of(Kind.TOPIC, topic))
        return found

    def _done_or_exempted(self, topic: str) -> Spans:
        found = self._exempted_spans.get(topic)
        if found is None:
            found = union([self._done(topic), _true(self._of(Kind.EXEMPTION, topic))])
            self._exempted_spans[topic] = found
        return found

    def _topics(self, topics: str | tuple[str, ...] | int) -> Spans:
        if isinstance(topics, int):
            return at_least(topics, [self._done(topic) for topic in self.histories.get(Kind.TOPIC, {})])
        if isinstance(topics, tuple):
            return self._all_topics(topics)
        # Each outline counts for as long as it was the course's: the topics of then, and not of now.
        outline = self._outline()
        ends = [statement.occurred_at for statement in outline[1:]]
        pieces = [
            intersection([(Span(statement.occurred_at, until),), self._all_topics(statement.topics)])
            for statement, until in zip(outline, [*ends, FOREVER][: len(outline)], strict=True)
            if statement.occurred_at < until
        ]
        return normal(span for piece in pieces for span in piece)

    def _all_topics(self, topics: tuple[str, ...]) -> Spans:
        """All of them done or exempted, and not by exemption alone: of nothing, never."""
        if not topics or Kind.TOPIC not in self.histories:
            return NEVER
        some_done = union([self._done(topic) for topic in topics])
        return intersection([some_done, *[self._done_or_exempted(topic) for topic in topics]])


def judged(criterion: Criterion, view: CourseView) -> tuple[Met, ...]:
    """When a clause was met in one course, and by what."""
    return tuple(
        Met(span.since, span.until, evidence(criterion, span.since, view.spans, view.said))
        for span in spans(criterion, view.spans)
    )


def how_far(criterion: Criterion, view: CourseView, time: int) -> Node:
    """How far a clause is at that time."""
    return node(criterion, lambda leaf: view.node(leaf, time))


def _true(periods: ByPeriod) -> Spans:
    return union([spans_true(history) for history in periods.values()])


def _grades(criterion: Leaf) -> list[tuple[Kind, str]]:
    """The registers of a grade, the one that goes before the others first."""
    match criterion:
        case FinalGrade():
            return [(Kind.ADJUSTED_GRADE, ""), (Kind.CALCULATED_GRADE, "")]
        case CalculatedGrade():
            return [(Kind.CALCULATED_GRADE, "")]
        case ItemGrade(item=item):
            return [(Kind.ITEM_GRADE, item)]
        case _:
            return []


def _counting(grades: list[Statement | None]) -> Statement | None:
    """The first grade that was given and not cleared."""
    return next((grade for grade in grades if grade is not None and grade.value is not None), None)


def _is_released(grade: Statement, course: CourseStatement | None, release: CourseHistory) -> bool:
    """What the grade says of itself counts; else what the course says; where neither ever does, it is released."""
    if grade.released is not None:
        return grade.released
    return course.released if course is not None else not release


def _course_in_force(timeline: CourseHistory, time: int) -> CourseStatement | None:
    found = None
    for statement in timeline:
        if statement.occurred_at > time:
            break
        found = statement
    return found
