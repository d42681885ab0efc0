"""The tables of a batch: what the database has under what was changed, and what stays in hand between batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rocksdict import Options, Rdict, WriteBatch

from streams.tables import View, ViewTable


class Database:
    """A database in memory that counts what is read from it, with the little that a view asks of it."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.reads: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        self.reads.append(key)
        return self.values.get(key)

    def iter(self) -> "Cursor":
        return Cursor(sorted(self.values))

    def write(self, view: View) -> None:
        """End a batch as a `State` does."""
        for key, value in view.changes():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        view.settle()


class Cursor:
    def __init__(self, keys: list[bytes]) -> None:
        self._keys, self._at = keys, 0

    def seek(self, key: bytes) -> None:
        self._at = next((at for at, found in enumerate(self._keys) if found >= key), len(self._keys))

    def valid(self) -> bool:
        return self._at < len(self._keys)

    def key(self) -> bytes:
        return self._keys[self._at]

    def next(self) -> None:
        self._at += 1


def table_of(database: Any, kept: int = 3) -> tuple[View, ViewTable[list[int]]]:
    view = View(database, kept=kept)
    return view, view.table("t", msgspec.json.Encoder().encode, msgspec.json.Decoder(list[int]).decode)


def test_a_value_that_is_in_hand_is_not_read_again_in_the_next_batch() -> None:
    database = Database()
    database.values = {b"t/a": b"[1]"}
    view, table = table_of(database)
    assert (table.get("a"), table.get("missing")) == ([1], None)
    database.write(view)

    assert (table.get("a"), table.get("missing")) == ([1], None)
    assert database.reads == [b"t/a", b"t/missing"]


def test_what_was_put_or_deleted_in_one_batch_is_in_hand_in_the_next() -> None:
    database = Database()
    database.values = {b"t/a": b"[1]", b"t/b": b"[2]"}
    view, table = table_of(database)
    table.put("a", [3])
    table.delete("b")
    database.write(view)

    assert (table.get("a"), table.get("b")) == ([3], None)
    assert view.changes() == []
    assert database.values == {b"t/a": b"[3]"}


def test_a_value_that_was_changed_in_place_and_put_is_written_and_nothing_else_is() -> None:
    database = Database()
    database.values = {b"t/a": b"[1]", b"t/b": b"[2]"}
    view, table = table_of(database)
    for batch in range(3):
        value = table.get("a") or []
        value.append(batch)
        table.get("b")
        table.put("a", value)
        assert [key for key, _ in view.changes()] == [b"t/a"]
        database.write(view)

    assert database.values == {b"t/a": b"[1,0,1,2]", b"t/b": b"[2]"}


@pytest.mark.parametrize("batches", [1, 2, 5, 20])
def test_no_more_than_twice_as_many_values_as_are_kept_stay_in_hand(batches: int) -> None:
    database = Database()
    view, table = table_of(database, kept=10)
    for batch in range(batches):
        for at in range(10):
            table.put(f"{batch}-{at}", [at])
        database.write(view)
    database.reads.clear()
    for batch in range(batches):
        for at in range(10):
            assert table.get(f"{batch}-{at}") == [at]

    in_hand = 10 * batches - len(database.reads)
    assert 10 <= in_hand <= 20


def test_a_value_that_every_batch_asks_for_stays_in_hand() -> None:
    database = Database()
    database.values = {b"t/busy": b"[1]"}
    view, table = table_of(database, kept=2)
    for batch in range(10):
        assert table.get("busy") == [1]
        table.put(f"{batch}", [batch])
        database.write(view)

    assert database.reads == [b"t/busy"]


def test_a_new_view_knows_nothing_of_what_another_had_in_hand() -> None:
    """A partition that was somebody else's for a while comes back with another state, and a new view."""
    database = Database()
    database.values = {b"t/a": b"[1]"}
    view, table = table_of(database)
    assert table.get("a") == [1]
    database.write(view)
    database.values = {b"t/a": b"[2]"}

    assert table_of(database)[1].get("a") == [2]


KEYS = st.sampled_from(["a", "a/1", "a/2", "b", "b/1", "ab", "c"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(0, 9)),
    st.tuples(st.just("delete"), KEYS, st.just(0)),
    st.tuples(st.just("get"), KEYS, st.just(0)),
    st.tuples(st.just("scan"), st.sampled_from(["", "a", "a/", "b", "z"]), st.just(0)),
    st.tuples(st.just("end"), st.just(""), st.just(0)),
)


@given(st.lists(STEPS, max_size=40), st.integers(1, 4))
def test_a_table_gives_what_a_dictionary_would_whatever_is_in_hand(
    steps: list[tuple[str, str, int]], kept: int
) -> None:
    database = Database()
    view, table = table_of(database, kept)
    expected: dict[str, list[int]] = {}
    for step, key, number in steps:
        match step:
            case "put":
                expected[key] = [number]
                table.put(key, [number])
            case "delete":
                expected.pop(key, None)
                table.delete(key)
            case "get":
                assert table.get(key) == expected.get(key)
            case "scan":
                assert list(table.scan(key)) == sorted(item for item in expected.items() if item[0].startswith(key))
            case _:
                database.write(view)
                assert database.values == {f"t/{k}".encode(): msgspec.json.encode(v) for k, v in expected.items()}


@pytest.fixture
def rocksdb(tmp_path: Path) -> Iterator[Rdict]:
    database = Rdict(str(tmp_path / "db"), options=Options(raw_mode=True))
    yield database
    database.close()


def test_a_scan_of_a_real_database_goes_on_behind_a_key_and_sees_the_batch(rocksdb: Rdict) -> None:
    batch = WriteBatch(raw_mode=True)
    for key in (b"s/a/1", b"t/a/1", b"t/a/2", b"t/a/3", b"t/b/1", b"u/a/1"):
        batch.put(key, b"[1]")
    rocksdb.write(batch)
    _, table = table_of(rocksdb)
    table.put("a/25", [2])
    assert [key for key, _ in table.scan("a/", "a/2")] == ["a/25", "a/3"]
    table.put("a/26", [3])
    table.delete("a/3")

    assert list(table.scan("a/", "a/2")) == [("a/25", [2]), ("a/26", [3])]
