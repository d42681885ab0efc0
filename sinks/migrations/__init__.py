"""The schema's migrations: numbered files, applied once, in order, and never changed afterwards."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from asyncpg.pool import PoolConnectionProxy

from sinks.sql import query


class UnusableDatabase(RuntimeError):  # noqa: N818 - named by what is wrong, as the outcomes are
    """The database is there and cannot be used as it is; the message says why, and the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema. `checksum`: SHA-256 of its file."""

    number: int
    name: str
    checksum: str
    text: str


@cache
def migrations() -> tuple[Migration, ...]:
    """All steps this program knows, in order; the numbers have no gap."""
    found = tuple(
        _read(file.name, file.read_bytes())
        for file in sorted(files("sinks.migrations").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"Migrations are numbered from 1 without a gap, not {[step.number for step in found]}.")
    return found


async def migrate(connection: PoolConnectionProxy, steps: Sequence[Migration]) -> list[Migration]:
    """
    Bring the schema to where this program needs it, and answer with what was applied.

    All in one transaction under a lock, so that two workers starting at once do not collide.
    """
    async with connection.transaction():
        await connection.execute(query("lock_migrations"))
        await connection.execute(query("create_migrations"))
        applied = {row["number"]: row["checksum"] for row in await connection.fetch(query("list_migrations"))}
        missing = pending(steps, applied)
        for step in missing:
            await connection.execute(step.text)
            await connection.execute(query("record_migration"), step.number, step.name, step.checksum)
    return missing


def pending(steps: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """The steps that are still to be applied, given number and checksum of those that were."""
    newest = max(applied, default=0)
    if newest > len(steps):
        raise UnusableDatabase(
            f"The database is at migration {newest}, and this program knows {len(steps)}: "
            "it was used by a newer Laurel. Run that version, or restore the database from before."
        )
    for step in steps:
        if applied.get(step.number, step.checksum) != step.checksum:
            raise UnusableDatabase(
                f"Migration {step.name} was changed after it was applied to this database. "
                "Put the file back as it was, and make the change in a new migration."
            )
    return [step for step in steps if step.number not in applied]


def _read(name: str, content: bytes) -> Migration:
    return Migration(
        number=int(name.split("_", 1)[0]),
        name=name.removesuffix(".sql"),
        checksum=hashlib.sha256(content).hexdigest(),
        text=content.decode(),
    )
