"""The simulation: whatever goes wrong, a world comes to the same as one clean run; and faults do not stay hidden."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.faults import FAULTS
from tests.simulation.playing import lines, play

ROOT = Path(__file__).parent.parent.parent
SEEDS = 1_000
# So many seeds are played by `make check` too.
FIRST = 20
PACK = 70
# Within so many seeds each planted fault is found; most are within ten.
WITHIN = 150

everything = pytest.mark.simulation


def played(seeds: range) -> None:
    for seed in seeds:
        report = play(seed)
        if report.wrong:
            pytest.fail(report.text(), pytrace=False)


def test_the_first_seeds_come_to_the_same_as_one_clean_run() -> None:
    played(range(FIRST))


@everything
@pytest.mark.parametrize("first", range(FIRST, SEEDS, PACK))
def test_a_thousand_seeds_come_to_the_same_as_one_clean_run(first: int) -> None:
    played(range(first, min(first + PACK, SEEDS)))


@everything
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    found = next((seed for seed in range(WITHIN) if play(seed, fault).wrong), None)

    assert found is not None, f"{WITHIN} seeds, and `{fault}` stays hidden"
    assert not play(found).wrong


def test_a_seed_leads_to_the_same_steps_again() -> None:
    assert play(3).trace == play(3).trace


@pytest.mark.stack
def test_a_seed_leads_to_the_same_steps_in_another_process() -> None:
    """Whatever the order of a set of names there: the hashes of strings differ from process to process."""
    asked = "from tests.simulation.playing import lines, play; print(hash(0), *lines(play(3).trace), sep='\\n')"
    told = [
        subprocess.run(
            [sys.executable, "-c", asked],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[1:]
        for hash_seed in ("1", "2")
    ]

    assert told[0] == told[1]
    assert told[0] == [line for one in lines(play(3).trace) for line in one.splitlines()]


def test_a_failure_names_its_seed_what_differs_and_how_to_see_it_again() -> None:
    fault = "take what does not continue"
    report = next(report for report in (play(seed, fault) for seed in range(WITHIN)) if report.wrong)
    text = report.text()

    assert f"seed {report.seed} does not come to the same" in text
    assert report.wrong[0].split(":")[0] in text
    assert f"make simulate SEED={report.seed} FAULT='{fault}'" in text


@pytest.mark.stack
def test_make_simulate_tells_of_a_failed_seed_and_of_one_that_is_well() -> None:
    def asked(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.simulation", *more]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    well, wrong = asked("--seed", "0"), asked("--seeds", "0-20", "--fault", "local store first", "--trace", "5")

    assert well.returncode == 0
    assert "comes to the same as one clean run" in well.stderr
    assert wrong.returncode == 1
    assert "play it again: make simulate SEED=" in wrong.stdout
    assert asked("--seeds", "9").returncode == 2
