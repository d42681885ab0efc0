"""Any bytes at all give facts, nothing, or UnreadableEvent: never another exception, and never a long message."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import CourseFact, Fact, Profile
from rules.keys import key
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import UnreadableEvent
from tests.dialect_records import record, samples

GOLDEN = [value for dialect in sorted(DIALECTS) for _, value, _ in samples(dialect)]
# A message may name a path of the longest known key and show at most two pieces of what came in.
LONGEST_MESSAGE = 420

traps: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 2**63, 10**400, 1e300, "", " ", "\x00", "\ud800", "\u202e", "x" * 600, [], {}, [[]]]
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(traps, st.integers(), st.floats(allow_nan=True), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


def check(dialect: str, value: bytes, headers: dict[str, str] | None = None) -> None:
    try:
        said = DIALECTS[dialect](record(value, headers=headers))
    except UnreadableEvent as refused:
        message = str(refused)
        assert message.endswith(".")
        assert len(message) <= LONGEST_MESSAGE
        assert message.isprintable()
        return
    for one in said:
        match one:
            case Fact(register=about):
                key(about.tenant, about.learner, about.course, about.kind, about.object, about.period)
            case CourseFact():
                key(one.tenant, one.course, *one.statement.topics)
            case Profile():
                key(one.tenant, one.learner, one.full_name)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, each by its path."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for step, part in inside for place in places(part, (*path, step))]]


def put(document: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new
    return changed


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A golden sample with something else in one or two of its places."""
    document = draw(st.sampled_from(GOLDEN))
    for _ in range(draw(st.integers(1, 2))):
        document = put(document, draw(st.sampled_from(places(document))), draw(anything))
    return document


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
class TestEveryDialect:
    @given(value=st.binary(max_size=200))
    def test_any_bytes(self, dialect: str, value: bytes) -> None:
        check(dialect, value)

    @given(value=anything)
    def test_any_json(self, dialect: str, value: Any) -> None:
        check(dialect, json.dumps(value).encode())

    @given(value=mutated())
    def test_a_sample_with_something_else_in_it(self, dialect: str, value: Any) -> None:
        check(dialect, json.dumps(value).encode())

    @given(value=mutated(), at=st.integers(0, 2_000), noise=st.binary(max_size=4))
    def test_a_sample_that_was_damaged(self, dialect: str, value: Any, at: int, noise: bytes) -> None:
        text = json.dumps(value).encode()
        check(dialect, text[:at] + noise + text[at + len(noise) :])
        check(dialect, text[:at])

    @given(value=mutated())
    def test_a_sample_in_binary_mode_with_any_headers(self, dialect: str, value: Any) -> None:
        if not isinstance(value, dict):
            return
        headers = {f"ce_{k}": v for k, v in value.items() if isinstance(v, str) and v.isprintable() and k != "data"}
        check(dialect, json.dumps(value.get("data")).encode(), headers)

    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"data":{"a":', b'{"object":{"x":', b'{"context":['])
    def test_nesting_of_any_depth(self, dialect: str, opening: bytes) -> None:
        for depth in (10, 500, 2_000, 100_000):
            check(dialect, opening * depth)
