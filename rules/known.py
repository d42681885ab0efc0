"""What is known in one partition: tables that can be read, written and walked, and what was decided on them."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from rules.awards import Award, ByHand, Erased, Held, UpToDate
from rules.catalogue import Catalogue, parse_catalogue
from rules.course import CourseRecord, Histories, Met
from rules.criteria import Node
from rules.histories import History
from rules.keys import AwardId, ClauseId, CourseId, CredentialId, Instant, LearnerId, LearnerKey, TenantId, key, parts
from rules.ledger import Ledger, Status
from rules.rulebook import Rulebook, rulebook
from rules.spans import FOREVER, Spans

V = TypeVar("V")

# A clock that is further ahead than this, in microseconds, is not believed: what ends by the clock does not come back.
JUMP = 86_400_000_000

# So many who are due are looked at within one record; where they are more, the others are looked at between batches.
AT_ONCE = 100


class Table(Protocol[V]):
    """Values by key. What `get` gave may be changed in place, and counts once it is `put`."""

    def get(self, key: str) -> V | None: ...

    def put(self, key: str, value: V) -> None: ...

    def delete(self, key: str) -> None: ...

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, V]]:
        """All that lies below a prefix and behind a key, in the order of the keys' bytes."""
        ...


class MemoryTable(Generic[V]):
    """A table of plain Python, for tests and for judging without a broker."""

    def __init__(self) -> None:
        self._values: dict[str, V] = {}
        self._keys: list[str] = []

    def get(self, key: str) -> V | None:
        return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        if key not in self._values:
            insort(self._keys, key)
        self._values[key] = value

    def delete(self, key: str) -> None:
        if self._values.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, V]]:
        at = bisect_left(self._keys, max(prefix, after))
        for found in self._keys[at:]:
            if not found.startswith(prefix):
                return
            if found > after:
                yield found, self._values[found]


