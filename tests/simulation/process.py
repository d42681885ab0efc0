"""One modelled process: a worker's life on one machine, from its start until it is stopped, wherever that is."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, NoReturn, Protocol, cast

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP
from prometheus_client import CollectorRegistry

from rules.keys import Instant, TenantId
from streams import exits, topics
from streams.app import Streams
from streams.clock import FIRST, clock_record, keep_telling
from streams.lanes import Lanes
from streams.metrics import Metrics
from streams.options import Source, StreamOptions
from streams.work import Shared
from tests.simulation.broker import Broker
from tests.simulation.consumer import Client, Consumer
from tests.simulation.disk import Database, Databases, Stored, Table
from tests.simulation.group import Assigned, Group
from tests.simulation.passage import Passage
from tests.simulation.producer import Producer
from tests.simulation.recovery import Recovery
from tests.simulation.wiring import APP, CERTIFICATES, PROGRESS, makers

AGENTS = {"intake": "intake", topics.FACTS: "progress", topics.HELD: "certificates"}

# As `streams.app` sets it.
HEARTBEAT_SECONDS = 1.0

# So many are walked between two batches: few, so that some are always left.
WALKED = 2

# Nobody reads them here, and making them takes longer than a simulated second.
METRICS = Metrics(CollectorRegistry())

CURRENT: "ContextVar[Process]" = ContextVar("process")


class EndedError(BaseException):
    """The process has ended: nothing in it goes on."""


class Surroundings(Protocol):
    """What a process meets: time, the others, and what goes wrong."""

    random: Random
    broker: Broker
    group: Group

    def step(self, process: "Process", what: str, about: tuple[object, ...]) -> None: ...

    def delay(self) -> float: ...

    def now(self) -> Instant: ...

    def goes_wrong(self, process: "Process", how: str) -> bool: ...

    def tell(self, who: str, what: str) -> None: ...

    def ended(self, process: "Process", code: int) -> None: ...


@dataclass(slots=True, kw_only=True)
class Machine:
    """A machine keeps its disk when a process on it ends."""

    name: str
    disk: dict[tuple[str, int], Stored] = field(default_factory=dict)
    lives: int = 0

    def stored(self, changelog: str, partition: int) -> Stored:
        """The database of one partition of one table."""
        return self.disk.setdefault((changelog, partition), Stored())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a simulated world is."""

    source: str
    tenant: TenantId
    partitions: int
    batch_records: int
    batch_bytes: int
    fetched_records: int
    record_batch: int


