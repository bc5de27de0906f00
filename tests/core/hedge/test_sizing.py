"""Sizing against vectors A, B, C, C2 and D of methodology 4.10, its constraints, and its idempotence."""

from dataclasses import replace

import pytest

from alvh.core.hedge.book import FinancingSpread, HedgeLeg, HedgeUnit
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.sizing import Sizing, SizingInputs, SizingParameters, size
from core.hedge.worked_example import (
    CONDOR,
    CONDOR_D,
    CURVE,
    L1,
    L2,
    L3A,
    L3B,
    MARKET,
    SMALL_CAPS,
    UNITS,
    VECTOR_A,
    held_after,
    target_of,
)

VECTOR_B = replace(VECTOR_A, target=target_of(Phase.CONFIRMED, 0.15))


def real(sizing: Sizing) -> dict[str, float]:
    return {row.leg: row.real for row in sizing.legs if row.real}


def cuts(sizing: Sizing) -> dict[str, float]:
    return {binding.constraint: binding.cut_usd for binding in sizing.bindings}


def test_vector_a() -> None:
    sizing = size(VECTOR_A)
    assert sizing.contracts == {"L1": 6, "L3a": 6, "L3b": 3}
    assert real(sizing) == pytest.approx({"L1": 5.520, "L3a": 5.520, "L3b": 2.760}, abs=5.1e-4)
    assert sizing.target_gain == pytest.approx(972.95, abs=5.1e-3)
    assert sizing.feasibility == pytest.approx(1.2289, abs=5.1e-5)
    assert sizing.feasibility_target == pytest.approx(1.1075, abs=5.1e-5)
    assert not sizing.infeasible_floor
    gains = {5: 844.96, 6: 1057.56, 7: 1267.65}
    offsets = {5: 0.6328, 6: 0.5435, 7: 0.4825, 10: 0.3823, 20: 0.3191}
    assert {d: sizing.gains[d] for d in gains} == pytest.approx(gains, abs=5.1e-3)
    assert sizing.offsets == pytest.approx(offsets, abs=5.1e-5)
    assert (sizing.credit, sizing.cap) == pytest.approx((4040.0, 1616.0))
    assert sizing.cost == pytest.approx(1586.08, abs=5.1e-3)
    assert sizing.cost_ratio == pytest.approx(0.3926, abs=5.1e-5)
    assert sizing.premium_at_risk == pytest.approx(3180.0)
    leaning = sizing.deltas
    assert (leaning.condor, leaning.hedge, leaning.sleeve, leaning.sleeve_limit, leaning.book) == pytest.approx(
        (-663.17, -159.41, -822.57, 957.60, 409.62), abs=5.1e-3
    )
    assert not sizing.bindings


def test_costs_of_vector_a() -> None:
    sizing = size(VECTOR_A)
    held = [row for row in range(5) if sizing.carry.capital[row]]
    assert sum(sizing.carry.capital) == pytest.approx(3180.0)
    assert [sizing.carry.weights[row] for row in held] == pytest.approx([0.2830, 0.4434, 0.2736], abs=5.1e-5)
    assert [sizing.carry.rates[row] for row in held] == pytest.approx([10.5676, 3.7609, 1.9849], abs=5.1e-5)
    assert sizing.carry.wacc == pytest.approx(5.2014, abs=5.1e-5)
    assert (sizing.returns.period, sizing.returns.simple) == pytest.approx((0.2531, 2.6398), abs=5.1e-5)
    assert sizing.returns.compound == pytest.approx(9.5189, abs=5.1e-5)
    assert (sizing.returns_net.period, sizing.returns_net.simple) == pytest.approx((0.1399, 1.4585), abs=5.1e-5)
    assert sizing.irr_drag == pytest.approx(1.1813, abs=5.1e-5)


def test_vector_a_with_a_volatility_of_volatility() -> None:
    for beta, gain in ((1.0, 1200.46), (1.5, 1271.03), (2.0, 1341.05)):
        scenario = ScenarioParameters(vvix_beta=beta)
        sizing = size(replace(VECTOR_A, parameters=SizingParameters(scenario=scenario)))
        per_unit = {row.leg: row.gain[6.0] for row in sizing.legs}
        assert 6 * per_unit["L1"] + 6 * per_unit["L3a"] + 3 * per_unit["L3b"] == pytest.approx(gain, abs=5.1e-3)


