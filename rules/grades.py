"""Grades: when a score that counts stood at or above a bar, and which one counts at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from rules.histories import ByPeriod, CourseHistory, CourseStatement, History, Statement, merged
from rules.spans import Spans, in_force, spans_of, spans_where, union


class Score(NamedTuple):
    """A score that counts, with the events that gave and released it."""

    value: int
    events: tuple[str, ...]


def grade(
    registers: Sequence[ByPeriod], release: Mapping[str, CourseHistory], bar: int, time: int
) -> tuple[Spans, int, tuple[str, ...]]:
    """
    When the grade stood at or above the bar; and at that time the best score, with its events.

    Of the registers the first that has a score counts; periods are judged apart, and any of them will do.
    """
    spans: list[Spans] = []
    scores: list[Score] = []
    for histories, released in _by_period(registers, release):
        spans.append(_spans(histories, released, bar))
        score = _score(histories, released, time)
        if score is not None:
            scores.append(score)
    if len(scores) == 1:
        return union(spans), *scores[0]
    enough = [events for value, events in scores if value >= bar] or [events for _, events in scores]
    events = tuple(dict.fromkeys(event for one in enough for event in one))
    return union(spans), max([score.value for score in scores], default=0), events


def weighted_grade(items: Sequence[tuple[ByPeriod, int]], bar: int, time: int) -> tuple[Spans, int, tuple[str, ...]]:
    """
    When the weighted mean of items stood at or above the bar; and at that time the best mean, with its events.

    `items` are the registers with their weights. The mean is exact: the sum of scores times weights, against the bar
    times all weights; as a score it is rounded down, so that it reaches a bar exactly when it stands there. While an
    item has no grade there is none. Periods are judged apart, and any of them will do.
    """
    weights = [weight for _, weight in items]
    periods = sorted({period for histories, _ in items for period in histories})
    timelines = [[histories.get(period, ()) for histories, _ in items] for period in periods]

    def mean(grades: Sequence[Statement | CourseStatement | None]) -> int | None:
        total = 0
        for grade, weight in zip(cast("Sequence[Statement | None]", grades), weights, strict=True):
            if grade is None or grade.value is None or grade.released is False:
                return None
            total += grade.value * weight
        return total // sum(weights)

    def holds(grades: Sequence[Statement | CourseStatement | None]) -> bool:
        found = mean(grades)
        return found is not None and found >= bar

    spans = union([spans_where(holds, lines) for lines in timelines])
    best, events = 0, tuple[str, ...]()
    for lines in timelines:
        grades = [in_force(line, time) for line in lines]
        found = mean(grades)
        if found is not None and (not events or found > best):
            best, events = found, tuple(grade.event_id for grade in grades if grade is not None)
    return spans, best, events


def released(histories: ByPeriod) -> ByPeriod:
    """Grades as if each event had said that they are released."""
    return {period: tuple([said._replace(released=True) for said in history]) for period, history in histories.items()}


def _by_period(
    registers: Sequence[ByPeriod], release: Mapping[str, CourseHistory]
) -> Iterator[tuple[list[History], CourseHistory]]:
    """The histories that there are in each period, and what the course says of their release."""
    for period in sorted({period for register in registers for period in register}):
        histories = [register[period] for register in registers if period in register]
        said = [history for of, history in release.items() if of in ("", period)] if release else []
        yield histories, merged(said) if said else ()


def _spans(histories: list[History], release: CourseHistory, bar: int) -> Spans:
    if len(histories) == 1 and not release:
        # Most grades are neither adjusted by hand nor held back by the course.
        return spans_of(
            [
                (at, value is not None and value >= bar and released is not False)
                for at, _, _, value, released in histories[0]
            ]
        )

    def holds(now: list[Statement | CourseStatement | None]) -> bool:
        grade = _counting(cast("list[Statement | None]", now[:-1]))
        said = cast("CourseStatement | None", now[-1])
        return grade is not None and (grade.value or 0) >= bar and _is_released(grade, said, release)

    return spans_where(holds, [*histories, release])


def _score(histories: list[History], release: CourseHistory, time: int) -> Score | None:
    """The score that counts at that time."""
    grade, said = _counting([in_force(history, time) for history in histories]), in_force(release, time)
    if grade is None or not _is_released(grade, said, release):
        return None
    if grade.released is not None or said is None or said.event_id == grade.event_id:
        return Score(grade.value or 0, (grade.event_id,))
    return Score(grade.value or 0, (grade.event_id, said.event_id))


def _counting(grades: list[Statement | None]) -> Statement | None:
    """The first grade that was given and not cleared."""
    for grade in grades:
        if grade is not None and grade.value is not None:
            return grade
    return None


def _is_released(grade: Statement, course: CourseStatement | None, release: CourseHistory) -> bool:
    """What the grade says of itself counts; else what the course says; where neither ever does, it is released."""
    if grade.released is not None:
        return grade.released
    return course.released if course is not None else not release
