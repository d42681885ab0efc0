"""Histories are sets: no order, no repetition and no moment of trimming changes what they keep."""

from collections.abc import Callable
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.histories import (
    EARLIEST,
    EARLIEST_PARTICIPATIONS,
    LATEST,
    CourseHistory,
    CourseStatement,
    History,
    Statement,
    changed_from,
    joined,
    joined_course,
    joined_earliest,
    merged,
)
from rules.spans import in_force

S = TypeVar("S", Statement, CourseStatement)
T = TypeVar("T")
LIMIT = EARLIEST + LATEST + 2

values = st.one_of(st.none(), st.integers(0, 3))
releases = st.sampled_from((None, True, False))
event_ids = st.sampled_from(("a", "b"))
# Few stamps and many values, so that the same stamp is often said with different values.
clashing = st.lists(
    st.builds(Statement, st.integers(1, 6), st.integers(0, 1), event_ids, values, releases), max_size=20
)
clashing_of_courses = st.lists(
    st.builds(
        CourseStatement,
        st.integers(1, 6),
        st.integers(0, 1),
        event_ids,
        st.lists(st.sampled_from("abc"), unique=True).map(tuple),
        st.booleans(),
    ),
    max_size=20,
)
ENDS = [Statement(at, 0, "end", 1 + at % 2) for at in (*range(31), *range(100, 131))]
# Higher and lower ones come in between, several to a stamp: what is cut must not be missed when more is said.
long_ones = st.lists(
    st.builds(Statement, st.sampled_from((20, 40, 41, 42, 43, 110)), st.just(0), event_ids, values, st.none()),
    max_size=20,
).map(lambda middle: [*ENDS, *middle])
randoms = st.randoms(use_true_random=False)


def history_of(statements: list[Statement]) -> History:
    return _all_joined(joined, statements)


def course_history_of(statements: list[CourseStatement]) -> CourseHistory:
    return _all_joined(joined_course, statements)


def earliest_of(statements: list[Statement]) -> History:
    return _all_joined(joined_earliest, statements)


def _all_joined(join: Callable[[tuple[S, ...], S], tuple[S, ...]], statements: list[S]) -> tuple[S, ...]:
    history: tuple[S, ...] = ()
    for statement in statements:
        history = join(history, statement)
    return history


def noisy(statements: list[T], random: Random) -> list[T]:
    """All of them in another order, and some of them again."""
    again = random.sample(statements, k=len(statements) // 2)
    return random.sample([*statements, *again], k=len(statements) + len(again))


@given(clashing, randoms)
def test_any_order_and_any_repetition_make_the_same_history(statements: list[Statement], random: Random) -> None:
    assert history_of(noisy(statements, random)) == history_of(statements)


@given(clashing_of_courses, randoms)
def test_any_order_and_any_repetition_make_the_same_history_of_a_course(
    statements: list[CourseStatement], random: Random
) -> None:
    assert course_history_of(noisy(statements, random)) == course_history_of(statements)


@given(clashing)
def test_a_history_is_the_set_of_what_was_said_in_the_order_of_stamps(statements: list[Statement]) -> None:
    history = history_of(statements)

    assert set(history) == set(statements)
    assert len(history) == len(set(statements))
    assert [statement[:3] for statement in history] == sorted(statement[:3] for statement in history)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (Statement(1, 0, "e", 7_000), Statement(1, 0, "e", 6_999)),
        (Statement(1, 0, "e", 0), Statement(1, 0, "e", None)),
        (Statement(1, 0, "e", 7_000, released=True), Statement(1, 0, "e", 7_000, released=False)),
        (Statement(1, 0, "e", 7_000, released=False), Statement(1, 0, "e", 7_000)),
    ],
)
def test_of_two_values_under_one_stamp_the_same_one_is_in_force_in_any_order(
    winner: Statement, loser: Statement
) -> None:
    assert history_of([winner, loser]) == history_of([loser, winner]) == (loser, winner)
    assert in_force(history_of([winner, loser]), 1) == winner


