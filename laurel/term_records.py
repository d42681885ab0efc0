"""How the demo's platform writes what happens: records of both its topics, and the broken ones among them."""

from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

from msgspec.json import encode

from rules.facts import CourseFact, Fact, Profile
from streams.dialects.laurel_events import dump, dump_binary
from streams.dialects.values import time_text

BRIGHTSPACE: Final = "lms.brightspace"
NATIVE: Final = "lms.laurel"
TENANT: Final = "example"
GRADEBOOK: Final = "https://lms.example.edu/gradebook"

_XAPI: Final = "https://api.brightspace.com/xapi/"
_KEYS: Final = _XAPI + "extension_keys/context/"
# Brightspace knows its tenant by a UUID; the source's setting calls it `example`.
_BRIGHTSPACE_TENANT: Final = "6f2d1c3b-8a77-4e0f-9a44-1b2c3d4e5f60"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One record to send to a source's topic."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def uuid(random: Random) -> str:
    """A UUID that the seed decides."""
    return str(UUID(int=random.getrandbits(128), version=4))


def native(said: Fact | CourseFact | Profile, *, binary: bool = False) -> Told:
    """An event of our native format, keyed by its learner or, as platforms do, not at all."""
    key = said.register.learner if isinstance(said, Fact) else said.learner if isinstance(said, Profile) else None
    headers, value = dump_binary(said, GRADEBOOK) if binary else ((), dump(said, GRADEBOOK))
    return Told(topic=NATIVE, key=None if key is None else key.encode(), value=value, headers=headers)


def statement(
    random: Random,
    *,
    verb: str,
    learner: str,
    course: str,
    thing: str,
    at: int,
    kind: str = "content/topic",
    staff: int | None = None,
) -> Told:
    """A statement of Brightspace, keyed by its course."""
    actor: dict[str, Any] = {"userId": int(learner), "imsRoleIds": ["urn:lti:role:ims/lis/Learner"], "roleId": 110}
    if staff is not None:
        actor["impersonatingUserId"] = staff
    place = {
        "tenantId": _BRIGHTSPACE_TENANT,
        "originalEventId": uuid(random),
        "orgUnitType": "Course Offering",
        "orgUnitId": int(course),
    }
    value = {
        "id": uuid(random),
        "timestamp": time_text(at)[:23] + "Z",
        "actor": {"objectType": "Agent", "account": {"homePage": f"https://{_BRIGHTSPACE_TENANT}.lms.d2l.com/"}},
        "verb": {"id": f"{_XAPI}verbs/{verb}"},
        "object": {
            "objectType": "Activity",
            "id": f"urn:uuid:{uuid(random)}",
            "definition": {"type": f"{_XAPI}activities/tools/{kind}"},
        },
        "context": {
            "registration": uuid(random),
            "extensions": {_KEYS + "actor": actor, _KEYS + "object": {"id": int(thing)}, _KEYS + "context": place},
        },
    }
    return Told(topic=BRIGHTSPACE, key=course.encode(), value=encode(value))


def foreign(random: Random, at: int) -> Told:
    """An event of another producer on the same bus: known, and not for Laurel."""
    event = {
        "specversion": "1.0",
        "type": random.choice(("edu.example.room.booked", "edu.example.library.loan", "edu.example.login")),
        "id": uuid(random),
        "source": "https://bus.example.edu",
        "time": time_text(at),
        "data": {"number": random.randrange(1_000)},
    }
    return Told(topic=NATIVE, key=None, value=encode(event))


def broken(random: Random, good: Told) -> Told:
    """A record that cannot be read, made of one that can."""
    spoil = random.choice(_NATIVE_FAULTS if good.topic == NATIVE and not good.headers else _FAULTS)
    return Told(topic=good.topic, key=good.key, value=spoil(random, good.value))


def _noise(random: Random, _value: bytes) -> bytes:
    return random.randbytes(64)


def _truncated(random: Random, value: bytes) -> bytes:
    return value[: random.randrange(1, len(value) - 1)]


def _nested(_random: Random, _value: bytes) -> bytes:
    return b'{"data":' + b"[" * 20_000


def _ahead(_random: Random, value: bytes) -> bytes:
    return value.replace(b'"2026-', b'"2030-')


def _half_a_pair(_random: Random, value: bytes) -> bytes:
    return value.replace(b'"id":"', b'"id":"\\ud83d')


def _no_zone(_random: Random, value: bytes) -> bytes:
    return value.replace(b'Z"', b'"')


def _learner_as_number(_random: Random, value: bytes) -> bytes:
    return value.replace(b'"learner":"', b'"learner":17,"was":"')


def _letter(_random: Random, value: bytes) -> bytes:
    return value.replace(b'"score":', b'"score":"B+","points":')


def _other_tenant(_random: Random, value: bytes) -> bytes:
    return value.replace(b'"tenant":"example"', b'"tenant":"another"')


def _typing_error(_random: Random, value: bytes) -> bytes:
    return value.replace(b'"laurel.fact.', b'"laurel.facts.')


_FAULTS: Final = (_noise, _truncated, _nested, _ahead, _no_zone, _half_a_pair)
_NATIVE_FAULTS: Final = (*_FAULTS, _learner_as_number, _letter, _other_tenant, _typing_error)
