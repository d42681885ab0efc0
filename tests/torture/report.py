"""The report: what was broken how often, how long each recovery took, and what the verifier has found."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from tests.torture.faults import KINDS
from tests.torture.findings import Findings
from tests.torture.run import Cycle

TWO = "two at once"


def table(cycles: Sequence[Cycle]) -> list[str]:
    """How often each kind of fault came, alone or with another, and how long it took to recover from it."""
    times: dict[str, list[float | None]] = defaultdict(list)
    for cycle in cycles:
        for name in [*cycle.kinds, *([TWO] if len(cycle.kinds) > 1 else [])]:
            times[name].append(cycle.recovered_seconds)
    rows = [("fault", "cycles", "min", "median", "max")]
    for name in [*[kind.name for kind in KINDS], TWO]:
        seconds = [one for one in times[name] if one is not None]
        measured = (min(seconds), statistics.median(seconds), max(seconds)) if seconds else ()
        shown = [f"{one:.1f} s" for one in measured] or ["", "", ""]
        never = len(times[name]) - len(seconds)
        rows.append((name, f"{len(times[name])}{f', {never} never' if never else ''}", *shown))  # type: ignore[arg-type]  # three of them
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def summary(findings: Findings) -> list[str]:
    """What was compared, and what was found."""
    compared = ", ".join(f"{number:,} {what}" for what, number in findings.compared.items())
    return [
        f"Compared: {compared}.",
        f"{findings.ledger_alone:,} awards have no entitlement behind them and follow from what was said before.",
        *findings.sentences(),
    ]
