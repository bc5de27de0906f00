"""Choosing the legs: windows, monthlies first, strikes, the fallbacks of L-F in order, the model without a chain."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.chain import ChainTerms, Row, build_chain
from alvh.core.hedge.contracts import EtpQuote, SelectionMarket, SelectionRules
from alvh.core.hedge.futures_selection import etp_shares, monthlies
from alvh.core.hedge.model_chain import CurveNode, model_vix_chain
from alvh.core.hedge.pricing import black76
from alvh.core.hedge.selection import choose_leg, choose_legs
from alvh.core.hedge.settlement import Settlement
from alvh.core.hedge.surface import VixSurface
from alvh.errors import InputError
from core.hedge.test_chain import needs_chains, real_rows

SESSION = date(2026, 5, 18)
MONTHLIES = [date(2026, 6, 17), date(2026, 7, 22), date(2026, 8, 19), date(2026, 9, 16), date(2026, 10, 21),
             date(2026, 11, 18), date(2026, 12, 16)]  # fmt: skip
FORWARDS = dict(zip(MONTHLIES, (18.60, 19.40, 19.90, 20.30, 20.70, 20.95, 21.20), strict=True))
WEEKLY = date(2026, 6, 24)
RULES = SelectionRules()


def quotes(expiry: date, half: float = 0.05, forward: float | None = None, root: str = "VIX") -> list[Row]:
    days = (expiry - SESSION).days
    rows: list[Row] = []
    for strike in [float(k) for k in range(10, 61)]:
        at = forward or FORWARDS[expiry]
        mid = float(black76(at, strike, days / 365, 0.88, 0.042, True))
        rows.append((expiry, "C", strike, round(mid - half, 4), round(mid + half, 4), 0.88, root))
    return rows


def market(*groups: list[Row], nodes: bool = True, etps: Sequence[EtpQuote] = (), **changes: object) -> SelectionMarket:
    futures = {**FORWARDS, WEEKLY: 18.8}
    chain = build_chain(
        "VIX", [row for group in groups for row in group], ChainTerms(session=SESSION, spot=17.2, futures=futures)
    )
    curve = [CurveNode(expiry=e, settle=f, bid=f - 0.02, ask=f + 0.02) for e, f in FORWARDS.items()] if nodes else []
    made = SelectionMarket(session=SESSION, vix=chain, pricing="quotes", futures=curve, etps=etps)
    return replace(made, **changes)  # type: ignore[arg-type]  # a few fields of many types


def all_quotes() -> SelectionMarket:
    return market(*(quotes(expiry) for expiry in MONTHLIES))


def test_first_choices_of_a_liquid_market() -> None:
    legs = choose_legs(all_quotes(), RULES)
    assert [leg.fallback for leg in legs.values()] == [None] * 5
    assert all(leg.passed and leg.executable for leg in legs.values())
    l1 = legs["L1"]
    assert [(part.strike, part.ratio) for part in l1.contracts] == [(19.0, 1), (29.0, -1)]
    assert l1.contracts[0].symbol == "VIX   260617C00019000"
    assert l1.contracts[0].settlement is Settlement.VRO
    assert l1.contracts[0].last_trade_date == date(2026, 6, 16)
    assert l1.ask == pytest.approx((l1.contracts[0].ask or 0) - (l1.contracts[1].bid or 0))
    assert l1.bid == pytest.approx((l1.contracts[0].bid or 0) - (l1.contracts[1].ask or 0))
    assert [part.strike for part in legs["L1b"].contracts] == [29.0]
    assert [part.symbol for part in legs["L2"].contracts] == ["VXMM26", "VXMN26"]
    assert [part.expiry for part in legs["L3a"].contracts] == [date(2026, 9, 16)]
    assert [part.expiry for part in legs["L3b"].contracts] == [date(2026, 12, 16)]
    for name in ("L3a", "L3b"):
        assert legs[name].contracts[0].delta == pytest.approx(0.5, abs=0.03)


def test_units_for_sizing() -> None:
    legs = choose_legs(all_quotes(), RULES)
    unit = legs["L1"].unit()
    assert unit is not None
    assert [(call.strike, call.ratio, call.vol, call.days) for call in unit.calls] == [
        (19.0, 1, 0.88, 30), (29.0, -1, 0.88, 30),
    ]  # fmt: skip
    calendar = legs["L2"].unit()
    assert calendar is not None
    assert (calendar.multiplier, calendar.slippage) == (100.0, None)
    assert [(future.price, future.ratio) for future in calendar.futures] == [(18.60, 1), (19.40, -1)]


def test_monthly_before_a_nearer_weekly_and_the_weekly_when_alone() -> None:
    both = choose_leg("L1", market(quotes(MONTHLIES[0]), quotes(WEEKLY, forward=18.8, root="VIXW")), RULES)
    assert both.contracts[0].expiry == MONTHLIES[0]
    alone = choose_leg("L1", market(quotes(WEEKLY, forward=18.8, root="VIXW")), RULES)
    assert (alone.contracts[0].trading_class, alone.fallback) == ("VIXW", None)
    wide = choose_leg("L1", market(quotes(WEEKLY, half=0.4, forward=18.8, root="VIXW"), nodes=False), RULES)
    assert wide.fallback == "skip"


def wide_short_leg(expiry: date) -> list[Row]:
    return [
        (e, right, strike, bid - 0.2 if strike > 21 else bid, ask + 0.4 if strike > 21 else ask, iv, root)
        for e, right, strike, bid, ask, iv, root in quotes(expiry)
        if bid > 0.21
    ]


def test_fallback_one_is_the_outright_call() -> None:
    choice = choose_leg("L1", market(wide_short_leg(MONTHLIES[0])), RULES)
    assert choice.fallback == "outright_call"
    assert [part.strike for part in choice.contracts] == [19.0]
    assert len(choice.rejected) == 1
    assert choice.rejected[0].endswith("wide")
    guarded = choose_leg("L1", market(wide_short_leg(MONTHLIES[0]), outright_l1=False, nodes=False), RULES)
    assert guarded.fallback == "skip"


def test_fallback_two_is_the_next_expiry() -> None:
    choice = choose_leg("L1", market(quotes(MONTHLIES[0], half=0.4), quotes(MONTHLIES[1])), RULES)
    assert (choice.fallback, choice.contracts[0].expiry) == ("next_expiry", MONTHLIES[1])
    only_later = choose_leg("L1", market(quotes(MONTHLIES[1])), RULES)
    assert only_later.fallback == "next_expiry"


def test_a_fallback_expiry_is_not_one_that_would_be_rolled_at_once() -> None:
    assert choose_leg("L3a", market(quotes(MONTHLIES[0]), nodes=False), RULES).fallback == "skip"
    assert choose_leg("L3b", market(quotes(MONTHLIES[3]), nodes=False), RULES).fallback == "skip"


def test_fallback_three_is_a_future_with_the_same_delta() -> None:
    choice = choose_leg("L3a", market(quotes(MONTHLIES[3], half=0.4)), RULES)
    assert (choice.fallback, choice.contracts[0].symbol) == ("future", "VXMU26")
    assert choice.per_unit == pytest.approx(0.5, abs=0.03)
    unit = choice.unit(1.5)
    assert unit is not None
    assert [(part.symbol, part.days, part.price, part.bid, part.ask) for part in unit.futures] == [
        ("VXMU26", 121, 20.30, pytest.approx(20.28), pytest.approx(20.32))
    ]
    assert (unit.multiplier, unit.fee_usd, unit.per_unit) == (100.0, 1.5, choice.per_unit)


def test_a_future_is_vx_where_vxm_is_too_wide_and_later_where_none_is_near() -> None:
    wide = [CurveNode(expiry=e, settle=f, bid=f - 0.05, ask=f + 0.05) for e, f in FORWARDS.items()]
    choice = choose_leg("L1", replace(market(quotes(MONTHLIES[0], half=0.4)), futures=wide), RULES)
    assert (choice.fallback, choice.contracts[0].symbol) == ("future", "VXM26")
    assert choice.rejected[-1] == "VXMM26: wide"
    # The delta of what failed: a call spread's, in VX contracts of ten times the size.
    spread = 0.5149 - 0.1104
    assert choice.per_unit == pytest.approx(0.1 * spread, abs=0.01)
    late = [node for node in all_quotes().futures if node.expiry > MONTHLIES[1]]
    later = choose_leg("L1", replace(market(quotes(MONTHLIES[0], half=0.4)), futures=late), RULES)
    assert later.contracts[0].symbol == "VXMQ26", "93 days are still below the hundred of L3a"
    near = choose_leg("L3b", replace(market(quotes(MONTHLIES[6], half=0.4)), futures=late[:2]), RULES)
    assert near.fallback == "skip"
    assert {"VXM: no_expiry", "VX: no_expiry"} <= set(near.rejected)


def test_where_vxm_is_quoted_apart_vx_does_not_stand_for_it() -> None:
    base = market(quotes(MONTHLIES[0], half=0.4))
    own = [CurveNode(expiry=MONTHLIES[0], settle=18.61, bid=18.60, ask=18.63)]
    choice = choose_leg("L1", replace(base, minis=own), RULES)
    assert (choice.contracts[0].symbol, choice.contracts[0].bid, choice.contracts[0].ask) == ("VXMM26", 18.60, 18.63)
    for minis, age, said in ((own, 61.0, "VXMM26: stale"), ([], 0.0, "VXMM26: no_quote")):
        other = choose_leg("L1", replace(base, minis=minis, minis_age_s=age), RULES)
        assert other.contracts[0].symbol == "VXM26"
        assert said in other.rejected
    calendar = choose_leg("L2", replace(base, minis=own), RULES)
    assert [part.symbol for part in calendar.contracts] == ["VXM26", "VXN26"], "VXM has no second month here"


def test_fallback_four_is_an_etp_and_five_a_residual() -> None:
    etp = EtpQuote(symbol="VIXY", bid=40.0, ask=40.1)
    choice = choose_leg("L3a", market(quotes(MONTHLIES[3], half=0.4), nodes=False, etps=[etp]), RULES)
    assert choice.fallback == "skip", "without a curve the dollars per per cent of the future are not known"
    unquoted = [CurveNode(expiry=e, settle=f) for e, f in FORWARDS.items()]
    base = market(quotes(MONTHLIES[3], half=0.4), etps=[etp])
    choice = choose_leg("L3a", replace(base, futures=unquoted), RULES)
    assert (choice.fallback, choice.contracts[0].symbol) == ("etp", "VIXY")
    unit = choice.unit(0.005)
    assert unit is not None
    assert [(part.symbol, part.bid, part.ask) for part in unit.shares] == [("VIXY", 40.0, 40.1)]
    assert (unit.multiplier, unit.fee_usd, unit.per_unit) == (1.0, 0.005, choice.per_unit)
    assert choice.rejected[-2:] == ("VXMU26: no_quote", "VXU26: no_quote")
    note = EtpQuote(symbol="VXX", bid=50.0, ask=50.1)
    worst = EtpQuote(symbol="VIXY", bid=36.0, ask=40.1)
    second = choose_leg("L3a", replace(base, futures=unquoted, etps=[note, worst]), RULES)
    assert second.contracts[0].symbol == "VXX"
    assert second.rejected[-1] == "VIXY: wide", "10.8 % of the middle"
    skipped = choose_leg("L3a", replace(base, futures=unquoted, etps=()), RULES)
    assert (skipped.fallback, skipped.residual_unhedged, skipped.reason) == ("skip", True, "wide")
    assert skipped.rejected[-3:] == ("VIXY: no_quote", "VXX: no_quote", "VXX call spread: no chain of VXX")
    assert skipped.unit() is None


def test_shares_of_an_etp_move_like_the_option_they_replace() -> None:
    etp = EtpQuote(symbol="VIXY", bid=39.9, ask=40.1, beta=0.9)
    shares = etp_shares(0.5, 20.0, etp)
    assert shares * 40.0 * 0.9 * 0.01 == pytest.approx(0.5 * 100 * 20.0 * 0.01)
    # An option of 120 days answers to a per cent of the 30-day future by half a per cent: sqrt(30/120) (4.3).
    assert etp_shares(0.5, 20.0, etp, days=120.0) == pytest.approx(0.5 * shares)


def test_stale_quotes_leave_nothing() -> None:
    stale = replace(all_quotes(), quote_age_s=61.0, futures_age_s=61.0)
    for choice in choose_legs(stale, RULES).values():
        assert (choice.passed, choice.executable, choice.residual_unhedged) == (False, False, True)
        assert choice.reason == "stale"
    fresh_futures = replace(all_quotes(), quote_age_s=61.0)
    assert {leg: choice.fallback for leg, choice in choose_legs(fresh_futures, RULES).items()} == {
        "L1": "future", "L1b": "future", "L2": None, "L3a": "future", "L3b": "future",
    }  # fmt: skip


def test_weeklies_are_no_months_and_a_future_that_stands_alone_is_one() -> None:
    weeks = [CurveNode(expiry=MONTHLIES[0] + timedelta(days=7 * week), settle=18.0 + week) for week in range(6)]
    assert [node.expiry for node in monthlies(weeks)] == MONTHLIES[:2]
    odd = [CurveNode(expiry=SESSION + timedelta(days=days), settle=20.0) for days in (27, 55, 83)]
    assert monthlies(odd) == odd


def test_calendar_in_vx_when_vxm_is_too_wide_and_later_when_both_are() -> None:
    curve = [CurveNode(expiry=e, settle=f, bid=f - 0.04, ask=f + 0.04) for e, f in FORWARDS.items()]
    choice = choose_leg("L2", replace(all_quotes(), futures=curve), RULES)
    assert (choice.fallback, [part.symbol for part in choice.contracts]) == ("future", ["VXM26", "VXN26"])
    assert choice.per_unit == pytest.approx(0.1)
    wide = [CurveNode(expiry=e, settle=f, bid=f - 0.1, ask=f + 0.1) for e, f in FORWARDS.items()]
    assert choose_leg("L2", replace(all_quotes(), futures=wide), RULES).fallback == "skip"
    first_wide = [
        replace(curve[0], bid=18.0, ask=19.2),
        *(replace(n, bid=n.settle - 0.02, ask=n.settle + 0.02) for n in curve[1:]),
    ]
    later = choose_leg("L2", replace(all_quotes(), futures=first_wide), RULES)
    assert (later.fallback, later.contracts[0].symbol) == ("next_expiry", "VXMN26")


def test_the_front_of_a_calendar_has_fourteen_days() -> None:
    near = replace(all_quotes(), session=date(2026, 6, 3))
    assert choose_leg("L2", near, RULES).contracts[0].expiry == MONTHLIES[0]
    later = choose_leg("L2", replace(near, session=date(2026, 6, 4)), RULES)
    assert (later.contracts[0].expiry, later.fallback) == (MONTHLIES[1], "next_expiry")


def test_without_a_chain_the_model_values_and_nothing_is_executable() -> None:
    nodes = [CurveNode(expiry=e, settle=f) for e, f in FORWARDS.items()]
    chain = model_vix_chain(nodes, VixSurface(decay=0.0, upside=0.0), ChainTerms.of(SESSION, 17.2))
    legs = choose_legs(SelectionMarket(session=SESSION, vix=chain, pricing="model", futures=nodes), RULES)
    assert [(leg.pricing, leg.executable, leg.fallback) for leg in legs.values()] == [("model", False, None)] * 5
    long, short = legs["L1"].contracts
    assert (long.strike, round(long.mid, 4)) == (19.0, 1.688)
    assert (long.bid, long.ask) == pytest.approx((1.65, 1.75))
    assert short.strike == 29.0
    calendar = legs["L2"].unit()
    assert calendar is not None
    assert calendar.slippage == 0.02
    assert legs["L3b"].unit() is not None


def test_an_empty_curve_leaves_everything_unhedged() -> None:
    chain = model_vix_chain([], VixSurface(), ChainTerms.of(SESSION, 17.2))
    legs = choose_legs(SelectionMarket(session=SESSION, vix=chain, pricing="model"), RULES)
    assert {leg.reason for leg in legs.values()} == {"no_expiry"}
    assert all(leg.residual_unhedged for leg in legs.values())


@needs_chains
def test_real_vix_chain_of_2013() -> None:
    session = date(2013, 6, 25)
    chain = build_chain("VIX", real_rows("chain_VIX_2013-06-25.csv"), ChainTerms.of(session, 18.47))
    legs = choose_legs(SelectionMarket(session=session, vix=chain, pricing="quotes"), RULES)
    l1 = legs["L1"]
    assert (l1.fallback, l1.executable) == ("next_expiry", True)
    assert l1.contracts[0].delta == pytest.approx(0.5, abs=0.05)
    assert len(l1.contracts) == 2
    assert legs["L3a"].fallback == legs["L3b"].fallback == "skip"


def test_rules_from_the_configuration() -> None:
    read = SelectionRules.from_methodology(
        {"legs": {"L1_dte": [15, 40, 25], "delta": 0.4, "z": [1.0, 1.5, 2.0]}, "liquidity": {"max_rel": 0.2}}
    )
    assert (read.windows["L1b"].low, read.windows["L1b"].target, read.delta, read.z[1]) == (15, 25, 0.4, 1.5)
    assert read.liquidity.max_rel == 0.2
    with pytest.raises(InputError, match="legs"):
        SelectionRules.from_methodology({"legs": {"delta": "half"}})


@given(
    st.lists(st.sampled_from([*MONTHLIES, WEEKLY]), unique=True),
    st.floats(0.01, 0.5),
    st.floats(9.0, 70.0),
    st.booleans(),
)
def test_never_a_naked_short_and_never_executable_without_passing(
    expiries: list[date], half: float, forward: float, nodes: bool
) -> None:
    groups = [quotes(e, half, forward, "VIXW" if e == WEEKLY else "VIX") for e in expiries]
    for choice in choose_legs(market(*groups, nodes=nodes), RULES).values():
        assert sum(part.ratio for part in choice.contracts) >= 0
        assert choice.passed or choice.residual_unhedged
        assert choice.contracts == () or choice.contracts[0].ratio == 1
        if choice.executable:
            assert all(part.bid is not None and part.ask is not None for part in choice.contracts)
        if choice.leg == "L1" and len(choice.contracts) == 2:
            assert (choice.contracts[1].strike or 0) > (choice.contracts[0].strike or 0)
            assert choice.contracts[0].expiry == choice.contracts[1].expiry
        for part in choice.contracts:
            assert part.dte is None or part.dte > 7
            assert part.expiry is None or part.expiry > SESSION + timedelta(days=7)
