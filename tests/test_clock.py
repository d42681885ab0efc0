"""The clock: time goes by itself, what is due is looked at, and a clock that jumps is not believed."""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry

from rules import certify, decide
from rules.awards import Award
from rules.criteria import Badges, CalculatedGrade
from rules.facts import Kind
from rules.keys import CredentialId, Instant, LearnerId
from rules.known import AT_ONCE, Decisions, MemoryTable
from rules.ledger import Status
from rules.policies import Policy
from rules.replay import Replay
from streams import clock, wire
from streams.clock import TOLD_SECONDS, ClockWriter, clock_record, keep_telling
from streams.dialects.dialect import UnreadableEvent
from streams.lane import Run
from streams.metrics import Metrics
from streams.options import StreamOptions
from streams.progress import Progress
from tests.stories import COURSES, NOW, badge, catalogue_of, certificate, fact

HOUR = 3_600_000_000
DAY = 24 * HOUR
YEAR = 365 * DAY
ONE = CredentialId("one")
BADGE = badge(ONE, CalculatedGrade(course=COURSES[0], at_least=5_000))
PASSING = badge(ONE, CalculatedGrade(course=COURSES[0], at_least=5_000), Policy.REVOKE)
PAPER = certificate("paper", Badges(at_least=1, of=(ONE,)), Policy.REVOKE)


def heard(replay: Replay, time: int, *, is_set: bool = False) -> bool:
    """A clock record as it travels: through progress and, where that believes it, to the certificates."""
    believed = decide.decide_clock(replay.known, time, is_set=is_set)
    if believed:
        replay.advance(Instant(time))
    return believed


def begun(*, at: int = NOW) -> Replay:
    """What knows a catalogue, and has heard the clock."""
    replay = Replay()
    replay.catalogue(catalogue_of(PASSING, PAPER), Instant(at))
    assert heard(replay, at)
    return replay


def told(awards: list[Award]) -> list[tuple[str, Status, int]]:
    return [(award.credential, award.status, award.decided_at) for award in awards]


@pytest.mark.slow
def test_a_year_goes_by_hour_by_hour_and_each_moment_that_was_due_is_told_in_its_hour() -> None:
    replay = begun()
    days = range(1, 366)
    for day in days:
        who, at = LearnerId(f"u{day}"), NOW + day * DAY - 30
        replay.facts([fact(Kind.CALCULATED_GRADE, at, 7_000, learner=who)])
        replay.facts([fact(Kind.CALCULATED_GRADE, at + HOUR, 0, learner=who)])
    assert replay.awards == []

    for hour in range(1, 365 * 24 + 2):
        assert heard(replay, NOW + hour * HOUR)

    badges = [award for award in replay.awards if award.credential == ONE]
    assert [(award.learner, award.status, award.decided_at) for award in badges] == [
        (f"u{day}", status, NOW + day * DAY + later)
        for day in days
        for status, later in ((Status.AWARDED, 0), (Status.REVOKED, HOUR))
    ]
    assert len(replay.awards) == 2 * len(badges), "certificates follow, without any event"


def test_a_jump_of_more_than_a_day_is_not_believed_until_it_is_set() -> None:
    replay = begun()
    replay.facts([fact(Kind.CALCULATED_GRADE, NOW + 2, 7_000)])

    assert not heard(replay, NOW + DAY + 1)
    assert replay.known.clock.time == NOW
    assert replay.awards == []
    assert heard(replay, NOW + DAY + 1, is_set=True)
    assert [(credential, status) for credential, status, _ in told(replay.awards)] == [
        (ONE, Status.AWARDED),
        ("paper", Status.AWARDED),
    ]


def test_a_jump_of_a_day_is_none() -> None:
    assert heard(begun(), NOW + DAY)


def test_events_explain_a_jump() -> None:
    """After a long weekend without workers, the first event says what time it is."""
    replay = begun()
    replay.facts([fact(Kind.CALCULATED_GRADE, 1, 0, received_at=Instant(NOW + 3 * DAY))])

    assert heard(replay, NOW + 3 * DAY + 1)


@pytest.mark.parametrize("known", [False, True], ids=["nothing is known", "an old catalogue is"])
def test_the_first_clock_that_a_partition_hears_is_no_jump(known: bool) -> None:
    replay = Replay()
    if known:
        replay.catalogue(catalogue_of(BADGE), NOW)

    assert heard(replay, NOW + YEAR)
    assert not heard(replay, NOW + 2 * YEAR)


def test_time_does_not_go_back_and_hearing_it_again_changes_nothing() -> None:
    replay = begun()
    replay.facts([fact(Kind.CALCULATED_GRADE, NOW + 2, 7_000)])
    assert heard(replay, NOW + HOUR)
    said = list(replay.awards)
    for time in (NOW + HOUR, NOW, NOW - YEAR, NOW + HOUR):
        assert heard(replay, time)

    assert replay.known.clock.time == NOW + HOUR
    assert replay.awards == said


def test_where_many_are_due_at_once_some_are_looked_at_and_the_others_step_by_step() -> None:
    replay, many = begun(), 3 * AT_ONCE
    replay.facts(
        [fact(Kind.CALCULATED_GRADE, NOW + HOUR, 7_000, learner=LearnerId(f"u{number}")) for number in range(many)]
    )
    known = replay.known
    assert decide.decide_clock(known, NOW + HOUR, is_set=False)
    assert len(known.decisions.awards) == AT_ONCE
    # The next record does not pay for what is left.
    decide.advance(known, NOW + HOUR + 1)
    assert len(known.decisions.awards) == AT_ONCE

    while decide.is_behind(known):
        assert decide.look_on(known, 7) <= 7
    assert len({award.learner for award in known.decisions.awards}) == many == len(known.decisions.awards)
    for held in known.decisions.held:
        certify.decide_held(replay.of_certificates, cast("Any", held))
    assert len(replay.of_certificates.decisions.awards) == many


