"""What goes out: awards, standings and profiles as Kafka messages, and back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from rules.awards import Award, CredentialKind, Reason, Standing, message_id
from rules.facts import Profile
from rules.keys import AwardId, CredentialId, Instant, LearnerId, TenantId, key, parts
from rules.ledger import Status
from sinks.documents import EvidenceDocument, NodeDocument, evidence_document, evidence_of, node_document, node_of
from sinks.sink import AwardGone, ProfileGone, StandingGone
from streams.dialects.dialect import UnreadableEvent

Header = tuple[str, bytes]
Value = TypeVar("Value")


class Message(NamedTuple):
    """One Kafka record as it is sent; no value is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()


_JSON: Final[Header] = ("content-type", b"application/json")
_JSON_ALONE: Final[Sequence[Header]] = (_JSON,)
_SPECVERSION: Final[Header] = ("ce_specversion", b"1.0")
# CloudEvents names of what can be said; a certificate is issued where a badge is awarded.
_TYPES: Final = {
    (kind, status): (
        "ce_type",
        f"laurel.{kind}.{'issued' if (kind, status) == ('certificate', 'awarded') else status}.v1".encode(),
    )
    for kind in CredentialKind
    for status in Status
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE: Final = _EPOCH.replace(tzinfo=None)
_MICROSECOND: Final = timedelta(microseconds=1)
_ENCODER: Final = msgspec.json.Encoder()

Time = Annotated[datetime, msgspec.Meta(tz=True)]
# A revision is a 32-bit integer wherever it is kept.
Revision = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class AwardBody(msgspec.Struct, frozen=True):
    """The body of an award's message, as it is read; fields that we do not know yet are passed over."""

    award_id: UUID
    revision: Revision
    status: Status
    kind: CredentialKind
    credential: str
    credential_version: str
    tenant: str
    learner: str
    occurrence: str
    met_at: Time | None
    expires_at: Time | None
    decided_at: Time
    reason: Reason
    evidence: tuple[EvidenceDocument, ...]


class StandingBody(msgspec.Struct, frozen=True):
    """The body of a standing's message, as it is read."""

    tenant: str
    learner: str
    credential: str
    credential_version: str
    kind: CredentialKind
    status: Status | None
    decided_at: Time
    progress: NodeDocument


class StandingMessage(msgspec.Struct, frozen=True, gc=False):
    """The body of a standing's message, as it is written: a struct, since there is one at most events."""

    tenant: str
    learner: str
    credential: str
    credential_version: str
    kind: CredentialKind
    status: Status | None
    met: bool
    decided_at: str
    progress: NodeDocument


class ProfileBody(msgspec.Struct, frozen=True):
    """The body of a profile's message, as it is read."""

    tenant: str
    learner: str
    full_name: str
    first_name: str
    last_name: str
    language: str
    email_sha256: str
    occurred_at: Time
    event_id: str


_AWARD: Final = msgspec.json.Decoder(AwardBody)
_STANDING: Final = msgspec.json.Decoder(StandingBody)
_PROFILE: Final = msgspec.json.Decoder(ProfileBody)


def dump_award(award: Award, *, source: str) -> Message:
    """An award as a CloudEvent in Kafka's binary mode; one revision is one event id."""
    decided_at = rfc3339(award.decided_at)
    body = {
        "award_id": award.award_id,
        "revision": award.revision,
        "status": award.status,
        "kind": award.kind,
        "credential": award.credential,
        "credential_version": award.credential_version,
        "tenant": award.tenant,
        "learner": award.learner,
        "occurrence": award.occurrence,
        "met_at": None if award.met_at is None else rfc3339(award.met_at),
        "expires_at": None if award.expires_at is None else rfc3339(award.expires_at),
        "decided_at": decided_at,
        "reason": award.reason,
        "evidence": evidence_document(award.evidence),
    }
    headers = [
        _SPECVERSION,
        ("ce_id", message_id(award).encode()),
        _TYPES[award.kind, award.status],
        ("ce_source", source.encode()),
        ("ce_time", decided_at.encode()),
        ("ce_subject", award.learner.encode()),
        _JSON,
    ]
    return Message(key(award.tenant, award.learner, award.award_id).encode(), _ENCODER.encode(body), headers)


def dump_standing(standing: Standing) -> Message:
    """A standing, which replaces the one before it under its key."""
    body = StandingMessage(
        standing.tenant,
        standing.learner,
        standing.credential,
        standing.credential_version,
        standing.kind,
        standing.status,
        standing.progress.met,
        rfc3339(standing.decided_at),
        node_document(standing.progress),
    )
    place = key(standing.tenant, standing.learner, standing.credential)
    return Message(place.encode(), _ENCODER.encode(body), _JSON_ALONE)


def dump_profile(profile: Profile) -> Message:
    """A learner's names, for the only topic that holds them."""
    body = {
        "tenant": profile.tenant,
        "learner": profile.learner,
        "full_name": profile.full_name,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "language": profile.language,
        "email_sha256": profile.email_sha256,
        "occurred_at": rfc3339(profile.occurred_at),
        "event_id": profile.event_id,
    }
    return Message(key(profile.tenant, profile.learner).encode(), _ENCODER.encode(body), [_JSON])


def award_gone(tenant: TenantId, learner: LearnerId, award_id: AwardId) -> Message:
    """The tombstone of an award that is erased."""
    return Message(key(tenant, learner, award_id).encode(), None, [])


def standing_gone(tenant: TenantId, learner: LearnerId, credential: CredentialId) -> Message:
    """The tombstone of a standing of which nothing is told any more."""
    return Message(key(tenant, learner, credential).encode(), None, [])


def profile_gone(tenant: TenantId, learner: LearnerId) -> Message:
    """The tombstone of names that are erased."""
    return Message(key(tenant, learner).encode(), None, [])


def parse_award(value: bytes) -> Award:
    """Read an award's message, or raise UnreadableEvent."""
    body = _decoded(_AWARD, value)
    return Award(
        award_id=AwardId(str(body.award_id)),
        revision=body.revision,
        status=body.status,
        kind=body.kind,
        credential=CredentialId(body.credential),
        credential_version=body.credential_version,
        tenant=TenantId(body.tenant),
        learner=LearnerId(body.learner),
        occurrence=body.occurrence,
        met_at=None if body.met_at is None else _instant(body.met_at),
        expires_at=None if body.expires_at is None else _instant(body.expires_at),
        decided_at=_instant(body.decided_at),
        reason=body.reason,
        evidence=evidence_of(body.evidence),
    )


def parse_standing(value: bytes) -> Standing:
    """Read a standing's message, or raise UnreadableEvent."""
    body = _decoded(_STANDING, value)
    try:
        progress = node_of(body.progress)
    except (ValueError, RecursionError) as error:
        raise UnreadableEvent(f"The progress cannot be read: {error}.") from error
    return Standing(
        tenant=TenantId(body.tenant),
        learner=LearnerId(body.learner),
        credential=CredentialId(body.credential),
        credential_version=body.credential_version,
        kind=body.kind,
        status=body.status,
        progress=progress,
        decided_at=_instant(body.decided_at),
    )


def parse_profile(value: bytes) -> Profile:
    """Read a profile's message, or raise UnreadableEvent."""
    body = _decoded(_PROFILE, value)
    return Profile(
        tenant=TenantId(body.tenant),
        learner=LearnerId(body.learner),
        full_name=body.full_name,
        first_name=body.first_name,
        last_name=body.last_name,
        language=body.language,
        email_sha256=body.email_sha256,
        occurred_at=_instant(body.occurred_at),
        event_id=body.event_id,
    )


def parse_award_gone(place: bytes | None) -> AwardGone:
    """Read the key of an award's tombstone, or raise UnreadableEvent."""
    tenant, learner, award = _ids(place, 3)
    try:
        award_id = AwardId(str(UUID(award)))
    except ValueError as error:
        raise UnreadableEvent("The last part of the key is not an award's id, which is a UUID.") from error
    return AwardGone(tenant=TenantId(tenant), learner=LearnerId(learner), award_id=award_id)


def parse_standing_gone(place: bytes | None) -> StandingGone:
    """Read the key of a standing's tombstone, or raise UnreadableEvent."""
    tenant, learner, credential = _ids(place, 3)
    return StandingGone(tenant=TenantId(tenant), learner=LearnerId(learner), credential=CredentialId(credential))


def parse_profile_gone(place: bytes | None) -> ProfileGone:
    """Read the key of a profile's tombstone, or raise UnreadableEvent."""
    tenant, learner = _ids(place, 2)
    return ProfileGone(tenant=TenantId(tenant), learner=LearnerId(learner))


@lru_cache(maxsize=1_024)
def rfc3339(instant: Instant) -> str:
    """Write a time of the years 1 to 9999 in UTC; microseconds only where there are any."""
    return (_EPOCH_WITHOUT_ZONE + timedelta(microseconds=instant)).isoformat() + "Z"


def _instant(time: datetime) -> Instant:
    try:
        return Instant((time.astimezone(UTC) - _EPOCH) // _MICROSECOND)
    except OverflowError as error:
        raise UnreadableEvent("A time lies outside the years 1 to 9999 in UTC.") from error


def _decoded(decoder: msgspec.json.Decoder[Value], value: bytes) -> Value:
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableEvent(f"The message cannot be read: {error}.") from error


def _ids(place: bytes | None, count: int) -> list[str]:
    """The parts of a key that we made; anything that encodes otherwise is not ours."""
    try:
        text = (place or b"").decode()
        found = parts(text)
        is_ours = len(found) == count and key(*found) == text
    except UnicodeError as error:
        raise UnreadableEvent("The key is not text.") from error
    if not is_ours:
        raise UnreadableEvent(f"The key of a tombstone has {count} percent-encoded parts, joined by '/'.")
    return found
