"""The scene: everything that a run needs and breaks, started, and gone afterwards."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from laurel.demo.stack import Stack, prepared
from laurel.embedded import EmbeddedDatabase
from tests.acceptance.scenes import DEMO_CATALOGUE, command, make_topics
from tests.real_kafka import RealKafka
from tests.torture.crew import Crew
from tests.torture.disk import Disk, disk
from tests.torture.feeding import Feeder
from tests.torture.proxy import SlowDatabase
from tests.torture.unread import Unread

APP = "torture"
STREAMS = ("a", "b", "c")
DELIVERY = "delivery"

# Each of three workers has something to do: Faust gives them 2, 2 and none of four partitions.
SOURCES = {"lms.brightspace": 6, "lms.laurel": 3}
PARTITIONS = 6
# Facts and held have as many.
LANES = sum(SOURCES.values()) + 2 * PARTITIONS
# Many small transactions, so that something is always in the middle of one.
SMALL_BATCHES = {"LAUREL_BATCH_MAX_RECORDS": "100"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that can be broken, and what it stands on."""

    stack: Stack
    crew: Crew
    unread: Unread
    feeder: Feeder
    kafka: RealKafka
    database: EmbeddedDatabase
    proxy: SlowDatabase
    disks: dict[str, Disk]

    @property
    def state(self) -> Path:
        """Where the workers keep their state."""
        return self.stack.directory / "state"


def _put_up(stack: Stack) -> None:
    """Make topics, and put the first catalogue in force, as an operator does."""
    stack.environ |= {"LAUREL_APP_ID": APP, "LAUREL_PARTITIONS": str(PARTITIONS)}
    asyncio.run(make_topics(stack.settings.broker, SOURCES))
    for arguments in (("topics", "apply"), ("topics", "check"), ("catalogue", "apply", "--yes", str(DEMO_CATALOGUE))):
        done = command(stack, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"`laurel {' '.join(arguments)}` failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def scene(output: Path, *, seed: int, per_second: int) -> Iterator[Scene]:
    """Start everything but the feeder. Whatever happens, all of it is gone afterwards, but for the logs in `output`."""
    logs = {name: output / f"{name}.log" for name in (*STREAMS, DELIVERY)}
    with contextlib.ExitStack() as undo:
        kafka = undo.enter_context(RealKafka())
        undo.callback(lambda: shutil.copy(kafka.log, output / "kafka.log"))
        stack = undo.enter_context(prepared(kafka.address, DEMO_CATALOGUE))
        _put_up(stack)
        proxy = undo.enter_context(SlowDatabase(stack.database.url, seed))
        disks: dict[str, Disk] = {}
        for name in STREAMS:
            disks[name] = disk(stack.directory / "state" / name, logs[name])
            undo.callback(disks[name].release)
        settings = {name: {**SMALL_BATCHES, "LAUREL_DATA_DIR": str(disks[name].place)} for name in STREAMS}
        settings[DELIVERY] = {"LAUREL_DATABASE": proxy.url}
        unread = undo.enter_context(Unread(kafka.address, APP, SOURCES))
        crew = Crew({}, logs, LANES, unread.records)
        undo.enter_context(crew)
        for name, log in logs.items():
            role, file = "delivery" if name == DELIVERY else "stream", undo.enter_context(log.open("wb"))
            crew.workers[name] = stack.worker(file, role, name, settings[name])
        yield Scene(
            stack=stack,
            crew=crew,
            unread=unread,
            feeder=Feeder(kafka.address, seed, per_second),
            kafka=kafka,
            database=stack.database,
            proxy=proxy,
            disks=disks,
        )
