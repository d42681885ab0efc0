"""Judging one course: what the histories of a learner and of the course itself say about a criterion."""

from collections.abc import Callable, Iterable
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
    # Asked for again by each outline and each clause while a course is judged.
    _topic_spans: dict[str, Spans] = field(default_factory=dict)

    def spans(self, criterion: Leaf) -> Spans:
        """When a leaf held, over all periods (DESIGN.md: under `once` a register's spans are their union)."""
        match criterion:
            case TopicsCompleted(topics=topics):
                return self._topics(topics)
            case FinalGrade(at_least=bar) | CalculatedGrade(at_least=bar) | ItemGrade(at_least=bar):
                found = [
                    _grade_spans(grades, self._release(criterion, period), bar)
                    for period, grades in self._grades(criterion)
                ]
                return union(found)
            case _:
                raise _undecided(criterion)

    def said(self, criterion: Leaf, time: int) -> tuple[Evidence, ...]:
        """The events that stand behind a leaf at that time."""
        match criterion:
            case TopicsCompleted(topics=topics):
                events, _, _ = self._topics_at(topics, time)
            case FinalGrade(at_least=bar) | CalculatedGrade(at_least=bar) | ItemGrade(at_least=bar):
                events = _grade_events(self._scores(criterion, time), bar)
            case _:
                events = ()
        return (Evidence(criterion.text, events),)

    def node(self, criterion: Leaf, time: int, spans: Spans) -> Node:
        """How far a leaf is at that time, given when it holds."""
        met = holds_at(spans, time)
        match criterion:
            case TopicsCompleted(topics=topics):
                events, have, need = self._topics_at(topics, time)
                return Node(criterion.text, met, min(have, need), need, "topics", events)
            case FinalGrade(at_least=bar) | CalculatedGrade(at_least=bar) | ItemGrade(at_least=bar):
                scores = self._scores(criterion, time)
                best = max((score for score, _ in scores), default=0)
                return Node(criterion.text, met, best, bar, "percent", _grade_events(scores, bar))
            case _:
                raise _undecided(criterion)

    def _release(self, criterion: Leaf, period: str) -> CourseHistory:
        """What the course says of the release of final grades; an item's grade is not one of them."""
        if not self.record.release or isinstance(criterion, ItemGrade):
            return ()
        return merged([h for p, h in self.record.release.items() if p in ("", period)])

    def _outline(self) -> CourseHistory:
        return merged(list(self.record.outline.values()))

    def _grades(self, criterion: Leaf) -> list[tuple[str, list[History]]]:
        """The histories of a criterion's grades by period, the one that goes before the others first."""
        found = [self.histories.get(kind, {}).get(thing, {}) for kind, thing in _grade_registers(criterion)]
        periods = sorted({period for by_period in found for period in by_period})
        return [(period, [by_period.get(period, ()) for by_period in found]) for period in periods]

    def _scores(self, criterion: Leaf, time: int) -> list[tuple[int, tuple[str, ...]]]:
        """The scores that count at that time, one for each period, with the events that gave and released them."""
        found = []
        for period, grades in self._grades(criterion):
            release = self._release(criterion, period)
            grade, said = _counting([in_force(history, time) for history in grades]), _course_in_force(release, time)
            if grade is not None and _is_released(grade, said, release):
                released_by = (said.event_id,) if grade.released is None and said is not None else ()
                found.append((grade.value or 0, (grade.event_id, *released_by)))
        return found

    def _topics_at(self, topics: str | tuple[str, ...] | int, time: int) -> tuple[tuple[str, ...], int, int]:
        """The events behind the topics that count at that time, how many these are, and how many are needed."""
        done, exempted = self.histories.get(Kind.TOPIC, {}), self.histories.get(Kind.EXEMPTION, {})
        if isinstance(topics, int):
            # What is only exempted is not among so many topics of one's own choice.
            events = _completed_by(sorted(done), done, {}, time)
            return tuple(events), len(events), topics
        if isinstance(topics, tuple):
            events = _completed_by(topics, done, exempted, time)
            return tuple(events), len(events), len(topics)
        outline = _course_in_force(self._outline(), time)
        if outline is None:
            return (), 0, 0
        events = _completed_by(outline.topics, done, exempted, time)
        return (outline.event_id, *events), len(events), len(outline.topics)

    def _topics(self, topics: str | tuple[str, ...] | int) -> Spans:
        if isinstance(topics, int):
            return at_least(topics, [_true(periods) for periods in self.histories.get(Kind.TOPIC, {}).values()])
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
        return pieces[0] if len(pieces) == 1 else normal(span for piece in pieces for span in piece)

    def _all_topics(self, topics: tuple[str, ...]) -> Spans:
        """All of them done or exempted, and not by exemption alone: of nothing, never."""
        done, exempted = self.histories.get(Kind.TOPIC), self.histories.get(Kind.EXEMPTION)
        if not topics or not done:
            return NEVER
        found: list[Spans] = []
        for topic in topics:
            spans = self._topic_spans.get(topic)
            if spans is None:
                spans = _true(done.get(topic, {}))
                if exempted is not None:
                    spans = union([spans, _true(exempted.get(topic, {}))])
                self._topic_spans[topic] = spans
            if not spans:
                return NEVER
            found.append(spans)
        if exempted is not None:
            found.append(union([_true(done.get(topic, {})) for topic in topics]))
        return intersection(found)


