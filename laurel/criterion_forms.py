"""The criteria of a catalogue file: how authors write each, and how it becomes a `rules.criteria.Criterion`."""

import re
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias, assert_never

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, JsonValue, WithJsonSchema

from laurel.faults import nearest, show
from laurel.shapes import Form, Id, named, one_of, refusal, tag
from rules.criteria import (
    OUTSIDE,
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
)
from rules.histories import EARLIEST_PARTICIPATIONS
from rules.keys import CourseId, CredentialId

MAX_SCORE_PERCENT: Final = 1000
MAX_TIMES: Final = EARLIEST_PARTICIPATIONS
# What DESIGN.md names and this version does not judge yet, with what to write today.
LATER_CRITERIA: Final = {
    "before": "Leave the deadline out; a criterion counts whenever it is met today.",
    "within": "Leave the window out; badges count whenever they are held today.",
}


def _credential_id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        suggested = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64] or "data-literacy"
        raise refusal(
            f"is {show(text)}, and ids have at most 64 characters: a to z, 0 to 9, and - inside.",
            f"Write an id such as {suggested}.",
        )
    return text


def hundredths(value: object) -> int:
    """A percentage, exact: from the digits that the author wrote, never through a float."""
    cure = f"Write a number from 0 to {MAX_SCORE_PERCENT} with at most two decimals, such as 70 or 66.5."
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise refusal(f"is {named(value)}, and must be a number of percent.", cure)  # type: ignore[arg-type]  # plain
    if not 0 <= value <= MAX_SCORE_PERCENT:
        raise refusal(f"is {value}, and a percentage must lie between 0 and {MAX_SCORE_PERCENT}.", cure)
    exact = Decimal(value).scaleb(2)
    if exact != int(exact):
        raise refusal(f"is {value}, and scores have at most two decimals.", cure)
    return int(exact)


def _topics(value: object) -> object:
    cure = "Write `all`, a list of topic ids, or how many."
    if isinstance(value, bool) or not (value == "all" or isinstance(value, int | list)):
        raise refusal(f"is {named(value)}.", cure)  # type: ignore[arg-type]  # plain
    if isinstance(value, int) and value < 1:
        raise refusal(f"is {value}, and so everyone would earn it.", "Ask for at least 1.")
    return value


def _times(times: int) -> int:
    if times < 1:
        raise refusal(f"is {times}, and so everyone would earn it.", "Ask for at least 1.")
    if times > MAX_TIMES:
        raise refusal(
            f"is {times}, and of participations the first {MAX_TIMES} are remembered.", f"Ask for at most {MAX_TIMES}."
        )
    return times


def _one_criterion(value: object) -> object:
    if not isinstance(value, dict):
        cure = "Put the list under `all:` or `any:`." if value and isinstance(value, list) else _ONE_KEY
        raise refusal(f"is {named(value)}, and must be a criterion.", cure)  # type: ignore[arg-type]  # plain
    if not value:
        raise refusal("has no criterion: everyone would earn it.", f"Write one of {one_of(_KINDS)}.")
    if value.keys() & {"at_least", "of"}:
        return value
    if len(value) > 1:
        keys = ", ".join(show(key) for key in value)
        raise refusal(f"has the keys {keys}, and a criterion has one.", "Put each on its own, in a list under `all:`.")
    (kind,) = value
    if kind in LATER_CRITERIA:
        raise refusal(f"uses the criterion `{kind}`, which is not understood yet.", LATER_CRITERIA[kind])
    if kind not in _KINDS:
        closest = nearest(kind, _KINDS)
        cure = f"Did you mean `{closest}`?" if closest else f"There are {one_of(_KINDS)}."
        raise refusal(f"uses an unknown criterion {show(kind)}.", cure)
    return value


_KINDS: Final = (
    "final_grade",
    "calculated_grade",
    "item_grade",
    "topics_completed",
    "course_completed",
    "participated",
    "prior_learning",
    "badges",
    "all",
    "any",
    "at_least",
    "not",
)
_ONE_KEY: Final = f"Write one of {one_of(_KINDS)} as a key."
# Without `multipleOf: 0.01`: editors reckon in floats, and refuse 0.07 by it.
_SCORE_SCHEMA: Final = {"type": "number", "minimum": 0, "maximum": MAX_SCORE_PERCENT}
_LISTED: Final[dict[str, JsonValue]] = {"minItems": 1, "uniqueItems": True}
_ID_SCHEMA: Final = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}