def test_vector_b() -> None:
    sizing = size(VECTOR_B)
    assert sizing.phi == pytest.approx(0.814583, abs=5.1e-7)
    assert sizing.target_gain == pytest.approx(1585.09, abs=5.1e-3)
    expected = {"L1": 4.237, "L1b": 6.544, "L2": 3.682, "L3a": 3.942, "L3b": 2.796}
    assert real(sizing) == pytest.approx(expected, abs=5.1e-4)
    assert sizing.contracts == {"L1": 4, "L1b": 6, "L2": 4, "L3a": 4, "L3b": 3}
    assert sizing.gains[6] == pytest.approx(1160.28, abs=5.1e-3)
    offsets = {5: 0.6887, 6: 0.5963, 7: 0.5333, 10: 0.4318, 20: 0.3870}
    assert sizing.offsets == pytest.approx(offsets, abs=5.1e-5)
    assert sizing.cost == pytest.approx(1597.92, abs=5.1e-3)
    assert sizing.cost_ratio == pytest.approx(0.3955, abs=5.1e-5)
    assert sizing.shortfall == pytest.approx(424.82, abs=5.1e-3)
    assert set(cuts(sizing)) == {"CAP", "ROUNDING"}
    assert sum(cuts(sizing).values()) == pytest.approx(sizing.shortfall)
    leaning = sizing.deltas
    assert (leaning.hedge, leaning.sleeve, leaning.book) == pytest.approx((-170.15, -833.32, 398.88), abs=5.1e-3)
    # The printed premium holds the option debits; the stops of the calendars are the rest of constraint 3b.
    assert (sizing.premium_at_risk, sizing.loss_at_stops) == pytest.approx((2620.0, 400.0))


def test_vector_c_gives_the_small_caps_a_budget_of_their_own() -> None:
    sizing = size(replace(VECTOR_A, parameters=SizingParameters(scope="split")))
    small = sizing.small_caps
    assert small is not None
    assert small.budget == pytest.approx(1166.67, abs=5.1e-3)
    assert small.target_gain == pytest.approx(3190.72, abs=5.1e-3)
    assert small.real == pytest.approx({"L1": 4.413, "L3a": 4.413, "L3b": 2.207}, abs=5.1e-4)
    assert small.contracts == {"L1": 4, "L3a": 5, "L3b": 2}
    assert small.gain_design == pytest.approx(764.18, abs=5.1e-3)
    assert small.offset_design == pytest.approx(0.1197, abs=5.1e-5)
    assert small.cost == pytest.approx(1142.13, abs=5.1e-3)
    assert sizing.contracts == {"L1": 10, "L3a": 11, "L3b": 5}


def test_vector_c2_covers_an_eighth_of_both_losses() -> None:
    sizing = size(replace(VECTOR_A, covers_small_caps=True))
    assert sizing.protected_loss_design == pytest.approx(8327.34, abs=5.1e-3)
    assert sizing.target_gain == pytest.approx(4163.67, abs=5.1e-3)
    assert sizing.contracts == {"L1": 6, "L3a": 6, "L3b": 3}
    assert sizing.offset_design == pytest.approx(0.1270, abs=5.1e-5)
    assert "CAP" in cuts(sizing)


def test_vector_d_tilts_until_the_floor_is_feasible() -> None:
    sizing = size(replace(VECTOR_A, condors=(CONDOR_D,)))
    assert (sizing.loss_design, sizing.loss_high) == pytest.approx((2836.31, 3610.77), abs=5.1e-3)
    assert sizing.credit == pytest.approx(3880.0)
    assert sizing.feasibility_untilted == pytest.approx(0.8588, abs=5.1e-5)
    assert sizing.tilt == pytest.approx({"L2": 0.50, "L1b": 0.05, "ladder": 0.45})
    assert sizing.feasibility == pytest.approx(1.0037, abs=5.1e-5)
    assert not sizing.infeasible_floor
    assert sizing.cost <= sizing.cap


