"""The crew: who ends is started again, and an end without a reason is not overlooked."""

from pathlib import Path

import pytest

from laurel.demo.stack import WorkerProcess, free_port
from tests.acceptance.scenes import until
from tests.torture.crew import Crew, Seen

# What `laurel worker` ends with when its configuration cannot be read.
FAILED = 1


@pytest.mark.stack
def test_who_ends_is_started_again_and_an_end_that_nothing_explains_is_told_apart(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    environ = {"LAUREL_CONFIG": str(tmp_path / "there-is-none.yaml")}
    with log.open("wb") as file:
        worker = WorkerProcess(environ=environ, log=file, port=free_port(), role="stream")
        worker.start()
        with Crew({"a": worker}, {"a": log}, 1, lambda: 0.0) as crew:
            until(lambda: len(crew.ends) == 1, seconds=20, why="the end was not seen")
            crew.explain({"a": [FAILED]})
            until(lambda: len(crew.ends) == 2, seconds=20, why="it was not started again")
            crew.nothing_is_explained()
            until(lambda: len(crew.ends) == 3, seconds=20, why="it was not started again")

    assert [end.is_explained for end in crew.ends] == [False, True, False]
    assert [end.code for end in crew.ends] == [FAILED] * 3
    assert "there-is-none.yaml" in crew.tail("a")


def test_a_crew_is_settled_only_when_everyone_is_ready_and_each_partition_has_one_owner() -> None:
    assert Seen(not_ready=(), waiting=50, lanes=15).is_settled(15, 60)
    assert not Seen(not_ready=(), waiting=70, lanes=15).is_settled(15, 60), "too much waits"
    assert not Seen(not_ready=("b",), waiting=0, lanes=15).is_settled(15, 60), "one is not ready"
    assert not Seen(not_ready=(), waiting=0, lanes=14).is_settled(15, 60), "one partition has no owner"
    assert not Seen(not_ready=(), waiting=0, lanes=16).is_settled(15, 60), "one partition has two"
