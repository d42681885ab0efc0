"""The modelled consumer group: who is in it, and who owns which partition in which generation."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from faust.types import TP

# As `streams.app` sets them.
SESSION_SECONDS = 10.0
REBALANCE_SECONDS = 20.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What one member owns in a generation, and the changelogs that it follows for others."""

    generation: int
    actives: frozenset[TP]
    standbys: frozenset[TP]


class Member(Protocol):
    """A process as its coordinator sees it: a static member's id outlives the process."""

    member_id: str

    @property
    def is_responding(self) -> bool: ...


@dataclass(slots=True, eq=False)
class Joining:
    """A member that waits for the others."""

    answer: "asyncio.Future[Assigned]"


@dataclass(slots=True, kw_only=True)
class Group:
    """
    One group with the eager protocol: whoever does not come back in time is left out, and learns it when it wakes.

    `together` are the partitions that always move as one: an input and the changelog of its agent.
    """

    random: Random
    together: tuple[tuple[TP, ...], ...]
    tell: Callable[[str, str], None]
    follows: float
    is_static: bool
    generation: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    _joining: dict[str, Joining] = field(default_factory=dict)
    _owners: dict[int, str] = field(default_factory=dict)
    _owned: dict[str, Assigned] = field(default_factory=dict)
    _silent_since: dict[str, float] = field(default_factory=dict)
    _is_wanted: bool = False
    _is_gathering: bool = False

    def join(self, member: Member) -> "asyncio.Future[Assigned]":
        """
        Be a member of the next generation; the answer comes when all are there.

        A static member that comes back in time takes up what it had, and nobody else is disturbed (KIP-345).
        """
        name = member.member_id
        answer = asyncio.get_running_loop().create_future()
        is_back = self.is_static and self.members.get(name) not in (None, member) and not self._is_gathering
        self.members[name] = member
        if is_back and name in self._owned and not self._is_wanted:
            self.tell("group", f"{name} is back in generation {self.generation}")
            answer.set_result(self._owned[name])
        else:
            self._joining[name] = Joining(answer)
            self._is_wanted = True
        return answer

    def leave(self, member: Member) -> None:
        """Be a member no more, of one's own will. aiokafka does not tell of a static member that leaves."""
        if self.has(member) and not self.is_static:
            self._remove(member.member_id)

    def has(self, member: Member) -> bool:
        """Whether this very process is still a member."""
        return self.members.get(member.member_id) is member

    def waits_for(self, member: Member) -> bool:
        """Whether a new generation is about to begin, and this member has yet to join it."""
        return self._is_gathering and member.member_id not in self._joining

    def rebalance(self) -> None:
        """Deal the partitions out anew, for no reason that a member could know."""
        self._is_wanted = True

    async def coordinate(self) -> None:
        """Look after the members for ever: who is silent for too long is out, and each change is a generation."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._expire(SESSION_SECONDS)
            if self._is_wanted and self.members:
                await self._generation()

    async def _generation(self) -> None:
        self._is_wanted = False
        loop = asyncio.get_running_loop()
        until = loop.time() + REBALANCE_SECONDS
        self._is_gathering = True
        while len(self._joining) < len(self.members) and loop.time() < until:
            await asyncio.sleep(LOOK_SECONDS / 5)
            self._expire(SESSION_SECONDS)
        for name in sorted(self.members.keys() - self._joining.keys()):
            self._remove(name)
        self._is_gathering = False
        if not self.members:
            return
        self.generation += 1
        self._is_wanted = False
        names = sorted(self.members)
        self._deal(names)
        standbys = self._standbys(names)
        joining, self._joining = self._joining, {}
        for name in names:
            mine = [tp for at, owner in self._owners.items() if owner == name for tp in self.together[at]]
            owned = Assigned(generation=self.generation, actives=frozenset(mine), standbys=standbys[name])
            self._owned[name] = owned
            self.tell("group", f"generation {self.generation}: {name} has {_listed(mine)}")
            if not joining[name].answer.done():
                joining[name].answer.set_result(owned)

    def _deal(self, names: list[str]) -> None:
        """Leave what is where it is, or deal it out anew."""
        for at in range(len(self.together)):
            if self._owners.get(at) not in names or self.random.random() < 0.3:
                self._owners[at] = self.random.choice(names)

    def _standbys(self, names: list[str]) -> dict[str, frozenset[TP]]:
        found: dict[str, set[TP]] = {name: set() for name in names}
        for at, partitions in enumerate(self.together):
            others = [name for name in names if name != self._owners[at]]
            if others and self.random.random() < self.follows:
                found[self.random.choice(others)].update(partitions[1:])
        return {name: frozenset(followed) for name, followed in found.items()}

    def _expire(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        for member in self._sorted():
            if member.is_responding:
                self._silent_since.pop(member.member_id, None)
            elif now - self._silent_since.setdefault(member.member_id, now) >= seconds:
                self.tell("group", f"{member.member_id} was silent for too long, and is out")
                self._remove(member.member_id)

    def _remove(self, name: str) -> None:
        self.members.pop(name, None)
        self._joining.pop(name, None)
        self._owned.pop(name, None)
        self._silent_since.pop(name, None)
        self._is_wanted = True

    def _sorted(self) -> list[Member]:
        return [self.members[name] for name in sorted(self.members)]


def _listed(partitions: Iterable[TP]) -> str:
    return ", ".join(f"{tp.topic} {tp.partition}" for tp in sorted(partitions)) or "nothing"
