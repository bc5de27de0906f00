"""The liquidity gate: each kind's width at its edge, age, size, spreads on their net price, and failing closed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.liquidity import Kind, LiquidityRules, Touch, gate, gate_spread, spx_option_tick, vix_option_tick

RULES = LiquidityRules()


@pytest.mark.parametrize(
    ("kind", "bid", "ask", "passed"),
    [
        (Kind.VIX_OPTION, 1.65, 1.75, True),  # the worked example: 0.10 wide whatever the price
        (Kind.VIX_OPTION, 0.25, 0.35, True),
        (Kind.VIX_OPTION, 0.25, 0.36, False),
        (Kind.VIX_OPTION, 9.50, 10.50, True),  # exactly 10 %
        (Kind.VIX_OPTION, 9.40, 10.60, False),
        (Kind.SPX_OPTION, 0.50, 0.60, True),  # two ticks of 0.05
        (Kind.SPX_OPTION, 0.50, 0.61, False),
        (Kind.SPX_OPTION, 1.90, 2.10, True),  # 10 %
        (Kind.SPX_OPTION, 41.0, 45.0, True),
        (Kind.SPX_OPTION, 41.0, 46.0, False),
        (Kind.VX, 18.55, 18.65, True),
        (Kind.VX, 18.55, 18.70, False),
        (Kind.VXM, 18.55, 18.60, True),
        (Kind.VXM, 18.55, 18.61, False),
        (Kind.OTHER, 20.0, 21.0, True),
        (Kind.OTHER, 0.05, 0.10, False),
    ],
)
def test_width(kind: Kind, bid: float, ask: float, *, passed: bool) -> None:
    verdict = gate(kind, Touch(bid=bid, ask=ask), RULES)
    assert (verdict.passed, verdict.reason) == (passed, "ok" if passed else "wide")


@pytest.mark.parametrize(
    ("touch", "reason"),
    [
        (Touch(bid=1.0, ask=1.05, age_s=60.0), "ok"),
        (Touch(bid=1.0, ask=1.05, age_s=60.1), "stale"),
        (Touch(bid=1.0, ask=1.05, age_s=None), "stale"),
        (Touch(bid=1.0, ask=1.05, age_s=math.nan), "stale"),
        (Touch(bid=0.0, ask=0.05), "no_quote"),
        (Touch(bid=math.nan, ask=0.05), "no_quote"),
        (Touch(bid=-1.0, ask=0.05), "no_quote"),
        (Touch(bid=1.05, ask=1.0), "crossed"),
    ],
)
def test_what_is_no_fresh_quote_fails(touch: Touch, reason: str) -> None:
    assert gate(Kind.VIX_OPTION, touch, RULES).reason == reason


def test_size_is_asked_on_the_side_that_trades() -> None:
    touch = Touch(bid=1.0, ask=1.05, bid_size=3, ask_size=5)
    assert gate(Kind.VIX_OPTION, touch, RULES, quantity=5).reason == "ok"
    assert gate(Kind.VIX_OPTION, touch, RULES, quantity=6).reason == "size"
    assert gate(Kind.VIX_OPTION, touch, RULES, quantity=-4).reason == "size"


def test_a_spread_passes_by_its_legs_or_by_its_net_price() -> None:
    long, short = Touch(bid=1.65, ask=1.75), Touch(bid=0.25, ask=0.35)
    assert gate_spread(Kind.VIX_OPTION, long, short, RULES).passed
    wide = Touch(bid=0.20, ask=0.40)
    assert gate_spread(Kind.VIX_OPTION, Touch(bid=1.70, ask=1.75), wide, RULES).reason == "wide"
    quoted = Touch(bid=1.35, ask=1.45)
    assert gate_spread(Kind.VIX_OPTION, long, wide, RULES, net=quoted).passed
    assert gate_spread(Kind.SPX_OPTION, Touch(bid=60.0, ask=61.0), Touch(bid=1.0, ask=1.5), RULES).passed


def test_a_net_price_does_not_cure_a_missing_or_stale_leg() -> None:
    good, net = Touch(bid=1.65, ask=1.75), Touch(bid=1.40, ask=1.45)
    assert gate_spread(Kind.VIX_OPTION, good, Touch(bid=0.0, ask=0.05), RULES, net=net).reason == "no_quote"
    assert gate_spread(Kind.VIX_OPTION, good, Touch(bid=0.3, ask=0.35, age_s=90.0), RULES, net=net).reason == "stale"


def test_ticks() -> None:
    assert (spx_option_tick(2.95), spx_option_tick(3.0)) == (0.05, 0.10)
    assert (vix_option_tick(2.99), vix_option_tick(3.0)) == (0.01, 0.05)


def test_rules_from_the_configuration() -> None:
    assert LiquidityRules.from_methodology({"liquidity": {"max_rel": 0.05}}).max_rel == 0.05


@given(st.sampled_from(list(Kind)), st.floats(-5.0, 100.0), st.floats(-5.0, 100.0), st.floats(0.0, 120.0))
def test_nothing_passes_that_is_stale_crossed_or_one_sided(kind: Kind, bid: float, ask: float, age: float) -> None:
    verdict = gate(kind, Touch(bid=bid, ask=ask, age_s=age), RULES)
    if verdict.passed:
        assert 0.0 < bid <= ask
        assert age <= 60.0
