"""Outages: what is away is waited for, holds up nothing that does not need it, and is caught up with afterwards."""

import asyncio
import time
from pathlib import Path

import pytest

from laurel.demo.results import read_told
from laurel.demo.stack import stack
from laurel.term import term
from streams.exits import BUG
from tests.acceptance.scenes import DEMO_CATALOGUE, rows, send, until, until_calm

pytestmark = [pytest.mark.stack, pytest.mark.timeout(200)]


def test_badges_and_certificates_come_out_while_the_database_is_away_and_rows_follow(tmp_path: Path) -> None:
    told = term(seed=3, learners=30)
    with stack(DEMO_CATALOGUE) as running, (tmp_path / "worker.log").open("wb") as log:
        running.put_in_force()
        running.database.stop()
        worker = running.worker(log)
        until(lambda: "working" in (tmp_path / "worker.log").read_text(), seconds=60, why="the worker does not work")
        asyncio.run(send(running.settings.broker, told))
        expected = until_as_many_awards(running.settings.broker)

        running.database.start()
        worker.until_ready()
        until(lambda: rows(running) == expected, seconds=60, why="the rows have not followed")
        assert worker.stop() == 0

    lines = (tmp_path / "worker.log").read_text().splitlines()
    assert len([line for line in lines if "the database cannot be reached; waiting for it" in line]) == 1
    assert not [line for line in lines if "Traceback" in line]


def test_a_database_that_goes_away_later_is_waited_for_too(tmp_path: Path) -> None:
    told = term(seed=4, learners=30)
    half = len(told) // 2
    with stack(DEMO_CATALOGUE) as running, (tmp_path / "worker.log").open("wb") as log:
        running.put_in_force()
        worker = running.worker(log)
        worker.until_ready()
        asyncio.run(send(running.settings.broker, told[:half]))
        until_calm([worker], seconds=60)
        running.database.stop()
        asyncio.run(send(running.settings.broker, told[half:]))
        expected = until_as_many_awards(running.settings.broker)
        running.database.start()
        until(lambda: rows(running) == expected, seconds=90, why="the rows have not followed")
        assert worker.stop() == 0


def test_a_broker_that_is_missing_at_the_start_is_waited_for_with_one_line(tmp_path: Path) -> None:
    with stack(DEMO_CATALOGUE) as running, (tmp_path / "worker.log").open("wb") as log:
        assert running.broker is not None
        running.put_in_force()
        running.broker.take_down()
        worker = running.worker(log, role="stream")
        until(lambda: "waiting for kafka" in (tmp_path / "worker.log").read_text(), seconds=30, why="no line")
        time.sleep(3)
        running.broker.bring_up()
        worker.until_ready()
        assert worker.stop() == 0

    lines = (tmp_path / "worker.log").read_text().splitlines()
    assert len([line for line in lines if "waiting for kafka" in line]) == 1
    assert len(lines) < 15, "a clean start is told in a few lines"


def test_a_worker_that_cannot_keep_its_state_says_so_and_ends(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a directory should be")
    with stack(DEMO_CATALOGUE) as running, (tmp_path / "worker.log").open("wb") as log:
        worker = running.worker(log, role="stream", settings={"LAUREL_DATA_DIR": str(tmp_path / "state")})
        ended = worker.ended_within(seconds=30)

    assert ended not in (None, 0, BUG)
    assert "LAUREL_DATA_DIR" in (tmp_path / "worker.log").read_text()


def until_as_many_awards(bootstrap: str) -> int:
    """Wait until no further awards come out; gives how many there are, certificates among them."""
    found, since = 0, time.monotonic()
    while time.monotonic() - since < 4:
        said = asyncio.run(read_told(bootstrap, 4))
        if len(said.in_force) != found or not found:
            found, since = len(said.in_force), time.monotonic()
    assert any(award.kind == "certificate" for award in said.in_force.values())
    return found
