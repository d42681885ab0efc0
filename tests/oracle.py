"""
An oracle: judges a learner's whole past anew at each moment, by plain loops over all that was said.

It shares nothing with `rules` but the words: no spans, no sweeps, no histories, no clauses, no milestones. What holds
between two moments is what held at the first of them, so that it is enough to look at the moments at which something
was said, and at one before all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rules.catalogue import Catalogue
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    Clause,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
)
from rules.facts import CourseFact, CourseKind, Fact, Kind
from rules.histories import Statement
from rules.keys import CourseId, CredentialId, LearnerId
from rules.lengths import Length
from rules.policies import Policy

BEFORE_ALL = -1
A_DAY = 24 * 60 * 60 * 1_000_000


@dataclass(slots=True, kw_only=True)
class Oracle:
    """One learner, judged at each of the moments."""

    catalogue: Catalogue
    facts: list[Fact]
    course_facts: list[CourseFact]
    moments: list[int]

    @classmethod
    def of(cls, catalogue: Catalogue, learner: LearnerId, events: Iterable[Fact | CourseFact]) -> "Oracle":
        said = list(events)
        return cls(
            catalogue=catalogue,
            facts=[one for one in said if isinstance(one, Fact) and one.register.learner == learner],
            course_facts=[one for one in said if isinstance(one, CourseFact)],
            moments=[BEFORE_ALL, *sorted({one.statement.occurred_at for one in said})],
        )

    def due(self, credential: CredentialId) -> list[tuple[int, int | None]]:
        """From when to when it was due: none where it still is."""
        found: list[tuple[int, int | None]] = []
        was_due = False
        for now in self.moments:
            is_due = self.is_due(credential, now)
            if is_due and not was_due:
                found.append((now, None))
            elif was_due and not is_due:
                found[-1] = (found[-1][0], now)
            was_due = is_due
        return found

    def is_due(self, credential: CredentialId, now: int) -> bool:
        [one] = [one for one in self.catalogue.credentials if one.id == credential]
        if one.when_no_longer_met is Policy.REVOKE:
            return self.holds(one.criteria, now)
        return any(self.holds(one.criteria, then) for then in self.moments if then <= now)

    def holds(self, criterion: Criterion, now: int) -> bool:
        match criterion:
            case AllOf(parts=parts):
                return all(self.holds(part, now) for part in parts)
            case AnyOf(parts=parts):
                return any(self.holds(part, now) for part in parts)
            case AtLeastOf(count=count, parts=parts):
                return [self.holds(part, now) for part in parts].count(True) >= count
            case Not(of=of):
                return not self.holds(of, now)
            case Before(time=time, of=of):
                return any(self.holds(of, then) for then in self.moments if then <= now and then < time)
            case Badges(at_least=count, of=of, within=within):
                earned = [self.earned_at(badge, now) for badge in of if self.is_due(badge, now)]
                return len(earned) >= count if within is None else is_dense(earned, count, within)
            case FinalGrade() | CalculatedGrade() | ItemGrade() | WeightedGrade():
                return any(self.grade(criterion, period, now) for period in ("", "p"))
            case Clause():
                raise AssertionError(criterion)
            case _:
                return self.is_done(criterion, now)

    def earned_at(self, badge: CredentialId, now: int) -> int:
        """When it was earned that is held now."""
        earned = now
        for then in reversed([then for then in self.moments if then <= now]):
            if not self.is_due(badge, then):
                break
            earned = then
        return earned

    def is_done(self, criterion: TopicsCompleted | CourseCompleted | Participated | PriorLearning, now: int) -> bool:
        match criterion:
            case TopicsCompleted(course=course, topics=int(count)):
                topics_said = [one for one in self.facts if one.register.kind is Kind.TOPIC]
                things = {one.register.object for one in topics_said}
                return sum(self.is_so(course, Kind.TOPIC, thing, now) for thing in things) >= count
            case TopicsCompleted(course=course, topics=topics):
                wanted = topics if isinstance(topics, tuple) else self.outline(course, now)
                complete = [self.is_so(course, Kind.TOPIC, topic, now) for topic in wanted]
                exempted = [self.is_so(course, Kind.EXEMPTION, topic, now) for topic in wanted]
                return any(complete) and all(map(any, zip(complete, exempted, strict=True)))
            case CourseCompleted(course=course):
                return self.is_so(course, Kind.COURSE_COMPLETED, "", now)
            case PriorLearning(achievement=achievement):
                return self.is_so(CourseId(""), Kind.PRIOR_LEARNING, achievement, now)
            case Participated(course=course, kind=kind, times=times):
                return len(self.participations(course, kind, now)) >= times

    def participations(self, course: CourseId, kind: str, now: int) -> set[str]:
        return {
            one.statement.event_id
            for one in self.facts
            if (one.register.course, one.register.kind) == (course, Kind.PARTICIPATED)
            and (not kind or one.register.object == kind)
            and one.statement.occurred_at <= now
            and one.statement.value
        }

    def is_so(self, course: CourseId, kind: Kind, thing: str, now: int) -> bool:
        """Whether the last that was said of it is yes, in any period."""
        last = [self.last(course, kind, thing, period, now) for period in ("", "p")]
        return any(said is not None and said.value == 1 for said in last)

    def grade(self, criterion: FinalGrade | CalculatedGrade | ItemGrade | WeightedGrade, period: str, now: int) -> bool:
        course, too = criterion.course, criterion.unreleased_too
        match criterion:
            case FinalGrade():
                adjusted = self.last(course, Kind.ADJUSTED_GRADE, "", period, now)
                calculated = self.last(course, Kind.CALCULATED_GRADE, "", period, now)
                counting = calculated if adjusted is None or adjusted.value is None else adjusted
                score = self.score(counting, course, now, too=too)
            case CalculatedGrade():
                score = self.score(self.last(course, Kind.CALCULATED_GRADE, "", period, now), course, now, too=too)
            case ItemGrade(item=item):
                score = item_score(self.last(course, Kind.ITEM_GRADE, item, period, now), too=too)
            case WeightedGrade(items=items):
                scores = [item_score(self.last(course, Kind.ITEM_GRADE, of, period, now), too=too) for of, _ in items]
                if None in scores:
                    return False
                bar = criterion.at_least * sum(weight for _, weight in items)
                return sum((score or 0) * weight for score, (_, weight) in zip(scores, items, strict=True)) >= bar
        return score is not None and score >= criterion.at_least

    def score(self, said: Statement | None, course: CourseId, now: int, *, too: bool) -> int | None:
        """The score of a final grade, if it may count."""
        if said is None or too:
            return None if said is None else said.value
        spoken = [one for one in self.course_facts if (one.course, one.kind) == (course, CourseKind.RELEASE)]
        by_now = [one.statement for one in spoken if one.statement.occurred_at <= now]
        of_course = max(by_now, key=lambda one: one[:3]).released if by_now else not spoken
        is_released = of_course if said.released is None else said.released
        return said.value if is_released else None

    def last(self, course: CourseId, kind: Kind, thing: str, period: str, now: int) -> Statement | None:
        """The last that was said of something by now."""
        by_now = [
            one.statement
            for one in self.facts
            if (one.register.course, one.register.kind, one.register.object, one.register.period)
            == (course, kind, thing, period)
            and one.statement.occurred_at <= now
        ]
        return max(by_now, key=lambda said: said[:3], default=None)

    def outline(self, course: CourseId, now: int) -> tuple[str, ...]:
        by_now = [
            one.statement
            for one in self.course_facts
            if (one.course, one.kind) == (course, CourseKind.OUTLINE) and one.statement.occurred_at <= now
        ]
        return max(by_now, key=lambda said: said[:3]).topics if by_now else ()


def item_score(said: Statement | None, *, too: bool) -> int | None:
    return None if said is None or (said.released is False and not too) else said.value


def is_dense(earned: list[int], count: int, within: Length) -> bool:
    """Whether so many of them lie no further apart than a number of days."""
    assert (within.years, within.months) == (0, 0), "the oracle knows of days alone"
    return any(sum(first <= other <= first + within.days * A_DAY for other in earned) >= count for first in earned)
