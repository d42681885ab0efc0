"""The catalogue file: what it says, what is refused, and that any file gives a catalogue or faults."""

import io
import json
import re
from datetime import UTC, date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from laurel.catalogue_file import DEFAULT_TEMPLATE, DEFAULT_TEXT, CatalogueFaults, read_catalogue
from laurel.catalogue_schema import catalogue_schema
from laurel.config import read_config
from laurel.located import MAX_BYTES
from rules.awards import CredentialKind
from rules.catalogue import Catalogue, CertificateDesign, Credential, Issuer, Skill
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
    Grade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
)
from rules.keys import CourseId, CredentialId, TenantId
from rules.lengths import Length, dump_length
from rules.moments import moment_text
from rules.policies import Policy
from rules.rulebook import rulebook
from rules.validity import Validity, dump_validity, until_day, until_next

CATALOGUES = Path(__file__).parent / "catalogues"
DOCUMENT = Path(__file__).parent.parent / "docs" / "catalogue.md"
T1 = TenantId("t1")
DATA101 = CourseId("DATA101")
HEAD = """\
version: 1
issuer: {id: https://example.edu/issuer, name: Example University}
courses: {DATA101: {name: Introduction to Data}, "0123": {name: Numbers}}
credentials:
"""
GRADE = "{final_grade: {course: DATA101, at_least: 70}}"


def badge(criteria: str = GRADE, *, name: str = "sql", kind: str = "badge", more: str = "") -> str:
    """A credential in four lines, its criteria on the last; what is `more` comes on a fifth."""
    return f"  - id: {name}\n    kind: {kind}\n    name: Name\n    criteria: {criteria}\n{more and f'    {more}'}\n"


def read(directory: Path, text: str | bytes) -> Catalogue:
    path = directory / "catalogue.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_catalogue(path, T1)


def refused(directory: Path, text: str | bytes) -> list[str]:
    with pytest.raises(CatalogueFaults) as caught:
        read(directory, text)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


def criterion(directory: Path, criteria: str) -> Criterion:
    return read(directory, HEAD + badge(criteria)).credentials[0].criteria


def test_a_catalogue_says_who_issues_what_for_what() -> None:
    catalogue = read_catalogue(CATALOGUES / "example.yaml", T1)

    assert (catalogue.tenant, catalogue.version) == (T1, 3)
    assert catalogue.issuer == Issuer(id="https://example.edu/issuer", name="Example University")
    assert dict(catalogue.courses)[DATA101] == "Introduction to Data"
    assert [credential.id for credential in catalogue.credentials] == [
        "data-literacy",
        "sql",
        "statistics",
        "data-professional",
    ]
    assert catalogue.credentials[0] == Credential(
        id=CredentialId("data-literacy"),
        kind=CredentialKind.BADGE,
        name="Data Literacy",
        description="Reads data, and questions it.",
        criteria=AllOf(
            parts=(FinalGrade(course=DATA101, at_least=7000), TopicsCompleted(course=DATA101, topics="all"))
        ),
        skills=(Skill(framework="ESCO", code="S5.6", name="managing data"),),
    )
    assert catalogue.credentials[1].when_no_longer_met is Policy.REVOKE


def test_five_faults_are_said_at_once_each_with_its_line_and_cure() -> None:
    with pytest.raises(CatalogueFaults) as caught:
        read_catalogue(CATALOGUES / "five_faults.yaml", T1)

    assert str(caught.value).replace(f"{CATALOGUES}/", "").splitlines() == [
        (
            'five_faults.yaml:6: credentials[0].kind is the text "bagde", and must be badge, certificate or milestone. '
            "Did you mean badge?"
        ),
        'five_faults.yaml:10: There is no course "DATA102" in `courses`. Did you mean "DATA101"?',
        (
            'five_faults.yaml:14: An empty list of criteria: everyone would earn "sql". '
            "List at least one of the criteria, or remove the condition."
        ),
        (
            'five_faults.yaml:18: "data-professional" asks for 4 of 2 badges, and so nobody could earn it. '
            "Ask for at most 2, or list more."
        ),
        "five_faults.yaml:19: Unknown replace string {Fullname} at column 5. Did you mean {FullName}?",
    ]
    assert caught.value.faults[3].path == "credentials[2].criteria.badges.at_least"
    assert (caught.value.faults[3].line, caught.value.faults[3].column) == (18, 35)


@pytest.mark.parametrize(
    ("written", "hundredths"),
    [("70", 7000), ("66.5", 6650), ("0.01", 1), ("0", 0), ("1000", 100_000), ("99.990", 9999), ("1.10", 110)],
)
def test_scores_are_exact(tmp_path: Path, written: str, hundredths: int) -> None:
    found = criterion(tmp_path, f"{{final_grade: {{course: DATA101, at_least: {written}}}}}")

    assert found == FinalGrade(course=DATA101, at_least=hundredths)


