"""Restoring: a table takes the changelog records that continue its state, and ends the process rather than guess."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from rules.keys import TenantId
from streams import tables as tables_module
from streams import topics
from streams.app import Streams, build
from streams.lane import Consumer, Run
from streams.metrics import Metrics
from streams.options import Source, StreamOptions
from streams.tables import BatchTable

CHANGELOG = TP("laurel-progress-changelog", 1)


@pytest.fixture
async def streams(tmp_path: Path) -> Streams:
    source = Source(topic="lms", dialect="laurel", tenant=TenantId("t"))
    options = StreamOptions(
        app_id="laurel", brokers=("127.0.0.1:9",), sources=(source,), data_dir=tmp_path, worker_name="w"
    )
    built = build(options, Metrics(CollectorRegistry()))
    recovery(built).active_tps.add(CHANGELOG)
    return built


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What would have ended the process, in place of its end."""
    found: list[tuple[Any, ...]] = []
    for name in ("bug", "cut", "missed"):
        monkeypatch.setattr(tables_module, name, lambda *told, name=name: found.append((name, *told)))
    return found


def recovery(streams: Streams) -> Any:
    return cast("Any", streams.app.tables).recovery


def table(streams: Streams) -> BatchTable:
    return cast("BatchTable", streams.app.tables["progress"])


def restored(streams: Streams, begin: int, end: int, tp: TP = CHANGELOG, **values: bytes | None) -> None:
    records: Any = [
        SimpleNamespace(
            key=key.encode(), value=value, timestamp=0, offset=begin, serialized_key_size=1, serialized_value_size=1
        )
        for key, value in values.items()
    ]
    message = SimpleNamespace(
        value=Run(tp, records, begin, end), generation_id=streams.app.consumer_generation_id, partition=tp.partition
    )
    table(streams).apply_changelog_batch([cast("Any", SimpleNamespace(message=message))])


def held(streams: Streams, key: str) -> bytes | None:
    return cast("bytes | None", table(streams).database(CHANGELOG.partition).get(key.encode()))


async def test_batches_that_continue_are_applied_with_the_offset_that_they_reach(
    streams: Streams, ends: list[Any]
) -> None:
    restored(streams, 0, 2, a=b"1", b=b"1")
    restored(streams, 2, 5, a=b"2", b=None)

    assert (held(streams, "a"), held(streams, "b")) == (b"2", None)
    assert table(streams).persisted_offset(CHANGELOG) == 4
    assert ends == []


async def test_a_batch_of_markers_only_moves_the_offset(streams: Streams, ends: list[Any]) -> None:
    restored(streams, 0, 1, a=b"1")
    restored(streams, 1, 3)

    assert table(streams).persisted_offset(CHANGELOG) == 2
    assert ends == []


async def test_state_that_misses_records_is_never_completed_with_later_ones(streams: Streams, ends: list[Any]) -> None:
    restored(streams, 0, 1, a=b"1")
    restored(streams, 4, 5, a=b"5")

    assert held(streams, "a") == b"1"
    assert [end[0] for end in ends] == ["missed"]


async def test_a_standby_that_misses_records_has_them_fetched_again(streams: Streams, ends: list[Any]) -> None:
    recovery(streams).active_tps.clear()
    recovery(streams).standby_tps.add(CHANGELOG)
    restored(streams, 0, 1, a=b"1")
    restored(streams, 4, 5, a=b"5")

    assert held(streams, "a") == b"1"
    assert recovery(streams).standby_offsets[CHANGELOG] == 0
    assert cast("Consumer", streams.app.consumer)._rewinds == {CHANGELOG: 1}
    assert ends == []


async def test_older_records_are_refused_once_the_partition_is_at_work(streams: Streams, ends: list[Any]) -> None:
    restored(streams, 0, 1, a=b"1")
    streams.lanes.is_open = True
    restored(streams, 1, 2, a=b"0")

    assert held(streams, "a") == b"1"
    assert [end[0] for end in ends] == ["bug"]


async def test_what_is_left_over_from_before_a_rebalance_is_dropped(streams: Streams, ends: list[Any]) -> None:
    restored(streams, 0, 1, TP("laurel-certificates-changelog", 1), a=b"another table's")
    restored(streams, 0, 1, TP(CHANGELOG.topic, 3), a=b"another worker's")
    streams.app.consumer_generation_id = 7
    message = SimpleNamespace(value=Run(CHANGELOG, (), 0, 1), generation_id=6)
    table(streams).apply_changelog_batch([cast("Any", SimpleNamespace(message=message))])

    assert held(streams, "a") is None
    assert table(streams).persisted_offset(CHANGELOG) is None
    assert not (table(streams).rocksdb.partition_path(3)).exists()
    assert ends == []


async def test_a_changelog_that_was_cut_below_what_is_there_ends_the_process(streams: Streams, ends: list[Any]) -> None:
    restored(streams, 0, 1, a=b"1")
    cast("Consumer", streams.app.consumer).sought[CHANGELOG] = 9
    restored(streams, 9, 10, a=b"9")

    assert ends[0][0] == "cut"


async def test_a_changelog_that_was_compacted_from_its_beginning_is_restored(streams: Streams, ends: list[Any]) -> None:
    cast("Consumer", streams.app.consumer).sought[CHANGELOG] = 9
    restored(streams, 9, 10, a=b"9")

    assert held(streams, "a") == b"9"
    assert ends == []


async def test_what_cannot_be_stored_ends_the_process(
    streams: Streams, ends: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_told: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(table(streams), "store", full)
    restored(streams, 0, 1, a=b"1")

    assert [end[0] for end in ends] == ["bug"]


async def test_state_that_is_older_than_what_the_changelog_tells_of_deletions_is_dropped(streams: Streams) -> None:
    restored(streams, 0, 1, a=b"1")
    place = table(streams).rocksdb.partition_path(CHANGELOG.partition)
    await table(streams).rocksdb.stop()
    table(streams).drop_stale(CHANGELOG.partition)
    assert place.exists()

    for file in [place, *place.iterdir()]:
        os.utime(file, (0, time.time() - tables_module.STALE_SECONDS - 1))
    table(streams).drop_stale(CHANGELOG.partition)
    assert not place.exists()
    assert held(streams, "a") is None


async def test_state_that_is_in_use_is_never_dropped(streams: Streams) -> None:
    restored(streams, 0, 1, a=b"1")
    place = table(streams).rocksdb.partition_path(CHANGELOG.partition)
    for file in [place, *place.iterdir()]:
        os.utime(file, (0, 0))
    table(streams).drop_stale(CHANGELOG.partition)

    assert place.exists()
    assert topics.TOMBSTONES_MS > 1_000 * tables_module.STALE_SECONDS
