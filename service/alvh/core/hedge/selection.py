"""Which listed options each leg of the hedge is made of: expiry, strikes, touch, gate, and the fallbacks (3.1, L-F)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from alvh.core.hedge.book import VIX_OPTION_MULTIPLIER
from alvh.core.hedge.chain import Chain, ChainSlice
from alvh.core.hedge.contracts import (
    MODEL_VERDICT,
    Contract,
    LegChoice,
    LegWindow,
    SelectionMarket,
    SelectionRules,
    touch_of,
)
from alvh.core.hedge.futures_selection import calendars, stand_ins
from alvh.core.hedge.liquidity import Kind, LiquidityVerdict, Touch, gate, gate_spread
from alvh.core.hedge.symbols import occ_symbol


def choose_legs(market: SelectionMarket, rules: SelectionRules) -> dict[str, LegChoice]:
    """Return a choice for each of L1, L1b, L2, L3a and L3b; FIN has its own door (`choose_financing`)."""
    return {leg: choose_leg(leg, market, rules) for leg in ("L1", "L1b", "L2", "L3a", "L3b")}


def choose_leg(leg: str, market: SelectionMarket, rules: SelectionRules) -> LegChoice:
    """Return what one leg is to be made of: the first choice that passes, then the fallbacks of L-F in their order."""
    rejected: list[str] = []
    first_reason = "no_expiry"
    for choice in _candidates(leg, market, rules):
        if choice.passed:
            return replace(choice, rejected=tuple(rejected))
        if not rejected and not choice.is_stand_in:
            first_reason = choice.reason
        name = "/".join(part.symbol for part in choice.contracts) or choice.tried or leg
        rejected.append(f"{name}: {choice.reason}")
    return LegChoice(
        leg=leg,
        contracts=(),
        passed=False,
        reason=first_reason,
        fallback="skip",
        pricing=market.pricing,
        rejected=tuple(rejected),
    )


def _candidates(leg: str, market: SelectionMarket, rules: SelectionRules) -> Iterator[LegChoice]:
    if leg == "L2":
        yield from calendars(market, rules)
        return
    wanted = rules.windows[leg]
    delta = None
    for rank, part in enumerate(_expiries(market.vix, wanted)):
        moved = wanted.outside(part.dte) > 0 or (rank > 0 and delta is not None)
        for choice in _structures(leg, part, market, rules):
            delta = choice.delta if delta is None else delta
            yield _renamed(choice, moved=moved)
    # At model prices a future would be no more executable than the option it stands for.
    if market.pricing == "quotes":
        yield from stand_ins(leg, delta if delta is not None and delta > 0.0 else rules.delta, market, rules)


def _renamed(choice: LegChoice, *, moved: bool) -> LegChoice:
    if not moved:
        return choice
    return replace(choice, fallback="next_expiry_outright" if choice.fallback else "next_expiry")


def _expiries(chain: Chain, wanted: LegWindow) -> list[ChainSlice]:
    """Monthlies in the window, then weeklies in it, then later ones, then earlier ones: each nearest the target."""
    allowed = [part for part in chain.slices if wanted.least < part.dte < wanted.most and len(part.calls)]

    def rank(part: ChainSlice) -> tuple[int, bool, int, date, str]:
        off = abs(part.dte - wanted.target)
        return wanted.outside(part.dte), not part.is_monthly, off, part.expiry, part.trading_class

    return sorted(allowed, key=rank)


def _structures(leg: str, part: ChainSlice, market: SelectionMarket, rules: SelectionRules) -> Iterator[LegChoice]:
    calls = part.calls
    at_half = calls.nearest_delta(rules.delta)
    if at_half is None:
        return
    vol = float(calls.iv[at_half])
    if leg == "L1":
        short = calls.nearest_strike(_strike_at(part, vol, rules.z[1]))
        if short is not None and short > at_half:
            yield _spread(leg, part, at_half, short, market, rules)
        if market.outright_l1:
            yield replace(_outright(leg, part, at_half, market, rules), fallback="outright_call")
        return
    if leg == "L1b":
        index = calls.nearest_strike(_strike_at(part, vol, rules.z[1]))
        low, high = (_strike_at(part, vol, z) for z in (rules.z[0], rules.z[2]))
        if index is not None and low <= calls.strike[index] <= high:
            yield _outright(leg, part, index, market, rules)
        return
    yield _outright(leg, part, at_half, market, rules)


def _strike_at(part: ChainSlice, vol: float, z: float) -> float:
    """K_z = F exp(z vol sqrt(T)), with the volatility of the long L1 strike (methodology 1.2, 4.3)."""
    return part.forward * float(np.exp(z * vol * np.sqrt(part.years)))


def _outright(leg: str, part: ChainSlice, at: int, market: SelectionMarket, rules: SelectionRules) -> LegChoice:
    contract = _option(part, "C", at, 1, Kind.VIX_OPTION, market, rules)
    return LegChoice(
        leg=leg,
        contracts=(contract,),
        passed=contract.passed,
        reason=contract.reason,
        fallback=None,
        pricing=market.pricing,
    )


def _spread(
    leg: str, part: ChainSlice, long: int, short: int, market: SelectionMarket, rules: SelectionRules
) -> LegChoice:
    bought = _option(part, "C", long, 1, Kind.VIX_OPTION, market, rules)
    sold = _option(part, "C", short, -1, Kind.VIX_OPTION, market, rules)
    verdict = _spread_verdict(Kind.VIX_OPTION, bought, sold, market, rules)
    return LegChoice(
        leg=leg,
        contracts=(bought, sold),
        passed=verdict.passed,
        reason=verdict.reason,
        fallback=None,
        pricing=market.pricing,
    )


def _spread_verdict(
    kind: Kind, bought: Contract, sold: Contract, market: SelectionMarket, rules: SelectionRules
) -> LiquidityVerdict:
    if market.pricing == "model":
        return MODEL_VERDICT
    long, short = (touch_of(part, market.quote_age_s) for part in (bought, sold))
    return gate_spread(kind, long, short, rules.liquidity)


def _option(
    part: ChainSlice,
    right: str,
    at: int,
    ratio: int,
    kind: Kind,
    market: SelectionMarket,
    rules: SelectionRules,
) -> Contract:
    side = part.side(right)
    strike, bid, ask = float(side.strike[at]), float(side.bid[at]), float(side.ask[at])
    verdict = (
        MODEL_VERDICT
        if market.pricing == "model"
        else gate(kind, Touch(bid=bid, ask=ask, age_s=market.quote_age_s), rules.liquidity)
    )
    return Contract(
        symbol=occ_symbol(part.trading_class, part.expiry, right, strike),
        trading_class=part.trading_class,
        right=right,
        strike=strike,
        expiry=part.expiry,
        last_trade_date=part.last_trade,
        settlement=part.settlement,
        dte=part.dte,
        ratio=ratio,
        multiplier=VIX_OPTION_MULTIPLIER,  # SPX options have the same
        bid=bid,
        ask=ask,
        mid=float(side.mid[at]),
        iv=float(side.iv[at]),
        delta=float(side.delta[at]),
        vega=float(side.vega[at]),
        spread_pct=verdict.spread_pct,
        passed=verdict.passed,
        reason=verdict.reason,
    )
