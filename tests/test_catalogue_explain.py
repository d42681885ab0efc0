"""Explanations: what the sentences say is what is judged, by the names that people know."""

import json
from dataclasses import replace
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from typer.testing import CliRunner

from laurel.catalogue_file import read_catalogue
from laurel.cli import app
from laurel.printing import wrapped
from rules.catalogue import Catalogue, Skill, version_of
from rules.criteria import (
    OUTSIDE,
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
    leaves,
)
from rules.explanations import explanation
from rules.keys import CourseId, CredentialId, TenantId
from rules.lengths import Length
from rules.names import names_of
from rules.policies import Policy
from rules.requirements import requirement
from rules.validity import until_day, until_next
from tests.stories import COURSES, badge, catalogue_of, catalogues, certificate

EXAMPLE = Path(__file__).parent / "catalogues" / "example.yaml"
C = COURSES[0]
A, B = CredentialId("a"), CredentialId("b")
OF_STATISTICS = "{final_grade: {course: STAT150, at_least: 50.25}}"
AGAIN = "and is earned again by whoever loses this and meets it anew"
DUMMY = FinalGrade(course=C, at_least=5_000)
WORLD = catalogue_of(badge("a", DUMMY), badge("b", DUMMY), badge("c", DUMMY))


def needs(criterion: Criterion, catalogue: Catalogue = WORLD) -> str:
    return requirement(criterion, names_of(catalogue)).text


@pytest.mark.parametrize(
    ("criterion", "text"),
    [
        (FinalGrade(course=C, at_least=7_000), "a released final grade of at least 70 % in c/1"),
        (FinalGrade(course=C, at_least=0), "a released final grade in c/1, whatever it is"),
        (
            CalculatedGrade(course=C, at_least=6_650),
            "a released final grade, as calculated before adjustment, of at least 66.5 % in c/1",
        ),
        (ItemGrade(course=C, item="exam", at_least=6_000), "a grade of at least 60 % in the item “exam” of c/1"),
        (
            TopicsCompleted(course=C, topics="all"),
            "all topics of c/1 completed or exempted, at least one of them completed",
        ),
        (
            TopicsCompleted(course=C, topics=("t", "u", "v")),
            "the topics “t”, “u” and “v” of c/1 completed or exempted, at least one of them completed",
        ),
        # An exemption alone is never enough, so that of a single topic nothing else is left.
        (TopicsCompleted(course=C, topics=("t",)), "the topic “t” of c/1 completed"),
        (TopicsCompleted(course=C, topics=1), "any topic of c/1 completed (exemptions do not count)"),
        (TopicsCompleted(course=C, topics=5), "any 5 topics of c/1 completed (exemptions do not count)"),
        (CourseCompleted(course=C), "c/1 completed, as the platform says"),
        (Participated(course=C, kind="attended", times=1), "an attendance in c/1"),
        (Participated(course=C, kind="posted", times=3), "at least 3 posts in c/1"),
        (Participated(course=OUTSIDE, kind="", times=2), "at least 2 participations of any kind outside of any course"),
        (PriorLearning(achievement="work"), "prior learning recognised by a person as “work”"),
        (Badges(at_least=1, of=(A,)), "the badge “a”"),
        (Badges(at_least=2, of=(A, B)), "the badges “a” and “b”"),
        (Badges(at_least=1, of=(A, B)), "at least one of the badges “a” and “b”"),
        (Badges(at_least=2, of=(A, B, CredentialId("c"))), "at least 2 of the 3 badges “a”, “b” and “c”"),
        (
            FinalGrade(course=C, at_least=7_000, unreleased_too=True),
            "a released or unreleased final grade of at least 70 % in c/1",
        ),
        (
            ItemGrade(course=C, item="exam", at_least=6_000, unreleased_too=True),
            "a grade, released or not, of at least 60 % in the item “exam” of c/1",
        ),
        (
            WeightedGrade(course=C, items=(("exam", 6_000), ("essay", 4_050)), at_least=7_000),
            (
                "a weighted mean of at least 70 % in the items “exam” (weight 60) and “essay” (weight 40.5) of c/1, "
                "each of them graded"
            ),
        ),
        (Not(of=DUMMY), "that this is not so"),
        (Before(time=1_782_856_800_000_000, of=DUMMY), "this, at some moment before 2026-06-30 22:00:00 UTC"),
        (
            Badges(at_least=2, of=(A, B), within=Length(years=1, days=2)),
            "the badges “a” and “b”, earned within 1 year 2 days of each other",
        ),
        (AllOf(parts=(DUMMY, DUMMY)), "all of these at the same time"),
        (AnyOf(parts=(DUMMY, DUMMY)), "at least one of these"),
        (AtLeastOf(count=2, parts=(DUMMY,) * 3), "at least 2 of these 3 at the same time"),
    ],
)
def test_each_condition_has_its_words(criterion: Criterion, text: str) -> None:
    assert needs(criterion) == text


