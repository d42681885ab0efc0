"""Facts written as events of our native format, structured or binary."""

from decimal import Decimal
from typing import Any, Final, NamedTuple, assert_never

from msgspec.json import Encoder

from rules.facts import CourseFact, CourseKind, Fact, Kind, Profile
from rules.histories import CourseStatement, Statement
from streams.dialects.dialect import Said
from streams.dialects.values import time_text

Headers = tuple[tuple[str, bytes], ...]

_FULL_MARKS: Final = 100
_ENCODER: Final = Encoder(decimal_format="number")
_TRUE_OR_NOT: Final = {
    (Kind.TOPIC, True): "topic_completed",
    (Kind.TOPIC, False): "topic_uncompleted",
    (Kind.EXEMPTION, True): "topic_exempted",
    (Kind.EXEMPTION, False): "topic_unexempted",
}


class Event(NamedTuple):
    """One event: its attributes but for the data, and the data."""

    attributes: dict[str, str]
    data: dict[str, Any]


def dump(said: Said, source: str) -> bytes:
    """
    Write what was said as an event, structured; reading it again gives the same.

    `source` names the producer, where the event's own id does not.
    """
    event = event_of(said, source)
    return _ENCODER.encode({**event.attributes, "datacontenttype": "application/json", "data": event.data})


def dump_binary(said: Said, source: str) -> tuple[Headers, bytes]:
    """Write it with the attributes in headers."""
    event = event_of(said, source)
    headers = tuple((f"ce_{name}", text.encode()) for name, text in event.attributes.items())
    return (*headers, ("content-type", b"application/json")), _ENCODER.encode(event.data)


def event_of(said: Said, source: str) -> Event:
    """The event that says this."""
    match said:
        case Fact():
            kind, data = _fact(said)
            at, event_id = said.statement.occurred_at, said.statement.event_id
        case CourseFact():
            kind, data = _course_fact(said)
            at, event_id = said.statement.occurred_at, said.statement.event_id
        case Profile():
            kind, data = "laurel.profile.v1", _profile(said)
            at, event_id = said.occurred_at, said.event_id
        case _:
            assert_never(said)
    # A stamp's event id is a UUID, or the source and the id with a space between.
    own_source, space, name = event_id.partition(" ")
    attributes = {
        "specversion": "1.0",
        "type": kind,
        "id": name if space else event_id,
        "source": own_source if space else source,
        "time": time_text(at),
    }
    return Event(attributes, data)


def _fact(fact: Fact) -> tuple[str, dict[str, Any]]:
    about, statement = fact.register, fact.statement
    data: dict[str, Any] = {"tenant": about.tenant, "learner": about.learner, "course": about.course}
    data |= _further(about.period, statement)
    match about.kind:
        case Kind.CALCULATED_GRADE:
            name, more = "calculated_grade", _grade(statement)
        case Kind.ADJUSTED_GRADE:
            name, more = "final_grade", {**_grade(statement), "adjusted": True}
        case Kind.ITEM_GRADE:
            name, more = "item_grade", {**_grade(statement), "item": about.object}
        case Kind.TOPIC | Kind.EXEMPTION:
            name, more = _TRUE_OR_NOT[about.kind, bool(statement.value)], {"topic": about.object}
        case Kind.COURSE_COMPLETED:
            name, more = "course_completed", {}
        case Kind.PARTICIPATED:
            if not about.course:
                del data["course"]
            name, more = "participated", {"kind": about.object}
        case Kind.PRIOR_LEARNING:
            del data["course"]
            # Who recognised it, and on what, stays with the event: a fact does not hold it.
            name, more = "prior_learning", {"achievement": about.object, "recognised_by": "-", "evidence": "-"}
        case _:
            assert_never(about.kind)
    return f"laurel.fact.{name}.v1", data | more


def _grade(statement: Statement) -> dict[str, Any]:
    if statement.value is None:
        score: dict[str, Any] = {"score": None}
    else:
        score = {"score": Decimal(statement.value).scaleb(-2), "max_score": _FULL_MARKS}
    return score if statement.released is None else {**score, "released": statement.released}


def _course_fact(fact: CourseFact) -> tuple[str, dict[str, Any]]:
    data = {"tenant": fact.tenant, "course": fact.course, **_further(fact.period, fact.statement)}
    match fact.kind:
        case CourseKind.OUTLINE:
            return "laurel.course.outline.v1", {**data, "topics": list(fact.statement.topics)}
        case CourseKind.RELEASE:
            return "laurel.course.release.v1", {**data, "final_grades_released": fact.statement.released}
        case _:
            assert_never(fact.kind)


def _profile(profile: Profile) -> dict[str, Any]:
    optional = {
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "language": profile.language,
        "email_sha256": profile.email_sha256,
    }
    told = {name: text for name, text in optional.items() if text}
    return {"tenant": profile.tenant, "learner": profile.learner, "full_name": profile.full_name, **told}


def _further(period: str, statement: Statement | CourseStatement) -> dict[str, Any]:
    found: dict[str, Any] = {"period": period} if period else {}
    return {**found, "sequence": statement.sequence} if statement.sequence else found
