"""The modelled broker: logs with transactions and their markers, producers' epochs, and the offsets of one group."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from aiokafka.errors import ProducerFenced
from faust.types import TP

from streams.messages import Message

# As `streams.app`: longer than this nobody's transaction stays open.
TRANSACTION_SECONDS = 10.0


class Fate(Enum):
    """What became of an entry of a log."""

    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()
    MARKER = auto()


@dataclass(slots=True, kw_only=True)
class Entry:
    """One entry of a log: a record, or the marker that ends a transaction. Compaction hides, and keeps the offset."""

    offset: int
    message: Message
    timestamp_ms: int
    fate: Fate
    transaction: str = ""
    is_compacted: bool = False


@dataclass(slots=True)
class Log:
    """One partition: its entries, and where each open transaction begins in it."""

    entries: list[Entry] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)

    @property
    def stable_end(self) -> int:
        """Where a reader of committed records ends: before the first open transaction."""
        return min(self.open.values(), default=len(self.entries))

    def visible(self, since: int = 0) -> Iterator[Entry]:
        """What a reader of committed records sees, compacted or not."""
        return (entry for entry in self.entries[since : self.stable_end] if entry.fate is Fate.COMMITTED)

    def fetch(self, position: int, most: int) -> tuple[list[Entry], int]:
        """So many visible records from there on, and where the next fetch begins."""
        found: list[Entry] = []
        end = self.stable_end
        for entry in self.entries[position:end]:
            if entry.fate is Fate.COMMITTED and not entry.is_compacted:
                found.append(entry)
                if len(found) == most:
                    return found, entry.offset + 1
        return found, max(position, end)


@dataclass(slots=True)
class Transactional:
    """What the coordinator knows of one transactional id."""

    epoch: int = -1
    is_ongoing: bool = False
    number: int = 0
    partitions: dict[TP, None] = field(default_factory=dict)
    offsets: dict[TP, int] = field(default_factory=dict)
    at_rest: asyncio.Event = field(default_factory=asyncio.Event)


class Broker:
    """
    One cluster that never loses what it has taken.

    A transaction's end is decided at once and takes effect partition by partition, its offsets among them, as the
    coordinator's markers get there; whoever sends or begins under the same id waits for the last of them.
    """

    def __init__(self, random: Random, now_ms: Callable[[], int]) -> None:
        self._random, self._now_ms = random, now_ms
        self.logs: dict[TP, Log] = {}
        self.offsets: dict[TP, int] = {}
        self.transactions: dict[str, Transactional] = {}
        self.on_visible: Callable[[TP, Entry], None] = lambda _tp, _entry: None
        self._ending: set[asyncio.Task[None]] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def log(self, tp: TP) -> Log:
        """The log of a partition; there is one as soon as somebody asks."""
        return self.logs.setdefault(tp, Log())

    @property
    def is_at_rest(self) -> bool:
        """Whether no transaction is open or about to end."""
        return all(known.at_rest.is_set() for known in self.transactions.values())

    # Reading

    async def news(self, seconds: float) -> None:
        """Wait until something can be read that could not before, or so long."""
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        self._waiting.append(waiting)
        timer = loop.call_later(seconds, _done, waiting)
        await waiting
        timer.cancel()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            _done(one)

    def compact(self, tp: TP) -> None:
        """Hide all but the newest committed record of each key; tombstones stay, as they do for a day."""
        newest: dict[bytes | None, Entry] = {}
        for entry in self.log(tp).visible():
            before = newest.get(entry.message.key)
            if before is not None:
                before.is_compacted = True
            newest[entry.message.key] = entry

    # Writing without a transaction

    def append(self, tp: TP, messages: Iterable[Message]) -> None:
        """Take records that are visible at once."""
        for message in messages:
            entry = self._add(tp, message, Fate.COMMITTED)
            if self.log(tp).stable_end > entry.offset:
                self.on_visible(tp, entry)
        self._tell()

    def commit(self, offsets: dict[TP, int]) -> None:
        """Take a group's offsets without a transaction."""
        self.offsets.update(offsets)

    def _add(self, tp: TP, message: Message, fate: Fate) -> Entry:
        entries = self.log(tp).entries
        entry = Entry(offset=len(entries), message=message, timestamp_ms=self._now_ms(), fate=fate)
        entries.append(entry)
        return entry

    # Transactions

    async def init(self, transactional_id: str) -> int:
        """Fence off whoever used this id before, end what they left open, and give the new epoch."""
        known = self._known(transactional_id)
        while not known.at_rest.is_set():
            if known.is_ongoing:
                known.epoch += 1
                self._end(transactional_id, known, Fate.ABORTED)
            await known.at_rest.wait()
        known.epoch += 1
        return known.epoch

    def check(self, transactional_id: str, epoch: int) -> None:
        """Raise ProducerFenced for an epoch that is not the newest."""
        if self._known(transactional_id).epoch != epoch:
            raise ProducerFenced

    async def add(self, transactional_id: str, epoch: int, tp: TP | None) -> None:
        """Let a partition, or with none the group's offsets, be part of the transaction; the first begins it."""
        known = self._known(transactional_id)
        self.check(transactional_id, epoch)
        while not known.is_ongoing and not known.at_rest.is_set():
            await known.at_rest.wait()
            self.check(transactional_id, epoch)
        if not known.is_ongoing:
            known.is_ongoing = True
            known.number += 1
            known.at_rest.clear()
            loop = asyncio.get_running_loop()
            loop.call_later(TRANSACTION_SECONDS, self._time_out, transactional_id, known.number)
        if tp is not None:
            known.partitions[tp] = None

    def produce(self, transactional_id: str, epoch: int, tp: TP, messages: Iterable[Message]) -> int:
        """Take a record batch of a transaction; gives the offset of its first record."""
        known = self._known(transactional_id)
        self.check(transactional_id, epoch)
        if not known.is_ongoing or tp not in known.partitions:
            raise ProducerFenced
        first = len(self.log(tp).entries)
        self.log(tp).open.setdefault(transactional_id, first)
        for message in messages:
            self._add(tp, message, Fate.OPEN).transaction = transactional_id
        return first

    def send_offsets(self, transactional_id: str, epoch: int, offsets: dict[TP, int]) -> None:
        """Take the offsets that count when the transaction is committed."""
        self.check(transactional_id, epoch)
        self._known(transactional_id).offsets.update(offsets)

    def end(self, transactional_id: str, epoch: int, fate: Fate) -> None:
        """Decide the end of a transaction. It is visible only when its markers are written."""
        self.check(transactional_id, epoch)
        self._end(transactional_id, self._known(transactional_id), fate)

    def _known(self, transactional_id: str) -> Transactional:
        known = self.transactions.get(transactional_id)
        if known is None:
            known = self.transactions[transactional_id] = Transactional()
            known.at_rest.set()
        return known

    def _time_out(self, transactional_id: str, number: int) -> None:
        known = self._known(transactional_id)
        if known.is_ongoing and known.number == number:
            known.epoch += 1
            self._end(transactional_id, known, Fate.ABORTED)

    def _end(self, transactional_id: str, known: Transactional, fate: Fate) -> None:
        known.is_ongoing = False
        ending = asyncio.get_running_loop().create_task(self._write_markers(transactional_id, known, fate))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _write_markers(self, transactional_id: str, known: Transactional, fate: Fate) -> None:
        places: list[TP | None] = [*known.partitions, None]
        self._random.shuffle(places)
        for tp in places:
            await asyncio.sleep(self._random.choice((0, 0, 0.001, 0.02)))
            if tp is not None:
                self._write_marker(transactional_id, tp, fate)
            elif fate is Fate.COMMITTED:
                self.offsets.update(known.offsets)
        known.partitions.clear()
        known.offsets.clear()
        known.at_rest.set()
        self._tell()

    def _write_marker(self, transactional_id: str, tp: TP, fate: Fate) -> None:
        log = self.log(tp)
        before = log.stable_end
        first = log.open.pop(transactional_id, len(log.entries))
        for entry in log.entries[first:]:
            if entry.fate is Fate.OPEN and entry.transaction == transactional_id:
                entry.fate = fate
        self._add(tp, Message(None, None), Fate.MARKER)
        for entry in log.visible(before):
            self.on_visible(tp, entry)
        self._tell()


def _done(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
