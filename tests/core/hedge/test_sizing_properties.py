"""What must hold of any sizing: hard limits, whole contracts, monotony, scale, idempotence, any curve, any crisis."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.hedge.book import Condor, HedgeLeg, HedgeUnit, SmallCaps, VixCall, VixFuture
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.pricing import black76
from alvh.core.hedge.sizing import Sizing, SizingInputs, SizingParameters, size
from alvh.core.hedge.structural import STRUCTURAL
from alvh.core.hedge.surface import spx_model_smile, vix_model_surface
from core.hedge.worked_example import MARKET, VECTOR_A, held_after, target_of

PHASES = (Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED)
DAYS = (30.0, 58.0, 114.0, 212.0)


def model_call(curve: VixCurve, days: float, stretch: float, ratio: int = 1) -> VixCall:
    """A call near the future's level, quoted 0.05 to either side of its model mid."""
    forward = float(curve.level(days))
    strike = max(1.0, round(forward * stretch))
    vol = float(vix_model_surface(None).vol(days, strike, forward))
    mid = float(black76(forward, strike, days / 365.0, vol, 0.042, True))
    return VixCall(days=days, strike=strike, vol=vol, bid=max(0.0, mid - 0.05), ask=mid + 0.05, ratio=ratio)


def model_units(curve: VixCurve) -> tuple[HedgeUnit, ...]:
    front, back = (VixFuture(days=day, price=float(curve.level(day)), ratio=side) for day, side in ((30, 1), (58, -1)))
    return (
        HedgeUnit(leg="L1", calls=(model_call(curve, 30.0, 1.0), model_call(curve, 30.0, 1.55, -1))),
        HedgeUnit(leg="L1b", calls=(model_call(curve, 30.0, 1.55),)),
        HedgeUnit(leg="L2", futures=(front, back), slippage=0.02),
        HedgeUnit(leg="L3a", calls=(model_call(curve, 114.0, 1.08),)),
        HedgeUnit(leg="L3b", calls=(model_call(curve, 212.0, 1.08),)),
    )


@st.composite
def books(draw: st.DrawFn) -> SizingInputs:
    """Any market from calm to crisis, contango to inversion, with a condor, small caps, a phase and perhaps a hedge."""
    vix = draw(st.floats(9.0, 85.0))
    shape = draw(st.lists(st.floats(0.6, 1.35), min_size=4, max_size=4))
    curve = VixCurve(vix=vix, days=DAYS, prices=tuple(vix * each for each in shape))
    market = replace(MARKET, curve=curve, spx_smile=spx_model_smile(vix))
    short_put = draw(st.integers(1000, 1180)) * 5.0
    short_call = draw(st.integers(1220, 1400)) * 5.0
    width = draw(st.sampled_from([25.0, 50.0, 100.0]))
    condor = Condor(
        long_put=short_put - width,
        short_put=short_put,
        short_call=short_call,
        long_call=short_call + width,
        quantity=draw(st.integers(1, 60)),
        credit=draw(st.floats(0.02, 0.6)) * width,
        days=draw(st.integers(7, 60)),
    )
    small = SmallCaps(
        exposure=draw(st.floats(0.0, 3e6)), beta_star=draw(st.floats(0.8, 1.6)), beta_stress=draw(st.floats(0.8, 2.0))
    )
    units = model_units(curve)
    held = tuple(
        HedgeLeg(unit=unit, quantity=count)
        for unit, count in zip(units, draw(st.lists(st.integers(0, 20), min_size=5, max_size=5)), strict=True)
        if count
    )
    return SizingInputs(
        market=market,
        condors=(condor,),
        small_caps=small if draw(st.booleans()) else None,
        candidates=units,
        held=held if draw(st.booleans()) else (),
        target=target_of(draw(st.sampled_from(PHASES)), draw(st.floats(0.0, 0.2))),
        daily_roll=draw(st.one_of(st.none(), st.floats(-0.5, 0.5))),
        vix_momentum=draw(st.booleans()),
    )


def spent(sizing: Sizing) -> float:
    """Cost of the answer, added up leg by leg by another road than the solver's."""
    return sum(min(row.held, row.target) * row.cost_held + max(row.change, 0) * row.cost for row in sizing.legs)