@pytest.mark.parametrize(
    "written", ["-1", "1000.01", "70.001", "70%", '"70"', "true", "null", "[70]", "1e2", ".5", "070", "0x46", ".nan"]
)
def test_what_is_not_a_percentage_is_refused_with_what_was_found(tmp_path: Path, written: str) -> None:
    (line,) = refused(tmp_path, HEAD + badge(f"{{final_grade: {{course: DATA101, at_least: {written}}}}}"))

    assert line.startswith("catalogue.yaml:8: ")
    assert "such as 70 or 66.5" in line


@pytest.mark.parametrize(
    ("written", "topics"), [("all", "all"), ("3", 3), ("[a, b]", ("a", "b")), ('["1", all]', ("1", "all"))]
)
def test_topics_are_all_or_listed_or_a_count(tmp_path: Path, written: str, topics: int | str | tuple[str, ...]) -> None:
    found = criterion(tmp_path, f"{{topics_completed: {{course: DATA101, topics: {written}}}}}")

    assert isinstance(found, TopicsCompleted)
    assert found.topics == topics


def test_badges_without_a_count_are_all_of_them(tmp_path: Path) -> None:
    text = HEAD + badge(name="a") + badge(name="b") + badge("{badges: {of: [a, b]}}", name="c")

    assert read(tmp_path, text).credentials[2].criteria == Badges(at_least=2, of=(CredentialId("a"), CredentialId("b")))


