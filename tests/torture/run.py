"""A run: sets the scene, breaks it cycle by cycle, and lets everything be counted at the end."""

import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.acceptance.scenes import DEMO_CATALOGUE, command
from tests.torture.crew import KILLED, Crew, End, Seen
from tests.torture.faults import Fault, sequence, strike
from tests.torture.scene import DELIVERY, LANES, STREAMS, Scene

# What waits while nobody is behind is looked at so often, before anything is broken.
LOOKS = 12
LOOK_SECONDS = 0.5
# Usual is up to twice the median of that, and this at least: half a second of events.
LEAST_LEVEL = 60.0
READY_SECONDS = 90.0
# Longer than the limits after which a worker ends by itself.
RECOVERY_SECONDS = 180.0
CALM_SECONDS = 180.0
CALM_TIMES = 8
RESTORE_SECONDS = 90.0
# The catalogue changes in every so many cycles, while something is broken.
CHANGE_EVERY = 4
APPLY_SECONDS = 120.0
APPLY_AGAIN_SECONDS = 1.0
# The bars of the first badge: each change lowers or raises it.
BARS = ("65", "60", "70")
TAIL_CHARACTERS = 3_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is told; no cycle begins after so many seconds, and logs are left under `output`."""

    cycles: int
    seconds: float
    seed: int
    per_second: int
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One cycle: what was broken, and how long it took until all was as before, if it ever was."""

    kinds: tuple[str, ...]
    recovered_seconds: float | None


