"""Operations: what the command line asks of the broker and the database."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from laurel import wiring
from laurel.catalogue_file import read_catalogue
from laurel.drawing import NotDrawable, draw
from laurel.settings import Settings, unset
from rules.awards import Award
from rules.keys import AwardId
from sinks.postgres import PostgresSink
from streams import broker

Found = TypeVar("Found")


async def apply_topics(settings: Settings, replication: int) -> list[str]:
    """Make the topics that are missing; says which."""
    options = wiring.stream_options(settings, None)
    async with broker.connected(options) as admin:
        return await broker.apply_topics(admin, options, replication)


async def check_topics(settings: Settings) -> list[str]:
    """What is missing or not as it should be, a sentence each."""
    options = wiring.stream_options(settings, wiring.config_of(settings) if settings.config else None)
    async with broker.connected(options) as admin:
        missing, unlike = await broker.differences(admin, options)
    return [*missing, *unlike]


async def list_awards(settings: Settings, **chosen: Any) -> list[Award]:
    """Awards from the database; see `PostgresSink.list_awards`."""
    sink = _sink(settings)
    try:
        await sink.connect()
        return await sink.list_awards(**chosen)
    finally:
        await sink.close()


async def ask(settings: Settings, question: Callable[[PostgresSink], Awaitable[Found]]) -> Found:
    """Ask the database something."""
    sink = _sink(settings)
    try:
        await sink.connect()
        return await question(sink)
    finally:
        await sink.close()


async def render(settings: Settings, award_id: AwardId) -> bytes:
    """The PDF of a certificate. Raises NotDrawable for what is none, and what reading the catalogue raises."""
    config, sink = wiring.config_of(settings), _sink(settings)
    try:
        await sink.connect()
        award = await sink.find_award(award_id)
        if award is None:
            raise NotDrawable(f"no award has the id {award_id}")
        person = await sink.find_person(award.tenant, award.learner)
    finally:
        await sink.close()
    tenant = next((tenant for tenant in config.tenants if tenant.id == award.tenant), None)
    if tenant is None:
        raise NotDrawable(f"the award is of the tenant `{award.tenant}`, which the configuration does not name")
    catalogue = read_catalogue(tenant.catalogue, tenant.id, tenant.time_zone)
    return draw(award, person, catalogue, public_address=config.public_address, time_zone=tenant.time_zone.key)


def _sink(settings: Settings) -> PostgresSink:
    if settings.database is None:
        raise unset("database")
    return PostgresSink(settings.database.get_secret_value())
