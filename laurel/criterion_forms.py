"""The criteria of a catalogue file: how authors write each, and how it becomes a `rules.criteria.Criterion`."""

from datetime import datetime, tzinfo
from typing import Annotated, Final, Literal, TypeAlias, assert_never

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, JsonValue

from laurel.criterion_values import BadgeId, Course, Moment, Score, SomeLength, Times, Weight, topics_value
from laurel.drawing import EPOCH
from laurel.faults import nearest, show
from laurel.shapes import KEY_SCHEMA, Form, Id, Key, named, one_of, refusal, tag
from rules.criteria import (
    OUTSIDE,
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
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
from rules.keys import CourseId, CredentialId
from rules.lengths import Length

_LEAST_WEIGHED: Final = 2
# Words that authors try as criteria, with where they belong.
_ELSEWHERE: Final = {
    "within": "Write it into `badges`, such as `badges: {at_least: 3, of: […], within: {days: 365}}`.",
    "times": "Write it into `participated`, such as `participated: {course: …, times: 5}`.",
}


def _one_criterion(value: object) -> object:
    if not isinstance(value, dict):
        cure = "Put the list under `all:` or `any:`." if value and isinstance(value, list) else _ONE_KEY
        raise refusal(f"is {named(value)}, and must be a criterion.", cure)  # type: ignore[arg-type]  # plain
    if not value:
        raise refusal("has no criterion: everyone would earn it.", f"Write one of {one_of(_KINDS)}.")
    if value.keys() & {"at_least", "of"}:
        return value
    if "before" in value and len(value) == 2:
        other = next(key for key in value if key != "before")
        problem = f"has the keys `{other}` and `before` beside each other."
        raise refusal(problem, f"Write `before: {{time: 2026-07-01, of: {{{other}: …}}}}`.")
    if len(value) > 1:
        keys = ", ".join(show(key) for key in value)
        raise refusal(f"has the keys {keys}, and a criterion has one.", "Put each on its own, in a list under `all:`.")
    (kind,) = value
    if kind in _ELSEWHERE:
        raise refusal(f"uses `{kind}`, which is no criterion by itself.", _ELSEWHERE[kind])
    if kind not in _KINDS:
        closest = nearest(kind, _KINDS)
        cure = f"Did you mean `{closest}`?" if closest else f"There are {one_of(_KINDS)}."
        raise refusal(f"uses an unknown criterion {show(kind)}.", cure)
    return value


_KINDS: Final = (
    "final_grade",
    "calculated_grade",
    "item_grade",
    "weighted_grade",
    "topics_completed",
    "course_completed",
    "participated",
    "prior_learning",
    "badges",
    "all",
    "any",
    "at_least",
    "not",
    "before",
)
_ONE_KEY: Final = f"Write one of {one_of(_KINDS)} as a key."
_LISTED: Final[dict[str, JsonValue]] = {"minItems": 1, "uniqueItems": True}


Released: TypeAlias = Annotated[
    Literal["only", "any"],
    Field(description="`any`: grades count whether they are released or not", examples=["any"]),
]


class GradeForm(Form):
    course: Course
    at_least: Score
    released: Released = "only"


class ItemGradeForm(Form):
    course: Course
    item: Annotated[Id, Field(description="The id of the graded item", examples=["exam"])]
    at_least: Score
    released: Released = "only"


def _some_items(items: dict[str, int]) -> dict[str, int]:
    if len(items) < _LEAST_WEIGHED:
        raise refusal("weighs fewer than two items.", "Name two or more, or write `item_grade`.")
    return items


class WeightedForm(Form):
    course: Course
    items: Annotated[
        dict[Key, Weight],
        AfterValidator(_some_items),
        Field(
            description="Each graded item's id, with its weight",
            json_schema_extra={"minProperties": _LEAST_WEIGHED, "propertyNames": {**KEY_SCHEMA}},
            examples=[{"essay": 40, "exam": 60}],
        ),
    ]
    at_least: Score
    released: Released = "only"


def _topics_tag(value: object) -> str:
    return tag("listed" if isinstance(value, list) else "all" if isinstance(value, str) else "count").tag


class TopicsForm(Form):
    course: Course
    topics: Annotated[
        Annotated[Literal["all"], tag("all")]
        | Annotated[list[Id], Field(json_schema_extra=_LISTED), tag("listed")]
        | Annotated[int, Field(json_schema_extra={"minimum": 1}), tag("count")],
        Discriminator(_topics_tag),
        BeforeValidator(topics_value),
        Field(description="All, listed ones, or how many", examples=["all"]),
    ]


class CourseForm(Form):
    course: Course


class ParticipationForm(Form):
    course: Annotated[
        Id | None,
        Field(description="One of the ids under `courses`; outside of any, if left out", examples=["DATA101"]),
    ] = None
    kind: Annotated[
        Literal["attended", "submitted", "posted"] | None,
        Field(description="Of which kind; of any, if left out", examples=["attended"]),
    ] = None
    times: Times = 1


class AchievementForm(Form):
    achievement: Annotated[Id, Field(description="What was recognised, by its id", examples=["work-experience"])]


class BadgesForm(Form):
    at_least: Annotated[
        int | None, Field(description="How many; all, if left out", json_schema_extra={"minimum": 1}, examples=[3])
    ] = None
    of: Annotated[
        list[BadgeId],
        Field(
            description="The badges or milestones that count",
            json_schema_extra=_LISTED,
            examples=[["data-literacy", "sql"]],
        ),
    ]
    within: Annotated[
        SomeLength | None,
        Field(description="How far apart they may have been earned", examples=[{"days": 365}]),
    ] = None


class FinalGradeForm(Form):
    final_grade: GradeForm


class CalculatedGradeForm(Form):
    calculated_grade: GradeForm


class OneItemGradeForm(Form):
    item_grade: ItemGradeForm


class WeightedGradeForm(Form):
    weighted_grade: WeightedForm


class TopicsCompletedForm(Form):
    topics_completed: TopicsForm


class CourseCompletedForm(Form):
    course_completed: CourseForm


class ParticipatedForm(Form):
    participated: ParticipationForm


class PriorLearningForm(Form):
    prior_learning: AchievementForm


class CountedBadgesForm(Form):
    badges: BadgesForm


class AllForm(Form):
    all: "Annotated[list[CriterionForm], Field(json_schema_extra={'minItems': 1})]"


class AnyForm(Form):
    any: "Annotated[list[CriterionForm], Field(json_schema_extra={'minItems': 1})]"


class AtLeastForm(Form):
    at_least: Annotated[int, Field(description="How many of them", json_schema_extra={"minimum": 1}, examples=[2])]
    of: "Annotated[list[CriterionForm], Field(json_schema_extra={'minItems': 1})]"


class DeadlineForm(Form):
    time: Moment
    of: "Annotated[CriterionForm, Field(examples=[{'final_grade': {'course': 'DATA101', 'at_least': 70}}])]"


class BeforeForm(Form):
    before: DeadlineForm


class NotForm(Form):
    not_: "Annotated[CriterionForm, Field(alias='not')]"


_OfCourseForm: TypeAlias = (
    FinalGradeForm
    | CalculatedGradeForm
    | OneItemGradeForm
    | WeightedGradeForm
    | TopicsCompletedForm
    | CourseCompletedForm
    | ParticipatedForm
    | PriorLearningForm
)


def _kind_tag(value: object) -> str:
    if isinstance(value, dict) and not value.keys() & {"at_least", "of"}:
        return tag(next(iter(value))).tag
    return tag("at_least").tag


CriterionForm: TypeAlias = Annotated[
    Annotated[FinalGradeForm, tag("final_grade")]
    | Annotated[CalculatedGradeForm, tag("calculated_grade")]
    | Annotated[OneItemGradeForm, tag("item_grade")]
    | Annotated[WeightedGradeForm, tag("weighted_grade")]
    | Annotated[TopicsCompletedForm, tag("topics_completed")]
    | Annotated[CourseCompletedForm, tag("course_completed")]
    | Annotated[ParticipatedForm, tag("participated")]
    | Annotated[PriorLearningForm, tag("prior_learning")]
    | Annotated[CountedBadgesForm, tag("badges")]
    | Annotated[AllForm, tag("all")]
    | Annotated[AnyForm, tag("any")]
    | Annotated[AtLeastForm, tag("at_least")]
    | Annotated[NotForm, tag("not")]
    | Annotated[BeforeForm, tag("before")],
    Discriminator(_kind_tag),
    BeforeValidator(_one_criterion),
]


AllForm.model_rebuild()
AnyForm.model_rebuild()
AtLeastForm.model_rebuild()
NotForm.model_rebuild()
DeadlineForm.model_rebuild()
BeforeForm.model_rebuild()


def criterion_of(form: CriterionForm, zone: tzinfo) -> Criterion:
    """The criterion that a form describes; days and times without a zone are meant in this one."""
    match form:
        case CountedBadgesForm(badges=badges):
            count = len(badges.of) if badges.at_least is None else badges.at_least
            within = None if badges.within is None else Length(**badges.within.model_dump())
            return Badges(at_least=count, of=tuple(CredentialId(badge) for badge in badges.of), within=within)
        case AllForm(all=parts):
            return AllOf(parts=tuple(criterion_of(part, zone) for part in parts))
        case AnyForm(any=parts):
            return AnyOf(parts=tuple(criterion_of(part, zone) for part in parts))
        case AtLeastForm(at_least=count, of=parts):
            return AtLeastOf(count=count, parts=tuple(criterion_of(part, zone) for part in parts))
        case NotForm(not_=of):
            return Not(of=criterion_of(of, zone))
        case BeforeForm(before=deadline):
            time = deadline.time if deadline.time.tzinfo else deadline.time.replace(tzinfo=zone)
            return Before(time=(time - EPOCH) // datetime.resolution, of=criterion_of(deadline.of, zone))
        case _:
            return _of_course(form)


def _of_course(form: _OfCourseForm) -> Criterion:
    match form:
        case FinalGradeForm(final_grade=grade):
            return FinalGrade(course=CourseId(grade.course), at_least=grade.at_least, unreleased_too=_too(grade))
        case CalculatedGradeForm(calculated_grade=grade):
            return CalculatedGrade(course=CourseId(grade.course), at_least=grade.at_least, unreleased_too=_too(grade))
        case OneItemGradeForm(item_grade=grade):
            return ItemGrade(
                course=CourseId(grade.course), item=grade.item, at_least=grade.at_least, unreleased_too=_too(grade)
            )
        case WeightedGradeForm(weighted_grade=mean):
            items = tuple(mean.items.items())
            return WeightedGrade(
                course=CourseId(mean.course), items=items, at_least=mean.at_least, unreleased_too=_too(mean)
            )
        case TopicsCompletedForm(topics_completed=completed):
            topics = tuple(completed.topics) if isinstance(completed.topics, list) else completed.topics
            return TopicsCompleted(course=CourseId(completed.course), topics=topics)
        case CourseCompletedForm(course_completed=completed_course):
            return CourseCompleted(course=CourseId(completed_course.course))
        case ParticipatedForm(participated=done):
            return Participated(course=CourseId(done.course or OUTSIDE), kind=done.kind or "", times=done.times)
        case PriorLearningForm(prior_learning=prior):
            return PriorLearning(achievement=prior.achievement)
        case _:
            assert_never(form)


def _too(grade: GradeForm | ItemGradeForm | WeightedForm) -> bool:
    return grade.released == "any"