@dataclass(slots=True, kw_only=True)
class CourseProgress:
    """
    What rules ask about one learner in one course, and how far each clause was when it was told last.

    Derived: stale when judged under anything older.
    """

    judged_under: str = ""
    course_revision: int = 0
    histories: Histories = field(default_factory=dict)
    clauses: dict[ClauseId, tuple[Met, ...]] = field(default_factory=dict)
    nodes: dict[ClauseId, Node] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class StandingRecord:
    """
    That a learner's standing with one credential is told: its status, and how far each count of badges is.

    How far its clauses are stands beside their histories, once for all credentials that ask for them.
    """

    badges: dict[str, Node] = field(default_factory=dict)
    status: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A walk over learners that goes on between batches; `after` is the last one it has done."""

    tenant: TenantId
    course: CourseId | None = None
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """That somebody was erased: when, by whom and why. Not who they were."""

    erased_at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """
    One record of the control table: a catalogue in force, the time, the last clock record, a walk, an erasure, or the
    key that those are hashed with.
    """

    catalogue: dict[str, Any] | None = None
    time: int | None = None
    walk: Walk | None = None
    erasing: Erasing | None = None
    hash_key: str | None = None


@dataclass(slots=True, kw_only=True)
class Decisions:
    """
    What one batch decided. Awards and held spans keep their order; a standing is told once, at the end.

    `awards_gone` and `names_gone`: of those who were erased; `passed_over`: how many records spoke of them later.
    """

    awards: list[Award] = field(default_factory=list)
    held: list[Held | UpToDate | ByHand | Erased] = field(default_factory=list)
    awards_gone: list[tuple[LearnerKey, AwardId]] = field(default_factory=list)
    names_gone: dict[LearnerKey, None] = field(default_factory=dict)
    passed_over: int = 0
    standings: dict[tuple[LearnerKey, CredentialId], None] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Clock:
    """What the control table says: catalogues and the time. Read once, then kept beside it."""

    control: Table[Control]
    rulebooks: dict[TenantId, Rulebook] = field(default_factory=dict)
    _time: int | None = None
    _hash_key: bytes | None = None

    @property
    def hash_key(self) -> bytes:
        """What this partition makes hashes of who was erased with; empty where nobody was."""
        if self._hash_key is None:
            record = self.control.get("hash-key")
            self._hash_key = b"" if record is None or record.hash_key is None else bytes.fromhex(record.hash_key)
        return self._hash_key

    def keep_hash_key(self, hash_key: str) -> None:
        """Keep such a key, in hexadecimal, if there is none: it stays the same for ever."""
        if not self.hash_key:
            self._hash_key = bytes.fromhex(hash_key)
            self.control.put("hash-key", Control(hash_key=hash_key))

    @property
    def time(self) -> Instant:
        """The latest time that this partition has heard of, in microseconds since 1970."""
        if self._time is None:
            record = self.control.get("time")
            self._time = record.time if record is not None and record.time is not None else 0
        return Instant(self._time)

    def advance(self, time: int) -> bool:
        """Take the later of the two times; says whether that changed it."""
        if time <= self.time:
            return False
        self._time = time
        self.control.put("time", Control(time=time))
        return True

    def is_jump(self, time: int) -> bool:
        """
        Whether a clock record is more than a day ahead of what this partition knows.

        The first that a partition hears is none: until then it knows the time of facts and catalogues only, which
        may be long ago.
        """
        return self.control.get("clock") is not None and time - self.time > JUMP

    def hear(self, time: int) -> None:
        """Write down that a clock record was heard, and believed."""
        self.control.put("clock", Control(time=time))

    def rulebook(self, tenant: TenantId) -> Rulebook | None:
        """The catalogue in force for a tenant, if one was ever applied."""
        found = self.rulebooks.get(tenant)
        if found is None:
            record = self.control.get(key("catalogue", tenant))
            if record is not None and record.catalogue is not None:
                found = self.rulebooks[tenant] = rulebook(parse_catalogue(record.catalogue))
        return found

    def put_in_force(self, document: dict[str, Any]) -> tuple[Catalogue, bool]:
        """
        Put a catalogue in force; says whether that changed anything.

        Raises KeyError, TypeError, ValueError or graphlib.CycleError for one that was not checked.
        """
        catalogue = parse_catalogue(document)
        ready, current = rulebook(catalogue), self.rulebook(catalogue.tenant)
        if current is not None and current.digest == ready.digest:
            return catalogue, False
        self.rulebooks[catalogue.tenant] = ready
        self.control.put(key("catalogue", catalogue.tenant), Control(catalogue=document))
        return catalogue, True


@dataclass(slots=True, kw_only=True)
class Agenda:
    """What to look at when the clock gets there. The earliest is remembered, so that asking costs nothing."""

    due: Table[bool]
    _earliest: int | None = None

    def add(self, time: int, who: LearnerKey) -> None:
        """Look at this learner when it is that time (microseconds since 1970)."""
        self.due.put(f"{time:020}/{who}", True)
        self._earliest = min(self._first(), time)

    def is_due(self, time: int) -> bool:
        """Whether anybody is to be looked at by that time."""
        return self._first() <= time

    def take(self, time: int, most: int) -> list[LearnerKey]:
        """Whom to look at by that time, earliest first and at most so many entries; they are off the agenda then."""
        if not self.is_due(time):
            return []
        found: dict[str, LearnerKey] = {}
        for place, _ in self.due.scan(""):
            at, tenant, learner = parts(place)
            if int(at) > time or len(found) == most:
                break
            found[place] = LearnerKey(TenantId(tenant), LearnerId(learner))
        for place in found:
            self.due.delete(place)
        self._earliest = None
        return list(dict.fromkeys(found.values()))

    def _first(self) -> int:
        if self._earliest is None:
            place = next((place for place, _ in self.due.scan("")), None)
            self._earliest = FOREVER if place is None else int(parts(place)[0])
        return self._earliest


@dataclass(slots=True, kw_only=True)
class Known:
    """What the progress agent knows in one partition (DESIGN.md, "State")."""

    facts: Table[History]
    courses: Table[CourseRecord]
    progress: Table[CourseProgress]
    ledger: Table[Ledger]
    standings: Table[StandingRecord]
    agenda: Agenda
    enrolled: Table[bool]
    events: Table[str]
    clock: Clock
    decisions: Decisions = field(default_factory=Decisions)

    def course(self, tenant: TenantId, course: CourseId) -> CourseRecord:
        """What was said of a course for everyone: an empty record where nothing was."""
        return self.courses.get(key(tenant, course)) or CourseRecord()

    @classmethod
    def of(cls, table: Callable[[str], Table[Any]]) -> "Known":
        """Make one of anything that gives a table for a name."""
        return cls(
            facts=table("facts"),
            courses=table("courses"),
            progress=table("progress"),
            ledger=table("ledger"),
            standings=table("standings"),
            enrolled=table("enrolled"),
            events=table("events"),
            agenda=Agenda(due=table("due")),
            clock=Clock(control=table("control")),
        )


@dataclass(slots=True, kw_only=True)
class KnownOfCertificates:
    """What the certificates agent knows in one partition: badges' spans, and what it said of certificates."""

    held: Table[dict[CredentialId, Spans]]
    ledger: Table[Ledger]
    agenda: Agenda
    clock: Clock
    decisions: Decisions = field(default_factory=Decisions)

    @classmethod
    def of(cls, table: Callable[[str], Table[Any]]) -> "KnownOfCertificates":
        """Make one of anything that gives a table for a name."""
        return cls(
            held=table("held"),
            ledger=table("certificate_ledger"),
            agenda=Agenda(due=table("due")),
            clock=Clock(control=table("control")),
        )
