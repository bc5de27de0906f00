"""Which VIX futures the calendar spread is made of, and what stands in for options that fail the gate (L2, L-F)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.book import ETP_DAYS, VIX_OPTION_MULTIPLIER, VX_MULTIPLIER, VXM_MULTIPLIER
from alvh.core.hedge.contracts import (
    MODEL_VERDICT,
    Contract,
    EtpQuote,
    LegChoice,
    SelectionMarket,
    SelectionRules,
    touch_of,
)
from alvh.core.hedge.curve import vol_beta
from alvh.core.hedge.liquidity import Kind, LiquidityVerdict, Touch, gate, gate_spread
from alvh.core.hedge.model_chain import CurveNode
from alvh.core.hedge.settlement import Settlement, last_trade_date
from alvh.core.hedge.symbols import cfe_symbol, is_vix_month

ETPS: Final = ("VIXY", "VXX")
"""Volatility ETPs in the order in which they are tried: the fund before the note, which is a bank's debt."""

UNQUOTED_VERDICT: Final = LiquidityVerdict(passed=False, reason="no_quote", spread_pct=None)

FUTURES_MULTIPLIERS: Final = MappingProxyType({"VX": VX_MULTIPLIER, "VXM": VXM_MULTIPLIER})


def calendars(market: SelectionMarket, rules: SelectionRules) -> Iterator[LegChoice]:
    """Yield the front monthly in the window against the next monthly, then later pairs; in VXM, then in VX."""
    wanted = rules.windows["L2"]
    monthly = monthlies([node for node in market.futures if node.expiry > market.session])
    pairs = [
        (front, back)
        for front, back in pairwise(monthly)
        if wanted.least < (front.expiry - market.session).days < wanted.most
    ]
    pairs.sort(key=lambda pair: (wanted.outside((pair[0].expiry - market.session).days), pair[0].expiry))
    roots = dict.fromkeys((rules.futures_root, "VXM", "VX"))
    for root in roots:
        for rank, (front, back) in enumerate(pairs):
            moved = rank > 0 or wanted.outside((front.expiry - market.session).days) > 0
            name = "future" if root != rules.futures_root else "next_expiry" if moved else None
            choice = _calendar(root, front, back, market, rules)
            yield replace(choice, fallback=name)


def monthlies(nodes: Sequence[CurveNode]) -> list[CurveNode]:
    """Return the monthly futures of a curve, nearest first."""
    days = [node.expiry for node in nodes]
    return sorted((node for node in nodes if is_vix_month(node.expiry, days)), key=lambda node: node.expiry)


def _calendar(
    root: str, front: CurveNode, back: CurveNode, market: SelectionMarket, rules: SelectionRules
) -> LegChoice:
    bought = future_contract(root, front, 1, market, rules)
    sold = future_contract(root, back, -1, market, rules)
    quoted = bought.bid is not None and sold.bid is not None
    pricing = "quotes" if quoted else "model"
    verdict = MODEL_VERDICT
    if quoted:
        kind = Kind.VX if root == "VX" else Kind.VXM
        _, age_s = quoted_node(root, front, market)
        verdict = gate_spread(kind, touch_of(bought, age_s), touch_of(sold, age_s), rules.liquidity)
    elif root == "VXM" and market.minis is not None:
        verdict = UNQUOTED_VERDICT
    return LegChoice(
        leg="L2",
        contracts=(bought, sold),
        passed=verdict.passed,
        reason=verdict.reason,
        fallback=None,
        pricing=pricing,
        per_unit=FUTURES_MULTIPLIERS[rules.futures_root] / FUTURES_MULTIPLIERS[root],
    )


def quoted_node(root: str, node: CurveNode, market: SelectionMarket) -> tuple[CurveNode, float | None]:
    """Return a future with the quote of its own class and that quote's age; without one where its class has none."""
    is_apart = root == "VXM" and market.minis is not None
    return at_own_quote(root, node, market.minis), market.minis_age_s if is_apart else market.futures_age_s


def at_own_quote(root: str, node: CurveNode, minis: Sequence[CurveNode] | None) -> CurveNode:
    """Return a future with the quote of its own class: VX's does not stand for VXM where `minis` tells that apart."""
    if root != "VXM" or minis is None:
        return node
    own = next((mini for mini in minis if mini.expiry == node.expiry), None)
    return replace(node, bid=None if own is None else own.bid, ask=None if own is None else own.ask)


def future_contract(root: str, node: CurveNode, ratio: int, market: SelectionMarket, rules: SelectionRules) -> Contract:
    """Return a VIX future as a contract, at its own quote where VX and VXM are told apart."""
    node, age_s = quoted_node(root, node, market)
    two_sided = node.bid is not None and node.ask is not None
    kind = Kind.VX if root == "VX" else Kind.VXM
    verdict = MODEL_VERDICT
    if node.bid is not None and node.ask is not None:
        verdict = gate(kind, Touch(bid=node.bid, ask=node.ask, age_s=age_s), rules.liquidity)
    return Contract(
        symbol=cfe_symbol(root, node.expiry),
        trading_class=root,
        right=None,
        strike=None,
        expiry=node.expiry,
        last_trade_date=last_trade_date(root, node.expiry, rules.calendar),
        settlement=Settlement.VRO,
        dte=(node.expiry - market.session).days,
        ratio=ratio,
        multiplier=FUTURES_MULTIPLIERS[root],
        bid=node.bid if two_sided else None,
        ask=node.ask if two_sided else None,
        mid=node.settle,
        iv=None,
        delta=1.0,
        vega=0.0,
        spread_pct=verdict.spread_pct,
        passed=verdict.passed,
        reason=verdict.reason,
    )


