"""Condors, small caps and financing repriced in scenarios, against the worked numbers of methodology 4.10."""

from dataclasses import replace

import numpy as np
import pytest

from alvh.core.hedge.book import Condor, FinancingSpread
from alvh.core.hedge.breakevens import book_grid
from alvh.core.hedge.delta import book_greeks, condor_extrinsic, deltas
from alvh.core.hedge.scenario import (
    ScenarioParameters,
    condor_greeks,
    condor_losses,
    condor_values,
    financing_delta,
    financing_values,
    linked_spx_return,
    small_cap_return,
)
from alvh.core.hedge.surface import QuadraticSmile
from alvh.core.hedge.target import design_shock, loss_table
from alvh.core.hedge.units import UnitBoard
from core.hedge.worked_example import CONDOR, CONDOR_D, MARKET, SMALL_CAPS, UNITS

LINK = ScenarioParameters()

# dVIX, r_SPX %, S', condor value, condor loss, small-cap loss: methodology 4.10.
LOSSES = [
    (3, -1.9386, 5883.685, 11.2671, 405.60, 3140.50),
    (5, -3.2723, 5803.662, 13.5913, 1335.28, 5301.13),
    (6, -3.9392, 5763.650, 15.1179, 1945.90, 6381.44),
    (7, -4.6060, 5723.639, 16.8217, 2627.41, 7461.76),
    (10, -6.6066, 5603.604, 22.5474, 4917.71, 10702.70),
    (20, -13.2752, 5203.487, 39.1637, 11564.23, 21505.84),
]


def test_loss_table_of_the_worked_example() -> None:
    rows = loss_table(MARKET, (CONDOR,), SMALL_CAPS, LINK)
    values = condor_values(MARKET, (CONDOR,), [row.r_spx for row in rows], [row.d_vix for row in rows], 0.0)[0]
    for row, value, (d_vix, r_spx, spx, condor, loss, small) in zip(rows, values, LOSSES, strict=True):
        assert row.d_vix == d_vix
        assert row.r_spx * 100 == pytest.approx(r_spx, abs=5.1e-5)
        assert row.spx == pytest.approx(spx, abs=5.1e-4)
        assert value == pytest.approx(condor, abs=5.1e-5)
        assert row.condor_loss == pytest.approx(loss, abs=5.1e-3)
        assert row.small_cap_loss == pytest.approx(small, abs=5.1e-3)


def test_leg_marks_of_the_worked_condor() -> None:
    greeks, signs = condor_greeks(MARKET, CONDOR)
    assert greeks.price == pytest.approx([29.2176, 25.3148, 14.0354, 7.6851], abs=5.1e-5)
    assert greeks.delta == pytest.approx([-0.1479, -0.1270, 0.1295, 0.0810], abs=5.1e-5)
    assert greeks.vega_point == pytest.approx([4.2889, 3.8655, 3.9182, 2.7869], abs=5.1e-5)
    assert greeks.theta_day == pytest.approx([-1.1534, -1.0921, -0.7229, -0.4916], abs=5.1e-5)
    assert -signs @ greeks.price == pytest.approx(10.2531, abs=5.1e-5)
    assert signs @ greeks.delta == pytest.approx(-0.02763, abs=5.1e-6)
    assert signs @ greeks.vega_point == pytest.approx(-1.55474, abs=5.1e-6)
    assert signs @ greeks.theta_day == pytest.approx(0.29256, abs=5.1e-6)


def test_condor_d_of_the_worked_example() -> None:
    assert condor_values(MARKET, (CONDOR_D,), 0.0, 0.0, 0.0)[0, 0] == pytest.approx(9.8719, abs=5.1e-5)
    d = np.array([6.0, 7.0])
    losses = condor_losses(MARKET, (CONDOR_D,), linked_spx_return(LINK, 17.20, d), d, 0.0)
    assert losses == pytest.approx([2836.31, 3610.77], abs=5.1e-3)


# Condor, hedge, total of 6 L1, 6 L3a, 3 L3b at t = 0, 7, 14, 28: methodology 4.10.
GRID = {
    -3: [(-1626, -884, -2511), (-463, -1156, -1619), (1003, -1445, -441), (3869, -1814, 2055)],
    0: [(0, -240, -240), (885, -493, 391), (1903, -788, 1115), (3919, -1489, 2430)],
    3: [(-406, 414, 8), (139, 225, 365), (773, 28, 801), (2867, -356, 2512)],
    6: [(-1946, 1058, -888), (-1733, 963, -770), (-1489, 934, -555), (-134, 1698, 1564)],
    10: [(-4918, 1880, -3038), (-5047, 1926, -3121), (-5222, 2155, -3067), (-5887, 4309, -1577)],
    20: [(-11564, 3690, -7874), (-11835, 4035, -7800), (-12150, 4710, -7439), (-14142, 6413, -7729)],
}


