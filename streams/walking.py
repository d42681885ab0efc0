"""Following a catalogue that was put in force, from outside: until every partition has walked all its learners."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from rules.awards import Award
from rules.catalogue import digest
from rules.keys import TenantId, key
from rules.known import Control
from rules.preview import AwardChange
from streams import messages, topics
from streams.broker import Admin, committed, connected
from streams.changelog import Reader, reader
from streams.options import StreamOptions
from streams.previewing import AWARDS, Previewed
from streams.wire import CODECS

LOOK_SECONDS = 0.3

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Walked:
    """
    How far the walks of one catalogue are, by partition.

    A walk's place is kept in the control table, and so in the changelog of progress: a record a step, and a tombstone
    at its end, each in the transaction of its step. So they tell from outside what is done, and after a kill too.
    """

    tenant: TenantId
    digest: str
    # Where the catalogue stands in the facts, and up to where the changelog was looked at.
    offsets: dict[int, int]
    looked: dict[int, int]
    # How many learners a step takes.
    step: int
    in_force: set[int] = field(default_factory=set)
    walking: set[int] = field(default_factory=set)
    steps: dict[int, int] = field(default_factory=dict)
    is_overtaken: bool = False
    _done: set[int] = field(default_factory=set)

    @classmethod
    def after(
        cls, previewed: Previewed, tenant: TenantId, document_digest: str, offsets: dict[int, int], *, step: int
    ) -> "Walked":
        """Begin where a preview has looked; workers take `step` learners at once."""
        in_force = {at for at, one in previewed.in_force.items() if one is not None and one.digest == document_digest}
        if previewed.cut:
            # What was in force is not known: then it counts that the record was read.
            in_force = set(offsets)
        return cls(
            tenant=tenant,
            digest=document_digest,
            offsets=offsets,
            step=step,
            looked={tp.partition: end for tp, end in previewed.noted.ends.items() if _is_progress(tp)},
            in_force=in_force,
            walking={at for at, walking in previewed.walking.items() if walking},
        )

    @property
    def is_done(self) -> bool:
        """Whether the catalogue is in force and everyone was walked, in each partition."""
        return self._done == self.offsets.keys()

    def learners(self, of: dict[int, int]) -> int:
        """How many learners were looked at, of so many in each partition."""
        done = (of.get(at, 0) if at in self._done else self.steps.get(at, 0) * self.step for at in self.offsets)
        return sum(min(walked, of.get(at, 0)) for at, walked in zip(self.offsets, done, strict=True))

    def hear(self, partition: int, place: bytes, value: bytes | None) -> None:
        """Take in one record of the changelog."""
        if place == b"control/" + key("catalogue", self.tenant).encode():
            control: Control | None = None if value is None else CODECS["control"][1](value)
            if control is not None and control.catalogue is not None:
                found = digest(control.catalogue)
                self.is_overtaken |= partition in self.in_force and found != self.digest
                if found == self.digest:
                    self.in_force.add(partition)
        elif place == b"control/" + key("walk", self.tenant, "all").encode():
            if value is None:
                self.walking.discard(partition)
            else:
                self.walking.add(partition)
                self.steps[partition] = self.steps.get(partition, -1) + 1

    def settle(self, partition: int, read_to: int) -> None:
        """What is known of a partition now is all, up to where its facts were read and committed."""
        is_there = read_to > self.offsets[partition] and partition in self.in_force
        if is_there and partition not in self.walking:
            self._done.add(partition)


def _is_progress(tp: TopicPartition) -> bool:
    return tp.topic.endswith(topics.progress_changelog(""))


async def until_walked(
    options: StreamOptions, walked: Walked, seen: Callable[[], None], sleep: Sleep = asyncio.sleep
) -> None:
    """
    Wait until a catalogue has reached everyone, and certificates have heard of it; `seen` is called at each look.

    Raises KafkaError when the broker goes away. Nothing is changed by it: workers go on without it.
    """
    async with reader(options) as source, connected(options) as admin:
        while not walked.is_done:
            await _look(source, admin, options, walked)
            seen()
            if not walked.is_done:
                await sleep(LOOK_SECONDS)
        await _until_heard(source, admin, options, sleep)


async def _look(source: Reader, admin: Admin, options: StreamOptions, walked: Walked) -> None:
    log = topics.progress_changelog(options.app_id)
    # First how far facts were read: what that has caused is in the changelog by then.
    read_to = await committed(admin, options)
    ends = await source.ends((log,), options.partitions)
    for partition in walked.offsets:
        tp = TopicPartition(log, partition)
        async for record in source.records(tp, walked.looked[partition], ends[tp]):
            walked.hear(partition, record.key or b"", record.value)
        walked.looked[partition] = max(walked.looked[partition], ends[tp])
        walked.settle(partition, read_to.get(TopicPartition(topics.FACTS, partition), -1))


async def _until_heard(source: Reader, admin: Admin, options: StreamOptions, sleep: Sleep) -> None:
    """Wait until the certificates agent has taken in what progress has told until now."""
    ends = await source.ends((topics.HELD,), options.partitions)
    last = {tp: await source.last(tp, end) for tp, end in ends.items()}
    while True:
        read_to = await committed(admin, options)
        if all(read_to.get(tp, 0) > offset for tp, offset in last.items()):
            return
        await sleep(LOOK_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What was told since a preview: `as_foretold`, and what was foretold and came `otherwise` (or not yet).

    `anyway` of what the preview said would come without the catalogue, and `since`: told because of what came later.
    """

    as_foretold: int
    otherwise: list[AwardChange]
    anyway: int
    since: int


async def outcome(options: StreamOptions, previewed: Previewed, tenant: TenantId) -> Outcome:
    """Hold what was told since a preview against what it has said."""
    told: set[tuple[str, int, str]] = set()
    async with reader(options) as source:
        ends = await source.ends(AWARDS, options.partitions)
        for tp, end in ends.items():
            async for record in source.records(tp, previewed.noted.ends[tp], end):
                if record.value is not None and (award := messages.parse_award(record.value)).tenant == tenant:
                    told.add(_said(award))
    foretold = {_said(change): change for change in previewed.totals.awards()}
    anyway = {_said(change) for change in previewed.totals.anyway} & told
    met = foretold.keys() & told
    return Outcome(
        as_foretold=len(met),
        otherwise=[change for said, change in foretold.items() if said not in met],
        anyway=len(anyway),
        since=len(told) - len(met) - len(anyway),
    )


def _said(one: Award | AwardChange) -> tuple[str, int, str]:
    return one.award_id, one.revision, one.status
