"""The world of a seed: machines with workers, a broker, and what goes wrong, all decided by one generator."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from faust.types import TP

from laurel.term_records import NATIVE, Told
from rules.awards import ByHand, Erasure
from rules.catalogue import Catalogue, dump_catalogue
from rules.keys import Instant, key
from streams import exits, topics, wire
from streams.clock import clock_record
from streams.messages import Message
from tests.simulation.broker import Broker, Fate
from tests.simulation.group import Group
from tests.simulation.odds import Odds
from tests.simulation.process import Machine, Process, Shape
from tests.simulation.story import DAY, NOW, Story, closing
from tests.simulation.wiring import APP, CERTIFICATES, PROGRESS
from tests.simulation.witness import Witness
from tests.stories import TENANT

PARTITIONS = 2
SOURCES = tuple(TP(NATIVE, partition) for partition in range(PARTITIONS))
INPUTS = tuple(TP(topic, partition) for topic in (topics.FACTS, topics.HELD) for partition in range(PARTITIONS))
CHANGELOGS = {topics.FACTS: PROGRESS, topics.HELD: CERTIFICATES}
TOGETHER = (*[(tp,) for tp in SOURCES], *[(tp, TP(CHANGELOGS[tp.topic], tp.partition)) for tp in INPUTS])

# After everything has stopped going wrong, so many simulated seconds may pass until all is done.
REST_SECONDS = 400.0

Step = tuple[float, str, str, tuple[object, ...]]


class FailedError(Exception):
    """The world did not end as it should; the message says how."""


@dataclass(slots=True)
class World:
    """One run of the simulation: its processes, what it has seen, and the steps that led there."""

    seed: int
    story: Story
    odds: Odds
    trouble: "Callable[[World], Coroutine[Any, Any, None]]"
    random: Random = field(init=False)
    broker: Broker = field(init=False)
    group: Group = field(init=False)
    machines: list[Machine] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    trace: list[Step] = field(default_factory=list)
    steps: int = 0
    is_calm: bool = False
    told_at: int = 0
    rested_at: int = 0
    on_visible: Callable[[TP, Any], None] = lambda _tp, _entry: None
    _jumped: int = 0
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _failed: "asyncio.Future[None] | None" = None

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} schedule")
        self.broker = Broker(self.random, lambda: self.now() // 1_000)
        self.group = Group(
            random=self.random,
            together=TOGETHER,
            tell=self.tell,
            follows=self.odds.standby,
            is_static=self.odds.is_static,
        )

    # What processes ask of it

    def step(self, process: Process, what: str, about: tuple[object, ...]) -> None:
        """Count a step of a process, which may be its last."""
        self.steps += 1
        self.trace.append((self._time(), process.name, what, about))
        if self.is_calm:
            return
        is_there = what == self.odds.stopped_at
        if self.random.random() < (self.odds.crash_there if is_there else self.odds.crash):
            self.tell(process.name, f"is killed at: {what}")
            process.end(-9)
        elif is_there and self.random.random() < self.odds.sleep_there:
            self.put_to_sleep(process)

    def delay(self) -> float:
        """How long something takes: mostly nothing, sometimes long enough for others to overtake."""
        chance = self.random.random()
        return 0.0 if chance < 0.6 else chance * 0.02 if chance < 0.97 else chance

    def now(self) -> Instant:
        return Instant(NOW + self._jumped + int(self._time() * 1_000_000))

    def goes_wrong(self, process: Process, how: str) -> bool:
        if self.is_calm or self.random.random() >= self.odds.of(how):
            return False
        if how in ("refused", "outage", "lost"):
            process.excuses.append(how)
            self.tell(process.name, f"meets: {how}")
        return True

    def tell(self, who: str, what: str) -> None:
        """Write down what has happened."""
        self.trace.append((self._time(), who, what, ()))

    def ended(self, process: Process, code: int) -> None:
        """Note that a process is no more; its machine starts another after a while."""
        self.tell(process.name, f"ends with code {code}")
        is_excused = bool(process.excuses)
        if (code in (exits.BUG, exits.OUTAGE, exits.STUCK) and not is_excused) or code == exits.CUT:
            self.fail(f"{process.name} ended with code {code}, and nothing was played that would explain it")
        self.start(self._restart(process))

    def fail(self, why: str) -> None:
        """End the world: it has found something."""
        self.tell("world", f"failed: {why}")
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(FailedError(why))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something of the world itself go on."""
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    def put_to_sleep(self, process: Process) -> None:
        """Let a process stand still, as a machine does that is suspended, and wake up later."""
        seconds = self.random.choice((0.5, 12.0, 25.0))
        self.tell(process.name, f"sleeps for {seconds} s")
        process.awake.clear()
        self.start(self._wake(process, seconds))

    async def _wake(self, process: Process, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if process.is_alive and not process.awake.is_set():
            self.tell(process.name, "wakes up")
            process.awake.set()

    # Its course

    async def run(self) -> None:
        """Tell the story while things go wrong, then let all come to rest. Raises FailedError."""
        self._failed = asyncio.get_running_loop().create_future()
        self.broker.on_visible = Witness(self.fail).see
        course = asyncio.get_running_loop().create_task(self._course())
        try:
            await asyncio.wait({course, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            for done in (self._failed, course):
                if done.done():
                    done.result()
        finally:
            await self._end()

    async def _end(self) -> None:
        """Cancel everything, however often it takes: nothing of this world may outlive it."""
        this = asyncio.current_task()
        for process in self.processes:
            process.is_alive = False
        while others := [task for task in asyncio.all_tasks() if task is not this]:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _course(self) -> None:
        self.start(self.group.coordinate())
        for name in "abc"[: self.odds.machines]:
            self.machines.append(Machine(name=name))
            self._begin(self.machines[-1])
        trouble = asyncio.get_running_loop().create_task(self.trouble(self))
        await self._feed()
        trouble.cancel()
        self.tell("world", "is calm from here on")
        self.is_calm = True
        for process in self.processes:
            process.awake.set()
            process.failing_disk = None
        await asyncio.sleep(1)
        self._jumped = DAY
        self._close()
        await self._until_rest()
        # Facts have moved the time of some partitions on; now all know this one, or what a worker tells behind it.
        self.told_at = self.now()
        self._tell_time(Instant(self.told_at))
        await self._until_rest()
        self.rested_at = self.now()

    def _begin(self, machine: Machine) -> None:
        shape = Shape(
            source=NATIVE,
            tenant=TENANT,
            partitions=PARTITIONS,
            batch_records=self.odds.batch_records,
            batch_bytes=self.odds.batch_bytes,
            fetched_records=self.odds.fetched_records,
            record_batch=self.odds.record_batch,
        )
        process = Process(self, machine, shape)
        self.processes.append(process)
        process.run()

    async def _restart(self, process: Process) -> None:
        await asyncio.sleep(self.random.uniform(0.2, 4.0))
        machine = process.machine
        if self.is_calm:
            self._begin(machine)
            return
        if self.random.random() < self.odds.lost_disk:
            self.tell(machine.name, "has lost its disk")
            machine.disk.clear()
        elif self.random.random() < self.odds.old_disk:
            for place in sorted(machine.disk):
                machine.disk[place].lose_newest(self.random.randint(0, 4))
            self.tell(machine.name, "has lost what its disk had not flushed")
        self._begin(machine)

    # Telling the story

    async def _feed(self) -> None:
        self._tell_time(self.now())
        self._put_in_force(self.story.catalogues[0])
        for number, told in enumerate(self.story.told):
            await asyncio.sleep(self.random.expovariate(1 / self.odds.gap_seconds))
            self._send(told)
            if number == self.story.changed_after:
                self._put_in_force(self.story.catalogues[1])
            if self.random.random() < self.odds.duplicate:
                self._send(self.random.choice(self.story.told[: number + 1]))
            for after, done in self.story.acts:
                if after == number:
                    self._act(done)
            for after, erasure in self.story.erasures:
                if after == number:
                    self._erase(erasure)
            if self.random.random() < self.odds.wrong_clock:
                self._tell_time(Instant(self.now() + self.random.choice((-30, -2, 2, 400)) * DAY))
        await asyncio.sleep(self.random.uniform(0, 10))

    def _tell_time(self, time: Instant) -> None:
        """As a worker does; a machine's clock may be wrong, and ahead it must not be believed."""
        self.tell("world", f"tells the time {(time - self.now()) / DAY:+.1f} days from now")
        for partition in range(PARTITIONS):
            self.broker.append(TP(topics.FACTS, partition), [clock_record(time)])

    def _act(self, done: ByHand) -> None:
        """As `laurel grant` and `laurel revoke`; the network may do it again."""
        place, partition = topics.place_of(done.tenant, done.learner, PARTITIONS)
        said = Message(place, wire.dump(wire.facts_by_hand(replace(done, received_at=self.now()))))
        what = "grants" if done.act.grants else "revokes"
        self.tell("world", f"{what} {done.credential} {done.learner}")
        self.broker.append(TP(topics.FACTS, partition), [said] * (2 if self.random.random() < 0.2 else 1))

    def _erase(self, erasure: Erasure) -> None:
        """As `laurel learners erase`."""
        place, partition = topics.place_of(erasure.tenant, erasure.learner, PARTITIONS)
        record = wire.FactsRecord(erase=replace(erasure, received_at=self.now()))
        self.tell("world", f"erases {erasure.learner}")
        self.broker.append(TP(topics.FACTS, partition), [Message(place, wire.dump(record))])

    def _send(self, told: Told) -> None:
        message = Message(told.key, told.value, told.headers)
        self.broker.append(self.random.choice(SOURCES), [message])

    def _put_in_force(self, catalogue: Catalogue) -> None:
        """As `streams.broker.put_in_force`: to all partitions, in one transaction."""
        record = wire.FactsRecord(catalogue=wire.CatalogueInForce(dump_catalogue(catalogue), self.now()))
        message = Message(key("catalogue", catalogue.tenant).encode(), wire.dump(record))
        self.tell("world", f"puts catalogue {catalogue.version} in force")
        self.start(self._in_a_transaction(topics.FACTS, message))

    async def _in_a_transaction(self, topic: str, message: Message) -> None:
        by = f"{APP}-catalogue"
        epoch = await self.broker.init(by)
        for partition in range(PARTITIONS):
            tp = TP(topic, partition)
            await self.broker.add(by, epoch, tp)
            self.broker.produce(by, epoch, tp, [message])
            await asyncio.sleep(self.delay())
        self.broker.end(by, epoch, Fate.COMMITTED)

    def _close(self) -> None:
        """End the story with a record in each partition, so that nobody waits for news of what is missing."""
        for number, tp in enumerate(SOURCES):
            told = closing(number)
            self.broker.append(tp, [Message(told.key, told.value, told.headers)])
        for tp in INPUTS:
            self.broker.append(tp, [Message(None, b"the end")])

    # Rest

    async def _until_rest(self) -> None:
        until = self._time() + REST_SECONDS
        while behind := list(self._behind()):
            if self._time() > until:
                raise FailedError(f"did not come to rest: {'; '.join(behind)}")
            await asyncio.sleep(1)
        # Whoever has committed has yet to write to its disk, and whoever follows has yet to read.
        await asyncio.sleep(3)

    def _behind(self) -> Iterable[str]:
        if not self.broker.is_at_rest:
            yield "a transaction is open"
        for tp in (*SOURCES, *INPUTS):
            committed = self.broker.offsets.get(tp, 0)
            left = sum(1 for _ in self.broker.log(tp).visible(committed))
            if left:
                yield f"{tp.topic} {tp.partition} has {left} records from {committed} on that nobody has done"
        lanes = [(one.name, lane) for one in self.processes if one.is_alive for lane in one.lanes._lanes.values()]
        yield from (f"{name} is at {lane.partition}" for name, lane in lanes if not lane.rested.is_set())
