"""Our native format, read as facts: CloudEvents 1.0 in JSON, structured or binary."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from msgspec import Raw, Struct
from msgspec.json import Decoder

from rules.facts import CourseFact, CourseKind, Fact, Kind, Profile, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, Instant, LearnerId
from streams.dialects.dialect import Record, Said, UnreadableEvent
from streams.dialects.json_text import decoded, json_text, near, shown
from streams.dialects.laurel_data import (
    CourseData,
    Data,
    FinalGradeData,
    GradeData,
    ItemGradeData,
    OutlineData,
    ParticipatedData,
    PriorLearningData,
    ProfileData,
    ReleaseData,
    Text,
    TopicData,
)
from streams.dialects.values import hundredths, id_text, instant, is_uuid, name_text, tenant_of, topics_of

# Kinds of control that Laurel will know; named here so that nobody takes their refusal for a typing error.
COMES_LATER: Final = ("void", "alias")
# Kinds that no source may say, each with the command that does.
BY_COMMAND: Final = {
    "clock": "laurel clock",
    "erase": "laurel learners erase",
    "grant": "laurel grant",
    "revoke": "laurel revoke",
}

_CONTROL: Final = "laurel.control."
_EMAIL_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_SPACE: Final = re.compile(r"\s")


class _Event(Struct, gc=False):
    """The attributes of a CloudEvent; extensions are allowed, and not for us."""

    specversion: str = ""
    type: str = ""
    id: str = ""
    source: str = ""
    time: str = ""
    datacontenttype: Text = None
    data: Raw = Raw(b"")
    data_base64: Text = None


class _Told(NamedTuple):
    """What surrounds the data: the record, when it happened, the stamp's event id, and where the data lies."""

    record: Record
    at: Instant
    event_id: str
    path: str


def parse(record: Record) -> tuple[Said, ...]:
    """
    Read one event of our own format. CloudEvents of other producers' types are not for us.

    Raises UnreadableEvent for anything else, an unknown type of ours too: a typing error has to be found.
    """
    event, base, path = _event(record)
    if event.specversion != "1.0":
        raise UnreadableEvent(
            f"{base}specversion is {shown(event.specversion)}, where CloudEvents say '1.0': this is no event we know."
        )
    if not event.type.startswith("laurel."):
        id_text(event.type, f"{base}type")
        return ()
    reader = _READERS.get(event.type)
    if reader is None:
        raise UnreadableEvent(_unknown(event.type, f"{base}type"))
    if event.datacontenttype is not None and "json" not in event.datacontenttype:
        raise UnreadableEvent(f"{base}datacontenttype is {shown(event.datacontenttype)}; write application/json.")
    if event.data_base64 is not None:
        raise UnreadableEvent("$.data_base64 is not read; write the data as JSON, in $.data.")
    if not bytes(event.data):
        raise UnreadableEvent(f"{path} is missing; the data of {event.type} is a JSON object.")
    at = instant(event.time, f"{base}time", record.received_at)
    decoder, read = reader
    data = decoded(decoder, event.data, path)
    return (read(data, _Told(record, at, _event_id(event, base), path)),)


def _event(record: Record) -> tuple[_Event, str, str]:
    """The event, what its attributes' names begin with in messages, and where its data lies."""
    value = json_text(record)
    if record.headers:
        headers = dict(record.headers)
        content = headers.get("content-type", b"")
        is_binary = "ce_type" in headers or "ce_specversion" in headers
        if is_binary and not content.startswith(b"application/cloudevents"):
            return _binary(headers, value), "header ce_", "$"
        if content.startswith(b"application/cloudevents-batch"):
            raise UnreadableEvent("The value is a batch of events; send each in a record of its own.")
    return decoded(_EVENT, value, "$"), "$.", "$.data"


