"""Throughput: the same backlog through everybody, one after the other, as often as asked for."""

import json

from bench.measuring import Measured
from bench.processors import (
    AT_LEAST_ONCE,
    EXACTLY_ONCE,
    Processor,
    bare_read,
    kstreams,
    laurel,
    laurel_equal,
    plain_faust,
    quix,
)
from bench.rates import ratios
from bench.rows import KSTREAMS, Found
from bench.sizes import Sizes
from bench.stage import Log, Stage, stage
from bench.workload import due, lives

SEED = 1


class UnequalWorkError(RuntimeError):
    """Somebody did the whole backlog and awarded something else than all others."""


async def measure(log: Log, sizes: Sizes, found: Found) -> None:
    """Rows of equal and of full work."""
    events = list(lives(sizes.learners, SEED, cohort=sizes.learners))
    expected = {(one.learner, one.course) for one in due(events)}
    async with stage(log, sizes) as scene:
        until = await scene.facts(events)
        del events
        for turn in range(1, sizes.repeat + 1):
            log.say(f"turn {turn} of {sizes.repeat}; {len(expected):,} awards are due")
            await _turn(scene, until, expected, found)


async def _turn(scene: Stage, until: int, expected: set[tuple[str, str]], found: Found) -> None:
    address, run, directory = scene.broker.address, scene.next_run(), scene.directory
    read = await scene.run(bare_read(address, run), until)
    equal = await _checked(scene, laurel_equal(address, run, directory), until, expected)
    exactly = await _checked(scene, kstreams(address, run, directory, EXACTLY_ONCE), until, expected)
    at_least = await _checked(scene, kstreams(address, run, directory, AT_LEAST_ONCE), until, expected)
    full = await _checked(
        scene, laurel(address, run, directory, scene.config), until, expected, scene.sizes.full_seconds
    )
    quixed = await _checked(scene, quix(address, run, directory), until, expected)
    faust = await scene.run(plain_faust(address, run, directory), until, most_seconds=scene.sizes.slow_seconds)
    for one in (read, equal, exactly, at_least, full, quixed, faust):
        title = f"{one.name}, {one.guarantee}" if one.guarantee else one.name
        found.figure(f"{title}: whole run, events/s", one.whole)
        found.figure(f"{title}: second half, events/s", one.steady)
        found.figure(f"{title}: second half, events for a second of processor time", one.per_core_second)
        found.disturbed = max(found.disturbed, one.others)
    found.capacity[KSTREAMS] = exactly.steady
    found.add("equal_vs_faust", ratios([equal.whole], [faust.whole]))
    found.add("equal_vs_quix", ratios([equal.whole], [quixed.whole]))
    found.add("equal_vs_kstreams_exactly_once", ratios([equal.steady], [exactly.steady]))
    found.add("equal_vs_kstreams_at_least_once", ratios([equal.steady], [at_least.steady]))
    found.add("full_vs_kstreams_exactly_once", ratios([full.steady], [exactly.steady]))


async def _checked(
    scene: Stage, processor: Processor, until: int, expected: set[tuple[str, str]], most_seconds: float = 1e9
) -> Measured:
    """Run over the backlog; where it was all done, the awards are checked: each that is due, no other, each once."""
    measured = await scene.run(processor, until, most_seconds=most_seconds)
    if measured.events == measured.of:
        await check_awards(scene, processor, expected)
    return measured


async def check_awards(scene: Stage, processor: Processor, expected: set[tuple[str, str]]) -> None:
    """Compare what a processor awarded with what is due. Raises UnequalWorkError."""
    awards = [award_of(value) for value in await scene.broker.read(processor.awards)]
    kinds = set(awards)
    doubled = len(awards) - len(kinds)
    if kinds != expected or doubled:
        raise UnequalWorkError(
            f"{processor.name}, {processor.guarantee}: {len(expected - kinds):,} awards are missing, "
            f"{len(kinds - expected):,} are not due, and {doubled:,} came again"
        )
    scene.log.say(f"{processor.name}, {processor.guarantee}: {len(awards):,} awards, all that are due, each once")


def award_of(value: bytes) -> tuple[str, str]:
    """Whom an award is for, and in which course: of the equal work's awards, and of Laurel's own."""
    said = json.loads(value)
    if "credential" in said:
        return said["learner"], said["credential"].replace("badge-", "COURSE")
    return said["learner"], said["course"]
