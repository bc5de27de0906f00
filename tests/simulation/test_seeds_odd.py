"""A thousand seeds of the simulation, the odd ones; the others stand in a file of their own, for another worker."""

import pytest

from simulation.verdict import judge
from simulation.world import World

BLOCK = 50


@pytest.mark.parametrize("first", range(1, 1000, 2 * BLOCK))
def test_whatever_fails_nothing_is_lost_doubled_or_out_of_order(first: int) -> None:
    for seed in range(first, first + 2 * BLOCK, 2):
        world = World(seed)
        world.run()
        assert judge(world) == [], f"again: PYTHONPATH=service:tests python -m simulation 1 --first {seed}"
