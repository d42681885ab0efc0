"""Lanes: what continues is taken, gathered and done in order; anything else is dropped and fetched again."""

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from streams import lanes as lanes_module
from streams.lane import Consumer, Run
from streams.lanes import Lanes

pytestmark = pytest.mark.timeout(20)

HERE = TP("laurel.facts", 0)
LATEST = TP("lms", 0)


class Batches:
    """Work that writes down what it was given, and waits until it may go on."""

    walking = 0

    def __init__(self) -> None:
        self.done: list[tuple[int, int, int]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def batch(self, run: Run) -> None:
        await self.may_go_on.wait()
        self.done.append((run.begin, run.end, len(run.records)))

    async def step(self) -> bool:
        return False


class FakeConsumer:
    """A consumer of which only the offsets matter."""

    def __init__(self, committed: dict[TP, int], earliest: int = 0, end: int = 0) -> None:
        self.offsets, self.earliest, self.end = dict(committed), earliest, end
        self.rewound: list[int] = []
        self.revoked_meanwhile: list[Lanes] = []

    def assignment(self) -> set[TP]:
        return {HERE, LATEST}

    async def seek_to_committed(self) -> dict[TP, int]:
        for lanes in self.revoked_meanwhile:
            lanes.revoked()
        return self.offsets

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, self.earliest)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, self.end)

    async def commit_plainly(self, offsets: dict[TP, int]) -> None:
        self.offsets |= offsets

    def rewind(self, _tp: TP, offset: int) -> None:
        self.rewound.append(offset)


class FakeProducer:
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class WaitingProducer(FakeProducer):
    """One whose broker never answers: as aiokafka's, when it is stopped while it starts."""

    async def start(self) -> None:
        await asyncio.Event().wait()


def run_of(begin: int, end: int) -> Run:
    records: Iterable[Any] = [
        SimpleNamespace(offset=at, timestamp=0, serialized_key_size=-1, serialized_value_size=10)
        for at in range(begin, end)
    ]
    return Run(HERE, list(records), begin, end)


async def opened(work: Batches, consumer: FakeConsumer, most_records: int = 100, most_bytes: int = 1 << 20) -> Lanes:
    lanes = Lanes(
        frozenset({HERE.topic, LATEST.topic}),
        cast("Any", lambda _tp: FakeProducer()),
        most_records=most_records,
        most_bytes=most_bytes,
        from_latest=frozenset({LATEST.topic}),
    )
    lanes.makers = {HERE.topic: lambda _tp, _producer: work, LATEST.topic: lambda _tp, _producer: Batches()}
    await lanes.assigned({HERE, LATEST}, 1)
    await lanes.open(cast("Consumer", consumer), 1)
    assert consumer.rewound == [consumer.offsets[tp] for tp in (HERE, LATEST)] or consumer.revoked_meanwhile
    consumer.rewound.clear()
    return lanes


async def put(lanes: Lanes, consumer: FakeConsumer, *runs: Run) -> None:
    for run in runs:
        await lanes.put(HERE, run, cast("Consumer", consumer))
    for _ in range(10):
        await asyncio.sleep(0)


async def test_batches_that_continue_are_done_in_order() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 5})
    lanes = await opened(work, consumer)
    await put(lanes, consumer, run_of(5, 7), run_of(7, 10))

    assert [(begin, end) for begin, end, _ in work.done] == [(5, 7), (7, 10)] or work.done == [(5, 10, 5)]
    assert lanes.committed(HERE) == 10
    await lanes.stop()


async def test_a_gap_is_never_jumped_but_fetched_again() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 5})
    lanes = await opened(work, consumer)
    await put(lanes, consumer, run_of(8, 9))

    assert work.done == []
    assert consumer.rewound == [5]
    await lanes.stop()


async def test_what_was_done_already_is_dropped_and_what_overlaps_is_fetched_again() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 5})
    lanes = await opened(work, consumer)
    await put(lanes, consumer, run_of(1, 5))
    assert consumer.rewound == []

    await put(lanes, consumer, run_of(3, 8))
    assert work.done == []
    assert consumer.rewound == [5]
    await lanes.stop()