@pytest.mark.parametrize(
    ("written", "zone", "expected"),
    [
        ("2026-07-01", "UTC", "2026-07-01T00:00:00Z"),
        ("2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00Z"),
        ("2026-01-01", "Europe/Berlin", "2025-12-31T23:00:00Z"),
        ("2026-07-01T12:30", "America/New_York", "2026-07-01T16:30:00Z"),
        ("2026-07-01T12:30:00Z", "America/New_York", "2026-07-01T12:30:00Z"),
        ("2026-07-01T12:30:00.25+02:00", "UTC", "2026-07-01T10:30:00.250000Z"),
    ],
)
def test_a_deadline_is_read_in_the_tenants_time_zone(tmp_path: Path, written: str, zone: str, expected: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(HEAD + badge(f"{{before: {{time: {written}, of: {GRADE}}}}}"))
    found = read_catalogue(path, T1, ZoneInfo(zone)).credentials[0].criteria

    assert isinstance(found, Before)
    assert moment_text(found.time) == expected


def test_a_window_is_a_length_by_the_calendar(tmp_path: Path) -> None:
    text = HEAD + badge(name="a") + badge(name="b") + badge("{badges: {of: [a, b], within: {months: 18}}}", name="c")

    found = read(tmp_path, text).credentials[2].criteria
    assert found == Badges(at_least=2, of=(CredentialId("a"), CredentialId("b")), within=Length(months=18))


def test_a_certificate_without_a_design_has_ours(tmp_path: Path) -> None:
    plain = read(tmp_path, HEAD + badge(kind="certificate")).credentials[0]
    half = read(tmp_path, HEAD + badge(kind="certificate", more="certificate: {text: Bravo}")).credentials[0]

    assert plain.certificate == CertificateDesign(template=DEFAULT_TEMPLATE, text=DEFAULT_TEXT)
    assert half.certificate == CertificateDesign(template=DEFAULT_TEMPLATE, text="Bravo")


def test_aliases_stand_for_what_they_mark(tmp_path: Path) -> None:
    text = HEAD + badge(f"&bar {GRADE}", name="a") + badge("{any: [*bar]}", name="b")

    assert read(tmp_path, text).credentials[1].criteria == AnyOf(parts=(FinalGrade(course=DATA101, at_least=7000),))


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("", "credentials[0].criteria is empty, and must be a criterion. Write one of final_grade,"),
        ("{}", "credentials[0].criteria has no criterion: everyone would earn it. Write one of final_grade,"),
        ("{all: []}", 'An empty list of criteria: everyone would earn "sql".'),
        ("{any: []}", 'An empty list of criteria: nobody could ever earn "sql".'),
        ("{at_least: 1, of: []}", 'An empty list of criteria: everyone would earn "sql".'),
        (f"{{at_least: 2, of: [{GRADE}]}}", '"sql" asks for 2 of 1 criteria, and so nobody could earn it. Ask for'),
        (f"{{at_least: 0, of: [{GRADE}]}}", '"sql" asks for 0 of 1 criteria, and so everyone would earn it. Ask for'),
        (f"{{at_least: 1, off: [{GRADE}]}}", "credentials[0].criteria has no `of`. Add"),
        (f"{{at_least: x, of: [{GRADE}]}}", 'credentials[0].criteria.at_least is the text "x", and must be a whole'),
        ("{badges: {of: []}}", 'An empty list of badges: everyone would earn "sql".'),
        ("{badges: {of: [sql]}}", '"sql" counts itself. Remove it here.'),
        ("{badges: {of: [zzz]}}", 'There is no badge "zzz" in this catalogue. Describe it as a badge or a'),
        ("{badges: {of: [othr]}}", 'There is no badge "othr" in this catalogue. Did you mean "other"?'),
        ("{badges: {of: [other, other]}}", '"other" is listed twice, and counts once. Remove one of them.'),
        ("{badges: {of: [diploma]}}", '"diploma" is a certificate, and only badges can be counted. Count the badges'),
        ("{badges: {at_least: 2, of: [other]}}", '"sql" asks for 2 of 1 badges, and so nobody could earn it. Ask'),
        ("{badges: {of: [other], within: {}}}", "credentials[0].criteria.badges.within is no length of time. Write it"),
        ("{badges: {of: [other], within: {days: 0}}}", "credentials[0].criteria.badges.within is no length of time. W"),
        ("{badges: {of: [other], within: {weeks: 2}}}", 'credentials[0].criteria.badges.within has an unknown key "we'),
        (
            "{badges: {of: [other], within: {days: 1.5}}}",
            "credentials[0].criteria.badges.within.days is the number 1.",
        ),
        ("{badges: {of: [other], within: {days: -1}}}", "credentials[0].criteria.badges.within.days is the number -1,"),
        (
            "{badges: {of: [other], within: 365}}",
            "credentials[0].criteria.badges.within is the number 365, and must b",
        ),
        (
            f"{{before: {{time: 2026-02-30, of: {GRADE}}}}}",
            'credentials[0].criteria.before.time is the text "2026-02-3',
        ),
        (f"{{before: {{time: soon, of: {GRADE}}}}}", 'credentials[0].criteria.before.time is the text "soon", and mus'),
        (
            f"{{before: {{time: 2201-01-01, of: {GRADE}}}}}",
            "credentials[0].criteria.before.time lies behind 2200. Write",
        ),
        (f"{{before: {{time: 1969-12-31, of: {GRADE}}}}}", "credentials[0].criteria.before.time lies before 1970, and"),
        (f"{{before: {{of: {GRADE}}}}}", "credentials[0].criteria.before has no `time`. Add `time: 2026-07-01`."),
        ("{before: {time: 2026-07-01}}", "credentials[0].criteria.before has no `of`. Add "),
        ("{before: 2026-07-01}", 'credentials[0].criteria.before is the text "2026-07-01", and must be a mapping'),
        (
            "{final_grade: {course: DATA101, at_least: 70}, before: 2026-07-01}",
            "credentials[0].criteria has the keys `final_grade` and `before` beside each other. Write `before: {time: ",
        ),
        (f"{{before: {{time: 2026-07-01, of: {{not: {GRADE}}}}}}}", "`not` holds of whoever has done nothing, and so"),
        ("{before: {time: 2026-07-01, of: {badges: {of: [zzz]}}}}", 'There is no badge "zzz" in this catalogue. Desc'),
        (
            "{within: {days: 3}}",
            "credentials[0].criteria uses `within`, which is no criterion by itself. Write it int",
        ),
        ("{topics_completed: {course: DATA101, topics: []}}", 'An empty list of topics: everyone would earn "sql".'),
        ("{topics_completed: {course: DATA101, topics: 0}}", "credentials[0].criteria.topics_completed.topics is 0"),
        ("{topics_completed: {course: DATA101, topics: some}}", "credentials[0].criteria.topics_completed.topics is"),
        ("{topics_completed: {course: DATA101, topics: [a, a]}}", '"a" is listed twice, and counts once. Remove one'),
        ("{topics_completed: {course: DATA101, topics: [12]}}", "credentials[0].criteria.topics_completed.topics[0]"),
        ("{final_grade: {course: DATA10, at_least: 1}}", 'There is no course "DATA10" in `courses`. Did you mean "DA'),
        ("{final_grade: {course: Law, at_least: 1}}", 'There is no course "Law" in `courses`. Add it under `courses`'),
        ("{final_grade: {course: 0123, at_least: 1}}", "Different programs read 0123 as different numbers, or as text"),
        ("{final_grade: {course: 123, at_least: 1}}", "credentials[0].criteria.final_grade.course is the number 123"),
        (
            f"{{not: {GRADE}}}",
            '`not` holds of whoever has done nothing, and so everyone would earn "sql". Put it under',
        ),
        (
            f"{{any: [{GRADE}, {{not: {{badges: {{of: [other]}}}}}}]}}",
            "`not` holds of whoever has done nothing, and so",
        ),
        (f"{{at_least: 1, of: [{GRADE}, {{not: {GRADE}}}]}}", "`not` holds of whoever has done nothing, and so every"),
        (f"{{not: {{not: {{not: {GRADE}}}}}}}", "`not` holds of whoever has done nothing, and so everyone would earn"),
        (f"{{all: [{GRADE}, {{not: [{GRADE}]}}]}}", "credentials[0].criteria.all[1].not is a list, and must be a crit"),
        (f"{{all: [{GRADE}, {{not: }}]}}", "credentials[0].criteria.all[1].not is empty, and must be a criterion. Wr"),
        (f"{{all: [{GRADE}, {{not: {{badges: {{of: [sql]}}}}}}]}}", '"sql" counts itself. Remove it here.'),
        (f"{{all: [{GRADE}, {{not: {{badges: {{of: [zzz]}}}}}}]}}", 'There is no badge "zzz" in this catalogue. Desc'),
        ("{course_completed: DATA101}", 'credentials[0].criteria.course_completed is the text "DATA101", and must be'),
        ("{course_completed: {course: DATA10}}", 'There is no course "DATA10" in `courses`. Did you mean "DATA101"?'),
        ("{participated: {course: Law, times: 2}}", 'There is no course "Law" in `courses`. Add it under `courses`'),
        (
            "{participated: {kind: atended}}",
            'credentials[0].criteria.participated.kind is the text "atended", and must be attended, submitted or',
        ),
        (
            "{participated: {times: 65}}",
            "credentials[0].criteria.participated.times is 65, and of participations the first 64 are remembered. Ask",
        ),
        (
            "{participated: {times: 0}}",
            "credentials[0].criteria.participated.times is 0, and so everyone would earn it. Ask for at least 1.",
        ),
        *[
            (f"{{weighted_grade: {{course: DATA101, items: {items}, at_least: 50}}}}", expected)
            for items, expected in [
                ("{exam: 60}", "credentials[0].criteria.weighted_grade.items weighs fewer than two items. Name two or"),
                ("{exam: 60, essay: 0}", "credentials[0].criteria.weighted_grade.items.essay is 0, and must be a weig"),
                ("{exam: 60, essay: -1}", "credentials[0].criteria.weighted_grade.items.essay is -1, and must be a we"),
                ("{exam: 60, essay: 0.001}", "credentials[0].criteria.weighted_grade.items.essay is 0.001, and must b"),
                ("{exam: 60, essay: much}", 'credentials[0].criteria.weighted_grade.items.essay is the text "much", a'),
                ("[exam, essay]", "credentials[0].criteria.weighted_grade.items is a list, and must be a mapping of"),
            ]
        ],
        (
            "{final_grade: {course: DATA101, at_least: 70, released: all}}",
            'credentials[0].criteria.final_grade.released is the text "all", and must be only or any.',
        ),
        ("{participated: {times: 2.5}}", "credentials[0].criteria.participated.times is the number 2.5, and must be a"),
        (
            "{prior_learning: {}}",
            "credentials[0].criteria.prior_learning has no `achievement`. Add `achievement: work-experience`.",
        ),
        ("{finalgrade: {course: DATA101}}", 'credentials[0].criteria uses an unknown criterion "finalgrade". Did you'),
        ("{final_grade: {course: DATA101}}", "credentials[0].criteria.final_grade has no `at_least`. Add `at_least: 7"),
        ("{final_grade: 70}", "credentials[0].criteria.final_grade is the number 70, and must be a mapping"),
        ("{all: 70}", "credentials[0].criteria.all is the number 70, and must be a list"),
        (f"[{GRADE}]", "credentials[0].criteria is a list, and must be a criterion. Put the list under"),
        ("{any: [], all: []}", 'credentials[0].criteria has the keys "any", "all", and a criterion has one. Put each'),
    ],
)
def test_criteria_that_cannot_be_meant_are_refused(tmp_path: Path, criteria: str, expected: str) -> None:
    others = badge(name="other") + badge(name="diploma", kind="certificate")
    faults = refused(tmp_path, HEAD + badge(criteria) + others)

    assert [line for line in faults if line.startswith(f"catalogue.yaml:8: {expected}")], faults
    assert len(faults) == (2 if "off" in criteria else 1)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("multiplicity: {per: period}", "credentials[0].multiplicity asks for one award a period, which is not"),
        ("multiplicity: twice", 'credentials[0].multiplicity is the text "twice", and only `once` is understood.'),
        ("when_no_longer_met: revok", 'credentials[0].when_no_longer_met is the text "revok", and must be keep or re'),
        ("certificate: {text: Bravo}", '"sql" is a badge, and only a certificate has a `certificate` block. Remove'),
        ("desciption: x", 'credentials[0] has an unknown key "desciption". Did you mean `description`?'),
        ("description: 5", 'credentials[0].description is the number 5, and must be text. Write it in quotes: "5".'),
        ("skills: [{framework: ESCO, code: S1}]", "credentials[0].skills[0] has no `name`. Add `name: managing data`"),
        ("name: Again", 'The key "name" is here a second time. Keep one; the first is on line 7.'),
        ("<<: {}", "Merge keys (`<<`) are not read. Write the keys out."),
        ("description: !!str 5", 'Tags such as "tag:yaml.org,2002:str" are not read. Leave the tag out.'),
        ("description: *nothing", "Nothing above is marked &nothing. Mark what *nothing stands for, or write it out."),
        ('description: "a\\0b"', "The text holds U+0000, which cannot be shown. Take it out."),
        ('description: "\\ud800"', "The text holds U+D800, which cannot be shown. Take it out."),
        ("? [a]\n    : b", "A key must be a word. Write `key: value`."),
    ],
)
def test_keys_that_cannot_be_meant_are_refused(tmp_path: Path, more: str, expected: str) -> None:
    faults = refused(tmp_path, HEAD + badge(more=more))

    assert faults[0].startswith(f"catalogue.yaml:9: {expected}")
    assert len(faults) == 1, faults


