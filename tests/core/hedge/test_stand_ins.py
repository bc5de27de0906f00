"""Futures and ETP shares in place of VIX calls (L-F): their unit table and their sizing, against plain arithmetic.

The expectations are written from the methodology (1.2, 4.3, 4.4, 4.6, 4.8) in scalars, without the service's functions.
"""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.book import EtpShare, HedgeUnit, VixFuture
from alvh.core.hedge.breakevens import leg_break_evens
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.guards import VixBands, guards_of
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.sizing import size
from alvh.core.hedge.units import UnitBoard, unit_table
from core.hedge.worked_example import CURVE, L1, L2, L3A, L3B, MARKET, VECTOR_A, held_after

SHOCKS = (5.0, 6.0, 7.0, 10.0, 20.0)
GAMMA = 0.4887 / 0.1147
NODES = [(0.0, 17.20), (30.0, 18.60), (58.0, 19.40), (86.0, 19.90), (114.0, 20.30), (149.0, 20.70), (177.0, 20.95),
         (212.0, 21.20)]  # fmt: skip


def future(days: float, price: float, *, width: float = 0.04, multiplier: float = 100.0, **more: object) -> HedgeUnit:
    part = VixFuture(days=days, price=price, ratio=1, bid=price - width / 2, ask=price + width / 2)
    return replace(HedgeUnit(leg="L1", futures=(part,), multiplier=multiplier), **more)  # type: ignore[arg-type]


VXM = future(30.0, 18.60, per_unit=0.40)
VX = future(30.0, 18.60, width=0.10, multiplier=1000.0, per_unit=0.04)
SHARE = HedgeUnit(
    leg="L1", shares=(EtpShare(symbol="VIXY", bid=39.98, ask=40.02),), multiplier=1.0, fee_usd=0.01, per_unit=18.0
)


