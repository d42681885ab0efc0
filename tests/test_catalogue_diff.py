"""What differs between two catalogues: nothing that does is left untold, and nothing else is told."""

import json
from dataclasses import replace
from datetime import UTC, date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from typer.testing import CliRunner

from laurel.catalogue_diff import Change, CredentialDiff, catalogue_diff
from laurel.cli import app
from rules.catalogue import Catalogue, Skill
from rules.criteria import AllOf, Badges, FinalGrade
from rules.keys import CourseId, CredentialId, TenantId
from rules.lengths import Length
from rules.policies import Policy
from rules.rulebook import rulebook
from rules.validity import until_day
from tests.stories import COURSES, badge, catalogue_of, catalogues, certificate

EXAMPLE = Path(__file__).parent / "catalogues" / "example.yaml"
A = CredentialId("a")
LOOKS = ("name", "description", "skills")
low, high = FinalGrade(course=COURSES[0], at_least=6_000), FinalGrade(course=COURSES[0], at_least=7_000)
OLD = catalogue_of(badge("a", low), badge("b", Badges(at_least=1, of=(A,))))


def only(old: Catalogue, new: Catalogue) -> CredentialDiff:
    (found,) = catalogue_diff(old, new).credentials
    return found


def with_a(**changes: object) -> Catalogue:
    """The catalogue with something else about its first badge."""
    first, *others = OLD.credentials
    return replace(OLD, credentials=(replace(first, **changes), *others))  # type: ignore[arg-type]  # any field


@given(catalogues(), catalogues())
def test_a_diff_is_empty_exactly_when_catalogues_are_equal(one: Catalogue, other: Catalogue) -> None:
    assert catalogue_diff(one, replace(one, tenant=TenantId("another"))).is_empty
    assert catalogue_diff(one, other).is_empty is (one == other)


@given(catalogues(), catalogues())
def test_the_versions_that_differ_are_those_that_awards_would_name(one: Catalogue, other: Catalogue) -> None:
    before, after = rulebook(one).rules, rulebook(other).rules
    both = {credential.id for credential in one.credentials} & {credential.id for credential in other.credentials}
    diff = catalogue_diff(one, other)

    assert set(diff.new_versions) == {name for name in both if before[name].version != after[name].version}
    assert set(diff.new_versions) <= set(diff.judged_again)
    assert all(changed.changes for changed in diff.credentials)


@pytest.mark.parametrize(
    ("changed", "change"),
    [
        ({"name": "Alpha"}, Change(what="name", old="a", new="Alpha")),
        ({"description": "New"}, Change(what="description", old="", new="New")),
        ({"when_no_longer_met": Policy.REVOKE}, Change(what="when no longer met", old="keep", new="revoke")),
        ({"grace": Length(days=14)}, Change(what="grace", old=None, new="14 days")),
        ({"valid_for": Length(months=24)}, Change(what="valid", old=None, new="for 24 months")),
        (
            {"skills": (Skill(framework="ESCO", code="S1", name="reading"),)},
            Change(what="skills", old="", new="reading (ESCO S1)"),
        ),
        (
            {"criteria": high},
            Change(
                what="criteria",
                old="To earn it, a learner needs a released final grade of at least 60 % in c/1.",
                new="To earn it, a learner needs a released final grade of at least 70 % in c/1.",
            ),
        ),
    ],
)
def test_what_changes_of_a_credential_is_told_as_it_was_and_as_it_is(
    changed: dict[str, object], change: Change
) -> None:
    diff = catalogue_diff(OLD, with_a(**changed))

    assert [(one.id, one.how, one.changes) for one in diff.credentials] == [("a", "changed", (change,))]
    assert diff.judged_again == (() if change.what in LOOKS else ("a",))
    assert diff.new_versions == (("a",) if change.what == "criteria" else ())
    assert diff.built_on_changed == ("b",)


def test_criteria_that_are_written_otherwise_and_mean_the_same_are_told_to() -> None:
    assert only(OLD, with_a(criteria=AllOf(parts=(low, low)))).same_meaning
    assert not only(OLD, with_a(criteria=high)).same_meaning
    assert not only(OLD, with_a(name="Alpha")).same_meaning


def test_another_time_zone_is_told_where_the_day_is_the_same() -> None:
    zones = UTC, ZoneInfo("Europe/Berlin")
    old, new = (with_a(valid_for=until_day(date(2027, 8, 31), zone)) for zone in zones)

    (change,) = only(old, new).changes

    assert change.old == "until the end of 31 August 2027 (2027-09-01T00:00:00Z)"
    assert change.new == "until the end of 31 August 2027 (2027-08-31T22:00:00Z)"


