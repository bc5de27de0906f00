"""Chains in which options, futures and ETPs fail the gate at random: what is chosen passed it, and limits hold."""

from dataclasses import replace
from datetime import date, timedelta
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.hedge.book import HedgeLeg
from alvh.core.hedge.chain import ChainTerms, Row, build_chain
from alvh.core.hedge.contracts import Contract, EtpQuote, LegChoice, SelectionMarket, SelectionRules
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.model_chain import CurveNode
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.pricing import black76
from alvh.core.hedge.selection import choose_legs
from alvh.core.hedge.sizing import SizingInputs, size
from alvh.core.hedge.surface import spx_model_smile
from core.hedge.worked_example import MARKET, VECTOR_A, held_after, target_of

SESSION = date(2026, 5, 18)
DAYS = (30, 65, 93, 121, 156, 184, 212)
HALF_WIDTHS = st.sampled_from([0.02, 0.05, 0.4])
"""Of an option: through the gate by its ticks, just through it, and never."""


def half_of(width: str) -> float:
    return {"vxm": 0.02, "vx": 0.04, "none": 0.08}[width]


@st.composite
def markets(draw: st.DrawFn) -> tuple[SelectionMarket, VixCurve]:
    """A market of quotes of which any may be too wide, missing or stale."""
    vix = draw(st.floats(10.0, 60.0))
    shape = [1.0 + step * draw(st.floats(-0.06, 0.06)) for step in range(1, 8)]
    levels = [round(vix * each, 2) for each in shape]
    expiries = [SESSION + timedelta(days=days) for days in DAYS]
    rows: list[Row] = []
    for days, expiry, level in zip(DAYS, expiries, levels, strict=True):
        half = draw(HALF_WIDTHS)
        for strike in sorted({max(1.0, round(level * (0.6 + 0.06 * at))) for at in range(40)}):
            mid = float(black76(level, strike, days / 365, 0.88, 0.042, True))
            if mid > 2 * half:
                rows.append((expiry, "C", strike, mid - half, mid + half, 0.88, "VIX"))
    nodes = []
    for expiry, level in zip(expiries, levels, strict=True):
        half = half_of(draw(st.sampled_from(["vxm", "vx", "none"])))
        quoted = draw(st.booleans())
        nodes.append(
            CurveNode(
                expiry=expiry, settle=level, bid=level - half if quoted else None, ask=level + half if quoted else None
            )
        )
    etps = [
        EtpQuote(symbol=symbol, bid=price - half, ask=price + half, age_s=draw(st.sampled_from([0.0, 61.0])))
        for symbol, price in (("VIXY", 40.0), ("VXX", 50.0))
        if draw(st.booleans())
        for half in (draw(st.sampled_from([0.02, 3.0])),)
    ]
    futures = {node.expiry: node.settle for node in nodes}
    chain = build_chain("VIX", rows, ChainTerms(session=SESSION, spot=vix, futures=futures))
    market = SelectionMarket(
        session=SESSION, vix=chain, pricing="quotes", futures=nodes, etps=etps,
        quote_age_s=draw(st.sampled_from([0.0, 0.0, 61.0])), futures_age_s=draw(st.sampled_from([0.0, 0.0, 61.0])),
    )  # fmt: skip
    return market, VixCurve(vix=vix, days=tuple(map(float, DAYS)), prices=tuple(levels))


def is_through(part: Contract, market: SelectionMarket) -> bool:
    """S34 said once more: width by kind, age by what is quoted."""
    if part.bid is None or part.ask is None or not 0.0 < part.bid <= part.ask:
        return False
    width, middle = part.ask - part.bid, (part.ask + part.bid) / 2
    if part.strike is not None:
        return (market.quote_age_s or 0.0) <= 60.0 and (width <= 0.10 + 1e-9 or width <= 0.10 * middle + 1e-9)
    if part.expiry is not None:
        widest = {"VX": 0.10, "VXM": 0.05}[part.trading_class]
        return (market.futures_age_s or 0.0) <= 60.0 and width <= widest + 1e-9
    age = next(etp.age_s for etp in market.etps if etp.symbol == part.symbol)
    return (age or 0.0) <= 60.0 and width <= 0.10 * middle + 1e-9


