"""Two workers against one, where there is a core for each besides the broker's."""

import os
from dataclasses import replace
from pathlib import Path

from bench.measuring import Watch, started
from bench.processors import Processor, laurel
from bench.rows import Found
from bench.sizes import Sizes
from bench.stage import Log, Stage, sentence, stage
from bench.workload import lives

SEED = 6
CORES = 4
SECOND = 2


async def measure(log: Log, sizes: Sizes, found: Found) -> None:
    """The row of two workers; with fewer cores they would only take each other's time, and it says so."""
    cores = os.cpu_count() or 1
    if cores < CORES:
        found.notes["two_workers_vs_one"] = f"not measured: it needs {CORES} cores, and here are {cores}"
        log.say(f"two workers against one: {found.notes['two_workers_vs_one']}")
        return
    async with stage(log, sizes) as scene:
        until = await scene.facts(lives(sizes.learners, SEED, cohort=sizes.learners))
        one = await scene.run(laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config), until)
        found.add("two_workers_vs_one", [await two(scene, until) / one.steady])


async def two(scene: Stage, until: int) -> float:
    """Events a second of two workers of one group, each on a core of its own, over the second half."""
    first = laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config)
    await scene.prepare(first)
    second = _beside(first, laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config))
    log: Path = scene.directory / f"{first.group}.log"
    with started(first, log) as running, started(second, log, core=SECOND):
        watch = Watch(broker=scene.broker, running=running, until=until)
        await watch.run()
        measured = watch.measured()
    scene.log.say(f"two workers: {sentence(measured)}")
    return measured.steady


def _beside(first: Processor, other: Processor) -> Processor:
    """The other worker, in the group of the first."""
    environ = {**other.environ, "LAUREL_APP_ID": first.group, "LAUREL_WORKER_NAME": "second"}
    return replace(other, group=first.group, environ=environ)
