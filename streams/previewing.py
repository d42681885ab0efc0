"""Previewing a catalogue on what a running system knows: its changelogs are read, and nothing is touched."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from rules.catalogue import Catalogue, parse_catalogue
from rules.keys import Instant, LearnerId, LearnerKey, TenantId, key, parts
from rules.known import Control, Known, KnownOfCertificates, MemoryTable
from rules.preview import Compared, Told, preview_learner
from rules.preview_totals import Preview
from rules.rulebook import Rulebook, rulebook
from streams import topics
from streams.broker import committed, connected
from streams.changelog import Reader, Tables, reader
from streams.options import StreamOptions
from streams.wire import CODECS

# Between so many learners others may have their turn, Ctrl-C among them.
BREATH = 50
# How often it is tried to note all offsets at one moment, between two batches.
TRIES = 5
RETRY_SECONDS = 0.2

PROGRESS = ("facts", "ledger", "due", "courses", "control")
CERTIFICATES = ("held", "certificate_ledger", "due")
AWARDS = (topics.BADGES, topics.CERTIFICATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """
    The moment that a preview holds for: how far facts were judged, and where changelogs and award topics ended.

    `is_exact` is false where batches were committed while it was noted: then a few more facts may be in it.
    """

    facts: dict[int, int]
    ends: dict[TopicPartition, int]
    is_exact: bool

    def end(self, topic: str, partition: int) -> int:
        return self.ends[TopicPartition(topic, partition)]


@dataclass(slots=True, kw_only=True)
class Previewed:
    """A preview, the moment that it holds for, the time it was judged at, and the catalogues in force there."""

    noted: Noted
    time: Instant
    totals: Preview = field(default_factory=Preview)
    # By partition: the catalogue in force, whether a walk over all is under way, and how many learners there are.
    in_force: dict[int, Rulebook | None] = field(default_factory=dict)
    walking: dict[int, bool] = field(default_factory=dict)
    learners: dict[int, int] = field(default_factory=dict)
    # Changelogs whose beginning is gone, with where they begin now: then nothing can be foretold.
    cut: dict[TopicPartition, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no worker has ever judged anything here."""
        return not any(end for tp, end in self.noted.ends.items() if tp.topic not in AWARDS)


async def preview(
    options: StreamOptions, catalogue: Catalogue, now: Instant, seen: Callable[[int, int], None]
) -> Previewed:
    """
    Say what would change if a catalogue were in force, of all that was judged until now.

    `seen` hears how much is done, and of how much. Where a changelog has lost its beginning nothing is judged: what
    is missing would be taken for what was never said. Raises KafkaError when the broker cannot be reached.
    """
    async with reader(options) as source:
        found = Previewed(noted=await note(options, source), time=now)
        new = rulebook(catalogue)
        # What is read is counted once when it is read, and once when it is judged.
        logs = (topics.progress_changelog(options.app_id), topics.certificates_changelog(options.app_id))
        total = 2 * sum(found.noted.end(log, at) for log in logs for at in range(options.partitions))
        bar = _Bar(total=total, seen=seen)
        begins = await source.begins(tp for tp, end in found.noted.ends.items() if tp.topic in logs and end)
        found.cut = {tp: begin for tp, begin in begins.items() if begin}
        if found.cut:
            return found
        bar.add(0)
        for partition in range(options.partitions):
            state = await _read(source, found.noted, logs, partition, catalogue.tenant, bar)
            size = sum(found.noted.end(log, partition) for log in logs)
            found.learners[partition] = len(state.learners)
            found.walking[partition] = state.is_walking
            found.in_force[partition] = state.current()
            await _judge(state, Compared.of(found.in_force[partition], new), found, size, bar)
    return found


async def note(options: StreamOptions, source: Reader) -> Noted:
    """Note where everything ends at one moment: between two batches, if there is such a moment."""
    logs = (topics.progress_changelog(options.app_id), topics.certificates_changelog(options.app_id))
    async with connected(options) as admin:
        for _ in range(TRIES):
            before = await committed(admin, options)
            ends = await source.ends((*logs, *AWARDS), options.partitions)
            is_exact = before == await committed(admin, options)
            if is_exact:
                break
            await asyncio.sleep(RETRY_SECONDS)
    facts = {tp.partition: offset for tp, offset in before.items() if tp.topic == topics.FACTS}
    return Noted(facts=dict(sorted(facts.items())), ends=ends, is_exact=is_exact)


@dataclass(slots=True, kw_only=True)
class _Bar:
    total: int
    seen: Callable[[int, int], None]
    done: int = 0

    def add(self, offsets: int) -> None:
        self.done += offsets
        self.seen(self.done, self.total)


