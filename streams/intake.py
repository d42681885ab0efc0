"""Intake: reads each source in its own dialect, and sends facts on, keyed by learner."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from faust.types import TP

from rules.awards import Named
from rules.facts import CourseFact, Fact
from rules.keys import Instant, key
from streams import messages, topics, wire
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Record, Said, UnreadableEvent
from streams.lane import Run
from streams.messages import Message
from streams.options import Source
from streams.work import Ended, Shared


@dataclass(slots=True)
class Intake:
    """Intake's work on one partition of one source. It keeps no state."""

    shared: Shared
    source: Source
    tp: TP
    producer: AIOKafkaProducer
    walking: int = 0
    _facts: dict[int, list[Message]] = field(default_factory=lambda: defaultdict(list))
    _profiles: dict[int, list[Message]] = field(default_factory=lambda: defaultdict(list))
    _letters: list[Message] = field(default_factory=list)
    _said: Counter[str] = field(default_factory=Counter)
    _ignored: int = 0

    async def batch(self, run: Run) -> None:
        """Read a batch, and send what it says with the offset it ends at."""
        with self.shared.timed("intake") as counted:
            counted.records = len(run.records)
            now = self.shared.now()
            parse = DIALECTS[self.source.dialect]
            for record in run.records:
                asked = Record(
                    value=record.value or b"",
                    headers=[(name, content or b"") for name, content in record.headers],
                    tenant=self.source.tenant,
                    source=self.source.topic,
                    received_at=now,
                )
                try:
                    said = parse(asked)
                except UnreadableEvent as error:
                    letter = self.shared.dead_letter(
                        record, str(error), stage="intake", source=self.source.topic, dialect=self.source.dialect
                    )
                    self._letters.append(letter)
                else:
                    self._ignored += not said
                    self._take(said, now)
            self._count()
            await self._send(run.end)

    async def step(self) -> bool:
        return False

    def _take(self, said: tuple[Said, ...], now: Instant) -> None:
        partitions = self.shared.options.partitions
        for one in said:
            if isinstance(one, Fact):
                about = one.register
                place, partition = topics.place_of(about.tenant, about.learner, partitions)
                self._facts[partition].append(Message(place, wire.dump(wire.FactsRecord(fact=one))))
                self._said[about.kind] += 1
            elif isinstance(one, CourseFact):
                # It concerns everyone in the course, so it travels in all partitions.
                place = key(one.tenant, one.course).encode()
                record = Message(place, wire.dump(wire.FactsRecord(course=one)))
                for partition in range(partitions):
                    self._facts[partition].append(record)
                self._said[one.kind] += 1
            else:
                place, partition = topics.place_of(one.tenant, one.learner, partitions)
                self._profiles[partition].append(messages.dump_profile(one))
                # Progress knows who was erased, and takes the name back; the name itself does not travel there.
                named = Named(tenant=one.tenant, learner=one.learner, received_at=now)
                self._facts[partition].append(Message(place, wire.dump(wire.FactsRecord(named=named))))
                self._said["profile"] += 1

    def _count(self) -> None:
        """Tell the metrics what a batch said: once for each kind, since asking for a label costs at each event."""
        for kind, count in self._said.items():
            self.shared.metrics.facts.labels(self.source.topic, kind).inc(count)
        if self._ignored:
            self.shared.metrics.ignored.labels(self.source.topic).inc(self._ignored)

    async def _send(self, offset: int) -> None:
        ended = Ended(source=self.tp, offset=offset)
        for partition, records in self._facts.items():
            ended.add(topics.FACTS, partition, records)
        for partition, records in self._profiles.items():
            ended.add(topics.PROFILES, partition, records)
        ended.add(topics.DEAD_LETTERS, self.tp.partition % self.shared.options.partitions, self._letters)
        await self.shared.commit(self.producer, ended)
        self._facts.clear()
        self._profiles.clear()
        self._letters.clear()
        self._said.clear()
        self._ignored = 0