def test_another_course_of_the_same_name_is_told_by_its_id() -> None:
    old = replace(OLD, courses=((COURSES[0], "Statistics"),))
    new = replace(with_a(criteria=replace(low, course=CourseId("c9"))), courses=((CourseId("c9"), "Statistics"),))

    (change,) = only(old, new).changes

    assert "Statistics (c/1)" in (change.old or "")
    assert "Statistics (c9)" in (change.new or "")


def test_a_course_that_is_called_otherwise_changes_no_credential() -> None:
    diff = catalogue_diff(OLD, replace(OLD, courses=((COURSES[0], "Renamed"), OLD.courses[1])))

    assert diff.courses == (Change(what="c/1", old="c/1", new="Renamed"),)
    assert diff.credentials == ()


def test_an_id_that_changes_is_told_for_what_it_means_to_holders() -> None:
    old = catalogue_of(badge("b", low))
    new = catalogue_of(replace(badge("z", low), name="b"))

    removed, added = catalogue_diff(old, new).credentials

    assert (removed.how, added.how) == ("removed", "added")
    assert added.changes[0] == Change(what="id", old="b", new="z")


def test_the_text_of_a_certificate_and_the_order_are_told() -> None:
    one = certificate("z", low)
    assert one.certificate is not None
    other = replace(one, certificate=replace(one.certificate, text="{FirstName}"))

    assert only(catalogue_of(one), catalogue_of(other)).changes == (
        Change(what="text of the certificate", old="{FullName}", new="{FirstName}"),
    )
    assert catalogue_diff(OLD, replace(OLD, credentials=OLD.credentials[::-1])).head == (
        Change(what="order of credentials", old="a, b", new="b, a"),
    )


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["catalogue", "diff", *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def newer(tmp_path: Path) -> str:
    text = EXAMPLE.read_text().replace("at_least: 70}", "at_least: 75}").replace("SQL201: {name: Querying Data}", "")
    path = tmp_path / "newer.yaml"
    path.write_text(text.replace("SQL201", "STAT150").replace("Example University", "Example College"))
    return str(path)


def test_the_command_ends_as_diff_does(newer: str, tmp_path: Path) -> None:
    assert run(str(EXAMPLE), str(EXAMPLE)) == (0, "no differences\n", "")
    assert run(str(EXAMPLE), newer)[0] == 1
    code, out, err = run(str(EXAMPLE), str(tmp_path / "none.yaml"))
    assert (code, out) == (2, "")
    assert err.endswith("none.yaml: There is no such file. Check the path.\n")


def test_the_command_shows_old_and_new_side_by_side_in_80_columns(newer: str) -> None:
    _, out, _ = run(str(EXAMPLE), newer)

    assert max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[:14] == [
        "name of the issuer: Example University → Example College",
        "courses",
        "  - SQL201: Querying Data",
        "credentials",
        "  ~ data-literacy, badge: Data Literacy",
        "    criteria",
        "      To earn it, a learner needs all of  │ To earn it, a learner needs all of",
        "      these at the same time:             │ these at the same time:",
        "      - a released final grade of at      │ - a released final grade of at",
        "        least 70 % in Introduction to     │   least 75 % in Introduction to",
        "        Data                              │   Data",
        "      - all topics of Introduction to     │ - all topics of Introduction to",
        "        Data completed or exempted, at    │   Data completed or exempted, at",
        "        least one of them completed       │   least one of them completed",
    ]
    assert out.splitlines()[-4:] == [
        "Both files have the same `version`. Raise it with each change.",
        "Holders are judged again: data-literacy, sql.",
        "Awards from here on name a new version: data-literacy, sql.",
        "Not changed, and built on what is: data-professional.",
    ]


def test_the_command_gives_machines_one_object(newer: str) -> None:
    _, out, _ = run(str(EXAMPLE), newer, "--json")
    found = json.loads(out)

    assert (found["equal"], found["judged_again"]) == (False, ["data-literacy", "sql"])
    assert found["new_versions"] == ["data-literacy", "sql"]
    assert found["built_on_changed"] == ["data-professional"]
    assert found["credentials"][0]["old_version"].startswith("sha256:")
    assert found["credentials"][0]["changes"][0]["what"] == "criteria"
