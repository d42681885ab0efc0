"""The demo's story on a real Apache Kafka, with workers killed and put to sleep in the middle of it."""

import asyncio
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from laurel.demo.results import compare, entitlements_in, read_told
from laurel.demo.stack import TENANT
from laurel.term import term
from rules.rulebook import rulebook
from streams import topics
from streams.exits import FENCED, OUTAGE
from tests.acceptance.scenes import count, demo_catalogue, evaluated, on_kafka, rows, send, until, until_calm
from tests.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

# Longer than the session, so that another worker takes over meanwhile.
SLEEP_SECONDS = 16
# Four partitions each of facts, held and one source, and three of the other.
LANES = 15
SMALL_BATCHES = {"LAUREL_BATCH_MAX_RECORDS": "60"}


def test_a_term_with_killed_and_sleeping_workers_earns_what_it_should(tmp_path: Path, own_kafka: RealKafka) -> None:
    told = term(seed=7, learners=150)
    with on_kafka(own_kafka.address, "story") as stack, (tmp_path / "workers.log").open("ab") as log:
        a, b = (stack.worker(log, "stream", name, SMALL_BATCHES) for name in ("a", "b"))
        delivery = stack.worker(log, "delivery", "d")
        for worker in (a, b, delivery):
            worker.until_ready()
        feeding = threading.Thread(target=lambda: asyncio.run(send(own_kafka.address, told, per_second=400)))
        feeding.start()

        until(lambda: a.metrics().get("laurel_records_total.progress", 0) > 100, seconds=60, why="a has done nothing")
        a.kill()
        a.start()
        a.until_ready()
        b.signal(signal.SIGSTOP)
        time.sleep(SLEEP_SECONDS)
        b.signal(signal.SIGCONT)
        ended = b.ended_within(seconds=20)
        if ended is not None:
            assert ended in (FENCED, OUTAGE), (tmp_path / "workers.log").read_text()
            b.start()
        b.until_ready()
        b.kill()
        b.start()
        b.until_ready()
        feeding.join()
        until_calm([a, b, delivery], seconds=120)
        assert [worker.stop() for worker in (a, b, delivery)] == [0, 0, 0]

        # A worker with nothing but the changelogs restores what the others knew.
        fresh = {"LAUREL_DATA_DIR": str(tmp_path / "fresh")}
        restored = stack.worker(log, "stream", "fresh", fresh)
        restored.until_ready()
        # What the others had is kept for them until their sessions are over.
        until(lambda: restored.metrics().get("laurel_lanes", 0) == LANES, seconds=60, why="partitions are nobody's")
        assert restored.stop() == 0
        found = entitlements_in(tmp_path / "fresh", TENANT, rulebook(demo_catalogue()))
        said = asyncio.run(read_told(own_kafka.address, stack.settings.partitions))
        comparison = compare(found, said, evaluated(tmp_path / "events.jsonl", told), TENANT)
        delivered = rows(stack)
        raw, committed = (
            asyncio.run(count(own_kafka.address, [topics.FACTS, topics.HELD, topics.STANDINGS], 4, isolation))
            for isolation in ("read_uncommitted", "read_committed")
        )

    assert comparison.unlike_entitlements == []
    assert comparison.unlike_awards == []
    assert comparison.entitlements > 300
    revisions = Counter((award.award_id, award.revision) for award in said.revisions)
    assert set(revisions.values()) == {1}, "a revision was told more than once"
    assert all((award_id, revision - 1) in revisions for award_id, revision in revisions if revision > 1)
    assert delivered == len(said.in_force)
    assert raw > committed, "no worker was killed in the middle of a transaction"


def test_a_worker_that_is_stopped_while_partitions_change_hands_leaves_in_good_order(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    with on_kafka(own_kafka.address, "leaving") as stack, (tmp_path / "workers.log").open("ab") as log:
        a, b = (stack.worker(log, "stream", name) for name in ("a", "b"))
        for after_seconds in (0.05, 0.1, 0.15, 0.2, 0.3):
            for worker in (a, b):
                worker.until_ready()
            assert a.stop() == 0
            # What `a` had is handed to `b` at this moment.
            time.sleep(after_seconds)
            assert b.stop() == 0, (tmp_path / "workers.log").read_text()
            for worker in (a, b):
                worker.start()


def test_a_worker_with_warm_copies_takes_over_and_knows_what_the_other_knew(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    told = term(seed=9, learners=60)
    with on_kafka(own_kafka.address, "warm") as stack, (tmp_path / "workers.log").open("ab") as log:
        places = {name: {"LAUREL_DATA_DIR": str(tmp_path / name)} for name in ("a", "b")}
        a, b = (stack.worker(log, "stream", name, place) for name, place in places.items())
        for worker in (a, b):
            worker.until_ready()
        asyncio.run(send(own_kafka.address, told))
        until_calm([a, b], seconds=60)
        before = b.metrics()
        a.kill()
        until(lambda: b.metrics().get("laurel_lanes", 0) == LANES, seconds=60, why="nobody takes over")
        until_calm([b], seconds=60)
        after = b.metrics()
        assert b.stop() == 0
        found = entitlements_in(tmp_path / "b", TENANT, rulebook(demo_catalogue()))
        said = asyncio.run(read_told(own_kafka.address, stack.settings.partitions))
        comparison = compare(found, said, evaluated(tmp_path / "events.jsonl", told), TENANT)

    assert before["laurel_restored_records_total"] > 1_000, "b has kept no warm copies"
    assert after["laurel_restored_records_total"] - before["laurel_restored_records_total"] < 500
    assert comparison.is_equal
    assert comparison.entitlements > 100
