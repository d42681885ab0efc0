"""A way to the database that can be made slow: TCP on one side, PostgreSQL's Unix socket on the other."""

import asyncio
import contextlib
import threading
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

CHUNK_BYTES = 1 << 16


class SlowDatabase:
    """
    Passes on what clients and server say, and waits before each piece of it while it is told to be slow.

    The delays are drawn from the seed, between nothing and twice what was asked for.
    """

    def __init__(self, url: str, seed: int) -> None:
        asked = parse_qs(urlsplit(url).query)
        self._socket = str(Path(asked["host"][0]) / f".s.PGSQL.{asked['port'][0]}")
        self._chance = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self.delay_seconds = 0.0
        # How much later clients learn that the server has closed a connection.
        self.closing_seconds = 0.0
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Only `_close` cancels this, and asyncio would call that an error.
        with contextlib.closing(writer), contextlib.suppress(asyncio.CancelledError):
            try:
                server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
            except OSError:  # it is stopped: a client finds its connection closed, as it would find the port
                return
            with contextlib.closing(server_writer):
                ways = {
                    asyncio.create_task(self._pass_on(reader, server_writer)),
                    asyncio.create_task(self._pass_on(server_reader, writer)),
                }
                _, late = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(self.closing_seconds)
                for way in late:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while said := await reader.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self._chance.uniform(0, 2 * self.delay_seconds))
                writer.write(said)
                await writer.drain()
