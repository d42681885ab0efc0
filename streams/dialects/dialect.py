"""What every dialect has in common: the record it reads, what it gives back, and how it refuses."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from rules.facts import CourseFact, Fact, Profile
from rules.keys import Instant, TenantId


class UnreadableEvent(ValueError):  # noqa: N818 - outcomes are named for what happened
    """The record is not an event we know; the message says what is wrong, where, and what would be right."""


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """One record of a source topic, as its dialect sees it. `received_at`: microseconds since 1970."""

    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    tenant: TenantId
    source: str
    received_at: Instant


Said: TypeAlias = Fact | CourseFact | Profile

# An empty tuple is the explicit "not for us": a kind that is known and says no fact.
Parse: TypeAlias = Callable[[Record], tuple[Said, ...]]
