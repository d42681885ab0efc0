"""Time by itself: what is due is told when its time comes, with no event to tell it."""

import asyncio
import datetime as dt
import time
from pathlib import Path

import pytest

from laurel.demo.stack import stack
from laurel.term_records import Told
from streams.clock import TOLD_SECONDS
from tests.acceptance.scenes import command, rows, send, until
from tests.acceptance.test_bad_input import native

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

LEARNER = {"tenant": "example", "learner": "u-1", "course": "6609"}
SOON_SECONDS = 5
DAY_SECONDS = 86_400


def at(seconds: float) -> str:
    """So many seconds from now, as ISO 8601."""
    return dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC).isoformat()


def test_what_is_due_in_a_moment_is_told_though_no_event_comes_and_time_jumps_only_when_set(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    with stack(catalogue) as running, (tmp_path / "worker.log").open("wb") as log:
        running.put_in_force()
        worker = running.worker(log)
        worker.until_ready()
        done = native(LEARNER | {"topic": "charts"}, type="laurel.fact.topic_completed.v1", time=at(SOON_SECONDS))
        asyncio.run(send(running.settings.broker, [Told(topic="lms.laurel", key=None, value=done)]))
        until(lambda: worker.metrics().get("laurel_facts_total", 0) == 1, seconds=SOON_SECONDS, why="not read")
        assert rows(running) == 0, "the moment was still to come"
        until(lambda: rows(running) == 1, seconds=SOON_SECONDS + 1.5 * TOLD_SECONDS, why="the clock tells nobody")

        shown = command(running, "clock")
        assert shown.returncode == 0, shown.stderr
        assert "behind" not in shown.stdout
        assert "ahead" not in shown.stdout
        assert [line.split()[0] for line in shown.stdout.splitlines()[1:5]] == ["0", "1", "2", "3"]
        back = command(running, "clock", "--set", at(-3600))
        assert (back.returncode, "does not go back" in back.stderr) == (1, True)
        asked = command(running, "clock", "--set", at(40 * DAY_SECONDS))
        assert asked.returncode == 1
        assert "4 of 4 partitions jump" in asked.stderr
        told = command(running, "clock", "--set", at(40 * DAY_SECONDS), "--yes")
        assert told.returncode == 0, told.stderr
        until(lambda: command(running, "clock").stdout.count("ahead") == 4, seconds=30, why="the time is not set")
        assert worker.metrics()["laurel_clock_jump_seconds"] == 0
        assert worker.stop() == 0


CATALOGUE = """\
version: 1
issuer: {id: https://example.edu/issuer, name: Example University}
courses: {"6609": {name: A course}}
credentials:
  - {id: charts, kind: badge, name: Charts, criteria: {topics_completed: {course: "6609", topics: [charts]}}}
"""
