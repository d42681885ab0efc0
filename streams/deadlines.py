"""Deadlines: whether work that has to go on does go on."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Deadline:
    """
    How long some work has stood still, counted in ticks of a second each.

    Ticks, and not the clock: a process that was put to sleep for an hour has stood still for one tick.
    """

    limit_ticks: int
    _progress: Hashable = None
    _still_ticks: int = 0

    def tick(self, progress: Hashable) -> None:
        """Take note of how far the work is; none where there is nothing to do."""
        is_still = progress is not None and progress == self._progress
        self._still_ticks = self._still_ticks + 1 if is_still else 0
        self._progress = progress

    @property
    def is_late(self) -> bool:
        """Whether half of the limit is over: time to say that something is wrong."""
        return 2 * self._still_ticks >= self.limit_ticks

    @property
    def is_over(self) -> bool:
        """Whether it is time to end the process: a restart mends what waiting does not."""
        return self._still_ticks >= self.limit_ticks


@dataclass(slots=True, kw_only=True)
class Deadlines:
    """The deadlines of several pieces of work that come and go, by their names."""

    limit_ticks: int
    _by_name: dict[str, Deadline] = field(default_factory=dict)

    def tick(self, progress: Mapping[str, Hashable]) -> None:
        """Take note of how far each is; what is not named any more is not waited for."""
        kept = {name: self._by_name.get(name) or Deadline(limit_ticks=self.limit_ticks) for name in progress}
        for name, deadline in kept.items():
            deadline.tick(progress[name])
        self._by_name = kept

    @property
    def late(self) -> list[str]:
        """What has stood still for half of the limit."""
        return [name for name, deadline in self._by_name.items() if deadline.is_late]

    @property
    def over(self) -> list[str]:
        """What has stood still for too long."""
        return [name for name, deadline in self._by_name.items() if deadline.is_over]
