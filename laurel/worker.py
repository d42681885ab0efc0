"""A worker: streams, delivery or both in one process, until it is told to stop or something ends it."""

import asyncio
import os
import signal
import tempfile
import traceback
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import REGISTRY

from laurel import health, wiring
from laurel.config import Config
from laurel.settings import Settings, unset
from laurel.watchdog import Watchdog
from sinks.postgres import PostgresSink
from sinks.sink import SinkUnavailable
from streams import broker
from streams.app import Streams, build
from streams.clients import Patience
from streams.delivery import deliver
from streams.exits import BUG, OUTAGE, disk, is_of_disk
from streams.metrics import DeliveryMetrics, Metrics

log = structlog.get_logger("laurel")

SINK = "postgres"

# sysexits.h: the configuration does not fit what is there; a restart does not mend it.
MISFIT = 78
INTERRUPTED = 130

# How often we look whether the app has crashed, in seconds.
WATCH_SECONDS = 0.5

# How long leaving may take before it is left, in seconds.
LEAVING_SECONDS = 20.0
CANCELLING_SECONDS = 5.0

# The same, told by a thread for a loop that hangs: sooner than whoever stopped us loses patience (30 s).
ENDING_TICKS = 27


class Role(StrEnum):
    """What a worker process does."""

    STREAM = "stream"
    DELIVERY = "delivery"
    ALL = "all"


