"""Windows: when so many things were held that had begun within a length of time."""

from collections.abc import Sequence

from rules.lengths import Length
from rules.spans import Spans, at_least, union


def begun_within(length: Length, lists: Sequence[Spans], since: int) -> list[Spans]:
    """The spans that begin in the window from `since` on; its last moment is in it."""
    until = length.after(since)
    return [tuple(span for span in spans if since <= span.since <= until) for spans in lists]


def starts(lists: Sequence[Spans]) -> list[int]:
    """When windows may begin: wherever something does, in order of time."""
    return sorted({span.since for spans in lists for span in spans})


def at_least_within(count: int, length: Length, lists: Sequence[Spans]) -> Spans:
    """Spans during which so many of the lists have one open, and these began no further apart than the length."""
    return union([at_least(count, begun_within(length, lists, since)) for since in starts(lists)])
