"""The commands `laurel grant` and `laurel revoke`: what a person decides, with who, why and when."""

import asyncio
import getpass
from datetime import timedelta
from typing import Annotated, Final
from uuid import uuid5

import typer
from aiokafka.errors import KafkaError

from laurel import wiring
from laurel.catalogue_file import read_catalogue
from laurel.config import Config, Tenant
from laurel.console import FAILED, USAGE, fail, out, told
from laurel.environment import settings_from_environment
from laurel.faults import nearest, show
from laurel.instants import instant_after_1970
from rules.awards import LAUREL, ByHand, CredentialKind
from rules.catalogue import Credential
from rules.keys import CredentialId, Instant, LearnerId, TenantId, key
from rules.ledger import Act
from streams.by_hand import write_by_hand
from streams.dialects.dialect import UnreadableEvent
from streams.dialects.values import id_text
from streams.messages import rfc3339
from streams.work import wall_clock

# As of events: what is dated further ahead is a slip.
AHEAD: Final = timedelta(days=1) // timedelta(microseconds=1)
# The longest that may be said of who and why.
MOST_CHARACTERS: Final = 1_000

Learner = Annotated[str, typer.Argument(help="The learner's id, as the learning platform has it.")]
CredentialName = Annotated[str, typer.Argument(metavar="CREDENTIAL", help="The credential's id, as in the catalogue.")]
Why = Annotated[str, typer.Option(help="Why. It is kept with the award, and never shown to others.")]
Who = Annotated[str, typer.Option(help="Who decided it; by default the user of this machine.")]
When = Annotated[str, typer.Option(help="As of when (ISO 8601 with its zone); by default now.")]
OfTenant = Annotated[str, typer.Option(help="Whose learner it is; by default the only tenant of the configuration.")]


def grant(
    learner: Learner, credential: CredentialName, why: Why, who: Who = "", when: When = "", tenant: OfTenant = ""
) -> None:
    """
    Grant a credential by hand. It is held from then on, whatever is met or lost later, until it is revoked.

    The award says `granted by hand`, and names this act as its evidence.
    """
    with told():
        _done(learner, credential, why, who, when, tenant, grants=True)


def revoke(
    learner: Learner, credential: CredentialName, why: Why, who: Who = "", when: When = "", tenant: OfTenant = ""
) -> None:
    """
    Revoke a credential by hand. It stays revoked, whatever is met later, until it is granted again.

    The award says `revoked by hand`. What builds on it is judged again.
    """
    with told():
        _done(learner, credential, why, who, when, tenant, grants=False)


def _done(learner: str, name: str, why: str, who: str, when: str, tenant: str, *, grants: bool) -> None:
    settings = settings_from_environment()
    chosen = tenant_of(wiring.config_of(settings), tenant)
    credential = _credential_of(chosen, name)
    act = _act(chosen.id, learner_of(learner), credential.id, why, who or getpass.getuser(), when, grants=grants)
    done = ByHand(
        tenant=chosen.id,
        learner=learner_of(learner),
        credential=credential.id,
        act=act,
        received_at=wall_clock(),
    )
    try:
        asyncio.run(write_by_hand(wiring.stream_options(settings, None), done))
    except KafkaError as error:
        fail(f"nothing was {'granted' if grants else 'revoked'}: {settings.broker} says {error!r}", FAILED)
    what = "granted to" if grants else "revoked for"
    out.print(f"{credential.id} is {what} {done.learner} of {chosen.id} as of {rfc3339(Instant(act.occurred_at))}")
    out.print(f"by {act.who}: {act.why}")
    out.print(f"event {act.event_id}")
    if credential.kind is CredentialKind.MILESTONE:
        out.print("It is a milestone: it counts for what builds on it, and no award is told.")


def learner_of(text: str) -> LearnerId:
    """A learner's id, as events may name it."""
    try:
        return LearnerId(id_text(text, "LEARNER"))
    except UnreadableEvent as error:
        fail(str(error), USAGE)


def tenant_of(config: Config, name: str) -> Tenant:
    """The tenant of that name; the only one, where none is named."""
    known = {str(tenant.id): tenant for tenant in config.tenants}
    if not name and len(known) != 1:
        fail(f"say whose learner it is with --tenant: {', '.join(known)}", USAGE)
    if name and name not in known:
        closest = nearest(name, known)
        cure = f"Did you mean {show(closest)}?" if closest else f"There are {', '.join(known)}."
        fail(f"The configuration names no tenant {show(name)}. {cure}", USAGE)
    return known[name] if name else next(iter(known.values()))


def _credential_of(tenant: Tenant, name: str) -> Credential:
    catalogue = read_catalogue(tenant.catalogue, tenant.id, tenant.time_zone)
    known = {str(credential.id): credential for credential in catalogue.credentials}
    if name not in known:
        closest = nearest(name, known)
        cure = f"Did you mean {show(closest)}?" if closest else "`laurel catalogue explain` lists what there is."
        fail(f"{tenant.catalogue}: There is no credential {show(name)}. {cure}", USAGE)
    return known[name]


def _act(
    tenant: TenantId, learner: LearnerId, credential: CredentialId, why: str, who: str, when: str, *, grants: bool
) -> Act:
    """What is done, named by all that it says: who says the same again does nothing."""
    now = wall_clock()
    at = instant_after_1970("--when", when) if when else now
    if at - now > AHEAD:
        fail(f"--when is {rfc3339(at)}, more than a day from now; it is told when it is so", USAGE)
    said = {"--why": " ".join(why.split()), "--who": " ".join(who.split())}
    for option, text in said.items():
        if not text:
            fail(f"{option} says nothing; a decision by hand has to be answered for", USAGE)
        if len(text) > MOST_CHARACTERS:
            fail(f"{option} has {len(text):,} characters; {MOST_CHARACTERS:,} are the most", USAGE)
    name = key(tenant, learner, credential, str(grants), str(at), *said.values())
    return Act(at, 0, str(uuid5(LAUREL, name)), grants, said["--who"], said["--why"])
