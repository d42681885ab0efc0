"""Brightspace Data Streams (xAPI): content topics that were completed or exempted, read as facts."""

from typing import Final, NamedTuple

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from rules.facts import Fact, Kind, Register
from rules.histories import Statement
from rules.keys import CourseId, LearnerId, TenantId
from streams.dialects.dialect import Record, Said, UnreadableEvent
from streams.dialects.json_text import decoded, json_text
from streams.dialects.values import id_of, id_text, instant, is_uuid, tenant_of

_VERBS: Final = "https://api.brightspace.com/xapi/verbs/"
_CONTENT_TOPIC: Final = "https://api.brightspace.com/xapi/activities/tools/content/topic"
_KEYS: Final = "https://api.brightspace.com/xapi/extension_keys/context/"
_URN: Final = "urn:uuid:"
_PATH: Final = "$.context.extensions"

_Id = int | str | None


class _Says(NamedTuple):
    kind: Kind
    value: int


# Every other verb of the streams (updated, submitted, enrolled, ...) says nothing about a topic.
_READ: Final = {
    _VERBS + "completed": _Says(Kind.TOPIC, 1),
    _VERBS + "exempted": _Says(Kind.EXEMPTION, 1),
    _VERBS + "unexempted": _Says(Kind.EXEMPTION, 0),
}


class _Verb(Struct, gc=False):
    id: str


class _Definition(Struct, gc=False):
    type: str | None = None


class _Object(Struct):
    id: str = ""
    definition: _Definition | None = None


class _Statement(Struct):
    """An xAPI statement: actor, verb and object make it one. What only our verbs need is read when they come."""

    actor: Raw
    verb: _Verb
    object: _Object
    id: str = ""
    timestamp: str = ""
    context: Raw = Raw(b"{}")


class _Actor(Struct, gc=False):
    user_id: int | str = field(name="userId")
    impersonating_user_id: Raw = field(name="impersonatingUserId", default=Raw(b"null"))


class _Target(Struct, gc=False):
    id: _Id = None


class _Place(Struct, gc=False):
    org_unit_id: int | str = field(name="orgUnitId")
    tenant_id: _Id = field(name="tenantId", default=None)
    original_event_id: _Id = field(name="originalEventId", default=None)


class _Extensions(Struct):
    actor: _Actor = field(name=_KEYS + "actor")
    context: _Place = field(name=_KEYS + "context")
    object: _Target | None = field(name=_KEYS + "object", default=None)


class _Context(Struct):
    extensions: _Extensions


_STATEMENT: Final = Decoder(_Statement)
_CONTEXT: Final = Decoder(_Context)


def parse(record: Record) -> tuple[Said, ...]:
    """
    Read one statement. What is not about completing or exempting a content topic is not for us.

    Nor is what staff did as the learner: it earns nothing. Raises UnreadableEvent for what is no xAPI statement.
    """
    statement = decoded(_STATEMENT, json_text(record), "$")
    says = _READ.get(statement.verb.id)
    definition = statement.object.definition
    if says is None or definition is None or definition.type != _CONTENT_TOPIC:
        return ()
    extensions = decoded(_CONTEXT, statement.context, "$.context").extensions
    actor, place = extensions.actor, extensions.context
    if bytes(actor.impersonating_user_id) != b"null":
        return ()
    fact = Fact(
        register=Register(
            tenant=_tenant(record, place),
            learner=LearnerId(id_of(actor.user_id, f"{_PATH}.actor.userId")),
            course=CourseId(id_of(place.org_unit_id, f"{_PATH}.context.orgUnitId")),
            kind=says.kind,
            object=_topic(statement, extensions),
        ),
        statement=Statement(
            instant(statement.timestamp, "$.timestamp", record.received_at), 0, _event_id(statement, place), says.value
        ),
        received_at=record.received_at,
        source=record.source,
    )
    return (fact,)


def _tenant(record: Record, place: _Place) -> TenantId:
    """
    The source's tenant: our name for what Brightspace knows by a UUID.

    Only where the setting is itself a UUID can the two be compared, and then they are.
    """
    if place.tenant_id is None or not is_uuid(record.tenant):
        return record.tenant
    path = f"{_PATH}.context.tenantId"
    return tenant_of(record, id_of(place.tenant_id, path), path)


def _topic(statement: _Statement, extensions: _Extensions) -> str:
    if extensions.object is not None and extensions.object.id is not None:
        return id_of(extensions.object.id, f"{_PATH}.object.id")
    if not statement.object.id.startswith(_URN):
        raise UnreadableEvent(f"{_PATH}.object.id is missing, and $.object.id is no {_URN}… to stand for it.")
    return id_text(statement.object.id.removeprefix(_URN), "$.object.id")


def _event_id(statement: _Statement, place: _Place) -> str:
    """Brightspace's own id of the event, since a repeat has it too; else the statement's."""
    if place.original_event_id is not None:
        return id_of(place.original_event_id, f"{_PATH}.context.originalEventId")
    return id_text(statement.id, "$.id")