def test_a_design_is_checked_for_its_template_and_every_replace_string(tmp_path: Path) -> None:
    more = 'certificate: {template: clasic, text: "{Fullname} {"}'

    assert refused(tmp_path, HEAD + badge(kind="certificate", more=more)) == [
        'catalogue.yaml:9: There is no template "clasic". Did you mean "classic"?',
        "catalogue.yaml:9: Unknown replace string {Fullname} at column 1. Did you mean {FullName}?",
        (
            "catalogue.yaml:9: The brace at column 12 is opened and not closed. "
            "Write {{ for a brace that is meant as one."
        ),
    ]


def test_a_ring_is_named_and_what_hangs_on_it_is_too(tmp_path: Path) -> None:
    a, b, c = (badge(f"{{badges: {{of: [{of}]}}}}", name=name) for name, of in (("a", "b"), ("b", "a"), ("c", "b")))

    assert refused(tmp_path, HEAD + c + a + b) == [
        ('catalogue.yaml:8: Nobody could earn "c", since nobody could earn "b". Mend "b" first, or remove it here.'),
        (
            "catalogue.yaml:13: Credentials count each other in a ring: a → b → a. "
            "Take one of them out of another's list."
        ),
    ]


def test_another_way_to_earn_it_makes_a_credential_reachable(tmp_path: Path) -> None:
    ring = badge("{badges: {of: [a]}}", name="a")
    faults = refused(tmp_path, HEAD + ring + badge(f"{{any: [{{badges: {{of: [a]}}}}, {GRADE}]}}", name="b"))

    assert faults == ['catalogue.yaml:8: "a" counts itself. Remove it here.']