def stand_ins(leg: str, delta: float, market: SelectionMarket, rules: SelectionRules) -> Iterator[LegChoice]:
    """Yield a future with the same delta, VXM before VX as it fits smaller books; then shares of a volatility ETP.

    Each is yielded even where it cannot be had, so that what was tried is said by name. A chain of options on an ETP is
    brought by no feed: that alternative is refused by name, and the leg is left out behind it.
    """
    for root in ("VXM", "VX"):
        node = _nearest(leg, market, rules)
        if node is None:
            yield _refused(leg, root, "future", "no_curve" if not market.futures else "no_expiry")
            continue
        contract = future_contract(root, node, 1, market, rules)
        if contract.bid is None:
            yield _refused(leg, contract.symbol, "future", "no_quote")
            continue
        yield _single(leg, contract, "future", delta * VIX_OPTION_MULTIPLIER / contract.multiplier)
    quoted = {etp.symbol: etp for etp in market.etps}
    forward = _forward(leg, market, rules)
    for symbol in ETPS:
        if symbol not in quoted or forward is None:
            yield _refused(leg, symbol, "etp", "no_quote" if forward is not None else "no_curve")
            continue
        etp = quoted[symbol]
        level, days = forward
        yield _single(leg, _etp(etp, rules), "etp", etp_shares(delta, level, etp, days=days))
    yield _refused(leg, f"{ETPS[-1]} call spread", "etp", f"no chain of {ETPS[-1]}")


def _nearest(leg: str, market: SelectionMarket, rules: SelectionRules) -> CurveNode | None:
    """Return the future nearest the leg's target tenor among those it may be opened with."""
    wanted = rules.windows[leg]

    def rank(node: CurveNode) -> tuple[int, int, date]:
        dte = (node.expiry - market.session).days
        return wanted.outside(dte), abs(dte - wanted.target), node.expiry

    allowed = [node for node in market.futures if wanted.least < (node.expiry - market.session).days < wanted.most]
    return min(allowed, key=rank, default=None)


def _forward(leg: str, market: SelectionMarket, rules: SelectionRules) -> tuple[float, int] | None:
    """Return level and days of the future nearest the leg's target, whose option the shares stand for; None: no curve.

    Quoted or not, and of any tenor: it is looked at, not traded.
    """
    target = rules.windows[leg].target
    ahead = [((node.expiry - market.session).days, node) for node in market.futures if node.expiry > market.session]
    if not ahead:
        return None
    days, node = min(ahead, key=lambda pair: (abs(pair[0] - target), pair[0]))
    return float(node.settle), days


def shares_for(leg: str, market: SelectionMarket, rules: SelectionRules, etp: EtpQuote) -> float | None:
    """Return the shares that stand for one option of a leg at its usual delta; None without a curve."""
    forward = _forward(leg, market, rules)
    return None if forward is None else etp_shares(rules.delta, forward[0], etp, days=forward[1])


def etp_shares(delta: float, forward: float, etp: EtpQuote, days: float = ETP_DAYS) -> float:
    """Return the shares that gain what one option of this delta gains when the 30-day VIX future rises by one per cent.

    The option gains delta·100·1 %·F times the volatility beta of its own tenor over that of 30 days; a share gains
    1 %·β·P. (Methodology 1.2 writes shares = δ$/(P·β), which leaves out that a share too moves by one per cent only.)
    """
    price = 0.5 * (etp.bid + etp.ask)
    answers = float(vol_beta(days) / vol_beta(ETP_DAYS))
    return delta * VIX_OPTION_MULTIPLIER * forward * answers / (price * etp.beta)


def _etp(etp: EtpQuote, rules: SelectionRules) -> Contract:
    verdict = gate(Kind.OTHER, Touch(bid=etp.bid, ask=etp.ask, age_s=etp.age_s), rules.liquidity)
    return Contract(
        symbol=etp.symbol,
        trading_class=etp.symbol,
        right=None,
        strike=None,
        expiry=None,
        last_trade_date=None,
        settlement=None,
        dte=None,
        ratio=1,
        multiplier=1.0,
        bid=etp.bid,
        ask=etp.ask,
        mid=0.5 * (etp.bid + etp.ask),
        iv=None,
        delta=etp.beta,
        vega=0.0,
        spread_pct=verdict.spread_pct,
        passed=verdict.passed,
        reason=verdict.reason,
    )


def _refused(leg: str, tried: str, fallback: str, reason: str) -> LegChoice:
    return LegChoice(
        leg=leg, contracts=(), passed=False, reason=reason, fallback=fallback, pricing="quotes", tried=tried
    )


def _single(leg: str, contract: Contract, fallback: str, per_unit: float) -> LegChoice:
    return LegChoice(
        leg=leg,
        contracts=(contract,),
        passed=contract.passed,
        reason=contract.reason,
        fallback=fallback,
        pricing="quotes",
        per_unit=per_unit,
    )
