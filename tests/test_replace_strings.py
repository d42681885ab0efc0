"""The strict substituter: what it refuses, what it puts in, and what it never looks at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.replace_strings import NAMES, ReplaceStringFault, faults, fill

VALUES = {name: f"<{name}>" for name in NAMES}
LITERALS = st.text().filter(lambda text: "{" not in text and "}" not in text)


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def test_each_name_of_the_closed_set_is_replaced() -> None:
    assert fill(" ".join(f"{{{name}}}" for name in NAMES), VALUES) == " ".join(VALUES.values())


@given(st.text())
def test_doubled_braces_give_back_any_text_as_it_was(text: str) -> None:
    assert faults(escaped(text)) == []
    assert fill(escaped(text), {}) == text


@given(st.lists(st.tuples(LITERALS, st.sampled_from(NAMES))), st.dictionaries(st.sampled_from(NAMES), st.text()))
def test_values_stand_where_their_names_stood_and_are_never_read(
    parts: list[tuple[str, str]], some: dict[str, str]
) -> None:
    values = {name: some.get(name, "{FullName} #name {{ }") for name in NAMES}
    text = "".join(f"{literal}{{{name}}}" for literal, name in parts)

    assert fill(text, values) == "".join(literal + values[name] for literal, name in parts)


@given(st.text(alphabet="{}FulNamegrd \n", max_size=60))
def test_any_text_is_either_filled_or_refused_with_sentences(text: str) -> None:
    found = faults(text)
    if not found:
        fill(text, VALUES)
        return
    assert all(sentence[-1] in ".?" for sentence in found)
    with pytest.raises(ReplaceStringFault) as caught:
        fill(text, VALUES)
    assert str(caught.value) == " ".join(found)


@pytest.mark.parametrize("text", ["{FullName}", "{Grade} {VerifyUrl}", "{"])
def test_a_value_is_never_interpreted(text: str) -> None:
    assert fill("{FullName}", {"FullName": text, "Grade": "A"}) == text


def test_three_braces_are_a_literal_brace_around_a_name() -> None:
    assert fill("{{{FullName}}}", {"FullName": "Ada"}) == "{Ada}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear {Fullname}", "Unknown replace string {Fullname} at column 6; did you mean {FullName}?"),
        ("{full_name}", "Unknown replace string {full_name} at column 1; did you mean {FullName}?"),
        ("{ Grade }", "Unknown replace string { Grade } at column 1; did you mean {Grade}?"),
        (
            "a\nbc {CertificateId}",
            "Unknown replace string {CertificateId} at line 2, column 4; did you mean {CertificateID}?",
        ),
        ("By {FullName", "The brace at column 4 is opened and not closed; write {{ for a brace that is meant as one."),
        ("50} of 100", "The brace at column 3 closes nothing; write }} for a brace that is meant as one."),
        ("{FullName}}", "The brace at column 11 closes nothing; write }} for a brace that is meant as one."),
    ],
)
def test_a_fault_says_what_where_and_the_cure(text: str, expected: str) -> None:
    assert faults(text) == [expected]


@pytest.mark.parametrize("text", ["{}", "{0}", "{FullName!r}", "{FullName.__class__}", "{FullName:>9}", "{zzz}"])
def test_nothing_of_str_format_is_understood(text: str) -> None:
    assert len(faults(text)) == 1
    with pytest.raises(ReplaceStringFault, match="Unknown replace string"):
        fill(text, VALUES)


def test_a_name_unlike_all_others_is_answered_with_the_whole_set() -> None:
    (sentence,) = faults("{zzz}")

    assert all(f"{{{name}}}" in sentence for name in NAMES)


def test_all_faults_are_said_at_once() -> None:
    assert len(faults("{a} } {b}")) == 3


def test_an_endless_name_is_shown_in_part() -> None:
    (sentence,) = faults("{" + "x" * 10_000 + "}")

    assert len(sentence) < 400


def test_a_value_that_is_not_there_is_a_fault_and_never_a_hole() -> None:
    with pytest.raises(ReplaceStringFault, match=r"asks for \{Grade\}"):
        fill("With {Grade}", {"FullName": "Ada"})
    assert fill("Until {ExpiryDate}.", {"ExpiryDate": ""}) == "Until ."