@pytest.mark.parametrize(("cut_l1b", "ratio"), [(True, 0.9931), (False, 1.0037)])
def test_vector_d_step_by_step(cut_l1b: bool, ratio: float) -> None:
    candidates = tuple(unit for unit in UNITS if not (cut_l1b and unit.leg == "L1b"))
    sizing = size(replace(VECTOR_A, condors=(CONDOR_D,), candidates=candidates))
    assert sizing.feasibility == pytest.approx(ratio, abs=5.1e-5)
    assert sizing.infeasible_floor == cut_l1b


def test_vector_d_without_the_calendar_is_infeasible() -> None:
    candidates = tuple(unit for unit in UNITS if unit.leg != "L2")
    sizing = size(replace(VECTOR_A, condors=(CONDOR_D,), candidates=candidates, refused=(("L2", "wide"),)))
    assert sizing.tilt == pytest.approx({"L1b": 0.30, "ladder": 0.70})
    assert sizing.feasibility < 1.0
    assert sizing.infeasible_floor
    assert sizing.cost <= sizing.cap
    assert {"LIQ", "CAP", "FLOOR"} <= set(cuts(sizing))


def test_a_calendar_too_wide_to_help_is_not_tilted_to() -> None:
    wide = replace(L2, slippage=0.30)
    candidates = tuple(wide if unit.leg == "L2" else unit for unit in UNITS)
    sizing = size(replace(VECTOR_A, condors=(CONDOR_D,), candidates=candidates))
    assert "L2" not in sizing.tilt
    assert sizing.tilt["L1b"] == pytest.approx(0.30)


@pytest.mark.parametrize("factor", [2, 5, 25])
def test_feasibility_does_not_depend_on_the_number_of_condors(factor: int) -> None:
    for condor in (CONDOR, CONDOR_D):
        one = size(replace(VECTOR_A, condors=(condor,), small_caps=None))
        many = size(replace(VECTOR_A, condors=(replace(condor, quantity=4 * factor),), small_caps=None))
        assert many.feasibility == pytest.approx(one.feasibility)
        assert many.tilt == pytest.approx(one.tilt)
        assert real(many) == pytest.approx({leg: factor * count for leg, count in real(one).items()})


@pytest.mark.parametrize(
    "inputs",
    [
        VECTOR_A,
        VECTOR_B,
        replace(VECTOR_A, condors=(CONDOR_D,)),
        replace(VECTOR_A, target=target_of(Phase.STANDBY)),
        replace(VECTOR_A, target=target_of(Phase.STAGED, 0.2)),
        replace(VECTOR_A, parameters=SizingParameters(scope="split")),
    ],
)
def test_sizing_twice_changes_nothing(inputs: SizingInputs) -> None:
    first = size(inputs)
    second = size(replace(inputs, held=held_after(first)))
    assert not first.is_hold
    assert second.is_hold
    assert second.contracts == first.contracts
    assert second.drift == 0.0
    if inputs.parameters.scope == "strict":
        assert second.cost <= second.cap
        assert second.cost + second.cost_to_date == pytest.approx(first.cost)


def test_entry_prices_say_what_the_hedge_has_cost_so_far() -> None:
    held = (HedgeLeg(unit=L1, quantity=6, entry_price=2.50),)
    sizing = size(replace(VECTOR_A, held=held))
    mid = next(row.mid for row in sizing.legs if row.leg == "L1")
    assert sizing.cost_to_date == pytest.approx(6 * (100 * (2.50 - mid) + 2.0))
    assert sizing.cap == pytest.approx(1616.0 - sizing.cost_to_date)
    assert sizing.cost <= sizing.cap


def test_a_hedge_that_gained_does_not_raise_the_cap() -> None:
    sizing = size(replace(VECTOR_A, held=(HedgeLeg(unit=L1, quantity=6, entry_price=0.50),)))
    assert (sizing.cost_to_date, sizing.cap) == (0.0, 1616.0)


def test_the_cap_cannot_be_spent_twice() -> None:
    assert size(replace(VECTOR_A, cost_to_date_usd=1616.0)).contracts == {}
    part = size(replace(VECTOR_A, cost_to_date_usd=1000.0))
    assert part.cap == pytest.approx(616.0)
    assert 0 < part.cost <= 616.0


def test_standby_holds_the_long_dated_calls_alone() -> None:
    sizing = size(replace(VECTOR_A, target=target_of(Phase.STANDBY)))
    assert sizing.target_gain == pytest.approx(0.15 * 1945.896, abs=1e-2)
    wanted = {"L3a": 2 / 3 * sizing.target_gain / 59.1384, "L3b": 1 / 3 * sizing.target_gain / 41.6903}
    assert real(sizing) == pytest.approx(wanted, rel=1e-5)
    assert not sizing.infeasible_floor