def judged(criterion: Criterion, view: CourseView) -> tuple[Met, ...]:
    """When a clause was met in one course, and by what."""
    return _met(criterion, view, view.spans)


def how_far(criterion: Criterion, view: CourseView, time: int) -> Node:
    """How far a clause is at that time."""
    return node(criterion, lambda leaf: view.node(leaf, time, view.spans(leaf)))


def judgement(criterion: Criterion, view: CourseView, time: int) -> tuple[tuple[Met, ...], Node]:
    """Both at once: the spans of each leaf are worked out once (decision 0010)."""
    # By the leaf itself, which lives as long as its criterion.
    known: dict[int, Spans] = {}

    def spans_of(leaf: Leaf) -> Spans:
        found = known.get(id(leaf))
        if found is None:
            found = known[id(leaf)] = view.spans(leaf)
        return found

    met = _met(criterion, view, spans_of)
    return met, node(criterion, lambda leaf: view.node(leaf, time, spans_of(leaf)))


def _met(criterion: Criterion, view: CourseView, spans_of: Callable[[Leaf], Spans]) -> tuple[Met, ...]:
    return tuple(
        Met(span.since, span.until, evidence(criterion, span.since, spans_of, view.said))
        for span in spans(criterion, spans_of)
    )


def _true(periods: ByPeriod) -> Spans:
    return union([spans_true(history) for history in periods.values()])


def _completed_by(
    topics: Iterable[str], done: dict[str, ByPeriod], exempted: dict[str, ByPeriod], time: int
) -> list[str]:
    """The events by which topics are complete or exempted at that time, in the topics' order."""
    found = []
    for topic in topics:
        event = _true_by(done.get(topic), time)
        if event is None and exempted:
            event = _true_by(exempted.get(topic), time)
        if event is not None:
            found.append(event)
    return found


def _true_by(periods: ByPeriod | None, time: int) -> str | None:
    """The event that makes something true at that time: of several periods the earliest."""
    if not periods:
        return None
    said = [in_force(history, time) for history in periods.values()]
    counting = [statement for statement in said if statement is not None and statement.value]
    return min(counting).event_id if counting else None


def _grade_spans(grades: list[History], release: CourseHistory, bar: int) -> Spans:
    """When the first of these grades that has a score is released and at or above the bar."""

    def holds(now: list[Statement | CourseStatement | None]) -> bool:
        grade = _counting(cast("list[Statement | None]", now[:-1]))
        said = cast("CourseStatement | None", now[-1])
        return grade is not None and (grade.value or 0) >= bar and _is_released(grade, said, release)

    return spans_where(holds, [*grades, release])


def _grade_events(scores: list[tuple[int, tuple[str, ...]]], bar: int) -> tuple[str, ...]:
    """The events of the scores that are enough, or of all where none is; each once."""
    enough = [events for score, events in scores if score >= bar] or [events for _, events in scores]
    return tuple(dict.fromkeys(event for events in enough for event in events))


def _undecided(criterion: Leaf) -> TypeError:
    return TypeError(f"no course decides {criterion.text}")


def _grade_registers(criterion: Leaf) -> list[tuple[Kind, str]]:
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
