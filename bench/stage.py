"""The stage of one group of rows: a broker of its own, Laurel's topics and catalogue, a backlog, and the log."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import workload
from bench.kafka import Broker, broker
from bench.measuring import Measured, Watch, started
from bench.processors import Processor
from bench.sizes import Sizes
from bench.workload import Event, Record
from laurel.catalogue_file import read_catalogue
from rules.catalogue import dump_catalogue
from streams import broker as laurel_broker
from streams import topics
from streams.options import StreamOptions

LMS_TOPIC = "lms.laurel"
CREDENTIALS = 5
# A share of the measured core that goes to others, from which on it is said.
DISTURBED = 0.05
CONFIG = f"""\
public_address: https://credentials.example.edu
sources:
  - {{topic: {LMS_TOPIC}, dialect: laurel, tenant: {workload.TENANT}, start: earliest}}
tenants:
  {workload.TENANT}: {{catalogue: catalogue.yaml}}
"""


@dataclass(slots=True, kw_only=True)
class Log:
    """Says what is done, a line a step, with the time since the bench began; a bar while a step takes its time."""

    console: Console
    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        self.console.print(f"{minutes:3}:{seconds:02}  {text}", highlight=False, markup=False, soft_wrap=True)

    def bar(self) -> Progress:
        return Progress(
            TextColumn("        {task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a group of rows works with."""

    broker: Broker
    directory: Path
    log: Log
    sizes: Sizes
    runs: int = 0

    @property
    def config(self) -> Path:
        return self.directory / "config.yaml"

    def next_run(self) -> str:
        """A name for a run: no two share groups, transactions, topics or state."""
        self.runs += 1
        return str(self.runs)

    def _options(self, app: str) -> StreamOptions:
        return StreamOptions(
            app_id=app, brokers=(self.broker.address,), sources=(), data_dir=self.directory, worker_name="bench"
        )

    async def laurel_topics(self, app: str) -> None:
        """Make Laurel's topics for this app. Facts stay as they are; whatever others have said is thrown away."""
        told = {topic.name for topic in topics.wanted(self._options(app))} - {topics.FACTS}
        if stale := sorted(told & set(await self.broker.topics())):
            await self.broker.remove(stale)
        admin = await laurel_broker.reached(self._options(app), asyncio.Event())
        if admin is None:
            raise RuntimeError("the broker cannot be reached")
        try:
            await laurel_broker.apply_topics(admin, self._options(app), replication=1)
        finally:
            await admin.stop()

    async def put_in_force(self, credentials: int) -> None:
        """Put a catalogue of so many badges in force: it is the first record of every partition of the facts."""
        path = self.directory / "catalogue.yaml"
        path.write_text(workload.catalogue(credentials), encoding="utf-8")
        document = dump_catalogue(read_catalogue(path, workload.TENANT))
        await laurel_broker.put_in_force(self._options("bench"), [document])

    async def facts(self, events: Iterable[Event]) -> int:
        """Write a backlog of facts, and say where it ends: offsets, the catalogue and its marker among them."""
        await self.write(topics.FACTS, (workload.facts_record(event) for event in events))
        return await self.broker.length(topics.FACTS)

    async def write(self, topic: str, records: Iterable[Record]) -> None:
        """Write a backlog, and say how large it is."""
        began = time.monotonic()
        count = await self.broker.write(topic, records)
        self.log.say(f"a backlog of {count:,} events in {topic} (written in {time.monotonic() - began:.0f} s)")

    async def run(self, processor: Processor, until: int, *, base: int = 0, most_seconds: float = 1e9) -> Measured:
        """Run a processor over the backlog, and give what was measured. Its state and topics stay."""
        await self.prepare(processor)
        with started(processor, self.directory / f"{processor.group}.log") as running, self.log.bar() as bar:
            task = bar.add_task(f"{processor.name} {processor.guarantee}", total=until)
            watch = Watch(
                broker=self.broker,
                running=running,
                until=until,
                base=base,
                most_seconds=most_seconds,
                seen=lambda done: bar.update(task, completed=done),
            )
            await watch.run()
            measured = watch.measured()
        self.log.say(sentence(measured))
        return measured

    async def prepare(self, processor: Processor) -> None:
        """Make the topics that a processor wants to be there."""
        if processor.awards == topics.BADGES:
            await self.laurel_topics(processor.group)
        for name, config in processor.makes.items():
            await self.broker.make([name], **config)


def sentence(run: Measured) -> str:
    """A run in a line."""
    who = f"{run.name}, {run.guarantee}" if run.guarantee else run.name
    part = "" if run.events == run.of else f"; {run.events:,} events of {run.of:,} in its time"
    disturbed = f"; others took {run.others:.0%} of its core" if run.others > DISTURBED else ""
    return (
        f"{who}: {run.whole:,.0f} events/s, second half {run.steady:,.0f} ({run.per_core_second:,.0f} for a second of "
        f"its core); its core {run.busy:.0%} busy, the broker's {run.broker_busy:.0%}{part}{disturbed}"
    )


@contextlib.asynccontextmanager
async def stage(log: Log, sizes: Sizes, credentials: int = CREDENTIALS) -> AsyncIterator[Stage]:
    """A broker with Laurel's topics and catalogue, and nothing else yet; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="laurel-bench-", ignore_cleanup_errors=True) as directory:
        async with broker() as started_broker:
            made = Stage(broker=started_broker, directory=Path(directory), log=log, sizes=sizes)
            made.config.write_text(CONFIG, encoding="utf-8")
            await made.laurel_topics("bench")
            await made.broker.make([LMS_TOPIC])
            await made.put_in_force(credentials)
            yield made
