"""The internal records as bytes: what is in `laurel.facts` and `laurel.held`, and the values of tables."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from rules.awards import ByHand, Erased, Erasure, Held, Named, UpToDate
from rules.course import CourseRecord
from rules.facts import CourseFact, Fact
from rules.histories import History
from rules.keys import CredentialId, Instant, LearnerId, TenantId
from rules.known import Control, CourseProgress, StandingRecord
from rules.ledger import Act, Ledger
from rules.spans import Spans
from streams.dialects.dialect import UnreadableEvent

T = TypeVar("T")

# Records whose turn comes later; until then they are refused by name.
LATER = ("void", "alias")


class CatalogueInForce(msgspec.Struct, frozen=True):
    """A whole catalogue, in force from here on."""

    document: dict[str, Any]
    received_at: Instant


# The years 1970 to 9999, in microseconds.
Moment = Annotated[Instant, msgspec.Meta(ge=0, lt=253_402_300_800_000_000)]


class ClockRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """It is that time. `is_set`: by a person, and so it is no mistake, however far ahead it is."""

    time: Moment
    is_set: bool = False


class ActRecord(msgspec.Struct, frozen=True):
    """What a person did about one credential of one learner; the record's key says whether they granted or revoked."""

    tenant: TenantId
    learner: LearnerId
    credential: CredentialId
    occurred_at: Moment
    event_id: str
    who: str
    why: str
    received_at: Moment


class FactsRecord(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One record of `laurel.facts`: exactly one of these."""

    fact: Fact | None = None
    course: CourseFact | None = None
    catalogue: CatalogueInForce | None = None
    clock: ClockRecord | None = None
    grant: ActRecord | None = None
    revoke: ActRecord | None = None
    named: Named | None = None
    erase: Erasure | None = None


class HeldRecord(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One record of `laurel.held`: exactly one of these."""

    held: Held | None = None
    up_to_date: UpToDate | None = None
    catalogue: CatalogueInForce | None = None
    clock: ClockRecord | None = None
    grant: ActRecord | None = None
    revoke: ActRecord | None = None
    erased: Erased | None = None


def by_hand(record: FactsRecord | HeldRecord) -> ByHand | None:
    """What a person did, if the record says that they did something."""
    one = record.grant or record.revoke
    if one is None:
        return None
    act = Act(one.occurred_at, 0, one.event_id, record.grant is not None, one.who, one.why)
    return ByHand(
        tenant=one.tenant, learner=one.learner, credential=one.credential, act=act, received_at=one.received_at
    )


def facts_by_hand(done: ByHand) -> FactsRecord:
    """The record of `laurel.facts` that says what a person did."""
    one = _act_record(done)
    return FactsRecord(grant=one) if done.act.grants else FactsRecord(revoke=one)


def held_by_hand(done: ByHand) -> HeldRecord:
    """The record of `laurel.held` that says what a person did."""
    one = _act_record(done)
    return HeldRecord(grant=one) if done.act.grants else HeldRecord(revoke=one)


def _act_record(done: ByHand) -> ActRecord:
    act = done.act
    return ActRecord(
        tenant=done.tenant,
        learner=done.learner,
        credential=done.credential,
        occurred_at=Instant(act.occurred_at),
        event_id=act.event_id,
        who=act.who,
        why=act.why,
        received_at=done.received_at,
    )


_json = msgspec.json.Encoder()
_facts = msgspec.json.Decoder(FactsRecord)
_many_facts = msgspec.json.Decoder(list[FactsRecord])
_held = msgspec.json.Decoder(HeldRecord)
_many_held = msgspec.json.Decoder(list[HeldRecord])


def dump(record: FactsRecord | HeldRecord) -> bytes:
    """Write an internal record."""
    return _json.encode(record)


def parse_facts(values: Sequence[bytes | None]) -> list[FactsRecord | UnreadableEvent]:
    """Read a batch of `laurel.facts`: as one JSON array, or one by one where a record is bad."""
    return _parse(values, _many_facts.decode, _facts.decode)


def parse_held(values: Sequence[bytes | None]) -> list[HeldRecord | UnreadableEvent]:
    """Read a batch of `laurel.held`, in the same way."""
    return _parse(values, _many_held.decode, _held.decode)


def _parse(
    values: Sequence[bytes | None], many: Callable[[bytes], list[T]], one: Callable[[bytes], T]
) -> "list[T | UnreadableEvent]":
    try:
        found = many(b"[" + b",".join([value or b"" for value in values]) + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [_parse_one(value, one) for value in values]
    # A record that holds `},{` would shift all that follow: the count tells.
    return list(found) if len(found) == len(values) else [_parse_one(value, one) for value in values]


def _parse_one(value: bytes | None, one: Callable[[bytes], T]) -> "T | UnreadableEvent":
    if value is None:
        return UnreadableEvent("the record has no value; this topic has no tombstones")
    try:
        return one(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        named = next((kind for kind in LATER if value.startswith(f'{{"{kind}"'.encode())), None)
        if named is not None:
            return UnreadableEvent(
                f"records of the kind `{named}` come with a later version; this one does not read them"
            )
        return UnreadableEvent(f"not an internal record of Laurel: {error}; nothing else may write to this topic")


def _codec(kind: Any) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kind).decode


# How each table's values are written; the names are those of `rules.known`.
CODECS: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "facts": _codec(History),
    "courses": _codec(CourseRecord),
    "progress": _codec(CourseProgress),
    "ledger": _codec(Ledger),
    "standings": _codec(StandingRecord),
    "due": _codec(bool),
    "enrolled": _codec(bool),
    "events": _codec(str),
    "control": _codec(Control),
    "held": _codec(dict[CredentialId, Spans]),
    "certificate_ledger": _codec(Ledger),
}
