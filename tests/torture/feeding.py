"""Feeding: an endless seeded term, sent at a modest rate whatever happens to broker and workers."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from laurel.term import BEGINS_AT, DAY, FIRST_COURSE, FIRST_LEARNER, term
from laurel.term_records import TENANT, Told, native, uuid
from rules.facts import CourseFact, CourseKind
from rules.histories import CourseStatement
from rules.keys import CourseId, Instant, TenantId

COURSES = 6
# After so many terms the learners of the first come again: their old grades are corrected by new ones.
GROUPS = 12
LEARNERS = 50
# Something is said of a course for everyone after about so many events.
COURSE_NEWS = 1_500
TICK_SECONDS = 0.2
AGAIN_SECONDS = 0.5
CLOSING_SECONDS = 5.0


def endless(seed: int) -> Iterator[Told]:
    """Terms without end, with news of courses in between. The same seed gives the same events."""
    chance = Random(seed)
    for number in itertools.count():
        first = FIRST_LEARNER + number % GROUPS * LEARNERS
        for told in term(seed=seed * 100_003 + number, learners=LEARNERS, courses=COURSES, first=first):
            yield told
            if chance.random() < 1 / COURSE_NEWS:
                yield course_news(chance)


def course_news(chance: Random) -> Told:
    """A course has other topics, or its grades are released or withheld, from some moment on."""
    course = CourseId(str(FIRST_COURSE + chance.randrange(COURSES)))
    kind = chance.choice(list(CourseKind))
    topics = tuple(f"{course}{number:02}" for number in range(1, chance.randrange(8, 13)))
    at = BEGINS_AT + chance.randrange(105 * DAY) // 1_000 * 1_000
    said = (
        CourseStatement(at, 0, uuid(chance), topics)
        if kind is CourseKind.OUTLINE
        else CourseStatement(at, 0, uuid(chance), released=chance.random() < 0.7)
    )
    fact = CourseFact(tenant=TenantId(TENANT), course=course, kind=kind, statement=said, received_at=Instant(0))
    return native(fact, binary=chance.random() < 0.5)


class Feeder(threading.Thread):
    """
    Sends in a thread of its own, until told to stop.

    The broker may go away meanwhile: what it has not confirmed is sent again, and may then be there twice. That is
    input like any other: the verifier goes by what the topics hold.
    """

    def __init__(self, bootstrap: str, seed: int, per_second: int) -> None:
        super().__init__(name="feeder", daemon=True)
        self._address, self._events, self._per_second = bootstrap, endless(seed), per_second
        self._ended = threading.Event()
        self._extra = 0
        self._due: list[Told] = []
        self.sent = 0
        self.failure: BaseException | None = None

    def burst(self, events: int) -> None:
        """Send so many more at once, so that every lane is in the middle of something."""
        self._extra += events

    def stop(self) -> None:
        """Send what is begun, and no more; raises what ended it before, if anything did."""
        self._ended.set()
        self.join()
        if self.failure is not None:
            raise RuntimeError("the feeder ended by itself") from self.failure

    def run(self) -> None:
        try:
            asyncio.run(self._feed())
        except BaseException as error:  # noqa: BLE001  # `stop` raises it where it is seen
            self.failure = error

    async def _feed(self) -> None:
        while self._due or not self._ended.is_set():
            # Kept as long as all goes well; an idempotent producer that has failed once is of no further use.
            producer = AIOKafkaProducer(bootstrap_servers=self._address, linger_ms=5, enable_idempotence=True)
            try:
                await producer.start()
                while self._due or not self._ended.is_set():
                    self._due = self._due or self._next()
                    await self._send(producer)
                    await asyncio.sleep(TICK_SECONDS)
            except (KafkaError, OSError):  # the broker is away, as was meant
                await asyncio.sleep(AGAIN_SECONDS)
            finally:
                await _closed(producer)

    def _next(self) -> list[Told]:
        extra, self._extra = self._extra, 0
        return list(itertools.islice(self._events, int(self._per_second * TICK_SECONDS) + extra))

    async def _send(self, producer: AIOKafkaProducer) -> None:
        """Send what is due; what was not confirmed stays due."""
        sent = [await producer.send(one.topic, one.value, one.key, headers=list(one.headers)) for one in self._due]
        ends = await asyncio.gather(*sent, return_exceptions=True)
        failed = [(one, end) for one, end in zip(self._due, ends, strict=True) if isinstance(end, BaseException)]
        self.sent += len(self._due) - len(failed)
        self._due = [one for one, _ in failed]
        if failed:
            raise failed[0][1]


async def _closed(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(TimeoutError, KafkaError):
        await asyncio.wait_for(producer.stop(), CLOSING_SECONDS)
