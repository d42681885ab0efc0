"""
Lanes: one task for each source partition, sequence inside and concurrency across.

The other half of the lane's room (see `streams.lane`). A lane takes only the batch that continues the last one it
took; anything else was lost or repeated on the way through Faust and is dropped, and the consumer is rewound if
something is missing. Lanes are closed from revocation to the end of recovery.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced
from faust.types import TP

from streams.exits import bug, cut, fenced, outage
from streams.lane import Consumer, Run

log = structlog.get_logger("laurel")

# How long closing a producer may take before it is left to its fate, in seconds.
CLOSING_SECONDS = 3.0

# How long the batches under way may take when the worker leaves, in seconds.
FINISHING_SECONDS = 5.0


class Work(Protocol):
    """What one lane does: an agent's work on one partition. `walking`: how many walks are under way in it."""

    walking: int

    async def batch(self, run: Run) -> None:
        """Do one batch in one transaction."""
        ...

    async def step(self) -> bool:
        """Go on with what is done between batches; False when there is nothing of it."""
        ...


@dataclass(slots=True, kw_only=True)
class Lane:
    """
    One partition's lane: the offset of the next record that it will take, and the batches that wait before it.

    While one transaction is under way, what was fetched meanwhile gathers here, and the next takes all of it: so
    batches grow with the backlog, and are small, and soon, at the head of the log.
    """

    partition: TP
    work: Work
    next: int
    committed: int
    most_records: int
    most_bytes: int
    task: "asyncio.Task[None] | None" = None
    rested: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False
    _waiting: "deque[Run]" = field(default_factory=deque)
    _records: int = 0
    _bytes: int = 0
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, run: Run) -> None:
        """Let a batch wait for its turn; waits itself while as much waits as one transaction takes."""
        while not self.is_closed and (self._records >= self.most_records or self._bytes >= self.most_bytes):
            self._room.clear()
            await self._room.wait()
        if not self.is_closed:
            self._waiting.append(run)
            self._records += len(run.records)
            self._bytes += run.size_bytes
            self._filled.set()

    def close(self) -> None:
        """Take no more, and drop what waits. Whoever waits in `put` goes on: nothing waits for ever."""
        self.is_closed = True
        self._waiting.clear()
        self._room.set()
        if self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        """Do batches as they come; between them, what waits to be walked."""
        more = True
        while True:
            self.rested.set()
            if not (more and not self._waiting):
                await self._filled.wait()
            self.rested.clear()
            if self._waiting:
                run = self._taken()
                await self.work.batch(run)
                self.committed = run.end
            more = await self.work.step()
            await asyncio.sleep(0)

    def _taken(self) -> Run:
        """All that waits, up to what one transaction takes, as one batch: each continues the one before."""
        taken = [self._leave()]
        records, size_bytes = len(taken[0].records), taken[0].size_bytes
        while self._waiting:
            records += len(self._waiting[0].records)
            size_bytes += self._waiting[0].size_bytes
            if records > self.most_records or size_bytes > self.most_bytes:
                break
            taken.append(self._leave())
        if not self._waiting:
            self._filled.clear()
        self._room.set()
        if len(taken) == 1:
            return taken[0]
        return Run(self.partition, [record for run in taken for record in run.records], taken[0].begin, taken[-1].end)

    def _leave(self) -> Run:
        run = self._waiting.popleft()
        self._records -= len(run.records)
        self._bytes -= run.size_bytes
        return run


