"""IWM puts beside the ladder: every printed number of methodology 6.2, and that neither side is preferred."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.book import HedgeUnit, SmallCaps, VixFuture
from alvh.core.hedge.comparison import (
    GRID_RETURNS,
    Comparison,
    ComparisonInputs,
    compare,
    compare_both_betas,
    ladder_bundle,
)
from alvh.core.hedge.iwm_put import IwmPut, PutPricer, model_put
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.stress import StressCase
from core.hedge.worked_example import L1, L3A, L3B, MARKET, SMALL_CAPS, UNITS

LADDER = {"L1": 4.0, "L3a": 4.0, "L3b": 2.0}
SHARES = SmallCaps(exposure=448 * 223.20, beta_star=SMALL_CAPS.beta_star, beta_stress=1.62)
WORKED = ComparisonInputs(
    market=MARKET,
    small_caps=SHARES,
    put=IwmPut(strike=212.0, days=35, bid=2.50, ask=2.60),
    units=(L1, L3A, L3B),
    weights=(4.0, 4.0, 2.0),
    horizon=35.0,
    design=6.0,
    parameters=ScenarioParameters(),
)

# Puts(4)/ladder(0.987) at 14 days by spot and VIX 0, +3, +6, +10, +20.
GRID = {
    -0.15: [(7701, -519), (7724, 18), (7775, 615), (7891, 1418), (8366, 3101)],
    -0.10: [(3509, -519), (3712, 18), (3942, 615), (4273, 1418), (5151, 3101)],
    -0.07: [(1589, -519), (1908, 18), (2225, 615), (2642, 1418), (3661, 3101)],
    -0.05: [(688, -519), (1029, 18), (1363, 615), (1799, 1418), (2848, 3101)],
    -0.03: [(64, -519), (386, 18), (707, 615), (1131, 1418), (2166, 3101)],
    0.0: [(-491, -519), (-236, 18), (33, 615), (405, 1418), (1360, 3101)],
    0.03: [(-767, -519), (-586, 18), (-379, 615), (-75, 1418), (764, 3101)],
}


@pytest.fixture(scope="module")
def worked() -> Comparison:
    return compare(WORKED)


def test_the_worked_put_is_the_model_s_own(worked: Comparison) -> None:
    assert model_put(MARKET) == WORKED.put
    marks = worked.marks
    assert (marks.vol, marks.mid) == pytest.approx((0.2567, 2.5312), abs=5.1e-5)
    assert marks.american == pytest.approx(2.5465, abs=5.1e-5)
    assert marks.american / marks.mid - 1 == pytest.approx(0.006, abs=5e-4)
    assert (marks.delta, marks.vega, marks.theta) == pytest.approx((-0.2344, 0.2120, -0.0731), abs=5.1e-5)
    assert marks.gamma == pytest.approx(0.01729, abs=5.1e-6)
    assert marks.break_even == pytest.approx(209.40)
    assert marks.break_even_return == pytest.approx(-0.0618, abs=5.1e-5)


def test_design_scenario(worked: Comparison) -> None:
    assert worked.iwm_design == pytest.approx(208.9566, abs=5.1e-5)
    assert worked.design_loss == pytest.approx(6381.04, abs=5.1e-3)
    assert worked.puts.gain_design == pytest.approx(595.32, abs=5.1e-3)
    assert worked.puts.cost == pytest.approx(261.0)
    assert worked.puts.efficiency == pytest.approx(2.281, abs=5.1e-4)
    assert worked.bundle.gain_design == pytest.approx(705.04, abs=5.1e-3)
    assert worked.bundle.cost == pytest.approx(1057.39, abs=5.1e-3)
    assert worked.bundle.efficiency == pytest.approx(0.667, abs=5.1e-4)


def test_equal_cost_and_equal_offset(worked: Comparison) -> None:
    puts, bundle = worked.puts, worked.bundle
    assert (puts.equal_cost_units, puts.equal_cost_usd) == pytest.approx((4.0, 1044.0))
    assert bundle.equal_cost_units == pytest.approx(0.987, abs=5.1e-4)
    assert (puts.equal_cost_offset, bundle.equal_cost_offset) == pytest.approx((0.373, 0.109), abs=5.1e-4)
    assert (puts.equal_offset_units, bundle.equal_offset_units) == pytest.approx((5.36, 4.53), abs=5.1e-3)
    assert (puts.equal_offset_usd, bundle.equal_offset_usd) == pytest.approx((1398.78, 4785.01), abs=0.011)


def test_grid_at_fourteen_days(worked: Comparison) -> None:
    assert len(worked.grid) == 7 * 5 * 4
    for spot in GRID_RETURNS:
        found = [(cell.puts, cell.bundle) for cell in worked.grid if (cell.r_iwm, cell.day) == (spot, 14.0)]
        for (puts, ladder), (printed_puts, printed_ladder) in zip(found, GRID[spot], strict=True):
            assert puts == pytest.approx(printed_puts, abs=0.51)
            assert ladder == pytest.approx(printed_ladder, abs=0.51)


def test_carry_convexity_and_sensitivities(worked: Comparison) -> None:
    assert list(worked.puts.carry.values()) == pytest.approx([-264, -491, -731, -966, -1044], abs=0.51)
    assert list(worked.bundle.carry.values()) == pytest.approx([-325, -519, -745, -980, -1038], abs=0.51)
    assert worked.puts.convexity == pytest.approx((2.707, 2.716), abs=5.1e-4)
    assert worked.bundle.convexity == pytest.approx((2.225, 1.963), abs=5.1e-4)
    expected = {(0.43, 0.0): 0.109, (0.43, 1.5): 0.131, (0.55, 0.0): 0.153, (0.55, 1.5): 0.173}
    assert worked.sensitivities == pytest.approx(expected, abs=5.1e-4)


def test_both_betas_are_shown() -> None:
    stress, star = compare_both_betas(WORKED)
    assert (stress.ratio, star.ratio) == pytest.approx((3.4, 2.6), abs=0.051)
    assert star.design_loss < stress.design_loss


def test_each_hedges_what_the_other_does_not(worked: Comparison) -> None:
    assert worked.puts.dispersion_spot > worked.bundle.dispersion_spot == pytest.approx(0.0, abs=1e-9)
    assert worked.bundle.dispersion_vix > worked.puts.dispersion_vix


def test_both_bleed_when_nothing_falls(worked: Comparison) -> None:
    assert worked.puts.chop < 0.0
    assert worked.bundle.chop < 0.0


def test_half_spreads_and_widths(worked: Comparison) -> None:
    assert worked.puts.half_spread_usd == pytest.approx(4 * 5.0)
    assert worked.bundle.half_spread_usd == pytest.approx(worked.bundle.equal_cost_units * 0.5 * (80 + 40 + 20))
    assert worked.puts.relative_width == pytest.approx(0.10 / 2.55)


def test_relative_widths_are_those_of_the_quotes(worked: Comparison) -> None:
    spreads = 4 * 20.0 + 4 * 10.0 + 2 * 10.0
    mids = 4 * 140.0 + 4 * 230.0 + 2 * 285.0
    assert worked.bundle.relative_width == pytest.approx(spreads / mids)


def test_stress_cases_are_priced_at_their_own_returns() -> None:
    case = StressCase(name="crash", r_spx=-0.08, r_rut=-0.12, d_vix=15.0, days=5, sessions=4, start=None, end=None,
                      source="made up")  # fmt: skip
    found = compare(replace(WORKED, stress=(case,)))
    pricer = PutPricer(MARKET, WORKED.put, 0.85)
    assert found.puts.stress == pytest.approx({"crash": 4 * float(pricer.gains(-0.12, 15.0, 5.0))})
    assert found.bundle.stress["crash"] > 0.0


def test_verdict_is_written_from_the_numbers(worked: Comparison) -> None:
    assert worked.puts_win + worked.bundle_wins == 140
    assert f"IWM puts win in {worked.puts_win} of 140 cells" in worked.verdict
    assert "37.3%" in worked.verdict
    assert "10.9%" in worked.verdict
    dear = compare(replace(WORKED, put=IwmPut(strike=212.0, days=35, bid=11.0, ask=25.0)))
    assert f"the VIX hedge wins in {dear.bundle_wins} of 140 cells" in dear.verdict
    assert dear.bundle_wins > dear.puts_win


def test_a_put_longer_than_the_horizon_costs_what_it_loses() -> None:
    pricer = PutPricer(MARKET, replace(WORKED.put, days=90, bid=6.0, ask=6.2), 0.85)
    assert 22.0 <= pricer.cost(35.0) < 621.0
    assert PutPricer(MARKET, WORKED.put, 0.85).cost(35.0) == pytest.approx(261.0)


def test_a_quoted_volatility_moves_the_put_beside_the_smile() -> None:
    plain, quoted = (PutPricer(MARKET, replace(WORKED.put, vol=vol), 0.85).marks() for vol in (None, 0.30))
    assert quoted.vol == pytest.approx(0.30)
    assert quoted.mid > plain.mid


def test_without_a_small_cap_market_there_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="IWM"):
        compare(replace(WORKED, market=replace(MARKET, rvx=None)))
    with pytest.raises(ValueError, match="IWM"):
        model_put(replace(MARKET, iwm=None))


def test_ladder_bundle_takes_what_is_to_be_had() -> None:
    assert ladder_bundle(UNITS, LADDER) == ((L1, L3A, L3B), (4.0, 4.0, 2.0))
    assert ladder_bundle((L1,), LADDER) == ((L1,), (4.0,))


@given(st.floats(0.5, 1.5), st.floats(-0.4, 0.2), st.floats(-8.0, 40.0), st.floats(0.0, 40.0))
def test_a_put_never_loses_more_than_it_cost(strike: float, r_iwm: float, d_vix: float, day: float) -> None:
    put = IwmPut(strike=round(223.2 * strike), days=35, bid=2.0, ask=2.4)
    gain = float(PutPricer(MARKET, put, 0.85).gains(r_iwm, d_vix, day))
    assert -241.0 - 1e-9 <= gain <= 100 * put.strike


def test_whole_puts_are_counted_by_shares_whatever_a_price_rounds_to() -> None:
    # 4,200 shares at 151.11 are 41.99999999999999 times a hundred shares at that price.
    market = replace(MARKET, iwm=151.11)
    put = model_put(market)
    held = replace(SHARES, exposure=4200 * 151.11)
    found = compare(replace(WORKED, market=market, put=put, small_caps=held))
    assert found.puts.equal_cost_units == pytest.approx(42.0)


def test_a_bundle_of_what_stands_in_for_calls_is_compared_by_what_it_stands_for() -> None:
    future = HedgeUnit(
        leg="L1", futures=(VixFuture(days=30.0, price=18.60, ratio=1, bid=18.58, ask=18.62),), per_unit=0.4
    )
    units, weights = ladder_bundle((future, L3A, L3B), LADDER)
    assert weights == (1.6, 4.0, 2.0)
    found = compare(replace(WORKED, units=units, weights=weights))
    gain = 1.6 * (100 * (18.60 * (23.2 / 17.2) ** 0.43 - 18.60) - 5.0) + 4 * 59.137 + 2 * 41.689
    assert found.bundle.gain_design == pytest.approx(gain, abs=0.01)
    assert found.bundle.relative_width == pytest.approx((1.6 * 4 + 6 * 10) / (1.6 * 1860 + 4 * 230 + 2 * 285))