def _binary(headers: dict[str, bytes], value: bytes) -> _Event:
    def attribute(name: str, header: str) -> str:
        try:
            return headers.get(header, b"").decode()
        except UnicodeDecodeError:
            raise UnreadableEvent(f"The header {name} is not UTF-8.") from None

    names = ("specversion", "type", "id", "source", "time")
    content = attribute("content-type", "content-type") or attribute("ce_datacontenttype", "ce_datacontenttype")
    attributes = {name: attribute(f"ce_{name}", f"ce_{name}") for name in names}
    return _Event(**attributes, datacontenttype=content or None, data=Raw(value))


def _event_id(event: _Event, base: str) -> str:
    """
    Name the event for its stamp. CloudEvents are unique by source and id together.

    A UUID is unique by itself, and short. Any other id gets its source before it; a source has no space in it,
    so that no two pairs run together.
    """
    name = id_text(event.id, f"{base}id")
    source = id_text(event.source, f"{base}source")
    if is_uuid(name):
        return name
    if _SPACE.search(source):
        raise UnreadableEvent(f"{base}source is {shown(source)}; it is an address, and has no space in it.")
    return f"{source} {name}"


def _unknown(kind: str, path: str) -> str:
    if kind.startswith(_CONTROL):
        later = kind.removeprefix(_CONTROL).split(".")[0]
        if later in BY_COMMAND:
            return f"{path} is {shown(kind)}, which no source says; `{BY_COMMAND[later]}` does."
        if later in COMES_LATER:
            return f"{path} is {shown(kind)}: this kind of control comes later, and is not read yet."
    return f"{path} is {shown(kind)}, which is no type of ours; {near(kind, list(_READERS))}."


def _fact(
    data: CourseData | ParticipatedData | PriorLearningData,
    told: _Told,
    kind: Kind,
    thing: str,
    value: int | None,
    released: bool | None,
) -> Fact:
    record, at, event_id, path = told
    return Fact(
        register=Register(
            tenant=tenant_of(record, data.tenant, path + ".tenant"),
            learner=LearnerId(id_text(data.learner, path + ".learner")),
            course=_course(data, path + ".course"),
            kind=kind,
            object=thing,
            period=_period(data, path),
        ),
        statement=Statement(at, data.sequence, event_id, value, released),
        received_at=record.received_at,
        source=record.source,
    )


def _course(data: CourseData | ParticipatedData | PriorLearningData, path: str) -> CourseId:
    """Where it took place; empty outside of any course."""
    if isinstance(data, PriorLearningData) or data.course is None:
        return CourseId("")
    return CourseId(id_text(data.course, path))


def _period(data: Data, path: str) -> str:
    return id_text(data.period, path + ".period") if data.period else ""


def _final_grade(data: FinalGradeData, told: _Told) -> Fact:
    kind = Kind.ADJUSTED_GRADE if data.adjusted else Kind.CALCULATED_GRADE
    return _fact(data, told, kind, "", hundredths(data.score, data.max_score, told.path), data.released)


def _calculated_grade(data: GradeData, told: _Told) -> Fact:
    _not_adjusted(data, told)
    score = hundredths(data.score, data.max_score, told.path)
    return _fact(data, told, Kind.CALCULATED_GRADE, "", score, data.released)


def _item_grade(data: ItemGradeData, told: _Told) -> Fact:
    _not_adjusted(data, told)
    item = id_text(data.item, told.path + ".item")
    return _fact(data, told, Kind.ITEM_GRADE, item, hundredths(data.score, data.max_score, told.path), data.released)


def _not_adjusted(data: GradeData, told: _Told) -> None:
    if data.adjusted:
        raise UnreadableEvent(f"{told.path}.adjusted is true; an adjusted grade is a laurel.fact.final_grade.v1.")


def _topic(kind: Kind, value: int) -> Callable[[TopicData, _Told], Fact]:
    def read(data: TopicData, told: _Told) -> Fact:
        return _fact(data, told, kind, id_text(data.topic, told.path + ".topic"), value, None)

    return read


def _course_completed(data: CourseData, told: _Told) -> Fact:
    return _fact(data, told, Kind.COURSE_COMPLETED, "", 1, None)


