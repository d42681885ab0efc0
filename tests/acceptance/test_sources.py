"""Sources: where reading begins the first time, and that it goes on from there."""

import asyncio
from pathlib import Path

import pytest

from laurel.demo.stack import Stack, stack
from laurel.term_records import Told
from tests.acceptance.scenes import DEMO_CATALOGUE, send, until
from tests.acceptance.test_bad_input import GRADE, native


def one(number: int) -> list[Told]:
    value = native(GRADE | {"learner": f"u-{number}"}, id=f"e-{number}")
    return [Told(topic="lms.laurel", key=None, value=value, headers=())]


def facts_of_a_worker(running: Stack, log: Path, *, sent: list[Told], expected: int) -> None:
    """Run a worker that reads exactly so many facts."""
    with log.open("ab") as file:
        worker = running.worker(file, role="stream")
        worker.until_ready()
        asyncio.run(send(running.settings.broker, sent))
        until(lambda: worker.metrics().get("laurel_facts_total", 0) >= expected, seconds=30, why="too few facts")
        assert worker.metrics()["laurel_facts_total"] == expected
        assert worker.stop() == 0


@pytest.mark.stack
@pytest.mark.timeout(120)
def test_a_source_read_from_the_latest_begins_at_the_end_and_misses_nothing_afterwards(tmp_path: Path) -> None:
    with stack(DEMO_CATALOGUE) as running:
        config = running.directory / "config.yaml"
        config.write_text(config.read_text().replace("start: earliest", "start: latest"))
        running.put_in_force()
        asyncio.run(send(running.settings.broker, one(1)))

        facts_of_a_worker(running, tmp_path / "worker.log", sent=one(2), expected=1)
        asyncio.run(send(running.settings.broker, one(3)))
        facts_of_a_worker(running, tmp_path / "worker.log", sent=one(4), expected=2)
