"""Each statistic goes on to the same bits after its state was written as JSON, at any prefix; peek changes nothing."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alvh.core.statistics import (
    DownsideCapture,
    Ema,
    Lag,
    Macd,
    RealisedVolatility,
    RollingBeta,
    RollingMax,
    RollingMean,
    RollingRank,
    Sma,
    WilderRsi,
)
from alvh.core.statistics.state import Statistic

ONE_INPUT: list[Callable[[], Any]] = [
    lambda: Ema(5), lambda: WilderRsi(5), lambda: Macd(3, 6, 4), lambda: Sma(5), lambda: RollingMean(5),
    lambda: RealisedVolatility(5), lambda: Lag(5), lambda: RollingMax(5), lambda: RollingRank(6),
]  # fmt: skip
TWO_INPUTS: list[Callable[[], Any]] = [lambda: RollingBeta(6), lambda: DownsideCapture(6, 2)]
CLOSES = (100.0 * np.exp(np.cumsum(np.random.default_rng(10).normal(0, 0.02, 40)))).tolist()
PAIRS = np.random.default_rng(11).normal(0, 0.02, (40, 2)).tolist()


def _all_values(statistic: Statistic) -> list[Any]:
    names = (
        "is_ready",
        "value",
        "signal",
        "histogram",
        "stdev",
        "stderr",
        "correlation",
        "intercept",
        "median",
        "down_count",
    )
    return [getattr(statistic, name, None) for name in names]


@pytest.mark.parametrize(
    ("make", "stream"),
    [(make, [(x,) for x in CLOSES]) for make in ONE_INPUT] + [(make, PAIRS) for make in TWO_INPUTS],
    ids=[type(make()).__name__ for make in ONE_INPUT + TWO_INPUTS],
)
def test_restored_at_every_prefix_it_goes_on_alike(make: Callable[[], Any], stream: list[Any]) -> None:
    whole = make()
    states, values = [], []
    for x in stream:
        states.append(json.loads(json.dumps(whole.state(), allow_nan=False)))
        whole.update(*x)
        values.append(_all_values(whole))
    for prefix, state in enumerate(states):
        restored = make()
        restored.restore(state)
        for number in range(prefix, len(stream)):
            restored.update(*stream[number])
            assert _all_values(restored) == values[number]
        assert restored.state() == whole.state()


@pytest.mark.parametrize(
    ("make", "stream"),
    [(make, [(x,) for x in CLOSES]) for make in ONE_INPUT] + [(make, PAIRS) for make in TWO_INPUTS],
    ids=[type(make()).__name__ for make in ONE_INPUT + TWO_INPUTS],
)
def test_peek_is_the_next_value_and_changes_nothing(make: Callable[[], Any], stream: list[Any]) -> None:
    statistic = make()
    for x in stream:
        before = statistic.state()
        peeked = statistic.peek(*x)
        assert statistic.state() == before
        statistic.update(*x)
        assert peeked == statistic.value


@pytest.mark.parametrize("make", ONE_INPUT, ids=[type(make()).__name__ for make in ONE_INPUT])
def test_ready_exactly_at_the_warm_up_count(make: Callable[[], Any]) -> None:
    statistic = make()
    for number, x in enumerate(CLOSES, start=1):
        statistic.update(x)
        assert statistic.is_ready == (number >= statistic.warmup_count)


@pytest.mark.parametrize("make", ONE_INPUT[:3], ids=[type(make()).__name__ for make in ONE_INPUT[:3]])
def test_a_long_stream_forgets_where_it_began(make: Callable[[], Any]) -> None:
    stream = (100.0 + 10.0 * np.sin(np.arange(1_000_000) / 7.0)).tolist()
    long, short = make(), make()
    for x in stream:
        long.update(x)
    for x in stream[-2_000:]:
        short.update(x)
    assert long.value == pytest.approx(short.value, abs=1e-9)
