"""The certificates agent: follows when badges are held, and issues certificates when enough of them are."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from aiokafka.structs import ConsumerRecord

from rules import certify
from rules.known import Decisions, KnownOfCertificates
from streams import topics, wire
from streams.dialects.dialect import UnreadableEvent
from streams.lane import Run
from streams.progress import BREATH
from streams.work import State, standings

STAGE = "certificates"


@dataclass(slots=True)
class Certificates:
    """The certificates agent's work on one partition of `laurel.held`."""

    state: State
    known: KnownOfCertificates = field(init=False)
    walking: int = 0

    def __post_init__(self) -> None:
        self.known = KnownOfCertificates.of(self.state.table_of)

    async def batch(self, run: Run) -> None:
        """Take in a batch, and decide the certificates that it touches."""
        with self.state.shared.timed("certificates") as counted:
            counted.records = len(run.records)
            parsed = wire.parse_held([record.value for record in run.records])
            for at, (record, one) in enumerate(zip(run.records, parsed, strict=True)):
                if at % BREATH == BREATH - 1:
                    await asyncio.sleep(0)
                if isinstance(one, UnreadableEvent):
                    self.state.refuse(record, str(one), STAGE)
                else:
                    self._take(record, one)
            await self._commit(run.end)

    async def step(self) -> bool:
        """
        Go on with those who are due, where a batch has left some.

        Nobody is walked here: progress walks the learners, and tells when each is up to date.
        """
        if not certify.is_behind(self.known):
            return False
        done = certify.look_on(self.known, self.state.shared.options.walk_learners)
        self.state.shared.metrics.walked.labels("certificates").inc(done)
        await self._commit(None)
        self.walking = int(certify.is_behind(self.known))
        return True

    def _take(self, record: "ConsumerRecord[bytes, bytes]", one: wire.HeldRecord) -> None:
        if one.held is not None:
            certify.decide_held(self.known, one.held)
        elif one.up_to_date is not None:
            certify.decide_up_to_date(self.known, one.up_to_date)
        elif one.catalogue is not None:
            certify.decide_catalogue(self.known, one.catalogue.document, one.catalogue.received_at)
        elif (done := wire.by_hand(one)) is not None:
            certify.decide_by_hand(self.known, done)
        elif one.erased is not None:
            certify.decide_erased(self.known, one.erased)
        elif one.clock is not None:
            # Progress has believed it, and passes on what it believes only.
            certify.advance(self.known, one.clock.time)
        else:
            self.state.refuse(
                record,
                "the record says nothing: neither when a badge is held, nor who is up to date, nor a catalogue, nor "
                "the time, nor what somebody did, nor who was erased",
                STAGE,
            )

    async def _commit(self, offset: int | None) -> None:
        decisions = self.known.decisions
        sends = {
            topics.CERTIFICATES: self.state.shared.awards(decisions),
            topics.STANDINGS: standings(decisions, partial(certify.standing, self.known)),
        }
        await self.state.commit(offset, sends)
        self.known.decisions = Decisions()
