"""The modelled disk of one machine: databases that are written in whole batches, and may lose the newest of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from faust.stores.rocksdb import Store
from faust.types import TP, AppT, TopicT

from streams.tables import BatchTable


class Batch:
    """Stands for RocksDB's WriteBatch."""

    def __init__(self, raw_mode: bool) -> None:
        assert raw_mode
        self.changes: dict[bytes, bytes | None] = {}

    def put(self, key: bytes, value: bytes) -> None:
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        self.changes[key] = None


@dataclass(slots=True)
class Stored:
    """What one database holds on disk, and how each batch changed it."""

    values: dict[bytes, bytes] = field(default_factory=dict)
    undo: list[dict[bytes, bytes | None]] = field(default_factory=list)
    _keys: list[bytes] | None = None

    def keys(self) -> list[bytes]:
        """All keys in order; the list is never changed, so whoever walks it sees what was when they began."""
        if self._keys is None:
            self._keys = sorted(self.values)
        return self._keys

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        """Write all of it, or nothing."""
        self.undo.append({key: self.values.get(key) for key in changes})
        self._apply(changes)

    def lose_newest(self, batches: int) -> None:
        """Be as old as the disk was before so many batches: a machine that lost power had not flushed them."""
        for _ in range(min(batches, len(self.undo))):
            self._apply(self.undo.pop())

    def _apply(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        self._keys = None


@dataclass(slots=True)
class Cursor:
    """Stands for RocksDB's iterator."""

    _keys: list[bytes]
    _at: int = 0

    def seek(self, key: bytes) -> None:
        low, high = 0, len(self._keys)
        while low < high:
            middle = (low + high) // 2
            if self._keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        self._at = low

    def valid(self) -> bool:
        return self._at < len(self._keys)

    def key(self) -> bytes:
        return self._keys[self._at]

    def next(self) -> None:
        self._at += 1


@dataclass(slots=True)
class Database:
    """One database as one process has it open; `touch` is asked before anything is read or written."""

    stored: Stored
    touch: Callable[[str], None]

    def get(self, key: bytes) -> bytes | None:
        self.touch("read")
        return self.stored.values.get(key)

    def iter(self) -> Cursor:
        self.touch("read")
        return Cursor(self.stored.keys())

    def write(self, batch: Batch) -> None:
        self.touch("write")
        self.stored.write(batch.changes)


class Databases:
    """Stands for Faust's RocksDB store of one table: a database for each partition."""

    offset_key = Store.offset_key

    def __init__(self, database: Callable[[int], Database]) -> None:
        self._database = database
        self._open: dict[int, Database] = {}

    def _db_for_partition(self, partition: int) -> Database:
        if partition not in self._open:
            self._open[partition] = self._database(partition)
        return self._open[partition]


class Table(BatchTable):
    """The real table over a modelled disk: what it stores and restores is its own code."""

    def __init__(self, app: SimpleNamespace, changelog: str, databases: Databases) -> None:
        # Without Faust's own, which wants a whole app.
        self.app = cast("AppT", app)
        self._changelog_topic = cast("TopicT", SimpleNamespace(topics=[changelog]))
        self._databases = databases

    @property
    def rocksdb(self) -> Store:
        return cast("Store", self._databases)

    def persisted_offset(self, tp: TP) -> int | None:
        found = self.database(tp.partition).get(self.rocksdb.offset_key)
        return None if found is None else int(found)

    def drop_stale(self, partition: int) -> None:
        """Nothing here lives for a day."""
