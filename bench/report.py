"""The end of a run: ratios as `name=value` lines, and the table of RESULTS.md between its markers."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.rates import Spread
from bench.rows import ROWS, Found, plain, shown, verdict

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN = "<!-- measured: written by `make bench`, from here on -->"
END = "<!-- measured: up to here -->"


def lines(found: Found) -> Iterator[str]:
    """One `name=value` a row that was measured: the middle of its turns."""
    for row in ROWS:
        spread = found.spread(row.name)
        if spread is not None:
            yield f"{row.name}={plain(spread.middle)}"
        elif row.name in found.notes:
            yield f"{row.name}=unmeasured"


def table(found: Found, *, command: str, date: str, machine: str, versions: Mapping[str, str]) -> str:
    """What was found, as Markdown."""
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    out = [
        f"`{command}` on {date}, {machine}.",
        "",
        f"Versions: {said}.",
        "",
        f"Others took at most {found.disturbed:.0%} of the measured core while throughput was measured.",
        "",
        "| what | measured | lowest to highest | at least | reach for | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in ROWS:
        spread = found.spread(row.name)
        note = found.notes.get(row.name, "")
        least, reach = (
            "" if bound is None else ("below " if row.is_smaller_better else "") + shown(bound, row.unit)
            for bound in (row.least, row.reach)
        )
        title = f"{row.title} ({note})" if note else row.title
        if spread is None:
            out.append(f"| {title} | not measured | | {least} | {reach} | |")
            continue
        out.append(
            f"| {title} | {shown(spread.middle, row.unit)} | {_range(spread, row.unit)} | {least} | {reach} "
            f"| {verdict(row, spread)} |"
        )
    out += ["", "What stands behind them, the middle of all turns:", "", "| figure | middle | lowest to highest |"]
    out += ["| --- | ---: | ---: |"]
    for title, values in found.figures.items():
        spread = Spread.of(values)
        out.append(f"| {title} | {spread.middle:,.0f} | {_range(spread, '')} |")
    return "\n".join(out)


def _range(spread: Spread, unit: str) -> str:
    if spread.runs == 1:
        return "one run"
    return f"{shown(spread.low, unit).strip()} to {shown(spread.high, unit).strip()}, {spread.runs} runs"


def placed(document: str, measured: str) -> str:
    """The document with what was measured in its place. Raises ValueError where it has no such place."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"RESULTS.md has lost its markers: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{measured}\n{END}{after}"


def write(measured: str) -> None:
    """Put what was measured into RESULTS.md."""
    RESULTS.write_text(placed(RESULTS.read_text(encoding="utf-8"), measured), encoding="utf-8")
