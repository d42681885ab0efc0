"""How authors write policies: how long a credential is valid, and when it is taken back."""

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from laurel.catalogue_file import read_catalogue
from laurel.cli import app
from laurel.wiring import catalogues_of, config_of, settings_of
from rules.catalogue import Credential
from rules.lengths import Length
from rules.policies import Policy
from rules.validity import until_day, until_next
from tests.test_catalogue_file import HEAD, T1, badge, read, refused

BERLIN = ZoneInfo("Europe/Berlin")
WAYS = "`{months: 24}`, `{until: 2027-08-31}` or `{next: 08-31}`"


def credential(directory: Path, more: str) -> Credential:
    return read(directory, HEAD + badge(more=more)).credentials[0]


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("{months: 24}", Length(months=24)),
        ("{years: 1, months: 6}", Length(years=1, months=6)),
        ("{days: 1}", Length(days=1)),
        ("{years: 1, months: 0}", Length(years=1)),
    ],
)
def test_lengths_are_in_years_months_and_days(tmp_path: Path, written: str, length: Length) -> None:
    assert credential(tmp_path, f"valid_for: {written}").valid_for == length
    revoked = credential(tmp_path, f"when_no_longer_met: {{revoke: {{grace: {written}}}}}")
    assert (revoked.when_no_longer_met, revoked.grace) == (Policy.REVOKE, length)


def test_days_end_where_the_tenant_is(tmp_path: Path) -> None:
    text = HEAD + badge(more="valid_for: {until: 2027-08-31}") + badge(name="b", more='valid_for: {next: "08-31"}')
    (tmp_path / "catalogue.yaml").write_text(text)

    found = [one.valid_for for one in read_catalogue(tmp_path / "catalogue.yaml", T1, BERLIN).credentials]

    assert found == [until_day(date(2027, 8, 31), BERLIN), until_next(8, 31, BERLIN)]


def test_what_says_nothing_of_it_is_kept_without_end(tmp_path: Path) -> None:
    found = credential(tmp_path, "")

    assert (found.when_no_longer_met, found.grace, found.valid_for) == (Policy.KEEP, None, None)


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (
            "valid_for: 24",
            ".valid_for is the number 24, and must say how long. Write a length, a day or",
        ),
        ("valid_for:", ".valid_for is empty, and must say how long."),
        ("valid_for: {}", ".valid_for is an empty mapping, and must say how long."),
        ("valid_for: {months: 0}", ".valid_for is no length of time. Write it like"),
        ("valid_for: {years: 10001}", ".valid_for.years is the number 10001, and must be at most 10000."),
        ("valid_for: {month: 3}", '.valid_for has an unknown key "month". Did you mean `months`?'),
        ("valid_for: {weeks: 3}", '.valid_for has an unknown key "weeks". The keys here are years, months, days, unti'),
        (
            "valid_for: {until: 2027-08-31, months: 3}",
            f".valid_for says until and months, and it ends in one way. Write one of {WAYS}.",
        ),
        ("valid_for: {until: 2027-08-31, next: 08-31}", ".valid_for says until and next, and it ends in one way."),
        (
            "valid_for: {until: 2027-02-30}",
            '.valid_for.until is the text "2027-02-30", and must be a day of the years 1970 to 2200. Write year',
        ),
        (
            "valid_for: {until: 1969-12-31}",
            '.valid_for.until is the text "1969-12-31", and must be a day of the years 1970 to 2200.',
        ),
        (
            "valid_for: {until: 2201-01-01}",
            '.valid_for.until is the text "2201-01-01", and must be a day of the years 1970 to 2200.',
        ),
        (
            "valid_for: {until: 31.8.2027}",
            '.valid_for.until is the text "31.8.2027", and must be a day of the years 1970 to 2200.',
        ),
        (
            "valid_for: {next: 02-29}",
            '.valid_for.next is the text "02-29", and must be a day that every year has. Write month',
        ),
        (
            "valid_for: {next: 2027-08-31}",
            '.valid_for.next is the text "2027-08-31", and must be a day that every year h',
        ),
        (
            "when_no_longer_met: {revoke: {grace: 3}}",
            ".when_no_longer_met.revoke.grace is the number 3, and must be a length of time.",
        ),
        ("when_no_longer_met: {revoke: {}}", ".when_no_longer_met.revoke has no `grace`. Add `grace: {days: 14}`."),
        (
            "when_no_longer_met: {keep: {grace: {days: 3}}}",
            ".when_no_longer_met has conditions that are not understood. Write `keep`, `revoke` or",
        ),
        (
            "when_no_longer_met: revok",
            '.when_no_longer_met is the text "revok", and must be keep or revoke. Did you mean revoke?',
        ),
    ],
)
def test_a_policy_that_is_not_understood_is_told_with_its_cure(tmp_path: Path, more: str, fault: str) -> None:
    (line,) = refused(tmp_path, HEAD + badge(more=more))

    assert line.startswith(f"catalogue.yaml:9: credentials[0]{fault}")


CONFIG = """\
sources: [{{topic: lms, dialect: laurel, tenant: {tenant}}}]
tenants: {{{tenant}: {{catalogue: catalogue.yaml, time_zone: Europe/Berlin}}}}
"""
GRADED = {
    "specversion": "1.0",
    "id": "e1",
    "source": "https://lms.example.edu",
    "type": "laurel.fact.final_grade.v1",
    "time": "2026-03-01T10:00:00Z",
    "data": {"learner": "u-17", "course": "DATA101", "score": 80, "max_score": 100, "adjusted": False},
}


@pytest.fixture
def catalogue_with_days(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.yaml"
    path.write_text(HEAD + badge(more="valid_for: {until: 2026-08-31}"))
    return path


def test_a_tenants_days_end_where_the_configuration_says(catalogue_with_days: Path) -> None:
    config = catalogue_with_days.parent / "config.yaml"
    config.write_text(CONFIG.format(tenant="t1"))

    (catalogue,) = catalogues_of(config_of(settings_of({"LAUREL_CONFIG": str(config)})))

    assert catalogue.credentials[0].valid_for == until_day(date(2026, 8, 31), BERLIN)


@pytest.mark.parametrize(
    ("zone", "expires_at"), [((), "2026-09-01T00:00:00Z"), (("--time-zone", "Europe/Berlin"), "2026-08-31T22:00:00Z")]
)
def test_an_evaluation_is_told_where_days_end(
    catalogue_with_days: Path, zone: tuple[str, ...], expires_at: str
) -> None:
    events = catalogue_with_days.parent / "events.jsonl"
    events.write_text(json.dumps({"dialect": "laurel", "value": GRADED}))
    arguments = ["evaluate", "--catalogue", str(catalogue_with_days), "--events", str(events), *zone]

    awarded = CliRunner().invoke(app, arguments)
    expired = CliRunner().invoke(app, [*arguments, "--at", expires_at])

    assert [json.loads(done.stdout)["expires_at"] for done in (awarded, expired)] == [expires_at] * 2
    assert [json.loads(done.stdout)["status"] for done in (awarded, expired)] == ["awarded", "expired"]
