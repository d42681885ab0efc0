"""Instants on the command line: ISO 8601 with its zone, and a sentence for what is none."""

from datetime import datetime

from laurel.console import USAGE, fail
from laurel.drawing import EPOCH
from rules.keys import Instant


def instant_of(option: str, text: str, others: str = ",") -> Instant:
    """The instant that an option names, in microseconds since 1970; `others` is what else it takes, in words."""
    try:
        time_at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} takes a time as ISO 8601, such as 2026-07-01T12:00:00Z{others} not `{text:.40}`", USAGE)
    if time_at.tzinfo is None:
        fail(f"{option} takes a time with its zone, such as {text}Z", USAGE)
    return Instant((time_at - EPOCH) // datetime.resolution)


def instant_after_1970(option: str, text: str, others: str = ",") -> Instant:
    """The same, where what lies before 1970 makes no sense."""
    found = instant_of(option, text, others)
    if found < 0:
        fail(f"{option} takes a time after 1970", USAGE)
    return found
