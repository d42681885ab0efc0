"""Deadlines and the watchdog: what stands still is told after half of its limit, and ended after all of it."""

import asyncio
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurel import watchdog
from laurel.watchdog import Watchdog
from streams.deadlines import Deadline, Deadlines
from streams.exits import STUCK

HANGS = """
import asyncio, time
from laurel.watchdog import Watchdog

async def main():
    with Watchdog(2):
        await asyncio.sleep(0)
        time.sleep(60)

asyncio.run(main())
"""


def test_work_that_stands_still_is_late_after_half_of_its_limit_and_over_after_all_of_it() -> None:
    deadline = Deadline(limit_ticks=4)
    told = []
    for _ in range(5):
        deadline.tick("offset 7")
        told.append((deadline.is_late, deadline.is_over))

    assert told == [(False, False), (False, False), (True, False), (True, False), (True, True)]


@given(st.lists(st.sampled_from([None, 1, 2]), max_size=40), st.integers(2, 6))
def test_a_deadline_is_over_exactly_when_the_same_progress_was_told_for_longer_than_its_limit(
    told: list[int | None], limit: int
) -> None:
    deadline = Deadline(limit_ticks=limit)
    for progress in told:
        deadline.tick(progress)
    last = told[-(limit + 1) :]

    assert deadline.is_over == (len(last) == limit + 1 and len(set(last)) == 1 and last[0] is not None)


def test_whatever_moves_or_has_nothing_to_do_is_never_late() -> None:
    deadline = Deadline(limit_ticks=2)
    for progress in (1, 2, 3, None, None, None, None, 3):
        deadline.tick(progress)
        assert not deadline.is_late


def test_each_piece_of_work_has_a_deadline_of_its_own_and_loses_it_when_it_is_gone() -> None:
    deadlines = Deadlines(limit_ticks=2)
    for at in range(3):
        deadlines.tick({"moves": at, "stands": 1})
    assert deadlines.over == deadlines.late == ["stands"]

    deadlines.tick({"moves": 3})
    deadlines.tick({"moves": 4, "stands": 1})
    assert deadlines.late == []


async def test_a_loop_that_goes_on_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TICK_SECONDS", 0.01)
    ended: list[str] = []
    with Watchdog(20, lambda why, _: ended.append(why)):
        await asyncio.sleep(0.4)

    assert ended == []


async def test_a_loop_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TICK_SECONDS", 0.01)
    ended: list[str] = []
    with Watchdog(5, lambda why, _: ended.append(why)):
        await asyncio.sleep(0.02)
        time.sleep(0.5)  # noqa: ASYNC251  # the hang

    assert ended == ["the event loop hangs"]


async def test_a_process_that_was_told_to_stop_and_does_not_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TICK_SECONDS", 0.01)
    ended: list[str] = []
    with Watchdog(1_000, lambda why, _: ended.append(why)) as watched:
        await asyncio.sleep(0.1)
        assert ended == []
        watched.leave_within(3)
        await asyncio.sleep(0.3)

    assert ended == ["the worker was told to stop and does not"]


@pytest.mark.slow
def test_a_hanging_process_ends_with_its_own_code_and_says_where_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == STUCK
    assert "the event loop hangs" in done.stdout + done.stderr
    assert "in main" in done.stderr
