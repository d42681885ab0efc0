"""The values that all dialects share: ids, tenants, times and scores, checked once, where bytes become facts."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from msgspec import Raw

from rules.facts import FULL_SCORE
from rules.keys import Instant, TenantId
from streams.dialects.dialect import Record, UnreadableEvent
from streams.dialects.json_text import shown

LONGEST_ID: Final = 512
LONGEST_NAME: Final = 512
MOST_TOPICS: Final = 2_000
# Exact numbers of floats have at most 25 characters, and of decimals in any gradebook fewer.
LONGEST_NUMBER: Final = 64
# A score above full marks is a bonus; above this it is a mistake of scale.
HIGHEST_PERCENT: Final = 1_000
# An event from 2030 would win for ever (DESIGN.md, "Three outcomes").
FURTHEST_AHEAD: Final = timedelta(days=1)
# Zero is a clock that was never set, and in some time zones it is shown as a day before or after.
EARLIEST_AT: Final = datetime(1970, 1, 3, tzinfo=UTC)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400 * 1_000_000
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:([0-9]{2})(?:\.[0-9]{1,12})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
# Control characters, and halves of surrogate pairs, which no key and no database can hold.
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER_STARTS: Final = b"-0123456789"
# Beyond these powers of ten a number is no score, and is refused before anything is computed with it.
_SMALLEST_POWER, _LARGEST_POWER = -30, 12


def id_text(text: str, path: str) -> str:
    """An id as the platform gives it: text, not blank, not too long, without control characters."""
    if text and len(text) <= LONGEST_ID and text.isascii() and text.isprintable() and text[0] != " ":
        return text
    return _checked(text, path, LONGEST_ID)


def id_of(given: int | str, path: str) -> str:
    """An id that some platforms write as a number."""
    if isinstance(given, int):
        if not 0 <= given < 1 << 64:
            raise UnreadableEvent(f"{path} is no whole number of 64 bits, as ids that are numbers are.")
        return str(given)
    return id_text(given, path)


def name_text(text: str, path: str) -> str:
    """What a person is called. What it was is never said in a message: those are read by more people than names."""
    if len(text) > LONGEST_NAME:
        raise UnreadableEvent(f"{path} has {len(text):,} characters; at most {LONGEST_NAME} are read.")
    if _FORBIDDEN.search(text):
        raise UnreadableEvent(f"{path} has a control character or half of a surrogate pair; write a name in one line.")
    return text


def is_uuid(text: str) -> bool:
    """Whether an id is unique wherever it comes from."""
    return len(text) == 36 and _UUID.fullmatch(text) is not None


def topics_of(given: Iterable[str], path: str) -> tuple[str, ...]:
    """Topics in their order, each once."""
    found = tuple(dict.fromkeys(id_text(topic, f"{path}[{at}]") for at, topic in enumerate(given)))
    if len(found) > MOST_TOPICS:
        raise UnreadableEvent(f"{path} has {len(found):,} topics; at most {MOST_TOPICS:,} are read.")
    return found


def tenant_of(record: Record, named: str | None, path: str) -> TenantId:
    """The source's tenant. A record that names another one is refused: no producer writes for two."""
    if named is not None and named != record.tenant:
        raise UnreadableEvent(
            f"{path} is {shown(named)}, and this source is of the tenant {shown(record.tenant)}: "
            "it may not speak for another one."
        )
    return record.tenant


def instant(text: str, path: str, received_at: int) -> Instant:
    """A time of RFC 3339 with its zone, in microseconds since 1970 (what is finer is cut off)."""
    form = _TIME.fullmatch(text)
    if form is None:
        raise UnreadableEvent(_no_time(text, path))
    try:
        when = datetime.fromisoformat(text.upper())
        passed = when - _EPOCH
    except (ValueError, OverflowError):
        if form[1] == "60":
            raise UnreadableEvent(f"{path} is {shown(text)}, a leap second; write second 59 or the next.") from None
        raise UnreadableEvent(f"{path} is {shown(text)}, which no calendar or clock has.") from None
    if when < EARLIEST_AT:
        raise UnreadableEvent(f"{path} is {shown(text)}: a clock that was not set. No event is from before 1970.")
    at = Instant(passed.days * _DAY + passed.seconds * 1_000_000 + passed.microseconds)
    if at > received_at + _DAY:
        ahead = timedelta(microseconds=at - received_at)
        raise UnreadableEvent(
            f"{path} is {shown(text)}, which is {_span(ahead)} after it was received; "
            f"at most {FURTHEST_AHEAD.days} day is read, since what lies ahead would win until then."
        )
    return at


