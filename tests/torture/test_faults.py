"""The sequence of faults: what CI tries is everything, and what comes together can come together."""

from itertools import islice
from random import Random
from typing import cast

import pytest

from tests.torture.faults import KINDS, Fault, sequence
from tests.torture.report import TWO, table
from tests.torture.run import Cycle
from tests.torture.scene import Scene
from tests.torture.test_torture import CYCLES, SEED


def faults(seed: int, cycles: int) -> list[list[Fault]]:
    """What would be done; it is not done, so there is nothing to do it to."""
    return list(islice(sequence(cast("Scene", None), Random(seed)), cycles))


def test_the_cycles_of_ci_try_every_kind_of_fault_and_two_at_once() -> None:
    chosen = faults(SEED, CYCLES)

    assert {fault.kind for cycle in chosen for fault in cycle} == {kind.name for kind in KINDS}
    assert any(len(cycle) > 1 for cycle in chosen)


@pytest.mark.parametrize("seed", range(20))
def test_two_faults_at_once_touch_different_things(seed: int) -> None:
    for cycle in faults(seed, 40):
        assert len({fault.kind for fault in cycle}) == len(cycle)
        struck = [name for fault in cycle if "broker" not in fault.kind for name in fault.explained]
        assert len(set(struck)) == len(struck)


def test_the_same_seed_gives_the_same_faults() -> None:
    first, again, other = ([[one.text for one in cycle] for cycle in faults(seed, 30)] for seed in (4, 4, 5))

    assert first == again != other


def test_the_table_counts_each_cycle_under_each_of_its_faults_and_says_where_none_recovered() -> None:
    cycles = [
        Cycle(kinds=("asleep",), recovered_seconds=4.0),
        Cycle(kinds=("asleep", "database slow"), recovered_seconds=8.0),
        Cycle(kinds=("disk full",), recovered_seconds=None),
    ]
    rows = {line[:20].strip(): line.split()[-7:] for line in table(cycles)}

    assert rows["asleep"][-7:] == ["2", "4.0", "s", "6.0", "s", "8.0", "s"]
    assert rows[TWO][-7:] == ["1", "8.0", "s", "8.0", "s", "8.0", "s"]
    assert rows["disk full"][-3:] == ["1,", "1", "never"]
