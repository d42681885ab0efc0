"""The internal records as bytes: what is in `laurel.facts` and `laurel.held`, and the values of tables."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from rules.awards import Held, UpToDate
from rules.course import CourseRecord
from rules.facts import CourseFact, Fact
from rules.histories import History
from rules.keys import CredentialId, Instant
from rules.known import Control, CourseProgress, StandingRecord
from rules.ledger import Ledger
from rules.spans import Spans
from streams.dialects.dialect import UnreadableEvent

T = TypeVar("T")

# Records whose turn comes later; until then they are refused by name.
LATER = ("void", "erase", "grant", "revoke", "alias")


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


class FactsRecord(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One record of `laurel.facts`: exactly one of these."""

    fact: Fact | None = None
    course: CourseFact | None = None
    catalogue: CatalogueInForce | None = None
    clock: ClockRecord | None = None


class HeldRecord(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One record of `laurel.held`: exactly one of these."""

    held: Held | None = None
    up_to_date: UpToDate | None = None
    catalogue: CatalogueInForce | None = None
    clock: ClockRecord | None = None


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
