"""Printing: awards as lines and tables, sentences to the width of the terminal."""

import re
from textwrap import wrap
from typing import Final

from rich.table import Table

from laurel.drawing import moment
from laurel.evaluate import Evaluation
from rules.awards import Award
from rules.ledger import Status
from streams import messages

MAX_WIDTH: Final = 100  # longer lines are hard to read, however wide the terminal is


def body_of(award: Award) -> str:
    """The body of an award, as on the award topics."""
    return (messages.dump_award(award, source="").value or b"").decode()


def table_of(awards: list[Award]) -> Table:
    """Awards as a table."""
    table = Table(box=None, pad_edge=False)
    for name in ("learner", "credential", "status", "rev", "met at", "award id"):
        table.add_column(name, overflow="fold", no_wrap=name == "award id")
    for award in awards:
        met_at = "" if award.met_at is None else f"{moment(award.met_at):%Y-%m-%d %H:%M}"
        table.add_row(award.learner, award.credential, award.status.value, str(award.revision), met_at, award.award_id)
    return table


def summary_of(done: Evaluation) -> Table:
    """How many awards of each credential have which status."""
    counts: dict[tuple[str, str], dict[Status, int]] = {}
    for award in done.in_force:
        row = counts.setdefault((award.kind.value, award.credential), dict.fromkeys(Status, 0))
        row[award.status] += 1
    table = Table(
        box=None,
        pad_edge=False,
        caption=f"{done.facts:,} facts, {done.ignored:,} records not for us, {len(done.refused):,} dead letters",
        caption_justify="left",
    )
    for name in ("kind", "credential", *Status):
        table.add_column(name, justify="left" if name in ("kind", "credential") else "right")
    for (kind, credential), row in sorted(counts.items()):
        table.add_row(kind, credential, *[str(row[status]) for status in Status])
    return table


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Wrap each line of a text to a width; what follows a dash stays behind it, and `70 %` stays together."""
    lines = []
    for line in text.splitlines():
        begin = re.match(r" *(- )?", line)
        first = indent + (begin[0] if begin else "")
        rest = line.removeprefix(first.removeprefix(indent)).replace(" %", "\N{NO-BREAK SPACE}%")
        further = " " * len(first)
        limit = min(width, MAX_WIDTH)
        lines += wrap(
            rest, limit, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}%", " %")
