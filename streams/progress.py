"""The progress agent: joins facts into histories, judges the criteria they touch, says what changed."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from aiokafka.structs import ConsumerRecord

from rules import decide, telling
from rules.awards import ByHand, Erased, Erasure, Held, UpToDate
from rules.keys import key
from rules.known import Decisions, Known, Walk
from streams import messages, topics, wire
from streams.dialects.dialect import UnreadableEvent
from streams.lane import Run
from streams.messages import Message
from streams.work import State, standings

log = structlog.get_logger("laurel")

STAGE = "progress"

# The key of hashes, as an erasure brings it.
HASH_KEY = re.compile(r"[0-9a-f]{64}")

# Between so many records the event loop may turn to other lanes, and to whoever asks how we are.
BREATH = 256


@dataclass(slots=True)
class Progress:
    """The progress agent's work on one partition of `laurel.facts`."""

    state: State
    known: Known = field(init=False)
    walking: int = 0
    jump_seconds: float = 0.0
    _held: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = Known.of(self.state.table_of)

    async def batch(self, run: Run) -> None:
        """Judge a batch record by record; one that takes too long is committed with what there is, and goes on."""
        at = 0
        while at < len(run.records):
            with self.state.shared.timed("progress") as counted:
                upto = await self._fold(run.records, at)
                await self._commit(run.end if upto == len(run.records) else run.records[upto].offset)
                counted.records = upto - at
            at = upto

    async def step(self) -> bool:
        """Go on with those who are due, and with the walks that catalogues and course facts have caused."""
        under_way, is_behind = decide.walks(self.known), decide.is_behind(self.known)
        if under_way or is_behind:
            learners = self.state.shared.options.walk_learners
            done = decide.look_on(self.known, learners)
            if under_way:
                place, walk = under_way[0]
                done += decide.walk_on(self.known, place, walk, learners)
            self.state.shared.metrics.walked.labels("progress").inc(done)
            before = dict(under_way)
            under_way, is_behind = decide.walks(self.known), decide.is_behind(self.known)
            await self._commit(None)
            self._say_ended(before, dict(under_way))
        self.walking = len(under_way) + is_behind
        return self.walking > 0

    def _say_ended(self, before: dict[str, Walk], now: dict[str, Walk]) -> None:
        """Say which walks are at their end: of a catalogue to everyone, of a course to who wants to know."""
        for place, walk in before.items():
            if place in now:
                continue
            partition = self.state.tp.partition
            if walk.course is None:
                log.info("everyone is judged by the catalogue", tenant=walk.tenant, partition=partition)
            else:
                log.debug("everyone in a course is judged", tenant=walk.tenant, course=walk.course, partition=partition)

    async def _fold(self, records: "Sequence[ConsumerRecord[bytes, bytes]]", began: int) -> int:
        """Take records one by one, until all are taken or the time is over; says where it stopped."""
        shared = self.state.shared
        until = shared.seconds() + shared.options.batch_seconds
        parsed = wire.parse_facts([record.value for record in records[began:]])
        for at, one in enumerate(parsed, began):
            if at % BREATH == BREATH - 1:
                await asyncio.sleep(0)
                if shared.seconds() > until:
                    return at
            if isinstance(one, UnreadableEvent):
                self.state.refuse(records[at], str(one), STAGE)
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
        elif one.clock is not None:
            self._hear(record, one.clock)
        elif (done := wire.by_hand(one)) is not None:
            decide.decide_by_hand(self.known, done)
        elif one.named is not None:
            decide.decide_named(self.known, one.named)
        elif one.erase is not None:
            self._erase(record, one.erase)
        else:
            self.state.refuse(
                record,
                "the record says nothing: neither a fact, nor a course fact, nor a catalogue, nor the time, nor what "
                "somebody did, nor who is named or to be erased",
                STAGE,
            )

    def _erase(self, record: "ConsumerRecord[bytes, bytes]", erasure: Erasure) -> None:
        if HASH_KEY.fullmatch(erasure.hash_key) is None:
            self.state.refuse(record, "an erasure without a key of 64 hexadecimal digits; use `laurel learners`", STAGE)
            return
        decide.decide_erasure(self.known, erasure)
        # Whom, nobody is told.
        log.info("a learner was erased", tenant=erasure.tenant, partition=self.state.tp.partition)

    def _hear(self, record: "ConsumerRecord[bytes, bytes]", clock: wire.ClockRecord) -> None:
        known = self.known.clock.time
        if decide.decide_clock(self.known, clock.time, is_set=clock.is_set):
            self.jump_seconds = 0.0
            self._tell_held()
            # What progress knows, which may be later than what the clock says.
            time = wire.ClockRecord(time=self.known.clock.time)
            self._held.append(Message(key=record.key, value=wire.dump(wire.HeldRecord(clock=time))))
            return
        if not self.jump_seconds:
            log.warning(
                "the clock is more than a day ahead of what this partition knows; it waits for `laurel clock --set`",
                partition=self.state.tp.partition,
                known=messages.rfc3339(known),
                told=messages.rfc3339(clock.time),
            )
        self.jump_seconds = (clock.time - known) / 1_000_000

    @property
    def time_seconds(self) -> float:
        """The time that this partition knows, in seconds since 1970."""
        return self.known.clock.time / 1_000_000

    def _put_in_force(self, record: "ConsumerRecord[bytes, bytes]", catalogue: wire.CatalogueInForce) -> None:
        try:
            changed = decide.decide_catalogue(self.known, catalogue.document, catalogue.received_at)
        except (KeyError, TypeError, ValueError) as error:
            self.state.refuse(
                record, f"a catalogue that was not checked: {error!r}; use `laurel catalogue apply`", STAGE
            )
            return
        self._tell_held()
        self._held.append(Message(key=record.key, value=wire.dump(wire.HeldRecord(catalogue=catalogue))))
        if changed:
            version, tenant = catalogue.document["version"], catalogue.document["tenant"]
            log.info("catalogue in force", tenant=tenant, version=version, partition=self.state.tp.partition)

    def _tell_held(self) -> None:
        """Spans of badges go out in the order in which they were decided, catalogues among them."""
        for held in self.known.decisions.held:
            place = key(held.tenant, held.learner).encode()
            match held:
                case Held():
                    said = wire.HeldRecord(held=held)
                case UpToDate():
                    said = wire.HeldRecord(up_to_date=held)
                case ByHand():
                    said = wire.held_by_hand(held)
                case Erased():
                    said = wire.HeldRecord(erased=held)
            self._held.append(Message(key=place, value=wire.dump(said)))
        self.known.decisions.held.clear()

    async def _commit(self, offset: int | None) -> None:
        self._tell_held()
        decisions, shared = self.known.decisions, self.state.shared
        sends = {
            topics.HELD: self._held,
            topics.BADGES: shared.awards(decisions),
            topics.STANDINGS: standings(decisions, partial(telling.standing, self.known)),
            topics.PROFILES: [messages.profile_gone(*who) for who in decisions.names_gone],
        }
        await self.state.commit(offset, sends)
        if decisions.passed_over:
            shared.metrics.passed_over.inc(decisions.passed_over)
        self.known.decisions = Decisions()
        self._held.clear()