def order_of(choice: LegChoice) -> int:
    """Where L-F puts a choice: options, then futures, then shares, then nothing."""
    return {"future": 1, "etp": 2, "skip": 3}.get(choice.fallback or "", 0)


def inputs_of(market: SelectionMarket, curve: VixCurve, phase: Phase) -> tuple[SizingInputs, dict[str, LegChoice]]:
    choices = choose_legs(market, SelectionRules())
    units = [unit for choice in choices.values() if (unit := choice.unit()) is not None]
    refused = tuple((leg, choice.reason) for leg, choice in choices.items() if not choice.passed)
    inputs = replace(
        VECTOR_A, market=replace(MARKET, curve=curve, spx_smile=spx_model_smile(curve.vix)), candidates=tuple(units),
        target=target_of(phase), refused=refused,
    )  # fmt: skip
    return inputs, choices


@settings(max_examples=50, deadline=None)
@given(markets(), st.sampled_from([Phase.STANDBY, Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED]))
def test_what_is_chosen_passed_the_gate_and_every_limit_of_a_sizing_holds(
    made: tuple[SelectionMarket, VixCurve], phase: Phase
) -> None:
    market, curve = made
    inputs, choices = inputs_of(market, curve, phase)
    for choice in choices.values():
        if choice.leg == "L2":
            continue
        assert sum(part.ratio for part in choice.contracts) >= 0
        if len(choice.contracts) == 1:
            assert is_through(choice.contracts[0], market)
        assert choice.passed == bool(choice.contracts)
        assert isfinite(choice.per_unit)
        assert choice.per_unit > 0.0
        # What stands behind it in L-F is taken only where all before it were tried and refused.
        kinds = [name.split(":")[0] for name in choice.rejected]
        if order_of(choice) >= 2:
            futures = [kind for kind in kinds if kind.startswith("VX") and not kind.startswith("VXX")]
            assert len(futures) == 2, "VXM, then VX"
        if order_of(choice) == 3:
            assert choice.rejected[-1] == "VXX call spread: no chain of VXX"
    sizing = size(inputs)
    tolerance = 1e-9 * (1.0 + sizing.credit)
    assert sizing.cost <= sizing.cap + tolerance
    assert sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit + tolerance
    assert all(row.target >= 0 and row.target == int(row.target) for row in sizing.legs)
    assert all(row.gain_design > 0.0 for row in sizing.legs if row.target)
    assert {row.leg for row in sizing.legs if row.target} <= {leg for leg, choice in choices.items() if choice.passed}
    touch = sum(row.target * row.gain_design for row in sizing.legs)
    assert touch <= max(sizing.ceiling * sizing.protected_loss_design, 0.0) + tolerance
    again = size(replace(inputs, held=held_after(sizing)))
    assert again.is_hold
    nothing = size(replace(inputs, candidates=()))
    if nothing.target_gain > 0.0:
        assert nothing.residual_unhedged == pytest.approx(nothing.target_gain)


@settings(max_examples=25, deadline=None)
@given(markets(), st.lists(st.integers(0, 6), min_size=5, max_size=5), st.booleans())
def test_lots_of_another_kind_that_are_held_are_counted_and_break_no_limit(
    made: tuple[SelectionMarket, VixCurve], counts: list[int], tradable: bool
) -> None:
    market, curve = made
    inputs, _ = inputs_of(market, curve, Phase.INITIAL)
    # The worked example's own options are held, whatever today's candidates are made of.
    held = tuple(
        HedgeLeg(unit=unit, quantity=count, is_tradable=tradable)
        for unit, count in zip(VECTOR_A.candidates, counts, strict=True) if count
    )  # fmt: skip
    sizing = size(replace(inputs, held=held, cost_to_date_usd=0.0))
    tolerance = 1e-9 * (1.0 + sizing.credit)
    assert all(row.target >= 0 for row in sizing.legs)
    bought = any(row.change > 0 for row in sizing.legs)
    assert not bought or sizing.cost <= sizing.cap + tolerance
    assert not bought or sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit + tolerance
    if not tradable:
        assert all(row.change == 0 for row in sizing.legs if row.held)
