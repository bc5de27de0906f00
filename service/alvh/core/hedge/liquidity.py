"""The liquidity gate: narrow enough, fresh enough, large enough, or no order (S34; fails closed)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Quotes are decimals: 1.75 - 1.65 is a hair above 0.10 in binary, and has to pass all the same.
_ROUNDING: Final = 1e-9
_SPX_TICK_CHANGE: Final = 3.0


class Kind(StrEnum):
    """What is gated: each kind has its own absolute width."""

    VIX_OPTION = "vix_option"
    SPX_OPTION = "spx_option"
    VX = "vx"
    VXM = "vxm"
    OTHER = "other"  # shares and their options: the relative width alone


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityRules:
    """The `liquidity:` section of methodology 11.

    Attributes:
        max_rel: greatest (ask - bid) / mid, ratio.
        max_abs: width that passes a VIX option whatever its price, points (the worked example's half-spread of 0.05).
        max_ticks: the same for an SPX option, in ticks.
        vx: greatest width of a VX future, points.
        vxm: of a VXM future.
        max_age_s: greatest age of a quote, seconds.
    """

    max_rel: float = 0.10
    max_abs: float = 0.10
    max_ticks: float = 2.0
    vx: float = 0.10
    vxm: float = 0.05
    max_age_s: float = 60.0

    @classmethod
    def from_methodology(cls, methodology: Mapping[str, Mapping[str, float]]) -> "LiquidityRules":
        """Return the rules a `methodology:` mapping says, defaults where it is silent."""
        said = methodology.get("liquidity", {})
        names = ("max_rel", "max_abs", "max_ticks", "vx", "vxm", "max_age_s")
        return cls(**{name: float(said[name]) for name in names if name in said})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityVerdict:
    """Whether a leg may be traded.

    Attributes:
        passed: it may.
        reason: `ok`, `no_quote`, `crossed`, `stale`, `wide` or `size`.
        spread_pct: (ask - bid) / mid in per cent; None without a two-sided quote.
    """

    passed: bool
    reason: str
    spread_pct: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """A quote as the gate sees it: points, its age in seconds (None: unknown, which fails), and sizes where known."""

    bid: float
    ask: float
    age_s: float | None = 0.0
    bid_size: float | None = None
    ask_size: float | None = None


def spx_option_tick(price: float) -> float:
    """Return the tick of an SPX option, points: 0.05 below 3.00, 0.10 from there on."""
    return 0.05 if price < _SPX_TICK_CHANGE else 0.10


def vix_option_tick(price: float) -> float:
    """Return the tick of a VIX option, points: 0.01 below 3.00, 0.05 from there on (methodology 0.5)."""
    return 0.01 if price < _SPX_TICK_CHANGE else 0.05


def gate(
    kind: Kind, touch: Touch, rules: LiquidityRules, *, quantity: int = 0, tick: float | None = None
) -> LiquidityVerdict:
    """Return the verdict on one instrument.

    Args:
        kind: what it is.
        touch: its quote.
        rules: of methodology 11.
        quantity: contracts wanted: positive to buy at the ask, negative to sell at the bid; 0 leaves sizes unasked.
        tick: of an SPX option where the feed says it, points.
    """
    bid, ask = touch.bid, touch.ask
    if not (math.isfinite(bid) and math.isfinite(ask) and bid > 0.0 and ask > 0.0):
        return LiquidityVerdict(passed=False, reason="no_quote", spread_pct=None)
    if ask < bid:
        return LiquidityVerdict(passed=False, reason="crossed", spread_pct=None)
    percent = 200.0 * (ask - bid) / (ask + bid)
    reason = _fault(kind, touch, rules, quantity, tick)
    return LiquidityVerdict(passed=reason == "ok", reason=reason, spread_pct=percent)


def _fault(kind: Kind, touch: Touch, rules: LiquidityRules, quantity: int, tick: float | None) -> str:
    if touch.age_s is None or not touch.age_s <= rules.max_age_s:
        return "stale"
    if not _narrow(kind, touch.bid, touch.ask, rules, tick):
        return "wide"
    size = touch.ask_size if quantity > 0 else touch.bid_size
    if quantity and size is not None and size < abs(quantity):
        return "size"
    return "ok"


def _narrow(kind: Kind, bid: float, ask: float, rules: LiquidityRules, tick: float | None) -> bool:
    width, mid = ask - bid, 0.5 * (ask + bid)
    if kind is Kind.VX:
        return width <= rules.vx + _ROUNDING
    if kind is Kind.VXM:
        return width <= rules.vxm + _ROUNDING
    if mid > 0.0 and width <= (rules.max_rel + _ROUNDING) * mid:
        return True
    if kind is Kind.VIX_OPTION:
        return width <= rules.max_abs + _ROUNDING
    if kind is Kind.SPX_OPTION:
        return width <= rules.max_ticks * (tick or spx_option_tick(mid)) + _ROUNDING
    return False


def gate_spread(
    kind: Kind,
    long: Touch,
    short: Touch,
    rules: LiquidityRules,
    *,
    quantity: int = 0,
    net: Touch | None = None,
) -> LiquidityVerdict:
    """Return the verdict on a vertical spread: both legs pass, or the spread's net price does.

    Args:
        kind: what both legs are.
        long: the bought leg's quote.
        short: the sold leg's quote.
        rules: of methodology 11.
        quantity: spreads wanted, positive to buy.
        net: the spread's own quote where the feed has one; otherwise it is made of the legs.
    """
    legs = (gate(kind, long, rules, quantity=quantity), gate(kind, short, rules, quantity=-quantity))
    own = net or _net(long, short)
    percent = 200.0 * (own.ask - own.bid) / (own.ask + own.bid) if own.ask + own.bid > 0.0 else None
    failed = [leg.reason for leg in legs if not leg.passed]
    if not failed:
        return LiquidityVerdict(passed=True, reason="ok", spread_pct=percent)
    net_passes = set(failed) == {"wide"} and own.ask >= own.bid and _narrow(kind, own.bid, own.ask, rules, None)
    return LiquidityVerdict(passed=net_passes, reason="ok" if net_passes else failed[0], spread_pct=percent)


def _net(long: Touch, short: Touch) -> Touch:
    ages = (long.age_s, short.age_s)
    return Touch(
        bid=long.bid - short.ask,
        ask=long.ask - short.bid,
        age_s=None if None in ages else max(age for age in ages if age is not None),
    )
