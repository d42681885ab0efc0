"""Participations: when so many had taken place, and which events say so."""

from collections.abc import Iterable

from rules.histories import History
from rules.spans import FOREVER, NEVER, Span, Spans


def participated(times: int, histories: Iterable[History], time: int) -> tuple[Spans, tuple[str, ...]]:
    """
    From when on there were so many participations; and the events of those that took place by that time.

    Each stamp counts once, however often it was sent, and not where the last that was said of it is that it was none.
    Of a register the earliest 64 are known, so `times` is at most that (see `joined_earliest`).
    """
    counted = sorted({stamp for history in histories for stamp, value in _said(history).items() if value})[:times]
    events = tuple(event for at, _, event in counted if at <= time)
    return (Span(counted[-1][0], FOREVER),) if len(counted) == times else NEVER, events


def _said(history: History) -> dict[tuple[int, int, str], int | None]:
    """What is said under each stamp: of several values the last in a history's order."""
    return {said[:3]: said.value for said in history}
