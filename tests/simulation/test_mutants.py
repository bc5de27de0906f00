"""The simulation finds what it is there for: each mutant breaks the product somewhere and is caught, from any seed."""

import pytest

from simulation.mutants import BY_KIND, MUTANTS, first_caught

SEEDS = 150
# Nobody has looked for the place where a mutant shows: the second number is as good as any other.
BASES = (6_180_339, pytest.param(0, marks=pytest.mark.long), pytest.param(2_718_281, marks=pytest.mark.long))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_product_is_caught(name: str, base: int) -> None:
    assert first_caught(name, range(base, base + SEEDS)) is not None, f"{SEEDS} seeds, and nothing noticed"


def test_what_is_put_in_place_is_taken_away_again() -> None:
    """Nothing is broken behind a mutant, and each that is named has one."""
    assert first_caught(None, range(40, 50)) is None
    assert set(BY_KIND) <= set(MUTANTS)
