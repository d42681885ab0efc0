"""Rates, spreads and ratios: what is read off a run."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple


class Sample(NamedTuple):
    """So many events were committed at this moment (seconds of a clock that only goes forward)."""

    at: float
    done: int


class TooShortError(ValueError):
    """A run was over before a rate could be read off it."""


def whole_rate(samples: Sequence[Sample], *, base: int, end: int) -> float:
    """
    Events a second from the first commit that was seen to the last that found more to do.

    `base` is what was committed before the run, `end` what there is in all. The commit that reaches the end counts
    only where there is no other: who commits by the clock does so some time after the last event.
    """
    return _rate([sample for sample in samples if sample.done > base], end)


def steady_rate(samples: Sequence[Sample], *, base: int, end: int) -> float:
    """The same over the second half of the events that were done: who starts cold is warm by then."""
    done = max((sample.done for sample in samples), default=base)
    return _rate([sample for sample in samples if sample.done >= base + (done - base) / 2], end)


def _rate(samples: Sequence[Sample], end: int) -> float:
    before_end = [sample for sample in samples if sample.done < end]
    counted = before_end if len(before_end) > 1 else samples
    if len(counted) < 2:
        raise TooShortError("it was seen to commit less than twice on the way: give it more events")
    first, last = counted[0], counted[-1]
    return (last.done - first.done) / (last.at - first.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What repeated runs gave."""

    low: float
    middle: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = sorted(values)
        return cls(low=found[0], middle=median(found), high=found[-1], runs=len(found))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours to theirs, turn by turn: both of one turn ran right after each other."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
