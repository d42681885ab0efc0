"""What one event costs on its way through intake, progress and certificates, stage by stage, without a broker."""

import argparse
import asyncio
import gc
import logging
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, RecordMetadata
from faust.stores.rocksdb import RocksDBOptions
from faust.types import TP
from prometheus_client import CollectorRegistry
from rocksdict import WriteBatch

from laurel.catalogue_file import read_catalogue
from laurel.term import term
from laurel.term_records import BRIGHTSPACE, NATIVE, TENANT, Told, native
from rules.awards import CredentialKind
from rules.catalogue import Catalogue, CertificateDesign, Credential, Issuer, dump_catalogue
from rules.criteria import AllOf, Badges, Criterion, FinalGrade, ItemGrade, TopicsCompleted
from rules.facts import CourseFact, CourseKind, Fact, Kind, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId, Instant, LearnerId, TenantId
from rules.policies import Policy
from streams import topics, wire
from streams.app import BATCH_BYTES, GC_THRESHOLDS
from streams.certificates import Certificates
from streams.intake import Intake
from streams.lane import Run
from streams.metrics import Metrics
from streams.options import Source, StreamOptions
from streams.progress import Progress
from streams.tables import STORE_OPTIONS, BatchTable, Changes
from streams.work import Shared, State

BEGINS_AT: Final = 1_772_409_600_000_000
MINUTE: Final = 60_000_000
TOPICS: Final = 10
COURSES: Final = 6


@dataclass(slots=True)
class Spent:
    """Seconds of this process by stage, and what was counted."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, stage: str, began: float) -> float:
        now = time.process_time()
        self.seconds[stage] += now - began
        return now


class Sent:
    """The producer's side of a transaction: real record batches, which nobody sends."""

    def __init__(self, spent: Spent, name: str) -> None:
        self.spent, self.name = spent, name
        self.batches: dict[str, list[bytes]] = defaultdict(list)
        self.began = 0.0

    async def begin_transaction(self) -> None:
        self.began = self.spent.add(f"{self.name}: decode, judge, encode", self.began)

    async def send_offsets_to_transaction(self, offsets: object, group: str) -> None: ...

    async def commit_transaction(self) -> None:
        self.began = self.spent.add(f"{self.name}: append to record batches", self.began)

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0, is_transactional=1)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> Awaitable[RecordMetadata]:
        self.spent.counts[topic] += batch.record_count()
        built = bytes(batch._build())  # noqa: SLF001  # what aiokafka's sender does with it
        self.spent.counts[f"{topic} bytes"] += len(built)
        self.batches[topic].append(built)
        done = asyncio.get_running_loop().create_future()
        done.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), 0, 0, 0, 0))
        return done

    def taken(self, topic: str) -> list["ConsumerRecord[bytes, bytes]"]:
        """What was sent to a topic since it was asked for last, as a consumer would have it."""
        found: list[ConsumerRecord[bytes, bytes]] = []
        for built in self.batches.pop(topic, ()):
            records = MemoryRecords(built)
            while (batch := records.next_batch()) is not None:
                found += [_record(topic, len(found), r.key, r.value, r.headers) for r in batch]
        self.batches.clear()
        return found


class Store:
    """The database of one partition, as `BatchTable` has it, without Faust around it."""

    def __init__(self, spent: Spent, path: Path, sent: Sent) -> None:
        self._spent, self._sent = spent, sent
        self._database = RocksDBOptions(use_rocksdict=True, **STORE_OPTIONS).open(path)

    def database(self, _partition: int) -> Any:
        return self._database

    def store(self, _partition: int, changes: Changes, _offset: int | None) -> None:
        began = time.process_time()
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            self._spent.counts[f"table {key.split(b'/', 1)[0].decode()}"] += 1
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._database.write(batch)
        self._sent.began = self._spent.add(f"{self._sent.name}: write to the database", began)


@dataclass(slots=True, kw_only=True)
class World:
    """A catalogue, and what is said under it."""

    catalogue: Catalogue
    records: list[Told]