def test_profit_and_loss_grid_of_vector_a() -> None:
    board = UnitBoard(MARKET, UNITS)
    quantities = np.array([6.0, 0.0, 0.0, 6.0, 3.0])
    points = book_grid(MARKET, (CONDOR,), board, quantities, LINK, tuple(GRID), (0, 7, 14, 28))
    printed = [(d, row) for d, rows in GRID.items() for row in rows]
    for point, (d_vix, (condor, hedge, total)) in zip(points, printed, strict=True):
        assert point.d_vix == d_vix
        assert (point.condor, point.hedge, point.total) == pytest.approx((condor, hedge, total), abs=0.51)


def test_no_shock_means_no_move_and_the_intercept_counts_only_in_a_shock() -> None:
    assert linked_spx_return(LINK, 17.20, [0.0, -3.0]) == pytest.approx([0.0, 0.00062 + 0.1147 * 3 / 17.2])
    assert LINK.vix_pct_per_spx_pct == pytest.approx(4.2607, abs=5e-5)


def test_small_caps_fall_by_the_stress_beta_and_rise_by_the_other() -> None:
    assert small_cap_return(SMALL_CAPS, [-0.02, 0.0, 0.02]) == pytest.approx([-0.0324, 0.0, 0.02464391])


def test_an_expired_condor_is_worth_what_is_inside_its_strikes() -> None:
    r = np.array([-0.10, -0.06, 0.0, 0.05, 0.10])
    values = condor_values(MARKET, (CONDOR,), r, 0.0, 35.0)[0]
    assert values == pytest.approx([50.0, 10.0, 0.0, 25.0, 50.0])
    assert condor_values(MARKET, (CONDOR,), r, 20.0, 50.0)[0] == pytest.approx(values)


def test_two_condors_lose_what_each_loses_alone() -> None:
    d = np.array([5.0, 20.0])
    r = linked_spx_return(LINK, 17.20, d)
    together = condor_losses(MARKET, (CONDOR, CONDOR_D), r, d, [0.0, 7.0])
    alone = sum(condor_losses(MARKET, (each,), r, d, [0.0, 7.0]) for each in (CONDOR, CONDOR_D))
    assert together == pytest.approx(alone)
    assert condor_losses(MARKET, (), r, d, 0.0).tolist() == [0.0, 0.0]


def test_an_expiry_may_have_a_smile_of_its_own() -> None:
    flat = QuadraticSmile(level=0.2, slope=0.0, curvature=0.0, floor=0.0)
    market = replace(MARKET, expiry_smiles=((35, flat),))
    own, other = condor_values(market, (CONDOR, replace(CONDOR, days=34)), 0.0, 0.0, 0.0)[:, 0]
    assert own != pytest.approx(10.2531, abs=1e-2)
    assert other == pytest.approx(condor_values(MARKET, (replace(CONDOR, days=34),), 0.0, 0.0, 0.0)[0, 0])


def test_design_shock_scales_with_a_high_vix_alone() -> None:
    quiet, crisis = design_shock(17.20), design_shock(36.0)
    assert (quiet.low, quiet.design, quiet.high) == (5.0, 6.0, 7.0)
    assert (crisis.low, crisis.design, crisis.high) == pytest.approx((10.0, 12.0, 14.0))
    assert design_shock(18.0).design == 6.0


def test_deltas_of_vector_a() -> None:
    leaning = deltas(MARKET, (CONDOR,), -159.41, (), SMALL_CAPS, 0.06)
    assert leaning.condor == pytest.approx(-663.17, abs=5.1e-3)
    assert leaning.sleeve == pytest.approx(-822.57, abs=1.1e-2)
    assert leaning.sleeve_limit == pytest.approx(957.60)
    assert leaning.book == pytest.approx(409.62, abs=1.1e-2)
    assert leaning.sleeve_excess == 0.0
    assert deltas(MARKET, (CONDOR,), -300.0, (), None, 0.06).sleeve_excess == pytest.approx(5.57, abs=1e-2)


def test_greeks_of_the_book_are_dollars_of_all_condors() -> None:
    greeks = book_greeks(MARKET, (CONDOR,))
    assert greeks.vega == pytest.approx(-1.55474 * 400, abs=5e-3)
    assert greeks.theta == pytest.approx(0.29256 * 400, abs=5e-3)


def test_all_of_an_out_of_the_money_condor_is_time_value() -> None:
    assert condor_extrinsic(MARKET, CONDOR) == pytest.approx(10.2531, abs=5.1e-5)
    inside = Condor(
        long_put=6100.0, short_put=6150.0, short_call=6200.0, long_call=6250.0, quantity=1, credit=40.0, days=35
    )
    assert condor_extrinsic(MARKET, inside) < condor_values(MARKET, (inside,), 0.0, 0.0, 0.0)[0, 0]


def test_worked_financing_spread() -> None:
    # Methodology 3.6: after +6, SPX 5763.65, 6050/6100, 35 days: mid 10.2848, short delta 0.2024.
    spread = FinancingSpread(short_call=6050.0, long_call=6100.0, quantity=1, credit=10.1848, days=35)
    r = float(linked_spx_return(LINK, 17.20, 6.0))
    assert financing_values(MARKET, spread, r, 6.0, 0.0)[0] == pytest.approx(10.2848, abs=5.1e-5)
    assert financing_delta(MARKET, spread) < 0.0
