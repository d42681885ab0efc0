"""The certificates agent: follows when badges are held, and issues certificates when enough of them are."""

from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from rules import certify
from rules.known import Decisions, KnownOfCertificates
from streams import messages, topics, wire
from streams.dialects.dialect import UnreadableEvent
from streams.lane import Run
from streams.progress import badges_of
from streams.tables import BatchTable, View
from streams.transaction import Outgoing
from streams.work import Ended, Shared


@dataclass(slots=True, kw_only=True)
class Certificates:
    """The certificates agent's work on one partition of `laurel.held`."""

    shared: Shared
    tp: TP
    producer: AIOKafkaProducer
    table: BatchTable
    view: View = field(init=False)
    known: KnownOfCertificates = field(init=False)
    walking: int = 0
    _letters: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = View(self.table.database(self.tp.partition))
        self.known = KnownOfCertificates.of(lambda name: self.view.table(name, *wire.CODECS[name]))

    async def batch(self, run: Run) -> None:
        """Take in a batch, and decide the certificates that it touches."""
        with self.shared.timed("certificates") as counted:
            counted.records = len(run.records)
            parsed = wire.parse_held([record.value for record in run.records])
            for record, one in zip(run.records, parsed, strict=True):
                if isinstance(one, UnreadableEvent):
                    self._refuse(record, str(one))
                else:
                    self._take(record, one)
            await self._commit(run.end)

    async def step(self) -> bool:
        """Nothing is done between batches: progress walks the learners, and tells when each is up to date."""
        return False

    def _take(self, record: "ConsumerRecord[bytes, bytes]", one: wire.HeldRecord) -> None:
        if one.held is not None:
            certify.decide_held(self.known, one.held)
        elif one.up_to_date is not None:
            certify.decide_up_to_date(self.known, one.up_to_date)
        elif one.catalogue is not None:
            certify.decide_catalogue(self.known, one.catalogue.document, one.catalogue.received_at)
        else:
            self._refuse(
                record, "the record says nothing: neither when a badge is held, nor who is up to date, nor a catalogue"
            )

    def _refuse(self, record: "ConsumerRecord[bytes, bytes]", reason: str) -> None:
        letter = self.shared.dead_letter(record, reason, stage="certificates", source=record.topic, dialect="")
        self._letters.append(letter)

    async def _commit(self, offset: int) -> None:
        ended = Ended(source=self.tp, offset=offset, changes=self.view.changes())
        partition, options = self.tp.partition, self.shared.options
        ended.changelog = TP(topics.certificates_changelog(options.app_id), partition)
        ended.add(topics.CERTIFICATES, partition, badges_of(self.known.decisions, self.shared))
        ended.add(topics.STANDINGS, partition, self._standings())
        ended.add(topics.DEAD_LETTERS, partition, self._letters)
        reached = await self.shared.commit(self.producer, ended)
        self.table.store(partition, ended.changes, reached)
        self.view.forget()
        self.known.decisions = Decisions()
        self._letters.clear()

    def _standings(self) -> list[Outgoing]:
        found = []
        for who, credential in self.known.decisions.standings:
            standing = certify.standing(self.known, who, credential)
            message = messages.standing_gone(*who, credential) if standing is None else messages.dump_standing(standing)
            found.append(Outgoing(key=message.key, value=message.value, headers=message.headers))
        return found
