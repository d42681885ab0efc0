"""Records that are deleted before they are read: Faust goes on without them and says nothing; a lane ends."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from laurel.embedded import EmbeddedBroker
from streams import lanes
from streams.exits import CUT
from streams.options import StreamOptions
from tests.faust_traps import ours, plain
from tests.faust_traps.ours import Noted, embedded, ends
from tests.faust_traps.plain import SOURCE, mended, until
from tests.real_kafka import RealKafka

__all__ = ["embedded", "ends"]

pytestmark = pytest.mark.timeout(90)

TEN = [(None, str(number).encode()) for number in range(10)]
# The embedded broker keeps five megabytes of a partition, and drops what is older.
MEGABYTE = [(None, b"x" * 900_000)]
EIGHT_MEGABYTES = MEGABYTE * 9


@pytest.fixture(autouse=True)
def short_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process does not end here, and what has ended in it would be waited for."""
    monkeypatch.setattr(lanes, "FINISHING_SECONDS", 0.1)


async def delete_before(address: str, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(*SOURCE): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


@pytest.mark.stack
async def test_plain_faust_goes_on_at_the_beginning_of_a_log_that_was_cut_and_says_nothing(
    embedded: EmbeddedBroker,
) -> None:
    embedded.create_topics([SOURCE.topic], partitions=1)
    await plain.send(embedded.address, SOURCE, EIGHT_MEGABYTES)
    await plain.commit(embedded.address, "plain", {SOURCE: 1})
    app = plain.plain_app(embedded.address)
    offsets: list[int] = []

    async def work(stream: Any) -> None:
        async for event in stream.events():
            offsets.append(event.message.offset)  # noqa: PERF401  # it is looked at while the stream goes on

    plain.agent(app, work)
    async with plain.running(app):
        await until(lambda: bool(offsets), mended("see whether a lane still has to look for it."))
        assert offsets[0] > 1
        assert not app._crashed.is_set()


async def ended_at_the_start(options: StreamOptions, ends: list[int]) -> Noted:
    work = Noted()
    async with ours.running(ours.built(options, work)):
        await until(lambda: bool(ends), "the process did not end")
    return work


@pytest.mark.stack
async def test_a_committed_offset_below_the_beginning_ends_the_process_on_the_embedded_broker(
    tmp_path: Path, embedded: EmbeddedBroker, ends: list[int]
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    await plain.send(embedded.address, SOURCE, EIGHT_MEGABYTES)
    await plain.commit(embedded.address, "laurel", {SOURCE: 1})

    work = await ended_at_the_start(options, ends)

    assert ends[0] == CUT
    assert work.seen == []


@pytest.mark.kafka
async def test_a_committed_offset_below_the_beginning_ends_the_process_on_a_real_broker(
    tmp_path: Path, own_kafka: RealKafka, ends: list[int]
) -> None:
    options = ours.options(own_kafka.address, tmp_path)
    await ours.make_topics(options)
    await plain.send(own_kafka.address, SOURCE, TEN)
    await plain.commit(own_kafka.address, "laurel", {SOURCE: 2})
    await delete_before(own_kafka.address, 5)

    work = await ended_at_the_start(options, ends)

    assert ends[0] == CUT
    assert work.seen == []


async def held_up(work: Noted, address: str, more: list[tuple[None, bytes]]) -> None:
    """Let the work stand still until fetching does, and send more meanwhile."""
    await until(lambda: work.begun == 1, "the lane was given nothing")
    await plain.send(address, SOURCE, more)
    await asyncio.sleep(1)


@pytest.mark.stack
async def test_records_that_are_deleted_under_a_worker_that_lags_end_the_process_on_the_embedded_broker(
    tmp_path: Path, embedded: EmbeddedBroker, ends: list[int]
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True, batch_records=1)
    ours.make_embedded_topics(embedded, options)
    await plain.send(embedded.address, SOURCE, MEGABYTE)
    work = Noted()
    work.may_go_on.clear()
    async with ours.running(ours.built(options, work)):
        await held_up(work, embedded.address, EIGHT_MEGABYTES * 3)
        work.may_go_on.set()
        await until(lambda: bool(ends) or max(work.seen, default=0) >= 27, "neither an end nor the last record")

    assert ends[:1] == [CUT], work.seen
    assert work.seen == list(range(len(work.seen))), "it went on past what was deleted"


@pytest.mark.kafka
async def test_records_that_are_deleted_under_a_worker_that_lags_end_the_process_on_a_real_broker(
    tmp_path: Path, own_kafka: RealKafka, ends: list[int]
) -> None:
    options = ours.options(own_kafka.address, tmp_path, batch_records=1)
    await ours.make_topics(options)
    await plain.send(own_kafka.address, SOURCE, MEGABYTE)
    work = Noted()
    work.may_go_on.clear()
    async with ours.running(ours.built(options, work)):
        await held_up(work, own_kafka.address, EIGHT_MEGABYTES * 3)
        await delete_before(own_kafka.address, 26)
        work.may_go_on.set()
        await until(lambda: bool(ends) or max(work.seen, default=0) >= 27, "neither an end nor the last record")

    assert ends[:1] == [CUT], work.seen
    assert work.seen == list(range(len(work.seen))), "it went on past what was deleted"


def test_the_process_ends_with_a_code_of_its_own() -> None:
    program = "from streams.exits import cut; cut('here', 1, 2)"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert done.returncode == CUT == 77
    assert "deleted before they were read" in done.stdout + done.stderr
