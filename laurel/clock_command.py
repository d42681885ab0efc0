"""The command `laurel clock`: what time each partition knows, and setting it where it does not believe the clock."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from laurel import wiring
from laurel.console import FAILED, err, fail, out, told
from laurel.drawing import moment
from laurel.environment import settings_from_environment
from laurel.instants import instant_after_1970
from rules.keys import Instant
from rules.known import JUMP
from streams.clock import ClockWriter, known_times
from streams.messages import rfc3339
from streams.options import StreamOptions
from streams.work import wall_clock

NOW: Final = "now"
SECOND: Final = 1_000_000
# What a partition knows is a minute old at most, and a little more while it is busy.
FRESH: Final = 180 * SECOND

Times = Mapping[int, Instant | None]


def show_or_set(
    time: Annotated[
        str | None,
        typer.Option("--set", metavar="TIME", help="Let it be this time (ISO 8601 with its zone, or `now`)."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before time jumps.")] = False,
) -> None:
    """
    Show what time each partition knows, or set it.

    Time goes by itself, a minute at a time. A jump of more than a day waits for --set: what ends by the clock does
    not come back.
    """
    with told():
        options, now = wiring.stream_options(settings_from_environment(), None), wall_clock()
        wanted = None if time is None else now if time == NOW else instant_after_1970("--set", time, ", or `now`;")
        known = asyncio.run(known_times(options))
        if wanted is None:
            out.print(_table(known, now))
            return
        _set(options, known, wanted, now, yes=yes)


def _set(options: StreamOptions, known: Times, wanted: Instant, now: Instant, *, yes: bool) -> None:
    behind = [at for at in known.values() if at is None or at < wanted]
    if not behind:
        fail(
            f"nothing to set: every partition knows {rfc3339(wanted)} or a later time, and time does not go back",
            FAILED,
        )
    jumps = [wanted - at for at in known.values() if at is not None and wanted - at > JUMP]
    is_ahead = wanted - now > FRESH
    if (jumps or is_ahead) and not yes:
        if jumps:
            err.print(f"{len(jumps)} of {len(known)} partitions jump, by up to {_length(max(jumps))}.")
        if is_ahead:
            err.print(f"{rfc3339(wanted)} is {_length(wanted - now)} ahead of this machine's clock.")
        err.print("All that ends until then ends at once, for everyone, and does not come back by setting the clock.")
        if not typer.confirm("Set it?", err=True):
            fail("nothing was set", FAILED)
    asyncio.run(_written(options, wanted))
    out.print(f"told all {options.partitions} partitions that it is {rfc3339(wanted)}")


async def _written(options: StreamOptions, time: Instant) -> None:
    writer = ClockWriter(options)
    try:
        await writer.write(time, is_set=True)
    finally:
        await writer.close()


def _table(known: Times, now: Instant) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        caption=f"this machine's clock: {moment(Instant(now - now % SECOND)):%Y-%m-%d %H:%M:%S} UTC",
        caption_justify="left",
    )
    for name in ("partition", "time (UTC)", ""):
        table.add_column(name, justify="right" if name == "partition" else "left")
    for partition, at in known.items():
        shown = "" if at is None else f"{moment(Instant(at - at % SECOND)):%Y-%m-%d %H:%M:%S}"
        table.add_row(str(partition), shown, _remark(at, now))
    return table


def _remark(at: Instant | None, now: Instant) -> str:
    if at is None:
        return "knows no time yet: no worker has told it"
    if now - at > JUMP:
        return f"{_length(now - at)} behind: no worker runs, or the clock waits for `laurel clock --set now`"
    if now - at > FRESH:
        return f"{_length(now - at)} behind: no worker runs, or it has much to do"
    return f"{_length(at - now)} ahead" if at - now > FRESH else ""


def _length(microseconds: int) -> str:
    return str(timedelta(seconds=microseconds // SECOND))