class Lanes:
    """All lanes of one worker, as its partitions come and go."""

    def __init__(
        self,
        topics: frozenset[str],
        producer: Callable[[TP], AIOKafkaProducer],
        *,
        most_records: int,
        most_bytes: int,
        from_latest: frozenset[str] = frozenset(),
    ) -> None:
        self._most_records, self._most_bytes = most_records, most_bytes
        self._from_latest = from_latest
        self.topics = topics
        self.makers: dict[str, Callable[[TP, AIOKafkaProducer], Work]] = {}
        self._producer = producer
        self._producers: dict[TP, AIOKafkaProducer] = {}
        self._lanes: dict[TP, Lane] = {}
        self._changes = 0
        self._handing = 0
        self._generation: int | None = None
        self._leaving = asyncio.Event()
        self.is_open = False

    @property
    def is_leaving(self) -> bool:
        """Whether this worker is on its way out: what is assigned to it now is its successor's."""
        return self._leaving.is_set()

    async def assigned(self, partitions: set[TP], generation: int) -> None:
        """Make a producer for each, kept ones too: its `init` fences former owners and ends what they left open."""
        self._changes += 1
        self._generation = generation
        await self._close_producers()
        if self.is_leaving:
            return
        self._producers = {tp: self._producer(tp) for tp in sorted(partitions)}
        starting: asyncio.Task[Any] = asyncio.create_task(_started(self._producers.values()))
        leaving: asyncio.Task[Any] = asyncio.create_task(self._leaving.wait())
        # `stop` closes the producers, and one that was closed while it started would wait for its id for ever.
        done, _ = await asyncio.wait({starting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if starting in done:
            await starting
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)

    def revoked(self) -> None:
        """Close all lanes at once. A transaction in flight is never ended: the next owner's `init` aborts it."""
        self._changes += 1
        self._generation = None
        self._close_lanes()

    def _close_lanes(self) -> None:
        self.is_open = False
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    async def open(self, consumer: Consumer, generation: int) -> None:
        """
        Open a lane for each assigned partition, from its committed offset on: recovery of a generation is at its end.

        Faust ends a recovery only when the next begins. One that comes to its end after its partitions were revoked
        opens nothing: its producers are about to be closed, and what is assigned by then it has not restored.
        """
        if generation != self._generation:
            return
        self._close_lanes()
        self._changes += 1
        changes = self._changes
        mine = sorted(tp for tp in consumer.assignment() if tp.topic in self.topics)
        starts = await self._starts(consumer, mine) if mine else {}
        if changes != self._changes:
            # Revoked meanwhile: the next recovery opens them.
            return
        for tp, start in starts.items():
            work = self.makers[tp.topic](tp, self._producers[tp])
            lane = self._lanes[tp] = Lane(
                partition=tp,
                work=work,
                next=start,
                committed=start,
                most_records=self._most_records,
                most_bytes=self._most_bytes,
            )
            lane.task = asyncio.create_task(self._watched(lane), name=f"lane {tp.topic} {tp.partition}")
            # What came while the lane was closed was dropped, and nothing else brings a position back that was never
            # committed.
            consumer.rewind(tp, start)
        self.is_open = True

    async def _starts(self, consumer: Consumer, mine: list[TP]) -> dict[TP, int]:
        """Where each lane begins: at its committed offset or, the first time, at one end of the log."""
        committed = await consumer.seek_to_committed()
        earliest = dict(await consumer.earliest_offsets(*mine))
        starts: dict[TP, int] = {}
        for tp in mine:
            at = committed.get(tp)
            if at is not None and at >= 0:
                if at < earliest[tp]:
                    cut(f"{tp.topic} partition {tp.partition}", at, earliest[tp])
                starts[tp] = at
            elif tp.topic in self._from_latest:
                starts[tp] = (await consumer.highwaters(tp))[tp]
                # Said at once, so that a worker that ends before its first batch does not skip what comes meanwhile.
                await consumer.commit_plainly({tp: starts[tp]})
            else:
                starts[tp] = earliest[tp]
        return starts

    async def put(self, tp: TP, run: Run, consumer: Consumer) -> None:
        """Hand a batch to its lane, which waits while the lane is busy; or drop what does not continue the last."""
        lane = self._lanes.get(tp)
        if lane is None or not self.is_open:
            return
        if run.begin != lane.next:
            log.debug("dropped a batch that does not continue the last", tp=str(tp), begin=run.begin, next=lane.next)
            if run.end > lane.next:
                consumer.rewind(tp, lane.next)
            return
        lane.next = run.end
        self._handing += 1
        try:
            await lane.put(run)
        finally:
            self._handing -= 1

    def awaited(self) -> dict[TP, int]:
        """Where the next batch of each lane has to begin; nothing while an agent waits, with more behind it."""
        return {} if self._handing or not self.is_open else {tp: lane.next for tp, lane in self._lanes.items()}

    def committed(self, tp: TP) -> int:
        """The offset up to which everything of a partition is done: the next one that its lane will commit."""
        lane = self._lanes.get(tp)
        return 0 if lane is None else lane.committed

    @property
    def partitions(self) -> list[TP]:
        """The partitions that this worker works on."""
        return list(self._lanes)

    def owns(self, tp: TP) -> bool:
        """Whether this worker works on that partition, and nobody else does."""
        return self.is_open and tp in self._lanes

    def works(self, topic: str) -> list[tuple[int, Work]]:
        """What is done on a topic in this worker, with the number of each partition."""
        return [(tp.partition, lane.work) for tp, lane in self._lanes.items() if tp.topic == topic]

    def open_by_topic(self) -> Counter[str]:
        """How many partitions of each topic this worker works on."""
        return Counter(tp.topic for tp in self._lanes)

    def walking(self) -> int:
        """How many walks are under way in this worker's partitions."""
        return sum(lane.work.walking for lane in self._lanes.values())

    async def stop(self) -> None:
        """Leave of one's own will: let each lane finish the batch it is at, then close."""
        self.is_open = False
        self._leaving.set()
        busy = [lane.rested.wait() for lane in self._lanes.values()]
        try:
            await asyncio.wait_for(asyncio.gather(*busy), FINISHING_SECONDS)
        except TimeoutError:
            log.warning("a batch did not end in time; it is left to the next owner", seconds=FINISHING_SECONDS)
        self.revoked()
        await self._close_producers()

    async def _watched(self, lane: Lane) -> None:
        where = f"{lane.partition.topic} partition {lane.partition.partition}"
        try:
            await lane.run()
        except asyncio.CancelledError as error:
            if not lane.is_closed:
                bug(where, error)
            raise
        except ProducerFenced:
            fenced(where)
        except KafkaError as error:
            outage(where, error)
        except BaseException as error:  # noqa: BLE001  # a bug ends the process, whatever it is
            bug(where, error)

    async def _close_producers(self) -> None:
        producers, self._producers = list(self._producers.values()), {}
        closing: list[Awaitable[None]] = [_closed(producer) for producer in producers]
        await asyncio.gather(*closing)


async def _started(producers: Iterable[AIOKafkaProducer]) -> None:
    await asyncio.gather(*[producer.start() for producer in producers])


async def _closed(producer: AIOKafkaProducer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), CLOSING_SECONDS)
    except (TimeoutError, KafkaError) as error:
        # Whatever it left open ends with the next owner's `init`, or with its time-out.
        log.debug("closing a producer failed", error=repr(error))
