"""Judging one course: what the histories of a learner and of the course itself say about a criterion."""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from rules.completions import all_topics, any_topics, completed, outlined_topics
from rules.criteria import (
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    Evidence,
    FinalGrade,
    ItemGrade,
    Leaf,
    Node,
    Participated,
    PriorLearning,
    TopicsCompleted,
)
from rules.facts import Kind
from rules.grades import grade
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
            case FinalGrade(at_least=bar):
                registers = [self._of(Kind.ADJUSTED_GRADE), self._of(Kind.CALCULATED_GRADE)]
                spans, best, events = grade(registers, self.record.release, bar, time)
            case CalculatedGrade(at_least=bar):
                spans, best, events = grade([self._of(Kind.CALCULATED_GRADE)], self.record.release, bar, time)
            case ItemGrade(item=item, at_least=bar):
                # What the course says is of the release of final grades, and an item's grade is not one of them.
                spans, best, events = grade([self._of(Kind.ITEM_GRADE, item)], {}, bar, time)
            case CourseCompleted():
                spans, events = completed(self._of(Kind.COURSE_COMPLETED), time)
                return spans, Node(criterion.text, holds_at(spans, time), len(events), 1, "courses", events)
            case Participated(kind=kind, times=times):
                spans, events = participated(times, self._participations(kind), time)
                return spans, Node(criterion.text, holds_at(spans, time), len(events), times, "participations", events)
            case PriorLearning(achievement=achievement):
                spans, events = completed(self._of(Kind.PRIOR_LEARNING, achievement), time)
                return spans, Node(criterion.text, holds_at(spans, time), len(events), 1, "achievements", events)
            case _:
                raise TypeError(f"no course decides {criterion.text}")
        return spans, Node(criterion.text, holds_at(spans, time), best, bar, "percent", events)

    def said(self, criterion: Leaf, time: int) -> tuple[Evidence, ...]:
        """The events that stand behind a leaf at that time."""
        return (Evidence(criterion.text, self.leaf(criterion, time)[1].events),)

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
