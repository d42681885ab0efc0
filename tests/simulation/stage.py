"""The stage on which a world is played: the loop, and the few places where the real code meets the machine."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import structlog

from rules import certify, decide
from streams import certificates, exits, progress, tables
from tests.simulation.disk import Batch
from tests.simulation.loop import Loop
from tests.simulation.process import CURRENT, exit_process
from tests.simulation.world import World

# So many records are folded between two looks at the clock: few, so that batches are cut.
BREATH = 3
# So many values stay in hand between batches: few, so that some are always dropped.
KEPT = 5
# So many are looked at when their time comes: few, so that some are always left.
AT_ONCE = 1


def staged(world: World) -> None:
    """Let a world take its course. Raises FailedError, and whatever else goes wrong."""
    with _set(world):
        loop = Loop()
        try:
            loop.run_until_complete(world.run())
        finally:
            loop.close()


@contextmanager
def _set(world: World) -> Iterator[None]:
    """Let processes end without ending this one, disks be modelled, and what is logged be part of the trace."""

    def keep(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
        process = CURRENT.get(None)
        said = ", ".join(f"{name}={value}" for name, value in event.items() if name != "event")
        if process is not None and process.is_alive:
            world.tell(process.name, f"logs: {event['event']} {said}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep])
    try:
        with (
            patch.object(exits, "os", SimpleNamespace(_exit=exit_process)),
            patch.object(tables, "WriteBatch", Batch),
            patch.dict(tables.View.__init__.__kwdefaults__ or {}, kept=KEPT),
            patch.object(progress, "BREATH", BREATH),
            patch.object(certificates, "BREATH", BREATH),
            patch.object(decide, "AT_ONCE", AT_ONCE),
            patch.object(certify, "AT_ONCE", AT_ONCE),
        ):
            yield
    finally:
        structlog.configure(**before)
