"""Wilder's RSI equals TA-Lib at every prefix, the published values of methodology 9.2, and its edge cases."""

import numpy as np
import pytest
import talib

from alvh.core.statistics import WilderRsi

# First 40 closes of TA-Lib's regression data (methodology, 9.2).
REGRESSION = [
    91.5, 94.815, 94.375, 95.095, 93.78, 94.625, 92.53, 92.75, 90.315, 92.47, 96.125, 97.25, 98.5, 89.875, 91, 92.815,
    89.155, 89.345, 91.625, 89.875, 88.375, 87.625, 84.78, 83, 83.5, 81.375, 84.44, 89.25, 86.375, 86.25, 85.25,
    87.125, 85.815, 88.97, 88.47, 86.875, 86.815, 84.875, 84.19, 83.875,
]  # fmt: skip
# The widely copied second series, closes rounded to cents (methodology, 9.2).
SECOND = [
    44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28, 46.00,
    46.03, 46.41, 46.22, 45.64,
]  # fmt: skip


def _values(closes: list[float], period: int = 14) -> list[float | None]:
    rsi = WilderRsi(period)
    values = []
    for close in closes:
        rsi.update(close)
        values.append(rsi.value)
    return values


def test_published_values_of_the_regression_data() -> None:
    values = _values(REGRESSION)
    assert values[:14] == [None] * 14
    expected = [49.1473, 52.3256, 46.0724, 46.4303, 50.6618, 47.5567]
    assert values[14:20] == pytest.approx(expected, abs=5e-5)


def test_published_values_of_the_second_series() -> None:
    assert _values(SECOND)[14:] == pytest.approx([70.46, 66.25, 66.48, 69.35, 66.29, 57.92], abs=5e-3)


@pytest.mark.parametrize("period", [2, 14, 30])
def test_equals_talib_at_every_prefix(period: int) -> None:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.02, 700)))
    ours = np.array([np.nan if value is None else value for value in _values(closes.tolist(), period)])
    np.testing.assert_allclose(ours, talib.RSI(closes, period), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("closes", "expected"),
    [(range(1, 40), 100.0), (range(40, 1, -1), 0.0), ([5.0] * 40, 50.0)],
    ids=["only gains", "only losses", "flat"],
)
def test_edges(closes: list[float], expected: float) -> None:
    values = _values([float(close) for close in closes])
    assert values[14:] == [expected] * (len(values) - 14)
    assert values[:14] == [None] * 14
