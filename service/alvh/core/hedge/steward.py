"""The steward's rules (1.1): no growth within a session of a hedge loss, no change of size without a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from alvh.core.hedge.bookkeeping import marks_of
from alvh.core.hedge.constraints import Binding
from alvh.core.hedge.discipline import may_increase
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.sizing_desk import Change

_SIGNALLED: Final = frozenset({"MOVE_3", "STATE", "IVX", "MANUAL"})
"""Reasons that are a change of a signal themselves."""

_COUNTERS: Final = ("S01", "S02")
"""Signals that speak of the timer and the anchors; what they say stands among the reasons."""


def growth_allowed(look: Look, hedge: Mapping[str, Any]) -> bool:
    """Whether the hedge may grow: it has not lost since the last close, or a signal's state has changed since then."""
    if _SIGNALLED.intersection(look.reasons) or "equity" not in hedge:
        return True
    made = equity_of(look.holdings, look) - hedge["equity"]
    return may_increase(hedge_pnl=made, signals_changed=_changed(look, hedge.get("states", {})))


def equity_of(holdings: Holdings, look: Look) -> float:
    """Return what the hedge is worth, cash included, at today's marks, dollars."""
    return holdings.sleeve.reconcile(marks_of(holdings, look.snapshot).sleeve).equity


def note_close(look: Look, hedge: dict[str, Any]) -> None:
    """Remember what the next close is compared with: the hedge behind this one's trades, and every signal's state."""
    hedge["equity"] = equity_of(look.holdings, look)
    hedge["states"] = _states(look)


def _fewer(change: Change, units: int) -> Change:
    return replace(change, units=units, lot=replace(change.lot, quantity=units))


def _states(look: Look) -> dict[str, str]:
    return {signal.id: signal.state for signal in look.situation.book.signals if signal.id not in _COUNTERS}


def _changed(look: Look, before: Mapping[str, str]) -> list[str]:
    return [name for name, state in _states(look).items() if before.get(name) != state]


def without_growth(changes: Sequence[Change], sizing: Sizing) -> tuple[list[Change], Binding | None]:
    """Return changes that sell and buy back no more of a leg than they sell, and what that cut."""
    sold: dict[str, int] = {}
    for change in changes:
        if change.units < 0:
            sold[change.lot.leg] = sold.get(change.lot.leg, 0) - change.units
    gains = {(row.leg, row.unit.terms): row.gain_design for row in sizing.legs}
    kept: list[Change] = []
    cut = 0.0
    for change in changes:
        units = change.units
        if units > 0:
            units = min(units, sold.get(change.lot.leg, 0))
            sold[change.lot.leg] = sold.get(change.lot.leg, 0) - units
            left = change.units - units
            cut += left * (gains.get((change.lot.leg, change.unit.terms), 0.0) if change.unit else 0.0)
        if units:
            kept.append(change if units == change.units else _fewer(change, units))
    if cut <= 0.0:
        return kept, None
    detail = "no growth within a session of a hedge loss, and no signal has changed"
    return kept, Binding(constraint="STEWARD", cut_usd=cut, detail=detail)
