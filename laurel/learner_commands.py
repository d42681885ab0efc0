"""The commands about one learner: why they have a credential or not, and which are near."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer

from laurel import operations
from laurel.console import FAILED, USAGE, fail, out, told
from laurel.environment import catalogue_ids, settings_from_environment, tenant_of
from laurel.faults import nearest, show
from laurel.settings import Settings
from laurel.why_printing import near_document, near_table, why_document, why_tree
from rules.keys import CredentialId, LearnerId, TenantId
from sinks.postgres import PostgresSink
from sinks.standing_queries import NothingKnown, UnknownCredential, UnknownLearner, near, why

Found = TypeVar("Found")

Learner = Annotated[str, typer.Argument(help="The learner's id, as the platform has it.", metavar="LEARNER")]
Tenant = Annotated[str, typer.Option(help="Whose learner; by default the only tenant of the configuration.")]
_IDS_NAMED = 12


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("why")(say_why)
    app.command("near")(say_near)


def say_why(
    learner: Learner,
    credential: Annotated[str, typer.Argument(help="The credential's id.", metavar="CREDENTIAL")],
    tenant: Tenant = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the text.")] = False,
) -> None:
    """
    Say why a learner has a credential or not: each condition, met or not, what met it, and what is missing.

    It is as the database has it: as new as what delivery has written.
    """
    with told():
        settings = settings_from_environment()
        whose = tenant_of(settings, tenant)
        listed = catalogue_ids(settings, whose)
        found = _asked(
            settings,
            whose,
            learner,
            lambda sink: why(sink, whose, LearnerId(learner), CredentialId(credential), listed=listed),
        )
        if as_json:
            typer.echo(json.dumps(why_document(found), ensure_ascii=False))
        else:
            # Wrapped, since what is cut off of an id is of no use.
            out.print(why_tree(found), soft_wrap=False)


def say_near(
    learner: Learner,
    tenant: Tenant = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line for each.")] = False,
) -> None:
    """
    Say which credentials a learner is closest to, best first, and what is missing of each.

    How close is counted as docs/catalogue.md says ("How close"). What is held already is left out.
    """
    with told():
        settings = settings_from_environment()
        whose = tenant_of(settings, tenant)
        found = _asked(settings, whose, learner, lambda sink: near(sink, whose, LearnerId(learner)))[:limit]
        if as_json:
            for one in found:
                typer.echo(json.dumps(near_document(one), ensure_ascii=False))
        elif not found:
            out.print(f"{learner} has begun nothing that is not earned already")
        else:
            out.print(near_table(found), soft_wrap=False)


def _asked(
    settings: Settings, tenant: TenantId, learner: str, ask: Callable[[PostgresSink], Awaitable[Found]]
) -> Found:
    """Ask the database, and say what is not there as a sentence with its cure."""
    try:
        return asyncio.run(operations.ask(settings, ask))
    except UnknownLearner:
        fail(
            f"{tenant} has no learner {show(learner)}: neither names nor standings nor awards are in the database. "
            "Is the id as the platform writes it, and has delivery caught up?",
            FAILED,
        )
    except UnknownCredential as unknown:
        fail(f"There is no credential {show(unknown.credential)}. {_cure(unknown.credential, unknown.known)}", USAGE)
    except NothingKnown as nothing:
        fail(
            f"Nothing is known yet of {show(learner)} and {show(str(nothing))}: no event that it asks about has come. "
            f"`laurel catalogue explain` says what it takes.",
            FAILED,
        )


def _cure(credential: str, known: Sequence[str]) -> str:
    closest = nearest(credential, known)
    if closest is not None:
        return f"Did you mean {show(closest)}?"
    if not known:
        return "No credential is known here yet."
    return f"The ids here are {', '.join(known[:_IDS_NAMED])}{', …' if len(known) > _IDS_NAMED else '.'}"