@dataclass(slots=True, kw_only=True)
class Run:
    """
    One run on its scene.

    `failures` are what no verifier sees: ends without a reason, recoveries without an end. `applied` are the
    catalogues that were put in force, in their order.
    """

    options: Options
    scene: Scene
    say: Say
    cycles: list[Cycle] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    applied: list[Path] = field(default_factory=list)
    sent: int = 0
    level: float = LEAST_LEVEL

    def torture(self) -> None:
        """Break things, cycle by cycle, and let all of it come to rest."""
        chance = Random(self.options.seed)
        faults = sequence(self.scene, chance)
        self._await("the start", 0, READY_SECONDS)
        self.scene.feeder.start()
        self._look()
        began = time.monotonic()
        for number in range(1, self.options.cycles + 1):
            if time.monotonic() - began > self.options.seconds:
                self.say(f"{self.options.seconds:.0f} s are over after {number - 1} cycles.")
                break
            self._cycle(number, next(faults), chance)
        self._end()

    def _end(self) -> None:
        crew, began = self.scene.crew, len(self.scene.crew.ends)
        crew.nothing_is_explained()
        self.scene.feeder.stop()
        self.sent = self.scene.feeder.sent
        self._await("the end", 0, CALM_SECONDS, CALM_TIMES)
        self._judge_ends("the end", crew.ends[began:])
        for name, code in crew.stop(self._names()).items():
            if code != 0:
                self._fail(f"{name} was told to stop and ended with {code}", [name])

    def restore(self) -> Path:
        """Let a worker that has nothing but the changelogs restore everything; gives where it has put it."""
        place, log = self.scene.stack.directory / "restored", self.options.output / "restored.log"
        with log.open("wb") as file:
            worker = self.scene.stack.worker(file, "stream", "r", {"LAUREL_DATA_DIR": str(place / "r")})
            with Crew({"r": worker}, {"r": log}, LANES, self.scene.crew.unread) as crew:
                self._restored(crew)
        return place

    def _restored(self, crew: Crew) -> None:
        seconds, seen = crew.until_settled(level=0, seconds=RESTORE_SECONDS)
        if seconds is None:
            self.failures.append(f"a worker without state did not restore it: {seen}\n{crew.tail('r')}")
        elif (code := crew.stop(["r"])["r"]) != 0 or crew.ends:
            ended = ", ".join(map(str, [*crew.ends, f"r {code}"]))
            self.failures.append(f"the worker that restored its state ended: {ended}\n{crew.tail('r')}")

    def _cycle(self, number: int, faults: list[Fault], chance: Random) -> None:
        crew, began = self.scene.crew, len(self.scene.crew.ends)
        crew.nothing_is_explained()
        change = self._change(chance) if number % CHANGE_EVERY == 0 else None
        strike(faults, crew)
        if change is not None:
            change.join()
        seconds, seen = crew.until_settled(level=self.level, seconds=RECOVERY_SECONDS)
        self._judge_broker(number)
        self.cycles.append(Cycle(kinds=tuple(fault.kind for fault in faults), recovered_seconds=seconds))
        ends = crew.ends[began:]
        text = " + ".join([*[fault.text for fault in faults], *(["catalogue changed"] if change else [])])
        after = f"never recovered ({seen})" if seconds is None else f"recovered in {seconds:.1f} s"
        ended = f"; ended: {', '.join(map(str, ends))}" if ends else ""
        self.say(f"cycle {number}/{self.options.cycles}  {text}: {after}{ended}")
        self._judge(number, text, seconds, seen, ends)

    def _judge(self, number: int, text: str, seconds: float | None, seen: Seen, ends: list[End]) -> None:
        self._judge_ends(f"cycle {number}, {text}", ends)
        if seconds is None:
            self._fail(
                f"cycle {number}: no recovery from {text} within {RECOVERY_SECONDS:.0f} s: {seen}", self._names()
            )
            # On with the others: they may show more.
            for name in self._names():
                self.scene.crew.explain({name: [KILLED]})
                self.scene.crew.signal(name, signal.SIGKILL)
            self._await(f"a new start after cycle {number}", self.level, RECOVERY_SECONDS)

    def _judge_broker(self, number: int) -> None:
        """What the broker forgets is no fault of ours, and nothing after it can be told apart from one."""
        went_back = self.scene.unread.went_back
        for sentence in went_back:
            self._fail(f"cycle {number}: {sentence}", [])
        if went_back:
            self.scene.kafka.keep_offsets(self.options.output / f"offsets-{number}")
        went_back.clear()

    def _judge_ends(self, when: str, ends: list[End]) -> None:
        for end in ends:
            if not end.is_explained:
                self._fail(f"{when}: that {end.name} ended with {end.code} is not explained by it", [end.name])

    def _look(self) -> None:
        """See how much usually waits: that is where every recovery must come back to."""
        waiting = []
        for _ in range(LOOKS):
            time.sleep(LOOK_SECONDS)
            waiting.append(self.scene.crew.seen().waiting)
        self.level = max(LEAST_LEVEL, 2 * statistics.median(waiting))
        self.say(f"{statistics.median(waiting):.0f} records usually wait; up to {self.level:.0f} is recovered.")

    def _await(self, what: str, level: float, seconds: float, times: int = 3) -> None:
        settled, seen = self.scene.crew.until_settled(level=level, seconds=seconds, times=times)
        if settled is None:
            self._fail(f"{what}: still not at rest after {seconds:.0f} s: {seen}", self._names())

    def _names(self) -> list[str]:
        return [*STREAMS, DELIVERY]

    def _fail(self, sentence: str, names: list[str]) -> None:
        """A failure is shown at once, with the logs that may say why."""
        self.failures.append(sentence)
        self.say(f"FAILURE: {sentence}")
        for name in names:
            self.say(f"--- the end of {name}.log\n{self.scene.crew.tail(name, TAIL_CHARACTERS)}---")

    def _change(self, chance: Random) -> threading.Thread:
        """Put another catalogue in force, as an operator would, while things break."""
        number = len(self.applied) + 2
        path = self.scene.stack.directory / f"catalogue-{number}.yaml"
        text = DEMO_CATALOGUE.read_text().replace("version: 1", f"version: {number}")
        path.write_text(text.replace("at_least: 65}", f"at_least: {BARS[(number - 1) % len(BARS)]}}}"))
        thread = threading.Thread(target=self._apply, args=(path, chance.uniform(0, 3)), name="operator", daemon=True)
        thread.start()
        return thread

    def _apply(self, path: Path, delay: float) -> None:
        time.sleep(delay)
        until, said = time.monotonic() + APPLY_SECONDS, ""
        while time.monotonic() < until:
            try:
                done = command(self.scene.stack, "catalogue", "apply", "--yes", "--no-wait", str(path))
            except subprocess.TimeoutExpired as error:
                said = f"it hung: {error}"
                break
            if done.returncode == 0:
                self.applied.append(path)
                return
            said = done.stdout + done.stderr
            time.sleep(APPLY_AGAIN_SECONDS)
        self.failures.append(f"`laurel catalogue apply` did not succeed within {APPLY_SECONDS:.0f} s: {said}")
