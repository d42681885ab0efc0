"""Moments: instants as people write them."""

from datetime import datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # instants are UTC, and the text says so itself


def moment_text(instant: int) -> str:
    """An instant (microseconds since 1970) in UTC, as short as it can be: `2026-07-01T00:00:00Z`."""
    return (_EPOCH + timedelta(microseconds=instant)).isoformat() + "Z"
