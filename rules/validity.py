"""Validity: how long a credential is valid, from when on it is due. No clock and no time zone is asked for it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final, TypeAlias, assert_never

from rules.lengths import MICROSECONDS_A_DAY, Length, dump_length, parse_length

# The years for which a yearly day knows its offsets; before and after them, it goes by the first and the last.
YEARS: Final = range(1970, 2101)
MICROSECONDS_A_SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilDay:
    """Valid until the end of one day, whenever it was earned: `at` is when that day ends where the tenant is."""

    day: date
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilNext:
    """
    Valid until the end of the next such day of a year.

    `utc_offsets`: from a year on, how many seconds the tenant's clocks are ahead of UTC when that day ends.
    """

    month: int
    day: int
    utc_offsets: tuple[tuple[int, int], ...]

    def after(self, instant: int) -> int:
        """
        The first end of such a day that lies behind an instant (both in microseconds since 1970).

        As with lengths, what begins outside the calendar's years stays where it is.
        """
        day = instant // MICROSECONDS_A_DAY + _EPOCH_DAY
        if not date.min.toordinal() + 366 < day < date.max.toordinal() - 2 * 366:
            return instant
        year = date.fromordinal(day).year
        # Where clocks are behind, last year's may still be to come in the first hours of a year.
        return next(end for end in map(self._end, (year - 1, year, year + 1)) if end > instant)

    def _end(self, year: int) -> int:
        seconds = next((seconds for since, seconds in reversed(self.utc_offsets) if since <= year), None)
        ahead = self.utc_offsets[0][1] if seconds is None else seconds
        days = date(year, self.month, self.day).toordinal() + 1 - _EPOCH_DAY
        return days * MICROSECONDS_A_DAY - ahead * MICROSECONDS_A_SECOND


Validity: TypeAlias = Length | UntilDay | UntilNext


def until_day(day: date, zone: tzinfo) -> UntilDay:
    """Valid until the end of this day in a time zone."""
    return UntilDay(day=day, at=(_end_of(day, zone) - _EPOCH) // timedelta.resolution)


def until_next(month: int, day: int, zone: tzinfo) -> UntilNext:
    """Valid until the end of the next such day in a time zone; every year must have that day."""
    found: list[tuple[int, int]] = []
    for year in YEARS:
        seconds = (_end_of(date(year, month, day), zone).utcoffset() or timedelta(0)) // timedelta(seconds=1)
        if not found or found[-1][1] != seconds:
            found.append((year, seconds))
    return UntilNext(month=month, day=day, utc_offsets=tuple(found))


def end_of_validity(validity: Validity, since: int) -> int:
    """When what is due from an instant on ends to be valid (both in microseconds since 1970)."""
    match validity:
        case Length() | UntilNext():
            return validity.after(since)
        case UntilDay(at=at):
            return at
        case _:
            assert_never(validity)


def dump_validity(validity: Validity) -> dict[str, Any]:
    """The canonical form."""
    match validity:
        case Length():
            return {**dump_length(validity)}
        case UntilDay(day=day, at=at):
            return {"until": day.isoformat(), "at": at}
        case UntilNext(month=month, day=number, utc_offsets=offsets):
            return {"next": f"{month:02}-{number:02}", "utc_offsets": [list(offset) for offset in offsets]}
        case _:
            assert_never(validity)


def parse_validity(document: dict[str, Any]) -> Validity:
    """Read what `dump_validity` wrote. Raises TypeError or ValueError for anything else."""
    match document:
        case {"until": day, "at": at}:
            return UntilDay(day=date.fromisoformat(day), at=at)
        case {"next": day, "utc_offsets": offsets}:
            month, number = day.split("-")
            known = tuple((since, seconds) for since, seconds in offsets)
            return UntilNext(month=int(month), day=int(number), utc_offsets=known)
        case _:
            return parse_length(document)


def _end_of(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day + _ONE_DAY, time.min, zone)
