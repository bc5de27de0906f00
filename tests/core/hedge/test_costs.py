"""Internal rates, held-to-expiry returns, odds and theta figures of methodology 4.9 and 4.10."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.costs import (
    break_even_odds,
    carry,
    expected_return,
    held_to_expiry,
    internal_rate,
    theta_state,
)
from core.hedge.worked_example import CONDOR, MARKET


def test_worked_internal_rates() -> None:
    assert internal_rate([(0, -3990.0), (10, 404.0), (35, 3990.0)]) == pytest.approx(1.94209, abs=5.1e-6)
    assert internal_rate([(0, -3990.0), (14, 4495.0)]) == pytest.approx(21.355, abs=5.1e-4)


@given(st.floats(-0.9, 50.0), st.integers(1, 400))
def test_internal_rate_is_what_made_the_flows(rate: float, days: int) -> None:
    grown = 1000.0 * (1.0 + rate) ** (days / 365.0)
    assert internal_rate([(0, -1000.0), (days, grown)]) == pytest.approx(rate, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("flows", [[], [(0, -5.0)], [(0, 5.0), (3, 5.0)], [(0, -1.0), (5, -1.0)]])
def test_flows_of_one_sign_have_no_rate(flows: list[tuple[float, float]]) -> None:
    assert internal_rate(flows) is None


def test_held_to_expiry() -> None:
    gross, net = held_to_expiry(10.10, 50.0, 35.0), held_to_expiry(6.1348, 50.0, 35.0)
    assert (gross.period, gross.simple, gross.compound) == pytest.approx((0.2531, 2.6398, 9.5189), abs=5.1e-5)
    assert (net.period, net.simple) == pytest.approx((0.1399, 1.4585), abs=5.1e-5)
    assert gross.simple - net.simple == pytest.approx(1.1813, abs=5.1e-5)
    assert held_to_expiry(0.0, 0.0, 35.0).period == 0.0
    assert held_to_expiry(5.0, 50.0, 0.0).simple == 0.0


def test_worked_odds() -> None:
    odds = break_even_odds(MARKET, CONDOR)
    assert (odds.below, odds.above, odds.inside) == pytest.approx((0.1581, 0.1117, 0.7302), abs=5.1e-5)


def test_worked_theta_figures() -> None:
    state = theta_state(MARKET, CONDOR)
    assert state.efficiency == pytest.approx(0.02853, abs=5.1e-6)
    assert state.acceleration == pytest.approx(0.9987, abs=5.1e-5)


def test_expected_return_by_simulation() -> None:
    found = expected_return(MARKET, [CONDOR], 400.0, 0.15)
    assert found is not None
    rng = np.random.default_rng(3)
    years, vol = 35 / 365, 0.15
    ends = 6000 * np.exp((0.029 - vol**2 / 2) * years + vol * math.sqrt(years) * rng.standard_normal(400_000))
    payoff = np.clip(5650 - ends, 0, 50) + np.clip(ends - 6275, 0, 50)
    assert found.pnl_usd == pytest.approx(400 * (10.10 - payoff.mean()), abs=4 * 400 * payoff.std() / 632)
    assert found.pnl_net_usd == pytest.approx(found.pnl_usd - 400.0)
    assert found.simple == pytest.approx(found.pnl_usd / (400 * 39.90) / years)
    assert found.simple_net == pytest.approx(found.pnl_net_usd / (400 * 39.90 + 400.0) / years)


def test_nothing_is_expected_of_no_condor() -> None:
    assert expected_return(MARKET, [], 0.0, 0.2) is None


def test_carry_without_capital() -> None:
    found = carry(np.zeros(2), np.zeros(2), 35.0)
    assert (found.wacc, found.weights) == (0.0, (0.0, 0.0))
