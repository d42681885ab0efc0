"""
The lane's Faust transport: whole fetched batches in place of single records, read committed.

This is one of the two rooms where cleverness is allowed. Faust hands an agent one record at a time and pays two
tasks, an ack and a changelog send for each. Here one fetched batch of one partition travels through Faust as if it
were one record (`Run`), and Faust keeps what it is good at: groups, assignment, tables, standby, recovery. Three
things are different from Faust's own transport, and why (DESIGN.md, "One transaction a batch";
docs/decisions/0004):

- Every assigned partition gets a transactional producer, whose `init` ends what its last owner left open, before
  Faust asks where changelogs end and what was committed.
- Nothing between fetch and agent is trusted: each batch says where its fetch began, and a lane takes only the one
  that continues its last. So does a table that is restored.
- Offsets of lane topics are never committed by Faust, and changelog ends are the consumer's position: the markers
  of transactions take offsets too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.clients import heed_offset_errors
from streams.exits import bug, cut, outage

# How long the broker holds a fetch that finds nothing, in milliseconds.
FETCH_WAIT_MS = 200

# How long a batch may be on its way to a lane that waits for it, in seconds; then it is taken for lost.
LOST_SECONDS = 1.0

Records: TypeAlias = Sequence["ConsumerRecord[bytes, bytes]"]


class Hosts(Protocol):
    """What the transport asks of the app: which topics are lanes, and to make them ready for new owners."""

    topics: frozenset[str]
    is_leaving: bool
    is_open: bool

    async def assigned(self, partitions: set[TP], generation: int) -> None: ...

    def revoked(self) -> None: ...

    def awaited(self) -> Mapping[TP, int]: ...


class Run:
    """
    A run of records: to Faust one record, at the last offset that the fetch has passed.

    Its value is itself, with where the fetch began and where the next one will: markers of transactions and what
    compaction has taken away lie in between too.
    """

    __slots__ = (
        "begin",
        "checksum",
        "end",
        "headers",
        "key",
        "offset",
        "partition",
        "records",
        "serialized_key_size",
        "serialized_value_size",
        "size_bytes",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, tp: TP, records: Records, begin: int, end: int) -> None:
        self.topic, self.partition, self.offset = tp.topic, tp.partition, end - 1
        self.records, self.begin, self.end = records, begin, end
        self.size_bytes = sum([_size(record) for record in records])
        self.timestamp = records[-1].timestamp if records else 0
        self.timestamp_type = 0
        self.headers: tuple[()] = ()
        self.key, self.value = b"", cast("Any", self)
        self.checksum = None
        self.serialized_key_size = self.serialized_value_size = 0


def _size(record: "ConsumerRecord[bytes, bytes]") -> int:
    # aiokafka says -1 where there is none.
    return max(record.serialized_key_size, 0) + max(record.serialized_value_size, 0)


class Thread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, reading only what was committed."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust sets it only inside its own transactions, which we do not use.
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # aiokafka reads it when it starts
        # Faust says 1.5 s; whatever else is asked of the broker waits behind a fetch that waits (tried: three
        # such waits made every start 4.5 s longer).
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        # Where the log begins by now, of partitions whose position it had lost.
        self.cut: dict[TP, int] = {}
        self._first_seen: dict[TP, tuple[Any, Any]] = {}
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        heed_offset_errors(self._ensure_consumer())

    async def ends(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int | None]]:
        """For each partition where the next fetch begins, and the last stable offset that a fetch has told of."""
        return cast("dict[TP, tuple[int, int | None]]", await self.call_thread(self._ends, list(partitions)))

    async def _ends(self, partitions: list[TP]) -> dict[TP, tuple[int, int | None]]:
        found: dict[TP, tuple[int, int | None]] = {}
        # position() would wait for one where there is none yet.
        state: Any = self._ensure_consumer()._subscription.subscription  # noqa: SLF001
        assigned = () if state is None or state.assignment is None else state.assignment.tps
        for tp in partitions:
            at = state.assignment.state_value(tp) if tp in assigned else None
            if at is not None and at.has_valid_position:
                found[tp] = (at.position, None if at.lso is None else max(at.position, at.lso))
                if self._is_cut(tp, at):
                    self.cut[tp] = at.position
        return found

    def _is_cut(self, tp: TP, at: Any) -> bool:
        """
        Whether the log had lost a position that was valid: aiokafka goes on where it begins, and says nothing.

        It awaits a new position only then; a seek keeps the one that was awaited first.
        """
        state, awaited = self._first_seen.setdefault(tp, (at, at._position_fut))  # noqa: SLF001
        if state is not at:
            # Assigned anew.
            self._first_seen[tp] = (at, at._position_fut)  # noqa: SLF001
            return False
        return awaited is not at._position_fut  # noqa: SLF001


class Consumer(driver.Consumer):
    """Faust's consumer, handing over batches."""

    _thread: Thread

    def on_init(self) -> None:
        # Where the next batch of a partition has to begin, as far as it is known.
        self.fetched: dict[TP, int] = {}
        # Where recovery began to read a changelog.
        self.sought: dict[TP, int] = {}
        # Only the fetcher moves positions: a seek beside it would give its records a wrong beginning.
        self._rewinds: dict[TP, int] = {}
        self._seeks = self._seeking = 0
        # What is on its way to lanes that wait for it: from where to where, and since when.
        self._late: dict[TP, tuple[int, int, float]] = {}

    @property
    def hosts(self) -> Hosts:
        return cast("Hosts", self.app.lanes)  # type: ignore[attr-defined]  # set by streams.app.build

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Fence off former owners first; only then let Faust ask for ends and committed offsets."""
        # All positions are new, and batches come in before the producers are there.
        self._forget()
        try:
            await self.hosts.assigned({tp for tp in assigned if tp.topic in self.hosts.topics}, generation_id)
        except KafkaError as error:
            # aiokafka would log it and go on with a member that holds partitions and does nothing.
            outage("taking over partitions", error)
        except Exception as error:  # noqa: BLE001  # a bug ends the process, whatever it is
            bug("taking over partitions", error)
        self._forget()
        changelogs: Mapping[str, Any] = self.app.tables._changelogs  # type: ignore[attr-defined]  # noqa: SLF001  # not in the interface
        for tp in assigned:
            if tp.topic in changelogs:
                changelogs[tp.topic].drop_stale(tp.partition)
        if not self.hosts.is_leaving:
            await super().on_partitions_assigned(assigned, generation_id)

    def _forget(self) -> None:
        self.fetched.clear()
        self.sought.clear()
        self._rewinds.clear()
        self._late.clear()
        self._seeks += 1

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Close all lanes before anything else: batches of the old generation may still arrive."""
        self.hosts.revoked()
        await super().on_partitions_revoked(revoked)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Move sources to what was committed, one by one: what is fetched meanwhile may lie on either side."""
        with self._moving():
            found = await super().seek_to_committed()
        self.fetched = {tp: at for tp, at in self.fetched.items() if tp.topic not in self.hosts.topics}
        return found

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, as recovery does before it reads changelogs: what comes next begins there."""
        with self._moving():
            await super().seek_wait(partitions)
        self.sought |= partitions
        # What was fetched in the meantime was dropped, and may have come from there already.
        self._rewinds |= partitions

    @contextmanager
    def _moving(self) -> Iterator[None]:
        self._seeking += 1
        try:
            yield
        finally:
            self._seeking -= 1
            self._seeks += 1

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watch over its own acks and commits: both are ours, and the markers of transactions look like lag."""

    def rewind(self, tp: TP, offset: int) -> None:
        """Let the fetcher fetch again from there: something in between was lost on the way."""
        self._rewinds[tp] = offset

    async def commit_plainly(self, offsets: Mapping[TP, int]) -> None:
        """Commit outside a transaction: where a source begins, and for the embedded broker, which drops the others."""
        await self._commit(offsets)

    async def positions(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int | None]]:
        """For each partition where the next fetch begins, and the last stable offset that a fetch has told of."""
        return await self._thread.ends(partitions)

    async def ends(self) -> dict[TP, tuple[int, int]]:
        """For each assigned source partition where the next fetch begins, and where the stable log ends."""
        assigned = [tp for tp in self.assignment() if tp.topic in self.hosts.topics]
        found = await self.positions(assigned)
        # Nothing was fetched from these yet: only the broker knows their end.
        unknown = [tp for tp, (_, end) in found.items() if end is None]
        asked = await self.highwaters(*unknown) if unknown else {}
        return {tp: (at, max(at, asked.get(tp, at) if end is None else end)) for tp, (at, end) in found.items()}

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:  # noqa: ASYNC109  # Faust's own
        self._look_for_lost()
        await self._rewound()
        seeks, generation = self._seeks, self.app.consumer_generation_id
        records, active = await super()._wait_next_records(timeout)
        changelogs = self.app.tables.changelog_topics
        batches: dict[TP, list[Any]] = {}
        ours = {tp for tp in records or {} if tp.topic in self.hosts.topics or tp.topic in changelogs}
        positions = await self._thread.ends(ours) if ours else {}
        for tp, first in self._thread.cut.items():
            # Of changelogs, Faust itself seeks to what is one before the beginning; tables know what they miss.
            if tp.topic in self.hosts.topics:
                cut(f"{tp.topic} partition {tp.partition}", self.fetched.get(tp, 0), first)
        for tp, found in (records or {}).items():
            if tp not in ours:
                batches[tp] = found
            elif self._is_written_by_us(tp):
                # Resumed after its recovery had ended, by the end of another one: what comes of it is our own.
                self.pause_partitions({tp})
            elif found and tp in positions and not self._is_unknown(tp, seeks):
                batches[tp] = [self._batch(tp, found, None if self._is_moved(seeks) else positions[tp][0])]
        if self.app.in_recovery:
            await self._add_markers(batches, active or set())
        # Faust would take what was fetched in the last generation for this one's.
        return batches if generation == self.app.consumer_generation_id else {}, active

    def _look_for_lost(self) -> None:
        """
        Let what was lost on the way be fetched again also where no other batch follows that would tell.

        Faust pauses changelogs at the end of a recovery while it fetches; aiokafka takes what is left, no partition
        at all, for all of them, and Faust drops what it finds of those that are still paused (tried: four starts of
        five on a real Kafka).
        """
        now, late = self.loop.time(), {}
        for tp, awaited in self.hosts.awaited().items():
            fetched = self.fetched.get(tp, awaited)
            if fetched > awaited and tp not in self._rewinds:
                begin, end, since = self._late.get(tp, (awaited, fetched, now))
                late[tp] = (awaited, fetched, since if (begin, end) == (awaited, fetched) else now)
                if now - late[tp][2] >= LOST_SECONDS:
                    self.rewind(tp, awaited)
        self._late = late

    async def _rewound(self) -> None:
        rewinds, self._rewinds = self._rewinds, {}
        assigned = self.assignment() if rewinds else set()
        for tp, offset in rewinds.items():
            if tp in assigned:
                await self.seek(tp, offset)
                self.fetched[tp] = offset

    def _is_moved(self, seeks: int) -> bool:
        """Whether positions were moved while something was fetched, or are about to be."""
        return self._seeking > 0 or seeks != self._seeks

    def _is_unknown(self, tp: TP, seeks: int) -> bool:
        """Whether a batch is not worth handing over: it is fetched again, or is of a changelog and begins anywhere."""
        if tp in self._rewinds:
            return True
        if tp.topic in self.hosts.topics:
            return False
        # A changelog is read from where recovery seeks to, and from nowhere else.
        if tp in self.fetched and self._is_moved(seeks):
            self._rewinds[tp] = self.fetched[tp]
        return tp not in self.fetched or tp in self._rewinds

    def _is_written_by_us(self, tp: TP) -> bool:
        """Whether it is the changelog of a partition whose lane is open: its state is what the lane writes."""
        recovery = self.app.tables.recovery  # type: ignore[attr-defined]  # not in the interface
        return self.hosts.is_open and tp in recovery.active_tps

    def _batch(self, tp: TP, found: Records, position: int | None) -> Run:
        """
        One batch of what was fetched: `position` is where the next fetch begins, markers passed over.

        None where positions were moved while this was fetched: then only its records tell where it begins and ends.
        """
        first, end = found[0].offset, max(found[-1].offset + 1, position or 0)
        # A record before what was fetched says that the position was moved back, whoever did it.
        begin = first if position is None else min(first, self.fetched.get(tp, first))
        self.fetched[tp] = end
        return Run(tp, found, begin, end)

    async def _add_markers(self, batches: dict[TP, list[Any]], active: set[TP]) -> None:
        """Report changelogs whose fetch passed markers only, or recovery would wait for their end for ever."""
        recovery = self.app.tables.recovery  # type: ignore[attr-defined]  # not in the interface
        waiting = [tp for tp in recovery.active_highwaters if tp not in batches and tp in active and tp in self.fetched]
        for tp, (position, _) in (await self._thread.ends(waiting)).items() if waiting else ():
            begin = self.fetched.get(tp, position)
            if position > begin and tp not in self._rewinds and position - 1 > (recovery.active_offsets[tp] or -1):
                batches[tp] = [Run(tp, (), begin, position)]
                self.fetched[tp] = position

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.hosts.topics and tp.topic not in self.app.tables.changelog_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.hosts.topics:
            return super()._new_offset(tp)
        # Only our transactions move these.
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None


class Transport(driver.Transport):
    """`lane://host:port`, found by Faust through the entry point `faust.transports`."""

    Consumer = Consumer
