"""The topics of Laurel: their names, how a record finds its partition, and what the broker must know of them."""

from dataclasses import dataclass

from aiokafka.partitioner import murmur2

from rules.keys import LearnerKey
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


def partition_of(who: LearnerKey, partitions: int) -> int:
    """The partition of everything about one learner, whatever the record's full key (DESIGN.md, "Laws")."""
    return int(murmur2(str(who).encode()) & 0x7FFFFFFF) % partitions


def wanted(options: StreamOptions) -> tuple[Topic, ...]:
    """
    Every topic of Laurel's own.

    Facts and held are deleted by age and never compacted: compaction keeps what *arrived* last. All have the same
    number of partitions, so that a learner is in the same one everywhere.
    """
    aged = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "max.message.bytes": str(8 * MEBIBYTE)}
    compacted = {"cleanup.policy": "compact"}
    letters = {"cleanup.policy": "delete", "retention.ms": str(90 * DAY_MS), "max.message.bytes": str(2 * MEBIBYTE)}
    changelog = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(TOMBSTONES_MS),
        "max.message.bytes": str(8 * MEBIBYTE),
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
