"""`make torture`, as CI runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

CYCLES = 10
# One that tries every kind of fault within so few cycles (`test_faults.py`).
SEED = 7
SECONDS = 840


@pytest.mark.kafka
@pytest.mark.timeout(SECONDS + 60)
def test_ten_cycles_of_torture_lose_nothing_and_double_nothing(tmp_path: Path, fetched_kafka: None) -> None:  # noqa: ARG001  # it decides whether there is one
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", f"--cycles={CYCLES}", f"--seed={SEED}", f"--output={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "lost=0 unexpected=0 duplicate_effects=0"
    assert "cycle 10/10" in done.stdout
