"""How values become rows of PostgreSQL, and rows values."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec

from rules.awards import Award, CredentialKind, Reason, Standing
from rules.facts import Profile
from rules.keys import AwardId, CredentialId, Instant, LearnerId, TenantId
from rules.ledger import Status
from sinks.documents import EvidenceDocument, NodeDocument, evidence_document, evidence_of, node_document, node_of
from sinks.sink import Folded

Row: TypeAlias = tuple[object, ...]

# Microseconds from 1970, where an Instant counts from, to 2000, where PostgreSQL does.
_EPOCH_2000: Final = 946_684_800_000_000

_ENCODER = msgspec.json.Encoder()
_EVIDENCE = msgspec.json.Decoder(tuple[EvidenceDocument, ...])
_PROGRESS = msgspec.json.Decoder(NodeDocument)


async def take_instants(connection: "asyncpg.Connection[Any]") -> None:
    """Let timestamps be Instants on this connection: both are whole microseconds, so nothing is rounded."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=lambda instant: (instant - _EPOCH_2000,),
        decoder=lambda microseconds: microseconds[0] + _EPOCH_2000,
        format="tuple",
    )


def statements(folded: Folded) -> Iterator[tuple[str, list[Row]]]:
    """The queries of one batch with their rows, sorted so that two writers take locks in one order."""
    yield "delete_awards", [(gone,) for gone in sorted(folded.awards_gone)]
    yield "upsert_awards", [_award_row(award) for _, award in sorted(folded.awards.items())]
    yield "delete_standings", list[Row](sorted(folded.standings_gone))
    yield "upsert_standings", [_standing_row(standing) for _, standing in sorted(folded.standings.items())]
    yield "delete_people", list[Row](sorted(folded.people_gone))
    yield "upsert_people", [_person_row(profile) for _, profile in sorted(folded.people.items())]


def _award_row(award: Award) -> Row:
    return (
        award.award_id,
        award.revision,
        award.status,
        award.kind,
        award.credential,
        award.credential_version,
        award.tenant,
        award.learner,
        award.occurrence,
        award.met_at,
        award.expires_at,
        award.decided_at,
        award.reason,
        _json(evidence_document(award.evidence)),
    )


def award_of(row: asyncpg.Record) -> Award:
    """The award that a row holds."""
    return Award(
        award_id=AwardId(str(row["award_id"])),
        revision=row["revision"],
        status=Status(row["status"]),
        kind=CredentialKind(row["kind"]),
        credential=CredentialId(row["credential"]),
        credential_version=row["credential_version"],
        tenant=TenantId(row["tenant"]),
        learner=LearnerId(row["learner"]),
        occurrence=row["occurrence"],
        met_at=row["met_at"],
        expires_at=row["expires_at"],
        decided_at=row["decided_at"],
        reason=Reason(row["reason"]),
        evidence=evidence_of(_EVIDENCE.decode(row["evidence"])),
    )


def _standing_row(standing: Standing) -> Row:
    return (
        standing.tenant,
        standing.learner,
        standing.credential,
        standing.credential_version,
        standing.kind,
        standing.status,
        standing.progress.met,
        _json(node_document(standing.progress)),
        standing.decided_at,
    )


def standing_of(row: asyncpg.Record) -> Standing:
    """The standing that a row holds."""
    return Standing(
        tenant=TenantId(row["tenant"]),
        learner=LearnerId(row["learner"]),
        credential=CredentialId(row["credential"]),
        credential_version=row["credential_version"],
        kind=CredentialKind(row["kind"]),
        status=None if row["status"] is None else Status(row["status"]),
        progress=node_of(_PROGRESS.decode(row["progress"])),
        decided_at=Instant(row["decided_at"]),
    )


def _person_row(profile: Profile) -> Row:
    return (
        profile.tenant,
        profile.learner,
        profile.full_name,
        profile.first_name,
        profile.last_name,
        profile.language,
        profile.email_sha256,
        profile.occurred_at,
        profile.event_id,
    )


def profile_of(row: asyncpg.Record) -> Profile:
    """The names that a row holds."""
    return Profile(
        tenant=TenantId(row["tenant"]),
        learner=LearnerId(row["learner"]),
        full_name=row["full_name"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        language=row["language"],
        email_sha256=row["email_sha256"],
        occurred_at=Instant(row["occurred_at"]),
        event_id=row["event_id"],
    )


def _json(document: object) -> str:
    return _ENCODER.encode(document).decode()
