"""The JSON Schema of the catalogue: it refuses nothing that is read, and of what is refused all that a schema can."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from laurel.catalogue_file import CatalogueFaults, read_catalogue
from laurel.catalogue_schema import catalogue_schema, dump_schema
from laurel.cli import app
from laurel.located import parse_document, read_document
from rules.catalogue import Catalogue
from rules.keys import TenantId
from tests.test_catalogue_file import CATALOGUES, GRADE, HEAD, ON_DISK, badge, catalogues, change, written

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "catalogue.schema.json"
VALIDATOR = Draft202012Validator(catalogue_schema())
READ = [CATALOGUES / "example.yaml", ROOT / "deploy" / "laurel" / "catalogue.yaml", ROOT / "laurel/demo/catalogue.yaml"]


def plain(value: Any) -> Any:
    """What an editor sees: it reckons in floats."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            return value


def is_valid(text: str) -> bool:
    document = plain(parse_document(text.encode(), "catalogue.yaml").data)
    return bool(VALIDATOR.is_valid(document))


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    Draft202012Validator.check_schema(catalogue_schema())


def test_the_file_that_editors_point_to_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["catalogue", "schema"])

    assert printed.exit_code == 0
    assert printed.stdout == dump_schema()
    assert FILE.read_text() == dump_schema(), f"write it anew: laurel catalogue schema > {FILE.relative_to(ROOT)}"


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_catalogues_in_this_repository_are_valid(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(plain(read_document(path).data))] == []


def test_the_catalogue_with_faults_is_not() -> None:
    assert not VALIDATOR.is_valid(plain(read_document(CATALOGUES / "five_faults.yaml").data))


@pytest.mark.slow
@given(catalogues())
def test_every_catalogue_that_can_be_written_is_valid(catalogue: Catalogue) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(written(catalogue))] == []


def test_every_score_of_two_decimals_is_valid() -> None:
    scores = Draft202012Validator(catalogue_schema()["$defs"]["GradeForm"]["properties"]["at_least"])

    assert all(scores.is_valid(hundredths / 100) for hundredths in range(100_001))


REFUSED = [
    *("", "{}", "{all: []}", "{any: []}", f"{{at_least: 0, of: [{GRADE}]}}", f"{{at_least: 1, off: [{GRADE}]}}"),
    *(f"{{at_least: x, of: [{GRADE}]}}", "{at_least: 1, of: []}", "{badges: {of: []}}", "{badges: {of: [b, b]}}"),
    *(
        "{badges: {of: [B]}}",
        "{badges: {of: [b], within: {}}}",
        "{badges: {of: [b], within: {weeks: 6}}}",
        "{badges: {at_least: 0, of: [b]}}",
    ),
    *(f"{{topics_completed: {{course: DATA101, topics: {it}}}}}" for it in ("[]", "0", "some", "[a, a]", "[12]", "x")),
    *(f"{{final_grade: {{course: DATA101, at_least: {it}}}}}" for it in ("-1", "1000.01", '"70"', "true", "null")),
    *("{final_grade: {course: 123, at_least: 1}}", '{final_grade: {course: " ", at_least: 1}}', "{final_grade: 70}"),
    *("{finalgrade: {course: DATA101, at_least: 1}}", "{final_grade: {course: DATA101}}", "{all: 70}", f"[{GRADE}]"),
    *("{any: [], all: []}", f"{{all: [{GRADE}], any: [{GRADE}]}}", f"{{all: [{GRADE}], at_least: 1}}"),
    *(f"{{{it}: {{course: DATA101}}}}" for it in ("prior_learning", "not", "completed", "before")),
    *(f"{{before: {{time: {it}, of: {GRADE}}}}}" for it in ("soon", "12", "2026-7-1", "2026-07-01 12:00")),
    *("{before: {time: 2026-07-01}}", f"{{before: {{of: {GRADE}}}}}", "{before: 2026-07-01}", "{within: {days: 3}}"),
    *(
        f"{{weighted_grade: {{course: DATA101, items: {it}, at_least: 50}}}}"
        for it in ("{}", "{a: 1}", "{a: 1, b: 0}", "[a, b]", "{a: 1, b: x}", '{a: 1, " ": 2}')
    ),
    "{final_grade: {course: DATA101, at_least: 70, released: all}}",
    *("{not: }", f"{{not: [{GRADE}]}}", "{all: [{not: 70}]}"),
    *("{course_completed: DATA101}", "{course_completed: {}}", "{prior_learning: work}", "{participated: 3}"),
    *(f"{{participated: {{times: {it}}}}}" for it in ("0", "65", "2.5", "many")),
    *("{participated: {kind: atended}}", "{participated: {course: 12}}"),
]


