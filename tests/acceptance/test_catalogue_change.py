"""A catalogue is changed in a running system: previewed, put in force, followed, on a real Apache Kafka."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from laurel.catalogue_live import STILL_SECONDS
from laurel.demo.results import read_told
from laurel.demo.stack import Stack, WorkerProcess
from laurel.term import term
from laurel.worker import INTERRUPTED
from rules.awards import Award
from tests.acceptance.scenes import DEMO_CATALOGUE, command, on_kafka, send, until, until_calm
from tests.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

LEARNERS = 150
# What a shell runs in its background does not heed Ctrl-C, nor does what that starts: as in a terminal, all the same.
HEEDS_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("laurel", run_name="__main__")
"""
# So that a walk takes its time.
SMALL_STEPS = {"LAUREL_WALK_LEARNERS": "3"}


def changed(path: Path) -> Path:
    """The demo's catalogue with easier and with harder rules, and a badge that is new."""
    text = DEMO_CATALOGUE.read_text(encoding="utf-8").replace("version: 1", "version: 2", 1)
    for old, new in (("at_least: 65}", "at_least: 55}"), ("at_least: 68}", "at_least: 75}")):
        assert old in text
        text = text.replace(old, new, 1)
    added = (
        '  - {id: ethics-begun, kind: badge, name: Ethics, criteria: {topics_completed: {course: "6605", topics: 3}}}'
    )
    path.write_text(text.replace("credentials:\n", f"credentials:\n{added}\n", 1), encoding="utf-8")
    return path


def laurel(stack: Stack, *arguments: str) -> str:
    done: subprocess.CompletedProcess[str] = command(stack, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def interrupted_while_waiting(stack: Stack, new: str) -> tuple[int, str]:
    """Apply a catalogue where no worker runs, and press Ctrl-C once it is in force: the exit, and what was said."""
    with subprocess.Popen(
        [sys.executable, "-c", HEEDS_CTRL_C, "catalogue", "apply", new, "--yes"],
        env={**os.environ, **stack.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "is in force for" not in (line := process.stdout.readline()):
            assert line, "it ended before the catalogue was in force"
        time.sleep(STILL_SECONDS + 3)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, said


def told(stack: Stack) -> list[Award]:
    """Every revision that was told; partitions come in any order, and so do they."""
    found = asyncio.run(read_told(stack.settings.broker, stack.settings.partitions)).revisions
    return sorted(found, key=lambda award: (award.award_id, award.revision))


def said(awards: list[Award]) -> set[tuple[str, int, str]]:
    return {(award.award_id, award.revision, str(award.status)) for award in awards}


def foretold(document: dict[str, Any]) -> set[tuple[str, int, str]]:
    return {
        (change["award_id"], change["revision"], change["status"])
        for credential in document["credentials"]
        for what in ("gained_by", "lost_by", "changed_for")
        for change in credential[what]
    }


async def groups(bootstrap: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {group[0] for group in await admin.list_consumer_groups()}
    finally:
        await admin.close()


def begun(stack: Stack, log: Any) -> WorkerProcess:
    """A worker that has judged a term."""
    worker = stack.worker(log, "stream", "a", SMALL_STEPS)
    worker.until_ready()
    asyncio.run(send(stack.settings.broker, term(seed=11, learners=LEARNERS)))
    until_calm([worker], seconds=120)
    return worker


def test_what_is_previewed_is_what_is_applied_and_reported(tmp_path: Path, own_kafka: RealKafka) -> None:
    new = str(changed(tmp_path / "new.yaml"))
    with on_kafka(own_kafka.address, "change") as stack, (tmp_path / "workers.log").open("ab") as log:
        assert "No worker has judged anything here yet" in laurel(stack, "catalogue", "preview", new)
        begun(stack, log)
        known = asyncio.run(groups(own_kafka.address))
        before = told(stack)
        document = json.loads(laurel(stack, "catalogue", "preview", new, "--json"))
        text = laurel(stack, "catalogue", "preview", new)
        refused = command(stack, "catalogue", "apply", new)
        assert told(stack) == before, "a preview, or a refusal, has changed something"
        applied = laurel(stack, "catalogue", "apply", new, "--yes")
        after = told(stack)
        again = laurel(stack, "catalogue", "apply", new, "--yes")
        assert told(stack) == after
        assert asyncio.run(groups(own_kafka.address)) == known

    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert document["in_force"][0]["version"] == 1
    assert document["learners"] == LEARNERS
    assert document["is_exact"]
    assert set(document["facts_offsets"]) == {"0", "1", "2", "3"}
    totals = document["totals"]
    assert min(totals[name] for name in ("gain", "lose", "closer", "farther")) > 0, totals
    assert "ethics-begun is gained by" in text
    assert said(after) - said(before) == foretold(document)
    count = len(foretold(document))
    assert f"Told as previewed: {count:,} of {count:,} awards." in applied
    assert "Otherwise" not in applied
    assert "Told as previewed: 0 of 0 awards." in again


def test_a_worker_killed_in_the_middle_of_a_walk_goes_on_and_awards_what_was_previewed(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    new = str(changed(tmp_path / "new.yaml"))
    with on_kafka(own_kafka.address, "killed") as stack, (tmp_path / "workers.log").open("ab") as log:
        worker = begun(stack, log)
        before = told(stack)
        document = json.loads(laurel(stack, "catalogue", "preview", new, "--json"))
        walked = worker.metrics().get("laurel_walked_learners_total", 0)
        laurel(stack, "catalogue", "apply", new, "--yes", "--no-wait")
        until(
            lambda: worker.metrics().get("laurel_walked_learners_total", 0) > walked + LEARNERS / 10,
            seconds=60,
            why="nobody is walked",
        )
        worker.kill()
        half = json.loads(laurel(stack, "catalogue", "preview", new, "--json"))
        at_the_kill = len(told(stack)) - len(before)
        known = asyncio.run(groups(own_kafka.address))
        code, said_at_the_end = interrupted_while_waiting(stack, new)
        assert asyncio.run(groups(own_kafka.address)) == known
        worker.start()
        worker.until_ready()
        applied = laurel(stack, "catalogue", "apply", new, "--yes")
        until_calm([worker], seconds=60)
        after = told(stack)
        rest = worker.metrics()["laurel_walked_learners_total"]

    assert (code, "The catalogue is in force" in said_at_the_end) == (INTERRUPTED, True), said_at_the_end
    assert "does a worker run?" in said_at_the_end
    assert half["is_walking"], "the walk was over before the kill"
    assert 0 < at_the_kill < len(foretold(document))
    assert foretold(half) < foretold(document)
    assert 0 < rest < LEARNERS, "the walk did not go on where it was"
    revisions = Counter((award.award_id, award.revision) for award in after)
    assert set(revisions.values()) == {1}, "a revision was told more than once"
    assert said(after) - said(before) == foretold(document)
    assert "Told as previewed" in applied
