"""Theoretical chains on listed strike grids, for where no chain is quoted: priced by the model, never executable."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

import numpy as np

from alvh.core.hedge.chain import Chain, ChainSide, ChainSlice, ChainTerms
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, black76_greeks
from alvh.core.hedge.settlement import class_rule, last_trade_date
from alvh.core.hedge.surface import Smile, VixSurface
from alvh.core.hedge.symbols import is_spx_monthly

HALF_SPREAD: Final = 0.05
"""Half-spread of a VIX option and of one leg of an SPX spread, points (methodology 4.10, 5)."""

_QUOTE_STEP: Final = 0.05
_SPX_STEP: Final = 5.0
_VIX_STEP_CHANGE: Final = 15.0
_VIX_LEAST_STRIKE: Final = 5.0
_WIDEST: Final = 4.0
"""VIX strikes are listed to four times the future, beyond 2 standard deviations of any tenor and volatility seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveNode:
    """One VIX future: settlement day, settle or mid, and its quote where there is one, points."""

    expiry: date
    settle: float
    bid: float | None = None
    ask: float | None = None


def model_vix_chain(nodes: Iterable[CurveNode], surface: VixSurface, terms: ChainTerms) -> Chain:
    """Return a theoretical chain of VIX calls, one slice per VIX future that has not settled.

    Mids are Black-76 on the future; quotes are the mid rounded to 0.05, less and plus the half-spread.
    """
    live = sorted((node for node in nodes if node.expiry > terms.session), key=lambda node: node.expiry)
    slices = tuple(_vix_slice(node, surface, terms) for node in live)
    return Chain(underlying="VIX", session=terms.session, spot=terms.spot, slices=slices, refused=MappingProxyType({}))


def vix_strike_grid(forward: float) -> Floats:
    """Return the listed VIX strikes around a future: steps of 0.5 below 15, of 1 from there on."""
    top = math.ceil(max(_WIDEST * forward, _VIX_STEP_CHANGE + 1.0))
    return np.concatenate([np.arange(_VIX_LEAST_STRIKE, _VIX_STEP_CHANGE, 0.5), np.arange(_VIX_STEP_CHANGE, top + 1.0)])


def _vix_slice(node: CurveNode, surface: VixSurface, terms: ChainTerms) -> ChainSlice:
    dte = (node.expiry - terms.session).days
    strikes = vix_strike_grid(node.settle)
    vols = surface.vol(dte, strikes, node.settle)
    calls = _model_side("C", strikes, vols, dte, node.settle, terms.rate, 1.0, rounded=True)
    return _model_slice("VIX", "VIX", node.expiry, node.settle, "future", terms, calls, _empty_side("P"))


def model_spx_chain(expiries: Iterable[tuple[date, str]], smile: Smile, terms: ChainTerms) -> Chain:
    """Return a theoretical SPX chain in steps of 5 points, out-of-the-money side and at the money.

    A quadratic smile scaled up with the VIX admits arbitrage in its wings: far enough out the prices rise again. The
    grid ends before that, on each side, so that no spread can be chosen whose far leg costs more than its near one.

    Args:
        expiries: (expiry, trading class) of the slices wanted, all later than the session.
        smile: volatility by ln(K/spot).
        terms: spot, rates, session.
    """
    slices = tuple(_spx_slice(expiry, name, smile, terms) for expiry, name in sorted(expiries))
    return Chain(underlying="SPX", session=terms.session, spot=terms.spot, slices=slices, refused=MappingProxyType({}))


def _spx_slice(expiry: date, name: str, smile: Smile, terms: ChainTerms) -> ChainSlice:
    dte = (expiry - terms.session).days
    spot = terms.spot
    forward = spot * math.exp((terms.rate - terms.dividend) * dte / DAYS_PER_YEAR)
    sides = {}
    for right, low, high in (("P", 0.3, 1.0), ("C", 1.0, 1.8)):
        first, last = math.ceil(low * spot / _SPX_STEP), math.floor(high * spot / _SPX_STEP)
        strikes = _SPX_STEP * np.arange(first, last + 1, dtype=np.float64)
        vols = smile.vol(np.log(strikes / spot))
        side = _model_side(right, strikes, vols, dte, forward, terms.rate, forward / spot, rounded=False)
        sides[right] = _sound_part(side)
    return _model_slice("SPX", name, expiry, forward, "carry", terms, sides["C"], sides["P"])


def _sound_part(side: ChainSide) -> ChainSide:
    """The strikes outward from the money over which both price and |delta| fall."""
    outward = np.arange(len(side)) if side.right == "C" else np.arange(len(side))[::-1]
    price, delta = side.mid[outward], np.abs(side.delta[outward])
    broken = np.flatnonzero((np.diff(price) >= 0.0) | (np.diff(delta) >= 0.0))
    kept = np.sort(outward[: int(broken[0]) + 1] if len(broken) else outward)
    return ChainSide(
        right=side.right,
        strike=side.strike[kept],
        bid=side.bid[kept],
        ask=side.ask[kept],
        mid=side.mid[kept],
        iv=side.iv[kept],
        iv_quoted=side.iv_quoted[kept],
        delta=side.delta[kept],
        vega=side.vega[kept],
    )


def _model_side(
    right: str,
    strikes: Floats,
    vols: Floats,
    dte: int,
    forward: float,
    rate: float,
    per_point: float,
    *,
    rounded: bool,
) -> ChainSide:
    greeks = black76_greeks(forward, strikes, dte / DAYS_PER_YEAR, vols, rate, right == "C")
    centre = np.round(greeks.price / _QUOTE_STEP) * _QUOTE_STEP if rounded else greeks.price
    return ChainSide(
        right=right,
        strike=strikes,
        bid=np.asarray(np.maximum(centre - HALF_SPREAD, 0.0)),
        ask=np.asarray(centre + HALF_SPREAD),
        mid=greeks.price,
        iv=vols,
        iv_quoted=np.zeros(len(strikes), dtype=np.bool_),
        delta=np.asarray(greeks.delta * per_point),
        vega=np.asarray(greeks.vega_point),
    )


def _empty_side(right: str) -> ChainSide:
    none = np.empty(0)
    return ChainSide(
        right=right, strike=none, bid=none, ask=none, mid=none, iv=none, delta=none, vega=none,
        iv_quoted=np.empty(0, dtype=np.bool_),
    )  # fmt: skip


def _model_slice(
    underlying: str,
    name: str,
    expiry: date,
    forward: float,
    source: str,
    terms: ChainTerms,
    calls: ChainSide,
    puts: ChainSide,
) -> ChainSlice:
    dte = (expiry - terms.session).days
    monthly = terms.is_month(expiry) if underlying == "VIX" else is_spx_monthly(expiry, terms.business_day_before)
    return ChainSlice(
        underlying=underlying,
        trading_class=name,
        class_inferred=False,
        settlement=class_rule(name).settlement,
        expiry=expiry,
        last_trade=last_trade_date(name, expiry, terms.business_day_before),
        is_monthly=monthly,
        dte=dte,
        forward=forward,
        forward_source=source,
        discount=math.exp(-terms.rate * dte / DAYS_PER_YEAR),
        calls=calls,
        puts=puts,
    )
