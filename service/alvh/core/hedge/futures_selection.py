"""Which VIX futures the calendar spread is made of, and what stands in for options that fail the gate (L2, L-F)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.book import VIX_OPTION_MULTIPLIER, VX_MULTIPLIER, VXM_MULTIPLIER
from alvh.core.hedge.contracts import (
    MODEL_VERDICT,
    Contract,
    EtpQuote,
    LegChoice,
    SelectionMarket,
    SelectionRules,
    touch_of,
)
from alvh.core.hedge.liquidity import Kind, Touch, gate, gate_spread
from alvh.core.hedge.model_chain import CurveNode
from alvh.core.hedge.settlement import Settlement, last_trade_date
from alvh.core.hedge.symbols import cfe_symbol, is_vix_month

_MULTIPLIERS: Final = MappingProxyType({"VX": VX_MULTIPLIER, "VXM": VXM_MULTIPLIER})


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
        verdict = gate_spread(
            kind, touch_of(bought, market.quote_age_s), touch_of(sold, market.quote_age_s), rules.liquidity
        )
    return LegChoice(
        leg="L2",
        contracts=(bought, sold),
        passed=verdict.passed,
        reason=verdict.reason,
        fallback=None,
        pricing=pricing,
        per_unit=_MULTIPLIERS[rules.futures_root] / _MULTIPLIERS[root],
    )


def future_contract(root: str, node: CurveNode, ratio: int, market: SelectionMarket, rules: SelectionRules) -> Contract:
    """Return a VIX future as a contract; its quote is that of the curve, whichever of VX and VXM it is of."""
    two_sided = node.bid is not None and node.ask is not None
    kind = Kind.VX if root == "VX" else Kind.VXM
    verdict = MODEL_VERDICT
    if node.bid is not None and node.ask is not None:
        verdict = gate(kind, Touch(bid=node.bid, ask=node.ask, age_s=market.quote_age_s), rules.liquidity)
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
        multiplier=_MULTIPLIERS[root],
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


def replacements(leg: str, delta: float, market: SelectionMarket, rules: SelectionRules) -> Iterator[LegChoice]:
    """Yield a future with the same delta, then an ETP with the same dollars per per cent of the VIX future."""
    target = rules.windows[leg].target
    nodes = sorted(
        (node for node in market.futures if node.expiry > market.session and node.bid is not None),
        key=lambda node: (abs((node.expiry - market.session).days - target), node.expiry),
    )
    for root in ("VXM", "VX"):
        if nodes:
            contract = future_contract(root, nodes[0], 1, market, rules)
            per_unit = delta * VIX_OPTION_MULTIPLIER / contract.multiplier
            yield _single(leg, contract, "future", per_unit)
    if not market.futures:
        return
    forward = float(min(market.futures, key=lambda node: abs((node.expiry - market.session).days - target)).settle)
    for etp in market.etps:
        yield _single(leg, _etp(etp, rules), "etp", etp_shares(delta, forward, etp))


def etp_shares(delta: float, forward: float, etp: EtpQuote) -> float:
    """Return the shares that gain what one option of this delta gains when the VIX future rises by one per cent.

    The option gains delta·100·1 %·F; a share gains 1 %·β·P. (Methodology 1.2 writes shares = δ$/(P·β), which leaves
    out that a share too moves by one per cent only.)
    """
    price = 0.5 * (etp.bid + etp.ask)
    return delta * VIX_OPTION_MULTIPLIER * forward / (price * etp.beta)


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
        delta=1.0,
        vega=0.0,
        spread_pct=verdict.spread_pct,
        passed=verdict.passed,
        reason=verdict.reason,
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