# The records, and who writes them


@pytest.mark.parametrize("time", [b"-1", b"253402300800000000", b'"now"', b"1.5"])
def test_a_clock_record_of_no_time_is_refused(time: bytes) -> None:
    [one] = wire.parse_facts([b'{"clock":{"time":' + time + b"}}"])

    assert isinstance(one, UnreadableEvent)


@dataclass(slots=True)
class Partition:
    """Stands for `streams.work.State`: tables in memory, and what a batch sends."""

    shared: Any
    tp: Any = field(default_factory=lambda: SimpleNamespace(partition=3))
    sent: list[bytes] = field(default_factory=list)
    tables: dict[str, MemoryTable[Any]] = field(default_factory=dict)

    def table_of(self, name: str) -> MemoryTable[Any]:
        return self.tables.setdefault(name, MemoryTable())

    async def commit(self, _offset: int | None, sends: dict[str, list[Any]]) -> None:
        self.sent += [message.value for message in sends["laurel.held"]]


def partition() -> Partition:
    options = SimpleNamespace(batch_seconds=60.0, ce_source="laurel")
    shared = SimpleNamespace(options=options, seconds=lambda: 0.0, awards=lambda _: [])
    metrics = Metrics(CollectorRegistry())
    shared.metrics = metrics
    shared.timed = lambda _agent: nullcontext(SimpleNamespace(records=0))
    return Partition(shared)


def hear(progress: Progress, time: int, *, is_set: bool = False) -> None:
    message = clock_record(Instant(time), is_set=is_set)
    record = SimpleNamespace(key=message.key, value=message.value, offset=0)
    run = SimpleNamespace(records=[cast("ConsumerRecord[bytes, bytes]", record)], end=1)
    asyncio.run(progress.batch(cast("Run", run)))


def test_progress_passes_on_the_time_that_it_believes_and_says_where_it_does_not() -> None:
    state = partition()
    progress = Progress(cast("Any", state))
    hear(progress, NOW)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            hear(progress, NOW + 2 * DAY)
    assert progress.jump_seconds == 2 * 86_400
    hear(progress, NOW + 2 * DAY, is_set=True)

    assert [wire.parse_held([value]) for value in state.sent] == [
        [wire.HeldRecord(clock=wire.ClockRecord(time=Instant(time)))] for time in (NOW, NOW + 2 * DAY)
    ]
    assert progress.jump_seconds == 0
    assert progress.time_seconds == (NOW + 2 * DAY) / 1_000_000
    [warning] = logs
    assert (warning["partition"], warning["known"], warning["told"]) == (3, written(NOW), written(NOW + 2 * DAY))


def written(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


class _EndedError(Exception):
    """The test has seen enough."""


async def telling(owned: list[bool]) -> tuple[list[int], list[float]]:
    """Keep telling while it is ours as often as said: what was told, and how long was waited each time."""
    said: list[int] = []
    waited: list[float] = []

    async def tell(time: Instant) -> None:
        said.append(time)

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if not owned:
            raise _EndedError

    with pytest.raises(_EndedError):
        await keep_telling(tell, is_ours=lambda: owned.pop(0), now=lambda: Instant(len(waited)), sleep=sleep)
    return said, waited


async def test_only_the_owner_of_the_first_partition_tells_the_time_and_each_minute() -> None:
    said, waited = await telling([False, False, True, True, False, True])

    assert said == [2, 3, 5]
    assert waited == [clock.LOOK_SECONDS] * 2 + [TOLD_SECONDS] * 2 + [clock.LOOK_SECONDS, TOLD_SECONDS]


async def test_a_broker_that_is_away_is_told_the_time_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = StreamOptions(app_id="a", brokers=("b:1",), sources=(), data_dir=tmp_path, worker_name="w", partitions=2)
    made: list[Any] = []

    class Producer:
        def __init__(self, **given: object) -> None:
            assert given["enable_idempotence"]
            assert "transactional_id" not in given
            self.sent: list[int] = []
            made.append(self)

        async def start(self) -> None:
            if len(made) < 3:
                raise KafkaConnectionError

        async def stop(self) -> None:
            pass

        async def send(self, _topic: str, _value: bytes, _key: bytes, *, partition: int) -> "asyncio.Future[None]":
            self.sent.append(partition)
            sent = asyncio.get_running_loop().create_future()
            sent.set_result(None)
            return sent

    monkeypatch.setattr(clock, "AIOKafkaProducer", Producer)
    writer = ClockWriter(options)
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            await writer.tell(NOW)
    await writer.close()

    assert [producer.sent for producer in made] == [[], [], [0, 1, 0, 1]]
    assert [one["log_level"] for one in logs] == ["warning"]


def test_a_decision_by_the_clock_is_told_with_the_time_of_the_clock() -> None:
    replay = begun()
    replay.facts([fact(Kind.CALCULATED_GRADE, NOW + 2, 7_000)])
    replay.known.decisions = Decisions()
    heard(replay, NOW + HOUR)

    assert told(replay.awards) == [(ONE, Status.AWARDED, NOW + HOUR), ("paper", Status.AWARDED, NOW + HOUR)]
