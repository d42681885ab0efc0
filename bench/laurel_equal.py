"""The equal work on Laurel's transport, lanes, transactions and batch table: a lane's work of its own."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from faust.types import TP
from prometheus_client import CollectorRegistry

from bench.workload import BAR, PARTITIONS, TOPICS_NEEDED
from streams import app as parts
from streams import topics
from streams.app import Streams
from streams.lane import Run
from streams.lanes import Lanes, Work
from streams.messages import Message
from streams.metrics import Metrics
from streams.options import StreamOptions
from streams.progress import BREATH
from streams.tables import ViewTable
from streams.work import Shared, State


class Register(msgspec.Struct, gc=False):
    tenant: str
    learner: str
    course: str
    kind: str
    object: str = ""


class Fact(msgspec.Struct, gc=False):
    register: Register
    statement: tuple[int, int, str, int, bool | None]


class Record(msgspec.Struct, gc=False):
    """What is read of a record of `laurel.facts`; a catalogue has no fact."""

    fact: Fact | None = None


class Standing(msgspec.Struct, array_like=True):
    """What is kept of one learner in one course."""

    grade: int = -1
    is_awarded: bool = False
    topics: list[str] = msgspec.field(default_factory=list)


class Award(msgspec.Struct, gc=False):
    tenant: str
    learner: str
    course: str
    grade: int
    topics: int
    event: str


_records = msgspec.json.Decoder(list[Record])
_json = msgspec.json.Encoder()


@dataclass(slots=True)
class Fold:
    """The equal work on one partition."""

    state: State
    awards: str
    walking: int = 0
    _table: ViewTable[Standing] = field(init=False)
    _sends: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Standing)
        self._table = self.state.view.table("equal", encoder.encode, decoder.decode)

    async def batch(self, run: Run) -> None:
        """Fold a batch, and end it in one transaction."""
        for at, record in enumerate(_parsed(run.records)):
            if at % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            if record.fact is not None:
                self._take(record.fact)
        await self.state.commit(run.end, {self.awards: self._sends})
        self._sends.clear()

    async def step(self) -> bool:
        return False

    def _take(self, fact: Fact) -> None:
        about = fact.register
        place = f"{about.tenant}/{about.learner}/{about.course}"
        known = self._table.get(place) or Standing()
        if about.kind == "topic":
            if about.object not in known.topics:
                known.topics.append(about.object)
        else:
            known.grade = fact.statement[3]
        if not known.is_awarded and known.grade >= BAR and len(known.topics) >= TOPICS_NEEDED:
            known.is_awarded = True
            award = Award(about.tenant, about.learner, about.course, known.grade, len(known.topics), fact.statement[2])
            self._sends.append(Message(key=place.encode(), value=_json.encode(award)))
        self._table.put(place, known)


def _parsed(records: "Sequence[ConsumerRecord[bytes, bytes]]") -> list[Record]:
    return _records.decode(b"[" + b",".join([record.value or b"" for record in records]) + b"]")


def build(options: StreamOptions, awards: str) -> Streams:
    """An app of one agent, put together of what `streams.app` builds the real one of."""
    lanes = Lanes(
        frozenset({topics.FACTS}),
        lambda tp: parts._producer(options, tp),
        most_records=options.batch_records,
        most_bytes=options.batch_bytes,
    )
    shared = Shared(options=options, metrics=Metrics(CollectorRegistry()))
    app = parts._faust_app(options)
    app.lanes = lanes
    streams = Streams(app=app, lanes=lanes, shared=shared)
    changelog = topics.progress_changelog(options.app_id)
    table = parts._table(app, "progress", changelog, shared)

    def work(tp: TP, producer: AIOKafkaProducer) -> Work:
        return Fold(State(shared=shared, tp=tp, producer=producer, table=table, changelog=changelog), awards)

    lanes.makers[topics.FACTS] = work
    parts._agent(app, "progress", [topics.FACTS], lanes)
    parts._open_after_recovery(app, streams)
    app.finalize()
    return streams


async def run(broker: str, group: str, awards: str, directory: str) -> None:
    """Work until told to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    options = StreamOptions(
        app_id=group,
        brokers=(broker,),
        sources=(),
        data_dir=Path(directory),
        worker_name="equal",
        partitions=PARTITIONS,
    )
    (options.data_dir / options.worker_name).mkdir(parents=True, exist_ok=True)
    streams = build(options, awards)
    await streams.start()
    await stop.wait()
    await streams.stop()


def main(arguments: Sequence[str]) -> Any:
    """Arguments: broker, group, topic of awards, directory of state."""
    asyncio.run(run(*arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
