"""Validity: when what is due from an instant on ends to be valid, by lengths and by the days of a place."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.canonical_json import canonical
from rules.lengths import Length
from rules.spans import FOREVER
from rules.validity import (
    YEARS,
    UntilNext,
    dump_validity,
    end_of_validity,
    parse_validity,
    until_day,
    until_next,
)
from tests.stories import validities

BERLIN, NEW_YORK, KIRIBATI = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Pacific/Kiritimati"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.sampled_from((UTC, BERLIN, NEW_YORK, KIRIBATI, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/Sao_Paulo")))


def instant(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta.resolution


def told(instant: int) -> str:
    return (EPOCH + timedelta(microseconds=instant)).isoformat()


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        (UTC, "2027-09-01T00:00:00+00:00"),
        (BERLIN, "2027-08-31T22:00:00+00:00"),
        (NEW_YORK, "2027-09-01T04:00:00+00:00"),
        (KIRIBATI, "2027-08-31T10:00:00+00:00"),
    ],
)
def test_a_day_ends_where_the_tenant_is_and_is_the_last_of_validity(zone: tzinfo, end: str) -> None:
    assert told(end_of_validity(until_day(date(2027, 8, 31), zone), 0)) == end
    assert told(end_of_validity(until_next(8, 31, zone), instant("2027-03-01T00:00:00+00:00"))) == end


@pytest.mark.parametrize(
    ("day", "zone", "since", "end"),
    [
        # The last moment of the day is one of the day, and the first of the next waits for a year.
        ((8, 31), UTC, "2026-08-31T23:59:59+00:00", "2026-09-01T00:00:00+00:00"),
        ((8, 31), UTC, "2026-09-01T00:00:00+00:00", "2027-09-01T00:00:00+00:00"),
        # At the turn of the year it is another year already elsewhere.
        ((12, 31), NEW_YORK, "2027-01-01T04:59:59+00:00", "2027-01-01T05:00:00+00:00"),
        ((12, 31), NEW_YORK, "2027-01-01T05:00:00+00:00", "2028-01-01T05:00:00+00:00"),
        ((12, 31), KIRIBATI, "2026-12-31T10:00:00+00:00", "2027-12-31T10:00:00+00:00"),
        # Summer time began on that day in 2028, and in 2027 it had not: the day ends an hour earlier.
        ((3, 26), BERLIN, "2027-03-01T00:00:00+00:00", "2027-03-26T23:00:00+00:00"),
        ((3, 26), BERLIN, "2028-03-01T00:00:00+00:00", "2028-03-26T22:00:00+00:00"),
        # A year that has a 29 February has its 28 too.
        ((2, 28), UTC, "2028-02-29T12:00:00+00:00", "2029-03-01T00:00:00+00:00"),
    ],
)
def test_the_next_such_day_is_the_first_that_ends_behind_an_instant(
    day: tuple[int, int], zone: tzinfo, since: str, end: str
) -> None:
    assert told(end_of_validity(until_next(*day, zone), instant(since))) == end


@given(
    st.dates(date(2001, 1, 1), date(2001, 12, 31)),
    zones,
    st.integers(instant("1971-01-01T00:00:00+00:00"), instant("2098-01-01T00:00:00+00:00")),
)
def test_a_table_of_offsets_says_what_the_time_zone_says(day: date, zone: tzinfo, since: int) -> None:
    def end(year: int) -> datetime:
        return datetime.combine(day.replace(year=year) + timedelta(days=1), datetime.min.time(), zone)

    now = EPOCH + timedelta(microseconds=since)
    found = end_of_validity(until_next(day.month, day.day, zone), since)

    expected = min(end(year) for year in range(now.year - 1, now.year + 3) if end(year) > now)
    assert EPOCH + timedelta(microseconds=found) == expected


@pytest.mark.parametrize("year", [1800, 1969, 2101, 5000])
def test_years_that_the_table_does_not_know_go_by_its_ends(year: int) -> None:
    since = (datetime(year, 1, 15, tzinfo=UTC) - EPOCH) // timedelta.resolution
    summer_in_berlin = timedelta(hours=1 if year < YEARS.start else 2)

    end = EPOCH + timedelta(microseconds=end_of_validity(until_next(8, 31, BERLIN), since))

    assert end == datetime(year, 9, 1, tzinfo=UTC) - summer_in_berlin


@pytest.mark.parametrize("since", [-FOREVER, FOREVER])
def test_what_begins_outside_the_calendar_is_never_valid(since: int) -> None:
    assert end_of_validity(until_next(8, 31, UTC), since) == since
    assert end_of_validity(Length(months=1), since) == since


def test_a_table_of_offsets_is_short() -> None:
    found = until_next(8, 31, BERLIN)

    assert found == UntilNext(month=8, day=31, utc_offsets=((1970, 3600), (1980, 7200)))
    assert canonical(dump_validity(found)) == b'{"next":"08-31","utc_offsets":[[1970,3600],[1980,7200]]}'


@given(validities.filter(lambda validity: validity is not None))
def test_a_validity_is_read_as_it_was_written(validity: Length) -> None:
    assert parse_validity(dump_validity(validity)) == validity
    assert canonical(dump_validity(validity))
