"""The report: what was broken how often, how long each recovery took, and what the verifier has found."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from tests.torture.faults import KINDS
from tests.torture.findings import Findings
from tests.torture.run import Cycle

TWO = " + "


def table(cycles: Sequence[Cycle]) -> list[str]:
    """One row for each kind of fault, and one for each two that came at once: how often, and the recoveries."""
    times: dict[str, list[float | None]] = defaultdict(list)
    for cycle in cycles:
        times[cycle.kinds[0] if len(cycle.kinds) == 1 else "two at once"].append(cycle.recovered_seconds)
    rows = [("fault", "cycles", "min", "median", "max")]
    for name in [*[kind.name for kind in KINDS], "two at once"]:
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
