"""`python -m bench`: measures, prints the ratios last, and writes RESULTS.md after a full run."""

import asyncio
import datetime as dt
import signal
import sys
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from bench import latency, lms, machine, preview, report, restore, scale, throughput, workers
from bench.machine import UnfitMachineError
from bench.measuring import FailedRunError
from bench.processors import kafka_version, peer_versions, prepare_peers
from bench.rates import TooShortError
from bench.rows import Found
from bench.sizes import FULL, QUICK, Sizes
from bench.stage import Log
from bench.throughput import UnequalWorkError
from tests.real_kafka import KafkaUnavailableError

INTERRUPTED = 130


class Group(StrEnum):
    """Rows that are measured together."""

    THROUGHPUT = "throughput"
    LMS = "lms"
    RESTORE = "restore"
    LATENCY = "latency"
    LEARNERS = "learners"
    CATALOGUE = "catalogue"
    PREVIEW = "preview"
    WORKERS = "workers"


MEASURES = {
    Group.THROUGHPUT: throughput.measure,
    Group.LMS: lms.measure,
    Group.RESTORE: restore.measure,
    Group.LATENCY: latency.measure,
    Group.LEARNERS: scale.measure_learners,
    Group.CATALOGUE: scale.measure_catalogue,
    Group.PREVIEW: preview.measure,
    Group.WORKERS: workers.measure,
}
FAULTS = (
    FailedRunError,
    KafkaError,
    KafkaUnavailableError,
    RuntimeError,
    TooShortError,
    UnequalWorkError,
    UnfitMachineError,
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    quick: Annotated[bool, typer.Option(help="Smaller sizes: under five minutes, and RESULTS.md stays.")] = False,
    only: Annotated[list[Group] | None, typer.Option(help="Measure this group alone; RESULTS.md stays.")] = None,
    repeat: Annotated[int | None, typer.Option(min=1, help="How often throughput is measured.")] = None,
) -> None:
    """Measure Laurel beside plain Faust, Quix Streams and Kafka Streams, on this machine and one core each."""
    console = Console()
    sizes = QUICK if quick else FULL
    sizes = replace(sizes, repeat=repeat) if repeat else sizes
    # A shell may have switched Ctrl-C off for what runs in its background; being ended from outside counts as one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        found = asyncio.run(_measured(Log(console=console), sizes, only or list(Group)))
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is ended")
        sys.exit(INTERRUPTED)
    except FAULTS as fault:
        console.print(f"{type(fault).__name__}: {fault}", highlight=False, markup=False, style="red")
        sys.exit(1)
    if not quick and not only:
        command = f"make bench REPEAT={sizes.repeat}" if repeat else "make bench"
        report.write(_table(found, command))
        console.print(f"written to {report.RESULTS.name}")
    for line in report.lines(found):
        print(line)  # noqa: T201  # for scripts: bare, and last


async def _measured(log: Log, sizes: Sizes, groups: list[Group]) -> Found:
    machine.take_place()
    log.say("building the Kafka Streams program")
    prepare_peers()
    found = Found()
    for group in groups:
        log.say(f"-- {group.value} --")
        await MEASURES[group](log, sizes, found)
    return found


def _table(found: Found, command: str) -> str:
    versions = {**machine.versions(), **peer_versions(), "Kafka and Kafka Streams": kafka_version()}
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return report.table(found, command=command, date=today, machine=machine.described(), versions=versions)


if __name__ == "__main__":
    app()
