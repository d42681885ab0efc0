"""The topics of Laurel: their names, how a record finds its partition, and what the broker must know of them."""

from dataclasses import dataclass
from functools import lru_cache

from aiokafka.partitioner import murmur2

from rules.keys import LearnerId, TenantId, key
from streams.options import StreamOptions

FACTS = "laurel.facts"
HELD = "laurel.held"
BADGES = "laurel.badges"
CERTIFICATES = "laurel.certificates"
STANDINGS = "laurel.standings"
PROFILES = "laurel.profiles"
DEAD_LETTERS = "laurel.dead-letters"

DAY_MS = 24 * 60 * 60 * 1000
MEBIBYTE = 1 << 20

# The largest record of ours: a catalogue.
LARGEST_BYTES = 8 * MEBIBYTE

# How long changelogs tell of what was deleted: state that was not continued for half as long is dropped.
TOMBSTONES_MS = 2 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str]


def progress_changelog(app_id: str) -> str:
    """The changelog of the progress agent's tables."""
    return f"{app_id}-progress-changelog"


def certificates_changelog(app_id: str) -> str:
    """The changelog of the certificates agent's tables."""
    return f"{app_id}-certificates-changelog"


@lru_cache(maxsize=65_536)
def place_of(tenant: TenantId, learner: LearnerId, partitions: int) -> tuple[bytes, int]:
    """
    A learner's key, and the partition of everything about them, whatever a record's full key (DESIGN.md, "Laws").

    Learners come again and again, and the hash is plain Python: so it is remembered (decision 0010).
    """
    place = key(tenant, learner).encode()
    return place, int(murmur2(place) & 0x7FFFFFFF) % partitions


def wanted(options: StreamOptions) -> tuple[Topic, ...]:
    """
    Every topic of Laurel's own.

    Facts and held are deleted by age and never compacted: compaction keeps what *arrived* last. All have the same
    number of partitions, so that a learner is in the same one everywhere.
    """
    aged = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "max.message.bytes": str(LARGEST_BYTES)}
    compacted = {"cleanup.policy": "compact"}
    letters = {"cleanup.policy": "delete", "retention.ms": str(90 * DAY_MS), "max.message.bytes": str(2 * MEBIBYTE)}
    changelog = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(TOMBSTONES_MS),
        "max.message.bytes": str(LARGEST_BYTES),
    }
    configs = {
        FACTS: aged,
        HELD: aged,
        BADGES: compacted,
        CERTIFICATES: compacted,
        STANDINGS: compacted,
        PROFILES: compacted,
        DEAD_LETTERS: letters,
        progress_changelog(options.app_id): changelog,
        certificates_changelog(options.app_id): changelog,
    }
    return tuple(Topic(name=name, partitions=options.partitions, config=config) for name, config in configs.items())
