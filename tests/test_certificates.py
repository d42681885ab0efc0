"""Certificates as PDF: every script, hostile names, the same bytes again, and never a box."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks import certificates
from sinks.certificates import Certificate, CertificateFault, MissingGlyphs, render, template_names

ADA = Certificate(
    full_name="Ada Lovelace",
    credential_name="Data Professional",
    awarded_at=datetime(2026, 3, 12, 9, 30, tzinfo=UTC),
    certificate_id="6f1c0a52-9f0e-5c1b-8a4e-2d1f3b7c9e10",
    issuer_name="Example University",
    badges=("Data Literacy", "SQL", "Statistics"),
    verify_url="https://credentials.example.edu/verify/6f1c0a52-9f0e-5c1b-8a4e-2d1f3b7c9e10",
    text="This certifies that {FullName} completed {CredentialName} on {AwardDate}.",
)
NAMES = {
    "Latin": "Nguyễn Thị Ánh-Łucja Þórsdóttir O\u2019Neil",
    "Greek": "Ὑπατία Παπαδοπούλου",
    "Cyrillic": "Софья Васильевна Ковалевская, Љубица Ђорђевић",
    "Arabic": "أبو عبد الله محمد بن موسى الخوارزمي",
    "Persian": "مریم می‌نژاد گیلانی",
    "Urdu": "ڈاکٹر عبدالسلام ہٹی",
    "Hebrew": "עֲדָה יונת",
    "Devanagari": "श्रीनिवास रामानुजन्",
    "simplified Chinese": "王小云",
    "traditional Chinese": "龔詩涵",
    "Bengali": "রবীন্দ্রনাথ ঠাকুর",
    "Tamil": "ராமானுஜன்",
    "Thai": "สมชาย ใจดี",
    "Georgian": "შოთა რუსთაველი",
    "Armenian": "Մեսրոպ Մաշտոց",
    "Amharic": "ሀይሌ ገብረሥላሴ",
    "kana": "さくら カタカナ",
}


def said(certificate: Certificate) -> dict[str, object]:
    return certificates._facts(certificate)


def text_of(certificate: Certificate) -> str:
    filled = said(certificate)["text"]
    assert isinstance(filled, dict)
    return str(filled["text"])


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_in_each_script_is_drawn_without_a_box(name: str) -> None:
    assert render(replace(ADA, full_name=name)).startswith(b"%PDF-1.7")


def test_the_same_certificate_has_the_same_bytes_and_another_has_others() -> None:
    first = render(ADA)

    assert render(replace(ADA)) == first
    assert render(replace(ADA, full_name="Grace Hopper")) != first


def test_it_declares_itself_an_archival_and_accessible_pdf() -> None:
    drawn = render(ADA)

    assert b"<pdfaid:part>2</pdfaid:part>" in drawn
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in drawn
    assert b"<pdfuaid:part>1</pdfuaid:part>" in drawn
    assert b"<xmp:CreateDate>2026-03-12" in drawn


@pytest.mark.parametrize(
    "certificate",
    [
        replace(ADA, full_name="O", badges=(), verify_url=None),
        replace(ADA, full_name=" ".join(["Maria Aparecida Conceição de Todos os Santos"] * 5)),
        replace(ADA, full_name="Wolfeschlegelsteinhausenbergerdorff" * 20),
        replace(ADA, full_name="王" * 300, credential_name="证" * 300, text="兹证明{FullName}" * 6),
        replace(ADA, full_name="خ" * 300, text="أ ب " * 400),
        replace(ADA, badges=tuple(f"A badge with a rather long name, number {n}" for n in range(100))),
        replace(ADA, credential_name="Professional Certificate in Applied Data Engineering " * 5, text="a " * 990),
        replace(ADA, issuer_name="The Royal Northern Institute for the Advancement of Sciences " * 5),
        replace(ADA, badges=("B" * 390, "C" * 390), verify_url="https://example.edu/" + "v" * 300, text="{VerifyUrl}"),
    ],
    ids=["short", "long", "unbroken", "Chinese", "Arabic", "badges", "credential", "issuer", "addresses"],
)
def test_whatever_its_length_it_keeps_to_one_page(certificate: Certificate) -> None:
    assert render(certificate)  # the template refuses a second page


@pytest.mark.parametrize(
    ("certificate", "characters"),
    [
        (replace(ADA, full_name="Ada 😀"), ("😀",)),
        (replace(ADA, full_name="👩‍🚀 Ada"), ("👩", "🚀")),
        (replace(ADA, badges=("SQL ⚡",)), ("⚡",)),
        (replace(ADA, text="For {FullName} \U000f0000"), ("\U000f0000",)),
    ],
)
def test_a_glyph_that_no_font_has_is_named_and_never_a_box(
    certificate: Certificate, characters: tuple[str, ...]
) -> None:
    with pytest.raises(MissingGlyphs) as caught:
        render(certificate)

    assert caught.value.characters == characters


def test_missing_glyphs_are_told_with_their_names_and_the_cure() -> None:
    with pytest.raises(MissingGlyphs, match=r"U\+1F600 GRINNING FACE.*directory with a font"):
        render(replace(ADA, full_name="Ada 😀"))


def test_a_directory_with_a_further_font_is_the_cure() -> None:
    sans = next(path for path in certificates._font_directories() if path.name == "manimgx_fonts")

    assert render(replace(ADA, full_name="Ada ⚡"), fonts=(sans,)).startswith(b"%PDF")


@pytest.mark.slow
def test_every_character_of_gb2312_has_a_glyph() -> None:
    rows = (bytes([row, cell]) for row in chain(range(0xA1, 0xAA), range(0xB0, 0xF8)) for cell in range(0xA1, 0xFF))
    characters = "".join(row.decode("gb2312", errors="ignore") for row in rows)
    chunks = (characters[start : start + 1900] for start in range(0, len(characters), 1900))

    assert len(characters) == 7445
    assert all(render(replace(ADA, text=chunk)) for chunk in chunks)


def test_markup_in_a_name_is_only_a_name() -> None:
    hostile = '#panic("x") *a* _b_ $c$ @d <e> {FullName} {{Grade}} \\u{41} "'

    assert text_of(replace(ADA, full_name=hostile, text="{FullName}")) == hostile
    assert render(replace(ADA, full_name=hostile))


@pytest.mark.slow
@given(name=st.text(max_size=60))
@settings(deadline=None, max_examples=25)
def test_any_name_at_all_is_drawn_or_refused_with_a_reason(name: str) -> None:
    with suppress(CertificateFault):
        assert render(replace(ADA, full_name=name)).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("given_name", "clean"),
    [
        ("Ada\n\tLovelace\u00a0", "Ada Lovelace"),
        ("Ada\x00 \u202eLove\u2066lace\u2069\ufeff", "Ada Lovelace"),
        ("Ada\ud800 Lovelace", "Ada Lovelace"),
        ("e\u0301", "é"),
        ("क्\u200dष", "क्\u200dष"),
        ("Z" + "\u0353" * 100, "Z" + "\u0353" * 8),
        ("x" * 1000, "x" * 400 + "…"),
    ],
)
def test_what_steers_is_taken_from_a_name_and_what_is_read_stays(given_name: str, clean: str) -> None:
    assert text_of(replace(ADA, full_name=given_name, text="{FullName}")) == clean


def test_a_value_of_the_other_direction_is_isolated_from_the_sentence() -> None:
    assert text_of(replace(ADA, full_name="עדה", text="For {FullName} (7)")) == "For \u2068עדה\u2069 (7)"
    assert text_of(replace(ADA, text="אל {FullName} (7)")) == "אל \u2068Ada Lovelace\u2069 (7)"


def test_the_text_runs_as_its_author_wrote_it_and_a_name_as_its_own_letters_do() -> None:
    facts = said(replace(ADA, full_name="עדה", text="{FullName} has done it"))

    assert facts["name"] == {"text": "עדה", "rtl": True}
    assert facts["text"] == {"text": "\u2068עדה\u2069 has done it", "rtl": False}


def test_first_and_last_name_fall_back_to_the_full_name() -> None:
    text = "{FirstName}|{LastName}"

    assert text_of(replace(ADA, text=text)) == "Ada Lovelace|Ada Lovelace"
    assert text_of(replace(ADA, text=text, first_name="Ada", last_name="Lovelace")) == "Ada|Lovelace"


def test_dates_are_those_of_the_issuers_time_zone() -> None:
    late = replace(ADA, text="{AwardDate}|{ExpiryDate}", awarded_at=datetime(2026, 3, 31, 22, 30, tzinfo=UTC))

    assert text_of(late) == "31\u00a0March\u00a02026|"
    assert text_of(replace(late, time_zone="Europe/Athens")) == "1\u00a0April\u00a02026|"
    assert text_of(replace(late, expires_at=late.awarded_at + timedelta(days=365))).endswith("|31\u00a0March\u00a02027")


def test_what_is_valid_until_the_end_of_a_day_says_that_day() -> None:
    in_athens = replace(ADA, text="{ExpiryDate}", time_zone="Europe/Athens")
    end_of_august = datetime(2027, 8, 31, 21, 0, tzinfo=UTC)

    assert text_of(replace(in_athens, expires_at=end_of_august)) == "31\u00a0August\u00a02027"
    assert text_of(replace(in_athens, expires_at=end_of_august + timedelta(hours=1))) == "1\u00a0September\u00a02027"


def test_the_same_moment_in_another_zone_is_the_same_certificate() -> None:
    abroad = replace(ADA, awarded_at=ADA.awarded_at.astimezone(timezone(timedelta(hours=9))))

    assert render(abroad) == render(ADA)


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (replace(ADA, template="../../etc/passwd"), r"no certificate template '../../etc/passwd'; there are: classic"),
        (replace(ADA, text="With {Grade}"), r"asks for \{Grade\}"),
        (replace(ADA, text="With {grad}"), r"did you mean \{Grade\}"),
        (replace(ADA, text="word " * 500), "2000"),
        (replace(ADA, full_name="\u200b \u202e"), "learner's id"),
        (replace(ADA, time_zone="Mars/Olympus"), "no time zone 'Mars/Olympus'"),
        (replace(ADA, time_zone="../../etc/passwd"), "no time zone"),
        (replace(ADA, awarded_at=datetime(2026, 3, 12)), "know their zone"),  # noqa: DTZ001 - the fault under test
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(certificate: Certificate, reason: str) -> None:
    with pytest.raises(CertificateFault, match=reason):
        render(certificate)


def test_the_templates_that_exist_are_those_in_the_directory() -> None:
    directory = Path(certificates.__file__).parent / "templates"

    assert sorted(template_names()) == sorted(path.stem for path in directory.glob("*.typ"))
    assert "classic" in template_names()
