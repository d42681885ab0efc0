"""What operators ask a worker over HTTP: /metrics, /healthz and /readyz."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

NotReady = list[str]


async def serve(
    *,
    host: str,
    port: int,
    registry: CollectorRegistry,
    observe: Callable[[], Awaitable[None]],
    not_ready: Callable[[], NotReady],
) -> tuple[web.AppRunner, int]:
    """
    Serve the three pages; gives the runner to clean up, and the port (another one where 0 was asked for).

    `observe` brings gauges up to date before they are read; `not_ready` says what a worker still waits for.
    Raises OSError when the address is taken.
    """

    async def metrics(_request: web.Request) -> web.Response:
        await observe()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_request: web.Request) -> web.Response:
        waiting = not_ready()
        text = "ready\n" if not waiting else "".join(f"waiting for {what}\n" for what in waiting)
        return web.Response(text=text, status=200 if not waiting else 503)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, runner.addresses[0][1]
