"""What goes out comes back as it was, and nothing else comes in."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.awards import Award, CredentialKind, Standing, message_id
from rules.criteria import Evidence
from rules.facts import Profile
from rules.keys import Instant, TenantId, key
from rules.ledger import Status
from sinks.sink import AwardGone, ProfileGone, StandingGone
from streams.dead_letters import PREFIX, attempts, dead_letter
from streams.dialects.dialect import UnreadableEvent
from streams.messages import (
    Message,
    award_gone,
    dump_award,
    dump_profile,
    dump_standing,
    parse_award,
    parse_award_gone,
    parse_profile,
    parse_profile_gone,
    parse_standing,
    parse_standing_gone,
    profile_gone,
    rfc3339,
    standing_gone,
)
from tests.awards import FIRST, LAST, award, awards, profiles, standing, standings

PARSERS = (parse_award, parse_standing, parse_profile)
KEY_PARSERS = (parse_award_gone, parse_standing_gone, parse_profile_gone)


def body(message: Message) -> Any:
    assert message.value is not None
    return json.loads(message.value)


@given(awards())
def test_an_award_comes_back_as_it_was(award: Award) -> None:
    assert parse_award(dump_award(award, source="/t").value or b"") == award


@given(standings())
def test_a_standing_comes_back_as_it_was(standing: Standing) -> None:
    assert parse_standing(dump_standing(standing).value or b"") == standing


@given(profiles())
def test_a_profile_comes_back_as_it_was(profile: Profile) -> None:
    assert parse_profile(dump_profile(profile).value or b"") == profile


@given(awards(), standings(), profiles())
def test_a_tombstone_names_what_the_message_of_the_same_key_told(
    award: Award, standing: Standing, profile: Profile
) -> None:
    gone = award_gone(award.tenant, award.learner, award.award_id)
    assert (gone.key, gone.value) == (dump_award(award, source="/t").key, None)
    assert parse_award_gone(gone.key) == AwardGone(tenant=award.tenant, learner=award.learner, award_id=award.award_id)
    gone = standing_gone(standing.tenant, standing.learner, standing.credential)
    assert (gone.key, gone.value) == (dump_standing(standing).key, None)
    assert parse_standing_gone(gone.key) == StandingGone(
        tenant=standing.tenant, learner=standing.learner, credential=standing.credential
    )
    gone = profile_gone(profile.tenant, profile.learner)
    assert (gone.key, gone.value) == (dump_profile(profile).key, None)
    assert parse_profile_gone(gone.key) == ProfileGone(tenant=profile.tenant, learner=profile.learner)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_unreadable(content: bytes) -> None:
    for parse in (*PARSERS, *KEY_PARSERS):
        with contextlib.suppress(UnreadableEvent):
            parse(content)


@given(awards(), st.data())
def test_a_message_with_one_byte_changed_is_a_value_or_unreadable(award: Award, data: st.DataObject) -> None:
    content = bytearray(dump_award(award, source="/t").value or b"")
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        dump_award(parse_award(bytes(content)), source="/t")
    except UnreadableEvent:
        return


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("award_id", "not-a-uuid"),
        ("revision", 0),
        ("revision", 2**31),
        ("revision", "1"),
        ("status", "lost"),
        ("met_at", "2026-03-01T12:00:00"),
        ("decided_at", "0001-01-01T00:00:00+23:59"),
        ("decided_at", None),
        ("learner", None),
        ("evidence", [{"clause": "c"}]),
    ],
)
def test_a_broken_field_is_unreadable(field: str, value: object) -> None:
    broken = body(dump_award(award(), source="/t")) | {field: value}

    with pytest.raises(UnreadableEvent):
        parse_award(json.dumps(broken).encode())


@pytest.mark.parametrize("have", ["1e400", "-1e12", "1000000001"])
def test_a_number_that_no_condition_can_have_is_unreadable(have: str) -> None:
    content = (dump_standing(standing(have=6650)).value or b"").replace(b"66.5", have.encode())

    with pytest.raises(UnreadableEvent):
        parse_standing(content)


def test_half_a_topic_is_unreadable() -> None:
    content = (dump_standing(standing()).value or b"").replace(b"66.5", b"6.5").replace(b'"percent"', b'"topics"')

    with pytest.raises(UnreadableEvent, match="not whole"):
        parse_standing(content)


def test_a_lone_surrogate_is_unreadable() -> None:
    content = (dump_award(award("LEARNER"), source="/t").value or b"").replace(b"LEARNER", rb"\ud800")

    with pytest.raises(UnreadableEvent):
        parse_award(content)


def test_endless_nesting_is_unreadable() -> None:
    depth = 100_000
    content = dump_standing(standing()).value or b""
    progress = b'{"clause":"","met":true,"have":1,"need":1,"unit":"topics","parts":[' * depth + b"]}" * depth
    head = content[: content.index(b'"progress":')]

    with pytest.raises(UnreadableEvent):
        parse_standing(head + b'"progress":' + progress + b"}")


def test_a_field_that_we_do_not_know_yet_is_passed_over() -> None:
    message = body(dump_award(award(), source="/t")) | {"colour": "gold"}

    assert parse_award(json.dumps(message).encode()) == award()


def test_an_award_looks_as_the_design_says() -> None:
    assert body(dump_award(award(), source="/t")) == {
        "award_id": award().award_id,
        "revision": 1,
        "status": "awarded",
        "kind": "badge",
        "credential": "data-literacy",
        "credential_version": "sha256:1",
        "tenant": "t1",
        "learner": "u-17",
        "occurrence": "",
        "met_at": "2026-03-01T12:00:00.000001Z",
        "expires_at": None,
        "decided_at": "2026-03-01T12:00:00.000001Z",
        "reason": "criteria met",
        "evidence": [{"clause": "final_grade DATA101 ≥ 70", "events": ["e-1"]}],
    }


def test_only_what_was_met_by_awards_names_awards() -> None:
    met = (Evidence("badges 1 of a", (), ("a-1",)),)

    assert body(dump_award(award(evidence=met), source="/t"))["evidence"] == [
        {"clause": "badges 1 of a", "events": [], "awards": ["a-1"]}
    ]


def test_an_award_is_a_cloud_event_in_binary_mode() -> None:
    found = award("u/17 ä", tenant=TenantId("t 1"), revision=3, status=Status.REVOKED)
    message = dump_award(found, source="/laurel/t1")

    assert message.key == f"t%201/u%2F17%20%C3%A4/{found.award_id}".encode()
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": message_id(found).encode(),
        "ce_type": b"laurel.badge.revoked.v1",
        "ce_source": b"/laurel/t1",
        "ce_time": b"2026-03-01T12:00:00.000001Z",
        "ce_subject": "u/17 ä".encode(),
        "content-type": b"application/json",
    }


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (CredentialKind.BADGE, Status.AWARDED, b"laurel.badge.awarded.v1"),
        (CredentialKind.BADGE, Status.EXPIRED, b"laurel.badge.expired.v1"),
        (CredentialKind.CERTIFICATE, Status.AWARDED, b"laurel.certificate.issued.v1"),
        (CredentialKind.CERTIFICATE, Status.REVOKED, b"laurel.certificate.revoked.v1"),
        (CredentialKind.CERTIFICATE, Status.EXPIRED, b"laurel.certificate.expired.v1"),
    ],
)
def test_a_type_says_what_became_of_what(kind: CredentialKind, status: Status, expected: bytes) -> None:
    assert dict(dump_award(award(kind=kind, status=status), source="/t").headers)["ce_type"] == expected


def test_percent_goes_out_as_people_write_it() -> None:
    message = dump_standing(standing(have=6650))

    assert message.value is not None
    assert b'"have":66.5,"need":70,"unit":"percent"' in message.value
    assert body(message)["progress"]["clause"] == "all of"
    assert body(message)["met"] is False


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (FIRST, "0001-01-01T00:00:00Z"),
        (Instant(0), "1970-01-01T00:00:00Z"),
        (Instant(1_500_000), "1970-01-01T00:00:01.500000Z"),
        (LAST, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc(instant: Instant, expected: str) -> None:
    assert rfc3339(instant) == expected


@pytest.mark.parametrize("place", [None, b"", b"t1", b"t1/u 1/x", b"t1/%ff/x", b"t1/u/x/y/z", b"\xff/u/x"])
def test_a_tombstone_with_a_key_that_is_not_ours_is_unreadable(place: bytes | None) -> None:
    for parse in KEY_PARSERS:
        with pytest.raises(UnreadableEvent):
            parse(place)


def test_a_tombstone_of_an_award_needs_its_id() -> None:
    with pytest.raises(UnreadableEvent, match="UUID"):
        parse_award_gone(key("t1", "u-1", "data-literacy").encode())


def letter(
    value: bytes | None, headers: Sequence[tuple[str, bytes]] | None = None, record_key: bytes = b"k"
) -> Message:
    return dead_letter(
        topic="lms",
        partition=3,
        offset=17,
        timestamp=1_000,
        key=record_key,
        value=value,
        headers=headers or [],
        reason="it is broken",
        stage="intake",
        dialect="xapi",
        version="0.1.0",
    )


def test_a_dead_letter_keeps_the_record_and_says_where_it_lay_and_why() -> None:
    message = letter(b"{", [("ce_id", b"1")])

    assert (message.key, message.value) == (b"k", b"{")
    assert message.headers == [
        ("ce_id", b"1"),
        ("laurel.errors.topic", b"lms"),
        ("laurel.errors.partition", b"3"),
        ("laurel.errors.offset", b"17"),
        ("laurel.errors.timestamp", b"1000"),
        ("laurel.errors.reason", b"it is broken"),
        ("laurel.errors.stage", b"intake"),
        ("laurel.errors.dialect", b"xapi"),
        ("laurel.errors.attempts", b"1"),
        ("laurel.errors.app.version", b"0.1.0"),
    ]


def test_a_redriven_record_counts_its_attempts() -> None:
    again = letter(b"{", letter(b"{", [("ce_id", b"1")]).headers)

    assert attempts(again.headers) == 2
    assert len(again.headers) == 10


@pytest.mark.parametrize("count", [b"", b"x", b"-1", "²".encode(), b"9" * 5_000])
def test_a_count_that_is_not_ours_is_none(count: bytes) -> None:
    assert attempts([(PREFIX + "attempts", count)]) == 0


@pytest.mark.parametrize(
    ("value", "headers", "record_key"),
    [
        (b"x" * 2_000_000, [("h", b"1")], b"k"),
        (b"{}", [("h", b"1"), ("large", b"y" * 2_000_000)], b"k"),
        (None, [("h", b"1")], b"k" * 2_000_000),
    ],
)
def test_a_record_that_is_too_large_is_cut_and_says_so(
    value: bytes | None, headers: list[tuple[str, bytes]], record_key: bytes
) -> None:
    message = letter(value, headers, record_key)

    assert message.value == (value and value[: 64 << 10])
    assert len(message.key or b"") <= 64 << 10
    assert message.headers[0] == ("h", b"1")
    assert dict(message.headers)["laurel.errors.value.bytes"] == str(len(value or b"")).encode()
    assert sum(len(content) for _, content in message.headers) < 100_000
