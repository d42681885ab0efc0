"""Acknowledgements: Faust's move offsets past work that has failed or is not done; ours are transactions alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from laurel.embedded import EmbeddedBroker
from streams import lanes
from streams.exits import BUG
from tests.faust_traps import ours, plain
from tests.faust_traps.ours import Noted, embedded, ends
from tests.faust_traps.plain import SOURCE, mended, until

__all__ = ["embedded", "ends"]

pytestmark = [pytest.mark.stack, pytest.mark.timeout(60)]

THREE = [(None, b"0"), (None, b"1"), (None, b"2")]
DELETE_NEW_OFFSET = mended("see whether `Consumer._new_offset` in streams/lane.py is still needed.")


async def committed_by(app: Any, address: str) -> int | None:
    """What the broker has once Faust says that it has committed."""
    await until(lambda: bool(app.consumer._committed_offset.get(SOURCE)), "nothing was committed")
    return await plain.committed(address, "plain", SOURCE)


async def test_plain_faust_commits_an_event_on_which_its_agent_failed(embedded: EmbeddedBroker) -> None:
    embedded.create_topics([SOURCE.topic], partitions=1)
    await plain.send(embedded.address, SOURCE, THREE)
    # The setting that says the contrary does nothing.
    app = plain.plain_app(embedded.address, broker_commit_interval=0.1, stream_ack_exceptions=False)
    done = []

    async def fails_on_the_first(stream: Any) -> None:
        async for value in stream:
            if value == b"0":
                raise ZeroDivisionError
            done.append(value)

    plain.agent(app, fails_on_the_first)
    async with plain.running(app):
        await until(lambda: len(done) == 2, "the agent did not go on")
        assert await committed_by(app, embedded.address) == 3, DELETE_NEW_OFFSET
    assert done == [b"1", b"2"]


async def test_plain_faust_commits_past_an_event_that_is_still_worked_on(embedded: EmbeddedBroker) -> None:
    embedded.create_topics([SOURCE.topic], partitions=1)
    await plain.send(embedded.address, SOURCE, THREE)
    app = plain.plain_app(embedded.address, broker_commit_interval=0.1)
    done, may_go_on = [], asyncio.Event()

    async def slow_on_the_first(stream: Any) -> None:
        async for value in stream:
            if value == b"0":
                await may_go_on.wait()
            done.append(value)

    plain.agent(app, slow_on_the_first, concurrency=2)
    async with plain.running(app):
        await until(lambda: len(done) == 2, "the second actor did not go on")
        assert await committed_by(app, embedded.address) == 3, DELETE_NEW_OFFSET
        assert b"0" not in done
        may_go_on.set()


async def test_plain_faust_commits_what_was_taken_together_and_failed(embedded: EmbeddedBroker) -> None:
    embedded.create_topics([SOURCE.topic], partitions=1)
    await plain.send(embedded.address, SOURCE, THREE)
    app = plain.plain_app(embedded.address, broker_commit_interval=0.1)
    failed = []

    async def takes_and_fails(stream: Any) -> None:
        async for values in stream.take(3, within=0.2):
            failed.extend(values)
            raise ZeroDivisionError

    plain.agent(app, takes_and_fails)
    async with plain.running(app):
        await until(lambda: len(failed) >= 3, "nothing was taken")
        assert await committed_by(app, embedded.address) == 3, DELETE_NEW_OFFSET
    assert failed == [b"0", b"1", b"2"]


async def test_work_that_fails_ends_the_process_with_nothing_committed(
    tmp_path: Path, embedded: EmbeddedBroker, ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process does not end here, and its lane has: it would be waited for.
    monkeypatch.setattr(lanes, "FINISHING_SECONDS", 0.1)
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    await plain.send(embedded.address, SOURCE, THREE)
    streams = ours.built(options, Noted(fails=True))
    async with ours.running(streams):
        await until(lambda: bool(ends), "the process did not end")
        await streams.app.consumer.commit()

    assert ends == [BUG]
    assert await plain.committed(embedded.address, "laurel", SOURCE) is None


async def test_faust_commits_nothing_for_a_lane_though_its_agent_has_handed_the_batch_over(
    tmp_path: Path, embedded: EmbeddedBroker
) -> None:
    options = ours.options(embedded.address, tmp_path, embedded=True)
    ours.make_embedded_topics(embedded, options)
    await plain.send(embedded.address, SOURCE, THREE)
    work = Noted()
    work.may_go_on.clear()
    streams = ours.built(options, work)
    async with ours.running(streams):
        await until(lambda: work.begun == 1, "the lane was given nothing")
        # Faust takes the batch for done: its agent has asked for the next.
        await until(lambda: not streams.app.consumer.unacked, "Faust has not acknowledged the batch")
        await streams.app.consumer.commit()
        assert await plain.committed(embedded.address, "laurel", SOURCE) is None
        work.may_go_on.set()
        await until(lambda: work.seen == [0, 1, 2], "the work did not go on")
