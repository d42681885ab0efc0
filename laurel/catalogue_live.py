"""The commands of `laurel catalogue` that look at a running system, or change what is in force in it."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from laurel import wiring
from laurel.catalogue_file import read_catalogue
from laurel.console import FAILED, USAGE, err, fail, out, told
from laurel.environment import settings_from_environment, tenant_of, zone_of
from laurel.preview_printing import preview_document, print_outcome, print_preview, unforetold
from rules.catalogue import Catalogue, dump_catalogue
from rules.rulebook import rulebook
from streams import broker
from streams.options import StreamOptions
from streams.previewing import Previewed, preview
from streams.walking import Walked, outcome, until_walked
from streams.work import wall_clock

# So long may nothing have moved before it is said that no worker seems to run.
STILL_SECONDS = 15.0

File = Annotated[Path, typer.Argument(help="The catalogue.")]
Tenant = Annotated[str, typer.Option(help="Whose it is; by default the only tenant of the configuration.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `laurel catalogue`."""
    app.command("preview")(preview_catalogue)
    app.command("apply")(apply_catalogue)


def preview_catalogue(
    file: File,
    tenant: Tenant = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with everyone named.")] = False,
) -> None:
    """
    Say what would change if a catalogue were in force now: who gains, who loses, who comes closer.

    It judges what workers have judged so far by the code that they run. Nothing is changed by it.
    """
    with told():
        catalogue, options = _asked(file, tenant)
        previewed = _previewed(options, catalogue)
        if (why_not := unforetold(previewed)) is not None:
            fail(why_not, FAILED)
        if as_json:
            typer.echo(json.dumps(preview_document(previewed, catalogue), ensure_ascii=False))
        else:
            print_preview(previewed, catalogue, out)


def apply_catalogue(
    file: File,
    tenant: Tenant = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until everyone is judged by it, and say what came of it.")] = True,
) -> None:
    """
    Put a catalogue in force, after showing what it changes. Workers judge all that they know again.

    Ctrl-C while it waits ends the waiting alone: the catalogue is in force by then.
    """
    with told():
        if not yes and not sys.stdin.isatty():
            fail("there is no terminal to ask at: say --yes to put it in force without being asked", USAGE)
        catalogue, options = _asked(file, tenant)
        previewed = _previewed(options, catalogue)
        why_not = unforetold(previewed)
        if why_not is None:
            print_preview(previewed, catalogue, out)
        else:
            out.print(why_not)
        if not yes and not typer.confirm(f"Put version {catalogue.version} in force for {catalogue.tenant}?"):
            fail("nothing was changed", FAILED)
        document = dump_catalogue(catalogue)
        try:
            offsets = asyncio.run(broker.put_in_force(options, [document]))
        except KafkaError as error:
            fail(f"the catalogue is not in force: {options.bootstrap} says {error}", FAILED)
        digest = rulebook(catalogue).digest
        out.print(f"version {catalogue.version} is in force for {catalogue.tenant}: {digest}")
        if not wait:
            return
        if previewed.is_empty:
            out.print("The first worker that runs judges by it; there is nobody to wait for.")
            return
        _wait(
            options, previewed, Walked.after(previewed, catalogue.tenant, digest, offsets, step=options.walk_learners)
        )
        if why_not is not None:
            out.print("Everyone is judged by it.")
            return
        found = asyncio.run(outcome(options, previewed, catalogue.tenant))
        print_outcome(found, sum(1 for _ in previewed.totals.awards()), out)


def _asked(file: Path, tenant: str) -> tuple[Catalogue, StreamOptions]:
    settings = settings_from_environment()
    whose = tenant_of(settings, tenant)
    catalogue = read_catalogue(file, whose, zone_of(settings, whose))
    return catalogue, wiring.stream_options(settings, None)


def _previewed(options: StreamOptions, catalogue: Catalogue) -> Previewed:
    with _bar("Judging what is known") as seen:
        return asyncio.run(preview(options, catalogue, wall_clock(), seen))


def _wait(options: StreamOptions, previewed: Previewed, walked: Walked) -> None:
    """Wait until everyone is judged anew, and say it once where nothing moves."""
    total, moved, is_said = sum(previewed.learners.values()), [0, time.monotonic()], False
    with _bar("Judging everyone again") as seen:

        def look() -> None:
            nonlocal is_said
            done = walked.learners(previewed.learners)
            if done != moved[0]:
                moved[:] = [done, time.monotonic()]
            seen(done, total)
            if time.monotonic() - moved[1] > STILL_SECONDS and not is_said:
                is_said = True
                err.print(f"Nothing has moved for {STILL_SECONDS:.0f} s: does a worker run? Ctrl-C ends the waiting.")

        try:
            asyncio.run(until_walked(options, walked, look))
        except KeyboardInterrupt:
            err.print("The catalogue is in force, and workers go on without this command.")
            raise
    if walked.is_overtaken:
        out.print("Another catalogue was put in force meanwhile; what follows is of both.")


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal; takes how much is done, and of how much."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=max(total, 1))
