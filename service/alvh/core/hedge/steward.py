"""The steward's rules (1.1): no growth within a session of a hedge loss, no change of size without a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
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


def _bought_back(change: Change, sold: Sequence[Change]) -> tuple[int, list[Change]]:
    """Return how many units of a purchase the sales of its leg allow, and what of these is left for the next one.

    Contracts of one size stand for one another; where options are bought for a future or the other way round, each
    counts as what it stands for, and a part of a contract is not bought.
    """
    left, units, open_units = list(sold), 0, change.units
    while left and open_units:
        sale = left[0]
        is_alike = (sale.lot.kind, sale.lot.multiplier) == (change.lot.kind, change.lot.multiplier)
        each = 1.0 if is_alike else change.lot.per_unit / sale.lot.per_unit
        allowed = floor(-sale.units * each + 1e-9)
        taken = min(open_units, allowed)
        units, open_units = units + taken, open_units - taken
        used = ceil(taken / each - 1e-9)
        left = left[1:] if taken == allowed else [replace(sale, units=sale.units + used), *left[1:]]
    return units, left


def without_growth(changes: Sequence[Change], sizing: Sizing) -> tuple[list[Change], Binding | None]:
    """Return changes that sell and buy back no more of a leg than they sell, and what that cut."""
    sold: dict[str, list[Change]] = {}
    for change in changes:
        if change.units < 0:
            sold.setdefault(change.lot.leg, []).append(change)
    gains = {(row.leg, row.unit.terms): row.gain_design for row in sizing.legs}
    kept: list[Change] = []
    cut = 0.0
    for change in changes:
        units = change.units
        if units > 0 and change.roll is None:
            units, sold[change.lot.leg] = _bought_back(change, sold.get(change.lot.leg, []))
            left = change.units - units
            cut += left * (gains.get((change.lot.leg, change.unit.terms), 0.0) if change.unit else 0.0)
        if units:
            kept.append(change if units == change.units else _fewer(change, units))
    if cut <= 0.0:
        return kept, None
    detail = "no growth within a session of a hedge loss, and no signal has changed"
    return kept, Binding(constraint="STEWARD", cut_usd=cut, detail=detail)