def test_staged_gives_a_quarter_to_the_calendar() -> None:
    sizing = size(replace(VECTOR_A, target=target_of(Phase.STAGED), parameters=SizingParameters(credit_share=0.5)))
    target = 0.60 * 1945.8957
    units = 0.75 * target / (4 * 96.2757 + 4 * 59.1384 + 2 * 41.6903)
    wanted = {"L1": 4 * units, "L2": 0.25 * target / 63.3139, "L3a": 4 * units, "L3b": 2 * units}
    assert real(sizing) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("phase", [Phase.COOLDOWN, Phase.MONETISE])
def test_cooldown_and_monetise_change_nothing(phase: Phase) -> None:
    held = (HedgeLeg(unit=L1, quantity=2), HedgeLeg(unit=L3A, quantity=9))
    sizing = size(replace(VECTOR_A, held=held, target=target_of(phase)))
    assert sizing.is_hold
    assert sizing.contracts == {"L1": 2, "L3a": 9}


def test_off_holds_nothing_but_what_cannot_be_sold() -> None:
    held = (HedgeLeg(unit=L1, quantity=2), HedgeLeg(unit=L3A, quantity=9, is_tradable=False))
    assert size(replace(VECTOR_A, held=held, target=target_of(Phase.OFF))).contracts == {"L3a": 9}


def test_no_order_on_a_leg_whose_quotes_fail() -> None:
    stale = HedgeLeg(unit=L1, quantity=1, is_tradable=False)
    candidates = tuple(unit for unit in UNITS if unit.leg != "L1")
    sizing = size(replace(VECTOR_A, held=(stale,), candidates=candidates, refused=(("L1", "stale"),)))
    assert [row.change for row in sizing.legs if row.leg == "L1"] == [0]
    assert "LIQ" in cuts(sizing)


def test_a_leg_that_is_to_be_rolled_is_replaced_by_what_can_be_bought() -> None:
    old = HedgeUnit(leg="L1", calls=tuple(replace(call, days=9.0) for call in L1.calls))
    sizing = size(replace(VECTOR_A, held=(HedgeLeg(unit=old, quantity=6, is_kept=False),), cost_to_date_usd=0.0))
    assert [(row.unit.days, row.change) for row in sizing.legs if row.leg == "L1"] == [(9.0, -6), (30.0, 6)]


def test_older_lots_count_towards_their_leg() -> None:
    aged = replace(L3A, calls=tuple(replace(call, days=104.0, strike=21.0) for call in L3A.calls))
    sizing = size(replace(VECTOR_A, held=(HedgeLeg(unit=aged, quantity=3),), cost_to_date_usd=0.0))
    rows = {row.unit.days: row for row in sizing.legs if row.leg == "L3a"}
    assert rows[104.0].change == 0
    assert rows[114.0].target > 0
    assert 5 <= rows[104.0].target + rows[114.0].target <= 7


def test_only_what_gains_is_bought() -> None:
    useless = replace(L3B, calls=tuple(replace(call, ask=9.0) for call in L3B.calls))
    sizing = size(replace(VECTOR_A, candidates=(L1, L3A, useless)))
    assert "L3b" not in sizing.contracts
    assert sizing.gain_design >= sizing.target_gain or cuts(sizing)


def test_a_missing_share_stays_unhedged() -> None:
    candidates = tuple(unit for unit in UNITS if unit.leg != "L2")
    sizing = size(replace(VECTOR_B, candidates=candidates, refused=(("L2", "no_quote"),)))
    assert sizing.residual_unhedged == pytest.approx(0.20 * sizing.target_gain)
    assert cuts(sizing)["LIQ"] == pytest.approx(sizing.residual_unhedged)


def test_premium_at_risk_is_limited_by_the_credit() -> None:
    parameters = SizingParameters(premium_max=0.5)
    sizing = size(replace(VECTOR_A, parameters=parameters))
    assert sizing.premium_at_risk + sizing.loss_at_stops <= 2020.0
    assert cuts(sizing)["PREMIUM"] > 0.0


