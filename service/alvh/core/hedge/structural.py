"""Held L3 stays (methodology 3.1): how much of it the limits of higher rank leave, and what gains nothing besides."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.slots import SlotPlan
from alvh.core.hedge.trimming import Limits
from alvh.core.hedge.units import UnitTable

STRUCTURAL: Final = ("L3a", "L3b")
"""Legs that are sold in MONETISE or when over a limit, and not because the target has fallen."""

IS_STRUCTURAL: Final[NDArray[np.bool_]] = np.array([leg in STRUCTURAL for leg in LEGS])

Fits = Callable[[Floats], NDArray[np.bool_]]


def least_of(held: Floats) -> Floats:
    """Return contracts of each leg that stay whatever the target, (..., 5), of those held in segments, (..., 5, s)."""
    return np.where(IS_STRUCTURAL, held.sum(axis=-1), 0.0)


def largest(fits: Fits, count: int) -> Floats:
    """Return the largest share in [0, 1] that fits, (count,), by bisection; what fits must fall as the share rises."""
    whole = np.ones(count)
    fit = fits(whole)
    if fit.all():
        return whole
    low, high = np.zeros(count), np.ones(count)
    for _ in range(48):  # to a share of 4e-15, below any fraction of a contract that matters
        middle = 0.5 * (low + high)
        inside = fits(middle)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.where(fit, 1.0, low)


def idle_kept(
    plan: SlotPlan, table: UnitTable, targets: Sequence[int], design: int, limits: Limits
) -> tuple[tuple[int, ...], tuple[tuple[str, str], ...]]:
    """Return the targets with the held L3 that gains nothing at the design shock, as much as the limits leave room for.

    It is no part of the solve, which uses nothing that does not gain; and it is not sold for that either. The second
    answer names (leg, limit) of what there is no room for.

    Args:
        plan: the rows.
        table: their values.
        targets: units of each row.
        design: index of the design shock in the table's gains.
        limits: of the whole hedge.
    """
    found, sold = list(targets), []
    for row, unit in enumerate(plan.units):
        is_idle = unit.leg in STRUCTURAL and plan.kept[row] and not plan.fixed[row]
        if not (is_idle and plan.held[row] and table.gain[row, design] <= 0.0):
            continue
        wanted, held = np.array(found, dtype=np.float64), np.array(plan.held, dtype=np.float64)
        stay = np.minimum(wanted, held)
        risk = table.premium + table.stop
        room = (
            ("CAP", limits.cost - float(stay @ table.cost_held + (wanted - stay) @ table.cost), table.cost_held[row]),
            ("PREMIUM", limits.premium - float(wanted @ risk), risk[row]),
            ("BOOK_DELTA", limits.delta + float(wanted @ table.spx_pct), -table.spx_pct[row]),
        )
        counts = [(int(max(0.0, left) / float(each) + 1e-9), name) for name, left, each in room
                  if each > 0.0 and np.isfinite(left)]  # fmt: skip
        most, name = min(counts, default=(plan.held[row], ""))
        found[row] = min(plan.held[row], most)
        if found[row] < plan.held[row]:
            sold.append((unit.leg, name))
    return tuple(found), tuple(sold)
