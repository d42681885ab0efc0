"""JSON of a record: its size checked before it is decoded, and every fault said in a sentence with its path."""

import re
from difflib import get_close_matches
from typing import Final, TypeVar

import msgspec

from streams.dialects.dialect import Record, UnreadableEvent

MAX_RECORD_BYTES: Final = 1 << 20
# Of anything that came in, no message shows more than this.
SHOWN_CHARACTERS: Final = 60

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UNKNOWN_FIELD: Final = "Object contains unknown field `"
_MISSING_FIELD: Final = "Object missing required field `"
_TYPES: Final = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_JSON_WORDS: Final = {"str": "text", "int": "a whole number", "bool": "true or false", "float": "a number"}

T = TypeVar("T")


def json_text(record: Record) -> bytes:
    """The record's JSON: not empty, not too large, without the byte order mark that some senders put before it."""
    value = record.value
    if len(value) > MAX_RECORD_BYTES:
        raise UnreadableEvent(f"The value has {len(value):,} bytes; at most {MAX_RECORD_BYTES:,} are read.")
    if not value:
        raise UnreadableEvent("The value is empty; an event is a JSON object.")
    return value.removeprefix(_BYTE_ORDER_MARK)


def decoded(decoder: msgspec.json.Decoder[T], data: bytes | msgspec.Raw, path: str) -> T:
    """
    Decode what lies at a path of the record.

    Of a key that is written twice the last counts. Raises UnreadableEvent for what is no JSON or has another shape.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise UnreadableEvent(_misshapen(str(error), path, decoder.type)) from None
    except msgspec.DecodeError as error:
        raise UnreadableEvent(_malformed(str(error), path)) from None
    except UnicodeDecodeError:
        raise UnreadableEvent(f"{path} is not UTF-8, as JSON has to be.") from None
    except RecursionError:
        raise UnreadableEvent(f"{path} is nested too deeply; an event has a handful of levels.") from None


def shown(text: str) -> str:
    """Show the beginning of what came in, in quotes, with everything escaped that is not printable."""
    cut = text[:SHOWN_CHARACTERS]
    return f"{cut!r}…" if len(text) > len(cut) else repr(cut)


def near(text: str, known: list[str]) -> str:
    """Name the known words that are like this one, or all of them."""
    close = get_close_matches(text[:SHOWN_CHARACTERS], known, n=3)
    return f"near to it: {', '.join(close)}" if close else f"known are: {', '.join(known)}"


def _misshapen(message: str, path: str, shape: object) -> str:
    """Say in our words what msgspec found: `Expected `str`, got `int` - at `$.learner``."""
    fault, at, place = message.rpartition(" - at `$")
    where = path + place.removesuffix("`") if at else path
    if not at:
        fault = message
    if fault.startswith(_UNKNOWN_FIELD):
        name = fault.removeprefix(_UNKNOWN_FIELD).removesuffix("`")
        return f"{where} has an unknown field {shown(name)}; {near(name, _fields(shape))}."
    if fault.startswith(_MISSING_FIELD):
        return f"{where} lacks the field {fault.removeprefix(_MISSING_FIELD).removesuffix('`')}."
    fault = _TYPES.sub(_plainly, fault)
    return f"{where}: {fault[:1].lower()}{fault[1 : 2 * SHOWN_CHARACTERS]}."


def _plainly(types: re.Match[str]) -> str:
    return " or ".join(_JSON_WORDS.get(name, name) for name in types[1].split(" | "))


def _malformed(message: str, path: str) -> str:
    if "truncated" in message:
        return f"{path} is JSON that ends too early, or has half of a surrogate pair (such as \\ud800 alone)."
    return f"{path} is no JSON: {message.removeprefix('JSON is malformed: ')}."


def _fields(shape: object) -> list[str]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(shape)]
    return []
