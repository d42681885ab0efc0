"""The progress agent: joins facts into histories, judges the criteria they touch, says what changed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from rules import decide, telling
from rules.awards import Held
from rules.keys import key
from rules.known import Decisions, Known
from rules.verdict import is_told
from streams import messages, topics, wire
from streams.dialects.dialect import UnreadableEvent
from streams.lane import Run
from streams.tables import BatchTable, View
from streams.transaction import Outgoing
from streams.work import Ended, Shared

log = structlog.get_logger("laurel")

# Between so many records the event loop may turn to other lanes, and to whoever asks how we are.
BREATH = 256

# So many learners a walk takes between two batches.
WALK_LEARNERS = 100


@dataclass(slots=True, kw_only=True)
class Progress:
    """The progress agent's work on one partition of `laurel.facts`."""

    shared: Shared
    tp: TP
    producer: AIOKafkaProducer
    table: BatchTable
    view: View = field(init=False)
    known: Known = field(init=False)
    walking: int = 0
    _held: list[Outgoing] = field(default_factory=list)
    _letters: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = View(self.table.database(self.tp.partition))
        self.known = Known.of(lambda name: self.view.table(name, *wire.CODECS[name]))

    async def batch(self, run: Run) -> None:
        """Judge a batch record by record; one that takes too long is committed with what there is, and goes on."""
        at = 0
        while at < len(run.records):
            with self.shared.timed("progress") as counted:
                upto = await self._fold(run.records, at)
                await self._commit(run.end if upto == len(run.records) else run.records[upto].offset)
                counted.records = upto - at
            at = upto

    async def step(self) -> bool:
        """Go on with the walks that catalogues and course facts have caused."""
        under_way = decide.walks(self.known)
        if under_way:
            place, walk = under_way[0]
            done = decide.walk_on(self.known, place, walk, WALK_LEARNERS)
            self.shared.metrics.walked.labels("progress").inc(done)
            under_way = decide.walks(self.known)
            await self._commit(None)
        self.walking = len(under_way)
        return bool(under_way)

    async def _fold(self, records: "Sequence[ConsumerRecord[bytes, bytes]]", began: int) -> int:
        """Take records one by one, until all are taken or the time is over; says where it stopped."""
        until = time.monotonic() + self.shared.options.batch_seconds
        parsed = wire.parse_facts([record.value for record in records[began:]])
        for at, one in enumerate(parsed, began):
            if at % BREATH == BREATH - 1:
                await asyncio.sleep(0)
                if time.monotonic() > until:
                    return at
            if isinstance(one, UnreadableEvent):
                self._refuse(records[at], str(one))
            else:
                self._take(records[at], one)
        return len(records)

    def _take(self, record: "ConsumerRecord[bytes, bytes]", one: wire.FactsRecord) -> None:
        if one.fact is not None:
            decide.decide_fact(self.known, one.fact)
        elif one.course is not None:
            decide.decide_course_fact(self.known, one.course)
        elif one.catalogue is not None:
            self._put_in_force(record, one.catalogue)
        else:
            self._refuse(record, "the record says nothing: neither a fact, nor a course fact, nor a catalogue")

    def _put_in_force(self, record: "ConsumerRecord[bytes, bytes]", catalogue: wire.CatalogueInForce) -> None:
        try:
            changed = decide.decide_catalogue(self.known, catalogue.document, catalogue.received_at)
        except (KeyError, TypeError, ValueError) as error:
            self._refuse(record, f"a catalogue that was not checked: {error!r}; use `laurel catalogue apply`")
            return
        self._tell_held()
        self._held.append(Outgoing(key=record.key, value=wire.dump(wire.HeldRecord(catalogue=catalogue))))
        if changed:
            version, tenant = catalogue.document["version"], catalogue.document["tenant"]
            log.info("catalogue in force", tenant=tenant, version=version, partition=self.tp.partition)

    def _refuse(self, record: "ConsumerRecord[bytes, bytes]", reason: str) -> None:
        letter = self.shared.dead_letter(record, reason, stage="progress", source=record.topic, dialect="")
        self._letters.append(letter)

    def _tell_held(self) -> None:
        """Spans of badges go out in the order in which they were decided, catalogues among them."""
        for held in self.known.decisions.held:
            place = key(held.tenant, held.learner).encode()
            said = wire.HeldRecord(held=held) if isinstance(held, Held) else wire.HeldRecord(up_to_date=held)
            self._held.append(Outgoing(key=place, value=wire.dump(said)))
        self.known.decisions.held.clear()

    async def _commit(self, offset: int | None) -> None:
        self._tell_held()
        ended = Ended(source=self.tp, offset=offset, changes=self.view.changes())
        partition, options = self.tp.partition, self.shared.options
        ended.changelog = TP(topics.progress_changelog(options.app_id), partition)
        ended.add(topics.HELD, partition, self._held)
        ended.add(topics.BADGES, partition, badges_of(self.known.decisions, self.shared))
        ended.add(topics.STANDINGS, partition, self._standings())
        ended.add(topics.DEAD_LETTERS, partition, self._letters)
        reached = await self.shared.commit(self.producer, ended)
        self.table.store(partition, ended.changes, reached)
        self.view.forget()
        self.known.decisions = Decisions()
        self._held.clear()
        self._letters.clear()

    def _standings(self) -> list[Outgoing]:
        found = []
        for who, credential in self.known.decisions.standings:
            standing = telling.standing(self.known, who, credential)
            message = messages.standing_gone(*who, credential) if standing is None else messages.dump_standing(standing)
            found.append(Outgoing(key=message.key, value=message.value, headers=message.headers))
        return found


def badges_of(decisions: Decisions, shared: Shared) -> list[Outgoing]:
    """The awards that were decided, as the world hears of them."""
    found = []
    for award in decisions.awards:
        if is_told(award):
            message = messages.dump_award(award, source=shared.options.ce_source)
            found.append(Outgoing(key=message.key, value=message.value, headers=message.headers))
            shared.metrics.awards.labels(award.kind, award.status).inc()
    return found
