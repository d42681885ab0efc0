"""Scale: what the size of the state and of the catalogue does to full work, and what a large state weighs."""

from bench.measuring import Measured
from bench.processors import laurel
from bench.restore import restored
from bench.rows import Found
from bench.sizes import Sizes
from bench.stage import CREDENTIALS, Log, Stage, stage
from bench.workload import COURSES, firsts, lives, strays

SEED = 5
MEGABYTE = 1 << 20


async def measure_learners(log: Log, sizes: Sizes, found: Found) -> None:
    """The rows of many learners against few, and of memory. Each learner has a state before anything is measured."""
    few = await _with_learners(log, sizes, found, sizes.few, COURSES)
    many = await _with_learners(log, sizes, found, sizes.stored, 1)
    sentence = f"{sizes.stored:,} learners against {sizes.few:,}"
    found.add("many_learners_vs_few", [many.whole / few.whole], sentence)
    highest = many.memory.highest / MEGABYTE
    found.add("memory_mb", [many.memory.now / MEGABYTE], f"{sizes.stored:,} learners; {highest:,.0f} MB at its highest")


async def measure_catalogue(log: Log, sizes: Sizes, found: Found) -> None:
    """The row of a large catalogue against a small one: the same events, in courses that both have."""
    small = await _with_catalogue(log, sizes, CREDENTIALS)
    large = await _with_catalogue(log, sizes, sizes.credentials)
    sentence = f"{sizes.credentials:,} credentials against {CREDENTIALS}"
    found.add("large_catalogue_vs_small", [large.steady / small.steady], sentence)


async def _with_learners(log: Log, sizes: Sizes, found: Found, learners: int, courses: int) -> Measured:
    async with stage(log, sizes) as scene:
        base = await scene.facts(firsts(learners, courses))
        until = await scene.facts(strays(learners, sizes.strays, SEED, start=learners * courses))
        worker = laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config)
        measured = await scene.run(worker, until, base=base)
        scene.log.say(
            f"with {learners:,} learners: {measured.whole:,.0f} events/s, "
            f"{measured.memory.now / MEGABYTE:,.0f} MB resident"
        )
        found.figure(f"Laurel, full work, {learners:,} learners in its state: events/s", measured.whole)
        if learners == sizes.stored:
            rate = await restored(scene, worker)
            found.figure(f"Laurel, full work, {learners:,} learners: restored records/s", rate)
    return measured


async def _with_catalogue(log: Log, sizes: Sizes, credentials: int) -> Measured:
    async with stage(log, sizes, credentials) as scene:
        until = await scene.facts(lives(sizes.catalogue_learners, SEED, cohort=sizes.catalogue_learners))
        return await _run(scene, until, credentials)


async def _run(scene: Stage, until: int, credentials: int) -> Measured:
    worker = laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config)
    measured = await scene.run(worker, until)
    scene.log.say(f"with {credentials:,} credentials in the catalogue: {measured.steady:,.0f} events/s")
    return measured
