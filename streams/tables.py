"""Batch tables: the tables of one agent in one RocksDB a partition, read and written many keys at a time."""

import shutil
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import structlog
from faust.stores.rocksdb import Store
from faust.tables.table import Table as FaustTable
from faust.types import TP, EventT
from prometheus_client import Counter
from rocksdict import AccessType, Options, Rdict, WriteBatch

from streams.exits import bug, cut, missed
from streams.lane import Consumer, Run

log = structlog.get_logger("laurel")

DAY = 24 * 60 * 60
STALE_SECONDS = DAY

# How each database is opened. Faust would allow each of them 2 GiB of cache and three buffers of 64 MiB, and filters
# of 3 bits a key, which send one question in five for what is not there to the disk (decision 0010).
STORE_OPTIONS: Final = {
    "write_buffer_size": 16 << 20,
    "max_write_buffer_number": 2,
    "block_cache_size": 16 << 20,
    "bloom_filter_size": 10,
}

V = TypeVar("V")
Changes = list[tuple[bytes, bytes | None]]

# So many values of each table, and at most twice as many, stay in hand between batches. One of the largest, what
# rules ask about a learner in a course of ten topics, takes about 8 KB (decision 0010).
KEPT = 2_000


class BatchTable(FaustTable[bytes, bytes]):
    """
    A Faust table for its changelog, standby and recovery; reads and writes go past Faust's one-key interface.

    All logical tables of an agent live in it, each under its name: one changelog, one WriteBatch, one persisted
    offset (docs/decisions/0005).
    """

    restored: Counter | None = None

    @property
    def rocksdb(self) -> Store:
        return cast("Store", self.data)

    def database(self, partition: int) -> Rdict:
        # Faust opens and closes it on rebalance.
        return cast("Rdict", self.rocksdb._db_for_partition(partition))  # noqa: SLF001

    def drop_stale(self, partition: int) -> None:
        """
        Drop state that nobody has written to for so long that the changelog may not tell any more what it deleted.

        Compaction keeps tombstones for `streams.topics.TOMBSTONES_MS`, twice as long as we keep state without them.
        """
        place = self.rocksdb.partition_path(partition)
        if partition in self.rocksdb._dbs or not place.exists():  # noqa: SLF001  # Faust's, of what is open
            return
        age_seconds = time.time() - max(file.stat().st_mtime for file in [place, *place.iterdir()])
        if age_seconds > STALE_SECONDS:
            log.info("dropping state that is too old to be continued", place=str(place), days=int(age_seconds / DAY))
            shutil.rmtree(place)

    def store(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], offset: int | None) -> None:
        """Write changes and the changelog offset they reach, in one step."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if offset is not None:
            batch.put(self.rocksdb.offset_key, str(offset).encode())
        self.database(partition).write(batch)

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Apply whole restored batches. Faust swallows what is raised here, having moved on: so it ends the process."""
        try:
            for event in batch:
                if event.message.generation_id == self.app.consumer_generation_id:
                    self._apply(cast("Run", event.message.value))
        except BaseException as error:  # noqa: BLE001  # state would be wrong from here on
            bug("restoring state from the changelog", error)

    def _apply(self, run: Run) -> None:
        """Apply what continues the state that is there, for a partition that is ours to restore."""
        tp, recovery = TP(run.topic, run.partition), self.app.tables.recovery  # type: ignore[attr-defined]
        is_active = tp in recovery.active_tps
        if tp.topic not in self.changelog_topic.topics or not (is_active or tp in recovery.standby_tps):
            # Left over from before a rebalance: Faust gives it to whichever table was restored last.
            return
        if is_active and self.app.lanes.is_open:  # type: ignore[attr-defined]  # set by streams.app.build
            msg = f"{tp} is in use, and older records would overwrite its state"
            raise RuntimeError(msg)
        applied, sought = self.persisted_offset(tp), cast("Consumer", self.app.consumer).sought.get(tp, 0)
        where = f"{tp.topic} partition {tp.partition}"
        if applied is not None and applied + 1 < sought:
            cut(where, applied + 1, sought)
        expected = max(0 if applied is None else applied + 1, sought)
        if run.begin <= expected:
            self.store(tp.partition, [(record.key or b"", record.value) for record in run.records], run.offset)
            if self.restored is not None:
                self.restored.inc(len(run.records))
        elif is_active:
            # Faust may end recovery on this very batch, so there is no going back within it.
            missed(where, expected, run.begin)
        else:
            log.warning("records for a standby were lost on the way; fetching them again", where=where, offset=expected)
            recovery.standby_offsets[tp] = expected - 1
            cast("Consumer", self.app.consumer).rewind(tp, expected)


