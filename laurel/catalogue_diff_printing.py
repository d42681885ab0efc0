"""How the difference of two catalogues looks at a terminal."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len
from rich.console import Console

from laurel.catalogue_diff import CatalogueDiff, Change, CredentialDiff
from laurel.printing import MAX_WIDTH, wrapped

_INDENT: Final = "    "
_RULE: Final = " │ "
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


def print_diff(diff: CatalogueDiff, console: Console) -> None:
    """Print what differs: `+` came, `-` went, `~` changed; long texts side by side, the old one on the left."""
    width = min(console.width, MAX_WIDTH)
    for line in _lines(diff, width):
        console.print(line)


def _lines(diff: CatalogueDiff, width: int) -> Iterator[str]:
    if diff.is_empty:
        yield "no differences"
        return
    for change in diff.head:
        yield from _change(change, width, "")
    if diff.courses:
        yield "courses"
        for change in diff.courses:
            yield from _course(change)
    if diff.credentials:
        yield "credentials"
        for one in diff.credentials:
            yield from _credential(one, width)
    if diff.credentials and not any(change.what == "version" for change in diff.head):
        yield wrapped("Both files have the same `version`. Raise it with each change.", width)
    if diff.judged_again:
        yield wrapped(f"Holders are judged again: {', '.join(diff.judged_again)}.", width)
    if diff.new_versions:
        yield wrapped(f"Awards from here on name a new version: {', '.join(diff.new_versions)}.", width)
    if diff.built_on_changed:
        yield wrapped(f"Not changed, and built on what is: {', '.join(diff.built_on_changed)}.", width)


def _course(change: Change) -> Iterator[str]:
    match change:
        case Change(what=course, old=None, new=name):
            yield f"  + {course}: {name}"
        case Change(what=course, old=name, new=None):
            yield f"  - {course}: {name}"
        case Change(what=course, old=old, new=new):
            yield f"  ~ {course}: {old} → {new}"


def _credential(one: CredentialDiff, width: int) -> Iterator[str]:
    yield f"  {_SIGNS[one.how]} {one.id}, {one.kind}: {' '.join(one.name.split())}"
    for change in one.changes:
        if change.what == "id":
            yield wrapped(
                f"This is {change.old} under another id. An award is named by its credential's id, so the awards of "
                f"{change.old} stay what they are, and do not move here.",
                width,
                _INDENT,
            )
        elif one.how != "changed":
            yield wrapped(change.new or change.old or "", width, _INDENT)
        else:
            yield from _change(change, width, _INDENT)
            if change.what == "criteria" and one.same_meaning:
                yield f"{_INDENT}Written otherwise, and the same in meaning."


def _change(change: Change, width: int, indent: str) -> Iterator[str]:
    old, new = _said(change.old), _said(change.new)
    line = " ".join(f"{indent}{change.what}: {old} → {new}".rstrip().split("\n"))
    if change.what != "criteria" and cell_len(line) <= width:
        yield line
        return
    yield f"{indent}{change.what}"
    indent += "  "
    column = (width - len(indent) - len(_RULE)) // 2
    lefts, rights = wrapped(old, column).splitlines(), wrapped(new, column).splitlines()
    for left, right in zip_longest(lefts, rights, fillvalue=""):
        yield f"{indent}{left}{' ' * max(0, column - cell_len(left))}{_RULE}{right}".rstrip()


def _said(text: str | None) -> str:
    return "(none)" if text is None else text.strip() or "(empty)"
