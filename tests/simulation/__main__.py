"""`make simulate`: plays seeds, and stops at the first that fails."""

import argparse
import sys
import time
from collections.abc import Iterable

from tests.simulation.faults import FAULTS
from tests.simulation.playing import SHOWN_STEPS, play

COUNT = 1_000
TOLD_EVERY = 100
INTERRUPTED = 130


def main() -> int:
    """Play what was asked for; 1 where a seed fails."""
    asked = _asked()
    try:
        return _play_all(_seeds(asked), asked.fault, asked.trace)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        return INTERRUPTED


def _play_all(seeds: range, fault: str, steps: int) -> int:
    began = time.monotonic()
    for done, seed in enumerate(seeds):
        _tell(f"seed {seed}, {done} of {len(seeds)} done", is_last=False, is_due=done % TOLD_EVERY == 0)
        report = play(seed, fault)
        if report.wrong:
            _tell("", is_last=True, is_due=sys.stderr.isatty())
            sys.stdout.write(report.text(steps) + "\n")
            return 1
    seconds = time.monotonic() - began
    each = f"seed {seeds[0]} comes" if len(seeds) == 1 else f"{len(seeds)} seeds come"
    _tell(f"{each} to the same as one clean run ({seconds:.0f} s)", is_last=True, is_due=True)
    return 0


def _tell(text: str, *, is_last: bool, is_due: bool) -> None:
    """One line that is written over on a terminal, and a line now and then elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if is_last and text else ""))
    elif is_due:
        sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _seeds(asked: argparse.Namespace) -> range:
    found: range = range(asked.count) if asked.seeds is None else asked.seeds
    return found if asked.seed is None else range(asked.seed, asked.seed + 1)


def _asked(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="SEED=17: play this one")
    which.add_argument("--seeds", type=_range, help="SEEDS=1-500: play these")
    which.add_argument("--count", type=int, default=COUNT, help=f"COUNT=50: play so many, from 0 on ({COUNT})")
    parser.add_argument("--fault", choices=["", *FAULTS], default="", help="FAULT='…': plant a fault, to see it found")
    shown = f"TRACE=0: show so many of the last steps, 0 for all ({SHOWN_STEPS})"
    parser.add_argument("--trace", type=int, default=SHOWN_STEPS, help=shown)
    return parser.parse_args(None if arguments is None else list(arguments))


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        msg = f"`{text}` is no range of seeds, as 1-500 is"
        raise argparse.ArgumentTypeError(msg)
    return range(int(first), int(last) + 1)


if __name__ == "__main__":
    sys.exit(main())
