"""A real Apache Kafka for tests: fetched by Maven, one node, gone afterwards."""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

HERE = Path(__file__).parent.parent / "deploy" / "kafka"
LIBS = HERE / "target" / "libs"
STAMP = HERE / "target" / "fetched"

CLUSTER_ID = "TGF1cmVsLXRlc3RzLWthZg"
STARTED = "Kafka Server started"
JDK = 17
START_SECONDS = 60
STOP_SECONDS = 30
TAIL_CHARACTERS = 3000
# Little heap and a quick compiler: in a test it lives for seconds.
SHORT_LIVED = ("-Xmx512m", "-XX:TieredStopAtLevel=1")


class KafkaUnavailableError(RuntimeError):
    """There is no real Kafka here; the message names what lacks."""


class RealKafka:
    """
    A Kafka of one node on free ports, with its data in a temporary directory.

    `stop`, `kill` and `restart` leave data and address as they are; both go with the `with` block.
    """

    def __init__(self, java: tuple[str, ...] = SHORT_LIVED) -> None:
        self._java_options = java
        self._directory = Path(tempfile.gettempdir())
        self._process: subprocess.Popen[bytes] | None = None
        self._warden: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        fetch()
        self._directory = Path(tempfile.mkdtemp(prefix="laurel-kafka-"))
        try:
            self._format()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._directory / "server.log"

    def start(self) -> None:
        """Start, and wait until clients are served."""
        self.log.touch()
        seen = self.log.stat().st_size
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                _java(self._java_options, "kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the tests
            )
        # Ends the server should the tests be killed: its input is a pipe from us.
        self._warden = subprocess.Popen(
            ["/bin/sh", "-c", 'cat; kill -9 "$1"', "sh", str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._await_start(seen)

    def stop(self) -> None:
        """Shut down in good order."""
        self._end(graceful=True)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(graceful=False)

    def freeze(self) -> None:
        """Let it answer nobody, with its connections open, until `thaw`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def keep_offsets(self, target: Path) -> None:
        """Copy the log of committed offsets, for who wants to know what the broker has made of it."""
        for partition in (self._directory / "data").glob("__consumer_offsets-*"):
            shutil.copytree(partition, target / partition.name, dirs_exist_ok=True)

    def restart(self) -> None:
        """Stop and start, with the same data at the same address."""
        self.stop()
        self.start()

    @property
    def _properties(self) -> Path:
        return self._directory / "server.properties"

    def _format(self) -> None:
        broker, controller = _free_ports()
        self.address = f"127.0.0.1:{broker}"
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}"
        self._properties.write_text(
            (HERE / "server.properties").read_text()
            + f"listeners={listeners}\n"
            + f"advertised.listeners={listeners}\n"
            + f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
            + f"log.dirs={self._directory / 'data'}\n"
        )
        done = subprocess.run(
            _java(
                *(SHORT_LIVED, "kafka.tools.StorageTool", "format", "--standalone"),
                *("-t", CLUSTER_ID, "-c", str(self._properties)),
            ),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"Kafka does not format {self._directory}: {done.stdout}{done.stderr}")

    def _await_start(self, seen: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while STARTED not in (said := self.log.read_bytes()[seen:].decode(errors="replace")):
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                what = "ended" if ended else f"was not ready after {START_SECONDS} seconds"
                raise RuntimeError(f"Kafka on {self.address} {what}. It said: {said[-TAIL_CHARACTERS:]}")
            time.sleep(0.05)

    def _end(self, *, graceful: bool) -> None:
        if self._process is None or self._warden is None:
            return
        process, self._process = self._process, None
        warden, self._warden = self._warden, None
        # First, or it might strike another process that came to have the number.
        warden.kill()
        warden.communicate()
        if graceful:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        else:
            process.kill()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _remove(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)


@pytest.fixture(scope="session")
def fetched_kafka() -> None:
    """What a real Kafka needs: skips naming what lacks, or fails where LAUREL_REQUIRE names kafka."""
    try:
        fetch()
    except KafkaUnavailableError as lack:
        if "kafka" in os.environ.get("LAUREL_REQUIRE", ""):
            pytest.fail(str(lack))
        pytest.skip(str(lack))


@pytest.fixture(scope="session")
def real_kafka(fetched_kafka: None) -> Iterator[RealKafka]:  # noqa: ARG001  # it decides whether there is one
    """One real Kafka for all tests that share it."""
    with RealKafka() as kafka:
        yield kafka


@pytest.fixture
def own_kafka(fetched_kafka: None) -> Iterator[RealKafka]:  # noqa: ARG001  # it decides whether there is one
    """A real Kafka for one test alone: with no topics but its own."""
    with RealKafka() as kafka:
        yield kafka


def why_unavailable() -> str | None:
    """What lacks here for a real Kafka, as a sentence."""
    if lack := _java_lack():
        return lack
    if not _is_fetched() and shutil.which("mvn") is None:
        return "A real Kafka needs JDK 17 and Maven, and there is no mvn on the PATH."
    return None


def fetch() -> None:
    """Have Maven fetch what deploy/kafka/pom.xml names, unless it lies there already."""
    if lack := why_unavailable():
        raise KafkaUnavailableError(lack)
    STAMP.parent.mkdir(exist_ok=True)
    with STAMP.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_fetched():
            return
        shutil.rmtree(LIBS, ignore_errors=True)
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "package"], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise KafkaUnavailableError(f"Maven does not fetch Kafka: {(done.stdout + done.stderr)[:TAIL_CHARACTERS]}")
        STAMP.write_text(_fingerprint())


def _is_fetched() -> bool:
    return STAMP.exists() and LIBS.exists() and STAMP.read_text() == _fingerprint()


def _fingerprint() -> str:
    return hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()


def _java_lack() -> str | None:
    needs = "A real Kafka needs JDK 17 and Maven, and"
    if shutil.which("java") is None:
        return f"{needs} there is no java on the PATH."
    said = subprocess.run(["java", "-version"], check=False, capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None:
        return f"{needs} java does not run: {said.strip()}"
    return None if int(version[1]) >= JDK else f"{needs} java here is {version[1]}."


def _java(options: tuple[str, ...], main: str, *arguments: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return ["java", *options, "-XX:+UseSerialGC", logging, "-cp", f"{LIBS}/*", main, *arguments]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
