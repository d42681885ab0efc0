"""Dead letters: a record that cannot be understood, as it was, with where it lay and why."""

from collections.abc import Sequence
from typing import Final

from streams.messages import Header, Message

PREFIX: Final = "laurel.errors."

# Brokers take about 1 MiB a record, headers and framing included; beyond that only the beginning is kept.
_LARGEST_BYTES: Final = (1 << 20) - (16 << 10)
_KEPT_BYTES: Final = 64 << 10
_REASON_CHARACTERS: Final = 1_000


def dead_letter(
    *,
    topic: str,
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[Header],
    reason: str,
    stage: str,
    dialect: str = "",
    version: str,
) -> Message:
    """
    Build the dead letter of one record: key, value and headers as they were, and what is wrong in headers of ours.

    `attempts` counts how often the record came here: one that was redriven brings the count of the last time.
    A record too large to be sent is cut, and `laurel.errors.value.bytes` says how large its value was.
    """
    theirs = [(name, content or b"") for name, content in headers if not name.startswith(PREFIX)]
    about: dict[str, object] = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "reason": reason[:_REASON_CHARACTERS],
        "stage": stage,
        "dialect": dialect,
        "attempts": attempts(headers) + 1,
        "app.version": version,
    }
    if _size(key, value, theirs) > _LARGEST_BYTES:
        about["value.bytes"] = len(value or b"")
        key, value, theirs = _cut(key), _cut(value), _beginning(theirs)
    ours = [(PREFIX + name, str(said).encode(errors="replace")) for name, said in about.items()]
    return Message(key, value, [*theirs, *ours])


def attempts(headers: Sequence[Header]) -> int:
    """How often a record was a dead letter before; nought for one that never was."""
    for name, content in headers:
        # A count of a thousand digits is not ours.
        if name == PREFIX + "attempts" and len(content) < 10 and content.isdigit():
            return int(content)
    return 0


def _size(key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> int:
    return len(key or b"") + len(value or b"") + sum(len(name.encode()) + len(content) for name, content in headers)


def _cut(content: bytes | None) -> bytes | None:
    return None if content is None else content[:_KEPT_BYTES]


def _beginning(headers: Sequence[Header]) -> list[Header]:
    """The first headers, as long as they fit together."""
    kept: list[Header] = []
    for header in headers:
        if _size(None, None, [*kept, header]) > _KEPT_BYTES:
            break
        kept.append(header)
    return kept