async def test_what_was_fetched_during_a_transaction_is_gathered_into_the_next() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 0})
    lanes = await opened(work, consumer)
    work.may_go_on.clear()
    await put(lanes, consumer, run_of(0, 1))
    await put(lanes, consumer, run_of(1, 3), run_of(3, 6))
    work.may_go_on.set()
    await put(lanes, consumer)

    assert work.done == [(0, 1, 1), (1, 6, 5)]
    await lanes.stop()


async def test_a_transaction_takes_no_more_records_than_it_may() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 0})
    lanes = await opened(work, consumer, most_records=4)
    work.may_go_on.clear()
    await put(lanes, consumer, run_of(0, 1))
    await put(lanes, consumer, run_of(1, 4), run_of(4, 6))
    work.may_go_on.set()
    await put(lanes, consumer)

    assert [count for _, _, count in work.done] == [1, 3, 2]
    await lanes.stop()


async def test_a_transaction_takes_no_more_bytes_than_it_may() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 0})
    lanes = await opened(work, consumer, most_bytes=40)
    work.may_go_on.clear()
    await put(lanes, consumer, run_of(0, 1))
    await put(lanes, consumer, run_of(1, 4), run_of(4, 6))
    work.may_go_on.set()
    await put(lanes, consumer)

    assert [count for _, _, count in work.done] == [1, 3, 2]
    await lanes.stop()


async def test_whoever_waits_to_hand_over_a_batch_goes_on_when_partitions_are_revoked() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 0})
    lanes = await opened(work, consumer, most_records=1, most_bytes=1 << 20)
    work.may_go_on.clear()
    await put(lanes, consumer, run_of(0, 1))
    await put(lanes, consumer, run_of(1, 2))
    waiting = asyncio.create_task(lanes.put(HERE, run_of(2, 3), cast("Consumer", consumer)))
    await asyncio.sleep(0)
    assert not waiting.done()

    lanes.revoked()
    await asyncio.wait_for(waiting, 1)
    assert not lanes.is_open


async def test_lanes_stay_closed_when_partitions_are_revoked_while_they_open() -> None:
    consumer = FakeConsumer({HERE: 0})
    lanes = await opened(Batches(), consumer)
    consumer.revoked_meanwhile.append(lanes)
    await lanes.open(cast("Consumer", consumer), 1)

    assert not lanes.is_open


async def test_a_recovery_that_ends_while_partitions_change_hands_opens_nothing() -> None:
    work, consumer = Batches(), FakeConsumer({HERE: 0})
    lanes = await opened(work, consumer)
    lanes.revoked()
    await lanes.open(cast("Consumer", consumer), 1)
    assert not lanes.is_open

    await lanes.assigned({HERE, LATEST}, 2)
    await lanes.open(cast("Consumer", consumer), 1)
    assert not lanes.is_open

    await lanes.open(cast("Consumer", consumer), 2)
    opened_at_last = lanes.is_open
    await lanes.stop()
    assert opened_at_last


async def test_a_source_that_begins_at_the_latest_says_so_at_once() -> None:
    consumer = FakeConsumer({HERE: 0}, end=42)
    lanes = await opened(Batches(), consumer)

    assert consumer.offsets[LATEST] == 42
    assert lanes.committed(LATEST) == 42
    await lanes.stop()


async def test_records_that_were_deleted_unread_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(where: str, committed: int, first: int) -> None:
        raise SystemExit(f"{where} {committed} {first}")

    monkeypatch.setattr(lanes_module, "cut", cut)
    with pytest.raises(SystemExit, match=r"laurel\.facts partition 0 5 9"):
        await opened(Batches(), FakeConsumer({HERE: 5}, earliest=9))


async def test_a_worker_that_leaves_while_partitions_are_handed_to_it_does_not_wait_for_them() -> None:
    lanes = Lanes(
        frozenset({HERE.topic}), cast("Any", lambda _tp: WaitingProducer()), most_records=1, most_bytes=1 << 20
    )
    handing = asyncio.create_task(lanes.assigned({HERE}, 1))
    await asyncio.sleep(0)
    await lanes.stop()

    await asyncio.wait_for(handing, 1)
    assert lanes.is_leaving


async def test_a_worker_that_leaves_takes_nothing_more() -> None:
    lanes = Lanes(
        frozenset({HERE.topic}), cast("Any", lambda _tp: WaitingProducer()), most_records=1, most_bytes=1 << 20
    )
    await lanes.stop()

    await asyncio.wait_for(lanes.assigned({HERE}, 1), 1)