def level(days: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(NODES):
        if days <= x1:
            return y0 + (y1 - y0) * (days - x0) / (x1 - x0)
    return NODES[-1][1]


def forward(days: float, vix: float) -> float:
    beta = min(1.0, 0.43 * math.sqrt(30.0 / days))
    return level(days) * math.pow(vix / 17.20, beta)


@pytest.mark.parametrize(("unit", "days", "price"), [
    (VXM, 30.0, 18.60), (VX, 30.0, 18.60), (future(114.0, 20.30, leg="L3a"), 114.0, 20.30),
])  # fmt: skip
def test_unit_table_of_a_future_alone(unit: HedgeUnit, days: float, price: float) -> None:
    (part,) = unit.futures
    assert part.bid is not None and part.ask is not None  # noqa: PT018
    width, m = part.ask - part.bid, unit.multiplier
    table = unit_table(UnitBoard(MARKET, [unit]), SHOCKS, 1, 35.0, GAMMA, 17.20)
    for at, d in enumerate(SHOCKS):
        assert table.gain[0, at] == pytest.approx(m * (forward(days, 17.20 + d) - price) - m * width - 1.0)
        # What is held paid half the round trip and its fee already.
        assert table.gain_held[0, at] == pytest.approx(m * (forward(days, 17.20 + d) - price) - m * width / 2)
    h = min(35.0, days - 7.0)
    carry = m * (price - level(days - h)) * 35.0 / h
    assert table.cost[0] == pytest.approx(carry + m * width + 1.0)
    assert table.cost_held[0] == pytest.approx(carry + m * width / 2)
    move = 17.20 * GAMMA / 100.0
    assert table.spx_pct[0] == pytest.approx(m * (forward(days, 17.20 - move) - forward(days, 17.20 + move)) / 2)
    assert table.vix_point[0] == pytest.approx(m * (forward(days, 18.20) - price))
    # At risk is the fall to a VIX of 9, today or on the day of the roll, whichever is worse; nothing is a premium.
    worst = max(price - forward(days, 9.0), price - forward(7.0, 9.0))
    assert table.stop[0] == pytest.approx(m * worst + m * width)
    assert table.capital[0] == table.stop[0]
    assert table.premium[0] == 0.0


def test_a_futures_pnl_is_frozen_at_its_roll_and_it_breaks_even_at_its_price_and_costs() -> None:
    board = UnitBoard(MARKET, [VXM])
    at_roll, later = board.gains([6.0, 6.0], [23.0, 33.0])[0]
    assert at_roll == later == pytest.approx(100 * (forward(7.0, 23.20) - 18.60) - 5.0)
    (now,) = leg_break_evens(MARKET, board, ScenarioParameters(), (0.0, 14.0, 24.0))
    assert now.at_settlement == pytest.approx(18.60 + 0.04 + 0.01)
    assert now.vix[2] is None, "rolled by then"
    assert now.vix[0] == pytest.approx(17.20 * (18.65 / 18.60) ** (1 / 0.43), abs=1e-4)


def test_cost_of_a_future_is_never_below_its_round_trip_on_an_inverted_curve() -> None:
    curve = VixCurve(vix=35.0, days=(30.0, 58.0, 86.0), prices=(31.0, 29.0, 28.0))
    unit = future(30.0, 31.0)
    table = unit_table(UnitBoard(replace(MARKET, curve=curve), [unit]), SHOCKS, 1, 35.0, GAMMA, 35.0)
    assert table.cost[0] == pytest.approx(100 * 0.04 + 2.0)


def test_unit_table_of_etp_shares() -> None:
    table = unit_table(UnitBoard(MARKET, [SHARE]), SHOCKS, 1, 35.0, GAMMA, 17.20)
    for at, d in enumerate(SHOCKS):
        worth = 40.0 * ((17.20 + d) / 17.20) ** 0.43
        assert table.gain[0, at] == pytest.approx(worth - 0.02 - 40.02 - 0.01)
    # Rolled every day down the slope between the futures of 30 and 58 days.
    rolled = 40.0 * math.exp(-35.0 * (19.40 - 18.60) / 28.0 / 18.60)
    assert table.cost[0] == pytest.approx(40.02 - (rolled - 0.02) + 0.02)
    assert table.cost_held[0] == pytest.approx(40.0 - (rolled - 0.02) + 0.01)
    assert (table.premium[0], table.capital[0], table.stop[0]) == (40.02, 40.02, 0.0)
    assert table.mid[0] == pytest.approx(40.0)
    (row,) = leg_break_evens(MARKET, UnitBoard(MARKET, [SHARE]), ScenarioParameters(), (0.0, 14.0, 400.0))
    assert math.isnan(row.at_settlement)
    assert row.vix[0] == pytest.approx(17.20 * ((40.02 + 0.02 + 0.01) / 40.0) ** (1 / 0.43), abs=1e-4)
    assert row.vix[2] is not None, "shares have no end"


def test_an_etp_that_moves_by_less_than_the_future_gains_and_loses_less() -> None:
    slow = replace(SHARE, shares=(replace(SHARE.shares[0], beta=0.9),))
    gain = UnitBoard(MARKET, [slow]).marks([6.0], 0.0)[0, 0]
    assert gain == pytest.approx(40.0 * (23.20 / 17.20) ** (0.43 * 0.9))


def test_shares_stand_at_the_two_futures_around_thirty_days() -> None:
    curve = VixCurve(vix=17.2, days=(16.0, 44.0, 72.0), prices=(18.0, 19.0, 19.6))
    board = UnitBoard(replace(MARKET, curve=curve), [SHARE])
    total = float(board.marks([1.0], 0.0)[0, 0] - 40.0)
    assert [(row, days) for row, days, _ in board.part_vix_points()] == [(0, 16.0), (0, 44.0)]
    assert [dollars for _, _, dollars in board.part_vix_points()] == pytest.approx([total * 0.5, total * 0.5])


@pytest.mark.parametrize(("days", "pair"), [
    (30.0, (30.0, 58.0)), (10.0, (30.0, 58.0)), (60.0, (58.0, 86.0)), (400.0, (177.0, 212.0)),
])  # fmt: skip
def test_the_two_futures_around_a_tenor(days: float, pair: tuple[float, float]) -> None:
    assert CURVE.around(days) == pair


def test_one_future_is_taken_with_the_spot_and_none_rolls_nothing() -> None:
    one = VixCurve(vix=17.2, days=(40.0,), prices=(18.4,))
    assert one.around(30.0) == (0.0, 40.0)
    assert one.daily_roll(30.0) == pytest.approx(1.2 / 40.0 / (17.2 + 1.2 * 0.75))
    assert VixCurve(vix=17.2, days=(), prices=()).daily_roll(30.0) == 0.0


def test_a_ladder_counts_a_future_as_the_calls_it_stands_for() -> None:
    sizing = size(replace(VECTOR_A, candidates=(VXM, L3A, L3B)))
    rows = {row.leg: row for row in sizing.legs}
    # Four calls of L1 are 1.6 VXM of delta 0.40: u = T / (1.6 G + 4 G + 2 G), n = w u (4.8).
    g1 = 100 * (18.60 * (23.20 / 17.20) ** 0.43 - 18.60) - 5.0
    whole = 1.6 * g1 + 4 * 59.137 + 2 * 41.689
    u = 972.95 / whole
    costs = {"L1": 100 * (18.60 - 17.526667) * 35 / 23 + 5.0, "L3a": 84.752, "L3b": 55.196}
    assert 1.6 * u * costs["L1"] + 4 * u * costs["L3a"] + 2 * u * costs["L3b"] < 1616.0
    # A future puts its fall to a VIX of 9 at risk, but all of it together stays below the credit here.
    assert [rows[leg].real for leg in ("L1", "L3a", "L3b")] == pytest.approx([1.6 * u, 4 * u, 2 * u], rel=1e-4)
    assert sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit
    assert sizing.loss_at_stops == pytest.approx(rows["L1"].target * 100 * (18.60 - forward(7.0, 9.0) + 0.04))
    assert sizing.worst_case_hedge >= sizing.loss_at_stops + sizing.premium_at_risk
    assert sizing.margin_futures == pytest.approx(sizing.loss_at_stops)
    again = size(replace(VECTOR_A, candidates=(VXM, L3A, L3B), held=held_after(sizing)))
    assert again.is_hold


def test_held_calls_and_a_future_in_their_place_fill_one_rung_together() -> None:
    calls = replace(held_after(size(VECTOR_A))[0], quantity=3, is_tradable=False)
    sizing = size(replace(VECTOR_A, candidates=(VXM, L3A, L3B), held=(calls,), cost_to_date_usd=0.0))
    rows = [row for row in sizing.legs if row.leg == "L1"]
    held, bought = rows
    assert (held.target, held.unit) == (3, L1)
    # The rung wants n own contracts; three are calls, each further one is 0.4 of a future.
    u = rows[0].real
    assert bought.target <= math.ceil((u - 3.0) + 1e-9)
    l3a = next(row for row in sizing.legs if row.leg == "L3a")
    assert u - 3.0 == pytest.approx(0.40 * (l3a.real - 3.0), rel=1e-6)


def test_a_vx_contract_too_large_for_the_book_is_not_forced_into_it() -> None:
    sizing = size(replace(VECTOR_A, candidates=(VX,)))
    (row,) = sizing.legs
    assert row.target == 0
    assert sizing.offset_design == 0.0
    assert any(binding.constraint in ("CEILING", "ROUNDING") for binding in sizing.bindings)


def test_premium_and_falls_of_futures_never_exceed_the_credit() -> None:
    (condor,) = VECTOR_A.condors
    rich = replace(condor, quantity=40)
    dear = future(114.0, 20.30, leg="L3a", per_unit=0.5)
    sizing = size(replace(VECTOR_A, condors=(rich,), small_caps=None, candidates=(VXM, dear)))
    assert sizing.contracts
    assert sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit


def test_guards_speak_of_calls_and_calendars_alone() -> None:
    guards = guards_of((VXM, L2, L3A), 55.0, VixBands(), 0.30, vix_momentum=False)
    assert guards.reasons == {"L2": "CARRY_GUARD", "L3a": "HIGH_VIX_GUARD"}
    assert not guards.frozen[0]
    assert guards.frozen[2]


def test_a_ladder_of_which_nothing_is_to_be_had_is_wholly_unhedged() -> None:
    sizing = size(replace(VECTOR_A, candidates=(), refused=(("L1", "wide"), ("L3a", "wide"), ("L3b", "stale"))))
    assert sizing.contracts == {}
    assert sizing.residual_unhedged == pytest.approx(972.95, abs=0.01)
    cuts = {each.detail.split()[0]: each.cut_usd for each in sizing.bindings if each.constraint == "LIQ"}
    assert cuts == pytest.approx({"L1": 0.4 * 972.95, "L3a": 0.4 * 972.95, "L3b": 0.2 * 972.95}, abs=0.01)


def test_units_that_cannot_stand_in_are_refused() -> None:
    with pytest.raises(ValueError, match="of calls or of futures or of shares"):
        replace(VXM, shares=SHARE.shares)
    with pytest.raises(ValueError, match="per_unit above 0"):
        replace(VXM, per_unit=0.0)


def test_futures_of_another_size_and_shares_of_another_fund_are_other_lines() -> None:
    other = replace(SHARE, shares=(replace(SHARE.shares[0], symbol="VXX"),))
    assert len({VXM.terms, VX.terms, SHARE.terms, other.terms}) == 4


@given(
    vix=st.floats(9.0, 85.0), shape=st.lists(st.floats(0.6, 1.4), min_size=7, max_size=7),
    horizon=st.floats(1.0, 60.0), width=st.floats(0.01, 0.10),
)  # fmt: skip
def test_on_any_curve_costs_cover_the_round_trip_and_risk_is_counted(
    vix: float, shape: list[float], horizon: float, width: float
) -> None:
    curve = VixCurve(vix=vix, days=CURVE.days, prices=tuple(vix * each for each in shape))
    units = [future(days, price, width=width) for days, price in zip(curve.days, curve.prices, strict=True)]
    table = unit_table(UnitBoard(replace(MARKET, curve=curve), [*units, SHARE]), SHOCKS, 1, horizon, GAMMA, vix)
    assert (table.cost >= [*([100 * width + 2.0 - 1e-9] * 7), 0.06 - 1e-9]).all()
    assert (table.stop[:7] >= 100 * width - 1e-9).all()
    assert (table.stop[:7] <= 100 * (np.array(curve.prices) + width) + 1e-9).all()
    assert np.isfinite(table.gain).all()
