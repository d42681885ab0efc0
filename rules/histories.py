"""Histories: all that was ever said about one register, as a set that does not care about order or repetition."""

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar

# A history of more statements keeps its earliest, its latest, its highest and its lowest (decision 0003).
EARLIEST = 31
LATEST = 31
EARLIEST_PARTICIPATIONS = 64


class Statement(NamedTuple):
    """
    One value, with the stamp that orders it: when it happened, the source's own sequence, the event's id.

    A grade's value is whole hundredths of a percent, none when it was cleared; a completion's is 1 or 0.
    `released` is what the event itself says of the grade's release, none when it says nothing.
    """

    occurred_at: int
    sequence: int
    event_id: str
    value: int | None = None
    released: bool | None = None


class CourseStatement(NamedTuple):
    """The same for a course: its topics (outline), or whether final grades are released (release)."""

    occurred_at: int
    sequence: int
    event_id: str
    topics: tuple[str, ...] = ()
    released: bool = False


History: TypeAlias = tuple[Statement, ...]
CourseHistory: TypeAlias = tuple[CourseStatement, ...]
ByPeriod: TypeAlias = dict[str, History]
S = TypeVar("S", bound=Statement | CourseStatement)
Rank: TypeAlias = tuple[object, ...]


def joined(history: History, statement: Statement) -> History:
    """Add one statement to what was said; the very same tuple comes back when it says nothing new."""
    return _unless_equal(history, _trimmed(_inserted(history, statement, _rank), _rank))


def joined_earliest(history: History, statement: Statement) -> History:
    """Add one statement where only the earliest count: participation keeps its first 64."""
    return _unless_equal(history, _inserted(history, statement, _rank)[:EARLIEST_PARTICIPATIONS])


def changed_from(history: History, longer: History, statement: Statement) -> int:
    """When the first of what is different happened, after a statement was added: before that, all is as it was."""
    if len(longer) > len(history):
        return statement.occurred_at
    # What was cut lay behind the earliest.
    return min(statement.occurred_at, longer[EARLIEST - 1].occurred_at)


def joined_course(history: CourseHistory, statement: CourseStatement) -> CourseHistory:
    """Add one statement about a course to what was said of it."""
    return _unless_equal(history, _trimmed(_inserted(history, statement, _course_rank), _course_rank))


def merged(histories: list[CourseHistory]) -> CourseHistory:
    """One timeline of several histories of a course, in the order of their stamps."""
    if len(histories) == 1:
        return histories[0]
    return tuple(
        sorted((said for history in histories for said in history), key=lambda said: _place(said, _course_rank))
    )


def _place(statement: S, rank: Callable[[S], Rank]) -> tuple[int, int, str, Rank]:
    """Where a statement stands: by its stamp and, where one stamp has several values, by their rank."""
    return (*statement[:3], rank(statement))


def _rank(statement: Statement) -> Rank:
    """Order values: of several under one stamp the last in this order is in force, whatever arrived when."""
    released = statement.released
    return (statement.value is not None, statement.value or 0, released is not None, bool(released))


def _course_rank(statement: CourseStatement) -> Rank:
    return (len(statement.topics), statement.topics, statement.released)


def _unless_equal(history: tuple[S, ...], longer: tuple[S, ...]) -> tuple[S, ...]:
    return history if longer == history else longer


def _inserted(history: tuple[S, ...], statement: S, rank: Callable[[S], Rank]) -> tuple[S, ...]:
    """A history is a set of statements, kept in order; two values under one stamp are two of them."""
    place = _place(statement, rank)
    if not history or _place(history[-1], rank) < place:
        return (*history, statement)
    at = bisect_left(history, place, key=lambda said: _place(said, rank))
    return history if history[at] == statement else (*history[:at], statement, *history[at:])


def _trimmed(history: tuple[S, ...], rank: Callable[[S], Rank]) -> tuple[S, ...]:
    """
    Keep what a long history can be judged by.

    The threshold is the number that is always kept, not one above: a history that was cut to 62 and then
    grows to 64 must be cut again, or the result would depend on when it was cut (decision 0003).
    """
    if len(history) <= EARLIEST + LATEST:
        return history
    middle = range(EARLIEST, len(history) - LATEST)
    kept = [at for at in middle if _is_highest(history, at, rank) or _is_lowest(history, at, rank)]
    if len(kept) == len(middle):
        return history
    return (*history[:EARLIEST], *[history[at] for at in kept], *history[-LATEST:])


def _is_highest(history: tuple[S, ...], at: int, rank: Callable[[S], Rank]) -> bool:
    """
    Whether nothing ranks higher, and nothing later as high.

    Asked from the end, where most often something does: a history at its limit is cut at each event.
    """
    height = rank(history[at])
    for other in range(len(history) - 1, -1, -1):
        ranked = rank(history[other])
        if ranked > height or (ranked == height and other > at):
            return False
    return True


def _is_lowest(history: tuple[S, ...], at: int, rank: Callable[[S], Rank]) -> bool:
    """Whether nothing ranks lower, and nothing earlier as low; asked from the beginning, in the same way."""
    height = rank(history[at])
    for other, said in enumerate(history):
        ranked = rank(said)
        if ranked < height or (ranked == height and other < at):
            return False
    return True
