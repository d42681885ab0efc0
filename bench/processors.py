"""Who is measured: how each processor is started, with every setting that is not its default."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.workload import BAR, TOPICS_NEEDED
from laurel.demo.stack import free_port
from streams import topics

ROOT = Path(__file__).parent.parent
PEERS_PYTHON = ROOT / "bench" / ".venv" / "bin" / "python"
KSTREAMS = ROOT / "bench" / "kstreams"
TAIL_CHARACTERS = 3_000

EXACTLY_ONCE = "exactly once"
AT_LEAST_ONCE = "at least once"

# Everybody commits at least once a second: see bench/README.md, "Equal work".
COMMIT_MS = 1_000

KSTREAMS_JAVA = ("-Xms1g", "-Xmx1g")
KSTREAMS_SETTINGS = {
    "num.stream.threads": "1",
    "replication.factor": "1",
    "commit.interval.ms": str(COMMIT_MS),
    "max.poll.records": "4000",
    "producer.batch.size": str(1 << 18),
    "producer.linger.ms": "20",
}
QUIX_COMMIT_SECONDS = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One processor for one run: its command, and where it is seen from outside."""

    name: str
    guarantee: str
    command: list[str]
    group: str
    awards: str
    source: str = topics.FACTS
    makes: Mapping[str, dict[str, str]] = field(default_factory=dict)
    state: Path = Path()
    environ: Mapping[str, str] = field(default_factory=dict)
    changelog: str = ""
    port: int = 0
    # Keeps its place in the group while it is away, so that nobody need wait for it to leave.
    is_static: bool = False


def laurel_equal(broker: str, run: str, directory: Path) -> Processor:
    """Laurel's lanes with the equal work."""
    group, state = f"laurel-equal-{run}", directory / f"laurel-equal-{run}"
    awards = f"{group}-awards"
    return Processor(
        name="Laurel, equal work",
        guarantee=EXACTLY_ONCE,
        command=[sys.executable, "-m", "bench.laurel_equal", broker, group, awards, str(state)],
        group=group,
        awards=awards,
        makes={awards: {}, topics.progress_changelog(group): {"cleanup.policy": "compact"}},
        state=state,
        changelog=topics.progress_changelog(group),
        is_static=True,
    )


def laurel(broker: str, run: str, directory: Path, config: Path, source: str = topics.FACTS) -> Processor:
    """A real worker with all its agents, unmodified and with the settings it has by default."""
    port, state = free_port(), directory / f"laurel-{run}"
    environ = {
        "LAUREL_BROKER": broker,
        "LAUREL_CONFIG": str(config),
        "LAUREL_DATA_DIR": str(state),
        "LAUREL_WORKER_NAME": "bench",
        "LAUREL_APP_ID": f"laurel-{run}",
        "LAUREL_HTTP_PORT": str(port),
        "LAUREL_LOG_FORMAT": "json",
    }
    return Processor(
        name="Laurel, full work" if source == topics.FACTS else "Laurel, LMS to award",
        guarantee=EXACTLY_ONCE,
        command=[sys.executable, "-m", "laurel", "worker", "--role", "stream"],
        group=environ["LAUREL_APP_ID"],
        awards=topics.BADGES,
        source=source,
        state=state,
        environ=environ,
        changelog=topics.progress_changelog(environ["LAUREL_APP_ID"]),
        port=port,
        is_static=True,
    )


def kstreams(
    broker: str, run: str, directory: Path, guarantee: str, settings: Mapping[str, str] | None = None
) -> Processor:
    """Kafka Streams, one thread."""
    group = f"kstreams-{guarantee.replace(' ', '-')}-{run}"
    awards, state = f"{group}-awards", directory / group
    chosen = {
        "application.id": group,
        "bootstrap.servers": broker,
        "state.dir": str(state),
        "processing.guarantee": "exactly_once_v2" if guarantee == EXACTLY_ONCE else "at_least_once",
        **KSTREAMS_SETTINGS,
        **(settings or {}),
    }
    classes = f"{KSTREAMS / 'target' / 'classes'}:{KSTREAMS / 'target' / 'libs'}/*"
    return Processor(
        name="Kafka Streams",
        guarantee=guarantee,
        command=[
            *("java", *KSTREAMS_JAVA, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes),
            *("bench.EqualWork", topics.FACTS, awards, str(BAR), str(TOPICS_NEEDED)),
            *[f"{name}={value}" for name, value in chosen.items()],
        ],
        group=group,
        awards=awards,
        makes={awards: {}},
        state=state,
        changelog=f"{group}-progress-changelog",
    )


def quix(broker: str, run: str, directory: Path) -> Processor:
    """Quix Streams, exactly once."""
    group = f"quix-{run}"
    awards, state = f"{group}-awards", directory / group
    return Processor(
        name="Quix Streams",
        guarantee=EXACTLY_ONCE,
        command=[
            *(str(PEERS_PYTHON), "-m", "bench.peers.quix", broker, group, topics.FACTS, awards, str(state)),
            *("exactly-once", QUIX_COMMIT_SECONDS, str(BAR), str(TOPICS_NEEDED)),
        ],
        group=group,
        awards=awards,
        makes={awards: {}},
        state=state,
        changelog=f"changelog__{group}--{topics.FACTS}--default",
    )


def plain_faust(broker: str, run: str, directory: Path) -> Processor:
    """A plain Faust agent with a RocksDB table."""
    group = f"faust-{run}"
    awards, state = f"{group}-awards", directory / group
    return Processor(
        name="plain Faust",
        guarantee=AT_LEAST_ONCE,
        command=[
            *(str(PEERS_PYTHON), "-m", "bench.peers.plain_faust", broker, group, topics.FACTS, awards, str(state)),
            *(str(BAR), str(TOPICS_NEEDED)),
        ],
        group=group,
        awards=awards,
        makes={awards: {}},
        state=state,
        changelog=f"{group}-progress-changelog",
    )


def bare_read(broker: str, run: str) -> Processor:
    """The limit: aiokafka reads, and does nothing."""
    group = f"read-{run}"
    return Processor(
        name="aiokafka, reading only",
        guarantee="",
        command=[sys.executable, "-m", "bench.peers.bare_read", broker, group, topics.FACTS],
        group=group,
        awards="",
    )


def environment(processor: Processor) -> dict[str, str]:
    """The environment of a processor: nothing of Laurel's but what is said here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LAUREL_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **processor.environ}


def prepare_peers() -> None:
    """Build the Kafka Streams program. Raises RuntimeError with what Maven says."""
    command = ["mvn", "-q", "-B", "-f", str(KSTREAMS / "pom.xml"), "package"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own project
    if done.returncode != 0:
        raise RuntimeError(f"Maven does not build {KSTREAMS}: {(done.stdout + done.stderr)[:TAIL_CHARACTERS]}")


def peer_versions() -> dict[str, str]:
    """The versions of the peers, as their lock file has them."""
    lock = (ROOT / "bench" / "requirements.lock").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    return {"Quix Streams": pinned["quixstreams"], "plain Faust": pinned["faust-streaming"]}


def kafka_version() -> str:
    """The version of the broker and of Kafka Streams, which are one."""
    found = [
        re.findall(r"<kafka.version>(.+)</kafka.version>", path.read_text(encoding="utf-8"))
        for path in (ROOT / "deploy" / "kafka" / "pom.xml", KSTREAMS / "pom.xml")
    ]
    return " and ".join(dict.fromkeys(version for versions in found for version in versions))
