"""The catalogue: all credentials of a tenant, and the canonical form that travels and is digested."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from rules.awards import CredentialKind
from rules.canonical import dump_criterion, parse_criterion
from rules.canonical_json import canonical
from rules.criteria import Criterion
from rules.keys import CourseId, CredentialId, TenantId
from rules.lengths import Length, dump_length, parse_length
from rules.policies import Policy
from rules.validity import Validity, dump_validity, parse_validity


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    framework: str
    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDesign:
    """How a certificate looks: a template of ours, and the author's text with replace strings."""

    template: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What can be earned, and how. `grace`: under `revoke`, how long it stays when the criteria are no longer met."""

    id: CredentialId
    kind: CredentialKind
    name: str
    description: str = ""
    criteria: Criterion
    when_no_longer_met: Policy = Policy.KEEP
    grace: Length | None = None
    valid_for: Validity | None = None
    skills: tuple[Skill, ...] = ()
    certificate: CertificateDesign | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All credentials of a tenant. `version` is the author's number; the digest is what identifies it."""

    tenant: TenantId
    version: int
    issuer: Issuer
    courses: tuple[tuple[CourseId, str], ...]
    credentials: tuple[Credential, ...]


def digest(document: dict[str, Any]) -> str:
    """Identify a canonical form by its content."""
    return f"sha256:{sha256(canonical(document)).hexdigest()}"


def version_of(criteria: Criterion) -> str:
    """The version that an award names: what had to be met for it, and nothing of how it looks (decision 0013)."""
    return digest(dump_criterion(criteria))


def dump_credential(credential: Credential) -> dict[str, Any]:
    """The canonical form of a credential."""
    design = credential.certificate
    return {
        "id": credential.id,
        "kind": credential.kind.value,
        "name": credential.name,
        "description": credential.description,
        "criteria": dump_criterion(credential.criteria),
        "when_no_longer_met": credential.when_no_longer_met.value,
        "grace": None if credential.grace is None else dump_length(credential.grace),
        "valid_for": None if credential.valid_for is None else dump_validity(credential.valid_for),
        "skills": [{"framework": s.framework, "code": s.code, "name": s.name} for s in credential.skills],
        "certificate": None if design is None else {"template": design.template, "text": design.text},
    }


def dump_catalogue(catalogue: Catalogue) -> dict[str, Any]:
    """The canonical form of a catalogue, as it travels in the facts partitions."""
    return {
        "tenant": catalogue.tenant,
        "version": catalogue.version,
        "issuer": {"id": catalogue.issuer.id, "name": catalogue.issuer.name},
        "courses": [{"id": course, "name": name} for course, name in catalogue.courses],
        "credentials": [dump_credential(credential) for credential in catalogue.credentials],
    }


def parse_catalogue(document: dict[str, Any]) -> Catalogue:
    """Read what `dump_catalogue` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    return Catalogue(
        tenant=TenantId(document["tenant"]),
        version=document["version"],
        issuer=Issuer(**document["issuer"]),
        courses=tuple((CourseId(course["id"]), course["name"]) for course in document["courses"]),
        credentials=tuple(_parse_credential(credential) for credential in document["credentials"]),
    )


def _parse_credential(document: dict[str, Any]) -> Credential:
    design, grace, valid_for = document["certificate"], document["grace"], document["valid_for"]
    return Credential(
        id=CredentialId(document["id"]),
        kind=CredentialKind(document["kind"]),
        name=document["name"],
        description=document["description"],
        criteria=parse_criterion(document["criteria"]),
        when_no_longer_met=Policy(document["when_no_longer_met"]),
        grace=None if grace is None else parse_length(grace),
        valid_for=None if valid_for is None else parse_validity(valid_for),
        skills=tuple(Skill(**skill) for skill in document["skills"]),
        certificate=None if design is None else CertificateDesign(**design),
    )
