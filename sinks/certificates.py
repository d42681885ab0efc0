"""Draws a certificate as a PDF that is the same, byte for byte, each time it is asked for."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import typst

from sinks import replace_strings

# The packages whose directories hold fonts (decision 0007). Typst's own wheel brings the first family.
_FONT_PACKAGES: Final = ("fontpkg_amiri", "manimgx_fonts", "pylopdf_fonts_zh_cn")
# A glyph is looked for in this order. No symbols and no emoji, though a package may hold them.
_FAMILIES: Final = (
    "Libertinus Serif",  # Latin, Greek, Cyrillic, Hebrew
    "Amiri",
    "Noto Serif SC",
    "Noto Sans Devanagari",
    "Noto Sans",  # rare Latin, Greek and Cyrillic
    "Noto Sans Armenian",
    "Noto Sans Bengali",
    "Noto Sans Ethiopic",
    "Noto Sans Georgian",
    "Noto Sans Gujarati",
    "Noto Sans Gurmukhi",
    "Noto Sans Kannada",
    "Noto Sans Khmer",
    "Noto Sans Lao",
    "Noto Sans Malayalam",
    "Noto Sans Myanmar",
    "Noto Sans Oriya",
    "Noto Sans Sinhala",
    "Noto Sans Tamil",
    "Noto Sans Telugu",
    "Noto Sans Thai",
)
# PDF/A refuses a glyph that no font has, and says which: what we would otherwise have to find out ourselves.
_MISSING: Final = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')
_ESCAPE: Final = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)")

# No real name comes near these; they keep a page from being asked for what it cannot hold.
_NAME_CHARACTERS: Final = 400
_TEXT_CHARACTERS: Final = 2_000
_BADGES: Final = 24
_BADGE_CHARACTERS: Final = 120
_MARKS_ON_A_LETTER: Final = 8  # Burmese stacks seven; a hundred would climb off the page

_JOINERS: Final = "\u200c\u200d"  # the only invisible characters that spelling needs (Persian, Devanagari)
_DIRECTION_MARKS: Final = "\u200e\u200f\u061c"  # an author of Arabic or Hebrew sets them on purpose
_ISOLATED: Final = "\u2068{}\u2069"  # a value's direction does not disturb the sentence around it
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class CertificateFault(ValueError):  # noqa: N818 - outcomes are named for what happened
    """A certificate cannot be drawn as it is; the message says the cure."""


class MissingGlyphs(CertificateFault):
    """No font has a glyph for these characters; they would be boxes on somebody's certificate."""

    def __init__(self, characters: tuple[str, ...]) -> None:
        self.characters = characters
        named = ", ".join(f"{character} ({_character_name(character)})" for character in characters)
        super().__init__(
            f"No font has a glyph for {named}. Correct the name or text that holds it, "
            "or give a directory with a font that has it."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """
    What one certificate says.

    Where no profile is known, the caller gives the learner's id as `full_name`. Unknown first and last
    names fall back to the full name.
    """

    full_name: str
    first_name: str | None = None
    last_name: str | None = None
    credential_name: str
    awarded_at: datetime
    expires_at: datetime | None = None
    certificate_id: str
    issuer_name: str
    course_name: str | None = None
    grade: str | None = None
    badges: tuple[str, ...] = ()
    verify_url: str | None = None
    text: str
    template: str = "classic"
    time_zone: str = "UTC"


def template_names() -> tuple[str, ...]:
    """Name the templates that exist, so that a catalogue that asks for another is refused when it is read."""
    return tuple(_templates())


def render(certificate: Certificate, *, fonts: tuple[Path, ...] = ()) -> bytes:
    """
    Draw the certificate: PDF/A-2a and PDF/UA-1, the same bytes for the same certificate.

    `fonts` are directories with further fonts, for scripts that ours lack. It keeps a core busy
    for a tenth of a second: call it in a thread.
    """
    template = _template(certificate.template)
    facts = _facts(certificate) | {"families": [*_FAMILIES, *_families_in(fonts)]}
    try:
        return typst.compile(
            template,
            root=template.parent,
            font_paths=_fonts(fonts),
            ignore_system_fonts=True,
            sys_inputs={"certificate": json.dumps(facts)},
            format="pdf",
            pdf_standards=["a-2a", "ua-1"],
            timestamp=int(certificate.awarded_at.timestamp()),
        )
    except typst.TypstError as error:
        missing = _missing_characters(error.diagnostic)
        if not missing:
            raise
        raise MissingGlyphs(missing) from error


@cache
def _templates() -> dict[str, Path]:
    return {path.stem: path for path in sorted((Path(__file__).parent / "templates").glob("*.typ"))}


def _template(name: str) -> Path:
    """Look the template up among those that are here: no path is ever made of a name from outside."""
    if name not in _templates():
        raise CertificateFault(f"There is no certificate template {name!r}; there are: {', '.join(_templates())}.")
    return _templates()[name]


@cache
def _fonts(further: tuple[Path, ...]) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[*_font_directories(), *further])


@cache
def _families_in(directories: tuple[Path, ...]) -> tuple[str, ...]:
    found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[*directories])
    return tuple(sorted(found.families()))


def _font_directories() -> Iterator[Path]:
    """Find the packages without importing them: they are wanted for their files alone."""
    for package in _FONT_PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"The font package {package} is not installed", name=package)
        yield Path(spec.origin).parent


