"""Our native format: what is read, what is refused and in which words, and that writing and reading agree."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.facts import CourseFact, CourseKind, Fact, Kind, Profile, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, Instant, LearnerId, TenantId
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import Said, UnreadableEvent
from streams.dialects.json_text import MAX_RECORD_BYTES
from streams.dialects.laurel import BY_COMMAND, COMES_LATER, parse
from streams.dialects.laurel_events import dump, dump_binary
from tests.dialect_records import DAY, RECEIVED_AT, plain, record, samples

SAMPLES = samples("laurel")
GRADE = next(value for name, value, _ in SAMPLES if name == "a final grade, calculated")
TOPIC = next(value for name, value, _ in SAMPLES if name == "a topic completed")
PROFILE = next(value for name, value, _ in SAMPLES if name == "a profile")
SOURCE = "https://lms.example.edu"


def changed(event: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {**event, "data": {**event["data"], **data}}


def score_of(event: dict[str, Any]) -> int | None:
    (fact,) = parse(record(event))
    assert isinstance(fact, Fact)
    return fact.statement.value


def event_id_of(event: dict[str, Any]) -> str:
    (fact,) = parse(record(event))
    assert isinstance(fact, Fact)
    return fact.statement.event_id


def refusal(value: bytes | dict[str, Any], **how: Any) -> str:
    with pytest.raises(UnreadableEvent) as refused:
        parse(record(value, **how))
    return str(refused.value)


def test_the_dialect_is_found_by_its_name() -> None:
    assert DIALECTS["laurel"] is parse


@pytest.mark.parametrize(("value", "says"), [s[1:] for s in SAMPLES], ids=[s[0] for s in SAMPLES])
def test_a_sample_says_what_it_has_to(value: dict[str, Any], says: list[Any]) -> None:
    assert plain(parse(record(value))) == says


@pytest.mark.parametrize(("value", "says"), [s[1:] for s in SAMPLES], ids=[s[0] for s in SAMPLES])
def test_a_sample_in_binary_mode_says_the_same(value: dict[str, Any], says: list[Any]) -> None:
    headers = {f"ce_{name}": text for name, text in value.items() if name not in ("data", "datacontenttype")}
    headers["content-type"] = value["datacontenttype"]

    assert plain(parse(record(value["data"], headers=headers))) == says


def test_every_type_has_a_sample() -> None:
    from streams.dialects.laurel import _READERS  # noqa: PLC0415 - the table itself is asked, and only here

    assert {value["type"] for _, value, _ in SAMPLES} - {"com.example.room.booked"} == set(_READERS)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(record(b"\xef\xbb\xbf" + json.dumps(TOPIC).encode())) == parse(record(TOPIC))


def test_of_a_key_that_is_written_twice_the_last_counts() -> None:
    text = json.dumps(GRADE).replace('"score": 66.665', '"score": 90, "score": 40')

    assert score_of(json.loads(text)) == 4_000
    assert plain(parse(record(text.encode()))) == plain(parse(record(changed(GRADE, score=40))))


class TestScores:
    @given(st.decimals(0, 1_000, allow_nan=False, places=5), st.integers(100, 100_000), st.integers(0, 10_000))
    def test_rounding_down_never_changes_on_which_side_of_a_bar_a_score_is(
        self, score: Decimal, full: int, bar: int
    ) -> None:
        text = json.dumps(changed(GRADE, score=0, max_score=full)).replace('"score": 0', f'"score": {score:f}')
        (fact,) = parse(record(text.encode()))
        assert isinstance(fact, Fact)

        assert ((fact.statement.value or 0) >= bar) == (score * 10_000 >= bar * full)

    @pytest.mark.parametrize(
        ("score", "full", "hundredths"),
        [
            ("0.1", "0.3", 3_333),
            ("69.9999999999999999999", "100", 6_999),
            ("70", "100", 7_000),
            ("7e1", "1E+2", 7_000),
            ("-0", "10", 0),
            ("0e999999999", "10", 0),
            ("-3", "10", 0),
            ("1000", "100", 100_000),
            ("1e-30", "1", 0),
        ],
    )
    def test_scores_are_exact(self, score: str, full: str, hundredths: int) -> None:
        text = json.dumps(changed(GRADE, score="S", max_score="M")).replace('"S"', score).replace('"M"', full)
        (fact,) = parse(record(text.encode()))
        assert isinstance(fact, Fact)

        assert fact.statement.value == hundredths

    @pytest.mark.parametrize(
        ("score", "full", "why"),
        [
            ("1e400", "100", "no score in any gradebook"),
            ("1e1000000000", "100", "no score in any gradebook"),
            ("1e99999999999999999999999", "100", "no score in any gradebook"),
            ("5", "1e-1000000000", "no score in any gradebook"),
            ("9" * 65, "100", "number of 65 characters"),
            ("9" * 100_000, "100", "number of 100,000 characters"),
            ("NaN", "100", "is no JSON"),
            ("-Infinity", "100", "is no JSON"),
            ('"70"', "100", "without quotes"),
            ("true", "100", "is not a number"),
            ("[7]", "100", "is not a number"),
            ("7", "null", "is not a number"),
            ("7", "0", "above 0"),
            ("7", "-100", "above 0"),
            ("1000.01", "100", "in one unit"),
            ("-1001", "100", "in one unit"),
        ],
    )
    def test_what_is_no_score_is_refused(self, score: str, full: str, why: str) -> None:
        text = json.dumps(changed(GRADE, score="S", max_score="M")).replace('"S"', score).replace('"M"', full)

        assert why in refusal(text.encode())

    def test_a_score_needs_the_score_of_full_marks(self) -> None:
        event = changed(GRADE)
        del event["data"]["max_score"]

        assert "$.data.max_score is missing" in refusal(event)


class TestTimes:
    @pytest.mark.parametrize(
        ("time", "microseconds"),
        [
            ("2026-03-02T09:30:00Z", 1_772_443_800_000_000),
            ("2026-03-02T09:30:00.123Z", 1_772_443_800_123_000),
            ("2026-03-02T09:30:00.123456Z", 1_772_443_800_123_456),
            ("2026-03-02T09:30:00.123456999Z", 1_772_443_800_123_456),
            ("2026-03-02t09:30:00z", 1_772_443_800_000_000),
            ("2026-03-02T11:30:00+02:00", 1_772_443_800_000_000),
            ("2026-03-01T23:45:00-09:45", 1_772_443_800_000_000),
        ],
    )
    def test_a_time_is_read_to_the_microsecond(self, time: str, microseconds: int) -> None:
        (fact,) = parse(record({**TOPIC, "time": time}))
        assert isinstance(fact, Fact)

        assert fact.statement.occurred_at == microseconds

    @pytest.mark.parametrize(
        ("time", "why"),
        [
            ("2026-03-02T09:30:00", "without a zone"),
            ("2026-03-02", "no time of RFC 3339"),
            ("2026-W10-1T09:30:00Z", "no time of RFC 3339"),
            ("20260302T093000Z", "no time of RFC 3339"),
            ("٢٠٢٦-03-02T09:30:00Z", "no time of RFC 3339"),
            ("", "no time of RFC 3339"),
            ("9" * 100_000, "no time of RFC 3339"),
            ("2026-02-30T09:30:00Z", "no calendar or clock has"),
            ("2026-03-02T25:30:00Z", "no calendar or clock has"),
            ("2026-03-02T09:30:00+99:00", "no calendar or clock has"),
            ("2016-12-31T23:59:60Z", "a leap second"),
            ("1970-01-01T00:00:00Z", "a clock that was not set"),
            ("0001-01-01T00:00:00+14:00", "a clock that was not set"),
            ("2026-11-02T00:00:00Z", "48 hours after it was received"),
            ("2030-01-01T00:00:00Z", "1,158 days after it was received"),
            ("9999-12-31T23:59:59Z", "days after it was received"),
            ("9999-12-31T23:59:59-23:59", "days after it was received"),
        ],
    )
    def test_what_is_no_time_or_lies_ahead_is_refused(self, time: str, why: str) -> None:
        said = refusal({**TOPIC, "time": time})

        assert why in said
        assert "$.time" in said

    def test_a_day_ahead_is_still_read(self) -> None:
        (fact,) = parse(record({**TOPIC, "time": "2026-11-01T00:00:00Z"}))

        assert isinstance(fact, Fact)
        assert fact.statement.occurred_at == RECEIVED_AT + DAY


class TestRefusals:
    @pytest.mark.parametrize("field", ["learner", "course", "topic", "period"])
    @pytest.mark.parametrize(
        ("given", "why"),
        [
            (" ", "is empty"),
            ("a\x00b", "control character"),
            ("a\nb", "control character"),
            ("x" * 513, "513 characters"),
            (17, "expected text"),
            (True, "expected text"),
            (["a"], "expected text"),
            ({}, "expected text"),
        ],
    )
    def test_an_id_is_text_with_something_in_it(self, field: str, given: Any, why: str) -> None:
        said = refusal(changed(TOPIC, **{field: given}))

        assert why in said
        assert f"$.data.{field}" in said
        assert len(said) < 300

    @pytest.mark.parametrize("given", ["ä", "x" * 512, "https://example.edu/u/1", "学号 7", "😀"])
    def test_an_id_may_be_of_any_script(self, given: str) -> None:
        (fact,) = parse(record(changed(TOPIC, learner=given)))

        assert isinstance(fact, Fact)
        assert fact.register.learner == given

    @pytest.mark.parametrize("half", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x"])
    def test_half_of_a_surrogate_pair_is_refused(self, half: str) -> None:
        refusal(json.dumps(TOPIC).replace("10017", half).encode())

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            ({"released": "yes"}, "$.data.released: expected true or false"),
            ({"adjusted": None}, "$.data.adjusted: expected true or false"),
            ({"sequence": -1}, "$.data.sequence"),
            ({"sequence": 2**63}, "$.data.sequence"),
            ({"sequence": 1.5}, "$.data.sequence: expected a whole number"),
            ({"sequence": True}, "$.data.sequence: expected a whole number"),
            ({"relased": False}, "unknown field 'relased'; near to it: released"),
            ({"x" * 100_000: 1}, "unknown field"),
            ({"a\nb": 1}, "unknown field 'a\\nb'"),
        ],
    )
    def test_a_field_of_the_wrong_kind_is_refused(self, data: dict[str, Any], why: str) -> None:
        said = refusal(changed(GRADE, **data))

        assert why in said
        assert len(said) < 300

    def test_a_final_grade_says_whether_it_was_adjusted(self) -> None:
        event = changed(GRADE)
        del event["data"]["adjusted"]

        assert "$.data lacks the field adjusted" in refusal(event)

    def test_a_calculated_grade_is_not_adjusted(self) -> None:
        event = {**changed(GRADE, adjusted=True), "type": "laurel.fact.calculated_grade.v1"}

        assert "an adjusted grade is a laurel.fact.final_grade.v1" in refusal(event)

    def test_a_typing_error_in_the_type_is_found(self) -> None:
        said = refusal({**GRADE, "type": "laurel.fact.final_grad.v1"})

        assert "laurel.fact.final_grade.v1" in said

    @pytest.mark.parametrize("kind", COMES_LATER)
    def test_controls_that_come_later_say_so(self, kind: str) -> None:
        assert "comes later" in refusal({**GRADE, "type": f"laurel.control.{kind}.v1"})

    @pytest.mark.parametrize(("kind", "command"), BY_COMMAND.items())
    def test_controls_that_no_source_says_name_the_command(self, kind: str, command: str) -> None:
        assert f"`{command}` does" in refusal({**GRADE, "type": f"laurel.control.{kind}.v1"})

    @pytest.mark.parametrize("missing", ["id", "source", "type", "time", "specversion", "data"])
    def test_the_attributes_are_required(self, missing: str) -> None:
        event = {name: value for name, value in GRADE.items() if name != missing}

        assert missing in refusal(event)

    @pytest.mark.parametrize(
        ("value", "why"),
        [
            (b"", "is empty"),
            (b"\xff\xfe{\x00}\x00", "no JSON"),
            (b'{"id":"\xff"}', "not UTF-8"),
            (b"[]", "expected object"),
            (b"null", "expected object"),
            (b'"laurel"', "expected object"),
            (b'{"specversion":"1.0"', "ends too early"),
            (b"{}", "specversion"),
            (b'{"data":' + b"[" * 200_000, "nested too deeply"),
            (b"[" * 200_000, "expected object"),
            (b" " * (MAX_RECORD_BYTES + 1), "1,048,577 bytes; at most 1,048,576 are read"),
        ],
    )
    def test_what_is_no_event_is_refused(self, value: bytes, why: str) -> None:
        assert why in refusal(value)

    def test_a_batch_of_events_is_refused(self) -> None:
        assert "a batch" in refusal(b"[]", headers={"content-type": "application/cloudevents-batch+json"})

    def test_a_header_that_is_no_text_is_refused(self) -> None:
        one = replace(record(b"{}"), headers=(("ce_type", b"\xff"), ("ce_specversion", b"1.0")))

        with pytest.raises(UnreadableEvent, match="ce_type is not UTF-8"):
            parse(one)

    def test_no_refusal_of_a_profile_repeats_the_name(self) -> None:
        said = refusal(changed(PROFILE, full_name="Secret\nName", email_sha256="secret@example.edu"))

        assert "Secret" not in said
        assert "secret@" not in said


class TestTenants:
    def test_a_producer_for_one_tenant_cannot_write_anothers(self) -> None:
        said = refusal(changed(TOPIC, tenant="other"))

        assert "'other'" in said
        assert "'example'" in said

    @pytest.mark.parametrize("tenant", [None, "example"])
    def test_a_record_may_leave_the_tenant_to_its_source(self, tenant: str | None) -> None:
        assert parse(record(changed(TOPIC, tenant=tenant))) == parse(record(TOPIC))

    @pytest.mark.parametrize("tenant", ["", "Example", "example ", 7, "x" * 100_000])
    def test_anything_else_is_another_tenant(self, tenant: Any) -> None:
        said = refusal(changed(TOPIC, tenant=tenant))

        assert "$.data.tenant" in said
        assert len(said) < 300


class TestEventIds:
    def test_equal_ids_of_two_producers_do_not_run_together(self) -> None:
        first, second = (event_id_of({**TOPIC, "id": "17", "source": source}) for source in ("urn:a", "urn:b"))

        assert (first, second) == ("urn:a 17", "urn:b 17")

    def test_a_uuid_stands_alone(self) -> None:
        assert event_id_of({**TOPIC, "source": "urn:b"}) == TOPIC["id"]

    def test_a_source_has_no_space_in_it(self) -> None:
        assert "no space in it" in refusal({**TOPIC, "id": "17", "source": "urn:a 1"})


# Ids of any script, as they come from JSON: no controls and no halves of surrogate pairs.
ids = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(str.strip)
periods = st.one_of(st.just(""), ids)
times = st.integers(2 * DAY, RECEIVED_AT + DAY)
sequences = st.integers(0, 2**63 - 1)
event_ids = st.one_of(
    st.uuids().map(str),
    st.builds("{} {}".format, st.from_regex(r"\A[!-~]{1,20}\Z"), ids.filter(lambda text: len(text) != 36)),
)
releases = st.sampled_from((None, True, False))
OBJECTS = {Kind.PARTICIPATED: st.sampled_from(("", "attended", "submitted", "posted"))}
OUTSIDE_COURSES = {Kind.PRIOR_LEARNING: st.just(""), Kind.PARTICIPATED: st.just("") | ids}
GRADES = (Kind.CALCULATED_GRADE, Kind.ADJUSTED_GRADE, Kind.ITEM_GRADE)
NO_OBJECT = (Kind.CALCULATED_GRADE, Kind.ADJUSTED_GRADE, Kind.COURSE_COMPLETED)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    kind = draw(st.sampled_from(Kind))
    value: int | None = 1
    if kind in GRADES:
        value = draw(st.one_of(st.none(), st.integers(0, 100_000)))
    elif kind in (Kind.TOPIC, Kind.EXEMPTION):
        value = draw(st.integers(0, 1))
    return Fact(
        register=Register(
            tenant=TenantId("example"),
            learner=LearnerId(draw(ids)),
            course=CourseId(draw(ids) if kind not in OUTSIDE_COURSES else draw(OUTSIDE_COURSES[kind])),
            kind=kind,
            object="" if kind in NO_OBJECT else draw(OBJECTS.get(kind, ids)),
            period=draw(periods),
        ),
        statement=Statement(
            draw(times), draw(sequences), draw(event_ids), value, draw(releases) if kind in GRADES else None
        ),
        received_at=RECEIVED_AT,
        source="lms",
    )


@st.composite
def course_facts(draw: st.DrawFn) -> CourseFact:
    kind = draw(st.sampled_from(CourseKind))
    is_outline = kind is CourseKind.OUTLINE
    topics = tuple(draw(st.lists(ids, unique=True, max_size=5))) if is_outline else ()
    return CourseFact(
        tenant=TenantId("example"),
        course=CourseId(draw(ids)),
        kind=kind,
        period=draw(periods),
        statement=CourseStatement(
            draw(times), draw(sequences), draw(event_ids), topics, False if is_outline else draw(st.booleans())
        ),
        received_at=RECEIVED_AT,
        source="lms",
    )


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    return Profile(
        tenant=TenantId("example"),
        learner=LearnerId(draw(ids)),
        full_name=draw(ids),
        first_name=draw(periods),
        last_name=draw(periods),
        language=draw(st.sampled_from(("", "de", "pt-BR", "zh-Hant-TW"))),
        email_sha256=draw(st.sampled_from(("", "0" * 63 + "a"))),
        occurred_at=Instant(draw(times)),
        event_id=draw(event_ids),
    )


sayings: st.SearchStrategy[Said] = st.one_of(facts(), course_facts(), profiles())


@given(sayings)
def test_what_was_written_reads_the_same(said: Said) -> None:
    assert parse(record(dump(said, SOURCE))) == (said,)


@given(sayings)
def test_what_was_written_in_binary_mode_reads_the_same(said: Said) -> None:
    headers, value = dump_binary(said, SOURCE)

    assert parse(replace(record(value), headers=headers)) == (said,)
