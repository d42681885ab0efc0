"""Awards: one credential owed to one learner, named by what it is."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

from rules.criteria import Evidence, Node
from rules.keys import AwardId, CredentialId, Instant, LearnerId, LearnerKey, TenantId, key
from rules.ledger import Act, Status
from rules.spans import Spans

# The namespace of award ids; changing it would rename every award ever made.
LAUREL = UUID("7f0b6d52-6f3c-5c0e-9a51-3b6a6c0e6f10")


class CredentialKind(StrEnum):
    """What can be earned. A milestone is a badge that is not shown."""

    BADGE = "badge"
    CERTIFICATE = "certificate"
    MILESTONE = "milestone"


class Reason(StrEnum):
    """Why an award is what it is."""

    MET = "criteria met"
    NO_LONGER_MET = "criteria no longer met"
    EXPIRED = "expired"
    GRANTED = "granted by hand"
    REVOKED = "revoked by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Award:
    """What is said of one credential of one learner, in one revision."""

    award_id: AwardId
    revision: int
    status: Status
    kind: CredentialKind
    credential: CredentialId
    credential_version: str
    tenant: TenantId
    learner: LearnerId
    occurrence: str = ""
    met_at: Instant | None
    expires_at: Instant | None
    decided_at: Instant
    reason: Reason
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    When a badge is held: what the certificates agent follows.

    `judged_under` says, as `UpToDate` does, that all else that is held has been told, as judged under this
    catalogue; it is empty while a learner is brought up to date. `together` names all badges that were decided at
    once, in their order: certificates are decided at the last of them, since what holds between two never was.
    """

    tenant: TenantId
    learner: LearnerId
    credential: CredentialId
    occurrence: str = ""
    spans: Spans
    judged_under: str = ""
    together: tuple[CredentialId, ...] = ()
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """
    All that is held by a learner has been told, as judged under this catalogue; of somebody who holds nothing the
    first `Held` says so.

    Until then certificates are not decided under it: what was not judged yet is never taken as not held.
    """

    tenant: TenantId
    learner: LearnerId
    judged_under: str
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What a person did about one credential of one learner."""

    tenant: TenantId
    learner: LearnerId
    credential: CredentialId
    act: Act
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody was given a name, which is not said here: names are in `laurel.profiles` alone."""

    tenant: TenantId
    learner: LearnerId
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """
    Everything about a learner is to go.

    `hash_key` is what the partition makes its hashes with, if it has no such key yet: 64 hexadecimal digits.
    """

    tenant: TenantId
    learner: LearnerId
    hash_key: str
    who: str
    why: str
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Everything about a learner is gone: what the certificates agent knows goes too."""

    tenant: TenantId
    learner: LearnerId
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a learner is with one credential."""

    tenant: TenantId
    learner: LearnerId
    credential: CredentialId
    credential_version: str
    kind: CredentialKind
    status: Status | None
    progress: Node
    decided_at: Instant


def award_id(who: LearnerKey, credential: CredentialId, occurrence: str = "") -> AwardId:
    """Name an award by what it is, so that redelivery cannot make a second one (DESIGN.md, "Laws")."""
    return AwardId(str(uuid5(LAUREL, key(*who, credential, occurrence))))


def message_id(award: Award) -> str:
    """Name one revision of an award: the `ce_id` by which a consumer knows a duplicate."""
    return str(uuid5(UUID(award.award_id), str(award.revision)))
