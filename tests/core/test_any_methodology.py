"""Whatever numbers of the methodology the configuration lets pass, the engine decides by them without a fault."""

import json
import warnings
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from alvh.settings import Settings
from core.conditions import published
from core.extreme_markets import portfolio
from core.hedge.quoted_desk import engine, market

Place = tuple[str | int, ...]
DEFAULTS: dict[str, Any] = json.loads(Settings().model_dump_json())["portfolios"][0]["methodology"]


def places(value: Any, above: Place = ()) -> Iterator[Place]:  # noqa: ANN401 - any JSON value
    """Yield where a number stands."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*above, key))
    elif not isinstance(value, str):
        yield above


def changed(random: Random) -> dict[str, Any]:
    """Draw a methodology with some numbers far from their defaults."""
    made = deepcopy(DEFAULTS)
    for place in random.sample(list(places(made)), random.choice([1, 1, 1, 2])):
        *path, last = place
        at: Any = made
        for key in path:
            at = at[key]
        usual = at[last]
        drawn = random.choice([0, 1, -1, 2, 1e-6, 1e6, 1e300, 0.5, 1000, usual * 2, usual / 2, usual * 10, -usual])
        at[last] = int(max(min(drawn, 1e9), -1e9)) if isinstance(usual, int) else drawn
    return made


def runs(seed: int) -> bool:
    """Let an engine decide by the methodology of a seed; return False where the configuration refuses it."""
    random = Random(seed)
    try:
        made = engine({**portfolio(random), "methodology": changed(random)})
    except ValidationError:
        return False
    spx, vix = 5000.0, 15.0
    for number in range(8):
        spx *= float(np.exp(random.gauss(0.0, 0.02)))
        vix = min(max(vix * float(np.exp(random.gauss(0.0, 0.2))), 9.0), 90.0)
        for event in market(number, spx, vix, chains=random.random() < 0.7):
            for message in published(made.handle(event)):
                assert b"NaN" not in message.body
                assert b"Infinity" not in message.body
    return True


def run_all(seeds: range) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's: a number that is none is on its way
        assert sum(map(runs, seeds)) > len(seeds) // 5


def test_any_methodology_that_is_let_pass_can_be_decided_by() -> None:
    run_all(range(12))


@pytest.mark.long
@pytest.mark.parametrize("block", range(10))
def test_many_methodologies_that_are_let_pass_can_be_decided_by(block: int) -> None:
    run_all(range(1000 + 100 * block, 1100 + 100 * block))
