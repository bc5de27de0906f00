"""Lag, maximum and percentile rank equal their plain formulas at every prefix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from alvh.core.statistics import Lag, RollingMax, RollingRank

streams = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=50)


@given(streams, st.integers(1, 9))
def test_equal_their_formulas(stream: list[float], period: int) -> None:
    lag, greatest, rank = Lag(period), RollingMax(period), RollingRank(period)
    for number, x in enumerate(stream, start=1):
        for statistic in (lag, greatest, rank):
            statistic.update(x)
        window = stream[max(0, number - period) : number]
        is_full = number >= period
        assert lag.value == (stream[number - period - 1] if number > period else None)
        assert greatest.value == (max(window) if is_full else None)
        assert rank.value == (pytest.approx(percentileofscore(window, x, kind="weak")) if is_full else None)
        assert rank.median == (np.median(window) if is_full else None)


def test_memory_is_bounded() -> None:
    greatest, rank = RollingMax(10), RollingRank(10)
    for number in range(10_000):
        greatest.update(-float(number))
        rank.update(-float(number))
    assert len(greatest.state()[1]) == 10
    assert len(rank.state()) == 10
