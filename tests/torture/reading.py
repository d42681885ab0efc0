"""Reading: what topics, tables and the database hold, as it is, by clients of our own."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.stores.rocksdb import Store
from rocksdict import AccessType, Options, Rdict

from rules.awards import Award, Standing
from rules.facts import Profile
from sinks.rows import award_of, profile_of, standing_of, take_instants
from streams import messages, topics
from streams.dead_letters import PREFIX

READ_MS = 500

# The tables of one agent in one partition: everything that its RocksDB holds but Faust's own offset.
Tables = dict[tuple[str, int], dict[bytes, bytes]]
Ends = dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: where its record lay, which stage refused it and why, and the value."""

    topic: str
    partition: int
    offset: int
    stage: str
    reason: str
    value: bytes


class Kept(NamedTuple):
    """One record of `laurel.facts`; `written_at` is in milliseconds since 1970."""

    partition: int
    key: bytes
    value: bytes
    offset: int = 0
    written_at: int = 0

    @property
    def where(self) -> str:
        """Where it lies, and since when."""
        at = datetime.fromtimestamp(self.written_at / 1000, UTC).time().isoformat("milliseconds")
        return f"partition {self.partition} offset {self.offset}, {at}"


@dataclass(slots=True, kw_only=True)
class Rows:
    """What the database holds."""

    awards: dict[str, Award] = field(default_factory=dict)
    standings: dict[tuple[str, str, str], Standing] = field(default_factory=dict)
    people: dict[tuple[str, str], Profile] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Found:
    """
    All that is there after a run. Awards are in the order of their partition.

    `copies` are warm ones that reach as far as the tables.
    """

    facts: list[Kept] = field(default_factory=list)
    profiles: list[tuple[int, Profile]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    standings: dict[bytes, Standing | None] = field(default_factory=dict)
    tables: Tables = field(default_factory=dict)
    copies: list[tuple[tuple[str, int], dict[bytes, bytes]]] = field(default_factory=list)
    restored: Tables = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)


async def records(
    bootstrap: str, partitions: Mapping[str, int], isolation: str = "read_committed"
) -> "AsyncIterator[ConsumerRecord[bytes, bytes]]":
    """Everything that these topics hold, from beginning to end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False)
    await consumer.start()
    try:
        found = [TopicPartition(name, partition) for name, count in partitions.items() for partition in range(count)]
        consumer.assign(found)
        await consumer.seek_to_beginning(*found)
        ends = await consumer.end_offsets(found)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=READ_MS)).values():
                for record in batch:
                    yield record
    finally:
        await consumer.stop()


async def read_topics(bootstrap: str, partitions: int) -> Found:
    """Read all topics of Laurel's own but the changelogs."""
    names = (topics.FACTS, topics.PROFILES, topics.DEAD_LETTERS, topics.BADGES, topics.CERTIFICATES, topics.STANDINGS)
    found = Found()
    async for record in records(bootstrap, dict.fromkeys(names, partitions)):
        _take(found, record)
    return found


def _take(found: Found, record: "ConsumerRecord[bytes, bytes]") -> None:
    key, value = record.key or b"", record.value
    match record.topic:
        case topics.FACTS:
            found.facts.append(Kept(record.partition, key, value or b"", record.offset, record.timestamp))
        case topics.DEAD_LETTERS:
            found.letters.append(_letter(record))
        case topics.STANDINGS:
            found.standings[key] = None if value is None else messages.parse_standing(value)
        case topics.PROFILES if value is not None:
            found.profiles.append((record.partition, messages.parse_profile(value)))
        case topics.BADGES | topics.CERTIFICATES if value is not None:
            found.awards.append(messages.parse_award(value))
        case _:
            raise ValueError(f"{record.topic} holds a tombstone for {key!r}, and nobody was erased")


def _letter(record: "ConsumerRecord[bytes, bytes]") -> Letter:
    said = {name.removeprefix(PREFIX): text.decode() for name, text in record.headers if name.startswith(PREFIX)}
    return Letter(
        said["topic"], int(said["partition"]), int(said["offset"]), said["stage"], said["reason"], record.value or b""
    )


async def count(bootstrap: str, partitions: Mapping[str, int], isolation: str) -> int:
    """How many records topics hold for readers of that isolation."""
    counted = 0
    async for _ in records(bootstrap, partitions, isolation):
        counted += 1
    return counted


async def changelog_ends(bootstrap: str, app_id: str, partitions: int) -> Ends:
    """Where the last record of each changelog lies."""
    agents = {topics.progress_changelog(app_id): "progress", topics.certificates_changelog(app_id): "certificates"}
    ends: Ends = {}
    async for record in records(bootstrap, dict.fromkeys(agents, partitions)):
        ends[agents[record.topic], record.partition] = record.offset
    return ends


def read_copies(state: Path, ends: Ends) -> dict[tuple[str, int], list[dict[bytes, bytes]]]:
    """
    What stopped workers have left under a directory: the copies that reach the end of their changelog.

    Partitions have wandered, and workers keep what they once had: those are old. The last owner's is at the end, and
    so are warm copies, if nothing is wrong with them.
    """
    found: dict[tuple[str, int], list[dict[bytes, bytes]]] = {at: [] for at in ends}
    for place in sorted(state.glob("*/*/v*/tables/*-*.db")):
        agent, _, partition = place.stem.rpartition("-")
        at = agent, int(partition)
        if at in ends and _reached(place) >= ends[at]:
            found[at].append(dict(_entries(place)))
    return found


def _reached(place: Path) -> int:
    database = _opened(place)
    try:
        return int(database.get(Store.offset_key) or -1)
    finally:
        database.close()


def _entries(place: Path) -> Iterator[tuple[bytes, bytes]]:
    database = _opened(place)
    try:
        for key, value in database.items():
            if key != Store.offset_key:
                yield cast("bytes", key), cast("bytes", value)  # raw mode has nothing else
    finally:
        database.close()


def _opened(place: Path) -> Rdict:
    return Rdict(str(place), options=Options(raw_mode=True), access_type=AccessType.read_only())


async def read_rows(url: str) -> Rows:
    """Everything in the database."""
    connection = await asyncpg.connect(url)
    try:
        await take_instants(connection)
        awards = [award_of(row) for row in await connection.fetch("SELECT * FROM awards")]
        standings = [standing_of(row) for row in await connection.fetch("SELECT * FROM standings")]
        people = [profile_of(row) for row in await connection.fetch("SELECT * FROM people")]
    finally:
        await connection.close()
    return Rows(
        awards={award.award_id: award for award in awards},
        standings={(one.tenant, one.learner, one.credential): one for one in standings},
        people={(one.tenant, one.learner): one for one in people},
    )
