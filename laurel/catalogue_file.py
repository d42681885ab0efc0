"""The catalogue file: its form, and how it becomes a `rules.catalogue.Catalogue`."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, assert_never

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, JsonValue, WithJsonSchema

from laurel.catalogue_checks import catalogue_faults
from laurel.faults import FileFaults, in_order, nearest, show
from laurel.located import Document, read_document
from laurel.shapes import (
    MAX_ID_CHARACTERS,
    NOT_BLANK,
    NOT_BLANK_SCHEMA,
    Form,
    Id,
    Key,
    Name,
    named,
    one_of,
    read_form,
    refusal,
    tag,
)
from rules.awards import CredentialKind
from rules.catalogue import Catalogue, CertificateDesign, Credential, Issuer, Skill
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    CalculatedGrade,
    Criterion,
    FinalGrade,
    ItemGrade,
    TopicsCompleted,
)
from rules.keys import CourseId, CredentialId, TenantId
from rules.policies import Policy

MAX_SCORE_PERCENT: Final = 1000
DEFAULT_TEMPLATE: Final = "classic"
DEFAULT_TEXT: Final = "This certifies that {FullName} has earned {CredentialName} on {AwardDate}."

# What DESIGN.md names and this version does not judge yet, with what to write today.
_LATER_CRITERIA: Final = {
    "course_completed": "Use `topics_completed: {course: …, topics: all}` or `final_grade` today.",
    "participated": "Use `topics_completed` with a count of topics today.",
    "prior_learning": "Leave it out today: what was learned elsewhere does not count yet.",
    "not": "Say what must hold, with all, any or at_least, today.",
    "before": "Leave the deadline out; a criterion counts whenever it is met today.",
    "within": "Leave the window out; badges count whenever they are held today.",
}
_LATER_KEYS: Final = {
    "valid_for": "Leave it out: a credential does not expire today; `when_no_longer_met: revoke` ends one.",
    "grace": "Leave it out: `when_no_longer_met: revoke` takes a credential back at once today.",
    "within": _LATER_CRITERIA["within"],
    "window": _LATER_CRITERIA["within"],
    "times": _LATER_CRITERIA["participated"],
}


class CatalogueFaults(FileFaults):
    """A catalogue is refused, with everything that is wrong in it."""


def _credential_id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        suggested = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64] or "data-literacy"
        raise refusal(
            f"is {show(text)}, and ids have at most 64 characters: a to z, 0 to 9, and - inside.",
            f"Write an id such as {suggested}.",
        )
    return text


def _address(text: str) -> str:
    if not re.fullmatch(_ADDRESS, text):
        raise refusal(f"is {show(text)}, and must be a web address.", "Write it like https://example.edu/issuer.")
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


def _once(value: object) -> object:
    if value == "once":
        return value
    cure = "Write `multiplicity: once`, or leave it out."
    if isinstance(value, dict) or value == "per":
        raise refusal("asks for one award a period, which is not understood yet.", cure)
    raise refusal(f"is {named(value)}, and only `once` is understood.", cure)  # type: ignore[arg-type]  # plain


def _policy(value: object) -> object:
    if isinstance(value, dict):
        raise refusal(
            "has further conditions, and grace is not understood yet.",
            "Write `keep`, or `revoke`, which takes a credential back at once today.",
        )
    return value


def _topics(value: object) -> object:
    cure = "Write `all`, a list of topic ids, or how many."
    if isinstance(value, bool) or not (value == "all" or isinstance(value, int | list)):
        raise refusal(f"is {named(value)}.", cure)  # type: ignore[arg-type]  # plain
    if isinstance(value, int) and value < 1:
        raise refusal(f"is {value}, and so everyone would earn it.", "Ask for at least 1.")
    return value


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
    if kind in _LATER_CRITERIA:
        raise refusal(f"uses the criterion `{kind}`, which is not understood yet.", _LATER_CRITERIA[kind])
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
    "badges",
    "all",
    "any",
    "at_least",
)
_ONE_KEY: Final = f"Write one of {one_of(_KINDS)} as a key."
# Without `multipleOf: 0.01`: editors reckon in floats, and refuse 0.07 by it.
_SCORE_SCHEMA: Final = {"type": "number", "minimum": 0, "maximum": MAX_SCORE_PERCENT}
_LISTED: Final[dict[str, JsonValue]] = {"minItems": 1, "uniqueItems": True}
_KEYS_SCHEMA: Final[dict[str, JsonValue]] = {"propertyNames": {"maxLength": MAX_ID_CHARACTERS, **NOT_BLANK_SCHEMA}}
_ADDRESS: Final = r"https?://[^\s/?#]+[^\s]*"
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


class CountedBadgesForm(Form):
    badges: BadgesForm


class AllForm(Form):
    all: "Annotated[list[CriterionForm], Field(json_schema_extra={'minItems': 1})]"


class AnyForm(Form):
    any: "Annotated[list[CriterionForm], Field(json_schema_extra={'minItems': 1})]"


class AtLeastForm(Form):
    at_least: Annotated[int, Field(description="How many of them", json_schema_extra={"minimum": 1}, examples=[2])]
    of: "Annotated[list[CriterionForm], Field(json_schema_extra={'minItems': 1})]"


def _kind_tag(value: object) -> str:
    if isinstance(value, dict) and not value.keys() & {"at_least", "of"}:
        return tag(next(iter(value))).tag
    return tag("at_least").tag


CriterionForm: TypeAlias = Annotated[
    Annotated[FinalGradeForm, tag("final_grade")]
    | Annotated[CalculatedGradeForm, tag("calculated_grade")]
    | Annotated[OneItemGradeForm, tag("item_grade")]
    | Annotated[TopicsCompletedForm, tag("topics_completed")]
    | Annotated[CountedBadgesForm, tag("badges")]
    | Annotated[AllForm, tag("all")]
    | Annotated[AnyForm, tag("any")]
    | Annotated[AtLeastForm, tag("at_least")],
    Discriminator(_kind_tag),
    BeforeValidator(_one_criterion),
]


class IssuerForm(Form):
    id: Annotated[
        Id,
        AfterValidator(_address),
        Field(
            description="The issuer's web address",
            examples=["https://example.edu/issuer"],
            json_schema_extra={"pattern": f"^{_ADDRESS}$"},
        ),
    ]
    name: Annotated[Name, Field(examples=["Example University"])]


class CourseForm(Form):
    name: Annotated[Name, Field(examples=["Introduction to Data"])]


class SkillForm(Form):
    framework: Annotated[Name, Field(description="Such as ESCO or CASE", examples=["ESCO"])]
    code: Annotated[Id, Field(examples=["S5.6"])]
    name: Annotated[Name, Field(examples=["managing data"])]


class DesignForm(Form):
    template: Annotated[str, Field(examples=[DEFAULT_TEMPLATE])] = DEFAULT_TEMPLATE
    text: Annotated[
        str,
        Field(
            max_length=2_000,
            description="With replace strings in braces",
            examples=[DEFAULT_TEXT],
            json_schema_extra=NOT_BLANK_SCHEMA,
        ),
        NOT_BLANK,
    ] = DEFAULT_TEXT


class CredentialForm(Form):
    id: Annotated[BadgeId, Field(examples=["data-literacy"])]
    kind: Annotated[
        Literal["badge", "certificate", "milestone"],
        Field(description="A milestone is a badge that is not shown", examples=["badge"]),
    ]
    name: Annotated[Name, Field(examples=["Data Literacy"])]
    description: Annotated[str, Field(max_length=5_000, examples=["Reads and questions data"])] = ""
    criteria: Annotated[CriterionForm, Field(examples=[{"final_grade": {"course": "DATA101", "at_least": 70}}])]
    skills: list[SkillForm] = Field(default_factory=list)
    when_no_longer_met: Annotated[
        Literal["keep", "revoke"],
        BeforeValidator(_policy),
        Field(description="What follows when the criteria are no longer met", examples=["keep"]),
    ] = "keep"
    multiplicity: Annotated[Literal["once"], BeforeValidator(_once), Field(examples=["once"])] = "once"
    certificate: Annotated[DesignForm | None, Field(description="How a certificate looks")] = None


class CatalogueForm(Form):
    """The credentials of one tenant, with their issuer and courses."""

    version: Annotated[int, Field(ge=1, description="The authors' number; raise it with each change", examples=[1])]
    issuer: IssuerForm
    courses: Annotated[dict[Key, CourseForm], Field(json_schema_extra=_KEYS_SCHEMA)] = Field(default_factory=dict)
    credentials: Annotated[list[CredentialForm], Field(json_schema_extra={"minItems": 1})]


AllForm.model_rebuild()
AnyForm.model_rebuild()
AtLeastForm.model_rebuild()
CatalogueForm.model_rebuild()


def read_catalogue(path: Path, tenant: TenantId) -> Catalogue:
    """Read a tenant's catalogue. Raises CatalogueFaults with every fault at once, each with its line and cure."""
    try:
        return catalogue_of(read_document(path), tenant)
    except CatalogueFaults:
        raise
    except FileFaults as refused:
        raise CatalogueFaults(refused.faults) from None


