"""What may go wrong in the world of a seed, and how often: most seeds know only some of it, and that often."""

from dataclasses import dataclass
from random import Random

TROUBLES = (
    *("sleep", "sleep", "kill", "kill", "leave", "rebalance", "rebalance"),
    *("disk read", "disk write", "compact", "junk"),
)
# Steps at which a process is worth stopping: around the commit, and in the middle of taking over.
STOPPED_AT = (
    *("begin", "send", "sending", "sent", "send offsets", "offsets sent", "commit", "committed", "committed"),
    *("init", "inited", "restore", "restored", "assigned", "joined", "revoked"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """How often what goes wrong: probabilities of each step, but for times in seconds and counts."""

    machines: int
    crash: float
    stopped_at: str
    crash_there: float
    sleep_there: float
    wrong: dict[str, float]
    troubles: tuple[str, ...]
    trouble_seconds: float
    lost_disk: float
    old_disk: float
    standby: float
    is_static: bool
    duplicate: float
    wrong_clock: float
    gap_seconds: float
    batch_records: int
    batch_bytes: int
    fetched_records: int
    record_batch: int

    def of(self, how: str) -> float:
        """How often this goes wrong where it can."""
        return self.wrong[how]


def odds_of(seed: int) -> Odds:
    """Decide it for a seed. Leaving some out lets others happen in rows that would else be cut short."""
    random = Random(f"{seed} odds")

    def sometimes(often: float, *, share: float = 0.5) -> float:
        return random.uniform(0, often) if random.random() < share else 0.0

    return Odds(
        machines=random.choice((1, 2, 2, 2, 3)),
        crash=sometimes(0.008, share=0.3),
        stopped_at=random.choice(STOPPED_AT),
        crash_there=sometimes(0.3),
        sleep_there=sometimes(0.3),
        wrong={
            "dropped": sometimes(0.2),
            "repeated": sometimes(0.2),
            "late": sometimes(0.2),
            "released": 0.3,
            "refused": sometimes(0.03, share=0.3),
            "outage": sometimes(0.03, share=0.3),
            "slow": sometimes(0.5),
            "lost": sometimes(0.05),
            "unwritable": sometimes(0.1),
        },
        troubles=tuple(random.sample(TROUBLES, random.randint(2, 6))),
        trouble_seconds=random.choice((2.0, 4.0, 8.0)),
        lost_disk=sometimes(0.5),
        old_disk=sometimes(0.5),
        standby=random.choice((0.0, 0.5, 1.0)),
        is_static=random.random() < 0.5,
        duplicate=sometimes(0.3),
        wrong_clock=sometimes(0.1),
        gap_seconds=random.choice((0.2, 0.5, 1.0)),
        batch_records=random.choice((3, 20, 1_000)),
        batch_bytes=random.choice((500, 1 << 20)),
        fetched_records=random.choice((1, 4, 30)),
        record_batch=random.choice((1, 3, 1_000)),
    )
