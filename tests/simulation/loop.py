"""The event loop of a simulation: no time of its own and no I/O, so that the same seed leads to the same run."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextvars import Context
from heapq import heappop
from typing import Any, cast


class StuckError(RuntimeError):
    """Nothing is ready, and nothing ever will be."""


class Loop(asyncio.BaseEventLoop):
    """A loop whose time passes only when nothing is left to do: an hour takes no time."""

    _ready: "deque[asyncio.Handle]"
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        # What a crashed process leaves behind is nobody's to retrieve.
        self.set_exception_handler(lambda _loop, _context: None)
        # A task that waits for ever is else nobody's, and would be ended by the garbage collector, whenever it runs.
        self._kept: set[asyncio.Task[Any]] = set()
        self.set_task_factory(cast("Any", self._keep))

    def _keep(
        self, _loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], *, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=self, context=context)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)
        return task

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        """Run what is ready; with nothing ready, let it be the time at which something is due."""
        ready, due = self._ready, self._scheduled
        while due and due[0]._cancelled:
            heappop(due)
        if not ready:
            if not due:
                raise StuckError("every task waits, and nothing is due")
            self._now = max(self._now, due[0].when())
        while due and due[0].when() <= self._now:
            ready.append(heappop(due))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()
