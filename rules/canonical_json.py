"""The canonical bytes of a value: RFC 8785, the JSON Canonicalization Scheme, for values without floats."""

import json
from typing import Any

# The integers that every JSON reader takes for the same (RFC 8785, section 3.2.2.3, by way of RFC 7493).
MAX_INTEGER = (1 << 53) - 1


def canonical(value: Any) -> bytes:
    """
    The one way in which a value of None, bool, int, str, list and dict is written, so that it can be digested.

    Raises TypeError for anything else (floats too: `rules/` has none, decision 0002), ValueError for an integer
    that other readers would round and UnicodeEncodeError for a lone surrogate, as the RFC demands.
    """
    return _text(value).encode()


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            if abs(value) > MAX_INTEGER:
                raise ValueError(f"{value} is beyond what every JSON reader can hold")
            return str(value)
        case str():
            # What json escapes, and how, is just what the RFC asks for (section 3.2.2.2).
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{','.join(map(_text, value))}]"
        case dict() if all(isinstance(name, str) for name in value):
            members = sorted(value.items(), key=lambda member: _code_units(member[0]))
            return f"{{{','.join(f'{_text(name)}:{_text(inner)}' for name, inner in members)}}}"
        case _:
            raise TypeError(f"a canonical form holds no {type(value).__name__}")


def _code_units(name: str) -> bytes:
    """Order names by their UTF-16 code units (section 3.2.3): not that of code points, beyond U+FFFF."""
    return name.encode("utf-16-be")
