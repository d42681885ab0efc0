"""Brightspace Data Streams: what is read, what is passed over, and what is refused."""

from copy import deepcopy
from typing import Any

import pytest

from rules.facts import Fact
from streams.dialects.all import DIALECTS
from streams.dialects.brightspace import parse
from streams.dialects.dialect import UnreadableEvent
from tests.dialect_records import plain, record, samples

SAMPLES = samples("brightspace")
COMPLETED = SAMPLES[0][1]
KEYS = "https://api.brightspace.com/xapi/extension_keys/context/"


def changed(extension: str, **fields: Any) -> dict[str, Any]:
    found = deepcopy(COMPLETED)
    found["context"]["extensions"][KEYS + extension].update(fields)
    return found


def without(*path: str) -> dict[str, Any]:
    found = deepcopy(COMPLETED)
    place = found
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return found


def fact_of(value: dict[str, Any], tenant: str = "example") -> Fact:
    (fact,) = parse(record(value, tenant=tenant))
    assert isinstance(fact, Fact)
    return fact


def refusal(value: bytes | dict[str, Any], tenant: str = "example") -> str:
    with pytest.raises(UnreadableEvent) as refused:
        parse(record(value, tenant=tenant))
    return str(refused.value)


def test_the_dialect_is_found_by_its_name() -> None:
    assert DIALECTS["brightspace"] is parse


@pytest.mark.parametrize(("value", "says"), [s[1:] for s in SAMPLES], ids=[s[0] for s in SAMPLES])
def test_a_sample_says_what_it_has_to(value: dict[str, Any], says: list[Any]) -> None:
    assert plain(parse(record(value))) == says


def test_a_repeat_under_another_statement_id_has_the_same_stamp() -> None:
    again = {**COMPLETED, "id": "11111111-2222-4333-8444-555555555555"}

    assert fact_of(again) == fact_of(COMPLETED)


@pytest.mark.parametrize("impersonating", [7, "7", 0, "", {}, False])
def test_whoever_acts_as_the_learner_earns_them_nothing(impersonating: Any) -> None:
    assert parse(record(changed("actor", impersonatingUserId=impersonating))) == ()


@pytest.mark.parametrize(
    "verb", ["evaluated", "released", "updated", "created", "revoked", "awarded", "submitted", "enrolled", "unenrolled"]
)
def test_other_verbs_are_not_for_us(verb: str) -> None:
    value = {**COMPLETED, "verb": {"id": f"https://api.brightspace.com/xapi/verbs/{verb}"}}

    assert parse(record(value)) == ()


@pytest.mark.parametrize(
    ("extension", "field", "path"),
    [("actor", "userId", "actor.userId"), ("context", "orgUnitId", "context.orgUnitId"), ("object", "id", "object.id")],
)
class TestIds:
    @pytest.mark.parametrize(("given", "text"), [(17, "17"), ("17", "17"), (2**64 - 1, str(2**64 - 1)), ("ü/1", "ü/1")])
    def test_a_number_and_its_text_are_one_id(
        self, extension: str, field: str, path: str, given: Any, text: str
    ) -> None:
        about = fact_of(changed(extension, **{field: given})).register

        assert text in (about.learner, about.course, about.object), path

    @pytest.mark.parametrize("given", ["", " ", "a\x00b", "x" * 513, -1, 2**64, 10**4_000, 1.5, True, [1], {}])
    def test_what_is_no_id_is_refused(self, extension: str, field: str, path: str, given: Any) -> None:
        said = refusal(changed(extension, **{field: given}))

        assert field in said, path
        assert len(said) < 300


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (("actor",), "lacks the field actor"),
        (("verb",), "lacks the field verb"),
        (("object",), "lacks the field object"),
        (("context",), "$.context lacks the field extensions"),
        (("context", "extensions", KEYS + "actor"), "actor"),
        (("context", "extensions", KEYS + "actor", "userId"), "lacks the field userId"),
        (("context", "extensions", KEYS + "context", "orgUnitId"), "lacks the field orgUnitId"),
        (("timestamp",), "$.timestamp"),
    ],
)
def test_a_statement_that_lacks_what_a_fact_needs_is_refused(path: tuple[str, ...], why: str) -> None:
    assert why in refusal(without(*path))


def test_a_statement_without_any_id_is_refused() -> None:
    value = changed("context", originalEventId=None)
    del value["id"]

    assert "$.id is empty" in refusal(value)


def test_a_topic_without_any_id_is_refused() -> None:
    value = changed("object", id=None)
    value["object"]["id"] = "https://example.edu/topic"

    assert "to stand for it" in refusal(value)


@pytest.mark.parametrize("time", ["2026-04-13T08:15:30.250", "2030-01-01T00:00:00.000Z", "1776068130250", ""])
def test_a_time_has_a_zone_and_lies_behind(time: str) -> None:
    assert "$.timestamp" in refusal({**COMPLETED, "timestamp": time})


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"\x00\x01", b'{"verb":{}}', b'{"type":"GradeEvent","actor":1}'])
def test_what_is_no_statement_is_refused(value: bytes) -> None:
    refusal(value)


def test_an_oversized_value_is_refused_before_it_is_decoded() -> None:
    assert "at most 1,048,576" in refusal(b"{" * 1_048_577)


class TestTenants:
    UUID = "6f2d1c3b-8a77-4e0f-9a44-1b2c3d4e5f60"

    def test_the_sources_tenant_is_our_name_for_brightspaces(self) -> None:
        assert fact_of(COMPLETED, tenant="example").register.tenant == "example"

    def test_the_tenant_may_be_brightspaces_own(self) -> None:
        assert fact_of(COMPLETED, tenant=self.UUID).register.tenant == self.UUID

    def test_a_source_that_has_a_uuid_is_held_to_it(self) -> None:
        assert "may not speak for another" in refusal(COMPLETED, tenant="00000000-0000-4000-8000-000000000000")