@dataclass(slots=True)
class _State:
    """What both agents know of one tenant in one partition, encoded; a learner is decoded when their turn comes."""

    tenant: TenantId
    progress: Tables
    certificates: Tables
    courses: MemoryTable[Any] = field(init=False)
    control: dict[str, Control] = field(init=False)
    learners: list[bytes] = field(init=False)
    _facts: list[bytes] = field(init=False)
    _due: dict[bytes, list[bytes]] = field(init=False)
    _certificates_due: dict[bytes, list[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.courses = _decoded("courses", self.progress.get("courses", {}).items())
        control = self.progress.get("control", {}).items()
        self.control = {place.decode(): CODECS["control"][1](value) for place, value in control}
        self._facts = sorted(self.progress.get("facts", {}))
        self._due, self._certificates_due = _by_learner(self.progress), _by_learner(self.certificates)
        found = {b"/".join(place.split(b"/", 2)[:2]) for place in self._facts}
        self.learners = sorted(
            found | self.progress.get("ledger", {}).keys() | self.certificates.get("certificate_ledger", {}).keys()
        )

    def current(self) -> Rulebook | None:
        """The catalogue in force."""
        record = self.control.get(key("catalogue", self.tenant))
        if record is None or record.catalogue is None:
            return None
        return rulebook(parse_catalogue(record.catalogue))

    @property
    def is_walking(self) -> bool:
        return any(record.walk is not None and record.walk.tenant == self.tenant for record in self.control.values())

    def told(self, learner: bytes, current: Rulebook | None) -> Told:
        """One learner, decoded."""
        facts = self.progress.get("facts", {})
        begin, end = (bisect_left(self._facts, learner + after) for after in (b"/", b"0"))
        time = MemoryTable[Control]()
        if "time" in self.control:
            time.put("time", self.control["time"])
        of_progress: dict[str, MemoryTable[Any]] = {
            "facts": _decoded("facts", ((place, facts[place]) for place in self._facts[begin:end])),
            "ledger": self._one("ledger", self.progress, learner),
            "due": _decoded("due", ((place, b"\xc3") for place in self._due.get(learner, ()))),
            "courses": self.courses,
            "control": time,
        }
        of_certificates: dict[str, MemoryTable[Any]] = {
            "held": self._one("held", self.certificates, learner),
            "certificate_ledger": self._one("certificate_ledger", self.certificates, learner),
            "due": _decoded("due", ((place, b"\xc3") for place in self._certificates_due.get(learner, ()))),
            "control": _copied(time),
        }
        _, who = parts(learner.decode())
        found = Told(
            who=LearnerKey(self.tenant, LearnerId(who)),
            known=Known.of(lambda name: of_progress.get(name) or MemoryTable()),
            of_certificates=KnownOfCertificates.of(lambda name: of_certificates.get(name) or MemoryTable()),
        )
        if current is not None:
            found.put_in_force(current)
        return found

    @staticmethod
    def _one(name: str, tables: Tables, learner: bytes) -> MemoryTable[Any]:
        value = tables.get(name, {}).get(learner)
        return _decoded(name, () if value is None else ((learner, value),))


async def _read(
    source: Reader, noted: Noted, logs: tuple[str, str], partition: int, tenant: TenantId, bar: _Bar
) -> _State:
    """Read what both agents know of a tenant in one partition."""
    mine = f"{key(tenant)}/".encode()

    def wanted(names: tuple[bytes, ...]) -> Callable[[bytes, bytes], bool]:
        def asked(name: bytes, place: bytes) -> bool:
            if name not in names:
                return False
            # What is due is kept under its time first.
            return name == b"control" or (place.split(b"/", 1)[1] if name == b"due" else place).startswith(mine)

        return asked

    tables = [
        await source.tables(
            TopicPartition(log, partition),
            noted.end(log, partition),
            wanted(tuple(name.encode() for name in names)),
            bar.add,
        )
        for log, names in zip(logs, (PROGRESS, CERTIFICATES), strict=True)
    ]
    return _State(tenant, *tables)


async def _judge(state: _State, compared: Compared, found: Previewed, size: int, bar: _Bar) -> None:
    """Judge everyone of one partition under the new catalogue, and add it up; `size` is what the bar counts it as."""
    found.totals.expect(compared)
    counted = 0
    for at, learner in enumerate(state.learners, 1):
        found.totals.add(preview_learner(state.told(learner, compared.current), compared, found.time))
        if at % BREATH == 0:
            done = size * at // len(state.learners)
            bar.add(done - counted)
            counted = done
            await asyncio.sleep(0)
    bar.add(size - counted)


def _decoded(name: str, values: Iterable[tuple[bytes, bytes]]) -> MemoryTable[Any]:
    found, decode = MemoryTable[Any](), CODECS[name][1]
    for place, value in values:
        found.put(place.decode(), decode(value))
    return found


def _copied(table: MemoryTable[Control]) -> MemoryTable[Control]:
    found = MemoryTable[Control]()
    for place, value in table.scan(""):
        found.put(place, value)
    return found


def _by_learner(tables: Tables) -> dict[bytes, list[bytes]]:
    """What is due, by whom it concerns."""
    found: dict[bytes, list[bytes]] = {}
    for place in tables.get("due", {}):
        found.setdefault(place.split(b"/", 1)[1], []).append(place)
    return found
