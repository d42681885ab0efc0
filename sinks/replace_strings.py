"""The replace strings of a certificate's text: a closed set, checked strictly, put in once."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

NAMES: Final = (
    "FullName",
    "FirstName",
    "LastName",
    "CredentialName",
    "AwardDate",
    "ExpiryDate",
    "CertificateID",
    "IssuerName",
    "CourseName",
    "Grade",
    "Badges",
    "VerifyUrl",
)

_CLOSEST: Final = {name.lower(): name for name in NAMES}
# `{{` and `}}` come first, so that `{{{FullName}}}` reads as a brace, a name, a brace.
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|\{|\}")
_LITERALS: Final = {"{{": "{", "}}": "}"}
_SHOWN_CHARACTERS: Final = 40  # of an unknown name; half a page may stand between two braces


class ReplaceStringFault(ValueError):  # noqa: N818 - outcomes are named for what happened
    """A text cannot be filled: it is not well formed, or a value that it asks for is not there."""


def faults(text: str) -> list[str]:
    """Say everything that is wrong with an author's text, a sentence each; none means that it can be filled."""
    return [_sentence(text, token) for token in _faulty(text)]


def fill(text: str, values: Mapping[str, str]) -> str:
    """
    Put the values in, in a single pass: braces inside a value are never looked at.

    A name without a value is a fault, and so nothing is left out in silence. Whoever has a sensible
    stand-in (the learner's id where no name is known) passes it as the value.
    """
    found = faults(text)
    if found:
        raise ReplaceStringFault(" ".join(found))
    return _TOKEN.sub(lambda token: _replacement(token, values), text)


def _faulty(text: str) -> Iterator[re.Match[str]]:
    for token in _TOKEN.finditer(text):
        if token[0] not in _LITERALS and token["name"] not in NAMES:
            yield token


def _sentence(text: str, token: re.Match[str]) -> str:
    where = _position(text, token.start())
    if token[0] == "{":
        return f"The brace at {where} is opened and not closed; write {{{{ for a brace that is meant as one."
    if token[0] == "}":
        return f"The brace at {where} closes nothing; write }}}} for a brace that is meant as one."
    return f"Unknown replace string {_shown(token[0])} at {where}; {_suggestion(token['name'])}"


def _position(text: str, index: int) -> str:
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return f"line {line}, column {column}" if "\n" in text else f"column {column}"


def _shown(name: str) -> str:
    one_line = " ".join(name.split())
    return one_line if len(one_line) <= _SHOWN_CHARACTERS else f"{one_line[:_SHOWN_CHARACTERS]}…"


def _suggestion(name: str) -> str:
    closest = get_close_matches(name[:_SHOWN_CHARACTERS].strip().lower(), _CLOSEST, n=1)
    if closest:
        return f"did you mean {{{_CLOSEST[closest[0]]}}}?"
    return "there are " + ", ".join(f"{{{known}}}" for known in NAMES) + "."


def _replacement(token: re.Match[str], values: Mapping[str, str]) -> str:
    if token[0] in _LITERALS:
        return _LITERALS[token[0]]
    name = token["name"]
    if name not in values:
        raise ReplaceStringFault(f"The text asks for {{{name}}}, and this certificate has no value for it.")
    return values[name]
