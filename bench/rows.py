"""The rows of the results: what is measured, what it should be at least, and what it reaches for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.rates import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. `least` and `reach` are bounds from below, or from above where `is_smaller_better`."""

    name: str
    title: str
    unit: str
    least: float | None
    reach: float | None
    is_smaller_better: bool = False


ROWS = (
    Row(
        name="equal_vs_faust",
        title="Equal work, exactly once, against plain Faust (at least once), whole run",
        unit="x",
        least=20,
        reach=40,
    ),
    Row(
        name="equal_vs_quix",
        title="Equal work, exactly once, against Quix Streams exactly once, whole run",
        unit="x",
        least=1.3,
        reach=2.5,
    ),
    Row(
        name="equal_vs_kstreams_exactly_once",
        title="Equal work, exactly once, against Kafka Streams `exactly_once_v2`, steady half",
        unit="x",
        least=1.2,
        reach=2.5,
    ),
    Row(
        name="equal_vs_kstreams_at_least_once",
        title="The same against Kafka Streams at least once, steady half",
        unit="x",
        least=0.7,
        reach=1.3,
    ),
    Row(
        name="full_vs_kstreams_exactly_once",
        title="Full work (histories, spans, ledger) against Kafka Streams' equal work `exactly_once_v2`, steady half",
        unit="x",
        least=0.6,
        reach=1.2,
    ),
    Row(
        name="lms_to_award_per_second",
        title="LMS bytes to award, all agents in one worker on one core, events/s",
        unit="/s",
        least=15_000,
        reach=50_000,
    ),
    Row(
        name="restore_vs_faust",
        title="Restore from the changelog, records/s, against plain Faust",
        unit="x",
        least=20,
        reach=40,
    ),
    Row(
        name="many_learners_vs_few",
        title="Full work with many learners in the state against few",
        unit="x",
        least=0.7,
        reach=0.9,
    ),
    Row(
        name="large_catalogue_vs_small",
        title="Full work with 2,000 credentials in the catalogue against 5",
        unit="x",
        least=0.8,
        reach=0.95,
    ),
    Row(
        name="latency_p99_ms",
        title="Event to award at half load, all agents, 99th percentile",
        unit="ms",
        least=None,
        reach=100,
        is_smaller_better=True,
    ),
    Row(
        name="latency_p99_vs_kstreams",
        title="The same against Kafka Streams `exactly_once_v2` (one step), each at half of its own load",
        unit="x",
        least=1,
        reach=None,
        is_smaller_better=True,
    ),
    Row(
        name="memory_mb",
        title="Resident memory of a worker with many learners in its state",
        unit="MB",
        least=500,
        reach=300,
        is_smaller_better=True,
    ),
    Row(
        name="preview_seconds",
        title="Preview of a new rule, a worker beside it that has judged everything",
        unit="s",
        least=None,
        reach=None,
        is_smaller_better=True,
    ),
    Row(
        name="preview_memory_mb",
        title="Memory of that preview at its highest",
        unit="MB",
        least=None,
        reach=None,
        is_smaller_better=True,
    ),
    Row(
        name="apply_seconds",
        title="The same rule previewed, put in force, and walked to the last learner",
        unit="s",
        least=None,
        reach=None,
        is_smaller_better=True,
    ),
    Row(
        name="two_workers_vs_one",
        title="Two workers against one (needs four cores)",
        unit="x",
        least=None,
        reach=None,
    ),
)
BY_NAME = {row.name: row for row in ROWS}


# Whose capacity latency is measured at half of.
LAUREL = "laurel"
KSTREAMS = "kstreams"


@dataclass(slots=True)
class Found:
    """
    What was found: values by row, one for each turn; further figures by what they are; what a row is to be read with.

    `capacity` is what was last measured of those whose latency is measured later, in events a second;
    `disturbed` the largest share of a measured core that went to others.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    capacity: dict[str, float] = field(default_factory=dict)
    disturbed: float = 0.0

    def add(self, name: str, values: Sequence[float], note: str = "") -> None:
        """Note a row's values."""
        if name not in BY_NAME:
            raise KeyError(name)
        self.values.setdefault(name, []).extend(values)
        if note:
            self.notes[name] = note

    def figure(self, title: str, value: float) -> None:
        """Note a figure that stands behind a row, such as a rate."""
        self.figures.setdefault(title, []).append(value)

    def spread(self, name: str) -> Spread | None:
        values = self.values.get(name)
        return Spread.of(values) if values else None


def verdict(row: Row, spread: Spread) -> str:
    """Whether the middle of a row's runs reaches what it should."""
    if row.reach is not None and _reaches(row, spread.middle, row.reach):
        return "reached"
    if row.least is None:
        return "" if row.reach is None else "short of its reach"
    return "at least" if _reaches(row, spread.middle, row.least) else "**missed**"


def _reaches(row: Row, value: float, bound: float) -> bool:
    return value <= bound if row.is_smaller_better else value >= bound


def shown(value: float, unit: str) -> str:
    """A value as people read it."""
    match unit:
        case "x":
            return f"{value:.2f}x" if value < 10 else f"{value:.1f}x"
        case "/s":
            return f"{value:,.0f}/s"
        case _:
            return f"{value:,.0f} {unit}"


def plain(value: float) -> str:
    """A value as scripts read it."""
    return f"{value:.3g}" if value < 1_000 else f"{value:.0f}"
