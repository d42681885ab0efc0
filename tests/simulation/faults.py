"""Faults to plant: each is a bug that the simulation must find, put in place of one function or two."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, cast
from unittest.mock import patch

from faust.types import TP, EventT

from rules import decide
from rules.keys import LearnerKey
from rules.known import Clock
from rules.ledger import Act
from streams import topics
from streams.lane import Consumer, Run
from streams.lanes import Lane, Lanes
from streams.messages import Message
from streams.progress import Progress
from streams.tables import BatchTable
from streams.transaction import Transaction
from streams.work import Ended, State
from tests.simulation.broker import Broker
from tests.simulation.producer import Producer
from tests.simulation.recovery import Recovery


async def _commit_past_unfinished(self: Progress, run: Run) -> None:
    """The time for folding is over, and the offset of the whole batch is committed all the same."""
    await self._fold(run.records, 0)
    await self._commit(run.end)


async def _commit_without_asking(self: Transaction, source: TP, offset: int | None, group: str) -> dict[TP, int]:
    """As aiokafka does by itself: commit also where the broker has refused a record batch."""
    if offset is not None:
        await self._producer.send_offsets_to_transaction({source: offset}, group)
    await self._producer.commit_transaction()
    done = [(tp, count, sent) for tp, count, sent in self._pending if sent.exception() is None]
    return {tp: sent.result().offset + count - 1 for tp, count, sent in done}


async def _ack_on_exception(self: Lane) -> None:
    """As Faust: an exception ends the batch, and the next commit passes over it."""
    while True:
        self.rested.set()
        if not self._waiting:
            await self._filled.wait()
        self.rested.clear()
        run = self._taken()
        try:
            await self.work.batch(run)
        except Exception:  # noqa: BLE001  # that is the fault
            await asyncio.sleep(0)
        self.committed = run.end
        more = True
        while more:
            more = await self.work.step()
            await asyncio.sleep(0)


async def _store_first(self: State, offset: int | None, sends: Mapping[str, Iterable[Message]]) -> None:
    """Write to the database, and only then to Kafka."""
    ended = Ended(source=self.tp, offset=offset, changes=self.view.changes())
    ended.changelog = TP(self.changelog, self.tp.partition)
    for topic, records in sends.items():
        ended.add(topic, self.tp.partition, records)
    ended.add(topics.DEAD_LETTERS, self.tp.partition, self.letters)
    self.table.store(self.tp.partition, ended.changes, None)
    self.table.store(self.tp.partition, (), await self.shared.commit(self.producer, ended))
    self.view.settle()
    self.letters.clear()


def _apply_whatever_comes(self: BatchTable, run: Run) -> None:
    """Restore without asking whose it is, and whether it continues what is there."""
    self.store(run.partition, [(record.key or b"", record.value) for record in run.records], run.offset)


def _go_on_reading(_self: Recovery) -> None:
    """As Faust with a recovery buffer of 1: a worker goes on reading the changelogs that it writes."""


def _take_it_for_anothers(_self: Consumer, _tp: TP) -> bool:
    """A consumer that hands over whatever it reads."""
    return False


def _let_all_through(_self: Broker, _transactional_id: str, _epoch: int) -> None:
    """A broker that fences nobody."""


async def _awards_outside(self: Transaction, topic: str, partition: int, records: Iterable[Message]) -> None:
    """Send awards at once, and everything else with the transaction."""
    if topic in (topics.BADGES, topics.CERTIFICATES):
        cast("Producer", self._producer).broker.append(TP(topic, partition), records)
    else:
        await _SEND(self, topic, partition, records)


_SEND = Transaction.send


def _skip_errors(self: BatchTable, batch: Iterable[EventT[Any]]) -> None:
    """As Faust: what cannot be restored is logged, and passed over."""
    for event in batch:
        with suppress(Exception):
            self._apply(cast("Run", event.message.value))


async def _take_all(self: Lanes, tp: TP, run: Run, _consumer: Consumer) -> None:
    """Take a batch without asking whether it continues the last."""
    lane = self._lanes.get(tp)
    if lane is not None and self.is_open:
        lane.next = run.end
        await lane.put(run)


def _begin_at_the_last_end(self: Consumer, tp: TP, found: Any, position: int | None) -> Run:
    """Trust that no position was moved since the last fetch."""
    end = max(found[-1].offset + 1, position or 0)
    begin, self.fetched[tp] = self.fetched.get(tp, found[0].offset), end
    return Run(tp, found, begin, end)


async def _open_for_anyone(self: Lanes, consumer: Consumer, _generation: int) -> None:
    """Open lanes when any recovery is at its end, whosever it was."""
    self._generation = self._generation or 0
    await _OPEN(self, consumer, self._generation)


_OPEN = Lanes.open


def _believe(_self: Clock, _time: int) -> bool:
    """Believe every clock."""
    return False


def _let_in(_clock: Clock, _who: LearnerKey) -> bool:
    """Know nobody of those who were erased."""
    return False


def _last_to_come(_acts: tuple[Act, ...], act: Act) -> tuple[Act, ...]:
    """Let the act count that is told last, whenever it was."""
    return (act,)


Place = tuple[object, str, Callable[..., Any]]

FAULTS: dict[str, tuple[Place, ...]] = {
    "commit past unfinished": ((Progress, "batch", _commit_past_unfinished),),
    "commit what the broker refused": ((Transaction, "commit", _commit_without_asking),),
    "ack on exception": ((Lane, "run", _ack_on_exception),),
    "local store first": ((State, "commit", _store_first),),
    "own changelog re-applied": (
        (Recovery, "restored", _go_on_reading),
        (Consumer, "_is_written_by_us", _take_it_for_anothers),
        (BatchTable, "_apply", _apply_whatever_comes),
    ),
    "zombie not fenced": ((Broker, "check", _let_all_through),),
    "awards outside the transaction": ((Transaction, "send", _awards_outside),),
    "restore that skips an error": ((BatchTable, "apply_changelog_batch", _skip_errors),),
    "restore whatever comes": ((BatchTable, "_apply", _apply_whatever_comes),),
    "take what does not continue": ((Lanes, "put", _take_all),),
    "begin where the last batch ended": ((Consumer, "_batch", _begin_at_the_last_end),),
    "every clock believed": ((Clock, "is_jump", _believe),),
    "who was erased let in again": ((decide, "is_erased", _let_in),),
    "the act that is told last": ((decide, "joined_act", _last_to_come),),
    "lanes open for anyone": ((Lanes, "open", _open_for_anyone),),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Put a fault in its place. Raises KeyError for one that is not there."""
    with ExitStack() as stack:
        for place, function, fault in FAULTS[name]:
            stack.enter_context(patch.object(place, function, fault))
        yield
