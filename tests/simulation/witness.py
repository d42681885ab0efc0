"""The witness: reads along, and says at once when an award is told twice, or not in its turn."""

from collections.abc import Callable
from dataclasses import dataclass, field

from faust.types import TP

from streams import messages, topics
from tests.simulation.broker import Entry

# The revision of what is no more; none follows it.
GONE = -2


@dataclass(slots=True)
class Witness:
    """
    A reader of committed records, which must see each revision of each award once, and in order.

    And none after it was erased.
    """

    fail: Callable[[str], None]
    _seen: dict[str, int] = field(default_factory=dict)

    def see(self, tp: TP, entry: Entry) -> None:
        """Read one record."""
        if tp.topic not in (topics.BADGES, topics.CERTIFICATES):
            return
        if entry.message.value is None:
            # Erased: whatever is told of it after this is not in its turn.
            self._seen[messages.parse_award_gone(entry.message.key).award_id] = GONE
        else:
            award = messages.parse_award(entry.message.value)
            before = self._seen.get(award.award_id, 0)
            if award.revision != before + 1:
                self.fail(f"{award.learner}: {award.credential} is told in revision {award.revision} after {before}")
            self._seen[award.award_id] = award.revision
