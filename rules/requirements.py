"""Requirements: a criterion in words that a teacher would sign."""

from typing import Final, NamedTuple, assert_never

from rules.awards import CredentialKind
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    Clause,
    CourseCompleted,
    CourseLeaf,
    Criterion,
    FinalGrade,
    Grade,
    ItemGrade,
    Not,
    Participated,
    ParticipationKind,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
    percent,
)
from rules.keys import CredentialId
from rules.lengths import length_text
from rules.moments import moment_text
from rules.names import Names, joined

_PARTICIPATIONS: Final[dict[ParticipationKind, tuple[str, str]]] = {
    "": ("a participation of any kind", "participations of any kind"),
    "attended": ("an attendance", "attendances"),
    "submitted": ("a submission", "submissions"),
    "posted": ("a post", "posts"),
}


class Requirement(NamedTuple):
    """A condition in words that go on after "a learner needs"; of a group, its parts too."""

    text: str
    parts: tuple["Requirement", ...] = ()


def requirement(criterion: Criterion, names: Names) -> Requirement:
    """Put a condition into words. What means the same reads the same: a group of one part is that part."""
    match criterion:
        case AllOf(parts=(part,)) | AnyOf(parts=(part,)) | AtLeastOf(parts=(part,)):
            return requirement(part, names)
        case AllOf(parts=parts):
            return Requirement("all of these at the same time", _inner(parts, names))
        case AnyOf(parts=parts) | AtLeastOf(count=1, parts=parts):
            return Requirement("at least one of these", _inner(parts, names))
        case AtLeastOf(count=count, parts=parts) if count == len(parts):
            return Requirement("all of these at the same time", _inner(parts, names))
        case AtLeastOf(count=count, parts=parts):
            text = f"at least {count} of these {len(parts)} at the same time"
            return Requirement(text, _inner(parts, names))
        case Not(of=of):
            return Requirement("that this is not so", (requirement(of, names),))
        case Before(time=time, of=of):
            moment = moment_text(time).replace("T", " ").replace("Z", " UTC")
            return Requirement(f"this, at some moment before {moment}", (requirement(of, names),))
        case Badges(at_least=count, of=of, within=within):
            window = f", earned within {length_text(within)} of each other" if within else ""
            return Requirement(_badges(count, of, names) + window)
        case Clause():
            raise TypeError("a clause stands in a rulebook; an author's criteria have none")
        case _:
            return Requirement(_of_course(criterion, names))


def _inner(parts: tuple[Criterion, ...], names: Names) -> tuple[Requirement, ...]:
    return tuple(requirement(part, names) for part in parts)


def _of_course(criterion: CourseLeaf, names: Names) -> str:
    match criterion:
        case FinalGrade(course=course, at_least=bar):
            return f"{_release(criterion)} final grade {_in(names.course(course), bar)}"
        case CalculatedGrade(course=course, at_least=bar):
            grade = f"{_release(criterion)} final grade, as calculated before adjustment,"
            return f"{grade} {_in(names.course(course), bar)}"
        case ItemGrade(course=course, item=item, at_least=bar):
            where = f"the item “{item}” of {names.course(course)}"
            return f"a grade{_or_not(criterion)} {_in(where, bar)}"
        case WeightedGrade(course=course, items=items, at_least=bar):
            shares = joined(f"“{item}” (weight {percent(weight)})" for item, weight in items)
            where = f"the items {shares} of {names.course(course)}, each of them graded"
            return f"a weighted mean{_or_not(criterion)} {_in(where, bar)}"
        case TopicsCompleted(course=course, topics=topics):
            return _topics(topics, names.course(course))
        case CourseCompleted(course=course):
            return f"{names.course(course)} completed, as the platform says"
        case Participated(course=course, kind=kind, times=times):
            return _participations(kind, times, names.course(course) if course else "")
        case PriorLearning(achievement=achievement):
            return f"prior learning recognised by a person as “{achievement}”"
        case _:
            assert_never(criterion)


def _release(grade: Grade) -> str:
    return "a released or unreleased" if grade.unreleased_too else "a released"


def _or_not(grade: Grade) -> str:
    return ", released or not," if grade.unreleased_too else ""


def _in(what: str, bar: int) -> str:
    return f"of at least {percent(bar)} % in {what}" if bar else f"in {what}, whatever it is"


def _topics(topics: str | tuple[str, ...] | int, course: str) -> str:
    match topics:
        case int():
            some = "any topic" if topics == 1 else f"any {topics} topics"
            return f"{some} of {course} completed (exemptions do not count)"
        case (topic,):
            return f"the topic “{topic}” of {course} completed"
        case tuple():
            which = "the topics " + joined(f"“{topic}”" for topic in topics)
        case _:
            which = "all topics"
    return f"{which} of {course} completed or exempted, at least one of them completed"


def _participations(kind: ParticipationKind, times: int, course: str) -> str:
    one, several = _PARTICIPATIONS[kind]
    what = one if times == 1 else f"at least {times} {several}"
    return f"{what} in {course}" if course else f"{what} outside of any course"


def _badges(count: int, of: tuple[CredentialId, ...], names: Names) -> str:
    kinds = {names.kinds.get(badge, CredentialKind.BADGE) for badge in of}
    one = "milestone" if kinds == {CredentialKind.MILESTONE} else "badge"
    several = f"{one}s" if len(kinds) == 1 else "badges and milestones"
    listed = joined(f"“{names.credential(badge)}”" for badge in of)
    if len(of) == 1:
        return f"the {one} {listed}"
    if count == len(of):
        return f"the {several} {listed}"
    if count == 1:
        return f"at least one of the {several} {listed}"
    return f"at least {count} of the {len(of)} {several} {listed}"
