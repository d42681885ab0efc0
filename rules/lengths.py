"""Lengths of time by the calendar: so many years, months and days from an instant on, in UTC."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date
from typing import Any, Final

from rules.spans import FOREVER

MICROSECONDS_A_DAY: Final = 24 * 60 * 60 * 1_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY: Final = date.min.toordinal()
_LAST_DAY: Final = date.max.toordinal()
_MONTHS_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """
    So many years, months and days, none of them negative.

    By the calendar, since that is what people mean: a month after 31 January is the last day of February. Two
    instants of those last days may so change places by hours; whoever needs an order compares days.
    """

    years: int = 0
    months: int = 0
    days: int = 0

    def after(self, instant: int) -> int:
        """
        The instant that lies this long after another (both in microseconds since 1970).

        First years and months, keeping the day or taking the month's last one, then days; the time of day stays,
        in UTC, where every day is as long. What lies outside the calendar's years 1 to 9999 is never: what begins
        there stays where it is, and what would end there ends at `FOREVER`.
        """
        days, time_of_day = divmod(instant, MICROSECONDS_A_DAY)
        if not _FIRST_DAY <= _EPOCH + days <= _LAST_DAY:
            return instant
        begins = date.fromordinal(_EPOCH + days)
        months = begins.year * _MONTHS_A_YEAR + begins.month - 1 + self.years * _MONTHS_A_YEAR + self.months
        year, month = divmod(months, _MONTHS_A_YEAR)
        if not MINYEAR <= year <= MAXYEAR:
            return FOREVER
        day = min(begins.day, monthrange(year, month + 1)[1])
        ends = date(year, month + 1, day).toordinal() + self.days
        return FOREVER if ends > _LAST_DAY else (ends - _EPOCH) * MICROSECONDS_A_DAY + time_of_day


def length_text(length: Length) -> str:
    """A length as people write it: `1 year 6 months`."""
    parts = [(length.years, "year"), (length.months, "month"), (length.days, "day")]
    return " ".join(f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in parts if count)


def dump_length(length: Length) -> dict[str, int]:
    """The canonical form: what is none is left out."""
    parts = {"years": length.years, "months": length.months, "days": length.days}
    return {unit: count for unit, count in parts.items() if count}


def parse_length(document: dict[str, Any]) -> Length:
    """Read what `dump_length` wrote. Raises TypeError for anything else."""
    return Length(**document)