@pytest.mark.parametrize("join", [joined, joined_earliest])
def test_what_says_nothing_new_gives_the_very_same_tuple(join: Callable[[History, Statement], History]) -> None:
    history = join(join((), Statement(2, 0, "b", 5)), Statement(1, 0, "a", 3))

    assert join(history, Statement(1, 0, "a", 3)) is history
    assert join(history, Statement(2, 0, "b", 5)) is history


@given(long_ones, randoms)
def test_a_long_history_keeps_its_earliest_latest_highest_and_lowest_in_any_order(
    statements: list[Statement], random: Random
) -> None:
    whole = in_order(statements)
    ends = {*whole[:EARLIEST], *whole[-LATEST:]}

    assert set(history_of(noisy(statements, random))) == {*ends, max(whole, key=by_value), min(whole, key=by_value)}


def in_order(statements: list[Statement]) -> list[Statement]:
    return sorted(set(statements), key=lambda statement: (statement[:3], by_value(statement)))


def by_value(statement: Statement) -> tuple[object, ...]:
    """No score is the lowest; of equal scores one that says nothing of its release comes first, then unreleased."""
    score = -1 if statement.value is None else statement.value
    release = (None, False, True).index(statement.released)
    return score, release, statement[:3]


@given(long_ones, randoms)
def test_a_history_is_never_longer_than_64_on_its_way(statements: list[Statement], random: Random) -> None:
    history: History = ()
    for statement in noisy(statements, random):
        history = joined(history, statement)
        assert len(history) <= LIMIT == 64


def test_a_long_history_of_a_course_keeps_its_longest_and_its_shortest_outline() -> None:
    outlines = [CourseStatement(at, 0, "e", topics=("a", "b")) for at in range(100)]
    outlines[50], outlines[55] = CourseStatement(50, 0, "e"), CourseStatement(55, 0, "e", topics=("a", "b", "c"))

    for statements in (outlines, outlines[::-1], [*outlines[50:], *outlines[:50]]):
        kept = course_history_of(statements)
        assert len(kept) == 64
        assert {outlines[50], outlines[55]} < set(kept)


@given(long_ones, randoms)
def test_participation_keeps_its_64_earliest_in_any_order(statements: list[Statement], random: Random) -> None:
    assert earliest_of(noisy(statements, random)) == tuple(in_order(statements)[:EARLIEST_PARTICIPATIONS])
    assert EARLIEST_PARTICIPATIONS == 64


@given(clashing_of_courses, clashing_of_courses)
def test_merging_gives_the_same_timeline_in_any_order(one: list[CourseStatement], other: list[CourseStatement]) -> None:
    both = [course_history_of(one), course_history_of(other)]
    timeline = merged(both)

    assert timeline == merged(both[::-1])
    assert sorted(timeline) == sorted(statement for history in both for statement in history)
    assert [statement[:3] for statement in timeline] == sorted(statement[:3] for statement in timeline)


SECOND_LOWEST = Statement(41, 0, "e", 0)
SAID, SAID_HIGHER = Statement(40, 0, "e", None), Statement(40, 0, "e", 5)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(
            [SAID, SECOND_LOWEST, SAID_HIGHER], id="the lowest is said higher after the second lowest was cut"
        ),
        pytest.param([SECOND_LOWEST, Statement(42, 0, "e", 9), SAID_HIGHER, SAID], id="the higher one was cut before"),
    ],
)
def test_a_long_history_in_which_one_stamp_has_two_values_is_the_same_in_any_order(order: list[Statement]) -> None:
    assert history_of([*ENDS, *order]) == history_of([*order, *ENDS])


def test_what_a_long_history_does_not_keep_gives_the_very_same_tuple() -> None:
    history = history_of([*ENDS, Statement(40, 0, "e", 0), Statement(41, 0, "e", 9)])

    assert joined(history, Statement(42, 0, "e", 1)) is history


@given(long_ones, randoms)
def test_what_was_in_force_before_a_change_is_in_force_still(statements: list[Statement], random: Random) -> None:
    history: History = ()
    for statement in noisy(statements, random):
        longer = joined(history, statement)
        if longer != history:
            for time in range(changed_from(history, longer, statement)):
                assert in_force(longer, time) == in_force(history, time)
        history = longer
