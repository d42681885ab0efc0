"""Standing still: a worker whose work does not go on says what stands, and ends, to begin again."""

import asyncio
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from laurel.demo.stack import WorkerProcess
from laurel.term import term
from streams.exits import OUTAGE, STUCK
from tests.acceptance.scenes import on_kafka, send, until, until_calm
from tests.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

LIMITS = {"LAUREL_RECOVERY_LIMIT_SECONDS": "10", "LAUREL_COMMIT_LIMIT_SECONDS": "10"}


def begun(worker: WorkerProcess) -> bool:
    return worker.metrics().get("laurel_records_total.progress", 0) > 500


def test_commits_that_stand_still_end_the_worker_and_nothing_is_lost(tmp_path: Path, own_kafka: RealKafka) -> None:
    log_file = tmp_path / "workers.log"
    with on_kafka(own_kafka.address, "still") as stack, log_file.open("ab") as log:
        # More than is done by the time that Kafka stands still: a worker with nothing to do waits for no commit.
        asyncio.run(send(own_kafka.address, term(seed=5, learners=1_000)))
        worker = stack.worker(log, "stream", "a", LIMITS)
        worker.until_ready()
        until(lambda: begun(worker), seconds=60, why="nothing is read")
        own_kafka.freeze()
        ended = worker.ended_within(seconds=60)
        own_kafka.thaw()
        assert ended in (STUCK, OUTAGE), log_file.read_text()
        assert "stands still" in log_file.read_text() or ended == OUTAGE
        worker.start()
        worker.until_ready()
        until_calm([worker], seconds=60)
        assert worker.stop() == 0


def test_a_recovery_that_stands_still_ends_the_worker(tmp_path: Path, own_kafka: RealKafka) -> None:
    log_file = tmp_path / "workers.log"
    with on_kafka(own_kafka.address, "still") as stack, log_file.open("ab") as log:
        worker = stack.worker(log, "stream", "a", LIMITS)
        until(lambda: "its partitions and their state" in waits_for(worker), seconds=30, why="no recovery")
        own_kafka.freeze()
        ended = worker.ended_within(seconds=60)
        own_kafka.thaw()
        assert ended == STUCK, log_file.read_text()
        assert "recovery" in log_file.read_text()
        worker.start()
        worker.until_ready()
        assert worker.stop() == 0


def waits_for(worker: WorkerProcess) -> str:
    """What `/readyz` says; nothing before it is served."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/readyz", timeout=5) as answer:
            return bytes(answer.read()).decode()
    except urllib.error.HTTPError as refused:
        return refused.read().decode()
    except OSError:
        return ""
