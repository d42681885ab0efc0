"""Criteria: the closed set of conditions, how they nest, and what each is called."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never, cast

from rules.keys import ClauseId, CourseId, CredentialId
from rules.lengths import Length, length_text
from rules.moments import moment_text

ParticipationKind: TypeAlias = Literal["", "attended", "submitted", "posted"]
# The course of what was done outside of any.
OUTSIDE: Final = CourseId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A condition has a short name; it is written once, and not at each event (decision 0010)."""

    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _description(cast("Criterion", self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalGrade(Described):
    """The final grade stands at or above the bar: the adjusted one if there is one, else the calculated."""

    course: CourseId
    at_least: int
    unreleased_too: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculatedGrade(Described):
    """The calculated final grade stands at or above the bar, whatever the adjusted one says."""

    course: CourseId
    at_least: int
    unreleased_too: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGrade(Described):
    """The grade of one item stands at or above the bar."""

    course: CourseId
    item: str
    at_least: int
    unreleased_too: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedGrade(Described):
    """
    The weighted mean of several items' grades stands at or above the bar; while one of them has none, it does not.

    `items` are pairs of an item and its weight, in hundredths, as all scores are.
    """

    course: CourseId
    items: tuple[tuple[str, int], ...]
    at_least: int
    unreleased_too: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicsCompleted(Described):
    """Topics are complete: all by the course's outline, all of a list, or any so many."""

    course: CourseId
    topics: Literal["all"] | tuple[str, ...] | int


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseCompleted(Described):
    """The platform says that the course is completed."""

    course: CourseId


@dataclass(frozen=True, slots=True, kw_only=True)
class Participated(Described):
    """At least so many participations, of one kind or (empty) of any; the course is empty outside of any."""

    course: CourseId
    kind: ParticipationKind
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorLearning(Described):
    """A person has recognised what was learned elsewhere."""

    achievement: str

    @property
    def course(self) -> CourseId:
        """What was learned elsewhere belongs to no course."""
        return OUTSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Badges(Described):
    """At least so many of these badges are held; with a window, such as were earned within one length of time."""

    at_least: int
    of: tuple[CredentialId, ...]
    within: Length | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause(Described):
    """A part of a credential's criteria that one course decides, by its name: the whole of it is in the rulebook."""

    id: ClauseId
    says: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(Described):
    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Described):
    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLeastOf(Described):
    count: int
    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Described):
    """Whenever the criterion does not hold: also before anything was said."""

    of: "Criterion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before(Described):
    """The criterion was met at some moment before a time: from the first of them on it holds for good."""

    time: int
    of: "Criterion"


Grade: TypeAlias = FinalGrade | CalculatedGrade | ItemGrade | WeightedGrade
CourseLeaf: TypeAlias = (
    FinalGrade
    | CalculatedGrade
    | ItemGrade
    | WeightedGrade
    | TopicsCompleted
    | CourseCompleted
    | Participated
    | PriorLearning
)
Leaf: TypeAlias = CourseLeaf | Badges | Clause
Group: TypeAlias = AllOf | AnyOf | AtLeastOf
Criterion: TypeAlias = Leaf | Group | Not | Before


class Evidence(NamedTuple):
    """What met one condition: the events of a course, or the awards of badges."""

    clause: str
    events: tuple[str, ...] = ()
    awards: tuple[str, ...] = ()


Unit: TypeAlias = Literal["percent", "topics", "courses", "participations", "achievements", "badges", "conditions"]


class Node(NamedTuple):
    """How far one condition is: met or not, have and need. Percent is in hundredths, as scores are."""

    clause: str
    met: bool
    have: int
    need: int
    unit: Unit
    events: tuple[str, ...] = ()
    parts: tuple["Node", ...] = ()
    awards: tuple[str, ...] = ()


def parts_of(criterion: Criterion) -> tuple[Criterion, ...]:
    """The conditions that one is made of; of a leaf none."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return parts
        case Not(of=of) | Before(of=of):
            return (of,)
        case _:
            return ()


def leaves(criterion: Criterion) -> Iterator[Leaf]:
    """Every leaf, from left to right."""
    match criterion:
        case AllOf() | AnyOf() | AtLeastOf() | Not() | Before():
            for part in parts_of(criterion):
                yield from leaves(part)
        case _:
            yield criterion


def needed(group: Group) -> int:
    """How many of its parts have to hold."""
    match group:
        case AllOf(parts=parts):
            return len(parts)
        case AnyOf():
            return 1
        case AtLeastOf(count=count):
            return count
        case _:
            assert_never(group)


def describe(criterion: Criterion) -> str:
    """A short name for a condition, as evidence and standings show it."""
    return criterion.text


def percent(hundredths: int) -> str:
    """Write hundredths of a percent as people do: 7000 is `70`, 6650 is `66.5`."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02}".rstrip("0") if rest else str(whole)


def _description(criterion: Criterion) -> str:
    match criterion:
        case Badges(at_least=count, of=of, within=within):
            return f"badges {count} of {', '.join(of)}{f' within {length_text(within)}' if within else ''}"
        case Clause(id=clause, says=says):
            return says or f"clause {clause}"
        case Not(of=of):
            return f"not {of.text}"
        case Before(time=time, of=of):
            return f"before {moment_text(time)} {of.text}"
        case AllOf():
            return "all of"
        case AnyOf():
            return "any of"
        case AtLeastOf(count=count, parts=parts):
            return f"at least {count} of {len(parts)}"
        case _:
            return _description_of_course(criterion)


def _description_of_course(criterion: CourseLeaf) -> str:
    match criterion:
        case FinalGrade(course=course, at_least=bar):
            return f"final_grade {course} ≥ {percent(bar)}{_or_not(criterion)}"
        case CalculatedGrade(course=course, at_least=bar):
            return f"calculated_grade {course} ≥ {percent(bar)}{_or_not(criterion)}"
        case ItemGrade(course=course, item=item, at_least=bar):
            return f"item_grade {course} {item} ≥ {percent(bar)}{_or_not(criterion)}"
        case WeightedGrade(course=course, items=items, at_least=bar):
            shares = ", ".join(f"{item} {percent(weight)}" for item, weight in items)
            return f"weighted_grade {course} ({shares}) ≥ {percent(bar)}{_or_not(criterion)}"
        case TopicsCompleted(course=course, topics=topics):
            wanted = topics if topics == "all" else ", ".join(topics) if isinstance(topics, tuple) else f"any {topics}"
            return f"topics_completed {course} {wanted}"
        case CourseCompleted(course=course):
            return f"course_completed {course}"
        case Participated(course=course, kind=kind, times=times):
            where = course or "outside courses"
            return f"participated {where} {kind or 'any kind'}, {times} time{'s' if times > 1 else ''}"
        case PriorLearning(achievement=achievement):
            return f"prior_learning {achievement}"
        case _:
            assert_never(criterion)


def _or_not(grade: Grade) -> str:
    return ", released or not" if grade.unreleased_too else ""