class Process:
    """One worker process: the real lanes and agents, and around them what is modelled."""

    def __init__(self, world: Surroundings, machine: Machine, shape: Shape) -> None:
        machine.lives += 1
        self.name = f"{machine.name}{machine.lives}"
        self.machine, self._world = machine, world
        self.member_id = machine.name if world.group.is_static else self.name
        self.broker, self.random = world.broker, world.random
        self.is_alive = True
        self.awake = asyncio.Event()
        self.awake.set()
        # Why it may end as if by a bug or an outage: one was played.
        self.excuses: list[str] = []
        self.failing_disk: str | None = None
        self.owned = Assigned(generation=0, actives=frozenset(), standbys=frozenset())
        self._context = copy_context()
        self._context.run(CURRENT.set, self)
        self._build(shape)

    def _build(self, shape: Shape) -> None:
        self.app = SimpleNamespace(in_recovery=False, consumer_generation_id=0)
        self._client = Client(owner=self, most_records=shape.fetched_records)
        self.consumer = self.app.consumer = Consumer(self.app, self._client, self)
        source = Source(topic=shape.source, dialect="laurel", tenant=shape.tenant)
        options = StreamOptions(
            app_id=APP,
            brokers=("modelled",),
            sources=(source,),
            data_dir=Path(),
            worker_name=self.name,
            partitions=shape.partitions,
            batch_records=shape.batch_records,
            walk_learners=WALKED,
        )
        shared = Shared(
            options=options, metrics=METRICS, consumer=self.consumer, now=self._world.now, seconds=self._seconds
        )
        self.lanes = self.app.lanes = Lanes(
            frozenset({shape.source, topics.FACTS, topics.HELD}),
            lambda tp: cast("AIOKafkaProducer", self._producer(tp, shape)),
            most_records=shape.batch_records,
            most_bytes=shape.batch_bytes,
        )
        self.tables = {changelog: self._table(changelog) for changelog in (PROGRESS, CERTIFICATES)}
        self.lanes.makers |= makers(shared, source, self.tables)
        self._streams = Streams(app=cast("faust.App", self.app), lanes=self.lanes, shared=shared)
        self.recovery = Recovery(
            owner=self, app=self.app, consumer=self.consumer, tables=self.tables, on_completed=self._open
        )
        self.app.tables = SimpleNamespace(
            changelog_topics=set(self.tables), recovery=self.recovery, _changelogs=self.tables
        )
        agents = {shape.source if topic == "intake" else topic: agent for topic, agent in AGENTS.items()}
        self._passage = Passage(
            owner=self, app=self.app, consumer=self.consumer, lanes=self.lanes, recovery=self.recovery, agents=agents
        )

    def _producer(self, tp: TP, shape: Shape) -> Producer:
        return Producer(self, f"{APP}-{tp.topic}-{tp.partition}", shape.record_batch)

    def _table(self, changelog: str) -> Table:
        def database(partition: int) -> Database:
            return Database(self.machine.stored(changelog, partition), self._touch)

        return Table(self.app, changelog, Databases(database))

    async def _open(self) -> None:
        await self.lanes.open(self.consumer, self.recovery._generation_id)

    # Being stopped, and what goes wrong

    @property
    def is_responding(self) -> bool:
        return self.is_alive and self.awake.is_set()

    async def pause(self, what: str, *about: object) -> None:
        """A moment at which it may be stopped, for ever or for a while, and others go on."""
        self.step(what, *about)
        await asyncio.sleep(self._world.delay())
        while not self.is_responding:
            if not self.is_alive:
                await asyncio.get_running_loop().create_future()
            await self.awake.wait()

    def step(self, what: str, *about: object) -> None:
        """A moment at which it may be killed, and nothing else happens meanwhile."""
        if self.is_alive:
            self._world.step(self, what, about)

    def goes_wrong(self, how: str) -> bool:
        return self._world.goes_wrong(self, how)

    def tell(self, what: str) -> None:
        self._world.tell(self.name, what)

    def end(self, code: int) -> None:
        """Stop for ever, with nothing more done; what runs in it learns so when it next touches the outside."""
        if self.is_alive:
            self.is_alive = False
            self._world.ended(self, code)

    def _touch(self, how: str) -> None:
        if not self.is_alive:
            raise EndedError
        if self.failing_disk == how or (how == "write" and self.app.in_recovery and self.goes_wrong("unwritable")):
            self.failing_disk = None
            self.excuses.append(f"disk {how}")
            self.tell(f"the disk fails to {how}")
            raise OSError(f"the disk fails to {how}")

    def _seconds(self) -> float:
        late = 60.0 if self.goes_wrong("slow") else 0.0
        return asyncio.get_running_loop().time() + late

    # Its life

    def run(self) -> None:
        """Start all that goes on in it."""
        self.tell("starts")
        self.start(self._belong)
        self.start(self._passage.fetch)
        self.start(self.recovery.apply)
        self.start(self._streams.watch)
        self.start(self._keep_telling)
        for agent in AGENTS.values():
            self.start(partial(self._passage.door, agent))

    async def _keep_telling(self) -> None:
        await keep_telling(self._tell_time, is_ours=lambda: self.lanes.owns(FIRST), now=self._world.now)

    async def _tell_time(self, time: Instant) -> None:
        for partition in range(self._streams.shared.options.partitions):
            await self.pause("tell the time", partition)
            self.broker.append(TP(topics.FACTS, partition), [clock_record(time)])

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        """Let something go on in this process."""
        return asyncio.get_running_loop().create_task(self._guarded(work), context=self._context)

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except (EndedError, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001  # whatever was not played is a finding
            self.tell(f"breaks: {error!r}")
            self.end(exits.BUG)

    async def leave(self) -> None:
        """End of one's own will."""
        self.tell("leaves")
        await self.lanes.stop()
        self._world.group.leave(self)
        self.end(0)

    async def _belong(self) -> None:
        """Be in the group: hand all back when it deals anew, and take what one is given."""
        while True:
            await self.consumer.on_partitions_revoked(set(self.owned.actives | self.owned.standbys))
            owned = await self._joined()
            if owned is None:
                continue
            self.owned = owned
            assigned = owned.actives | owned.standbys
            self._client.assign(assigned)
            self.app.consumer_generation_id = owned.generation
            await self.pause("assigned")
            await self.consumer.on_partitions_assigned(set(assigned), owned.generation)
            await self._until_wanted()

    async def _until_wanted(self) -> None:
        """Ask the group whether all is as it was, until it is not; its answer takes time, and others go on."""
        group, all_is_well = self._world.group, True
        while all_is_well:
            await self.pause("heartbeat")
            all_is_well = group.has(self) and not group.waits_for(self)
            await asyncio.sleep(HEARTBEAT_SECONDS if all_is_well else self.random.choice((0, 0.01, 0.3)))
        await self.pause("heard")

    async def _joined(self) -> Assigned | None:
        await self.pause("join")
        answer = self._world.group.join(self)
        while not answer.done():
            await asyncio.wait([answer], timeout=1.0)
            await self.pause("joining")
            if not answer.done() and not self._world.group.has(self):
                return None
        await self.pause("joined")
        return answer.result()

    async def revoked(self) -> None:
        """What Faust does when partitions are revoked."""
        self.recovery.flush()
        self.consumer.stop_flow()
        self.consumer.pause_partitions(self.consumer.assignment())
        self._passage.clear()
        await self.pause("revoked")

    async def assigned(self, generation: int) -> None:
        """What Faust does when partitions are assigned."""
        await self.pause("assigning")
        self.consumer.pause_partitions(self.consumer.assignment())
        await self.pause("paused")
        self.recovery.restart(generation, self.owned.actives, self.owned.standbys)


def exit_process(code: int) -> NoReturn:
    """Stands for `os._exit`: ends the process that calls it, and no other."""
    CURRENT.get().end(code)
    raise EndedError
