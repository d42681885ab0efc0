"""Preview and apply: what a new rule costs where a million facts are known, in time and memory, from outside."""

import asyncio
import re
import sys
import time
from dataclasses import dataclass

from bench import workload
from bench.machine import THEIRS, memory_of, pinned
from bench.measuring import FailedRunError, Running, Watch, started
from bench.processors import TAIL_CHARACTERS, Processor, environment, laurel
from bench.rows import Found
from bench.sizes import Sizes
from bench.stage import CREDENTIALS, Log, Stage, stage
from bench.workload import COURSES, EVENTS_PER_STATE, lives

SEED = 7
MEGABYTE = 1 << 20
# The new rule: one that many meet, and some come closer to.
RULE = """\
  - id: new-rule
    kind: badge
    name: New rule
    criteria:
      all:
        - final_grade: {course: COURSE0, at_least: 60}
        - topics_completed: {course: COURSE0, topics: 12}
        - topics_completed: {course: COURSE1, topics: 12}
    when_no_longer_met: keep
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that was run: for how long, its memory at its highest (bytes), and what it said."""

    seconds: float
    highest: int
    said: str


async def measure(log: Log, sizes: Sizes, found: Found) -> None:
    """The rows of a preview and of putting a rule in force, with a worker that has judged everything and runs on."""
    facts = sizes.previewed * COURSES * EVENTS_PER_STATE
    async with stage(log, sizes) as scene:
        until = await scene.facts(lives(sizes.previewed, SEED, cohort=min(sizes.previewed, 2_000)))
        worker = laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config)
        await scene.prepare(worker)
        new = scene.directory / "new.yaml"
        text = workload.catalogue(CREDENTIALS).replace("version: 1", "version: 2", 1)
        new.write_text(text + RULE, encoding="utf-8")
        with started(worker, scene.directory / f"{worker.group}.log") as running, log.bar() as bar:
            task = bar.add_task("everything is judged", total=until)
            await Watch(
                broker=scene.broker, running=running, until=until, seen=lambda done: bar.update(task, completed=done)
            ).run()
            preview = await _command(scene, worker, running, "preview", str(new))
            apply = await _command(scene, worker, running, "apply", "--yes", str(new))
    changed = _changed(apply)
    note = f"{facts:,} facts of {sizes.previewed:,} learners"
    log.say(
        f"{note}: previewed in {preview.seconds:.1f} s with {preview.highest / MEGABYTE:,.0f} MB; previewed, put in "
        f"force and followed to its end in {apply.seconds:.1f} s; {changed:,} awards, all as previewed"
    )
    found.add("preview_seconds", [preview.seconds], note)
    found.add("preview_memory_mb", [preview.highest / MEGABYTE], note)
    found.add("apply_seconds", [apply.seconds], f"{note}, {changed:,} awards")


def _changed(apply: Ran) -> int:
    """How many awards were told as previewed. Raises FailedRunError where not all were, or none."""
    told = re.search(r"Told as previewed: ([\d,]+) of ([\d,]+) awards", apply.said)
    if told is None or told[1] != told[2] or told[1] == "0":
        raise FailedRunError(f"not what was previewed was told: {apply.said[-TAIL_CHARACTERS:]}")
    return int(told[1].replace(",", ""))


async def _command(scene: Stage, worker: Processor, running: Running, *arguments: str) -> Ran:
    """Run `laurel catalogue …` on the measured core, beside a worker that has nothing to do, or walks."""
    command = pinned([sys.executable, "-m", "laurel", "catalogue", *arguments], THEIRS)
    began = time.monotonic()
    said = scene.directory / "command.log"
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment(worker), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
        highest = await _until_over(process, running)
    seconds = time.monotonic() - began
    text = said.read_text(errors="replace")
    if process.returncode:
        raise FailedRunError(f"`laurel catalogue {' '.join(arguments)}` said: {text[-TAIL_CHARACTERS:]}")
    return Ran(seconds=seconds, highest=highest, said=text)


async def _until_over(process: asyncio.subprocess.Process, running: Running) -> int:
    """Wait for a command, and give its memory at its highest, as the kernel keeps it; it ends with us."""
    highest = 0
    try:
        while process.returncode is None:
            running.check()
            highest = max(highest, memory_of(process.pid).highest)
            await asyncio.sleep(0.05)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return highest