@pytest.mark.parametrize("criteria", REFUSED)
def test_criteria_that_are_refused_for_their_shape_are_not_valid(tmp_path: Path, criteria: str) -> None:
    text = HEAD + badge(criteria) + badge(name="b")
    (tmp_path / "catalogue.yaml").write_text(text)

    with pytest.raises(CatalogueFaults):
        read_catalogue(tmp_path / "catalogue.yaml", TenantId("t1"))
    assert is_valid(HEAD + badge() + badge(name="b"))
    assert not is_valid(text)


@pytest.mark.parametrize(
    "more",
    [
        *(
            "valid_for: 24",
            "valid_for: {}",
            "valid_for: {months: -1}",
            "valid_for: {weeks: 3}",
            "valid_for: {next: 31}",
        ),
        *("valid_for: {until: 31.8.2027}", "valid_for: {until: 2027-08-31, months: 3}", "grace: {days: 3}"),
        *("when_no_longer_met: {keep: {}}", "when_no_longer_met: {revoke: {grace: {}}}", "when_no_longer_met: {}"),
        *("multiplicity: {per: period}", "multiplicity: twice", "desciption: x"),
        *("when_no_longer_met: revok", "when_no_longer_met: {revoke: {grace: 3}}", "description: 5"),
        *("skills: [{framework: ESCO, code: S1}]", "skills: {}", 'certificate: {text: ""}', "certificate: text"),
    ],
)
def test_keys_that_are_refused_for_their_shape_are_not_valid(tmp_path: Path, more: str) -> None:
    text = HEAD + badge(kind="certificate", more=more)
    (tmp_path / "catalogue.yaml").write_text(text)

    with pytest.raises(CatalogueFaults):
        read_catalogue(tmp_path / "catalogue.yaml", TenantId("t1"))
    assert not is_valid(text)


@pytest.mark.parametrize("name", ["SQL", "a b", "-a", "a~1", "a" * 65, "ä", '""'])
def test_an_id_that_is_refused_is_not_valid(name: str) -> None:
    assert not is_valid(HEAD + badge(name=name))


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace("version: 1", "version: 0"),
        HEAD.replace("version: 1", 'version: "1"'),
        HEAD.replace("https://example.edu", "example.edu"),
        HEAD.replace("name: Example University", "nam: x"),
        HEAD.replace("DATA101: {name: Introduction to Data}", '" ": {name: Introduction to Data}'),
        HEAD.replace("Introduction to Data", '" "'),
        HEAD.replace("issuer:", "isuer:"),
    ],
)
def test_a_head_that_is_refused_is_not_valid(head: str) -> None:
    assert not is_valid(head + badge())


@pytest.mark.slow
@settings(ON_DISK, max_examples=300)
@given(st.data())
def test_whatever_is_put_anywhere_what_is_read_is_valid(tmp_path: Path, data: st.DataObject) -> None:
    document = written(read_catalogue(CATALOGUES / "example.yaml", TenantId("t1")))
    for _ in range(data.draw(st.integers(1, 3))):
        change(document, data)
    (tmp_path / "catalogue.yaml").write_text(json.dumps(document))
    try:
        read_catalogue(tmp_path / "catalogue.yaml", TenantId("t1"))
    except CatalogueFaults:
        return
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