@dataclass(slots=True)
class Worker:
    """One worker process."""

    settings: Settings
    config: Config
    role: Role
    stop: asyncio.Event
    metrics: Metrics = field(default_factory=Metrics)
    streams: Streams | None = None
    waiting: dict[str, None] = field(default_factory=dict)

    async def run(self) -> int:
        """Work until told to stop; gives the exit code."""
        if fault := self._unwritable():
            log.error("the state directory cannot be used", why=fault)
            return MISFIT
        runner, port = await health.serve(
            host=self.settings.http_host,
            port=self.settings.http_port,
            registry=REGISTRY,
            observe=self._observe,
            not_ready=self._not_ready,
        )
        log.info(
            "starting", role=self.role.value, version=wiring.app_version(), worker=self.settings.worker_name, http=port
        )
        try:
            with Watchdog(self.settings.hang_limit_seconds) as watchdog:
                return await self._work(watchdog)
        finally:
            await runner.cleanup()

    async def _work(self, watchdog: Watchdog) -> int:
        tasks = []
        if self.role in (Role.STREAM, Role.ALL):
            tasks.append(asyncio.create_task(self._stream(), name="stream"))
        if self.role in (Role.DELIVERY, Role.ALL):
            tasks.append(asyncio.create_task(self._deliver(), name="delivery"))
        told = asyncio.create_task(self.stop.wait())
        await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        self.stop.set()
        watchdog.leave_within(ENDING_TICKS)
        _, late = await asyncio.wait(tasks, timeout=LEAVING_SECONDS)
        for task in late:
            log.warning("did not stop in time; left to its fate", what=task.get_name(), seconds=LEAVING_SECONDS)
            task.cancel()
        if late and (await asyncio.wait(late, timeout=CANCELLING_SECONDS))[1]:
            os._exit(OUTAGE)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                trace = "".join(traceback.format_exception(end)).rstrip()
                log.critical("a bug; ending", error=repr(end), trace=trace)
        code = max((_code_of(end) for end in ends), default=0)
        if code == 0:
            log.info("stopped")
        return code

    async def _stream(self) -> int:
        self.waiting |= {"the broker": None, "topics": None, "the start of its app": None}
        options = wiring.stream_options(self.settings, self.config)
        admin = await broker.reached(options, self.stop)
        if admin is None:
            return 0
        self.waiting.pop("the broker")
        try:
            misfits = await broker.until_as_wanted(admin, options, self.stop)
        finally:
            await admin.stop()
        if any("partitions" in misfit for misfit in misfits):
            return MISFIT
        self.waiting.pop("topics")
        self.streams = build(options, self.metrics)
        return await self._until_stopped(self.streams)

    async def _until_stopped(self, streams: Streams) -> int:
        watching = [
            asyncio.create_task(streams.watch(), name="deadlines"),
            asyncio.create_task(streams.tell_time(), name="clock"),
        ]
        try:
            await streams.start()
            self.waiting.pop("the start of its app")
            await self._until_told(streams, watching)
        finally:
            for task in watching:
                task.cancel()
            # What ends by being cancelled has nothing more to say; a bug was raised before.
            await asyncio.gather(*watching, return_exceptions=True)
        log.info("stopping")
        await streams.stop()
        return 0

    async def _until_told(self, streams: Streams, watching: "list[asyncio.Task[None]]") -> None:
        while not self.stop.is_set():
            for task in watching:
                if task.done():
                    task.result()
            if streams.app.crashed or streams.app.should_stop:
                reason = streams.app.crash_reason
                if reason is not None and is_of_disk(reason):
                    disk("the stream processor", reason)
                log.critical("the stream processor has crashed; ending", error=repr(reason))
                os._exit(OUTAGE if isinstance(reason, KafkaError) else BUG)
            try:
                await asyncio.wait_for(self.stop.wait(), WATCH_SECONDS)
            except TimeoutError:
                continue

    async def _deliver(self) -> int:
        if self.settings.database is None:
            raise unset("database")
        self.waiting |= {"the database": None, "the award topics": None}
        watch = DeliveryMetrics(self.metrics, SINK, connected=lambda: self.waiting.pop("the award topics", None))
        sink = PostgresSink(self.settings.database.get_secret_value())
        try:
            await self._until_connected(sink)
            self.waiting.pop("the database", None)
            watch.unavailable(self.stop.is_set())
            await deliver(wiring.delivery_options(self.settings, SINK), sink, stop=self.stop, watch=watch)
        finally:
            await sink.close()
        return 0

    async def _until_connected(self, sink: PostgresSink) -> None:
        patience = Patience(broker.DELAYS_SECONDS, self.stop, asyncio.sleep)
        tried = 0
        while not patience.is_over:
            try:
                applied = await sink.connect()
            except SinkUnavailable as error:
                if tried == 0:
                    log.warning("the database cannot be reached; waiting for it", sink=SINK, why=str(error))
                await patience.pause(tried)
                tried += 1
            else:
                log.info("database ready", sink=SINK, place=sink.place, migrations=applied)
                return

    def _not_ready(self) -> list[str]:
        """What this worker waits for; nothing when it is ready."""
        waiting = list(self.waiting)
        if self.streams is not None:
            waiting += self.streams.waits_for
        return [*waiting, "its end"] if self.stop.is_set() else waiting

    async def _observe(self) -> None:
        self.metrics.ready.set(0 if self._not_ready() else 1)
        if self.streams is not None:
            await self.streams.observe()

    def _unwritable(self) -> str:
        """Why local state cannot be kept; empty where it can."""
        if self.role is Role.DELIVERY:
            return ""
        place = self.settings.data_dir / self.settings.worker_name
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                return ""
        except OSError as error:
            return f"{place}: {error.strerror}; make it writable, or set LAUREL_DATA_DIR"


def _code_of(end: int | BaseException) -> int:
    if isinstance(end, int):
        return end
    # Cancelled, since it did not stop in time; what was begun is restored from Kafka.
    return OUTAGE if isinstance(end, asyncio.CancelledError | KafkaError) else BUG


def run(settings: Settings, config: Config, role: Role) -> int:
    """Run a worker until SIGINT or SIGTERM; a second one ends it at once. Gives the exit code."""
    return asyncio.run(_run(settings, config, role))


async def _run(settings: Settings, config: Config, role: Role) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    return await Worker(settings, config, role, stop).run()