def catalogue_of(document: Document, tenant: TenantId) -> Catalogue:
    """The catalogue that a document describes. Raises CatalogueFaults with every fault at once."""
    form, misfits = read_form(CatalogueForm, document, later=_LATER_KEYS)
    faults = in_order(document.faults, misfits, catalogue_faults(document))
    if faults or form is None:
        raise CatalogueFaults(faults)
    return Catalogue(
        tenant=tenant,
        version=form.version,
        issuer=Issuer(id=form.issuer.id, name=form.issuer.name),
        courses=tuple((CourseId(course), described.name) for course, described in form.courses.items()),
        credentials=tuple(_credential(credential) for credential in form.credentials),
    )


def _credential(form: CredentialForm) -> Credential:
    kind = CredentialKind(form.kind)
    design = form.certificate or (DesignForm() if kind is CredentialKind.CERTIFICATE else None)
    return Credential(
        id=CredentialId(form.id),
        kind=kind,
        name=form.name,
        description=form.description,
        criteria=_criterion(form.criteria),
        when_no_longer_met=Policy(form.when_no_longer_met),
        skills=tuple(Skill(framework=skill.framework, code=skill.code, name=skill.name) for skill in form.skills),
        certificate=None if design is None else CertificateDesign(template=design.template, text=design.text),
    )


def _criterion(form: CriterionForm) -> Criterion:
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
        case CountedBadgesForm(badges=badges):
            count = len(badges.of) if badges.at_least is None else badges.at_least
            return Badges(at_least=count, of=tuple(CredentialId(badge) for badge in badges.of))
        case AllForm(all=parts):
            return AllOf(parts=tuple(_criterion(part) for part in parts))
        case AnyForm(any=parts):
            return AnyOf(parts=tuple(_criterion(part) for part in parts))
        case AtLeastForm(at_least=count, of=parts):
            return AtLeastOf(count=count, parts=tuple(_criterion(part) for part in parts))
        case _:
            assert_never(form)
