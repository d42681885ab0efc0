"""LMS bytes to award: a backlog of native events through intake, progress and certificates of one worker."""

import asyncio
import time
from dataclasses import dataclass, field

from bench.kafka import Broker
from bench.measuring import POLL_SECONDS, STALL_SECONDS, Running, started
from bench.processors import laurel
from bench.rows import LAUREL, Found
from bench.sizes import Sizes
from bench.stage import LMS_TOPIC, Log, Stage, stage
from bench.throughput import check_awards
from bench.workload import Event, due, lives, lms_record
from streams import topics

SEED = 2
# What may lie behind the last record of a partition: the marker of one transaction of each intake lane.
MARKERS = 4
CALM_SECONDS = 2.0


async def measure(log: Log, sizes: Sizes, found: Found) -> None:
    """The row of LMS bytes to award."""
    events = list(lives(sizes.lms_learners, SEED, cohort=sizes.lms_learners))
    for _ in range(sizes.repeat):
        async with stage(log, sizes) as scene:
            found.capacity[LAUREL] = await rate(scene, events)
        found.add("lms_to_award_per_second", [found.capacity[LAUREL]])


async def rate(scene: Stage, events: list[Event]) -> float:
    """Events a second from the first commit of intake to the last commit of any agent."""
    await scene.write(LMS_TOPIC, map(lms_record, events))
    worker = laurel(scene.broker.address, scene.next_run(), scene.directory, scene.config, source=LMS_TOPIC)
    await scene.laurel_topics(worker.group)
    with started(worker, scene.directory / f"{worker.group}.log") as running, scene.log.bar() as bar:
        task = bar.add_task(worker.name, total=len(events))
        watch = Agents(scene.broker, running, len(events))
        while not await watch.is_done():
            bar.update(task, completed=watch.done)
            await asyncio.sleep(POLL_SECONDS)
    found = len(events) / (watch.ended - watch.began)
    scene.log.say(f"{worker.name}: {found:,.0f} events/s through all agents")
    await check_awards(scene, worker, {(one.learner, one.course) for one in due(events)})
    return found


@dataclass(slots=True)
class Agents:
    """Watches a worker's agents until nothing is left to any of them: when the first began, and the last ended."""

    broker: Broker
    running: Running
    events: int
    began: float = 0.0
    ended: float = 0.0
    done: int = 0
    _last: list[int] = field(default_factory=list)

    async def is_done(self) -> bool:
        """Look once. Raises FailedRunError for a worker that ends or gets stuck."""
        self.running.check()
        group = self.running.processor.group
        source = await self.broker.committed(group, LMS_TOPIC)
        committed = {topic: await self.broker.committed(group, topic) for topic in (topics.FACTS, topics.HELD)}
        now = time.monotonic()
        self.done = sum(source.values())
        seen = [self.done, *[sum(found.values()) for found in committed.values()]]
        if self.done and not self.began:
            self.began = now
        if seen != self._last:
            self._last, self.ended = seen, now
        if now - self.ended > STALL_SECONDS:
            raise self.running.failed(f"has committed nothing for {STALL_SECONDS} s")
        if self.done < self.events or now - self.ended < CALM_SECONDS:
            return False
        ends = {topic: await self.broker.ends(topic) for topic in committed}
        return all(
            ends[topic][partition] - at <= MARKERS
            for topic, found in committed.items()
            for partition, at in found.items()
        )
