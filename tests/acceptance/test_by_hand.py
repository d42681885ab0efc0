"""Grants and revocations by the command line, from the catalogue's file to PostgreSQL."""

import json
from pathlib import Path

import pytest

from laurel.demo.stack import Stack, stack
from tests.acceptance.scenes import command, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

CATALOGUE = """\
version: 1
issuer: {id: https://example.edu/issuer, name: Example University}
courses: {C1: {name: A course}}
credentials:
  - {id: charts, kind: badge, name: Charts, criteria: {topics_completed: {course: C1, topics: [charts]}}}
  - {id: expert, kind: badge, name: Expert, criteria: {badges: {at_least: 1, of: [charts]}}, when_no_longer_met: revoke}
  - id: paper
    kind: certificate
    name: Paper
    criteria: {badges: {at_least: 2, of: [charts, expert]}}
    when_no_longer_met: revoke
    certificate: {template: classic, text: "{FullName}"}
"""


def listed(running: Stack, learner: str) -> dict[str, tuple[str, str]]:
    """Status and reason of each award of a learner, by `laurel awards list`."""
    done = command(running, "awards", "list", "--json", "--learner", learner)
    assert done.returncode == 0, done.stderr
    awards = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {award["credential"]: (award["status"], award["reason"]) for award in awards}


def until_listed(running: Stack, learner: str, expected: dict[str, tuple[str, str]]) -> None:
    until(lambda: listed(running, learner) == expected, seconds=30, why=f"{learner}: {listed(running, learner)}")


def test_what_a_person_decides_reaches_the_database_and_what_builds_on_it_follows(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    granted, revoked = ("awarded", "granted by hand"), ("revoked", "revoked by hand")
    met, lost = ("awarded", "criteria met"), ("revoked", "criteria no longer met")
    with stack(catalogue) as running, (tmp_path / "worker.log").open("wb") as log:
        running.put_in_force()
        worker = running.worker(log)
        worker.until_ready()
        # Nobody has heard of either of them.
        for learner, credential in (("u-1", "charts"), ("u/2", "paper")):
            done = command(running, "grant", learner, credential, "--why", "recognised", "--who", "registrar")
            assert done.returncode == 0, done.stderr
        until_listed(running, "u-1", {"charts": granted, "expert": met, "paper": met})
        until_listed(running, "u/2", {"paper": granted})

        for learner, credential in (("u-1", "charts"), ("u/2", "paper")):
            done = command(running, "revoke", learner, credential, "--why", "plagiarism")
            assert done.returncode == 0, done.stderr
        until_listed(running, "u-1", {"charts": revoked, "expert": lost, "paper": lost})
        until_listed(running, "u/2", {"paper": revoked})

        refused = command(running, "grant", "u-1", "chart", "--why", "a slip")
        assert (refused.returncode, 'Did you mean "charts"?' in refused.stderr) == (2, True)
        assert worker.stop() == 0
