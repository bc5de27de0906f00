"""Time-shifting (1.1): which tenor the hedge's gain should centre on, and calls that are cheaper as put and future."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from alvh.core.hedge.look import Look
from alvh.core.hedge.parity import TwoSided, parity_edge, parity_fees, prefer_synthetic
from alvh.core.hedge.sizing_desk import Change

CENTROIDS: Final = {"front": 45.0, "neutral": 90.0, "back": 130.0}
"""Gain-weighted days to expiry that are wanted, by shift."""

_NEAR_SESSIONS: Final = 10
_STEEP: Final = 0.08
_INVERTED: Final = 1.0


def shift_of(look: Look) -> str:
    """Return front (VIX above VIX3M, or a release within ten sessions), back (S14 at 8 % or more), or neutral.

    What calls for both is shifted to the front: the nearer stress decides.
    """
    signals = {signal.id: signal for signal in look.situation.book.signals}
    ratio = signals["S16"].value if "S16" in signals else None
    slope = dict(signals["S14"].parts).get("slope") if "S14" in signals else None
    ahead = look.situation.book.macro_prints.sessions_to_next
    if (ratio is not None and ratio > _INVERTED) or (ahead is not None and ahead <= _NEAR_SESSIONS):
        return "front"
    return "back" if slope is not None and slope >= _STEEP else "neutral"


def synthetic_notes(look: Look, changes: Sequence[Change]) -> list[str]:
    """Return the calls to be bought that cost less as long put and long future at quoted prices (L-S, S35).

    A remark, not an order: the way needs margin for the future, and a person's approval.
    """
    if look.snapshot.pricing != "quotes":
        return []
    futures = {node.expiry: node for node in look.snapshot.nodes}
    notes = []
    for change in changes:
        if change.units <= 0 or change.unit is None:
            continue
        for call in (call for call in change.unit.calls if call.ratio > 0 and call.expiry in futures):
            assert call.expiry is not None
            edge = _edge(look, call.expiry, call.strike)
            if edge is not None:
                notes.append(f"synthetic_call: {call.symbol} is {edge:.2f} points cheaper as long put and long future")
    return notes


def _edge(look: Look, expiry: date, strike: float) -> float | None:
    """Return by how much the synthetic call is cheaper after fees, points; None where it is not, or is not quoted."""
    node = next(node for node in look.snapshot.nodes if node.expiry == expiry)
    part = next((part for part in look.snapshot.vix_chain.slices if part.expiry == expiry), None)
    if part is None or node.bid is None or node.ask is None:
        return None
    call, put = part.calls.index_of(strike), part.puts.index_of(strike)
    if call is None or put is None:
        return None
    edge = parity_edge(
        call=TwoSided(bid=float(part.calls.bid[call]), ask=float(part.calls.ask[call])),
        put=TwoSided(bid=float(part.puts.bid[put]), ask=float(part.puts.ask[put])),
        future=TwoSided(bid=node.bid, ask=node.ask),
        strike=strike,
        discount=part.discount,
        fees=parity_fees(look.fees.option),
    )
    return edge.conversion_net if prefer_synthetic(edge) else None
