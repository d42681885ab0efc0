"""The modelled way through Faust, from a fetch to a lane: batches are dropped, repeated, or come late."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

from faust.types import TP

from streams.lanes import Lanes
from tests.simulation.consumer import Consumer
from tests.simulation.recovery import Recovery

# As `streams.app`.
BUFFERED_BATCHES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A batch on its way to an agent, with the generation that Faust gave it."""

    tp: TP
    batch: Any
    generation: int


class Owner(Protocol):
    """The process that this goes on in."""

    async def pause(self, what: str, *about: object) -> None: ...

    def goes_wrong(self, how: str) -> bool: ...

    def tell(self, what: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Passage:
    """
    Faust's fetcher, and the door of each agent.

    Faust drops what it has fetched in several places around a rebalance; here it does so at any time, as long as
    anything goes wrong at all. What comes late or again has the generation that it was fetched in.
    """

    owner: Owner
    app: SimpleNamespace
    consumer: Consumer
    lanes: Lanes
    recovery: Recovery
    agents: dict[str, str]
    queues: "dict[str, asyncio.Queue[Passing]]" = field(default_factory=dict)
    _kept: list[Passing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queues = {agent: asyncio.Queue(BUFFERED_BATCHES) for agent in self.agents.values()}

    def clear(self) -> None:
        """Empty the agents' buffers, as Faust does when partitions are revoked."""
        for queue in self.queues.values():
            while not queue.empty():
                queue.get_nowait()
        self.recovery.clear()

    async def fetch(self) -> None:
        """Fetch for ever, and hand on."""
        while True:
            records, active = await self.consumer._wait_next_records(1.0)
            await self._hand_on(records or {}, set() if active is None else active)
            await self.owner.pause("handed on")

    async def _hand_on(self, records: dict[TP, list[Any]], active: set[TP]) -> None:
        generation = self.app.consumer_generation_id
        if not self.consumer.flows():
            # Faust seeks back to what was committed, whatever comes of it.
            await self.consumer.perform_seek()
            return
        for tp, batches in records.items():
            for batch in batches:
                if not self.consumer.flows() or generation != self.app.consumer_generation_id:
                    return
                read = self.consumer.read_offsets.get(tp)
                if tp not in active or (read is not None and batch.offset < read):
                    continue
                await self._deliver(Passing(tp=tp, batch=batch, generation=generation))
                self.consumer.read_offsets[tp] = batch.offset

    async def _deliver(self, passing: Passing) -> None:
        if passing.tp.topic not in self.agents:
            if not self.owner.goes_wrong("lost"):
                self.recovery.put(passing.tp, passing.batch, passing.generation)
            return
        if self.owner.goes_wrong("dropped"):
            self.owner.tell(f"Faust drops {_named(passing)}")
            return
        if self.owner.goes_wrong("late"):
            self._kept.append(passing)
            return
        await self._put(passing)
        if self.owner.goes_wrong("repeated"):
            self.owner.tell(f"Faust repeats {_named(passing)}")
            await self._put(passing)
        if self._kept and self.owner.goes_wrong("released"):
            kept, self._kept = self._kept, []
            for one in kept:
                self.owner.tell(f"Faust comes late with {_named(one)}")
                await self._put(one)

    async def _put(self, passing: Passing) -> None:
        queue = self.queues[self.agents[passing.tp.topic]]
        while queue.full():
            await self.owner.pause("buffer full")
            await asyncio.sleep(0.01)
            if not self.consumer.flows():
                return
        queue.put_nowait(passing)

    async def door(self, agent: str) -> None:
        """Be an agent: hand each batch to its lane, as `streams.app` does."""
        while True:
            passing = await self.queues[agent].get()
            await self.owner.pause("door", _named(passing))
            if passing.generation == self.app.consumer_generation_id:
                await self.lanes.put(passing.tp, passing.batch, self.consumer)


def _named(passing: Passing) -> str:
    return f"{passing.tp.topic} {passing.tp.partition} {passing.batch.begin}-{passing.batch.end}"