Score: TypeAlias = Annotated[
    int, BeforeValidator(hundredths), WithJsonSchema(_SCORE_SCHEMA), Field(description="In percent", examples=[70])
]
BadgeId: TypeAlias = Annotated[str, AfterValidator(_credential_id), WithJsonSchema(_ID_SCHEMA)]
Course: TypeAlias = Annotated[Id, Field(description="One of the ids under `courses`", examples=["DATA101"])]


class GradeForm(Form):
    course: Course
    at_least: Score


class ItemGradeForm(Form):
    course: Course
    item: Annotated[Id, Field(description="The id of the graded item", examples=["exam"])]
    at_least: Score


def _topics_tag(value: object) -> str:
    return tag("listed" if isinstance(value, list) else "all" if isinstance(value, str) else "count").tag


class TopicsForm(Form):
    course: Course
    topics: Annotated[
        Annotated[Literal["all"], tag("all")]
        | Annotated[list[Id], Field(json_schema_extra=_LISTED), tag("listed")]
        | Annotated[int, Field(json_schema_extra={"minimum": 1}), tag("count")],
        Discriminator(_topics_tag),
        BeforeValidator(_topics),
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
    times: Annotated[
        int,
        AfterValidator(_times),
        Field(description="How many", json_schema_extra={"minimum": 1, "maximum": MAX_TIMES}, examples=[5]),
    ] = 1


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


class FinalGradeForm(Form):
    final_grade: GradeForm


class CalculatedGradeForm(Form):
    calculated_grade: GradeForm


class OneItemGradeForm(Form):
    item_grade: ItemGradeForm


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


class NotForm(Form):
    not_: "Annotated[CriterionForm, Field(alias='not')]"


_OfCourseForm: TypeAlias = (
    FinalGradeForm
    | CalculatedGradeForm
    | OneItemGradeForm
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
    | Annotated[TopicsCompletedForm, tag("topics_completed")]
    | Annotated[CourseCompletedForm, tag("course_completed")]
    | Annotated[ParticipatedForm, tag("participated")]
    | Annotated[PriorLearningForm, tag("prior_learning")]
    | Annotated[CountedBadgesForm, tag("badges")]
    | Annotated[AllForm, tag("all")]
    | Annotated[AnyForm, tag("any")]
    | Annotated[AtLeastForm, tag("at_least")]
    | Annotated[NotForm, tag("not")],
    Discriminator(_kind_tag),
    BeforeValidator(_one_criterion),
]


AllForm.model_rebuild()
AnyForm.model_rebuild()
AtLeastForm.model_rebuild()
NotForm.model_rebuild()


def criterion_of(form: CriterionForm) -> Criterion:
    """The criterion that a form describes."""
    match form:
        case CountedBadgesForm(badges=badges):
            count = len(badges.of) if badges.at_least is None else badges.at_least
            return Badges(at_least=count, of=tuple(CredentialId(badge) for badge in badges.of))
        case AllForm(all=parts):
            return AllOf(parts=tuple(criterion_of(part) for part in parts))
        case AnyForm(any=parts):
            return AnyOf(parts=tuple(criterion_of(part) for part in parts))
        case AtLeastForm(at_least=count, of=parts):
            return AtLeastOf(count=count, parts=tuple(criterion_of(part) for part in parts))
        case NotForm(not_=of):
            return Not(of=criterion_of(of))
        case _:
            return _of_course(form)


def _of_course(form: _OfCourseForm) -> Criterion:
    match form:
        case FinalGradeForm(final_grade=grade):
            return FinalGrade(course=CourseId(grade.course), at_least=grade.at_least)
        case CalculatedGradeForm(calculated_grade=grade):
            return CalculatedGrade(course=CourseId(grade.course), at_least=grade.at_least)
        case OneItemGradeForm(item_grade=grade):
            return ItemGrade(course=CourseId(grade.course), item=grade.item, at_least=grade.at_least)
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
