"""The modelled consumer: aiokafka's positions and fetches, and what of Faust's consumer the lane's stands on."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any, Protocol, cast

from aiokafka.structs import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT

from streams import lane
from tests.simulation.broker import Broker, Entry

EARLIEST = 0


class Owner(Protocol):
    """The process that a consumer belongs to, and what Faust does in it when partitions change hands."""

    broker: Broker
    random: Random

    async def pause(self, what: str, *about: object) -> None: ...

    async def revoked(self) -> None: ...

    async def assigned(self, generation: int) -> None: ...


@dataclass(slots=True, kw_only=True)
class Client:
    """
    aiokafka's consumer: where it is in each assigned partition, and what it fetches from there.

    A partition without a position gets one when it is first fetched: what was committed by then, or the beginning.
    """

    owner: Owner
    most_records: int
    assigned: frozenset[TP] = frozenset()
    positions: dict[TP, int] = field(default_factory=dict)
    # Nothing is deleted here.
    cut: dict[TP, int] = field(default_factory=dict)

    def assign(self, partitions: frozenset[TP]) -> None:
        """Take a new assignment; all positions are forgotten, as aiokafka does."""
        self.assigned, self.positions = partitions, {}

    def assignment(self) -> set[TP]:
        return set(self.assigned)

    def seek(self, partition: TP, offset: int) -> None:
        if partition in self.assigned:
            self.positions[partition] = offset

    async def ends(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int | None]]:
        await self.owner.pause("ends")
        log = self.owner.broker.log
        return {
            tp: (self.positions[tp], max(self.positions[tp], log(tp).stable_end))
            for tp in sorted(partitions)
            if tp in self.positions
        }

    async def seek_to_committed(self) -> dict[TP, int | None]:
        found: dict[TP, int | None] = {}
        for tp in sorted(self.assigned):
            await self.owner.pause("committed?", tp)
            at = found[tp] = self.owner.broker.offsets.get(tp)
            if at:
                self.seek(tp, at)
        return found

    async def getmany(self, active: set[TP], timeout: float) -> dict[TP, list[ConsumerRecord[bytes, bytes]]]:  # noqa: ASYNC109  # aiokafka's own
        await self.owner.pause("fetch")
        until = asyncio.get_running_loop().time() + timeout
        while True:
            # aiokafka reads a set that was emptied meanwhile as all partitions.
            found = self._fetched(sorted(active & self.assigned if active else self.assigned))
            left = until - asyncio.get_running_loop().time()
            if found or left <= 0:
                await self.owner.pause(
                    "fetched",
                    *[(tp, [record.offset for record in records], self.positions[tp]) for tp, records in found.items()],
                )
                return found
            await self.owner.broker.news(left)
            await self.owner.pause("fetch")

    def _fetched(self, partitions: list[TP]) -> dict[TP, list[ConsumerRecord[bytes, bytes]]]:
        random, broker = self.owner.random, self.owner.broker
        random.shuffle(partitions)
        found: dict[TP, list[ConsumerRecord[bytes, bytes]]] = {}
        for tp in partitions:
            at = self.positions.get(tp)
            if at is None:
                at = broker.offsets.get(tp) or EARLIEST
            entries, end = broker.log(tp).fetch(at, random.randint(1, self.most_records))
            if entries and random.random() < 0.5:
                # Markers behind the last record may be passed with it, or with the next fetch.
                end = entries[-1].offset + 1
            self.positions[tp] = end
            if entries:
                found[tp] = [record_of(tp, entry) for entry in entries]
        return found


def record_of(tp: TP, entry: Entry) -> "ConsumerRecord[bytes, bytes]":
    """An entry of a log as aiokafka gives it."""
    message = entry.message
    return ConsumerRecord(
        topic=tp.topic,
        partition=tp.partition,
        offset=entry.offset,
        timestamp=entry.timestamp_ms,
        timestamp_type=0,
        key=message.key,
        value=message.value,
        checksum=None,
        serialized_key_size=len(message.key or b""),
        serialized_value_size=len(message.value or b""),
        headers=tuple(message.headers),
    )


class FaustConsumer(driver.Consumer):
    """What Faust's consumer does, as far as the lane's asks it to: flow, active partitions, seeks, callbacks."""

    _thread: Any

    def __init__(self, app: SimpleNamespace, client: Client, owner: Owner) -> None:
        # Without Faust's own, which wants a whole app.
        self.app = cast("AppT", app)
        self.loop = asyncio.get_running_loop()
        self._thread, self._owner = client, owner
        self._flow = asyncio.Event()
        # One set, which changes while a fetch is under way, as Faust's does.
        self._active: set[TP] = set()
        self._paused: set[TP] = set()
        self.read_offsets: dict[TP, int | None] = {}
        self.on_init()

    async def on_partitions_revoked(self, _revoked: set[TP]) -> None:
        await self._owner.revoked()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._paused.intersection_update(assigned)
        self._active.clear()
        self._active.update(assigned - self._paused)
        await self._owner.assigned(generation_id)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        self._active.update(tps)
        self._paused.difference_update(tps)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        self._active.difference_update(tps)
        self._paused.update(tps)

    def flows(self) -> bool:
        return self._flow.is_set()

    def stop_flow(self) -> None:
        self._flow.clear()

    def resume_flow(self) -> None:
        self._flow.set()

    def assignment(self) -> set[TP]:
        return set(self._thread.assignment())

    async def seek(self, partition: TP, offset: int) -> None:
        self._thread.seek(partition, offset)
        self.read_offsets[partition] = offset or None

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        await self._owner.pause("seek", *partitions.items())
        for tp, offset in partitions.items():
            self._thread.seek(tp, offset)
            self.read_offsets[tp] = offset or None
        await self._owner.pause("sought", *partitions.items())

    async def perform_seek(self) -> None:
        found = await self.seek_to_committed()
        self.read_offsets.update(found)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        await self._owner.pause("earliest")
        return dict.fromkeys(partitions, EARLIEST)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        await self._owner.pause("ends?")
        return {tp: self._owner.broker.log(tp).stable_end for tp in sorted(partitions)}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        await self._owner.pause("commit plainly")
        self._owner.broker.commit(dict(offsets))
        return True

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:  # noqa: ASYNC109  # Faust's own
        await self._flow.wait()
        if not self._active:
            await asyncio.sleep(timeout)
            await self._owner.pause("nothing active")
            return {}, self._active
        return await self._thread.getmany(self._active, timeout), self._active


class Consumer(lane.Consumer, FaustConsumer):
    """The real consumer of the lane, over what is modelled."""