def test_the_book_is_never_taken_below_zero_delta() -> None:
    few = replace(SMALL_CAPS, exposure=60_000.0)
    sizing = size(replace(VECTOR_A, small_caps=few))
    assert sizing.deltas.book >= 0.0
    assert cuts(sizing)["BOOK_DELTA"] > 0.0
    assert size(replace(VECTOR_A, small_caps=None)).contracts == {"L1": 6, "L3a": 6, "L3b": 3}


def test_sleeve_band_is_reported_and_cuts_nothing() -> None:
    sizing = size(replace(VECTOR_A, parameters=SizingParameters(sleeve_max_share=0.05)))
    assert sizing.contracts == {"L1": 6, "L3a": 6, "L3b": 3}
    assert cuts(sizing)["SLEEVE_DELTA"] == pytest.approx(822.57 - 798.0, abs=1e-2)


def test_the_ceiling_of_initial_stops_the_rounding() -> None:
    base = size(VECTOR_A)
    target = replace(VECTOR_A.target, phi=0.52, ceiling=0.5201)
    sizing = size(replace(VECTOR_A, target=target))
    assert sizing.offset_design is not None
    assert sizing.offset_design <= 0.5201
    assert "CEILING" in cuts(sizing)
    assert base.offset_design is not None
    assert base.offset_design <= 0.60


def high_vix(vx1: float, vix: float) -> SizingInputs:
    curve = VixCurve(vix=vix, days=CURVE.days, prices=(vx1, *(vx1 - step for step in range(1, 7))))
    return replace(VECTOR_B, market=replace(MARKET, curve=curve), small_caps=None)


@pytest.mark.parametrize("quantity", [1, 3, 9, 40])
@pytest.mark.parametrize("phase", [Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED])
def test_high_vix_guard_halves_outright_calls(phase: Phase, quantity: int) -> None:
    condors = (replace(CONDOR, quantity=quantity),)
    inputs = replace(high_vix(31.0, 36.0), condors=condors, target=target_of(phase))
    guarded = size(inputs)
    assert cuts(guarded)["HIGH_VIX_GUARD"] > 0.0
    kept = size(replace(inputs, held=held_after(guarded)))
    assert kept.is_hold


def test_high_vix_guard_sells_nothing_that_is_held() -> None:
    inputs = replace(high_vix(31.0, 36.0), condors=(replace(CONDOR, quantity=40),))
    half = size(inputs).contracts["L3a"]
    more = size(replace(inputs, held=(HedgeLeg(unit=L3A, quantity=half + 1),)))
    assert [row.change for row in more.legs if row.leg == "L3a"] == [0]


def test_no_outright_calls_above_fifty() -> None:
    sizing = size(high_vix(51.0, 60.0))
    assert set(sizing.contracts) <= {"L1", "L2"}
    outright = replace(L1, calls=(L1.calls[0],))
    inputs = high_vix(31.0, 36.0)
    candidates = (outright, *(unit for unit in UNITS if unit.leg != "L1"))
    assert "L1" not in size(replace(inputs, candidates=candidates)).contracts


def test_carry_guard_buys_no_calendar_but_keeps_one() -> None:
    inputs = replace(VECTOR_B, daily_roll=0.11)
    assert "L2" not in size(inputs).contracts
    assert cuts(size(inputs))["CARRY_GUARD"] > 0.0
    assert size(replace(inputs, held=(HedgeLeg(unit=L2, quantity=2),))).contracts["L2"] == 2
    assert size(replace(inputs, vix_momentum=True)).contracts["L2"] == 4
    assert size(replace(VECTOR_B, daily_roll=0.10)).contracts["L2"] == 4


def test_a_low_vix_is_noted() -> None:
    curve = VixCurve(vix=13.0, days=CURVE.days, prices=(15.0, 15.4, 15.8, 16.1, 16.4, 16.7, 17.0))
    assert size(replace(VECTOR_A, market=replace(MARKET, curve=curve))).notes == ("vxth_weight=0",)
    assert size(VECTOR_A).notes == ()


def test_financing_counts_up_to_half_of_the_gross_cost() -> None:
    spread = FinancingSpread(short_call=6300.0, long_call=6350.0, quantity=4, credit=10.0, days=35)
    plain, financed = size(VECTOR_B), size(replace(VECTOR_B, financing=(spread,), small_caps=None))
    assert financed.gains[6] > plain.gains[6]
    assert financed.cost <= financed.cap
    gross = sum(row.cost * row.target for row in financed.legs)
    assert financed.cost == pytest.approx(gross - min(4000.0, 0.5 * gross))