def test_an_id_is_given_once(tmp_path: Path) -> None:
    assert refused(tmp_path, HEAD + badge() + badge()) == [
        'catalogue.yaml:10: The id "sql" is here a second time. Choose another; line 5 has it.'
    ]


@pytest.mark.parametrize("name", ["SQL", "a b", "-a", "a~1", "a" * 65, "ä", '""'])
def test_an_id_that_does_not_fit_is_refused_with_one_that_does(tmp_path: Path, name: str) -> None:
    (line,) = refused(tmp_path, HEAD + badge(name=name))

    found = re.fullmatch(r"catalogue\.yaml:5: credentials\[0\]\.id is .* Write an id such as (\S+)\.", line)
    assert found
    assert read(tmp_path, HEAD + badge(name=found[1])).credentials[0].id == found[1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "catalogue.yaml: The file is empty."),
        (b"# only a comment\n", "catalogue.yaml: The file is empty."),
        (b"5", "catalogue.yaml:1: The file is the number 5, and must be a mapping of keys to values."),
        (b"null", "catalogue.yaml:1: The file is empty, and must be a mapping"),
        (b"- a\n", "catalogue.yaml:1: The file is a list, and must be a mapping"),
        (b"a: 1\n---\nb: 2\n", "catalogue.yaml:2: A second document begins. Remove the `---`."),
        (b"a: 1\nb: caf\xe9\n", "catalogue.yaml:2: The byte 0xE9 is not UTF-8. Save the file as UTF-8."),
        ("a: 1".encode("utf-16"), "catalogue.yaml: The file is in UTF-16 or UTF-32. Save it as UTF-8."),
        (b"a:\n\tb: 1\n", "catalogue.yaml:2: This is not YAML: found character '\\t' that cannot start any token"),
        (b"a: 1\nb: c: d\n", "catalogue.yaml:2: This is not YAML: mapping values are not allowed here. Put text"),
        (b"a: [1,\nb: {\n", "catalogue.yaml:"),
        (b"a: 1\nb: \x07\n", "catalogue.yaml:2: This is not YAML: the character U+0007 is not allowed. Check"),
        (b'a: 1\nb: "\\U99999999"\n', "catalogue.yaml:2: The YAML cannot be read after this. Check quotes"),
        (b"version: &a [*a]\n", "catalogue.yaml:1: *a stands inside what it stands for. Write out what is meant."),
        (b"[" * 100_000, "catalogue.yaml:1: The nesting is deeper than 60. Nest less."),
        (b"#" * (MAX_BYTES + 1), "catalogue.yaml: The file is larger than 5 MiB."),
        (
            b"a0: &a0 [x, x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
            "catalogue.yaml:18: With its aliases written out the file has more than 500,000 values. Use fewer",
        ),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_with_what_it_is(tmp_path: Path, content: bytes, expected: str) -> None:
    assert [line for line in refused(tmp_path, content) if line.startswith(expected)]


