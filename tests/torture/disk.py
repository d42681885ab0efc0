"""Disks that can be full: a small file system for each worker's state or, where none may be mounted, a limit."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

# As large as it may get, of memory; what is not used is not taken.
MOUNTED_BYTES = 2 << 30
PAGE_BYTES = 4096
TRIES = 20
TRY_AGAIN_SECONDS = 0.05
# A worker that may not make its files larger than this has reached the limit at once, or soon.
LIMIT_BYTES = 128 << 10


class Disk(Protocol):
    """One worker's disk, at `place`."""

    place: Path

    def fill(self, process: int) -> None:
        """Let there be no room left, for the worker that runs as this process."""
        ...

    def make_room(self) -> None:
        """Let there be room again."""
        ...

    def release(self) -> None:
        """Give back what was taken from the system."""
        ...


class Mounted:
    """A file system in memory, which is made as small as what it holds: whoever writes to it gets ENOSPC."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={MOUNTED_BYTES}", "laurel-torture", str(place))

    def fill(self, process: int) -> None:  # noqa: ARG002  # it is full for everyone
        # What is written between the look and the change makes it a little too small.
        # Nothing is never asked for: to tmpfs that is no limit at all.
        self._resize(lambda: max(shutil.disk_usage(self.place).used, PAGE_BYTES))

    def make_room(self) -> None:
        self._resize(lambda: MOUNTED_BYTES)

    def release(self) -> None:
        # Lazily, since a worker that was just killed may still be on its way out.
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("umount", "--lazy", str(self.place))

    def _resize(self, to: Callable[[], int]) -> None:
        """Try several times: mount(8) also stumbles over whatever else is mounted at the same moment."""
        for left in reversed(range(TRIES)):
            try:
                _run("mount", "-o", f"remount,size={to()}", str(self.place))
            except subprocess.CalledProcessError as error:
                if not left:
                    raise OSError(f"{self.place} has not got another size: {error.stderr.decode()}") from error
                time.sleep(TRY_AGAIN_SECONDS)
            else:
                return


class Limited:
    """An ordinary directory; `fill` limits how large the worker's files may get (EFBIG), until it ends by that."""

    def __init__(self, place: Path, log: Path) -> None:
        self.place, self._log = place, log
        place.mkdir(parents=True)

    def fill(self, process: int) -> None:
        # Its log is a file of its own, and is to go on.
        limit = LIMIT_BYTES + (self._log.stat().st_size if self._log.exists() else 0)
        _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (limit, hard))

    def make_room(self) -> None:
        """Whoever is started next has no limit."""

    def release(self) -> None:
        """There is nothing to give back."""


def how() -> str:
    """How a full disk is made here: `mounted` or `limited`; raises OSError where neither can be done."""
    if sys.platform != "linux":
        raise OSError("a full disk is made with tmpfs or prlimit, and both are of Linux")
    return "mounted" if os.geteuid() == 0 and _may_mount() else "limited"


def disk(place: Path, log: Path) -> Disk:
    """A worker's disk at this place."""
    return Mounted(place) if how() == "mounted" else Limited(place, log)


def _may_mount() -> bool:
    """Root in a container often may not: trying is all that tells."""
    with tempfile.TemporaryDirectory(prefix="laurel-mount-") as place:
        try:
            _run("mount", "-t", "tmpfs", "-o", "size=4096", "laurel-torture", place)
        except (OSError, subprocess.CalledProcessError):
            return False
        _run("umount", place)
        return True


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
