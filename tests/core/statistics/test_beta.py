"""Rolling regression equals statsmodels, downside capture its formula, both the numbers of methodology 9.3."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.statistics import DownsideCapture, RollingBeta

MARKET = [x / 100 for x in (0.5, -1.2, 0.3, 0.8, -0.6, 1.1, -0.9, 0.2, -0.4, 0.7)]
SMALL = [x / 100 for x in (0.7, -1.6, 0.2, 1.0, -0.9, 1.5, -1.3, 0.4, -0.7, 0.8)]
# Down to a billionth: a return smaller than that is none.
RETURNS = st.floats(-0.3, 0.3).filter(lambda x: x == 0.0 or abs(x) > 1e-9)


def test_worked_numbers() -> None:
    beta = RollingBeta(10)
    capture = DownsideCapture(10, 4)
    for x, y in zip(MARKET, SMALL, strict=True):
        beta.update(x, y)
        capture.update(x, y)
    assert beta.value == pytest.approx(1.354986, abs=5e-7)
    assert beta.intercept == pytest.approx(-0.057749 / 100, abs=5e-9)
    assert beta.stderr == pytest.approx(0.046695, abs=5e-7)
    assert beta.correlation == pytest.approx(0.995283, abs=5e-7)
    assert capture.value == pytest.approx(1.454105, abs=5e-7)
    assert capture.down_count == 4


@pytest.mark.parametrize("noise", [0.01, 1e-4, 1e-7])
def test_equals_statsmodels_at_every_prefix(noise: float) -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(3e-4, 0.01, 160)
    y = 1.2 * x + rng.normal(0, noise, 160)
    beta = RollingBeta(30)
    for number, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True), start=1):
        beta.update(a, b)
        if number < 30:
            assert beta.value is None
            continue
        window = slice(number - 30, number)
        fit = sm.OLS(y[window], sm.add_constant(x[window])).fit()
        assert beta.value == pytest.approx(fit.params[1], abs=1e-9)
        assert beta.intercept == pytest.approx(fit.params[0], abs=1e-9)
        assert beta.stderr == pytest.approx(fit.bse[1], rel=1e-6, abs=1e-10)
        assert beta.correlation == pytest.approx(np.corrcoef(x[window], y[window])[0, 1], abs=1e-9)


def test_slope_is_undefined_while_the_market_stands_still_and_returns_afterwards() -> None:
    beta = RollingBeta(3)
    for y in (0.01, 0.02, 0.03):
        beta.update(0.0, y)
    assert beta.value is None
    assert beta.stderr is None
    for x, y in ((0.01, 0.02), (-0.01, -0.02), (0.02, 0.04)):
        beta.update(x, y)
    assert beta.value == pytest.approx(2.0, abs=1e-12)
    assert beta.stderr == pytest.approx(0.0, abs=1e-12)
    assert beta.correlation == pytest.approx(1.0, abs=1e-12)


def test_regression_does_not_drift_on_a_long_stream() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(0, 0.01, 300_000)
    y = 1.3 * x + rng.normal(0, 0.005, 300_000)
    beta = RollingBeta(90)
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        beta.update(a, b)
    fit = sm.OLS(y[-90:], sm.add_constant(x[-90:])).fit()
    assert beta.value == pytest.approx(fit.params[1], abs=1e-12)
    assert beta.stderr == pytest.approx(fit.bse[1], abs=1e-12)


@given(st.lists(st.tuples(RETURNS, RETURNS), min_size=1, max_size=40))
def test_capture_equals_its_formula(pairs: list[tuple[float, float]]) -> None:
    capture = DownsideCapture(8, 3)
    for number, (x, y) in enumerate(pairs, start=1):
        capture.update(x, y)
        window = [(a, b) for a, b in pairs[max(0, number - 8) : number] if a < 0]
        assert capture.down_count == len(window)
        if number < 8 or len(window) < 3:
            assert capture.value is None
            continue
        down = math.fsum(math.log1p(a) for a, _ in window)
        expected = math.fsum(math.log1p(b) for _, b in window) / down
        # The exact sum is renewed once per window: what rounding leaves is relative to the returns that were summed.
        assert capture.value == pytest.approx(expected, rel=1e-9, abs=1e-14 / abs(down))


def test_capture_of_the_smallest_fall_two_prices_can_show_is_exact() -> None:
    least = -(2.0**-53)
    capture = DownsideCapture(3, 1)
    for x in (-0.2, least, least, least):
        capture.update(x, -0.1)
    assert capture.value == pytest.approx(math.log1p(-0.1) / math.log1p(least), rel=1e-12)
    for _ in range(3):
        capture.update(0.0, -0.1)
    assert capture.value is None