def test_a_file_that_is_not_there_is_a_fault_and_a_directory_is_too(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFaults, match=r"There is no such file\. Check the path\."):
        read_catalogue(tmp_path / "catalogue.yaml", T1)
    with pytest.raises(CatalogueFaults, match=r"This is a directory\. Name the file in it\."):
        read_catalogue(tmp_path, T1)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    text = (CATALOGUES / "example.yaml").read_text()

    assert read(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == read(tmp_path, text)


def test_thousands_of_faults_are_not_all_shown(tmp_path: Path) -> None:
    lines = refused(tmp_path, HEAD + badge() + "".join(f"x{n}: 1\n" for n in range(150)))

    assert len(lines) == 101
    assert lines[-1] == "… and 50 more."


IDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() != "" and not set(text) & set("\u2028\u2029\ufeff")
)
COURSES = [CourseId(course) for course in ("DATA101", "0123", "yes", "1e3", "a: b", "#x")]
LAST_MOMENT = until_day(date(2200, 12, 30), UTC).at
SCORES = st.integers(min_value=0, max_value=100_000)
LEAVES: st.SearchStrategy[Criterion] = st.one_of(
    st.builds(FinalGrade, course=st.sampled_from(COURSES), at_least=SCORES, unreleased_too=st.booleans()),
    st.builds(CalculatedGrade, course=st.sampled_from(COURSES), at_least=SCORES, unreleased_too=st.booleans()),
    st.builds(ItemGrade, course=st.sampled_from(COURSES), item=IDS, at_least=SCORES, unreleased_too=st.booleans()),
    st.builds(
        WeightedGrade,
        course=st.sampled_from(COURSES),
        items=st.dictionaries(IDS, st.integers(1, 100_000), min_size=2, max_size=3).map(lambda it: tuple(it.items())),
        at_least=SCORES,
        unreleased_too=st.booleans(),
    ),
    st.builds(
        TopicsCompleted,
        course=st.sampled_from(COURSES),
        topics=st.just("all") | st.integers(1, 99) | st.lists(IDS, min_size=1, max_size=3, unique=True).map(tuple),
    ),
    st.builds(CourseCompleted, course=st.sampled_from(COURSES)),
    st.builds(
        Participated,
        course=st.sampled_from([*COURSES, OUTSIDE]),
        kind=st.sampled_from(["", "attended", "submitted", "posted"]),
        times=st.integers(1, 64),
    ),
    st.builds(PriorLearning, achievement=IDS),
)


_PARTS = ({"years": 2}, {"months": 18}, {"days": 1}, {"years": 1, "months": 6}, {"years": 1, "months": 1, "days": 1})
LENGTHS: st.SearchStrategy[Length] = st.sampled_from([Length(**parts) for parts in _PARTS])
VALIDITIES: st.SearchStrategy[Validity] = st.one_of(
    LENGTHS,
    st.dates(date(1970, 1, 1), date(2200, 12, 31)).map(lambda day: until_day(day, UTC)),
    st.dates(date(2001, 1, 1), date(2001, 12, 31)).map(lambda day: until_next(day.month, day.day, UTC)),
)


def at_least(parts: list[Criterion]) -> st.SearchStrategy[Criterion]:
    return st.builds(AtLeastOf, count=st.integers(1, len(parts)), parts=st.just(tuple(parts)))


