"""A crash at one await after the other: not at a time that was drawn, but everywhere it can happen."""

from dataclasses import replace

import pytest

from simulation.verdict import judge
from simulation.world import World

# The first node dies once, before it goes on behind its n-th await; two nodes, nothing else goes wrong.
STORIES = {"toy": 1, "live": 4, "asking": 1}
SAMPLE = 40  # of them in `make test`; all of them with the long tests


def world_of(story: str, last_step: int | None) -> World:
    """The same calm run each time, but for where its first node dies."""
    seed = next(seed for seed in range(STORIES[story], 500) if _is_fit(World(seed, "calm"), story))
    world = World(seed, "calm")
    if last_step is not None:
        world.plan = replace(world.plan, last_steps=(("crash", last_step),))
    return world


def _is_fit(world: World, story: str) -> bool:
    plan = world.plan
    return plan.story == story and plan.nodes == 2 and plan.archives == (story == "toy")


def steps_of(story: str) -> int:
    """How many awaits the first node goes on behind when nothing goes wrong."""
    world = world_of(story, None)
    world.run()
    assert judge(world) == []
    return max(daemon.process.steps for daemon in world.daemons if daemon.process is not None)


def dies_everywhere(story: str, steps: range) -> None:
    """Run once for each step."""
    for step in steps:
        world = world_of(story, step)
        world.run()
        assert judge(world) == [], f"{story}: dies before step {step}"


@pytest.mark.parametrize("story", STORIES)
def test_a_sample_of_all_awaits(story: str) -> None:
    count = steps_of(story)
    assert count > 10 * SAMPLE
    dies_everywhere(story, range(1, SAMPLE // 2))  # the start and the taking over, one after the other
    dies_everywhere(story, range(SAMPLE // 2, count, 2 * count // SAMPLE))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("story", STORIES)
def test_every_await(story: str) -> None:
    dies_everywhere(story, range(1, steps_of(story)))
