"""The crew: workers under supervision. Whoever ends is started again, and its exit code is noted."""

import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from laurel.demo.stack import STOP_SECONDS, WorkerProcess

LOOK_SECONDS = 0.1
# As supervisors do: not at once, or a worker that cannot start would take the machine.
AGAIN_SECONDS = 0.5
ASKED_SECONDS = 2.0
POLL_SECONDS = 0.4
# What is settled stays settled: so often in a row everyone must be ready, with nothing that waits.
SETTLED = 3
KILLED = -int(signal.SIGKILL)
LAGS = ("laurel_lag_records", "laurel_walks_under_way", "laurel_delivery_lag_records")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of one worker."""

    name: str
    code: int
    is_explained: bool

    def __str__(self) -> str:
        return f"{self.name} {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the workers say of themselves: who is not ready, how much waits, how many lanes are open in all."""

    not_ready: tuple[str, ...]
    waiting: float
    lanes: int

    def is_settled(self, lanes: int, level: float) -> bool:
        """Whether every partition has exactly one owner, and no more waits than usual."""
        return not self.not_ready and self.lanes == lanes and self.waiting <= level

    def __str__(self) -> str:
        who = f"not ready: {', '.join(self.not_ready)}; " if self.not_ready else ""
        return f"{who}{self.lanes} lanes open, {self.waiting:.0f} waiting"


@dataclass(slots=True)
class Crew:
    """
    Workers by name, each with its log.

    `lanes` is how many partitions are read in all. `unread` says what waits before the first of them, by the
    broker's account, and none when it does not answer.
    """

    workers: dict[str, WorkerProcess]
    logs: Mapping[str, Path]
    lanes: int
    unread: Callable[[], float | None]
    ends: list[End] = field(default_factory=list)
    _explained: dict[str, set[int]] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    _noted: set[int] = field(default_factory=set)
    _again: dict[str, float] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all of them at once: whoever wants to know their exit codes has called `stop` before."""
        self._dismiss()
        for worker in self.workers.values():
            worker.kill()

    def explain(self, codes: Mapping[str, Iterable[int]]) -> None:
        """From now on, these workers may end so."""
        with self._lock:
            for name, found in codes.items():
                self._explained.setdefault(name, set()).update(found)

    def nothing_is_explained(self) -> None:
        """From now on, nobody has a reason to end."""
        with self._lock:
            self._explained.clear()

    def process(self, name: str) -> int:
        """The process id of a worker."""
        with self._lock:
            process = self.workers[name].process
            if process is None:
                raise RuntimeError(f"{name} was never started")
            return process.pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a worker a signal; one that is down at this moment does not get it."""
        with self._lock:
            self.workers[name].signal(number)

    def away(self, name: str, meanwhile: Callable[[], None]) -> None:
        """Kill a worker, and do something before it is started again."""
        with self._lock:
            self._held.add(name)
            self.workers[name].kill()
        try:
            meanwhile()
        finally:
            with self._lock:
                self._held.discard(name)

    def seen(self) -> Seen:
        """Ask everyone."""
        unread, lanes = self.unread(), 0
        not_ready, waiting = (["the broker"], 0.0) if unread is None else ([], unread)
        for name, worker in self.workers.items():
            try:
                found, open_lanes = _asked(worker.port)
            except (urllib.error.URLError, OSError, ValueError):
                not_ready.append(name)
            else:
                waiting += found
                lanes += open_lanes
        return Seen(not_ready=tuple(not_ready), waiting=waiting, lanes=lanes)

    def until_settled(self, *, level: float, seconds: float, times: int = SETTLED) -> tuple[float | None, Seen]:
        """
        Wait until every partition is worked on and no more waits than `level`, several times in a row.

        Gives how many seconds it was until the first of them, or none if it took longer than it may.
        """
        began, first, row = time.monotonic(), 0.0, 0
        while True:
            seen, now = self.seen(), time.monotonic()
            if not seen.is_settled(self.lanes, level):
                row = 0
            elif row == 0:
                first, row = now, 1
            else:
                row += 1
            if row == times:
                return first - began, seen
            if now - began > seconds:
                return None, seen
            time.sleep(POLL_SECONDS)

    def stop(self, names: Iterable[str]) -> dict[str, int]:
        """Tell workers to stop, all at once, and give their exit codes."""
        self._dismiss()
        chosen = list(names)
        for name in chosen:
            self.workers[name].signal(signal.SIGTERM)
        # `WorkerProcess.stop` would tell them again, and the second time means at once.
        return {name: self._left(self.workers[name]) for name in chosen}

    def tail(self, name: str, characters: int = 4_000) -> str:
        """The end of a worker's log."""
        return self.logs[name].read_text(errors="replace")[-characters:]

    @staticmethod
    def _left(worker: WorkerProcess) -> int:
        code = worker.ended_within(STOP_SECONDS)
        if code is None:
            worker.kill()
            return KILLED
        return code

    def _dismiss(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _supervise(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with self._lock:
                for name, worker in self.workers.items():
                    self._look_at(name, worker)

    def _look_at(self, name: str, worker: WorkerProcess) -> None:
        process = worker.process
        if process is None or (code := process.poll()) is None:
            return
        if process.pid not in self._noted:
            self._noted.add(process.pid)
            self.ends.append(End(name=name, code=code, is_explained=code in self._explained.get(name, ())))
            self._again[name] = time.monotonic() + AGAIN_SECONDS
        if name not in self._held and time.monotonic() >= self._again[name]:
            worker.start()


def _asked(port: int) -> tuple[float, int]:
    """How much waits with a worker, and how many lanes it has open; raises OSError unless it is ready."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=ASKED_SECONDS) as answer:
        answer.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=ASKED_SECONDS) as answer:
        text = answer.read().decode()
    samples = [
        sample
        for family in text_string_to_metric_families(text.replace("# EOF\n", ""))
        for sample in family.samples
        if sample.name in LAGS
    ]
    return sum(sample.value for sample in samples), sum(1 for sample in samples if sample.name == LAGS[0])