def groups(inner: st.SearchStrategy[Criterion]) -> st.SearchStrategy[Criterion]:
    parts = st.lists(inner, min_size=1, max_size=3)
    before = st.builds(Before, time=st.integers(0, LAST_MOMENT), of=inner)
    without = st.builds(lambda one, other: AllOf(parts=(one, Not(of=other))), inner, inner)
    of_parts = st.builds(AllOf, parts=parts.map(tuple)) | st.builds(AnyOf, parts=parts.map(tuple))
    return of_parts | parts.flatmap(at_least) | without | before


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """A catalogue as its file could describe it; each credential counts only what comes before it."""
    credentials: list[Credential] = []
    for at in range(draw(st.integers(1, 4))):
        below = [credential.id for credential in credentials if credential.kind is not CredentialKind.CERTIFICATE]
        counted = draw(st.lists(st.sampled_from(below), unique=True)) if below else []
        leaf = LEAVES
        if counted:
            leaf |= st.builds(
                Badges,
                at_least=st.integers(1, len(counted)),
                of=st.just(tuple(counted)),
                within=st.none() | st.builds(Length, years=st.integers(0, 9), days=st.integers(1, 999)),
            )
        kind = draw(st.sampled_from(CredentialKind))
        text = draw(IDS).replace("{", "{{").replace("}", "}}")
        policy = draw(st.sampled_from(Policy))
        credentials.append(
            Credential(
                id=CredentialId(f"c-{at}"),
                kind=kind,
                name=draw(IDS),
                description=draw(st.just("") | IDS),
                criteria=draw(st.recursive(leaf, groups, max_leaves=5)),
                when_no_longer_met=policy,
                grace=draw(st.none() | LENGTHS) if policy is Policy.REVOKE else None,
                valid_for=draw(st.none() | VALIDITIES),
                skills=tuple(draw(st.lists(st.builds(Skill, framework=IDS, code=IDS, name=IDS), max_size=2))),
                certificate=CertificateDesign(template="classic", text=text)
                if kind is CredentialKind.CERTIFICATE
                else None,
            )
        )
    return Catalogue(
        tenant=T1,
        version=draw(st.integers(1, 10**9)),
        issuer=Issuer(id="https://example.edu/issuer", name=draw(IDS)),
        courses=tuple((course, draw(IDS)) for course in COURSES),
        credentials=tuple(credentials),
    )


def written_criterion(criterion: Criterion) -> dict[str, Any]:
    match criterion:
        case Badges(at_least=count, of=of, within=within):
            window = {} if within is None else {"within": dump_length(within)}
            return {"badges": {"at_least": count, "of": list(of), **window}}
        case Before(time=time, of=of):
            return {"before": {"time": moment_text(time), "of": written_criterion(of)}}
        case AllOf(parts=parts):
            return {"all": [written_criterion(part) for part in parts]}
        case AnyOf(parts=parts):
            return {"any": [written_criterion(part) for part in parts]}
        case Not(of=of):
            return {"not": written_criterion(of)}
        case AtLeastOf(count=count, parts=parts):
            return {"at_least": count, "of": [written_criterion(part) for part in parts]}
        case _:
            return written_of_course(criterion)


def written_of_course(criterion: Criterion) -> dict[str, Any]:
    match criterion:
        case FinalGrade(course=course, at_least=bar):
            return {"final_grade": {"course": course, "at_least": bar / 100, **written_release(criterion)}}
        case CalculatedGrade(course=course, at_least=bar):
            return {"calculated_grade": {"course": course, "at_least": bar / 100, **written_release(criterion)}}
        case ItemGrade(course=course, item=item, at_least=bar):
            return {"item_grade": {"course": course, "item": item, "at_least": bar / 100, **written_release(criterion)}}
        case WeightedGrade(course=course, items=items, at_least=bar):
            shares = {item: weight / 100 for item, weight in items}
            of_all = {"course": course, "items": shares, "at_least": bar / 100}
            return {"weighted_grade": {**of_all, **written_release(criterion)}}
        case TopicsCompleted(course=course, topics=topics):
            listed = list(topics) if isinstance(topics, tuple) else topics
            return {"topics_completed": {"course": course, "topics": listed}}
        case CourseCompleted(course=course):
            return {"course_completed": {"course": course}}
        case Participated(course=course, kind=kind, times=times):
            where, which = {"course": course} if course else {}, {"kind": kind} if kind else {}
            return {"participated": {**where, **which, "times": times}}
        case PriorLearning(achievement=achievement):
            return {"prior_learning": {"achievement": achievement}}
        case _:
            raise AssertionError(criterion)


def written_policy(credential: Credential) -> object:
    if credential.grace is None:
        return credential.when_no_longer_met.value
    return {"revoke": {"grace": dump_length(credential.grace)}}


def written_validity(validity: Validity) -> dict[str, Any]:
    """As the canonical form has it, without what is reckoned."""
    return {key: said for key, said in dump_validity(validity).items() if key not in ("at", "utc_offsets")}


def written_release(grade: Grade) -> dict[str, Any]:
    return {"released": "any"} if grade.unreleased_too else {}


def written(catalogue: Catalogue) -> dict[str, Any]:
    """A catalogue as its author would write it."""
    return {
        "version": catalogue.version,
        "issuer": {"id": catalogue.issuer.id, "name": catalogue.issuer.name},
        "courses": {str(course): {"name": name} for course, name in catalogue.courses},
        "credentials": [
            {
                "id": credential.id,
                "kind": credential.kind.value,
                "name": credential.name,
                "description": credential.description,
                "criteria": written_criterion(credential.criteria),
                "when_no_longer_met": written_policy(credential),
                **({"valid_for": written_validity(credential.valid_for)} if credential.valid_for else {}),
                "skills": [{"framework": s.framework, "code": s.code, "name": s.name} for s in credential.skills],
                **(
                    {"certificate": {"template": credential.certificate.template, "text": credential.certificate.text}}
                    if credential.certificate
                    else {}
                ),
            }
            for credential in catalogue.credentials
        ],
    }


