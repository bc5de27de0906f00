"""The frozen VIX curve: interpolation, volatility betas, scenarios, and the live estimate with its limits."""

import numpy as np
import pytest

from alvh.core.hedge.curve import VixCurve, fitted_beta_30, vol_beta
from core.hedge.worked_example import CURVE


def test_curve_is_linear_between_spot_and_settlements_and_flat_beyond() -> None:
    assert CURVE.level([-5.0, 0.0, 15.0, 30.0, 44.0, 212.0, 400.0]) == pytest.approx(
        [17.20, 17.20, 17.90, 18.60, 19.00, 21.20, 21.20]
    )


def test_vol_beta() -> None:
    assert vol_beta([0.0, -1.0, 5.0, 30.0, 150.0]) == pytest.approx([1.0, 1.0, 1.0, 0.43, 0.43 * np.sqrt(0.2)])
    assert vol_beta(150.0) == pytest.approx(0.192, abs=5e-4)


def test_worked_forward_after_a_jump() -> None:
    assert CURVE.forward(30.0, 0.0, 27.20) == pytest.approx(22.6517, abs=5e-5)
    assert CURVE.forward(30.0, 30.0, 25.0) == pytest.approx(25.0)
    assert CURVE.forward(114.0, 0.0, 17.20) == pytest.approx(20.30)


def test_measured_betas_of_2011() -> None:
    # S&P, 2011-08-08: log returns of the VIX, the short-term and the mid-term futures index (methodology 4.3).
    assert pytest.approx(0.4301, abs=5e-5) == 17.44 / 40.55
    assert pytest.approx(0.1716, abs=5e-5) == 6.96 / 40.55


def test_live_beta_is_brought_to_30_days_and_clipped() -> None:
    rng = np.random.default_rng(7)
    vix = rng.normal(0.0, 0.07, 250)
    assert fitted_beta_30(0.5 * vix, vix, 30.0) == pytest.approx(0.5)
    assert fitted_beta_30(0.25 * vix, vix, 120.0) == pytest.approx(0.5)
    assert fitted_beta_30(2.0 * vix, vix, 30.0) == pytest.approx(1.5 * 0.43)
    assert fitted_beta_30(-0.1 * vix, vix, 30.0) == pytest.approx(0.75 * 0.43)
    assert fitted_beta_30([], [], 30.0) == 0.43


@pytest.mark.parametrize(
    ("vix", "days", "prices"),
    [(0.0, (30.0,), (18.0,)), (17.0, (30.0, 30.0), (18.0, 19.0)), (17.0, (0.0,), (17.0,)), (17.0, (30.0,), (0.0,)),
     (17.0, (30.0,), ())],
)  # fmt: skip
def test_what_is_no_curve_is_refused(vix: float, days: tuple[float, ...], prices: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="VIX curve"):
        VixCurve(vix=vix, days=days, prices=prices)


def test_contango() -> None:
    assert CURVE.contango() == pytest.approx(19.40 / 18.60 - 1.0)
    assert VixCurve(vix=17.0, days=(30.0,), prices=(18.0,)).contango() is None
