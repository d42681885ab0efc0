"""One run of one processor: started on its core, watched from outside by what it commits, stopped, checked."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.kafka import Broker
from bench.machine import THEIRS, Memory, busy_seconds, core_seconds, memory_of, pinned
from bench.processors import TAIL_CHARACTERS, Processor, environment
from bench.rates import Sample, steady_rate, whole_rate

POLL_SECONDS = 0.1
START_SECONDS = 90
STALL_SECONDS = 90
STOP_SECONDS = 20


class FailedRunError(RuntimeError):
    """A processor ended by itself, or got stuck; the message has the end of its log."""


@dataclass(slots=True, kw_only=True)
class Running:
    """A processor under way."""

    processor: Processor
    process: subprocess.Popen[bytes]
    log: Path
    core: int = THEIRS
    began: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raise FailedRunError if it has ended."""
        if (code := self.process.poll()) is not None:
            raise self.failed(f"ended with code {code}")

    def failed(self, what: str) -> FailedRunError:
        said = self.log.read_text(errors="replace")[-TAIL_CHARACTERS:]
        return FailedRunError(f"{self.processor.name} {what}. It said: {said}")


@contextlib.contextmanager
def started(processor: Processor, log: Path, core: int = THEIRS) -> Iterator[Running]:
    """Start a processor on a core of its own; it ends with the block, whatever happens."""
    with log.open("ab") as said:
        process = subprocess.Popen(  # noqa: S603  # our own command
            pinned(processor.command, core),
            env=environment(processor),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C reaches us, and we end it in turn
            cwd=log.parent,
        )
    try:
        yield Running(processor=processor, process=process, log=log, core=core)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Tell it to stop, and kill it and what it started if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Used(NamedTuple):
    """Processor time used up to a sample, in seconds: by the processor, by its core for anyone, by the broker."""

    own: float
    core: float
    broker: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    What a run gave. `busy` is the share of its core that the processor used between first and last commit, and
    `others` the share that went to anyone else: with more than a few percent, it was not measured alone.
    `per_core_second` is the second half's events for each second of processor time, whoever else took some of it.
    """

    name: str
    guarantee: str
    events: int
    of: int
    seconds: float
    whole: float
    steady: float
    per_core_second: float
    busy: float
    others: float
    broker_busy: float
    memory: Memory
    samples: tuple[Sample, ...]


@dataclass(slots=True, kw_only=True)
class Watch:
    """Polls what a group has committed of its source, until it has done so much or the time is over."""

    broker: Broker
    running: Running
    until: int
    base: int = 0
    most_seconds: float = float("inf")
    seen: Callable[[int], None] = lambda _done: None
    samples: list[Sample] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)

    async def run(self) -> None:
        """Watch until the end. Raises FailedRunError for a processor that ends or gets stuck."""
        moved = time.monotonic()
        began: float | None = None
        done = -1
        while done < self.until and (began is None or time.monotonic() - began < self.most_seconds):
            self.running.check()
            now = sum((await self.broker.committed(self.running.processor.group, self._source)).values())
            at = time.monotonic()
            if now > done:
                done, moved = now, at
                self._note(at, now)
                began = at if began is None and now > self.base else began
            elif at - moved > (START_SECONDS if began is None else STALL_SECONDS):
                raise self.running.failed(
                    f"has committed nothing for {at - moved:.0f} s, at {done:,} of {self.until:,}"
                )
            self.seen(done)
            await asyncio.sleep(POLL_SECONDS)

    @property
    def _source(self) -> str:
        return self.running.processor.source

    def _note(self, at: float, done: int) -> None:
        self.samples.append(Sample(at, done))
        kafka = self.broker.kafka.pid
        broker = busy_seconds(kafka) if kafka is not None else 0.0
        self.used.append(Used(busy_seconds(self.running.pid), core_seconds(self.running.core), broker))

    def measured(self) -> Measured:
        """What was seen."""
        done = [sample.done for sample in self.samples]
        first = next(at for at, count in enumerate(done) if count > self.base)
        half = next(at for at, count in enumerate(done) if count >= self.base + (done[-1] - self.base) / 2)
        seconds = self.samples[-1].at - self.samples[first].at
        own, core, broker = (then - before for before, then in zip(self.used[first], self.used[-1], strict=True))
        second_half = self.used[-1].own - self.used[half].own
        processor = self.running.processor
        return Measured(
            name=processor.name,
            guarantee=processor.guarantee,
            events=done[-1] - self.base,
            of=self.until - self.base,
            seconds=seconds,
            whole=whole_rate(self.samples, base=self.base, end=self.until),
            steady=steady_rate(self.samples, base=self.base, end=self.until),
            per_core_second=(done[-1] - done[half]) / second_half if second_half else 0.0,
            busy=own / seconds if seconds else 0.0,
            others=max(0.0, core - own) / seconds if seconds else 0.0,
            broker_busy=broker / seconds if seconds else 0.0,
            memory=memory_of(self.running.pid),
            samples=tuple(self.samples),
        )
