"""The canonical bytes of a value, held against the examples of RFC 8785."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.canonical_json import MAX_INTEGER, canonical
from rules.catalogue import digest

# RFC 8785, section 3.2.2, without its floats.
AS_WRITTEN = r"""{
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}"""
AS_CANONICAL = r"""{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"""
# Section 3.2.3: the emoji is two code units that come before the Hebrew letter's one.
NAMES = r"""{
  "\u20ac": "Euro Sign",
  "\r": "Carriage Return",
  "\ufb33": "Hebrew Letter Dalet With Dagesh",
  "1": "One",
  "\ud83d\ude00": "Emoji: Grinning Face",
  "\u0080": "Control",
  "\u00f6": "Latin Small Letter O With Diaeresis"
}"""


def test_strings_and_literals_are_written_as_in_the_rfc() -> None:
    assert canonical(json.loads(AS_WRITTEN)).decode() == AS_CANONICAL


def test_names_are_in_the_order_of_their_utf_16_code_units_as_in_the_rfc() -> None:
    assert list(json.loads(canonical(json.loads(NAMES))).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize(
    ("character", "written"),
    [
        *[("\b", r"\b"), ("\t", r"\t"), ("\n", r"\n"), ("\f", r"\f"), ("\r", r"\r"), ('"', r"\""), ("\\", r"\\")],
        *[("\x00", r"\u0000"), ("\x1f", r"\u001f"), ("\x7f", "\x7f"), ("/", "/"), ("ö", "ö"), ("\u2028", "\u2028")],
        ("😀", "😀"),
    ],
)
def test_only_what_must_be_escaped_is_and_as_shortly_as_can_be(character: str, written: str) -> None:
    assert canonical(character).decode() == f'"{written}"'


def test_names_are_sorted_at_every_depth_and_lists_keep_their_order() -> None:
    assert canonical({"b": [{"d": 1, "c": -2}, []], "a": {}}) == b'{"a":{},"b":[{"c":-2,"d":1},[]]}'


@pytest.mark.parametrize("value", [1.5, 1.0, {"a": [0.1]}, (1,), b"x", {1: "x"}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize("number", [MAX_INTEGER + 1, -MAX_INTEGER - 1])
def test_integers_that_others_would_round_are_refused(number: int) -> None:
    assert canonical(MAX_INTEGER) == b"9007199254740991"
    with pytest.raises(ValueError, match="beyond"):
        canonical(number)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}])
def test_a_lone_surrogate_is_refused(value: object) -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


@given(plain)
def test_what_is_read_of_canonical_bytes_is_what_was_written_and_writes_the_same(value: object) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_a_digest_is_that_of_the_canonical_bytes() -> None:
    found = sha256('{"a":"ö","b":1}'.encode()).hexdigest()

    assert digest({"b": 1, "a": "ö"}) == f"sha256:{found}"
