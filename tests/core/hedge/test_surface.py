"""Smiles and the VIX surface: levels, floors that do not scale, shifts, smiles through listed quotes."""

import numpy as np
import pytest

from alvh.core.hedge.surface import (
    iwm_model_smile,
    listed_smile,
    shifted_vol,
    spx_model_smile,
    vix_model_surface,
    vol_shift,
)


def test_spx_smile_of_the_worked_example() -> None:
    smile = spx_model_smile(17.20)
    x = np.log(np.array([5650.0, 6000.0, 6275.0]) / 6000.0)
    expected = np.maximum(0.08, 0.148 - 0.75 * x + 2.0 * x**2)
    assert smile.vol(x) == pytest.approx(expected, rel=1e-15)


def test_floors_do_not_scale() -> None:
    x = 0.15  # where the unscaled polynomial is 0.0805
    assert spx_model_smile(8.60).vol(x) == pytest.approx(0.08)
    assert spx_model_smile(34.40).vol(x) == pytest.approx(2 * 0.0805)
    assert iwm_model_smile(12.05).vol(0.3) == pytest.approx(0.10)


def test_iwm_put_of_the_worked_comparison() -> None:
    assert iwm_model_smile(24.10).vol(np.log(212.0 / 223.2)) == pytest.approx(0.2567, abs=5e-5)


def test_vix_surface_rises_above_the_future_alone() -> None:
    surface = vix_model_surface(None)
    below, at, above = surface.vol(30.0, np.array([15.0, 18.6, 29.0]), 18.6)
    assert below == at == pytest.approx(0.88)
    z = np.log(29.0 / 18.6) / (0.88 * np.sqrt(30.0 / 365.0))
    assert above == pytest.approx(0.88 * (1 + 0.156 * z))
    assert surface.vol(120.0, 20.0, 20.0) == pytest.approx(0.88 * 0.25**0.23)
    assert vix_model_surface(110.0).vol(30.0, 18.6, 18.6) == pytest.approx(1.10)


@pytest.mark.parametrize(
    ("days", "factor"), [(35, np.sqrt(30 / 35)), (30, 1.0), (13, 1.5), (1, 1.5), (0, 1.5), (-3, 1.5)]
)
def test_shift_grows_as_days_run_out_and_is_capped(days: float, factor: float) -> None:
    assert vol_shift(6.0, days) == pytest.approx(0.06 * factor)


def test_a_shift_never_takes_a_volatility_to_zero() -> None:
    assert shifted_vol(spx_model_smile(9.0), 0.1, vol_shift(-20.0, 5.0)) == pytest.approx(0.01)


def test_listed_smile_passes_through_its_quotes_and_is_flat_beyond() -> None:
    smile = listed_smile(100.0, [110.0, 90.0, 100.0, 100.0, 80.0], [0.15, 0.25, 0.19, 0.21, 0.0])
    assert smile.vol(np.log([0.9, 1.0, 1.1])) == pytest.approx([0.25, 0.20, 0.15])
    assert smile.vol([-1.0, 1.0]) == pytest.approx([0.25, 0.15])


def test_a_chain_without_volatilities_has_no_smile() -> None:
    with pytest.raises(ValueError, match="volatility above zero"):
        listed_smile(100.0, [90.0, 100.0], [0.0, float("nan")])
