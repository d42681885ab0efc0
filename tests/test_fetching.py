"""Fetching: each batch says where it begins and ends, whoever moves positions while it is on its way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from prometheus_client import CollectorRegistry

from rules.keys import TenantId
from streams.app import Streams, build
from streams.lane import Consumer, Run
from streams.metrics import Metrics
from streams.options import Source, StreamOptions

pytestmark = pytest.mark.timeout(20)

SOURCE, CHANGELOG = TP("lms", 0), TP("laurel-progress-changelog", 1)


class Log:
    """A partition of a thousand records, for Faust's consumer and its thread; `meanwhile` is done in a fetch."""

    def __init__(self, tp: TP, position: int) -> None:
        self.tp, self.position = tp, position
        self.cut: dict[TP, int] = {}
        self.meanwhile: Callable[[], Awaitable[object]] = self.nothing

    async def nothing(self) -> None: ...

    async def fetch(self, count: int) -> dict[TP, list[Any]]:
        offsets = range(self.position, self.position + count)
        self.position += count
        await self.meanwhile()
        one = {"timestamp": 0, "serialized_key_size": 1, "serialized_value_size": 1}
        return {self.tp: [SimpleNamespace(offset=offset, **one) for offset in offsets]}

    async def ends(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        return dict.fromkeys(partitions, (self.position, 1_000))

    def assignment(self) -> set[TP]:
        return {self.tp}

    def seek(self, _partition: TP, offset: int) -> None:
        self.position = offset

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.position = partitions[self.tp]

    async def seek_to_committed(self) -> dict[TP, int]:
        self.position = 3
        return {self.tp: 3}


@pytest.fixture
async def streams(tmp_path: Path) -> Streams:
    source = Source(topic=SOURCE.topic, dialect="laurel", tenant=TenantId("t"))
    options = StreamOptions(
        app_id="laurel", brokers=("127.0.0.1:9",), sources=(source,), data_dir=tmp_path, worker_name="w"
    )
    return build(options, Metrics(CollectorRegistry()))


def reading(streams: Streams, log: Log, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Awaitable[list[Run]]]:
    """Let the app's consumer read this log; gives a fetch of so many records, and the batch that it hands over."""
    consumer, asked = cast("Consumer", streams.app.consumer), [0]
    monkeypatch.setattr(consumer, "_thread", log)

    async def wait_next_records(*_told: object) -> tuple[Any, set[TP]]:
        return await log.fetch(asked[0]), {log.tp}

    monkeypatch.setattr(driver.Consumer, "_wait_next_records", wait_next_records)

    async def fetched(count: int) -> list[Run]:
        asked[0] = count
        batches, _ = await consumer._wait_next_records(1.0)
        runs: list[Run] = batches.get(log.tp, [])
        return runs

    return fetched


def span(batches: list[Run]) -> list[tuple[int, int, int]]:
    return [(batch.begin, batch.records[0].offset, batch.end) for batch in batches]


async def test_a_batch_that_was_fetched_while_positions_moved_goes_by_its_records(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(SOURCE, 0)
    fetch, consumer = reading(streams, log, monkeypatch), cast("Consumer", streams.app.consumer)
    assert span(await fetch(5)) == [(0, 0, 5)]

    log.meanwhile = consumer.seek_to_committed
    assert span(await fetch(2)) == [(5, 5, 7)]
    log.meanwhile = log.nothing
    assert span(await fetch(2)) == [(3, 3, 5)]


async def test_a_batch_that_was_fetched_between_two_moves_of_one_seek_does_not_begin_where_the_last_ended(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, goes_on = Log(SOURCE, 0), asyncio.Event()
    fetch, consumer = reading(streams, log, monkeypatch), cast("Consumer", streams.app.consumer)
    move = log.seek_to_committed

    async def slowly() -> dict[TP, int]:
        found = await move()
        await goes_on.wait()
        return found

    monkeypatch.setattr(log, "seek_to_committed", slowly)
    assert span(await fetch(5)) == [(0, 0, 5)]
    seeking = asyncio.create_task(consumer.perform_seek())
    await asyncio.sleep(0)

    assert span(await fetch(2)) == [(3, 3, 5)]
    assert span(await fetch(2)) == [(5, 5, 7)]
    goes_on.set()
    await seeking
    assert span(await fetch(2)) == [(7, 7, 9)]


async def test_a_record_before_what_was_fetched_shows_that_a_position_was_moved_back(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(SOURCE, 0)
    fetch = reading(streams, log, monkeypatch)
    await fetch(5)
    log.position = 2

    assert span(await fetch(2)) == [(2, 2, 4)]


async def test_a_changelog_is_read_from_where_recovery_has_sought_whatever_was_fetched_meanwhile(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(CHANGELOG, 0)
    fetch, consumer = reading(streams, log, monkeypatch), cast("Consumer", streams.app.consumer)
    assert await fetch(2) == []

    await consumer.seek_wait({CHANGELOG: 4})
    # What a fetch takes from there before the seek is known to have ended.
    log.position = 9
    assert span(await fetch(2)) == [(4, 4, 6)]

    log.meanwhile = lambda: consumer.seek_wait({CHANGELOG: 4})
    assert await fetch(2) == []
    log.meanwhile = log.nothing
    assert span(await fetch(2)) == [(4, 4, 6)]


async def test_what_was_fetched_in_the_last_generation_is_not_handed_over_in_this_one(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(SOURCE, 0)
    fetch = reading(streams, log, monkeypatch)

    async def next_generation() -> None:
        streams.app.consumer_generation_id += 1

    log.meanwhile = next_generation
    assert await fetch(2) == []


async def test_a_changelog_that_is_forgotten_while_its_end_is_asked_for_is_left_out(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(CHANGELOG, 4)
    fetch, consumer = reading(streams, log, monkeypatch), cast("Consumer", streams.app.consumer)
    cast("Any", streams.app.tables).recovery.active_highwaters[CHANGELOG] = 9
    streams.app.in_recovery = True
    await consumer.seek_wait({CHANGELOG: 4})
    ends = log.ends

    async def forgotten(partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        consumer._forget()
        return await ends(partitions)

    monkeypatch.setattr(log, "ends", forgotten)
    assert await fetch(0) == []


async def test_what_was_fetched_before_counts_no_more_once_partitions_are_handed_over(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(SOURCE, 0)
    fetch, consumer = reading(streams, log, monkeypatch), cast("Consumer", streams.app.consumer)
    known: list[dict[TP, int]] = []
    await fetch(2)

    async def assigned(*_told: object) -> None:
        known.append(dict(consumer.fetched))
        streams.lanes._leaving.set()

    monkeypatch.setattr(streams.lanes, "assigned", assigned)
    await consumer.on_partitions_assigned({SOURCE}, 2)

    assert known == [{}]


async def test_the_changelog_of_an_open_lane_is_not_handed_over_and_is_paused(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(CHANGELOG, 5)
    fetch, consumer = reading(streams, log, monkeypatch), cast("Consumer", streams.app.consumer)
    consumer._active_partitions = {CHANGELOG}
    await consumer.seek_wait({CHANGELOG: 5})
    await fetch(1)
    assert len(await fetch(2)) == 1

    streams.app.tables.recovery.active_tps.add(CHANGELOG)  # type: ignore[attr-defined]  # not in the interface
    streams.lanes.is_open = True

    assert await fetch(2) == []
    assert CHANGELOG not in consumer._active_partitions
