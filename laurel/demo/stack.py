"""The embedded stack with a worker in a process of its own, as demo, dev and tests use it."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from prometheus_client.parser import text_string_to_metric_families

from laurel import wiring
from laurel.config import Config
from laurel.embedded import EmbeddedBroker, EmbeddedDatabase, EmbeddedStackError
from laurel.settings import Settings
from rules.catalogue import dump_catalogue
from rules.keys import TenantId
from streams import broker, topics

# How long a worker may take to be ready, and to stop, in seconds.
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.2

CONFIG = """\
public_address: http://localhost:8420
sources:
  - {topic: lms.brightspace, dialect: brightspace, tenant: example, start: earliest}
  - {topic: lms.laurel, dialect: laurel, tenant: example, start: earliest}
tenants:
  example: {catalogue: catalogue.yaml, time_zone: Europe/Amsterdam, languages: [en]}
"""
TENANT = TenantId("example")


@dataclass(slots=True, kw_only=True)
class WorkerProcess:
    """A `laurel worker` in a process of its own."""

    environ: dict[str, str]
    log: IO[bytes] | None
    port: int
    role: str = "all"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "laurel", "worker", "--role", self.role]
        # A group of its own: Ctrl-C reaches us, and we tell it in turn.
        self.process = subprocess.Popen(  # noqa: S603  # our own program
            command,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def until_ready(self, waited: Callable[[], None] = lambda: None) -> None:
        """Wait until the worker says that it is ready. Raises EmbeddedStackError when it ends or takes too long."""
        until = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            self.check()
            if time.monotonic() > until:
                raise EmbeddedStackError(f"the worker was not ready within {READY_SECONDS:.0f} s; its log says why")
            waited()
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Raise EmbeddedStackError if the worker has ended."""
        if self.process is not None and (code := self.process.poll()) is not None:
            raise EmbeddedStackError(f"the worker ended with code {code}; its log says why")

    def metrics(self) -> dict[str, float]:
        """The sum of each of the worker's metrics over all labels, and as `name.agent` over those of one agent."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text.replace("# EOF\n", "")):
            for sample in family.samples:
                agent = sample.labels.get("agent")
                for name in [sample.name, *([f"{sample.name}.{agent}"] if agent else [])]:
                    found[name] = found.get(name, 0) + sample.value
        return found

    @staticmethod
    def waiting_of(metrics: dict[str, float]) -> float:
        """How much is read and not done: offsets behind, walks under way, messages not delivered."""
        names = ("laurel_lag_records", "laurel_walks_under_way", "laurel_delivery_lag_records")
        return sum(metrics.get(name, 0) for name in names)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ended_within(self, seconds: float) -> int | None:
        """Its exit code, if it ends by itself within so long."""
        try:
            return None if self.process is None else self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> int:
        """Tell it to stop, and give its exit code; one that does not is killed."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False


@dataclass(slots=True, kw_only=True)
class Stack:
    """A broker, a database, topics, a configuration; workers are started on it."""

    directory: Path
    database: EmbeddedDatabase
    broker: EmbeddedBroker | None = None
    config: Config
    settings: Settings
    environ: dict[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)

    def put_in_force(self) -> None:
        """Apply the configuration's catalogues."""
        options = wiring.stream_options(self.settings, self.config)
        documents = [dump_catalogue(catalogue) for catalogue in wiring.catalogues_of(self.config)]
        asyncio.run(broker.put_in_force(options, documents))

    def worker(
        self, log: IO[bytes] | None, role: str = "all", name: str = "w0", settings: dict[str, str] | None = None
    ) -> WorkerProcess:
        """Start a worker, with further settings if there are any; it ends with the stack."""
        port = free_port()
        environ = {**self.environ, "LAUREL_HTTP_PORT": str(port), "LAUREL_WORKER_NAME": name, **(settings or {})}
        started = WorkerProcess(environ=environ, log=log, port=port, role=role)
        started.start()
        self.workers.append(started)
        return started


@contextlib.contextmanager
def stack(catalogue: Path, log_format: str = "console") -> Iterator[Stack]:
    """
    Start broker and database, make the topics, write a configuration with this catalogue.

    Raises EmbeddedStackError where they cannot be started. Whatever happens, all of it is gone afterwards.
    """
    with EmbeddedBroker() as embedded, prepared(embedded.address, catalogue, log_format) as made:
        made.environ["LAUREL_EMBEDDED"] = "true"
        made.settings = wiring.settings_of(made.environ)
        made.broker = embedded
        options = wiring.stream_options(made.settings, made.config)
        names = [topic.name for topic in topics.wanted(options)]
        embedded.create_topics([*names, *[source.topic for source in options.sources]], partitions=options.partitions)
        yield made


@contextlib.contextmanager
def prepared(bootstrap: str, catalogue: Path, log_format: str = "console") -> Iterator[Stack]:
    """Start a database and write a configuration, for a broker that is there already. Workers end with it."""
    with contextlib.ExitStack() as undo:
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="laurel-")))
        database = undo.enter_context(EmbeddedDatabase())
        shutil.copy(catalogue, directory / "catalogue.yaml")
        (directory / "config.yaml").write_text(CONFIG, encoding="utf-8")
        environ = {
            "LAUREL_BROKER": bootstrap,
            "LAUREL_DATABASE": database.url,
            "LAUREL_CONFIG": str(directory / "config.yaml"),
            "LAUREL_DATA_DIR": str(directory / "state"),
            "LAUREL_LOG_FORMAT": log_format,
        }
        settings = wiring.settings_of(environ)
        config = wiring.config_of(settings)
        made = Stack(directory=directory, database=database, config=config, settings=settings, environ=environ)
        undo.callback(lambda: [worker.stop() for worker in made.workers])
        yield made


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