def test_what_means_the_same_reads_the_same() -> None:
    both, either = AllOf(parts=(DUMMY, DUMMY)), AnyOf(parts=(DUMMY, DUMMY))

    assert needs(AllOf(parts=(DUMMY,))) == needs(AnyOf(parts=(AtLeastOf(count=1, parts=(DUMMY,)),))) == needs(DUMMY)
    assert needs(AtLeastOf(count=2, parts=(DUMMY, DUMMY))) == needs(both)
    assert needs(AtLeastOf(count=1, parts=(DUMMY, DUMMY))) == needs(either)


def test_a_credential_is_explained_from_what_it_is_to_what_its_certificate_says() -> None:
    catalogue = read_catalogue(EXAMPLE, TenantId("t1"))
    names = names_of(catalogue)
    literacy, sql, statistics, professional = (explanation(one, names).text for one in catalogue.credentials)

    assert literacy.splitlines() == [
        "Data Literacy is a badge of Example University.",
        "Reads data, and questions it.",
        "To earn it, a learner needs all of these at the same time:",
        "- a released final grade of at least 70 % in Introduction to Data",
        "- all topics of Introduction to Data completed or exempted, at least one of them completed",
        "Once earned, it stays earned, also when this no longer holds.",
        "It counts towards the certificate “Data Professional”.",
        "It shows managing data (ESCO S5.6).",
    ]
    assert sql.splitlines()[1:-1] == [
        "To earn it, a learner needs at least one of these:",
        "- a grade of at least 66.5 % in the item “exam” of Querying Data",
        "- at least 2 of these 3 at the same time:",
        "  - a released final grade, as calculated before adjustment, of at least 60 % in Querying Data",
        ("  - the topics “joins” and “windows” of Querying Data completed or exempted, at least one of them completed"),
        "  - any 5 topics of Querying Data completed (exemptions do not count)",
        "It is taken back when this no longer holds, and given back when it holds again.",
    ]
    assert statistics.startswith(
        "Statistics is a milestone of Example University: it counts towards other credentials, and is not shown.\n"
    )
    assert professional.splitlines()[1:] == [
        (
            "To earn it, a learner needs at least 2 of the 3 badges and milestones "
            "“Data Literacy”, “Querying Data” and “Statistics”."
        ),
        "Once earned, it stays earned, also when this no longer holds.",
        "The certificate reads: “This certifies that {FullName} completed {CredentialName} on {AwardDate}.”",
    ]


@pytest.mark.parametrize(
    ("said", "sentences"),
    [
        (
            {"when_no_longer_met": Policy.REVOKE, "grace": Length(days=1)},
            ("It is taken back when this does not hold for longer than 1 day, and given back when it holds again.", ""),
        ),
        (
            {"valid_for": Length(years=1, months=6)},
            ("Once earned, it stays earned, also when this no longer holds.", "It is valid for 1 year 6 months."),
        ),
        (
            {"when_no_longer_met": Policy.REVOKE, "valid_for": until_next(8, 31, UTC)},
            (
                "It is taken back when this no longer holds, and given back when it holds again.",
                f"It is valid until the end of the next 31 August, {AGAIN}.",
            ),
        ),
        (
            {"when_no_longer_met": Policy.REVOKE, "valid_for": until_day(date(2027, 8, 31), UTC)},
            (
                "It is taken back when this no longer holds, and given back when it holds again.",
                "It is valid until the end of 31 August 2027.",
            ),
        ),
    ],
)
def test_what_follows_and_how_long_it_is_valid_is_told(said: dict[str, Any], sentences: tuple[str, str]) -> None:
    catalogue = catalogue_of(replace(badge("a", DUMMY), **said))
    told = explanation(catalogue.credentials[0], names_of(catalogue))

    assert (told.when_no_longer_met, told.validity) == sentences
    assert told.validity in told.text


def test_a_badge_that_nothing_counts_says_so_and_a_certificate_does_not() -> None:
    catalogue = catalogue_of(badge("a", DUMMY), certificate("z", DUMMY))
    alone, certified = (explanation(one, names_of(catalogue)).text for one in catalogue.credentials)

    assert "Nothing else builds on it." in alone
    assert "builds on" not in certified


def test_where_two_share_a_name_the_id_tells_them_apart() -> None:
    catalogue = replace(
        catalogue_of(replace(badge("a", DUMMY), name="Same"), replace(badge("b", DUMMY), name="Same")),
        courses=((COURSES[0], "Twice"), (COURSES[1], "Twice"), (CourseId("c3"), "Once")),
    )

    assert needs(DUMMY, catalogue) == "a released final grade of at least 50 % in Twice (c/1)"
    assert needs(Badges(at_least=2, of=(A, B)), catalogue) == "the badges “Same (a)” and “Same (b)”"
    assert needs(TopicsCompleted(course=CourseId("c3"), topics=1), catalogue).startswith("any topic of Once completed")


