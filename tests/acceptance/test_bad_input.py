"""Bad input: every kind of it goes to the dead letters with a reason, and the worker goes on."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from laurel.demo.results import Told as Read
from laurel.demo.results import read_told
from laurel.demo.stack import Stack, stack
from laurel.term_records import Told
from streams import topics
from tests.acceptance.scenes import DEMO_CATALOGUE, on_kafka, send, until, until_calm
from tests.real_kafka import RealKafka

GRADE = {"tenant": "example", "learner": "u-1", "course": "6601", "score": 80, "max_score": 100, "adjusted": False}
WRONG = {"tenant": 1, "learner": [], "course": {}, "score": "80", "max_score": 0, "adjusted": "yes", "released": 1}


def native(data: object, **attributes: object) -> bytes:
    """One native event, right but for what is given."""
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "test",
        "type": "laurel.fact.final_grade.v1",
        "time": "2026-05-01T10:00:00Z",
        "data": data,
    }
    return json.dumps(event | attributes).encode()


def bad_records() -> list[Told]:
    """One of each: random bytes, deep nesting, a wrong type in each field, an event from 2030."""
    chance = random.Random(11)
    values = [chance.randbytes(200), b'{"data":' + b"[" * 50_000, b"", native(GRADE, time="2030-01-01T00:00:00Z")]
    values += [native(GRADE | {name: wrong}) for name, wrong in WRONG.items()]
    return [Told(topic="lms.laurel", key=None, value=value, headers=()) for value in values]


def told_after(running: Stack, log: Path, records: list[Told]) -> Read:
    """Send bad records and then a good one; gives what was said once the good one has arrived."""
    good = Told(topic="lms.laurel", key=None, value=native(GRADE), headers=())
    with log.open("wb") as file:
        worker = running.worker(file, role="stream")
        worker.until_ready()
        asyncio.run(send(running.settings.broker, [*records, good]))
        until(lambda: worker.metrics().get("laurel_facts_total", 0) >= 1, seconds=60, why="the good event is lost")
        until_calm([worker], seconds=60)
        assert worker.stop() == 0
    return asyncio.run(read_told(running.settings.broker, running.settings.partitions))


@pytest.mark.stack
def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_worker_goes_on(tmp_path: Path) -> None:
    records = bad_records()
    with stack(DEMO_CATALOGUE) as running:
        running.put_in_force()
        said = told_after(running, tmp_path / "worker.log", records)

    assert len(said.letters) == len(records)
    assert all(letter["reason"] and letter["stage"] == "intake" for letter in said.letters)
    assert any("after it was received" in letter["reason"] for letter in said.letters)
    for name in WRONG:
        assert any(f"$.data.{name}" in letter["reason"] for letter in said.letters), name


@pytest.mark.stack
def test_a_foreign_record_on_an_internal_topic_is_refused_by_name(tmp_path: Path) -> None:
    later = [b'{"void":{}}', b'{"alias":{}}', b"\x00", b"{}"]
    foreign = [Told(topic=topics.FACTS, key=b"x", value=value, headers=()) for value in later]
    with stack(DEMO_CATALOGUE) as running:
        running.put_in_force()
        said = told_after(running, tmp_path / "worker.log", foreign)

    reasons = {letter["reason"] for letter in said.letters}
    assert len(said.letters) == len(foreign)
    assert any("`void`" in reason for reason in reasons)
    assert all(letter["stage"] == "progress" for letter in said.letters)


@pytest.mark.kafka
def test_a_record_of_five_megabytes_is_a_dead_letter_and_the_worker_goes_on(
    tmp_path: Path, own_kafka: RealKafka
) -> None:
    large = Told(topic="lms.laurel", key=None, value=b"x" * (5 << 20), headers=())
    with on_kafka(own_kafka.address, "large") as running:
        before = len(asyncio.run(read_told(own_kafka.address, 4)).letters)
        said = told_after(running, tmp_path / "worker.log", [large])

    (letter,) = said.letters[before:]
    assert "5,242,880" in letter["reason"]
    assert letter["value.bytes"] == str(5 << 20)
