"""Warnings: what is probably not meant, with line and cure; never where it might be meant for all that one can know."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from typer.testing import CliRunner

from laurel.catalogue_warnings import MAX_COMPARED, read_with_warnings
from laurel.cli import app
from laurel.faults import MAX_FAULTS_SHOWN
from rules.catalogue import Catalogue
from rules.keys import TenantId
from tests.test_catalogue_file import CATALOGUES, ON_DISK, catalogues, written

ROOT = Path(__file__).parent.parent
READ = [CATALOGUES / "example.yaml", ROOT / "deploy" / "laurel" / "catalogue.yaml", ROOT / "laurel/demo/catalogue.yaml"]
HEAD = """\
version: 1
issuer: {id: https://example.edu/issuer, name: Example University}
courses: {C: {name: Course}, D: {name: Another}}
credentials:
  - {id: c, kind: badge, name: C, criteria: {final_grade: {course: C, at_least: 51}}, when_no_longer_met: revoke}
  - {id: d, kind: badge, name: D, criteria: {final_grade: {course: D, at_least: 52}}}
"""


def warned(directory: Path, text: str) -> list[str]:
    path = directory / "catalogue.yaml"
    path.write_text(text)
    _, warnings = read_with_warnings(path, TenantId("t1"))
    return [str(warning).replace(f"{directory}/", "") for warning in warnings]


def one(criteria: str, *, kind: str = "badge", more: str = "") -> str:
    """A third credential, its criteria from line 11 on."""
    return f"{HEAD}  - id: x\n    kind: {kind}\n    name: X\n    {more or 'description: x'}\n    criteria: {criteria}\n"


def grade(bar: float, course: str = "C") -> str:
    return f"{{final_grade: {{course: {course}, at_least: {bar}}}}}"


def topics(which: str) -> str:
    return f"{{topics_completed: {{course: C, topics: {which}}}}}"


def lines(key: str, *parts: str) -> str:
    """A group with its first part on line 13."""
    return f"\n      {key}:\n" + "\n".join(f"        - {part}" for part in parts)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            one("{badges: {at_least: 1, of: [c, d], within: {days: 3}}}"),
            "11: One badge is within any length of itself. Remove `within`, or ask for more.",
        ),
        (
            one(lines("all", grade(70), f"not: {grade(60)}")),
            ("14: Nobody meets this: whoever meets `final_grade C ≥ 70` on line 13 cannot. Remove one of them."),
        ),
        (
            one(lines("all", grade(60), grade(70))),
            (
                "13: `final_grade C ≥ 60` changes nothing here: whoever meets `final_grade C ≥ 70` on line 14 meets it "
                "too. Remove it."
            ),
        ),
        (
            one(lines("any", grade(60), grade(70))),
            (
                "14: `final_grade C ≥ 70` changes nothing here: whoever meets it meets `final_grade C ≥ 60` on line 13 "
                "too. Remove it."
            ),
        ),
        (
            one(lines("all", grade(70), grade(70))),
            (
                "14: `final_grade C ≥ 70` changes nothing here: whoever meets `final_grade C ≥ 70` on line 13 meets it "
                "too. Remove it."
            ),
        ),
        (
            one(lines("all", grade(70), f"{{any: [{grade(60)}, {grade(10, 'D')}]}}")),
            (
                "14: The condition changes nothing here: whoever meets `final_grade C ≥ 70` on line 13 meets it too. "
                "Remove it."
            ),
        ),
        (
            one(lines("all", "badges: {of: [c, d]}", "badges: {at_least: 1, of: [d, c]}")),
            (
                "14: `badges 1 of d, c` changes nothing here: whoever meets `badges 2 of c, d` on line 13 meets "
                "it too. Remove it."
            ),
        ),
        (
            one("\n      at_least: 2\n      of: [" + f"{grade(60)}, {grade(9, 'D')}, {grade(60)}]"),
            (
                "13: `final_grade C ≥ 60` says what line 13 says: whoever meets it has met two. Remove one of them, "
                "or ask for something else."
            ),
        ),
        (
            one(grade(100.01)),
            (
                "11: 100.01 % is more than a full mark: nobody has it without bonus points. Ask for at most "
                "100, unless bonus points are meant."
            ),
        ),
        (
            one("{item_grade: {course: C, item: exam, at_least: 0}}"),
            "11: Any grade is at least 0 %. Ask for more, unless any grade is meant.",
        ),
        (
            one("{any: [" + grade(51) + "]}", kind="certificate"),
            '11: "x" takes just what "c" takes. Let one of them go, or ask for something else; line 5 has the other.',
        ),
        (
            one(grade(70), kind="milestone"),
            (
                '8: Nothing counts "x", and a milestone is not shown: nobody will see it. Count it under '
                "`badges`, write `kind: badge`, or remove it."
            ),
        ),
        (
            one("{badges: {of: [d]}}", more="when_no_longer_met: revoke"),
            (
                '10: "x" is taken back when its badges are, and all that it counts are kept: by events that '
                "never happens. Write `revoke` at one of those badges, or `keep` here."
            ),
        ),
        (
            HEAD.replace("name: D,", "name: C,"),
            '6: Another badge has the name "C" too, on line 5. Give them names that people can tell apart.',
        ),
        (
            HEAD.replace("D: {name: Another}", "D: {name: Another}, E: {name: Unused}"),
            '3: No criterion asks about the course "E". Remove it, or ask about it.',
        ),
    ],
)
def test_what_is_probably_not_meant_is_told_with_its_line_and_cure(tmp_path: Path, text: str, warning: str) -> None:
    assert warned(tmp_path, text) == [f"catalogue.yaml:{warning}"]


@pytest.mark.parametrize(
    "text",
    [
        one(lines("all", grade(60), grade(70, "D"))),
        one(lines("all", grade(60), "calculated_grade: {course: C, at_least: 70}")),
        one(
            lines("all", "topics_completed: {course: C, topics: [a, b]}", "topics_completed: {course: C, topics: [a]}")
        ),
        one(lines("all", "topics_completed: {course: C, topics: all}", "topics_completed: {course: C, topics: 2}")),
        one(lines("any", "badges: {of: [c]}", grade(51))),  # what is granted by hand is not met
        one(f"{{at_least: 2, of: [{grade(60)}, {grade(70)}, {grade(1, 'D')}]}}"),
        one(grade(100)),
        one("{badges: {of: [c]}}", more="when_no_longer_met: revoke"),
        one(f"{{any: [{{badges: {{of: [d]}}}}, {grade(1)}]}}", more="when_no_longer_met: revoke"),
        one("{badges: {of: [d]}}", more="when_no_longer_met: keep"),
        one("{badges: {of: [d]}}", more="when_no_longer_met: revoke").replace(
            "at_least: 52}}", "at_least: 52}}, valid_for: {days: 3}"
        ),
    ],
)
def test_what_may_be_meant_is_not_warned_of(tmp_path: Path, text: str) -> None:
    assert warned(tmp_path, text) == []


@pytest.mark.parametrize(
    "path", ["tests/catalogues/example.yaml", "deploy/laurel/catalogue.yaml", "laurel/demo/catalogue.yaml"]
)
def test_the_catalogues_in_this_repository_have_no_warnings(path: str) -> None:
    assert read_with_warnings(ROOT / path, TenantId("t1"))[1] == []


@pytest.mark.slow
def test_lists_of_any_length_are_read_in_time(tmp_path: Path) -> None:
    many = [grade(at / 100) for at in range(1, 10 * MAX_COMPARED)]

    assert warned(tmp_path, one(lines("all", *many))) == []
    assert len(warned(tmp_path, one(lines("all", *many[:MAX_COMPARED])))) == MAX_COMPARED - 1


@pytest.mark.slow
@ON_DISK
@given(catalogues())
def test_every_warning_of_any_catalogue_has_a_line_a_problem_and_a_cure(tmp_path: Path, catalogue: Catalogue) -> None:
    for warning in warned(tmp_path, json.dumps(written(catalogue))):
        assert warning.startswith("catalogue.yaml:1: ")
        assert warning.endswith(".")


def run(path: Path) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, ["catalogue", "check", str(path)])
    return done.exit_code, (done.stdout + done.stderr).replace(f"{path.parent}/", "").splitlines()


def test_the_command_tells_warnings_and_ends_well(tmp_path: Path) -> None:
    (tmp_path / "catalogue.yaml").write_text(one(grade(0)))

    assert run(tmp_path / "catalogue.yaml") == (
        0,
        [
            "catalogue.yaml:11: warning: Any grade is at least 0 %. Ask for more, unless any grade is meant.",
            "catalogue.yaml: version 1, 3 credentials, 2 courses: no faults, 1 warning",
        ],
    )
    assert run(CATALOGUES / "example.yaml") == (
        0,
        ["example.yaml: version 3, 4 credentials, 3 courses: no faults"],
    )
    assert run(CATALOGUES / "five_faults.yaml")[0] == 1


def test_the_command_does_not_show_thousands_of_warnings(tmp_path: Path) -> None:
    courses = ", ".join(f"E{at}: {{name: E{at}}}" for at in range(MAX_FAULTS_SHOWN + 7))
    (tmp_path / "catalogue.yaml").write_text(HEAD.replace("{C:", f"{{{courses}, C:"))

    code, told = run(tmp_path / "catalogue.yaml")

    assert (code, len(told)) == (0, MAX_FAULTS_SHOWN + 2)
    assert told[-2] == "… and 7 more warnings."