ON_DISK = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.slow
@ON_DISK
@given(catalogues(), st.sampled_from([None, 2, "\t"]), st.booleans())
def test_a_catalogue_written_as_json_reads_as_it_was(
    tmp_path: Path, catalogue: Catalogue, indent: int | str | None, ensure_ascii: bool
) -> None:
    text = json.dumps(written(catalogue), indent=indent, ensure_ascii=ensure_ascii)

    assert read(tmp_path, text) == catalogue
    rulebook(catalogue)


@pytest.mark.slow
@ON_DISK
@given(catalogues())
def test_a_catalogue_written_as_yaml_reads_as_it_was(tmp_path: Path, catalogue: Catalogue) -> None:
    text = io.StringIO()
    YAML(pure=True).dump(written(catalogue), text)

    assert read(tmp_path, text.getvalue()) == catalogue


WORDS = st.sampled_from(
    [
        *("version", "issuer", "courses", "credentials", "id", "kind", "badge", "criteria", "all", "any", "at_least"),
        *("of", "badges", "final_grade", "course", "topics", "certificate", "text", "template", "skills", "DATA101"),
        *(": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "'", '"', "&a ", "*a", "!x ", "<<", "? "),
        *("|\n", ">\n", "#", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "0", "-1", "1.5", "~", "\t", "\\U", "@"),
    ]
)


@ON_DISK
@given(st.binary(max_size=60) | st.text().map(str.encode) | st.lists(WORDS, max_size=30).map("".join).map(str.encode))
@example(b'"\\uDFFF\\uD800"')
@example(b"? <")
def test_any_bytes_at_all_give_faults_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content)


@pytest.mark.slow
@ON_DISK
@given(st.data())
def test_a_catalogue_with_anything_put_anywhere_gives_a_catalogue_or_faults(
    tmp_path: Path, data: st.DataObject
) -> None:
    document = written(read_catalogue(CATALOGUES / "example.yaml", T1))
    for _ in range(data.draw(st.integers(1, 3))):
        change(document, data)
    try:
        rulebook(read(tmp_path, json.dumps(document)))
    except CatalogueFaults as faults:
        lines = str(faults).replace(f"{tmp_path}/", "").splitlines()
        assert all(re.match(r"catalogue\.yaml:1: .*[.?]$", line) for line in lines), lines


def change(document: dict[str, Any], data: st.DataObject) -> None:
    """Put some value in some place of a document."""
    inside: Any = document
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(inside[key], dict | list) or data.draw(st.integers(0, 4)) == 0:
            break
        inside = inside[key]
    value = data.draw(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from([[], {}, [1], {"a": 1}, "sql"])
    )
    inside[key] = value


def test_the_schema_knows_every_key_and_every_criterion() -> None:
    schema = catalogue_schema()
    criteria = schema["$defs"]["AllForm"]["properties"]["all"]["items"]

    assert set(schema["properties"]) == {"version", "issuer", "courses", "credentials"}
    assert len(criteria["oneOf"]) == 14
    assert schema["$defs"]["GradeForm"]["properties"]["at_least"]["maximum"] == 1000
    assert json.loads(json.dumps(schema)) == schema


def blocks() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


def test_the_documentation_shows_files_that_can_be_read(tmp_path: Path) -> None:
    read_as: set[str] = set()
    for block in blocks():
        if block.startswith("version:"):
            read(tmp_path, block)
            read_as.add("catalogue")
        elif block.startswith("public_address:"):
            (tmp_path / "laurel.yaml").write_text(block)
            read_config(tmp_path / "laurel.yaml", ["laurel"])
            read_as.add("configuration")
        elif block.startswith("scenarios:"):
            read_as.add("scenarios")  # run in test_scenarios
        else:
            read_in_place(tmp_path, block)
            read_as.add("part")
    assert read_as == {"catalogue", "configuration", "scenarios", "part"}


def read_in_place(directory: Path, block: str) -> None:
    """Read a part of a catalogue as the documentation means it: in the first of its catalogues."""
    indented = "".join(f"    {line}\n" for line in block.splitlines())
    whole = next(block for block in blocks() if block.startswith("version:"))
    kind = "certificate" if block.startswith("certificate:") else "badge"
    own = "" if block.startswith("criteria:") else "    criteria: {final_grade: {course: DATA101, at_least: 70}}\n"
    read(directory, f"{whole}  - id: shown\n    kind: {kind}\n    name: Shown\n{own}{indented}")


def test_the_documentation_names_every_key_of_the_form() -> None:
    text = DOCUMENT.read_text()
    keys = {key for form in catalogue_schema()["$defs"].values() for key in form.get("properties", {})}

    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_decimals_of_any_length_are_judged_by_their_digits(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, HEAD + badge("{final_grade: {course: DATA101, at_least: 70.000000000000000001}}"))

    assert "scores have at most two decimals" in line
