"""The machine: its cores and who runs on which, memory and processor time of a process, versions."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

# The broker and whoever measures share the first core; whoever is measured has the second for itself.
OURS = 0
THEIRS = 1
TICKS = os.sysconf("SC_CLK_TCK")


class UnfitMachineError(RuntimeError):
    """The machine cannot run the bench; the message says what it lacks."""


def take_place() -> None:
    """Keep this process, and the broker that it starts, off the measured core. Raises UnfitMachineError."""
    if not hasattr(os, "sched_setaffinity"):
        raise UnfitMachineError("the bench pins processes to cores, and so needs Linux")
    if {OURS, THEIRS} - os.sched_getaffinity(0):
        raise UnfitMachineError("the bench needs two cores: one for the broker, one for whoever is measured")
    os.sched_setaffinity(0, {OURS})


def pinned(command: list[str], core: int) -> list[str]:
    """The command, kept on that core."""
    return ["taskset", "--cpu-list", str(core), *command]


def busy_seconds(pid: int) -> float:
    """Processor time that a process has used so far; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def core_seconds(core: int) -> float:
    """Time that a core has worked so far, for whomever."""
    fields = re.search(rf"^cpu{core} (.+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    if fields is None:
        return 0.0
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = map(int, fields[1].split()[:8])
    return (user + nice + system + interrupts + soft + stolen) / TICKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of a process in bytes: now, and at its highest."""

    now: int = 0
    highest: int = 0


def memory_of(pid: int) -> Memory:
    """What /proc says of a process; nothing for one that has ended."""
    try:
        return parse_status(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return Memory()


def parse_status(text: str) -> Memory:
    """Read VmRSS and VmHWM."""
    found = {name: int(size) * 1024 for name, size in re.findall(r"^(Vm\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    return Memory(now=found.get("VmRSS", 0), highest=found.get("VmHWM", 0))


def described() -> str:
    """Cores, memory and system in a line; never the machine's name."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB memory, {_processor()}, {platform.system()} {platform.machine()}"


def versions() -> dict[str, str]:
    """What was measured with what."""
    said = subprocess.run(["java", "-version"], check=False, capture_output=True, text=True).stderr  # noqa: S607  # the java of the PATH is the one that is measured
    java = re.search(r'version "([^"]+)"', said)
    found = {name: version(name) for name in ("laurel", "faust-streaming", "aiokafka", "rocksdict", "msgspec")}
    return {"Python": platform.python_version(), "Java": java[1] if java else "none", **found}


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return "unknown processor"
    return found[1] if found else "unknown processor"