def _facts(certificate: Certificate) -> dict[str, object]:
    """Everything the template may say, clean, and with its direction where it is somebody's own words."""
    zone = _zone(certificate.time_zone)
    values = _values(certificate, zone)
    if not values["FullName"]:
        raise CertificateFault("A certificate is somebody's: give the learner's id where no name is known.")
    awarded_on = certificate.awarded_at.astimezone(zone)
    return {
        "name": _said(values["FullName"]),
        "credential": _said(values["CredentialName"]),
        "issuer": _said(values["IssuerName"]),
        "badges": [_said(badge) for badge in _shown_badges(certificate.badges)],
        "text": _filled(certificate.text, values),
        "title": f"{values['CredentialName']}, {values['FullName']}",
        "awarded-on": values["AwardDate"],
        "expires-on": values["ExpiryDate"],
        "date": {"year": awarded_on.year, "month": awarded_on.month, "day": awarded_on.day},
        "id": values["CertificateID"],
        "verify-url": values.get("VerifyUrl", ""),
        "is-link": values.get("VerifyUrl", "").startswith(("https://", "http://")),
    }


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise CertificateFault(f"There is no time zone {name!r}; write one as Europe/Lisbon.") from error


def _values(certificate: Certificate, zone: tzinfo) -> dict[str, str]:
    """The replace strings; one that this certificate knows nothing of is left out, and so is a fault if asked for."""
    known = {
        "FullName": certificate.full_name,
        "FirstName": certificate.first_name or certificate.full_name,
        "LastName": certificate.last_name or certificate.full_name,
        "CredentialName": certificate.credential_name,
        "CertificateID": certificate.certificate_id,
        "IssuerName": certificate.issuer_name,
        "CourseName": certificate.course_name,
        "Grade": certificate.grade,
        "Badges": ", ".join(_shown_badges(certificate.badges)),
        "VerifyUrl": certificate.verify_url,
    }
    dates = {
        "AwardDate": _date(certificate.awarded_at, zone),
        # The last day of validity: what is valid until the end of a day ends with the first moment of the next.
        "ExpiryDate": _date(certificate.expires_at - datetime.resolution, zone) if certificate.expires_at else "",
    }
    return {name: _name(value) for name, value in known.items() if value is not None} | dates


def _date(moment: datetime, zone: tzinfo) -> str:
    if moment.tzinfo is None:
        raise CertificateFault("A certificate's times know their zone; this one does not.")
    day = moment.astimezone(zone)
    return f"{day.day}\u00a0{_MONTHS[day.month - 1]}\u00a0{day.year}"  # kept on one line


def _shown_badges(badges: tuple[str, ...]) -> list[str]:
    shown = [name for badge in badges[:_BADGES] if (name := _name(badge, limit=_BADGE_CHARACTERS))]
    return [*shown, f"and {len(badges) - _BADGES} more"] if len(badges) > _BADGES else shown


def _filled(text: str, values: dict[str, str]) -> dict[str, object]:
    """Fill the author's text; its direction is the author's, whatever the names in it are written in."""
    try:
        bare = replace_strings.fill(text, dict.fromkeys(replace_strings.NAMES, ""))
        direction = _direction(bare) or _direction(values["FullName"]) or "ltr"
        isolated = {name: _isolated(value, direction) for name, value in values.items()}
        filled = replace_strings.fill(_lines(text), isolated)
    except replace_strings.ReplaceStringFault as error:
        raise CertificateFault(str(error)) from error
    if len(filled) > _TEXT_CHARACTERS:
        raise CertificateFault(
            f"The text has {len(filled)} characters with its replace strings filled; a page holds {_TEXT_CHARACTERS}."
        )
    return {"text": filled, "rtl": direction == "rtl"}


def _isolated(value: str, around: Literal["ltr", "rtl"]) -> str:
    return value if _direction(value) in (None, around) else _ISOLATED.format(value)


def _said(words: str) -> dict[str, object]:
    return {"text": words, "rtl": _direction(words) == "rtl"}


def _direction(text: str) -> Literal["ltr", "rtl"] | None:
    """The direction of the first letter that has one."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return None


def _name(text: str, *, limit: int = _NAME_CHARACTERS) -> str:
    """One line; a name never reaches the limit, and what does ends in an ellipsis."""
    clean = _clean(text, kept=_JOINERS)
    return clean if len(clean) <= limit else clean[:limit].rstrip() + "…"


def _lines(text: str) -> str:
    return "\n".join(_clean(line, kept=_JOINERS + _DIRECTION_MARKS) for line in text.strip().splitlines())


def _clean(text: str, *, kept: str) -> str:
    """Leave what is read, take what only steers: controls, direction overrides, lone surrogates, stray breaks."""
    spaced = " ".join(text.split())
    read = (character for character in spaced if character in kept or _is_read(character))
    return " ".join(unicodedata.normalize("NFC", "".join(_without_piled_marks(read))).split())


def _is_read(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def _without_piled_marks(characters: Iterator[str]) -> Iterator[str]:
    run = 0
    for character in characters:
        run = run + 1 if unicodedata.category(character).startswith("M") else 0
        if run <= _MARKS_ON_A_LETTER:
            yield character


def _missing_characters(diagnostic: str) -> tuple[str, ...]:
    said = "".join(_ESCAPE.sub(_unescaped, cluster) for cluster in _MISSING.findall(diagnostic))
    seen = dict.fromkeys(said)
    return tuple(character for character in seen if character not in _JOINERS) or tuple(seen)


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else escape[2]


def _character_name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
