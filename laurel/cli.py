"""The command line."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn
from uuid import UUID

import typer

from laurel import by_hand_commands, catalogue_live, learner_commands, operations, wiring, worker
from laurel.catalogue_commands import app as catalogue_app
from laurel.catalogue_file import read_catalogue
from laurel.clock_command import show_or_set
from laurel.console import FAILED, USAGE, UTC_ZONE, TimeZone, err, fail, out, told
from laurel.environment import settings_from_environment as _settings
from laurel.erasing_command import app as learners_app
from laurel.evaluate import evaluate, read_lines
from laurel.instants import instant_of
from laurel.printing import body_of, summary_of, table_of
from laurel.settings import unset
from rules.keys import AwardId, CredentialId, LearnerId, TenantId
from rules.ledger import Status
from streams.work import wall_clock

app = typer.Typer(
    name="laurel",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Turns what happens in a learning platform into credentials people can trust.",
    epilog="Settings are LAUREL_ variables (docs/settings.md); start with `laurel demo`.",
)
topics_app = typer.Typer(no_args_is_help=True, help="Kafka topics: make them, or say what is not as it should be.")
awards_app = typer.Typer(no_args_is_help=True, help="Awards, as they are in the database.")
certificate_app = typer.Typer(no_args_is_help=True, help="Certificates, drawn on demand.")
app.add_typer(topics_app, name="topics")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(awards_app, name="awards")
app.add_typer(certificate_app, name="certificate")
app.add_typer(learners_app, name="learners")
app.command()(by_hand_commands.grant)
app.command()(by_hand_commands.revoke)
app.command("clock")(show_or_set)
learner_commands.add_to(app)
catalogue_live.add_to(catalogue_app)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"laurel {wiring.app_version()}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[  # its callback is all it does
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Turns what happens in a learning platform into credentials people can trust."""


@app.command("worker")
def run_worker(
    role: Annotated[worker.Role, typer.Option(help="What this process does.")] = worker.Role.ALL,
) -> None:
    """Run a worker until it is told to stop (SIGTERM, Ctrl-C)."""
    with told():
        settings, config = _settings(), None
        config = wiring.config_of(settings)
        if role is not worker.Role.STREAM and settings.database is None:
            raise unset("database")
        code = worker.run(settings, config, role)
    sys.stderr.flush()
    # Threads of libraries may linger; all that matters is committed or given back by now.
    os._exit(code)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Where certificates, awards and logs are left.")] = Path("demo-output"),
    seed: Annotated[int, typer.Option(help="Another seed is another term.")] = 1,
    learners: Annotated[int, typer.Option(min=10, max=3_000, help="How many learners the term has.")] = 300,
) -> None:
    """Run a whole term of LMS events through the embedded stack, and show what was earned."""
    from laurel.demo import story as show  # noqa: PLC0415  # the embedded stack is an extra

    with told():
        signal.signal(signal.SIGTERM, _interrupted)
        code = show.run(output, seed=seed, learners=learners, console=out)
    raise typer.Exit(code)


@app.command()
def dev() -> None:
    """Run the embedded stack with the demo's catalogue and a worker, until Ctrl-C."""
    from laurel.demo import story as show  # noqa: PLC0415  # the embedded stack is an extra

    with told():
        signal.signal(signal.SIGTERM, _interrupted)
        code = show.dev(console=out)
    raise typer.Exit(code)


@app.command("evaluate")
def run_evaluate(
    catalogue: Annotated[Path, typer.Option(help="The catalogue to judge by.", metavar="FILE")],
    events: Annotated[
        Path, typer.Option(help="The events: JSON lines, one record each.", metavar="FILE", exists=True, dir_okay=False)
    ],
    dialect: Annotated[str | None, typer.Option(help="The dialect of lines that name none.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose events they are; by default the first that one names.")] = "",
    at: Annotated[
        str | None, typer.Option(help="Judge as of this time (ISO 8601); by default the latest event.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Print every revision, not the last alone.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Print a table in place of the awards.")] = False,
    time_zone: TimeZone = UTC_ZONE,
) -> None:
    """
    Judge a file of events by the same code, without Kafka.

    Prints one JSON line for each award in its final state; what cannot be read is told on standard error.
    A line is {"value": …, "headers": {…}, "dialect": "…"}, or "value_base64" for binary.
    """
    with told():
        told_at = None if at is None else instant_of("--at", at)
        judged_by = read_catalogue(catalogue, TenantId(tenant or "evaluate"), time_zone)
        done = evaluate(
            judged_by, read_lines(events), dialect=dialect, tenant=TenantId(tenant), at=told_at, now=wall_clock()
        )
        for refused in done.refused:
            err.print(f"{events}:{refused.line}: dead letter: {refused.reason}")
        if summary:
            out.print(summary_of(done))
        else:
            for award in done.replay.awards if history else done.in_force:
                typer.echo(body_of(award))


@topics_app.command("apply")
def apply_topics(
    replication: Annotated[int, typer.Option(min=1, help="Copies of each new topic.")] = 1,
) -> None:
    """Make the topics that are missing. What exists is left as it is."""
    with told():
        made = asyncio.run(operations.apply_topics(_settings(), replication))
        for name in made:
            out.print(f"made {name}")
        if not made:
            out.print("nothing to make: all topics are there")


@topics_app.command("check")
def check_topics() -> None:
    """Say what is missing or not as it should be; exit 1 if anything is."""
    with told():
        said = asyncio.run(operations.check_topics(_settings()))
        for sentence in said:
            out.print(sentence)
        if said:
            raise typer.Exit(FAILED)
        out.print("all topics are as they should be")


@awards_app.command("list")
def list_awards(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    learner: Annotated[str | None, typer.Option(help="Of this learner only.")] = None,
    credential: Annotated[str | None, typer.Option(help="Of this credential only.")] = None,
    status: Annotated[Status | None, typer.Option(help="With this status only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="One JSON line for each, as on the award topics.")] = False,
) -> None:
    """List awards from the database."""
    with told():
        found = asyncio.run(
            operations.list_awards(
                _settings(),
                tenant=None if tenant is None else TenantId(tenant),
                learner=None if learner is None else LearnerId(learner),
                credential=None if credential is None else CredentialId(credential),
                status=status,
                limit=limit,
            )
        )
        if json:
            for award in found:
                typer.echo(body_of(award))
        elif not found:
            out.print("no awards")
        else:
            out.print(table_of(found))
            if len(found) == limit:
                err.print(f"these are the first {limit}; there may be more: --limit")


@certificate_app.command("render")
def render_certificate(
    award: Annotated[str, typer.Argument(help="The id of the award.", metavar="AWARD_ID")],
    output: Annotated[Path | None, typer.Option(help="Where to; by default AWARD_ID.pdf.", metavar="FILE")] = None,
) -> None:
    """Draw the certificate of an award as PDF."""
    with told():
        target = output or Path(f"{_award_id(award)}.pdf")
        target.write_bytes(asyncio.run(operations.render(_settings(), AwardId(_award_id(award)))))
        out.print(f"{target}")


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """SIGTERM as Ctrl-C: what was started is ended on the way out."""
    raise KeyboardInterrupt


def _award_id(text: str) -> str:
    """An award id is a UUID: nothing else becomes part of a file's name."""
    try:
        return str(UUID(text))
    except ValueError:
        fail(f"`{text:.60}` is not the id of an award, which is a UUID: see `laurel awards list`", USAGE)