def test_inverted_curve_of_methodology_4_10() -> None:
    curve = VixCurve(vix=35.0, days=(30.0, 58.0, 114.0), prices=(31.0, 29.0, 28.0))
    for inputs in (VECTOR_A, VECTOR_B):
        sizing = size(replace(inputs, market=replace(MARKET, curve=curve), small_caps=None))
        assert all(row.target >= 0 for row in sizing.legs)
        assert all(row.gain_design > 0.0 for row in sizing.legs if row.target)
        assert sizing.cost <= sizing.cap


def test_daily_programs_look_a_month_ahead() -> None:
    daily = replace(CONDOR, days=1, credit=1.0)
    sizing = size(replace(VECTOR_A, condors=(daily,), trailing_credit_usd=3000.0))
    assert (sizing.horizon, sizing.credit) == (30.0, 3000.0)
    aged = size(replace(VECTOR_A, condors=(replace(CONDOR, days=5, days_at_entry=35),)))
    assert (aged.horizon, aged.credit) == (5.0, 4040.0)


def test_nothing_held_and_nothing_to_lose() -> None:
    sizing = size(replace(VECTOR_A, condors=(), small_caps=None))
    assert sizing.contracts == {}
    assert sizing.is_hold
    assert sizing.offset_design is None
    assert not sizing.infeasible_floor


def test_a_condor_that_gains_in_the_shock_needs_no_hedge() -> None:
    above = replace(CONDOR, long_put=5000.0, short_put=5050.0, short_call=5900.0, long_call=5950.0)
    sizing = size(replace(VECTOR_A, condors=(above,)))
    assert sizing.loss_design < 0.0
    assert sizing.contracts == {}


def test_second_engine_compares_the_expected_net_return_with_the_hurdle() -> None:
    assert size(VECTOR_A).second_engine is None
    assert size(replace(VECTOR_A, rv20=0.12)).second_engine is True
    assert size(replace(VECTOR_A, rv20=0.02)).second_engine is False
    neutral = size(VECTOR_A).expected_neutral
    assert neutral is not None
    assert neutral.pnl_usd < 0.0


def test_risk_of_vector_a() -> None:
    sizing = size(VECTOR_A)
    assert sizing.worst_case_hedge == pytest.approx(3180.0 + 21.0)
    assert sizing.book_max_loss == pytest.approx(4 * 3990.0 + 3201.0)
    assert sizing.up_test == pytest.approx(-2511.0, abs=0.51)
    assert sizing.up_test_passed
    assert sizing.margin_options == pytest.approx(20_000.0)
    assert sizing.vega_usd == pytest.approx(sum(dollars for _, dollars in sizing.vega_by_expiry))
    assert [days for days, _ in sizing.vega_by_expiry] == [30.0, 114.0, 212.0]
    shocks = 6 * 96.2757, 6 * 59.1384, 3 * 41.6903
    assert sizing.tenor_centroid == pytest.approx(
        (shocks[0] * 30 + shocks[1] * 114 + shocks[2] * 212) / sum(shocks), rel=1e-5
    )


def test_two_candidates_for_one_leg_are_refused() -> None:
    with pytest.raises(ValueError, match="one candidate"):
        size(replace(VECTOR_A, candidates=(*UNITS, L2)))


def test_baseline_of_methodology_4_2() -> None:
    line = size(VECTOR_A).baseline
    assert line is not None
    assert line.spx_notional == pytest.approx(123_219.55, abs=5.1e-3)
    assert (line.spx, line.xsp, line.mes) == pytest.approx((0.2054, 2.054, 4.107), abs=5.1e-4)
    assert line.vx1_response == pytest.approx(0.3367, abs=5.1e-5)
    assert (line.vx_full, line.vx_m) == pytest.approx((3.6594, 2.1956), abs=5.1e-5)
    confirmed = size(VECTOR_B).baseline
    assert confirmed is not None
    assert (confirmed.vx_m, confirmed.vxm_m) == pytest.approx((3.1105, 31.105), abs=5.1e-4)
