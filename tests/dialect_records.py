"""Records for the dialects' tests: one received at a fixed time, and the golden samples."""

import json
from pathlib import Path
from typing import Any

import msgspec

from rules.keys import Instant, TenantId
from streams.dialects.dialect import Record, Said

# 2026-10-31T00:00:00Z
RECEIVED_AT = Instant(1_793_404_800_000_000)
DAY = 86_400_000_000


def record(value: bytes | dict[str, Any], *, tenant: str = "example", headers: dict[str, str] | None = None) -> Record:
    """One record of the source `lms`."""
    return Record(
        value=value if isinstance(value, bytes) else json.dumps(value).encode(),
        headers=tuple((name, text.encode()) for name, text in (headers or {}).items()),
        tenant=TenantId(tenant),
        source="lms",
        received_at=RECEIVED_AT,
    )


def samples(dialect: str) -> list[tuple[str, dict[str, Any], list[Any]]]:
    """The golden samples of a dialect: name, value, and what it says."""
    path = Path(__file__).parent / "samples" / f"{dialect}.json"
    return [(one["name"], one["value"], one["says"]) for one in json.loads(path.read_text(encoding="utf-8"))]


def plain(said: tuple[Said, ...]) -> list[Any]:
    """What was said, as the samples write it."""
    found = json.loads(msgspec.json.encode([{type(one).__name__: one} for one in said]))
    for one in found:
        for fields in one.values():
            fields.pop("received_at", None)
            fields.pop("source", None)
    return list(found)
