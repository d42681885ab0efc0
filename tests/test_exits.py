"""How the process ends when it must: what is the disk's fault is not called a bug."""

import subprocess
import sys

import pytest

from streams.exits import BUG, DISK

# RocksDB's own words, from a disk that takes no more: a limit on the size of files does what a full one does.
FULL = """
import resource, sys, tempfile
from rocksdict import Options, Rdict
from streams.exits import bug

with tempfile.TemporaryDirectory() as place:
    database = Rdict(place + "/db", options=Options(raw_mode=True))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        while True:
            database[b"key"] = b"x" * 4096
    except Exception as error:
        bug("laurel.facts partition 1", error)
"""
WRONG = """
from streams.exits import bug
bug("laurel.facts partition 1", ZeroDivisionError("division by zero"))
"""


@pytest.mark.parametrize(
    ("program", "code", "says"), [(FULL, DISK, "Make room"), (WRONG, BUG, "a bug; ending")], ids=["full", "wrong"]
)
def test_a_full_disk_is_told_apart_from_a_bug(program: str, code: int, says: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert "laurel.facts partition 1" in done.stdout + done.stderr