def demo(events: int) -> World:
    found = term(seed=1, learners=max(50, events // 95))
    path = Path(__file__).parent.parent / "laurel" / "demo" / "catalogue.yaml"
    return World(catalogue=read_catalogue(path, TenantId(TENANT)), records=found)


def synthetic(events: int, learners: int, credentials: int = 5, *, same_course: bool = False) -> World:
    """Learners in six courses with ten topics, an item and a grade each, in any order."""
    random = Random(1)  # noqa: S311  # a benchmark is to be repeated, not to be secret
    courses = [CourseId(f"course-{at}") for at in range(COURSES)]
    more = [*courses[:1]] if same_course else [CourseId(f"other-{at}") for at in range(400)]
    chosen = _credentials(courses)
    for at in range(len(chosen), credentials):
        course = more[at % len(more)]
        grade = FinalGrade(course=course, at_least=4_000 + at)
        items = ItemGrade(course=course, item="exam", at_least=5_000)
        chosen.append(_badge(f"more-{at}", AllOf(parts=(grade, items)) if at % 2 else grade))
    outlines = [native(_outline(course)) for course in courses]
    facts = [native(_said(random, learners, courses, at)) for at in range(events)]
    catalogue = Catalogue(
        tenant=TenantId(TENANT),
        version=1,
        issuer=Issuer(id="https://example.edu", name="Example"),
        courses=tuple((course, course) for course in [*courses, *more]),
        credentials=tuple(chosen),
    )
    return World(catalogue=catalogue, records=[*outlines, *facts])


def _credentials(courses: list[CourseId]) -> list[Credential]:
    def whole(course: CourseId) -> Criterion:
        return AllOf(
            parts=(TopicsCompleted(course=course, topics="all"), FinalGrade(course=course, at_least=5_500)),
        )

    design = CertificateDesign(template="classic", text="{FullName}")
    first = [_badge(f"badge-{at}", whole(courses[at])) for at in range(3)]
    third = _badge("badge-3", TopicsCompleted(course=courses[3], topics=8))
    of = tuple(CredentialId(f"badge-{at}") for at in range(4))
    certificate = Credential(
        id=CredentialId("certificate"),
        kind=CredentialKind.CERTIFICATE,
        name="Certificate",
        criteria=Badges(at_least=2, of=of),
        when_no_longer_met=Policy.KEEP,
        certificate=design,
    )
    return [*first, third, certificate]


def _badge(name: str, criteria: Criterion) -> Credential:
    return Credential(
        id=CredentialId(name),
        kind=CredentialKind.BADGE,
        name=name,
        criteria=criteria,
        when_no_longer_met=Policy.KEEP,
    )


def _outline(course: CourseId) -> CourseFact:
    said = CourseStatement(BEGINS_AT, 0, f"outline {course}", tuple(f"{course}-{at}" for at in range(TOPICS)))
    return CourseFact(
        tenant=TenantId(TENANT), course=course, kind=CourseKind.OUTLINE, statement=said, received_at=Instant(0)
    )


def _said(random: Random, learners: int, courses: list[CourseId], at: int) -> Fact:
    course = random.choice(courses)
    chance = random.random()
    if chance < 0.1:
        kind, thing, value = Kind.CALCULATED_GRADE, "", random.randrange(4_000, 10_000)
    elif chance < 0.2:
        kind, thing, value = Kind.ITEM_GRADE, "exam", random.randrange(4_000, 10_000)
    else:
        kind, thing, value = Kind.TOPIC, f"{course}-{random.randrange(TOPICS)}", 1
    uuid = f"{random.getrandbits(32):08x}-0000-4000-8000-{at:012x}"
    about = Register(
        tenant=TenantId(TENANT),
        learner=LearnerId(f"learner-{random.randrange(learners)}"),
        course=course,
        kind=kind,
        object=thing,
    )
    return Fact(register=about, statement=Statement(BEGINS_AT + at * 1_000, 0, uuid, value), received_at=Instant(0))


def _record(
    topic: str, offset: int, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]
) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(
        topic, 0, offset, 0, 0, key, value, None, 0, 0, tuple((name, content or b"") for name, content in headers)
    )


def _runs(records: list["ConsumerRecord[bytes, bytes]"], size: int) -> Iterator[Run]:
    for at in range(0, len(records), size):
        some = records[at : at + size]
        yield Run(TP(some[0].topic, 0), some, at, at + len(some))


class Bench:
    """One worker's three agents on one partition, with databases in a directory."""

    def __init__(self, directory: Path) -> None:
        self.spent = Spent()
        sources = [
            Source(topic=name, dialect=dialect, tenant=TenantId(TENANT))
            for name, dialect in ((BRIGHTSPACE, "brightspace"), (NATIVE, "laurel"))
        ]
        options = StreamOptions(
            app_id="bench",
            brokers=("127.0.0.1:1",),
            sources=tuple(sources),
            data_dir=directory,
            worker_name="bench",
            partitions=1,
        )
        shared = Shared(options=options, metrics=Metrics(CollectorRegistry()))
        self.to_intake, self.to_progress, self.to_certificates = (
            Sent(self.spent, name) for name in ("intake", "progress", "certificates")
        )
        self.intakes = {
            source.topic: Intake(shared, source, TP(source.topic, 0), cast("AIOKafkaProducer", self.to_intake))
            for source in sources
        }
        self.progress = Progress(self._state(shared, topics.FACTS, self.to_progress, directory / "progress"))
        self.certificates = Certificates(
            self._state(shared, topics.HELD, self.to_certificates, directory / "certificates")
        )

    def _state(self, shared: Shared, topic: str, sent: Sent, path: Path) -> State:
        return State(
            shared=shared,
            tp=TP(topic, 0),
            producer=cast("AIOKafkaProducer", sent),
            table=cast("BatchTable", Store(self.spent, path, sent)),
            changelog=f"{sent.name}-changelog",
        )

    async def put_in_force(self, catalogue: Catalogue) -> None:
        said = wire.CatalogueInForce(document=dump_catalogue(catalogue), received_at=Instant(1))
        await self._on([_record(topics.FACTS, 0, b"", wire.dump(wire.FactsRecord(catalogue=said)), ())])
        self.spent.seconds.clear()
        self.spent.counts.clear()

    async def batch(self, topic: str, run: Run) -> None:
        """Take one batch of a source all the way."""
        self.to_intake.began = time.process_time()
        await self.intakes[topic].batch(run)
        await self._on(self.to_intake.taken(topics.FACTS))

    async def _on(self, facts: list["ConsumerRecord[bytes, bytes]"]) -> None:
        for run in _runs(facts, 4_000):
            self.to_progress.began = time.process_time()
            await self.progress.batch(run)
            while await self.progress.step():
                pass
            for held in _runs(self.to_progress.taken(topics.HELD), 4_000):
                self.to_certificates.began = time.process_time()
                await self.certificates.batch(held)


async def measure(world: World, batch: int) -> Spent:
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        await bench.put_in_force(world.catalogue)
        by_topic: dict[str, list[ConsumerRecord[bytes, bytes]]] = defaultdict(list)
        gc.collect()
        gc.freeze()
        for at, told in enumerate(world.records):
            some = by_topic[told.topic]
            some.append(_record(told.topic, at, told.key, told.value, told.headers))
            if len(some) == batch or at == len(world.records) - 1:
                for topic, found in by_topic.items():
                    for run in _runs(found, batch):
                        await bench.batch(topic, run)
                by_topic.clear()
        return bench.spent


def show(name: str, world: World, spent: Spent, *, counts: bool) -> None:
    """Say what each stage cost for each event, in time of this process: the machine is often shared."""
    events = len(world.records)
    total = sum(spent.seconds.values())
    lines = [f"{name}: {events:,} events, {total / events * 1e6:.1f} µs each, {events / total:,.0f}/s"]
    lines += [f"  {stage:44} {seconds / events * 1e6:7.2f} µs" for stage, seconds in spent.seconds.items()]
    lines += [f"  {what:44} {count / events:7.2f} an event" for what, count in sorted(spent.counts.items()) if counts]
    sys.stdout.write("\n".join(lines) + "\n")


WORLDS: Final = {
    "a": lambda asked: demo(asked.events),
    "b": lambda asked: synthetic(asked.events, asked.learners),
    "c": lambda asked: synthetic(asked.events, asked.learners, 2_000),
    "d": lambda asked: synthetic(asked.events, asked.learners, 2_000, same_course=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "worlds",
        nargs="*",
        default=["a", "b", "c"],
        help="a: the demo's term; b: six courses, 5 credentials; c: 2,000; d: 2,000 about one course",
    )
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--learners", type=int, default=500)
    parser.add_argument("--batch", type=int, default=4_000, help="records in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="measure so often, and show the best")
    parser.add_argument("--counts", action="store_true", help="what was sent and written, too")
    asked: Any = parser.parse_args(namespace=SimpleNamespace())
    gc.set_threshold(*GC_THRESHOLDS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for name in asked.worlds:
        world = WORLDS[name](asked)
        rounds = [asyncio.run(measure(world, asked.batch)) for _ in range(asked.rounds)]
        best = min(rounds, key=lambda spent: sum(spent.seconds.values()))
        show(name, world, best, counts=asked.counts)


if __name__ == "__main__":
    main()