def time_text(at: int) -> str:
    """Write an instant as RFC 3339 does, in UTC."""
    when = _EPOCH + timedelta(microseconds=at)
    return when.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def hundredths(score: Raw, max_score: Raw, path: str) -> int | None:
    """
    A score as whole hundredths of a percent, exact and then rounded down; none for null, a score that was cleared.

    Rounding down is safe: bars are whole hundredths, and floor(x) >= bar exactly when x >= bar. Below zero is zero.
    """
    given = bytes(score)
    if given == b"null":
        return None
    whole = bytes(max_score)
    if not whole:
        raise UnreadableEvent(f"{path}.max_score is missing; a score needs the score of full marks beside it.")
    if given.isdigit() and whole.isdigit() and len(given) <= _LARGEST_POWER and len(whole) <= _LARGEST_POWER:
        have, full = int(given), int(whole)
    else:
        above, below = _number(given, f"{path}.score").as_integer_ratio()
        full_above, full_below = _number(whole, f"{path}.max_score").as_integer_ratio()
        have, full = above * full_below, below * full_above
    if full <= 0:
        raise UnreadableEvent(f"{path}.max_score is {shown(whole.decode())}; it has to be above 0.")
    found = have * FULL_SCORE // full
    if abs(found) > HIGHEST_PERCENT * 100:
        raise UnreadableEvent(
            f"{path}.score is {shown(given.decode())} of {shown(whole.decode())}, "
            f"more than {HIGHEST_PERCENT:,} %; both have to be in one unit."
        )
    return max(found, 0)


def _checked(text: str, path: str, longest: int) -> str:
    """Check an id of any script, and say what is wrong with it."""
    if not text.strip():
        raise UnreadableEvent(f"{path} is empty; write an id of 1 to {longest} characters.")
    if len(text) > longest:
        raise UnreadableEvent(f"{path} has {len(text):,} characters ({shown(text)}); an id has at most {longest}.")
    if _FORBIDDEN.search(text):
        raise UnreadableEvent(f"{path} is {shown(text)}, with a control character or half of a surrogate pair.")
    return text


def _number(raw: bytes, path: str) -> Decimal:
    """A JSON number. Its size is known before its digits are: 1e1000000000 costs nothing."""
    if raw[0] not in _NUMBER_STARTS:
        raise UnreadableEvent(f"{path} is not a number; write one, without quotes.")
    if len(raw) > LONGEST_NUMBER:
        raise UnreadableEvent(f"{path} is a number of {len(raw):,} characters; at most {LONGEST_NUMBER} are read.")
    try:
        found = Decimal(raw.decode())
    except InvalidOperation:  # an exponent that not even Decimal holds
        found = Decimal("Infinity")
    if not found:
        return Decimal(0)
    if not found.is_finite() or not _SMALLEST_POWER <= found.adjusted() <= _LARGEST_POWER:
        raise UnreadableEvent(f"{path} is {shown(raw.decode())}, which is no score in any gradebook.")
    return found


def _no_time(text: str, path: str) -> str:
    right = "write it like 2026-03-02T09:30:00.000Z"
    if _TIME.fullmatch(text + "Z"):
        return f"{path} is {shown(text)}, a time without a zone; {right}."
    return f"{path} is {shown(text)}, which is no time of RFC 3339; {right}."


def _span(ahead: timedelta) -> str:
    hours = ahead.seconds // 3_600
    return f"{ahead.days:,} days" if ahead.days > 2 else f"{ahead.days * 24 + hours} hours"
