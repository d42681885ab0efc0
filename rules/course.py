"""Judging one course: what the histories of a learner and of the course itself say about a criterion."""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, assert_never

from rules.completions import all_topics, any_topics, completed, outlined_topics
from rules.criteria import (
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    Evidence,
    FinalGrade,
    Grade,
    ItemGrade,
    Leaf,
    Node,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
)
from rules.facts import Kind
from rules.grades import grade, released, weighted_grade
from rules.histories import ByPeriod, CourseHistory, History, merged
from rules.nesting import evidence, spans_and_node
from rules.participations import participated
from rules.spans import FOREVER, Spans, holds_at

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

    def leaf(self, criterion: Leaf, time: int) -> tuple[Spans, Node]:
        """When a leaf held, over all periods, and how far it is at that time."""
        match criterion:
            case TopicsCompleted(topics=topics):
                spans, events, have, need = self._topics(topics, time)
                return spans, Node(criterion.text, holds_at(spans, time), have, need, "topics", events)
            case CourseCompleted():
                spans, events = completed(self._of(Kind.COURSE_COMPLETED), time)
                return spans, Node(criterion.text, holds_at(spans, time), len(events), 1, "courses", events)
            case Participated(kind=kind, times=times):
                spans, events = participated(times, self._participations(kind), time)
                return spans, Node(criterion.text, holds_at(spans, time), len(events), times, "participations", events)
            case PriorLearning(achievement=achievement):
                spans, events = completed(self._of(Kind.PRIOR_LEARNING, achievement), time)
                return spans, Node(criterion.text, holds_at(spans, time), len(events), 1, "achievements", events)
            case FinalGrade() | CalculatedGrade() | ItemGrade() | WeightedGrade():
                spans, best, events = self._grade(criterion, time)
                return spans, Node(criterion.text, holds_at(spans, time), best, criterion.at_least, "percent", events)
            case _:
                raise TypeError(f"no course decides {criterion.text}")

    def said(self, criterion: Leaf, time: int) -> tuple[Evidence, ...]:
        """The events that stand behind a leaf at that time."""
        return (Evidence(criterion.text, self.leaf(criterion, time)[1].events),)

    def _grade(self, criterion: Grade, time: int) -> tuple[Spans, int, tuple[str, ...]]:
        """When a grade stood at or above its bar; and at that time the best score, with its events."""
        # What the course says is of the release of final grades, and an item's grade is not one of them.
        release = {} if criterion.unreleased_too else self.record.release
        bar = criterion.at_least
        match criterion:
            case FinalGrade():
                registers = [self._grades(criterion, kind) for kind in (Kind.ADJUSTED_GRADE, Kind.CALCULATED_GRADE)]
                return grade(registers, release, bar, time)
            case CalculatedGrade():
                return grade([self._grades(criterion, Kind.CALCULATED_GRADE)], release, bar, time)
            case ItemGrade(item=item):
                return grade([self._grades(criterion, Kind.ITEM_GRADE, item)], {}, bar, time)
            case WeightedGrade(items=items):
                weighed = [(self._grades(criterion, Kind.ITEM_GRADE, item), weight) for item, weight in items]
                return weighted_grade(weighed, bar, time)
            case _:
                assert_never(criterion)

    def _grades(self, criterion: Grade, kind: Kind, thing: str = "") -> ByPeriod:
        histories = self._of(kind, thing)
        return released(histories) if criterion.unreleased_too else histories

    def _of(self, kind: Kind, thing: str = "") -> ByPeriod:
        return self.histories.get(kind, {}).get(thing, {})

    def _participations(self, kind: str) -> list[History]:
        """All that was said of participations of one kind or, where it is empty, of any."""
        by_kind = self.histories.get(Kind.PARTICIPATED, {})
        chosen = [by_kind.get(kind, {})] if kind else by_kind.values()
        return [history for periods in chosen for history in periods.values()]

    def _topics(self, topics: str | tuple[str, ...] | int, time: int) -> tuple[Spans, tuple[str, ...], int, int]:
        """When these topics were complete; and at that time the events, how many are complete, how many needed."""
        done, exempted = self.histories.get(Kind.TOPIC, {}), self.histories.get(Kind.EXEMPTION, {})
        if isinstance(topics, int):
            spans, events = any_topics(topics, done, time)
            return spans, tuple(events), min(len(events), topics), topics
        if isinstance(topics, tuple):
            spans, events = all_topics(topics, done, exempted, time)
            return spans, tuple(events), len(events), len(topics)
        return outlined_topics(merged(list(self.record.outline.values())), done, exempted, time)


def judgement(
    criterion: Criterion, view: CourseView, time: int, *, before: tuple[Met, ...] = (), changed_from: int = -FOREVER
) -> tuple[tuple[Met, ...], Node]:
    """
    When a clause was met in one course, and by what; and how far it is at that time.

    `before` is what was found last, and `changed_from` when the first of what was said since then happened: what
    met the clause earlier than that is the same still (decision 0010).
    """
    backed = {met.since: met.evidence for met in before if met.since < changed_from}
    # By the leaf itself, which lives as long as its criterion.
    known: dict[int, Spans] = {}

    def leaf(criterion: Leaf) -> tuple[Spans, Node]:
        spans, far = view.leaf(criterion, time)
        known[id(criterion)] = spans
        return spans, far

    spans, far = spans_and_node(criterion, leaf)
    met = []
    for since, until in spans:
        found = backed.get(since)
        if found is None:
            found = evidence(criterion, since, lambda leaf: known[id(leaf)], view.said)
        met.append(Met(since, until, found))
    return tuple(met), far


def judged(criterion: Criterion, view: CourseView) -> tuple[Met, ...]:
    """When a clause was met in one course, and by what."""
    return judgement(criterion, view, 0)[0]


def how_far(criterion: Criterion, view: CourseView, time: int) -> Node:
    """How far a clause is at that time."""
    return judgement(criterion, view, time)[1]
