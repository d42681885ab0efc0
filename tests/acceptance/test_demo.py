"""`make demo`: what a newcomer runs first, twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_the_demo_runs_twice_and_leaves_certificates_and_awards(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "laurel", "demo", "--learners", "60"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=140,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert "all equal" in done.stdout
        assert "the ledger alone holds" in done.stdout
        awards = [json.loads(line) for line in (tmp_path / "demo-output/awards.jsonl").read_text().splitlines()]
        certificates = [a for a in awards if a["kind"] == "certificate" and a["status"] == "awarded"]
        drawn = sorted((tmp_path / "demo-output/certificates").glob("*.pdf"))
        assert [path.stem for path in drawn] == sorted(award["award_id"] for award in certificates)
        assert all(path.read_bytes().startswith(b"%PDF-") for path in drawn)
        log = (tmp_path / "demo-output/worker.log").read_text().splitlines()
        assert len(log) < 15, "the log of a clean run is short"
