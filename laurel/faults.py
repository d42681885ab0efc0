"""Faults of files: what is wrong, where, and what to write instead, all told at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeAlias

MAX_FAULTS_SHOWN: Final = 100
_SHOWN_CHARACTERS: Final = 60
_CANDIDATES: Final = 500
_LENGTHS_APART: Final = 4

Steps: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file: where, what, and what to write instead. Line 0 is the file as such."""

    file: str
    line: int
    column: int
    path: str
    problem: str
    cure: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.problem} {self.cure}".rstrip()


class FileFaults(ValueError):  # noqa: N818 - outcomes are named for what happened
    """A file is refused, with everything that is wrong in it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        lines = [str(fault) for fault in self.faults[:MAX_FAULTS_SHOWN]]
        more = len(self.faults) - len(lines)
        return "\n".join([*lines, f"… and {more} more."] if more else lines)


def whole(file: str, problem: str, cure: str) -> FileFaults:
    """A fault of the file as such."""
    return FileFaults([Fault(file=file, line=0, column=0, path="", problem=problem, cure=cure)])


def show_path(path: Steps) -> str:
    """Write a path as people do: `credentials[2].criteria.all[0]`."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif re.fullmatch(r"[\w-]+", step):
            shown += f".{step}" if shown else step
        else:
            shown += f"[{show(step)}]"
    return shown


def show(text: str) -> str:
    """Quote what an author wrote, on one line and not at length."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= _SHOWN_CHARACTERS else f'"{line[:_SHOWN_CHARACTERS]}…"'


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    alike = [name for name in known if abs(len(name) - len(word)) <= _LENGTHS_APART][:_CANDIDATES]
    by_lower = {name.lower(): name for name in alike}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[found[0]] if found else None


def in_order(*stages: Iterable[Fault]) -> list[Fault]:
    """Faults from top to bottom; where a stage found fault with a value, later stages need not."""
    kept: list[Fault] = []
    for stage in stages:
        said = {(fault.line, fault.column, fault.path) for fault in kept}
        kept += [fault for fault in stage if (fault.line, fault.column, fault.path) not in said]
    return sorted(kept, key=lambda fault: (fault.line, fault.column))
