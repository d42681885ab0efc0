"""The catalogue file: its form, and how it becomes a `rules.catalogue.Catalogue`."""

import re
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue

from laurel.catalogue_checks import catalogue_faults
from laurel.criterion_forms import CriterionForm, criterion_of
from laurel.criterion_values import BadgeId
from laurel.faults import FileFaults, in_order, show
from laurel.located import Document, read_document
from laurel.policy_forms import MaybeValidFor, Multiplicity, WhenNoLongerMet, policy_of, validity_of
from laurel.shapes import (
    KEY_SCHEMA,
    NOT_BLANK,
    NOT_BLANK_SCHEMA,
    Form,
    Id,
    Key,
    Name,
    read_form,
    refusal,
)
from rules.awards import CredentialKind
from rules.catalogue import Catalogue, CertificateDesign, Credential, Issuer, Skill
from rules.keys import CourseId, CredentialId, TenantId

DEFAULT_TEMPLATE: Final = "classic"
DEFAULT_TEXT: Final = "This certifies that {FullName} has earned {CredentialName} on {AwardDate}."


class CatalogueFaults(FileFaults):
    """A catalogue is refused, with everything that is wrong in it."""


def _address(text: str) -> str:
    if not re.fullmatch(_ADDRESS, text):
        raise refusal(f"is {show(text)}, and must be a web address.", "Write it like https://example.edu/issuer.")
    return text


_KEYS_SCHEMA: Final[dict[str, JsonValue]] = {"propertyNames": {**KEY_SCHEMA}}
_ADDRESS: Final = r"https?://[^\s/?#]+[^\s]*"


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
        WhenNoLongerMet, Field(description="What follows when the criteria are no longer met", examples=["keep"])
    ] = "keep"
    valid_for: Annotated[
        MaybeValidFor,
        Field(description="How long: a length, until a day, or until the next such day", examples=[{"months": 24}]),
    ] = None
    multiplicity: Annotated[Multiplicity, Field(examples=["once"])] = "once"
    certificate: Annotated[DesignForm | None, Field(description="How a certificate looks")] = None


class CatalogueForm(Form):
    """The credentials of one tenant, with their issuer and courses."""

    version: Annotated[int, Field(ge=1, description="The authors' number; raise it with each change", examples=[1])]
    issuer: IssuerForm
    courses: Annotated[dict[Key, CourseForm], Field(json_schema_extra=_KEYS_SCHEMA)] = Field(default_factory=dict)
    credentials: Annotated[list[CredentialForm], Field(json_schema_extra={"minItems": 1})]


CatalogueForm.model_rebuild()


def read_catalogue(path: Path, tenant: TenantId, time_zone: tzinfo = UTC) -> Catalogue:
    """
    Read a tenant's catalogue; its days, and times without a zone, are meant in the tenant's time zone.

    Raises CatalogueFaults with every fault at once, each with its line and cure.
    """
    try:
        return catalogue_of(read_document(path), tenant, time_zone)
    except CatalogueFaults:
        raise
    except FileFaults as refused:
        raise CatalogueFaults(refused.faults) from None


def catalogue_of(document: Document, tenant: TenantId, time_zone: tzinfo = UTC) -> Catalogue:
    """
    The catalogue that a document describes; its days are those of a time zone.

    Raises CatalogueFaults with every fault at once.
    """
    form, misfits = read_form(CatalogueForm, document)
    faults = in_order(document.faults, misfits, catalogue_faults(document))
    if faults or form is None:
        raise CatalogueFaults(faults)
    return Catalogue(
        tenant=tenant,
        version=form.version,
        issuer=Issuer(id=form.issuer.id, name=form.issuer.name),
        courses=tuple((CourseId(course), described.name) for course, described in form.courses.items()),
        credentials=tuple(_credential(credential, time_zone) for credential in form.credentials),
    )


def _credential(form: CredentialForm, time_zone: tzinfo) -> Credential:
    kind = CredentialKind(form.kind)
    design = form.certificate or (DesignForm() if kind is CredentialKind.CERTIFICATE else None)
    policy, grace = policy_of(form.when_no_longer_met)
    return Credential(
        id=CredentialId(form.id),
        kind=kind,
        name=form.name,
        description=form.description,
        criteria=criterion_of(form.criteria, time_zone),
        when_no_longer_met=policy,
        grace=grace,
        valid_for=None if form.valid_for is None else validity_of(form.valid_for, time_zone),
        skills=tuple(Skill(framework=skill.framework, code=skill.code, name=skill.name) for skill in form.skills),
        certificate=None if design is None else CertificateDesign(template=design.template, text=design.text),
    )
