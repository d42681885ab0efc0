"""The command `laurel learners erase`: erasing one, and waiting until nothing of them is left where we can look."""

import asyncio
import getpass
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from laurel import wiring, worker
from laurel.by_hand_commands import learner_of, tenant_of
from laurel.console import FAILED, USAGE, err, fail, out, told
from laurel.environment import settings_from_environment
from laurel.settings import Settings
from rules.awards import Erasure
from rules.keys import LearnerId, TenantId
from sinks.postgres import PostgresSink
from streams import broker
from streams.erasing import Erasing
from streams.work import wall_clock

# How long to wait between looks, in seconds.
LOOK_SECONDS: Final = 0.5
# What a key of hashes has, in bytes.
KEY_BYTES: Final = 32

app = typer.Typer(no_args_is_help=True, help="Learners: erase one.")


@app.callback()
def learners() -> None:
    """Learners: erase one."""


@app.command()
def erase(
    learner: Annotated[str, typer.Argument(help="The learner's id, as the learning platform has it.")],
    why: Annotated[str, typer.Option(help="Why. It is kept, without who they were: do not name them in it.")],
    who: Annotated[str, typer.Option(help="Who decided it; by default the user of this machine.")] = "",
    tenant: Annotated[
        str, typer.Option(help="Whose learner it is; by default the only tenant of the configuration.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="How long to wait until it is done.")] = 120,
) -> None:
    """
    Remove every trace of a learner, for good. What is said of them later is passed over.

    Writes the erasure, waits until workers and delivery have done it, and cuts what is deleted by age only. To give
    it again changes nothing. What stays for a while, and where, is in docs/privacy.md.
    """
    with told():
        settings = settings_from_environment()
        chosen, name = tenant_of(wiring.config_of(settings), tenant).id, learner_of(learner)
        reason = " ".join(why.split())
        if not reason:
            fail("--why says nothing; a decision by hand has to be answered for", USAGE)
        if not yes:
            err.print(f"All that Laurel knows of {name} of {chosen} is removed, and cannot be brought back.")
            err.print("Nothing that is said of them later is taken in.")
            if not typer.confirm("Erase?", err=True):
                fail("nothing was erased", FAILED)
        erasure = Erasure(
            tenant=chosen,
            learner=name,
            hash_key=secrets.token_hex(KEY_BYTES),
            who=" ".join(who.split()) or getpass.getuser(),
            why=reason,
            received_at=wall_clock(),
        )
        try:
            asyncio.run(_erased(settings, erasure, wait))
        except KeyboardInterrupt:
            fail("interrupted; if the erasure was written, workers do it all the same", worker.INTERRUPTED)


async def _erased(settings: Settings, erasure: Erasure, wait: int) -> None:
    options = wiring.stream_options(settings, None)
    async with broker.connected(options) as admin:
        erasing = Erasing(options, erasure, admin)
        await erasing.begin()
        steps: list[tuple[str, Callable[[], Awaitable[bool]]]] = [
            ("badges, standings and names", erasing.is_read_by_progress),
            ("certificates", erasing.is_read_by_certificates),
        ]
        if settings.database is not None:
            database = settings.database.get_secret_value()
            steps.append(("PostgreSQL", lambda: _is_gone(database, erasure.tenant, erasure.learner)))
        await _followed(steps, wait)
        if not settings.embedded:
            await erasing.cut()
    _report(settings, erasure, erasing.partition)


async def _followed(steps: list[tuple[str, Callable[[], Awaitable[bool]]]], wait: int) -> None:
    """Wait for each step; says which is not done where that takes too long."""
    until = time.monotonic() + wait
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("Erasing", total=len(steps))
        for name, is_done in steps:
            bar.update(task, description=f"Erasing: {name}")
            while not await is_done():
                if time.monotonic() > until:
                    fail(
                        f"the erasure is written, and after {wait} s it is not done: {name}. It is done once workers "
                        "and delivery run; give the same command again to see",
                        FAILED,
                    )
                await asyncio.sleep(LOOK_SECONDS)
            bar.advance(task)


async def _is_gone(database: str, tenant: TenantId, learner: LearnerId) -> bool:
    """Whether PostgreSQL has nothing of a learner any more."""
    sink = PostgresSink(database, connections=1)
    try:
        await sink.connect()
        found = (
            await sink.list_awards(tenant=tenant, learner=learner, limit=1),
            await sink.list_standings(tenant, learner),
            await sink.find_person(tenant, learner),
        )
        return not any(found)
    finally:
        await sink.close()


def _report(settings: Settings, erasure: Erasure, partition: int) -> None:
    out.print(f"{erasure.learner} of {erasure.tenant} is erased")
    out.print("state: nothing of them in the tables; their changelogs end in tombstones")
    out.print("topics: tombstones in laurel.badges, laurel.certificates, laurel.standings and laurel.profiles")
    if settings.embedded:
        out.print("laurel.facts, laurel.held: not cut, since the embedded broker cannot; they end with it")
    else:
        out.print(f"laurel.facts, laurel.held: partition {partition} is cut up to what was read")
    if settings.database is None:
        out.print("PostgreSQL: not looked at, since LAUREL_DATABASE is not set; delivery removes it")
    else:
        out.print("PostgreSQL: no awards, no standings, no names of them")
    out.print("Kafka keeps what tombstones hide until it compacts; sources and dead letters: see docs/privacy.md")
