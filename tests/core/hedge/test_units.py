"""The unit table against the worked leg table of methodology 4.10, and what must hold for any curve."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.book import HedgeUnit, VixCall, VixFuture
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.pricing import black76, black76_greeks
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.units import UnitBoard, UnitTable, call_greeks, unit_table
from core.hedge.worked_example import CURVE, L1, L1B, L2, L3A, L3B, MARKET, UNITS

GAMMA = ScenarioParameters().vix_pct_per_spx_pct
SHOCKS = (5.0, 6.0, 7.0, 10.0, 20.0)
# G(+5), G(+6), G(+7), G(+10), G(+20), K, e, D: methodology 4.10.
WORKED = {
    "L1": (76.53, 96.28, 115.88, 173.27, 340.13, 152.00, 0.633, -13.775),
    "L1b": (18.91, 26.72, 34.97, 62.23, 175.33, 36.00, 0.742, -3.760),
    "L2": (52.41, 63.31, 74.10, 105.76, 204.94, 67.33, 0.940, -8.515),
    "L3a": (47.70, 59.14, 70.40, 103.20, 203.23, 84.75, 0.698, -9.163),
    "L3b": (33.20, 41.69, 49.98, 73.72, 143.28, 55.20, 0.755, -7.259),
}


def table_of(*units: HedgeUnit, curve: VixCurve = CURVE, horizon: float = 35.0, vvix_beta: float = 0.0) -> UnitTable:
    board = UnitBoard(replace(MARKET, curve=curve), units, vvix_beta)
    return unit_table(board, SHOCKS, 1, horizon, GAMMA, curve.vix)


def test_leg_table_of_the_worked_example() -> None:
    table = table_of(*UNITS)
    for row, unit in enumerate(UNITS):
        *gains, cost, efficiency, delta = WORKED[unit.leg]
        assert table.gain[row] == pytest.approx(gains, abs=0.0051)
        assert table.cost[row] == pytest.approx(cost, abs=0.0051)
        assert table.efficiency[row] == pytest.approx(efficiency, abs=5.1e-4)
        assert table.spx_pct[row] == pytest.approx(delta, abs=5.1e-4)


@pytest.mark.parametrize(
    ("call", "mid", "delta", "vega"),
    [
        (L1.calls[0], 1.6880, 0.5149, 0.0212),
        (L1.calls[1], 0.2802, 0.1104, 0.0100),
        (L3A.calls[0], 2.2869, 0.4803, 0.0446),
        (L3B.calls[0], 2.8313, 0.4967, 0.0629),
    ],
)
def test_marks_of_the_worked_vix_options(call: VixCall, mid: float, delta: float, vega: float) -> None:
    greeks = call_greeks(MARKET, call)
    assert (greeks.price, greeks.delta, greeks.vega_point) == (
        pytest.approx(mid, abs=5e-5),
        pytest.approx(delta, abs=5e-5),
        pytest.approx(vega, abs=5e-5),
    )


def test_worked_strikes_at_a_distance() -> None:
    # K_z = F exp(z sigma sqrt(T)) with the volatility of the long strike: methodology 4.3, 4.10.
    strikes = [18.60 * np.exp(z * 0.88 * np.sqrt(30 / 365)) for z in (1.5, 1.75, 2.0)]
    assert strikes == pytest.approx([27.16, 28.92, 30.81], abs=5.1e-3)


def test_roll_up_of_methodology_3_5() -> None:
    forward = float(CURVE.forward(30.0, 0.0, 27.20))
    held = black76_greeks(forward, 19.0, 30 / 365, 0.88, 0.042, True)
    assert (held.price, held.delta) == (pytest.approx(4.3850, abs=5e-5), pytest.approx(0.7920, abs=5e-5))
    new = black76(forward, 23.0, 30 / 365, 0.88, 0.042, True)
    assert new == pytest.approx(2.1140, abs=5e-5)
    assert held.price - new - 0.10 == pytest.approx(2.1710, abs=5e-5)


def test_legs_held_are_valued_from_todays_mid() -> None:
    table = table_of(*UNITS)
    mids = np.array([100 * (1.68803 - 0.28020), 28.020, 0.0, 228.686, 283.133])
    assert table.gain_held[[0, 1, 3, 4], 1] - table.gain[[0, 1, 3, 4], 1] == pytest.approx(
        np.array([150 + 2, 35 + 1, 235 + 1, 290 + 1]) - mids[[0, 1, 3, 4]], abs=5e-3
    )
    assert table.gain_held[2, 1] - table.gain[2, 1] == pytest.approx(1.0 + 2.0)  # half the slippage, both entry fees
    assert table.cost - table.cost_held == pytest.approx(table.entry_cost)


def test_calendar_slippage_comes_from_its_quotes() -> None:
    # Methodology 4.10, vector D: 0.10 points round trip give e 0.7343, 0.20 give 0.5310.
    for width, efficiency in ((0.05, 0.7343), (0.10, 0.5310)):
        quoted = HedgeUnit(
            leg="L2",
            futures=(
                VixFuture(days=30.0, price=18.60, ratio=1, bid=18.60 - width / 2, ask=18.60 + width / 2),
                VixFuture(days=58.0, price=19.40, ratio=-1, bid=19.40 - width / 2, ask=19.40 + width / 2),
            ),
        )
        assert table_of(quoted).efficiency[0] == pytest.approx(efficiency, abs=5.1e-5)
        spread = replace(L2, slippage=2 * width)
        assert table_of(spread).efficiency[0] == pytest.approx(efficiency, abs=5.1e-5)


def test_full_size_future_is_ten_of_the_small_ones_but_for_fees() -> None:
    small, large = table_of(L2), table_of(replace(L2, multiplier=1000.0))
    assert large.gain[0] + 2.0 == pytest.approx(10 * (small.gain[0] + 2.0))
    assert large.cost[0] - 2.0 == pytest.approx(10 * (small.cost[0] - 2.0))
    assert (small.stop[0], large.stop[0]) == (100.0, 1000.0)


def test_calendar_is_frozen_at_its_roll() -> None:
    board = UnitBoard(MARKET, [L2])
    at_roll, later = board.gains([6.0, 6.0], [23.0, 33.0])[0]
    assert at_roll == later
    assert board.gains([6.0], 22.0)[0, 0] != at_roll


def test_options_settle_without_a_spread() -> None:
    board = UnitBoard(MARKET, [L1, L1B])
    assert board.gains([20.0], 30.0)[:, 0] == pytest.approx([100 * (10 - 1.5) - 2, 100 * (37.2 - 29 - 0.35) - 1])
    assert board.gains([0.0], 35.0)[:, 0] == pytest.approx([-152.0, -36.0])


def test_a_long_leg_is_never_sold_below_zero() -> None:
    worthless = HedgeUnit(leg="L1b", calls=(VixCall(days=30.0, strike=80.0, vol=0.5, bid=0.0, ask=0.40),))
    board = UnitBoard(MARKET, [worthless])
    assert board.gains([0.0], 0.0)[0, 0] == pytest.approx(-41.0)


def test_short_dated_legs_cost_their_whole_debit_only_if_they_end_inside_the_horizon() -> None:
    whole, part = table_of(L1, horizon=20.0).cost[0], table_of(L1, horizon=19.0).cost[0]
    assert whole == pytest.approx(152.0)
    assert part < whole


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
def test_volatility_of_volatility_raises_the_worked_gain(beta: float) -> None:
    expected = {1.0: 1200.46, 1.5: 1271.03, 2.0: 1341.05}[beta]
    gain = table_of(*UNITS, vvix_beta=beta).gain[:, 1]
    assert 6 * gain[0] + 6 * gain[3] + 3 * gain[4] == pytest.approx(expected, abs=0.0051)


def test_vix_points_by_part_add_up_to_the_leg() -> None:
    board = UnitBoard(MARKET, UNITS)
    table = table_of(*UNITS)
    for row in range(len(UNITS)):
        parts = sum(dollars for unit, _, dollars in board.part_vix_points() if unit == row)
        assert parts == pytest.approx(table.vix_point[row])


@given(
    vix=st.floats(9.0, 85.0),
    shape=st.lists(st.floats(0.6, 1.4), min_size=7, max_size=7),
    horizon=st.floats(1.0, 60.0),
)
def test_no_cost_is_below_the_round_trip_on_any_curve(vix: float, shape: list[float], horizon: float) -> None:
    curve = VixCurve(vix=vix, days=CURVE.days, prices=tuple(vix * each for each in shape))
    table = table_of(*UNITS, curve=curve, horizon=horizon)
    assert (table.cost >= np.array([24.0, 12.0, 6.0, 12.0, 12.0]) - 1e-9).all()
    assert (table.cost_held >= 0.0).all()
    assert np.isfinite(table.gain).all()


def test_no_leg_subsidises_another_when_the_curve_is_inverted() -> None:
    curve = VixCurve(vix=35.0, days=(30.0, 58.0, 86.0), prices=(31.0, 29.0, 28.0))
    table = table_of(L2, L3A, curve=curve)
    assert table.cost[0] == pytest.approx(6.0)  # rolling up an inverted curve pays: only the round trip is charged


def test_units_that_cannot_be_held_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        HedgeUnit(leg="L9", calls=L1B.calls)
    with pytest.raises(ValueError, match="of calls or of futures"):
        HedgeUnit(leg="L1")
    with pytest.raises(ValueError, match="sells more than it buys"):
        HedgeUnit(leg="L1b", calls=(replace(L1B.calls[0], ratio=-1),))
