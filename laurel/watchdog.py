"""The watchdog: a thread that ends the process when its event loop hangs, or does not end by itself."""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from streams.exits import STUCK

log = structlog.get_logger("laurel")

# How often the event loop says that it is alive, and the thread looks, in seconds.
TICK_SECONDS = 1.0


def end(why: str, ticks: int) -> None:
    """End the process at once, and say where each thread was."""
    log.critical("the watchdog ends the process", why=why, seconds=ticks)
    faulthandler.dump_traceback(sys.stderr)
    os._exit(STUCK)


class Watchdog:
    """
    Watches the event loop that it is entered in, from a thread of its own.

    Both count ticks: a process that was asleep wakes up with one tick gone, and not with an hour.
    """

    def __init__(self, hang_ticks: int, ended: Callable[[str, int], None] = end) -> None:
        self._hang_ticks, self._ended = hang_ticks, ended
        self._silent_ticks = 0
        self._leaving_ticks: int | None = None
        self._closed = threading.Event()
        self._beats: asyncio.Task[None] | None = None

    def leave_within(self, ticks: int) -> None:
        """From now on the process has so many seconds to end by itself."""
        self._leaving_ticks = ticks

    def __enter__(self) -> Self:
        self._beats = asyncio.get_running_loop().create_task(self._beat(), name="watchdog")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._beats is not None:
            self._beats.cancel()

    async def _beat(self) -> None:
        while True:
            self._silent_ticks = 0
            await asyncio.sleep(TICK_SECONDS)

    def _watch(self) -> None:
        left = 0
        while not self._closed.wait(TICK_SECONDS):
            self._silent_ticks += 1
            left += self._leaving_ticks is not None
            if self._silent_ticks >= self._hang_ticks:
                self._ended("the event loop hangs", self._silent_ticks)
                return
            if self._leaving_ticks is not None and left >= self._leaving_ticks:
                self._ended("the worker was told to stop and does not", left)
                return
