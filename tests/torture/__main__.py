"""`make torture`: breaks a running system again and again, and counts what is lost, unexpected or doubled."""

import argparse
import logging
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from tests.real_kafka import KafkaUnavailableError
from tests.torture import disk
from tests.torture.report import summary, table
from tests.torture.result import result
from tests.torture.run import Options, Run
from tests.torture.scene import scene

FAILED = 1
UNAVAILABLE = 69
INTERRUPTED = 130


def main() -> int:
    """Run as asked, print as we go; gives the exit code."""
    options = _options()
    # The feeder's broker goes away again and again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    try:
        return torture(options)
    except KeyboardInterrupt:
        say("Everything that was started is gone.")
        return INTERRUPTED
    except KafkaUnavailableError as lack:
        say(str(lack))
        return UNAVAILABLE


def torture(options: Options) -> int:
    """One run, from the start to the line that says whether all is there."""
    began = time.monotonic()
    options.output.mkdir(parents=True, exist_ok=True)
    say(f"{options.cycles} cycles, seed {options.seed}, {options.per_second} events a second. {_disks()}")
    say("Starting Kafka, PostgreSQL, three workers and delivery ...")
    with scene(options.output, seed=options.seed, per_second=options.per_second) as set_up:
        run = Run(options=options, scene=set_up, say=say)
        run.torture()
        say(f"{run.sent:,} events were sent. A worker without any state restores it from the changelogs ...")
        findings = result(run)
    (options.output / "findings.txt").write_text("".join(f"{line}\n" for line in findings.sentences(None)))
    for line in ["", *table(run.cycles), "", *summary(findings), ""]:
        say(line)
    for sentence in run.failures:
        say(f"FAILURE: {sentence}")
    say(f"Seed {options.seed}, {time.monotonic() - began:.0f} s. Logs: {options.output}")
    say(str(findings))
    return 0 if findings.is_clean and not run.failures else FAILED


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _disks() -> str:
    if disk.how() == "mounted":
        return "A full disk is a file system in memory that is made small."
    return "No file system may be mounted here: a full disk is a limit on the size of the worker's files (EFBIG)."


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--cycles", type=int, default=10, help="how often something is broken (10)")
    parser.add_argument("--seed", type=int, help="which faults come in which order, and which events (any)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after so long no cycle begins (no limit)")
    parser.add_argument("--rate", type=int, default=120, help="events a second (120)")
    parser.add_argument("--output", type=Path, default=Path("torture-output"), help="where logs are left")
    given = parser.parse_args()
    if given.cycles < 1 or given.rate < 1:
        parser.error("--cycles and --rate are at least 1")
    seed = secrets.randbelow(100_000) if given.seed is None else given.seed
    return Options(cycles=given.cycles, seconds=given.seconds, seed=seed, per_second=given.rate, output=given.output)


def _interrupted(*_: object) -> NoReturn:
    # Once is enough: what comes now must not be broken off, or processes and directories would stay.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    say("Stopping ...")
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