def test_names_and_descriptions_of_several_lines_become_one() -> None:
    odd = replace(badge("a", DUMMY), name="Two\n lines", description="- not\n- a list", skills=(SKILL,))
    catalogue = catalogue_of(odd)

    lines = explanation(odd, names_of(catalogue)).text.splitlines()

    assert lines[:2] == ["Two lines is a badge of Example.", "- not - a list"]
    assert lines[-1] == "It shows reading aloud (CASE r.1)."


SKILL = Skill(framework="CASE", code="r.1", name="reading\naloud")


@given(catalogues())
def test_every_condition_and_the_policy_of_any_credential_are_told(catalogue: Catalogue) -> None:
    names = names_of(catalogue)
    for credential in catalogue.credentials:
        text = explanation(credential, names).text
        for leaf in leaves(credential.criteria):
            assert requirement(leaf, names).text in text
        assert ("taken back" in text) is (credential.when_no_longer_met is Policy.REVOKE)


def test_sentences_wrap_behind_their_dash_and_keep_numbers_with_their_unit() -> None:
    assert wrapped("- one two three\n  - four five 70 %", 14, "  ").splitlines() == [
        "  - one two",
        "    three",
        "    - four",
        "      five",
        "      70 %",
    ]


def test_the_command_explains_all_or_those_that_are_asked_for() -> None:
    everything = CliRunner().invoke(app, ["catalogue", "explain", str(EXAMPLE)])
    one = CliRunner().invoke(app, ["catalogue", "explain", str(EXAMPLE), "statistics"])

    assert everything.exit_code == one.exit_code == 0
    assert everything.stdout.count("To earn it") == 4
    assert max(map(len, everything.stdout.splitlines())) <= 80
    assert one.stdout.splitlines()[:3] == [
        "statistics",
        "  Statistics is a milestone of Example University: it counts towards other",
        "  credentials, and is not shown.",
    ]


def test_the_command_gives_machines_one_object_a_credential() -> None:
    done = CliRunner().invoke(app, ["catalogue", "explain", str(EXAMPLE), "--json"])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    catalogue = read_catalogue(EXAMPLE, TenantId("t1"))

    assert [one["version"] for one in found] == [version_of(one.criteria) for one in catalogue.credentials]
    assert found[1]["needs"]["parts"][1]["parts"][2]["text"].startswith("any 5 topics")
    assert found[0]["counted_by"] == [{"id": "data-professional", "kind": "certificate", "name": "Data Professional"}]
    assert [one["text"] for one in found] == [
        explanation(one, names_of(catalogue)).text for one in catalogue.credentials
    ]


def test_an_id_that_is_not_there_is_refused_with_one_that_is() -> None:
    done = CliRunner().invoke(app, ["catalogue", "explain", str(EXAMPLE), "sqll"])

    assert done.exit_code == 2
    assert done.stderr == f'{EXAMPLE}: There is no credential "sqll". Did you mean "sql"?\n'


def test_the_documentation_shows_what_the_command_says(tmp_path: Path) -> None:
    document = (Path(__file__).parent.parent / "docs" / "catalogue.md").read_text()
    (tmp_path / "catalogue.yaml").write_text(document.split("```yaml\n")[1].split("```")[0])

    done = CliRunner().invoke(app, ["catalogue", "explain", str(tmp_path / "catalogue.yaml"), "data-literacy"])

    assert f"```text\n{done.stdout}```" in document


@pytest.mark.parametrize(("zone", "moment"), [("Europe/Berlin", "2026-06-30 22:00:00"), ("UTC", "2026-07-01 00:00:00")])
def test_the_day_of_a_deadline_begins_in_the_zone_that_is_said(tmp_path: Path, zone: str, moment: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        EXAMPLE.read_text().replace(OF_STATISTICS, f"{{before: {{time: 2026-07-01, of: {OF_STATISTICS}}}}}")
    )
    done = CliRunner().invoke(app, ["catalogue", "explain", str(path), "statistics", "--time-zone", zone])

    assert done.exit_code == 0
    assert f"at some moment before {moment} UTC" in " ".join(done.stdout.split())


def test_a_zone_that_does_not_exist_is_a_slip_of_usage() -> None:
    done = CliRunner().invoke(app, ["catalogue", "explain", str(EXAMPLE), "--time-zone", "Europe/Berlim"])

    assert done.exit_code == 2
    assert "no time zone" in done.stderr
