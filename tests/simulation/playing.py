"""Playing a seed: its world to the end, what differs then from one clean run, and the steps that led there."""

import re
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

from tests.simulation.checks import differences
from tests.simulation.faults import planted
from tests.simulation.odds import odds_of
from tests.simulation.stage import staged
from tests.simulation.story import story_of
from tests.simulation.trouble import trouble
from tests.simulation.world import FailedError, Step, World

# Of a failed seed so many steps are shown, and so many differences.
SHOWN_STEPS = 100
SHOWN_DIFFERENCES = 10

_PARTITION = re.compile(r"TP\(topic='([^']*)', partition=(\d+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a seed ended."""

    seed: int
    fault: str
    wrong: list[str]
    trace: list[Step]

    def text(self, steps: int = SHOWN_STEPS) -> str:
        """What is wrong, the last steps (nought: all of them), and how to play it again."""
        again = f"make simulate SEED={self.seed}" + (f" FAULT='{self.fault}'" if self.fault else "")
        shown = self.wrong[:SHOWN_DIFFERENCES]
        more = [f"and {len(self.wrong) - len(shown)} more"] if len(self.wrong) > len(shown) else []
        return "\n".join(
            [
                f"seed {self.seed} does not come to the same as one clean run:",
                *[f"- {_plain(one)}" for one in [*shown, *more]],
                f"the last of {len(self.trace)} steps (seconds, who, what):",
                *lines(self.trace[-steps:]),
                f"play it again: {again}",
            ]
        )


def play(seed: int, fault: str = "") -> Report:
    """Play one seed, with a fault if one is named. Raises KeyError for a fault that is not there."""
    world = World(seed, story_of(seed), odds_of(seed), trouble)
    with planted(fault) if fault else nullcontext():
        try:
            staged(world)
            wrong = differences(world)
        except FailedError as error:
            wrong = [str(error)]
    return Report(seed=seed, fault=fault, wrong=wrong, trace=world.trace)


def lines(trace: Iterable[Step]) -> list[str]:
    """Steps as they are shown."""
    return [f"{time:9.3f}  {who:6} {_plain(' '.join([what, *map(str, about)]))}" for time, who, what, about in trace]


def _plain(text: str) -> str:
    return _PARTITION.sub(r"\1 \2", text)
