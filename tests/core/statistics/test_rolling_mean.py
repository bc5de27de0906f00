"""Rolling mean, deviation, z-score and realised volatility equal numpy, whatever passed through before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.statistics import RealisedVolatility, RollingMean

finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))


@given(st.lists(finite, min_size=1, max_size=60), st.integers(2, 12))
def test_equals_numpy_at_every_prefix(stream: list[float], period: int) -> None:
    rolling = RollingMean(period)
    for number, x in enumerate(stream, start=1):
        rolling.update(x)
        if number < period:
            assert rolling.value is None
            assert rolling.stdev is None
            continue
        window = np.array(stream[number - period : number])
        scale = max(1.0, float(np.abs(window).max()))
        assert rolling.value == pytest.approx(window.mean(), abs=1e-11 * scale)
        # numpy's own two-pass result is good to the window's scale; ours must not be worse than that.
        assert rolling.stdev == pytest.approx(window.std(ddof=1), rel=1e-9, abs=1e-13 * scale)


def test_deviation_survives_an_outlier_leaving_the_window() -> None:
    rolling = RollingMean(20)
    small = np.random.default_rng(5).normal(0, 1e-4, 45)
    for x in [*small[:5], 1e5, *small[5:]]:
        rolling.update(float(x))
    assert rolling.stdev == pytest.approx(small[-20:].std(ddof=1), rel=1e-9)
    assert rolling.value == pytest.approx(small[-20:].mean(), abs=1e-14)


def test_zscore_leaves_the_newest_out() -> None:
    rolling = RollingMean(3)
    for x in (1.0, 2.0, 3.0):
        rolling.update(x)
    assert rolling.zscore(5.0) == pytest.approx(3.0)
    assert RollingMean(3).zscore(5.0) is None


def test_zscore_of_a_window_without_spread_is_undefined() -> None:
    rolling = RollingMean(3)
    for _ in range(5):
        rolling.update(0.1)
    assert rolling.stdev == 0.0
    assert rolling.zscore(0.2) is None


def test_long_stream_does_not_drift() -> None:
    stream = 20.0 + np.cumsum(np.random.default_rng(6).normal(0, 0.3, 1_000_000))
    rolling = RollingMean(90)
    for x in stream.tolist():
        rolling.update(x)
    assert rolling.value == pytest.approx(stream[-90:].mean(), rel=1e-12)
    assert rolling.stdev == pytest.approx(stream[-90:].std(ddof=1), rel=1e-10)


def test_realised_volatility_equals_numpy() -> None:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, 300)))
    volatility = RealisedVolatility(20)
    returns = np.diff(np.log(closes))
    for number, close in enumerate(closes.tolist()):
        volatility.update(close)
        if number < 20:
            assert volatility.value is None
        else:
            expected = 100 * np.sqrt(252) * returns[number - 20 : number].std(ddof=1)
            assert volatility.value == pytest.approx(expected, abs=1e-9)
    assert volatility.warmup_count == 21
