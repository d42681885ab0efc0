"""
Restore: how fast state comes back from the changelog, seen from outside and the same for all.

A processor is started twice: once with its local state, once without. Both times a few fresh records wait for it,
and the time is taken until it has committed one of them, which it can only when it knows its state. The difference
of the two is what restoring took; start, group and first commit are in both.
"""

import asyncio
import shutil
import time

from bench.measuring import START_SECONDS, started
from bench.processors import Processor, laurel_equal, plain_faust
from bench.rows import Found
from bench.sizes import Sizes
from bench.stage import Log, Stage, stage
from bench.workload import PARTITIONS, Event, facts_record, lives

SEED = 3
LEAVING_SECONDS = 60
LOOK_SECONDS = 0.02
# A difference that is shorter than this says nothing.
LEAST_SECONDS = 0.2
FRESH = 200


async def measure(log: Log, sizes: Sizes, found: Found) -> None:
    """The row of restoring, against plain Faust; both do the equal work, so both restore the same kind of records."""
    async with stage(log, sizes) as scene:
        until = await scene.facts(lives(sizes.learners, SEED, cohort=sizes.learners))
        address, run, directory = scene.broker.address, scene.next_run(), scene.directory
        ours, theirs = laurel_equal(address, run, directory), plain_faust(address, run, directory)
        await scene.run(ours, until)
        await scene.run(theirs, until, most_seconds=sizes.slow_seconds)
        mine = [await restored(scene, ours) for _ in range(sizes.restores)]
        others = [await restored(scene, theirs) for _ in range(sizes.restores)]
    for rate in mine:
        found.figure("Laurel, equal work: restored records/s", rate)
    for rate in others:
        found.figure("plain Faust: restored records/s", rate)
    found.add("restore_vs_faust", [one / other for one, other in zip(mine, others, strict=True)])


async def restored(scene: Stage, processor: Processor) -> float:
    """Records a second at which a processor restores the state that it had."""
    warm = await _until_committed(scene, processor)
    shutil.rmtree(processor.state)
    records = await scene.broker.length(processor.changelog)
    cold = await _until_committed(scene, processor)
    seconds = cold - warm
    if seconds < LEAST_SECONDS:
        raise RuntimeError(f"{processor.name} restored {records:,} records too soon to be measured: give it more")
    scene.log.say(
        f"{processor.name}: restored {records:,} records in {seconds:.1f} s ({cold:.1f} s from start to first "
        f"commit, {warm:.1f} s with local state): {records / seconds:,.0f} records/s"
    )
    return records / seconds


async def _until_committed(scene: Stage, processor: Processor) -> float:
    """Seconds from the start of a processor to its first commit."""
    if not processor.is_static:
        await scene.broker.until_left(processor.group, LEAVING_SECONDS)
    await scene.broker.write(processor.source, map(facts_record, _fresh()))
    before = await scene.broker.committed(processor.group, processor.source)
    began = time.monotonic()
    with started(processor, scene.directory / f"{processor.group}.log") as running:
        while await scene.broker.committed(processor.group, processor.source) == before:
            running.check()
            if time.monotonic() - began > 2 * START_SECONDS:
                raise running.failed("has committed nothing since it was started again")
            await asyncio.sleep(LOOK_SECONDS)
        return time.monotonic() - began


def _fresh() -> list[Event]:
    """A few events in every partition."""
    found = [Event(at, at, 0, None, 0) for at in range(FRESH)]
    if len({facts_record(event).partition for event in found}) < PARTITIONS:
        raise RuntimeError("the fresh events miss a partition")
    return found
