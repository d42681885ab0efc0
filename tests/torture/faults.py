"""Faults: what is done to workers, broker, database and disks, and which ends of workers each explains."""

import asyncio
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import asyncpg

from streams.exits import DISK, FENCED, OUTAGE
from tests.torture.crew import KILLED, Crew
from tests.torture.scene import DELIVERY, STREAMS, Scene

# Longer than the session (10 s), so that others take over meanwhile.
SLEEP_SECONDS = (12.0, 15.0)
AWAY_SECONDS = (2.0, 6.0)
FULL_SECONDS = (6.0, 10.0)
SLOW_SECONDS = (5.0, 8.0)
DELAY_SECONDS = (0.2, 1.5)
# So many events come at once before workers are struck, so that they are struck in the middle of transactions.
BURST = 600
STRIKE_SECONDS = (0.1, 1.2)
# A worker takes some two seconds to start, and then joins the others.
AGAIN_SECONDS = (2.0, 6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One fault: `strike` does it, and returns once it is over and nothing is away any more.

    `explained` says which workers may end by it, and how.
    """

    kind: str
    text: str
    explained: dict[str, frozenset[int]] = field(default_factory=dict)
    strike: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault, what it touches, and how one is made: of a scene, chance, and workers to choose from."""

    name: str
    touches: str
    make: Callable[[Scene, Random, list[str]], Fault]
    workers: int = 0


def kill_one(scene: Scene, chance: Random, free: list[str]) -> Fault:
    return _kill(scene, chance, [free.pop()], "kill -9 of one")


def kill_two(scene: Scene, chance: Random, free: list[str]) -> Fault:
    return _kill(scene, chance, sorted([free.pop(), free.pop()]), "kill -9 of two")


def _kill(scene: Scene, chance: Random, names: list[str], kind: str) -> Fault:
    delays = [chance.uniform(*STRIKE_SECONDS) for _ in names]

    def strike() -> None:
        scene.feeder.burst(BURST)
        for name, delay in zip(names, delays, strict=True):
            time.sleep(delay)
            scene.crew.signal(name, signal.SIGKILL)

    explained = {name: frozenset([KILLED]) for name in names}
    return Fault(kind=kind, text=f"kill -9 {' and '.join(names)}", explained=explained, strike=strike)


def kill_again(scene: Scene, chance: Random, free: list[str]) -> Fault:
    """The same one three times: the second and the third strike it while it starts, or restores its state."""
    name, delays = free.pop(), [chance.uniform(*STRIKE_SECONDS), *[chance.uniform(*AGAIN_SECONDS) for _ in range(2)]]

    def strike() -> None:
        scene.feeder.burst(BURST)
        for delay in delays:
            time.sleep(delay)
            scene.crew.signal(name, signal.SIGKILL)

    explained = {name: frozenset([KILLED])}
    return Fault(kind="kill -9 again", text=f"kill -9 {name}, three times", explained=explained, strike=strike)


def sleep(scene: Scene, chance: Random, free: list[str]) -> Fault:
    name, seconds = free.pop(), chance.uniform(*SLEEP_SECONDS)

    def strike() -> None:
        scene.feeder.burst(BURST)
        time.sleep(0.5)
        scene.crew.signal(name, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            scene.crew.signal(name, signal.SIGCONT)

    # It goes on rightly, or finds that others have taken over.
    explained = {name: frozenset([FENCED, OUTAGE])}
    return Fault(kind="asleep", text=f"{name} asleep for {seconds:.0f} s", explained=explained, strike=strike)


def restart_broker(scene: Scene, chance: Random, _free: list[str]) -> Fault:
    return _broker(scene, chance, "broker restarted", kill=False)


def kill_broker(scene: Scene, chance: Random, _free: list[str]) -> Fault:
    return _broker(scene, chance, "broker killed", kill=True)


def _broker(scene: Scene, chance: Random, kind: str, *, kill: bool) -> Fault:
    seconds = chance.uniform(0, AWAY_SECONDS[1])

    def strike() -> None:
        scene.feeder.burst(BURST)
        time.sleep(0.5)
        if kill:
            scene.kafka.kill()
        else:
            scene.kafka.stop()
        time.sleep(seconds)
        scene.kafka.start()

    # An outage in the middle of a transaction ends a worker by design, and so does what another took over.
    explained = {name: frozenset([OUTAGE, FENCED]) for name in STREAMS}
    return Fault(kind=kind, text=f"{kind}, away for {seconds:.0f} s", explained=explained, strike=strike)


def stop_database(scene: Scene, chance: Random, _free: list[str]) -> Fault:
    seconds = chance.uniform(*AWAY_SECONDS)

    def strike() -> None:
        scene.database.stop()
        time.sleep(seconds)
        scene.database.start()

    return Fault(kind="database stopped", text=f"database stopped for {seconds:.0f} s", strike=strike)


def slow_database(scene: Scene, chance: Random, _free: list[str]) -> Fault:
    seconds, delay = chance.uniform(*SLOW_SECONDS), chance.uniform(*DELAY_SECONDS)

    def strike() -> None:
        scene.proxy.delay_seconds = delay
        try:
            time.sleep(seconds)
        finally:
            scene.proxy.delay_seconds = 0.0

    text = f"database slow for {seconds:.0f} s ({delay:.1f} s a message)"
    return Fault(kind="database slow", text=text, strike=strike)


def lock_database(scene: Scene, chance: Random, _free: list[str]) -> Fault:
    seconds = chance.uniform(*SLOW_SECONDS)

    async def hold() -> None:
        connection = await asyncpg.connect(scene.database.url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE awards, standings, people IN ACCESS EXCLUSIVE MODE")
                await asyncio.sleep(seconds)
        finally:
            await connection.close()

    def strike() -> None:
        asyncio.run(hold())

    return Fault(kind="database locked", text=f"database locked for {seconds:.0f} s", strike=strike)


def fill_disk(scene: Scene, chance: Random, free: list[str]) -> Fault:
    name, seconds = free.pop(), chance.uniform(*FULL_SECONDS)

    def strike() -> None:
        scene.disks[name].fill(scene.crew.process(name))
        try:
            scene.feeder.burst(BURST)
            time.sleep(seconds)
        finally:
            scene.disks[name].make_room()

    return Fault(
        kind="disk full",
        text=f"disk of {name} full for {seconds:.0f} s",
        explained={name: frozenset([DISK])},
        strike=strike,
    )


def remove_state(scene: Scene, chance: Random, free: list[str]) -> Fault:
    """Once in a while everyone's, so that nobody has anything but the changelogs."""
    names = sorted(free) if chance.random() < 0.3 and len(free) == len(STREAMS) else [free.pop()]
    free[:] = [name for name in free if name not in names]

    def strike() -> None:
        scene.feeder.burst(BURST)
        time.sleep(0.5)
        lost = [threading.Thread(target=lose, args=(name,)) for name in names]
        for thread in lost:
            thread.start()
        for thread in lost:
            thread.join()

    def lose(name: str) -> None:
        scene.crew.away(name, lambda: _emptied(scene.disks[name].place))

    explained = {name: frozenset([KILLED]) for name in names}
    return Fault(kind="state lost", text=f"state of {', '.join(names)} removed", explained=explained, strike=strike)


def kill_delivery(scene: Scene, chance: Random, _free: list[str]) -> Fault:
    delay = chance.uniform(*STRIKE_SECONDS)

    def strike() -> None:
        scene.feeder.burst(BURST)
        time.sleep(delay)
        scene.crew.signal(DELIVERY, signal.SIGKILL)

    return Fault(
        kind="kill -9 of delivery", text="kill -9 delivery", explained={DELIVERY: frozenset([KILLED])}, strike=strike
    )


KINDS = (
    Kind(name="kill -9 of one", touches="workers", make=kill_one, workers=1),
    Kind(name="kill -9 of two", touches="workers", make=kill_two, workers=2),
    Kind(name="kill -9 again", touches="workers", make=kill_again, workers=1),
    Kind(name="asleep", touches="workers", make=sleep, workers=1),
    Kind(name="broker restarted", touches="broker", make=restart_broker),
    Kind(name="broker killed", touches="broker", make=kill_broker),
    Kind(name="database stopped", touches="database", make=stop_database),
    Kind(name="database slow", touches="database", make=slow_database),
    Kind(name="database locked", touches="database", make=lock_database),
    Kind(name="disk full", touches="workers", make=fill_disk, workers=1),
    Kind(name="state lost", touches="workers", make=remove_state, workers=1),
    Kind(name="kill -9 of delivery", touches="delivery", make=kill_delivery),
)

# How often a second fault comes at the same time.
TWO_AT_ONCE = 0.3


def sequence(scene: Scene, chance: Random) -> Iterator[list[Fault]]:
    """
    The faults of each cycle, without end.

    All kinds come in turn, in an order that the seed decides; now and then a second one of something else at once.
    """
    bag: list[Kind] = []
    while True:
        if not bag:
            bag = list(KINDS)
            chance.shuffle(bag)
        first, free = bag.pop(), list(STREAMS)
        chance.shuffle(free)
        faults = [first.make(scene, chance, free)]
        others = [kind for kind in bag if _go_together(first, kind, free)]
        if others and chance.random() < TWO_AT_ONCE:
            second = chance.choice(others)
            bag.remove(second)
            faults.append(second.make(scene, chance, free))
        yield faults


def strike(faults: list[Fault], crew: Crew) -> None:
    """Let all of them happen at once; returns when the last is over. Raises what one of them raised."""
    failures: list[BaseException] = []

    def struck(fault: Fault) -> None:
        try:
            fault.strike()
        except BaseException as error:  # noqa: BLE001  # raised below, in the thread of who called
            failures.append(error)

    for fault in faults:
        crew.explain(fault.explained)
    threads = [threading.Thread(target=struck, args=(fault,), name=fault.kind, daemon=True) for fault in faults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _go_together(first: Kind, second: Kind, free: list[str]) -> bool:
    if first.touches == second.touches == "workers":
        return second.workers <= len(free)
    return first.touches != second.touches


def _emptied(place: Path) -> None:
    for entry in os.scandir(place):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