def _participated(data: ParticipatedData, told: _Told) -> Fact:
    return _fact(data, told, Kind.PARTICIPATED, data.kind or "", 1, None)


def _prior_learning(data: PriorLearningData, told: _Told) -> Fact:
    path = told.path
    id_text(data.recognised_by, path + ".recognised_by")
    id_text(data.evidence, path + ".evidence")
    achievement = id_text(data.achievement, path + ".achievement")
    return _fact(data, told, Kind.PRIOR_LEARNING, achievement, 1, None)


def _course_fact(data: OutlineData | ReleaseData, told: _Told) -> CourseFact:
    record, at, event_id, path = told
    statement = CourseStatement(at, data.sequence, event_id)
    if isinstance(data, OutlineData):
        kind, statement = CourseKind.OUTLINE, statement._replace(topics=topics_of(data.topics, path + ".topics"))
    else:
        kind, statement = CourseKind.RELEASE, statement._replace(released=data.final_grades_released)
    return CourseFact(
        tenant=tenant_of(record, data.tenant, path + ".tenant"),
        course=CourseId(id_text(data.course, path + ".course")),
        kind=kind,
        period=_period(data, path),
        statement=statement,
        received_at=record.received_at,
        source=record.source,
    )


def _profile(data: ProfileData, told: _Told) -> Profile:
    record, at, event_id, path = told
    if not data.full_name.strip():
        raise UnreadableEvent(f"{path}.full_name is empty; leave the event out where no name is known.")
    if data.language and not _LANGUAGE.fullmatch(data.language):
        raise UnreadableEvent(f"{path}.language is {shown(data.language)}; write a tag such as de or pt-BR.")
    if data.email_sha256 and not _EMAIL_SHA256.fullmatch(data.email_sha256):
        raise UnreadableEvent(f"{path}.email_sha256 is not 64 hexadecimal digits (never write the address itself).")
    return Profile(
        tenant=tenant_of(record, data.tenant, path + ".tenant"),
        learner=LearnerId(id_text(data.learner, path + ".learner")),
        full_name=name_text(data.full_name, path + ".full_name"),
        first_name=name_text(data.first_name or "", path + ".first_name"),
        last_name=name_text(data.last_name or "", path + ".last_name"),
        language=data.language or "",
        email_sha256=data.email_sha256 or "",
        occurred_at=at,
        event_id=event_id,
    )


_EVENT: Final = Decoder(_Event)
# The reader takes what its decoder gives: each pair below holds to that, and the samples test every one.
_READERS: Final[dict[str, tuple[Decoder[Any], Callable[[Any, _Told], Said]]]] = {
    "laurel.fact.final_grade.v1": (Decoder(FinalGradeData), _final_grade),
    "laurel.fact.calculated_grade.v1": (Decoder(GradeData), _calculated_grade),
    "laurel.fact.item_grade.v1": (Decoder(ItemGradeData), _item_grade),
    "laurel.fact.topic_completed.v1": (Decoder(TopicData), _topic(Kind.TOPIC, 1)),
    "laurel.fact.topic_uncompleted.v1": (Decoder(TopicData), _topic(Kind.TOPIC, 0)),
    "laurel.fact.topic_exempted.v1": (Decoder(TopicData), _topic(Kind.EXEMPTION, 1)),
    "laurel.fact.topic_unexempted.v1": (Decoder(TopicData), _topic(Kind.EXEMPTION, 0)),
    "laurel.fact.course_completed.v1": (Decoder(CourseData), _course_completed),
    "laurel.fact.participated.v1": (Decoder(ParticipatedData), _participated),
    "laurel.fact.prior_learning.v1": (Decoder(PriorLearningData), _prior_learning),
    "laurel.course.outline.v1": (Decoder(OutlineData), _course_fact),
    "laurel.course.release.v1": (Decoder(ReleaseData), _course_fact),
    "laurel.profile.v1": (Decoder(ProfileData), _profile),
}
