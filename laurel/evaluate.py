"""Evaluate: judges a file of events under a catalogue by the agents' own code, without a broker."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from rules.awards import Award
from rules.catalogue import Catalogue
from rules.facts import CourseFact, Fact, Profile
from rules.keys import Instant, LearnerKey, TenantId
from rules.replay import Replay
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Record, Said, UnreadableEvent


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of an event file: a record as a source topic holds it."""

    value: msgspec.Raw = msgspec.Raw(b"")
    value_base64: str | None = None
    headers: dict[str, str] = {}
    key: str | None = None
    dialect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One line that says no fact, and why."""

    line: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """What a file of events earns."""

    replay: Replay
    refused: list[Refused] = field(default_factory=list)
    profiles: dict[LearnerKey, Profile] = field(default_factory=dict)
    facts: int = 0
    ignored: int = 0

    @property
    def in_force(self) -> list[Award]:
        """The last that was said of each award, ordered by learner and credential."""
        awards = self.replay.in_force().values()
        return sorted(awards, key=lambda award: (award.tenant, award.learner, award.credential, award.occurrence))


class _Named(msgspec.Struct, frozen=True):
    """Where a native event names its tenant: in the data, which is the whole value in binary mode."""

    tenant: str = ""
    data: "_Named | None" = None


_named = msgspec.json.Decoder(_Named)
_line = msgspec.json.Decoder(Line)

# The tenant of events that name none.
NAMELESS = TenantId("default")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of an event file with their numbers, empty ones left out. Raises OSError."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def evaluate(
    catalogue: Catalogue,
    lines: Iterable[tuple[int, bytes]],
    *,
    dialect: str | None,
    tenant: TenantId,
    at: Instant | None,
    now: Instant,
) -> Evaluation:
    """
    Judge events in the order of their lines, as of `at` (by default the latest event).

    `tenant` is the source's; empty takes the first that an event names. `now` is when the file is read: an event
    of more than a day later is refused, as on the bus. What cannot be read is in `refused`, and the rest counts.
    """
    evaluation = Evaluation(replay=Replay())
    said: list[Fact | CourseFact] = []
    for number, line in lines:
        try:
            asked = _asked(line)
            named = tenant or _tenant(asked, dialect)
            found = _parse(asked, dialect, named or NAMELESS, max(now, at or now))
        except UnreadableEvent as error:
            evaluation.refused.append(Refused(line=number, reason=str(error)))
            continue
        tenant = named
        evaluation.ignored += not found
        for one in found:
            if isinstance(one, Profile):
                evaluation.profiles[LearnerKey(one.tenant, one.learner)] = one
            else:
                said.append(one)
    evaluation.facts = len(said)
    latest = max((fact.statement.occurred_at for fact in said), default=0)
    judged_at = Instant(latest) if at is None else at
    evaluation.replay.catalogue(replace(catalogue, tenant=tenant or NAMELESS), judged_at)
    # When a record was received says nothing here: the time is the one that is judged as of.
    evaluation.replay.facts(replace(fact, received_at=judged_at) for fact in said)
    evaluation.replay.advance(judged_at)
    return evaluation


def _asked(line: bytes) -> Line:
    try:
        return _line.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f'not a line of an event file: {error}; write {{"value": …, "headers": {{…}}, "dialect": "…"}}'
        raise UnreadableEvent(msg) from None


def _tenant(asked: Line, default: str | None) -> TenantId:
    """The tenant that a native event names; empty where it names none."""
    if (asked.dialect or default) != "laurel":
        return TenantId("")
    try:
        named = _named.decode(_value(asked))
    except (UnreadableEvent, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return TenantId("")
    return TenantId(named.tenant or (named.data.tenant if named.data is not None else ""))


def _parse(asked: Line, default: str | None, tenant: TenantId, now: Instant) -> tuple[Said, ...]:
    name = asked.dialect or default
    if name is None:
        raise UnreadableEvent("the line names no dialect, and there is no --dialect to go by")
    if name not in DIALECTS:
        raise UnreadableEvent(f"no dialect is called `{name:.40}`; there are {', '.join(sorted(DIALECTS))}")
    record = Record(
        value=_value(asked),
        headers=[(header, text.encode()) for header, text in asked.headers.items()],
        tenant=tenant,
        source="",
        received_at=now,
    )
    return DIALECTS[name](record)


def _value(asked: Line) -> bytes:
    if asked.value_base64 is not None:
        try:
            return base64.b64decode(asked.value_base64, validate=True)
        except (binascii.Error, ValueError):
            raise UnreadableEvent("`value_base64` is not base64") from None
    raw: Any = bytes(asked.value)
    if not raw:
        raise UnreadableEvent("the line has no `value` and no `value_base64`")
    if raw.startswith(b'"'):
        return msgspec.json.decode(raw, type=str).encode(errors="surrogatepass")
    return bytes(raw)
