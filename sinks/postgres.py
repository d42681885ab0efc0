"""The sink in PostgreSQL: awards, people and standings, each row at its newest."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.protocol import Record

from rules.awards import Award, Standing
from rules.facts import Profile
from rules.keys import AwardId, CredentialId, LearnerId, TenantId
from rules.ledger import Status
from sinks.migrations import UnusableDatabase, migrate, migrations
from sinks.rows import award_of, profile_of, standing_of, statements, take_instants
from sinks.sink import Folded, Item, Refused, SinkUnavailable, fold
from sinks.sql import query

# Connection, resources, operator, disk; and a statement that lost against another or found a read-only standby.
_OUTAGES = ("08", "53", "57P0", "57014", "58", "40001", "40P01", "55P03", "25006")
# Who we are, which database, what we may do: no waiting mends these.
_UNUSABLE = ("28", "3D", "42501")
# asyncpg's word for a connection on which the server has said goodbye, and which is not closed yet: it is in the state
# (2) of having heard an error while nothing was asked.
_GOODBYE = "another operation (2) is in progress"
# Data exceptions and broken constraints: the fault of one row.
_REFUSALS = ("22", "23")


class PostgresSink:
    """
    Writes to PostgreSQL, and reads back what the command line shows.

    `connect` comes first. Afterwards a database that goes away is SinkUnavailable for as long as it is away.
    """

    def __init__(self, dsn: str, *, connections: int = 4, timeout_seconds: float = 30.0) -> None:
        self._dsn = dsn
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._pool: asyncpg.Pool[Record] | None = None
        self.place = _place(dsn)

    async def connect(self) -> list[str]:
        """
        Open the pool, bring the schema up to date, and answer with the names of the migrations applied.

        SinkUnavailable when the database is not there (yet); UnusableDatabase when waiting would not help.
        """
        with self._named():
            if self._pool is None:
                self._pool = await self._open()
            async with self._connection() as connection:
                encoding = await connection.fetchval(query("encoding"))
                if encoding != "UTF8":
                    raise UnusableDatabase(f"The database writes text as {encoding}. Create it with ENCODING 'UTF8'.")
                return [step.name for step in await migrate(connection, migrations())]

    async def _open(self) -> "asyncpg.Pool[Record]":
        try:
            return await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=self._connections,
                timeout=self._timeout_seconds,
                command_timeout=self._timeout_seconds,
                init=take_instants,
                server_settings={"application_name": "laurel"},
            )
        except ValueError:
            # What is said here may quote the address, and with it the password.
            raise UnusableDatabase(f"{self.place} is not an address that can be read: postgresql://…") from None

    async def close(self) -> None:
        """Give back all connections."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), self._timeout_seconds)
        except TimeoutError:
            pool.terminate()

    async def ready(self) -> bool:
        """Say whether a write would find the database there."""
        try:
            with self._named():
                async with self._connection() as connection:
                    await connection.execute(query("ready"))
        except SinkUnavailable:
            return False
        return True

    async def write(self, items: Sequence[Item]) -> list[Refused]:
        """Write a batch; see `AwardSink`."""
        with self._named():
            return await self._write(items)

    async def list_awards(
        self,
        *,
        tenant: TenantId | None = None,
        learner: LearnerId | None = None,
        credential: CredentialId | None = None,
        status: Status | None = None,
        limit: int,
    ) -> list[Award]:
        """The awards that match all that is given, the latest decided first."""
        rows = await self._fetch("list_awards", tenant, learner, credential, status, limit)
        return [award_of(row) for row in rows]

    async def find_award(self, award_id: AwardId) -> Award | None:
        """One award by its id."""
        rows = await self._fetch("find_award", award_id)
        return award_of(rows[0]) if rows else None

    async def find_person(self, tenant: TenantId, learner: LearnerId) -> Profile | None:
        """What a learner is called."""
        rows = await self._fetch("find_person", tenant, learner)
        return profile_of(rows[0]) if rows else None

    async def list_standings(self, tenant: TenantId, learner: LearnerId) -> list[Standing]:
        """How far a learner is with each credential, by its id."""
        return [standing_of(row) for row in await self._fetch("list_standings", tenant, learner)]

    async def list_credentials(self, tenant: TenantId) -> list[CredentialId]:
        """The credentials that anyone was awarded, by their ids."""
        return sorted(CredentialId(row["credential"]) for row in await self._fetch("list_credentials", tenant))

    async def _write(self, items: Sequence[Item]) -> list[Refused]:
        """Write all, or find by halves which rows are refused: the order stays, and 5,000 rows take 12 rounds."""
        try:
            await self._write_folded(fold(items))
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not _is_refusal(error):
                raise
            if len(items) == 1:
                return [Refused(item=items[0], reason=_reason(error))]
            middle = len(items) // 2
            return [*await self._write(items[:middle]), *await self._write(items[middle:])]
        return []

    async def _write_folded(self, folded: Folded) -> None:
        async with self._connection() as connection, connection.transaction():
            for name, rows in statements(folded):
                if rows:
                    await connection.execute(query(name), *zip(*rows, strict=True))

    async def _fetch(self, name: str, *arguments: object) -> list[Record]:
        with self._named():
            async with self._connection() as connection:
                return await connection.fetch(query(name), *arguments)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[PoolConnectionProxy]:
        if self._pool is None:
            raise SinkUnavailable(f"{self.place} is not connected.")
        async with self._pool.acquire(timeout=self._timeout_seconds) as connection:
            yield connection

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Give errors the names of our three outcomes; a bug stays what it is."""
        try:
            yield
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if _is_outage(error):
                raise SinkUnavailable(f"{self.place} cannot be reached: {_reason(error)}") from error
            if _state(error).startswith(_UNUSABLE):
                raise UnusableDatabase(f"{self.place} cannot be used: {_reason(error)}") from error
            raise


def _is_outage(error: Exception) -> bool:
    if isinstance(error, asyncpg.InterfaceError):
        # The pool or the connection "is closed" or "is closing"; all else of this class is a bug of ours.
        return not isinstance(error, ValueError) and "clos" in str(error)
    if isinstance(error, asyncpg.InternalClientError):
        return _GOODBYE in str(error)
    if isinstance(error, (OSError, asyncpg.TargetServerAttributeNotMatched)):
        return True
    return _state(error).startswith(_OUTAGES)


def _is_refusal(error: Exception) -> bool:
    # A value that asyncpg itself cannot encode is its DataError: InterfaceError and ValueError at once.
    return _state(error).startswith(_REFUSALS) or isinstance(error, ValueError)


def _state(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _reason(error: Exception) -> str:
    """What went wrong in one line, without PostgreSQL's DETAIL: that shows the row."""
    said = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return f"{_state(error) or type(error).__name__}: {said}"


def _place(dsn: str) -> str:
    """Name the database by host, port and name: what an operator may see, and nothing of the credentials."""
    try:
        found = urlsplit(dsn)
        port = found.port
    except ValueError:
        return "PostgreSQL at an address that cannot be read"
    if "@" in found.path + found.query + found.fragment:  # a password with an unescaped / ? or # reaches up to here
        return "PostgreSQL at an address that cannot be read"
    asked = parse_qs(found.query)
    host = found.hostname or asked.get("host", ["localhost"])[0]
    return f"PostgreSQL at {host}:{port or asked.get('port', ['5432'])[0]}/{found.path.lstrip('/')}"
