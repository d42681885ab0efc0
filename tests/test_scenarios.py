"""Scenarios: what they say is judged as by the workers, what differs is told with its line, and slips are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from laurel.catalogue_file import read_catalogue
from laurel.cli import app
from laurel.faults import FileFaults
from laurel.scenario_file import read_scenarios
from laurel.scenarios import run_scenario
from rules.keys import TenantId

CATALOGUES = Path(__file__).parent / "catalogues"
EXAMPLE = CATALOGUES / "example.yaml"
DEMO = Path(__file__).parent.parent / "laurel" / "demo" / "catalogue.yaml"
DOCUMENT = Path(__file__).parent.parent / "docs" / "catalogue.md"
CATALOGUE = read_catalogue(EXAMPLE, TenantId("t1"))


def scenario(given: str, expect: str) -> str:
    """A scenario with its first event on line 4, and what is expected on the line after the last."""
    return f"scenarios:\n  - name: It goes\n    given:\n{given}\n    expect: {expect}\n"


def event(said: str) -> str:
    return f"      - {said}"


PASSED_EXAM = event("item_grade: {course: SQL201, item: exam, score: 80}")


def run(catalogue: Path, *files: Path) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, ["catalogue", "test", str(catalogue), *map(str, files)])
    return done.exit_code, (done.stdout + done.stderr).splitlines()


def tried(directory: Path, text: str, catalogue: Path = EXAMPLE) -> tuple[int, list[str]]:
    path = directory / "s.yaml"
    path.write_text(text)
    code, lines = run(catalogue, path)
    return code, [line.replace(f"{directory}/", "") for line in lines]


@pytest.mark.parametrize("at", range(11))
def test_a_scenario_of_the_example_passes_and_would_fail_if_anything_else_were_expected(at: int) -> None:
    found = read_scenarios(CATALOGUES / "example.scenarios.yaml", CATALOGUE)
    assert len(found) == 11

    assert run_scenario(CATALOGUE, found[at]).differences == ()
    for number, expected in enumerate(found[at].expected):
        others = {None, *type(expected.status)} if expected.status is not None else set()
        for other in others - {expected.status}:
            wrong = (*found[at].expected[:number], replace(expected, status=other), *found[at].expected[number + 1 :])
            (difference,) = run_scenario(CATALOGUE, replace(found[at], expected=wrong)).differences
            assert difference.problem.startswith(f"{expected.credential}: expected ")


@pytest.mark.parametrize("at", range(11))
def test_no_event_of_the_example_is_there_for_nothing(at: int) -> None:
    """Each scenario that ends in a status depends on at least its last event: without it something differs."""
    found = read_scenarios(CATALOGUES / "example.scenarios.yaml", CATALOGUE)[at]
    if all(expected.status is None for expected in found.expected) or "stays" in found.name:
        return
    last = found.facts[-1].statement.event_id
    without = replace(found, facts=tuple(fact for fact in found.facts if fact.statement.event_id != last))

    assert run_scenario(CATALOGUE, without).differences


def test_what_a_person_grants_or_revokes_is_part_of_a_scenario(tmp_path: Path) -> None:
    granted, revoked = "    - granted: data-literacy\n", "    - revoked: data-literacy\n"
    expected = {granted: "awarded", granted + revoked: "revoked", revoked + granted: "awarded"}

    for given, status in expected.items():
        text = f"scenarios:\n- name: By hand\n  given:\n{given}  expect: {{data-literacy: {status}}}\n"
        code, lines = tried(tmp_path, text)
        assert code == 0, lines
        assert tried(tmp_path, text.replace(status, "expired"))[0] == 1


def test_the_scenarios_beside_a_catalogue_are_found_by_its_name() -> None:
    code, lines = run(EXAMPLE)

    assert code == 0
    assert lines[0] == str(CATALOGUES / "example.scenarios.yaml")
    assert lines[1] == "  passed  All topics and a grade of 70 earn Data Literacy"
    assert lines[-1] == "11 scenarios: 11 passed, 0 failed"


def test_what_differs_is_told_with_its_line_and_what_is_missing(tmp_path: Path) -> None:
    given = event("final_grade: {course: DATA101, score: 65}")

    assert tried(tmp_path, scenario(given, "{data-literacy: awarded}")) == (
        1,
        [
            "s.yaml",
            "  FAILED  It goes",
            (
                "s.yaml:5: data-literacy: expected awarded, got none. Not met: final_grade DATA101 ≥ 70 "
                "(has 65 of 70 %); topics_completed DATA101 all (has 0 of 0 topics)."
            ),
            "1 scenario: 0 passed, 1 failed",
        ],
    )


def test_an_award_that_nobody_expects_is_told_with_the_lines_that_met_it(tmp_path: Path) -> None:
    given = f"{PASSED_EXAM}\n{event('final_grade: {course: STAT150, score: 90}')}"
    code, lines = tried(tmp_path, scenario(given, "{}"))

    assert code == 1
    assert lines[2:-1] == [
        "s.yaml:6: sql: expected none, got awarded. Met by item_grade SQL201 exam ≥ 66.5 (line 4).",
        ("s.yaml:6: data-professional: expected none, got awarded. Met by badges 2 of data-literacy, sql, statistics."),
    ]


def test_milestones_are_looked_at_where_they_are_named(tmp_path: Path) -> None:
    given = event("final_grade: {course: STAT150, score: 90}")

    assert tried(tmp_path, scenario(given, "{}"))[0] == 0
    assert tried(tmp_path, scenario(given, "{statistics: awarded}"))[0] == 0
    assert tried(tmp_path, scenario(given, "{statistics: none}"))[0] == 1


def test_conditions_of_a_certificates_own_are_told_by_what_they_say(tmp_path: Path) -> None:
    said = [f'{{item_grade: {{course: "6606", item: "{item}", score: 80}}}}' for item in (660691, 660692)]
    _, lines = tried(tmp_path, scenario("\n".join(map(event, said)), "{capstone: awarded, data-lead: awarded}"), DEMO)

    assert lines[2] == (
        "s.yaml:6: data-lead: expected awarded, got none. Not met: badges 2 of capstone, foundations "
        "(has 1 of 2 badges); final_grade 6606 ≥ 66 (has 0 of 66 %)."
    )


@pytest.mark.parametrize(
    ("as_of", "status"),
    [("2028-03-20T15:59:59Z", "awarded"), ("2028-03-20T16:00:00Z", "expired"), ("2029-01-01", "expired")],
)
def test_a_scenario_may_say_when_something_is_expected(tmp_path: Path, as_of: str, status: str) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(EXAMPLE.read_text().replace("  - id: sql\n", "  - id: sql\n    valid_for: {months: 24}\n"))
    given = event("{at: 2026-03-20T16:00:00Z, item_grade: {course: SQL201, item: exam, score: 80}}")
    said = scenario(given, f"{{sql: {status}}}").replace("    expect", f"    as_of: {as_of}\n    expect")

    assert tried(tmp_path, said, catalogue)[0] == 0
    assert tried(tmp_path, said.replace(status, "revoked"), catalogue)[0] == 1


def test_what_is_not_touched_at_all_is_said_to_be_so(tmp_path: Path) -> None:
    _, lines = tried(tmp_path, scenario(PASSED_EXAM, "{sql: awarded, data-literacy: awarded}"))

    assert lines[2] == (
        "s.yaml:5: data-literacy: expected awarded, got none. None of its conditions is touched by these events."
    )


def test_of_two_events_at_one_time_the_later_in_the_list_holds(tmp_path: Path) -> None:
    given = event("{at: 2026-03-01, item_grade: {course: SQL201, item: exam, score: 80}}")
    worse = given.replace("score: 80", "score: 10")

    assert tried(tmp_path, scenario(f"{worse}\n{given}", "{sql: awarded}"))[0] == 0
    assert tried(tmp_path, scenario(f"{given}\n{worse}", "{sql: awarded}"))[0] == 1


def faults(directory: Path, text: str) -> list[str]:
    path = directory / "s.yaml"
    path.write_text(text)
    with pytest.raises(FileFaults) as caught:
        read_scenarios(path, CATALOGUE)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{outline: {course: DATA10, topics: [a]}}", 'There is no course "DATA10" in the catalogue. Did you mean "DA'),
        ("{outline: {course: LAW, topics: [a]}}", 'There is no course "LAW" in the catalogue. Name a course of the'),
        (
            "{topic_completed: {course: DATA101, topics: [a]}}",
            'scenarios[0].given[0] has an unknown key "topic_completed". Did you mean `topics_completed`?',
        ),
        (
            "{topics_completed: {course: DATA101, topics: a}}",
            'scenarios[0].given[0].topics_completed.topics is the text "a", and must be a list.',
        ),
        (
            "{topics_completed: {course: DATA101, topics: []}}",
            "scenarios[0].given[0].topics_completed.topics is an empty list, and must have at least 1. Write `topics:",
        ),
        (
            "{final_grade: {course: DATA101, score: 1}, outline: {course: DATA101, topics: [a]}}",
            "scenarios[0].given[0] says final_grade and outline, and an event says one thing. Put each in an event",
        ),
        ("{at: 2026-03-01}", "scenarios[0].given[0] says nothing. Write one of final_grade,"),
        ("final_grade:", "scenarios[0].given[0] says nothing after `final_grade`. Write `final_grade: {course: …}`."),
        ("granted:", "scenarios[0].given[0] says nothing after `granted`. Write `granted: CREDENTIAL`."),
        ("revoked: data-literac", 'There is no credential "data-literac" in the catalogue. Did you mean "data-lit'),
        ("5", "scenarios[0].given[0] is the number 5, and must be a mapping of keys to values."),
        ("{item_grade: {course: DATA101, score: 5}}", "scenarios[0].given[0].item_grade has no `item`. Add `item: exa"),
        (
            "{final_grade: {course: DATA101, score: high}}",
            'scenarios[0].given[0].final_grade.score is the text "high", and must be a number of percent.',
        ),
        (
            "{final_grade: {course: DATA101, score: 1.001}}",
            "scenarios[0].given[0].final_grade.score is 1.001, and scores have at most two decimals.",
        ),
        (
            "{at: 2026-03-01T10:00, final_grade: {course: DATA101, score: 1}}",
            'scenarios[0].given[0].at is the text "2026-03-01T10:00", and must be a day or a time. Write a day, such',
        ),
        (
            "{at: yesterday, final_grade: {course: DATA101, score: 1}}",
            'scenarios[0].given[0].at is the text "yesterday", and must be a day or a time. Write a day, such',
        ),
        (
            "{at: 20260301, final_grade: {course: DATA101, score: 1}}",
            "scenarios[0].given[0].at is the number 20260301, and must be a day or a time. Write a day, such",
        ),
        (
            '{at: "0001-01-01T00:00:00+23:00", final_grade: {course: DATA101, score: 1}}',
            'scenarios[0].given[0].at is the text "0001-01-01T00:00:00+23:00", and times begin in 1970. Write a day',
        ),
    ],
)
def test_an_event_that_cannot_be_meant_is_refused_with_its_cure(tmp_path: Path, said: str, expected: str) -> None:
    (line,) = faults(tmp_path, scenario(event(said), "{}"))

    assert line.startswith(f"s.yaml:4: {expected}")


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("{data-literac: none}", 'There is no credential "data-literac" in the catalogue. Did you mean "data-lit'),
        ("{zzz: none}", 'There is no credential "zzz" in the catalogue. Name a credential of the catalogue.'),
        ("{sql: award}", 'scenarios[0].expect.sql is the text "award", and must be awarded, revoked, expired or none.'),
        ("none", 'scenarios[0].expect is the text "none", and must be a mapping of keys to values.'),
    ],
)
def test_what_cannot_be_expected_is_refused_with_its_cure(tmp_path: Path, expect: str, expected: str) -> None:
    (line,) = faults(tmp_path, scenario(PASSED_EXAM, expect))

    assert line.startswith(f"s.yaml:5: {expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scenarios: []", "s.yaml:1: scenarios is an empty list, and must have at least 1."),
        ("{}", "s.yaml:1: The file has no `scenarios`."),
        (f"{scenario(PASSED_EXAM, '{}')}more: 1\n", 's.yaml:6: The file has an unknown key "more".'),
        ("scenarios: [{name: x, expect: {}}]", "s.yaml:1: scenarios[0] has no `given`."),
    ],
)
def test_a_file_that_tries_nothing_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (line,) = faults(tmp_path, text)

    assert line.startswith(expected)


def test_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    good = CATALOGUES / "example.scenarios.yaml"
    (tmp_path / "one.yaml").write_text("scenarios: []")

    code, lines = run(EXAMPLE, tmp_path / "one.yaml", good, tmp_path / "two.yaml")

    assert code == 1
    assert [line.removeprefix(f"{tmp_path}/").split(" ")[0] for line in lines] == ["one.yaml:1:", "two.yaml:"]


def test_without_scenarios_beside_it_a_catalogue_is_not_said_to_pass(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(EXAMPLE.read_text())

    assert run(path) == (
        2,
        [f"{path}: There are no scenarios beside it. Write {tmp_path}/c.scenarios.yaml, or name the files."],
    )


def test_the_documentation_shows_scenarios_that_run_as_it_says(tmp_path: Path) -> None:
    blocks = [block.split("```")[0] for block in DOCUMENT.read_text().split("```yaml\n")[1:]]
    (tmp_path / "catalogue.yaml").write_text(next(block for block in blocks if block.startswith("version:")))
    (shown,) = (block for block in blocks if block.startswith("scenarios:"))
    (tmp_path / "catalogue.scenarios.yaml").write_text(shown)

    code, lines = run(tmp_path / "catalogue.yaml")

    assert code == 1
    told = "\n".join(lines).replace(f"{tmp_path}/", "")
    assert f"```text\n{told}\n```" in DOCUMENT.read_text()