class View:
    """
    What one batch sees of a partition: the database, under what the batch itself has changed.

    Values are decoded once and kept; what is `put` is encoded once, when the changes are taken. Written to the
    database only after the transaction has committed.
    """

    def __init__(self, database: Rdict, *, kept: int = KEPT) -> None:
        self._database, self._kept = database, kept
        self._tables: list[ViewTable[Any]] = []

    def table(self, name: str, encode: Callable[[V], bytes], decode: Callable[[bytes], V]) -> "ViewTable[V]":
        table = ViewTable(self._database, name, encode, decode, kept=self._kept)
        self._tables.append(table)
        return table

    def changes(self) -> Changes:
        """What the batch has changed, in the order of tables and keys."""
        return [change for table in self._tables for change in table.changes()]

    def settle(self) -> None:
        """The database has what the batch has changed: the next batch begins with what is in hand."""
        for table in self._tables:
            table.settle()


class ViewTable(Generic[V]):
    """
    One logical table in a view; see `rules.known.Table`.

    Values stay in hand from batch to batch: those of learners who are busy are neither read nor decoded again.
    This holds because nobody else writes to the database while a view of it is used, and because a value that is
    changed is put (decision 0010). When there are `kept` of them, those that no batch has asked for since the
    last time are dropped: so at most twice as many are in hand between batches.
    """

    def __init__(
        self,
        database: Rdict,
        name: str,
        encode: Callable[[V], bytes],
        decode: Callable[[bytes], V],
        *,
        kept: int = KEPT,
    ) -> None:
        self._database, self._prefix = database, f"{name}/".encode()
        self._encode, self._decode = encode, decode
        self._kept = kept
        self._values: dict[str, V | None] = {}
        self._older: dict[str, V | None] = {}
        self._changed: dict[str, None] = {}
        self._sorted: list[str] | None = None

    def get(self, key: str) -> V | None:
        try:
            return self._values[key]
        except KeyError:
            pass
        try:
            value = self._older.pop(key)
        except KeyError:
            raw = self._database.get(self._prefix + key.encode())
            value = None if raw is None else self._decode(raw)
        self._values[key] = value
        return value

    def put(self, key: str, value: V) -> None:
        self._change(key, value)

    def delete(self, key: str) -> None:
        self._change(key, None)

    def _change(self, key: str, value: V | None) -> None:
        self._values[key] = value
        if key not in self._changed:
            self._changed[key] = None
            if self._sorted is not None:
                insort(self._sorted, key)

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, V]]:
        """Database and changes, merged: what the batch has put or deleted hides what the database has."""
        start = max(prefix, after)
        stored = self._stored(prefix, start)
        changed = self._changed_from(prefix, start)
        next_stored, next_changed = next(stored, None), next(changed, None)
        while next_stored is not None or next_changed is not None:
            if next_changed is None or (next_stored is not None and next_stored < next_changed):
                key, next_stored = next_stored, next(stored, None)
            else:
                key = next_changed
                if next_stored == key:
                    next_stored = next(stored, None)
                next_changed = next(changed, None)
            value = self.get(key) if key is not None and key > after else None
            if key is not None and value is not None:
                yield key, value

    def _changed_from(self, prefix: str, start: str) -> Iterator[str]:
        """What the batch has changed below a prefix; the keys are in order from the first scan of a batch on."""
        if self._sorted is None:
            self._sorted = sorted(self._changed)
        first = last = bisect_left(self._sorted, start)
        while last < len(self._sorted) and self._sorted[last].startswith(prefix):
            last += 1
        return iter(self._sorted[first:last])

    def changes(self) -> Changes:
        found: Changes = []
        for key in self._changed:
            value = self._values[key]
            found.append((self._prefix + key.encode(), None if value is None else self._encode(value)))
        return found

    def settle(self) -> None:
        self._changed.clear()
        self._sorted = None
        if len(self._values) >= self._kept:
            self._older, self._values = self._values, {}

    def _stored(self, prefix: str, start: str) -> Iterator[str]:
        whole = self._prefix + prefix.encode()
        cursor = self._database.iter()
        cursor.seek(self._prefix + start.encode())
        while cursor.valid():
            key = cursor.key()
            if not key.startswith(whole):
                return
            yield key[len(self._prefix) :].decode()
            cursor.next()


def read_table(database: Path, name: str, decode: Callable[[bytes], V]) -> Iterator[tuple[str, V]]:
    """Read one logical table of a database that no worker has open, without changing it."""
    opened = Rdict(str(database), options=Options(raw_mode=True), access_type=AccessType.read_only())
    try:
        yield from ViewTable[V](opened, name, _never, decode).scan("")
    finally:
        opened.close()


def _never(_value: object) -> bytes:
    raise TypeError("this view is for reading")
