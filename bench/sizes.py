"""How much is measured: the full run, and one that ends in under five minutes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """
    Learners of a backlog (each has 100 events: five courses of 20), and how long slow or endless runs take.

    `stored` are the learners of the large state, and `few` those of the small one it is compared with;
    `previewed` those for whom a new rule is previewed.
    """

    learners: int
    full_seconds: float
    slow_seconds: float
    lms_learners: int
    restores: int
    latency_seconds: float
    warm_up_seconds: float
    stored: int
    few: int
    strays: int
    credentials: int
    catalogue_learners: int
    repeat: int
    previewed: int


FULL = Sizes(
    learners=6_000,
    full_seconds=60,
    slow_seconds=30,
    lms_learners=2_000,
    restores=3,
    latency_seconds=20,
    warm_up_seconds=10,
    stored=1_000_000,
    few=10_000,
    strays=200_000,
    credentials=2_000,
    catalogue_learners=2_000,
    repeat=3,
    previewed=10_000,
)
QUICK = Sizes(
    learners=3_000,
    full_seconds=20,
    slow_seconds=6,
    lms_learners=300,
    restores=1,
    latency_seconds=6,
    warm_up_seconds=4,
    stored=40_000,
    few=2_000,
    strays=30_000,
    credentials=2_000,
    catalogue_learners=600,
    repeat=1,
    previewed=500,
)
