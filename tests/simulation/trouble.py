"""The trouble in a world: whoever does something to somebody every now and then."""

import asyncio

from streams.messages import Message
from tests.simulation.process import Process
from tests.simulation.world import INPUTS, TOGETHER, World

JUNK = (b"nonsense", b"{}", b'{"clock":1}', b'{"fact":{}},{"fact":{}}')


async def trouble(world: World) -> None:
    """Make trouble of the seed's kinds, for ever."""
    random, odds = world.random, world.odds
    while True:
        await asyncio.sleep(random.expovariate(1 / odds.trouble_seconds))
        kind = random.choice(odds.troubles)
        alive = [process for process in world.processes if process.is_responding]
        if alive:
            _do(world, kind, random.choice(alive))


def _do(world: World, kind: str, process: Process) -> None:
    match kind:
        case "sleep":
            world.put_to_sleep(process)
        case "kill":
            world.tell(process.name, "is killed")
            process.end(-9)
        case "leave":
            process.start(process.leave)
        case "rebalance":
            world.tell("group", "deals anew")
            world.group.rebalance()
        case "disk read" | "disk write":
            process.failing_disk = kind.removeprefix("disk ")
        case "compact":
            tp = world.random.choice([partitions[-1] for partitions in TOGETHER if len(partitions) > 1])
            world.tell("broker", f"compacts {tp.topic} {tp.partition}")
            world.broker.compact(tp)
        case _:
            world.broker.append(world.random.choice(INPUTS), [Message(b"x", world.random.choice(JUNK))])
