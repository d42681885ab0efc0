"""How the process ends when it must: at once, with nothing committed, saying where and why."""

import errno
import os
import traceback
from typing import NoReturn

import structlog

log = structlog.get_logger("laurel")

# sysexits.h: an internal error, an error of the system, and an outage that a restart may mend.
BUG = 70
# What has to go on stands still, and nobody knows why: a restart mends what waiting does not.
STUCK = 71
OUTAGE = 75
# The disk does not do what it is told: it is full, or broken, or may not be written to.
DISK = 74
# Another worker has taken over; this one must not go on.
FENCED = 76
# The log no longer has what comes next.
CUT = 77


_OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def is_of_disk(error: BaseException) -> bool:
    """Whether it is the disk's fault: RocksDB's own errors are plain exceptions, known by how they begin."""
    return str(error).startswith("IO error: ") or (isinstance(error, OSError) and error.errno in _OF_DISK)


def bug(where: str, error: BaseException) -> NoReturn:
    """
    End the process: it starts again at the last finished batch (DESIGN.md, "Three outcomes").

    What is the disk's fault and not ours ends it too, and is told apart.
    """
    if is_of_disk(error):
        disk(where, error)
    lines = "".join(traceback.format_exception(error)).rstrip()
    log.critical("a bug; ending, with nothing of this batch committed", where=where, error=repr(error), trace=lines)
    os._exit(BUG)


def disk(where: str, error: BaseException) -> NoReturn:
    """End the process: what was committed and not written is restored from Kafka, once there is room."""
    log.critical(
        "state cannot be kept on this disk; ending. Make room, or set LAUREL_DATA_DIR", where=where, error=str(error)
    )
    os._exit(DISK)


def outage(where: str, error: BaseException) -> NoReturn:
    """End the process: what was begun is restored from Kafka at the next start."""
    log.error("Kafka failed in the middle of a transaction; ending, to restore from it", where=where, error=repr(error))
    os._exit(OUTAGE)


def cut(where: str, committed: int, first: int) -> NoReturn:
    """End the process: records were deleted before they were read, and going on would hide it."""
    log.critical(
        "records were deleted before they were read; ending. Set the group's offset to go on without them",
        where=where,
        committed=committed,
        first=first,
    )
    os._exit(CUT)


def stuck(what: list[str], seconds: int) -> NoReturn:
    """End the process: what has to go on stands still."""
    log.critical("work stands still; ending, to begin again from what is committed", what=what, seconds=seconds)
    os._exit(STUCK)


def missed(where: str, expected: int, begins: int) -> NoReturn:
    """End the process: what was fetched to restore state does not continue it."""
    log.error("restored records are missing; ending, to restore again", where=where, expected=expected, begins=begins)
    os._exit(OUTAGE)


def fenced(where: str) -> NoReturn:
    """End the process: another worker owns what this one worked on, and has fenced it off."""
    log.error("another worker has taken over while this one was asleep; ending", where=where)
    os._exit(FENCED)
