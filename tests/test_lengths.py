"""Lengths of time: what a year, a month and a day after an instant is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.lengths import MICROSECONDS_A_DAY, Length, dump_length, parse_length
from rules.spans import FOREVER

lengths = st.builds(Length, years=st.integers(0, 50), months=st.integers(0, 50), days=st.integers(0, 1_000))
instants = st.integers(0, 80 * 365 * MICROSECONDS_A_DAY)


def instant(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


@pytest.mark.parametrize(
    ("length", "since", "until"),
    [
        (Length(days=1), "2026-03-28T12:00", "2026-03-29T12:00"),
        (Length(days=365), "2027-03-01", "2028-02-29"),
        (Length(years=1), "2027-03-01", "2028-03-01"),
        (Length(years=1), "2028-02-29", "2029-02-28"),
        (Length(years=4), "2028-02-29", "2032-02-29"),
        (Length(months=1), "2026-01-31T23:59:59.999999", "2026-02-28T23:59:59.999999"),
        (Length(months=1), "2028-01-31", "2028-02-29"),
        (Length(months=1), "2026-02-28", "2026-03-28"),
        (Length(months=1), "2026-12-15", "2027-01-15"),
        (Length(months=11), "2026-01-31", "2026-12-31"),
        (Length(months=24), "2026-05-17T08:30", "2028-05-17T08:30"),
        (Length(years=1, months=1, days=1), "2027-01-31", "2028-03-01"),
        (Length(days=1), "1969-12-31T23:00", "1970-01-01T23:00"),
        (Length(), "2026-01-31", "2026-01-31"),
    ],
)
def test_a_length_ends_where_the_calendar_says(length: Length, since: str, until: str) -> None:
    assert length.after(instant(since)) == instant(until)


@pytest.mark.parametrize("length", [Length(years=9_000), Length(months=120_000), Length(days=4_000_000)])
def test_what_would_end_after_the_calendar_never_ends(length: Length) -> None:
    assert length.after(instant("2026-01-31")) == FOREVER


@pytest.mark.parametrize("never", [FOREVER, -FOREVER])
def test_what_lies_outside_the_calendar_stays_where_it_is(never: int) -> None:
    assert Length(years=1, months=1, days=1).after(never) == never


@given(lengths, instants)
def test_no_length_leads_back(length: Length, instant: int) -> None:
    assert length.after(instant) >= instant


@given(lengths, instants, instants)
def test_days_are_kept_in_order(length: Length, one: int, other: int) -> None:
    first, second = sorted((one, other))

    assert length.after(first) // MICROSECONDS_A_DAY <= length.after(second) // MICROSECONDS_A_DAY


@given(lengths, instants)
def test_the_time_of_day_stays(length: Length, instant: int) -> None:
    assert length.after(instant) % MICROSECONDS_A_DAY == instant % MICROSECONDS_A_DAY


@given(lengths)
def test_a_length_is_read_as_it_was_written(length: Length) -> None:
    assert parse_length(dump_length(length)) == length


def test_what_is_none_is_not_written() -> None:
    assert dump_length(Length(months=24)) == {"months": 24}
