"""The modelled recovery: Faust's, which restores tables from their changelogs, and follows those of others."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol, cast

from faust.types import TP, EventT

from streams.lane import Run
from tests.simulation.consumer import Consumer
from tests.simulation.disk import Table

# As `streams.app` sets them: with 1 for what is owned, Faust would go on applying a worker's own changelog.
ACTIVE_BUFFER, STANDBY_BUFFER = 2, 1


class Owner(Protocol):
    """The process that this goes on in."""

    async def pause(self, what: str, *about: object) -> None: ...

    def step(self, what: str, *about: object) -> None: ...

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]": ...

    def tell(self, what: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Recovery:
    """
    Faust's recovery, step by step as `faust.tables.recovery` does it; `tables` are by changelog.

    A recovery ends only when the next begins, and not when its partitions are revoked: Faust's does so too.
    """

    owner: Owner
    app: SimpleNamespace
    consumer: Consumer
    tables: dict[str, Table]
    on_completed: Callable[[], Awaitable[None]]
    active_tps: frozenset[TP] = frozenset()
    standby_tps: frozenset[TP] = frozenset()
    # As Faust's: what is not there counts as nought.
    active_highwaters: Counter[TP] = field(default_factory=Counter)
    active_offsets: Counter[TP] = field(default_factory=Counter)
    standby_offsets: Counter[TP] = field(default_factory=Counter)
    _generation_id: int = 0
    _buffers: dict[str, list[EventT[Any]]] = field(default_factory=dict)
    _queue: "asyncio.Queue[tuple[TP, Run, int]]" = field(default_factory=asyncio.Queue)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _last: tuple[str, Counter[TP], int] | None = None
    _under_way: "asyncio.Task[None] | None" = None

    def restart(self, generation: int, actives: Iterable[TP], standbys: Iterable[TP]) -> None:
        """Begin anew with these changelogs; whatever was under way stops where it is."""
        if self._under_way is not None:
            self._under_way.cancel()
        self._generation_id = generation
        self.active_tps = frozenset(tp for tp in actives if tp.topic in self.tables)
        self.standby_tps = frozenset(standbys)
        self.active_offsets = Counter({tp: self._persisted(tp) for tp in sorted(self.active_tps)})
        self.standby_offsets = Counter({tp: self._persisted(tp) for tp in sorted(self.standby_tps)})
        self._under_way = self.owner.start(partial(self._recover, generation))

    def _persisted(self, tp: TP) -> int:
        found = self.tables[tp.topic].persisted_offset(tp)
        return -1 if found is None else found

    async def _recover(self, generation: int) -> None:
        await self.owner.pause("recovery begins")
        self.app.in_recovery = True
        self.flush()
        ends = await self.consumer.highwaters(*self.active_tps)
        self.active_highwaters = Counter({tp: end - 1 for tp, end in ends.items()})
        await self._seek(self.active_offsets)
        self._ended.clear()
        if self._is_behind():
            self.consumer.resume_partitions(self.active_tps)
            self._resume_flow()
            await self._ended.wait()
            self.restored()
        else:
            self._resume_flow()
        self.app.in_recovery = False
        if self.standby_tps:
            await self._seek(self.standby_offsets)
            await self.consumer.highwaters(*self.standby_tps)
            self.consumer.resume_partitions(self.standby_tps)
            self._resume_flow()
        await self.owner.pause("restored")
        await self.on_completed()
        if generation == self.app.consumer_generation_id:
            assigned = self.consumer.assignment()
            self.consumer.resume_partitions({tp for tp in assigned if tp.topic not in self.tables})
            await self.consumer.perform_seek()
            self._resume_flow()

    def restored(self) -> None:
        """Read the changelogs of what is owned no longer: from here on the lanes write to them."""
        self.consumer.pause_partitions(self.active_tps)

    async def _seek(self, offsets: Counter[TP]) -> None:
        await self.consumer.seek_wait({tp: max(0, offset) for tp, offset in offsets.items()})

    def _is_behind(self) -> bool:
        return any(end > self.active_offsets[tp] for tp, end in self.active_highwaters.items())

    def active_remaining_total(self) -> int:
        """How many offsets are still to be read."""
        return sum(end - self.active_offsets[tp] for tp, end in self.active_highwaters.items())

    def put(self, tp: TP, run: Run, generation: int) -> None:
        """Take a run of changelog records."""
        self._queue.put_nowait((tp, run, generation))

    def clear(self) -> None:
        """Drop what was put and not yet taken, as Faust does when flow stops and whenever it begins again."""
        while not self._queue.empty():
            self._queue.get_nowait()

    def _resume_flow(self) -> None:
        self.clear()
        self.consumer.resume_flow()

    async def apply(self) -> None:
        """Apply for ever what was put; an error is logged, and no more: that is how Faust does it."""
        while True:
            tp, run, generation = await self._queue.get()
            # Faust does not wait between taking one and applying it.
            self.owner.step("restore", tp, run.begin, run.end)
            try:
                self._apply(tp, run, generation)
            except Exception as error:  # noqa: BLE001  # Faust's, and why the real code must end the process itself
                self.owner.tell(f"Faust logs an error in recovery: {error!r}")

    def _apply(self, tp: TP, run: Run, generation: int) -> None:
        if tp in self.active_tps:
            self._last = tp.topic, self.active_offsets, ACTIVE_BUFFER
        elif tp in self.standby_tps:
            self._last = tp.topic, self.standby_offsets, STANDBY_BUFFER
        elif self._last is not None:
            # Faust only logs it, and goes on with the table that it was at.
            self.owner.tell(f"Faust takes {tp.topic} {tp.partition} for {self._last[0]}")
        if self._last is None:
            return
        topic, offsets, most = self._last
        if run.offset > offsets.get(tp, -1):
            offsets[tp] = run.offset
            buffer = self._buffers.setdefault(topic, [])
            buffer.append(_event(run, generation))
            if len(buffer) >= most:
                self.tables[topic].apply_changelog_batch(buffer)
                buffer.clear()
        if self.app.in_recovery and not self._is_behind():
            self.flush()
            self._ended.set()

    def flush(self) -> None:
        """Apply what waits."""
        for topic, buffer in self._buffers.items():
            self.tables[topic].apply_changelog_batch(buffer)
            buffer.clear()


def _event(run: Run, generation: int) -> EventT[Any]:
    """All that a table reads of one of Faust's events."""
    message = SimpleNamespace(value=run, generation_id=generation)
    return cast("EventT[Any]", SimpleNamespace(message=message))