@settings(max_examples=150, deadline=None)
@given(books())
def test_hard_limits_hold_for_any_book(inputs: SizingInputs) -> None:
    sizing = size(inputs)
    tolerance = 1e-9 * (1.0 + sizing.credit)
    assert sizing.cost == pytest.approx(spent(sizing))
    assert sizing.cost <= sizing.cap + tolerance
    assert sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit + tolerance
    assert all(row.target >= 0 and row.target == int(row.target) for row in sizing.legs)
    # Held L3 stays, even where it gains nothing or offsets more than INITIAL's band; nothing of it is bought for that.
    l3 = [row for row in sizing.legs if row.leg in STRUCTURAL]
    assert all(row.gain_design > 0.0 or row in l3 for row in sizing.legs if row.target)
    assert all(row.gain_design > 0.0 for row in sizing.legs if row.change > 0)
    assert all(row.cost >= 0.0 and row.cost_held >= 0.0 for row in sizing.legs)
    touch = sum(row.target * row.gain_design for row in sizing.legs)
    stays = sum(min(row.target, row.held) * max(row.gain_design, 0.0) for row in l3)
    assert stays <= 0.85 * max(sizing.protected_loss_design, 0.0) + tolerance
    assert touch <= max(sizing.ceiling * sizing.protected_loss_design, stays, 0.0) + tolerance
    if inputs.small_caps is not None and inputs.small_caps.exposure > 0.0 and sizing.contracts:
        assert sizing.deltas.book >= -tolerance
    assert all(binding.cut_usd >= 0.0 for binding in sizing.bindings)
    assert np.isfinite(list(sizing.gains.values())).all()


@settings(max_examples=60, deadline=None)
@given(books())
def test_sizing_twice_changes_nothing(inputs: SizingInputs) -> None:
    first = size(replace(inputs, held=()))
    second = size(replace(inputs, held=held_after(first)))
    assert second.contracts == first.contracts
    assert second.is_hold


@settings(max_examples=40, deadline=None)
@given(books(), st.floats(1.0, 3.0))
def test_more_credit_never_buys_less_of_a_mix(inputs: SizingInputs, factor: float) -> None:
    # Compared within one mix: a richer credit may need less tilt, and then holds other legs.
    parameters = SizingParameters(floor=1e-9)
    (condor,) = inputs.condors
    poor = size(replace(inputs, held=(), parameters=parameters))
    rich = size(
        replace(inputs, held=(), parameters=parameters, condors=(replace(condor, credit=condor.credit * factor),))
    )
    assert poor.tilt == rich.tilt
    for one, other in zip(poor.legs, rich.legs, strict=True):
        assert other.real >= one.real * (1.0 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(books(), st.integers(2, 50))
def test_feasibility_is_free_of_scale(inputs: SizingInputs, factor: int) -> None:
    (condor,) = inputs.condors
    one = size(replace(inputs, held=()))
    many = size(replace(inputs, held=(), condors=(replace(condor, quantity=condor.quantity * factor),)))
    assert many.feasibility == pytest.approx(one.feasibility)
    assert many.infeasible_floor == one.infeasible_floor


@settings(max_examples=40, deadline=None)
@given(books(), st.sets(st.sampled_from(["L1", "L1b", "L2", "L3a", "L3b"])))
def test_no_order_on_a_leg_that_failed_the_gate(inputs: SizingInputs, failed: set[str]) -> None:
    candidates = tuple(unit for unit in inputs.candidates if unit.leg not in failed)
    held = tuple(replace(lot, is_tradable=lot.unit.leg not in failed) for lot in inputs.held)
    refused = tuple((leg, "stale") for leg in sorted(failed))
    sizing = size(replace(inputs, candidates=candidates, held=held, refused=refused))
    assert all(row.change == 0 for row in sizing.legs if row.leg in failed)
    bought = any(row.change > 0 for row in sizing.legs)
    tolerance = 1e-9 * (1.0 + sizing.credit)
    assert not bought or sizing.cost <= sizing.cap + tolerance
    assert not bought or sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit + tolerance
    assert {binding.detail.split()[0] for binding in sizing.bindings if binding.constraint == "LIQ"} == failed


@settings(max_examples=30, deadline=None)
@given(books())
def test_same_inputs_same_answer(inputs: SizingInputs) -> None:
    assert size(inputs) == size(inputs)


def test_a_held_lot_of_other_terms_counts_and_nothing_breaks_the_cap() -> None:
    aged = model_units(VixCurve(vix=20.0, days=DAYS, prices=(21.0, 21.5, 22.0, 22.5)))
    for count in range(0, 30, 3):
        held = tuple(HedgeLeg(unit=unit, quantity=count) for unit in aged)
        sizing = size(replace(VECTOR_A, held=held, cost_to_date_usd=400.0))
        assert spent(sizing) <= sizing.cap + 1e-9
        assert all(row.target >= 0 for row in sizing.legs)
