"""The queries: each has a name and a sentence in a .sql file beside this module."""

import re
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def query(name: str) -> str:
    """The text of one query by its name; KeyError for a name that no file has."""
    return _queries()[name]


@cache
def _queries() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(files("sinks.sql").iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        _, *rest = _HEAD.split(file.read_text(encoding="utf-8"))
        for name, text in zip(rest[::2], rest[1::2], strict=True):
            if name in found:
                raise ValueError(f"Two queries are named {name}; the second is in {file.name}.")
            found[name] = text.strip()
    return found
