"""Moving averages equal TA-Lib at every prefix and do not drift."""

import numpy as np
import pytest
import talib

from alvh.core.statistics import Ema, Sma


@pytest.mark.parametrize("period", [2, 12, 50])
def test_equal_talib_at_every_prefix(period: int) -> None:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.02, 700)))
    for ours, theirs in ((Ema(period), talib.EMA(closes, period)), (Sma(period), talib.SMA(closes, period))):
        values = []
        for close in closes.tolist():
            ours.update(close)
            values.append(np.nan if ours.value is None else ours.value)
        np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-9)
        assert ours.warmup_count == period


def test_simple_mean_does_not_drift_on_a_long_stream() -> None:
    stream = np.random.default_rng(4).normal(0, 1, 1_000_000) + 1e6
    mean = Sma(200)
    for x in stream.tolist():
        mean.update(x)
    assert mean.value == pytest.approx(stream[-200:].mean(), rel=1e-14)


def test_simple_mean_forgets_an_outlier_completely() -> None:
    mean = Sma(10)
    for x in [1e15, *([0.1] * 10)]:
        mean.update(x)
    assert mean.value == pytest.approx(0.1, abs=1e-12)
