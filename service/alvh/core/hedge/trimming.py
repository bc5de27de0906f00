"""Purchases taken back where lots that no order may touch leave no room for them inside the hard limits (4.8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.slots import SlotPlan
from alvh.core.hedge.units import UnitTable

_SLACK = 1e-9  # of a limit: what a sum of floating products may miss it by


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a whole hedge may reach, dollars: gross cost, premium and stops at risk, gain at the design shock, delta.

    The delta is what it takes off the book's; a limit without bound is inf.
    """

    cost: float
    premium: float
    gain: float
    delta: float


def trimmed(plan: SlotPlan, table: UnitTable, targets: Sequence[int], design: int, limits: Limits) -> tuple[int, ...]:
    """Return the targets with purchases taken back, the dearest for their gain first, until every limit holds.

    The solver spreads a leg over what is held and what can be bought; a lot whose quotes fail the gate stays whatever
    it answers, so that what it answered may no longer fit. What is held is never bought more of to make up for it.

    Args:
        plan: the rows.
        table: their values.
        targets: units of each row, those of untouchable lots forced.
        design: index of the design shock in the table's gains.
        limits: of the whole hedge.
    """
    if not any(fixed and held for fixed, held in zip(plan.fixed, plan.held, strict=True)):
        return tuple(targets)
    wanted, held = np.array(targets, dtype=np.float64), np.array(plan.held, dtype=np.float64)
    dearest = np.argsort(table.efficiency, kind="stable")
    for bought, kept, limit in (
        (table.cost, table.cost_held, limits.cost),
        (table.premium + table.stop, table.premium + table.stop, limits.premium),
        (table.gain[:, design], table.gain[:, design], limits.gain),
        (-table.spx_pct, -table.spx_pct, limits.delta),
    ):
        _take_back(wanted, held, dearest.tolist(), bought, kept, limit)
    return tuple(int(units) for units in wanted)


def _take_back(wanted: Floats, held: Floats, order: Sequence[int], bought: Floats, kept: Floats, limit: float) -> None:
    """Lower `wanted` in place, never below what is held, until its total is within a limit or nothing is bought."""
    stay = np.minimum(wanted, held)
    over = float(stay @ kept + (wanted - stay) @ bought) - limit
    for row in order:
        if over <= _SLACK * (1.0 + abs(limit)) or not np.isfinite(over):
            return
        purchase = wanted[row] - stay[row]
        if purchase > 0.0 and bought[row] > 0.0:
            taken = min(purchase, np.ceil(over / bought[row] - _SLACK))
            wanted[row] -= taken
            over -= taken * float(bought[row])
