"""Which units stand in which leg: lots held first, then what can be bought; and the arrays the solver works on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.book import LEGS, HedgeLeg, HedgeUnit
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.units import UnitTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """What each leg offers per contract: held lots of other terms first, then what can be bought; the last has no end.

    Attributes:
        start: contracts in the slot before each segment, shape (5, segments); the first is 0.
        gain: at the design shock, dollars per contract, (5, segments); 0 throughout where a leg is not to be had.
        gain_high: at 7/6 of it.
        cost: K at the touch.
        refund: entry cost per contract that what is held has already paid, and K at the touch would charge again.
        premium: put at risk per contract, futures stops included.
        delta: dollars per +1 % SPX.
        per_unit: contracts or shares that stand for one of the leg's own (L-F), 1 for its own.
    """

    start: Floats
    gain: Floats
    gain_high: Floats
    cost: Floats
    refund: Floats
    premium: Floats
    delta: Floats
    per_unit: Floats

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which legs have anything that gains, shape (5,)."""
        return np.asarray(self.gain[:, -1] > 0.0)

    def total(self, contracts: Floats, each: Floats) -> Floats:
        """Return the sum over legs of a quantity given per contract: (..., 5) to (...)."""
        if self.start.shape[1] == 1:
            return np.asarray(contracts @ each[:, 0])
        return np.asarray((self.split(contracts) * each).sum(axis=(-2, -1)))

    def true_cost(self, contracts: Floats, held: Floats) -> Floats:
        """Return HC of (B, 5) contracts: what is held, (B, 5, segments), at its own K, the rest at the touch."""
        paid = np.minimum(self.split(contracts), held)
        return np.asarray(self.total(contracts, self.cost) - (paid * self.refund).sum(axis=(-2, -1)))

    def split(self, contracts: Floats) -> Floats:
        """Spread contracts over the segments of their slot: (..., 5) to (..., 5, segments)."""
        ends = np.concatenate((self.start[:, 1:], np.full((len(LEGS), 1), np.inf)), axis=1)
        return np.clip(contracts[..., None], self.start, ends) - self.start

    def scale(self, direction: Floats, each: Floats, total: Floats) -> Floats:
        """Return the multiple of `direction` (B, 5) at which the sum of `each` reaches `total` (B,); inf if never."""
        if self.start.shape[1] == 1:
            slope = direction @ each[:, 0]
            return np.where(slope > 0.0, np.maximum(total, 0.0) / np.where(slope > 0.0, slope, 1.0), np.inf)
        kinks = [np.zeros(direction.shape[0])]
        for leg, segment in zip(*np.nonzero(self.start[:, 1:]), strict=True):
            with np.errstate(divide="ignore"):
                at = self.start[leg, segment + 1] / direction[:, leg]
            kinks.append(np.where(np.isfinite(at), at, 0.0))
        places = np.sort(np.stack(kinks, axis=1), axis=1)
        reached = self.total(places[:, :, None] * direction[:, None, :], each)
        last = np.maximum((reached <= total[:, None]).sum(axis=1) - 1, 0)
        rows = np.arange(direction.shape[0])
        base, at_base = places[rows, last], reached[rows, last]
        # Between two kinks the sum is straight: its slope is measured over one unit inside the piece, or beyond them.
        following = np.minimum(last + 1, places.shape[1] - 1)
        inner = places[rows, following] > base
        step = np.where(inner, places[rows, following] - base, 1.0)
        rise = (self.total((base + step)[:, None] * direction, each) - at_base) / step
        with np.errstate(divide="ignore", invalid="ignore"):
            more = (total - at_base) / rise
        return np.where(rise > 0.0, base + np.maximum(more, 0.0), np.inf)

    def ladder(self, weights: Floats, total: Floats) -> Floats:
        """Return contracts (B, 5) of a ladder of the legs' own contracts that gain `total` (B,) dollars together.

        A ladder is counted in contracts of the leg's own: where a future or shares stand in for them, or lots of both
        kinds are held, each counts as what it stands for.
        """
        lengths = np.diff(self.start, axis=1) / self.per_unit[:, :-1]
        start = np.concatenate((np.zeros((len(LEGS), 1)), np.cumsum(lengths, axis=1)), axis=1)
        own = replace(self, start=start, gain=self.gain * self.per_unit)
        direction = np.broadcast_to(weights, (total.size, len(LEGS)))
        units = own.scale(direction, own.gain, total)
        counts = np.where(np.isfinite(units), units, 0.0)[:, None] * direction
        if (self.per_unit == 1.0).all():
            return np.asarray(counts)
        return np.asarray((own.split(counts) * self.per_unit).sum(axis=-1))

    def contracts_for(self, gains: Floats) -> Floats:
        """Return contracts of each leg that gain `gains` (B, 5) dollars at the design shock; 0 of the unusable."""
        left, contracts = np.maximum(gains, 0.0), np.zeros_like(gains)
        ends = np.concatenate((self.start[:, 1:], np.full((len(LEGS), 1), np.inf)), axis=1)
        for segment in range(self.start.shape[1]):
            each = self.gain[:, segment]
            wanted = np.where(each > 0.0, left / np.where(each > 0.0, each, 1.0), 0.0)
            taken = np.minimum(wanted, ends[:, segment] - self.start[:, segment])
            contracts, left = contracts + taken, left - taken * each
        return np.where(self.usable, contracts, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """The rows of a unit table and where they belong.

    Attributes:
        units: the rows.
        held: units held of each row.
        buyable: whether more of a row can be bought.
        kept: False for rows that are to go whatever the target.
        fixed: whether no order may touch a row (its quotes fail the gate).
        entry_prices: net price paid per unit, points, or None.
        rows: for each of `LEGS` its rows in the order in which they are filled; what can be bought is last.
    """

    units: tuple[HedgeUnit, ...]
    held: tuple[int, ...]
    buyable: tuple[bool, ...]
    kept: tuple[bool, ...]
    fixed: tuple[bool, ...]
    entry_prices: tuple[float | None, ...]
    rows: tuple[tuple[int, ...], ...]

    def held_by_leg(self) -> Floats:
        """Return contracts held that count towards each leg, shape (5,)."""
        return np.array([float(sum(self.held[row] for row in rows)) for rows in self.rows])

    def spread(self, contracts: NDArray[np.int64], used: NDArray[np.bool_]) -> tuple[int, ...]:
        """Return the target of each row for contracts (5,) of each leg: earlier rows first, untouchable ones kept.

        Args:
            contracts: of each leg.
            used: rows that gain anything, (rows,); the others are given up.
        """
        targets = [held if fixed else 0 for held, fixed in zip(self.held, self.fixed, strict=True)]
        for leg, rows in enumerate(self.rows):
            left = int(contracts[leg]) - sum(targets[row] for row in rows)
            for row in rows:
                if self.fixed[row] or not used[row]:
                    continue
                taken = max(0, left if self.buyable[row] else min(left, self.held[row]))
                targets[row], left = taken, left - taken
        return tuple(targets)


def plan_slots(candidates: Sequence[HedgeUnit], held: Sequence[HedgeLeg]) -> SlotPlan:
    """Return the plan: a held lot on the terms of what can be bought is one row with it.

    Args:
        candidates: what could be bought, at most one unit for each leg.
        held: lots in the order in which they are to be kept.

    Raises:
        ValueError: two candidates for one leg, or a negative quantity.
    """
    rows: list[list[int]] = [[] for _ in LEGS]
    units: list[HedgeUnit] = []
    lots: list[HedgeLeg | None] = []
    bought = {unit.leg: unit for unit in candidates}
    if len(bought) < len(candidates) or any(lot.quantity < 0 for lot in held):
        raise ValueError("at most one candidate for each leg, and no negative quantity held")
    merged: dict[str, HedgeLeg] = {}
    # Lots that no order may touch are counted first: what the target leaves goes to the others.
    for lot in sorted(held, key=lambda lot: lot.is_tradable):
        candidate = bought.get(lot.unit.leg)
        if candidate and lot.is_kept and lot.is_tradable and candidate.terms == lot.unit.terms:
            merged[lot.unit.leg] = _joined(merged.get(lot.unit.leg), lot)
            continue
        if lot.is_kept:
            rows[LEGS.index(lot.unit.leg)].append(len(units))
        units.append(lot.unit)
        lots.append(lot)
    for leg in LEGS:
        if leg in bought:
            rows[LEGS.index(leg)].append(len(units))
            units.append(bought[leg])
            lots.append(merged.get(leg))
    first_bought = len(units) - len(bought)
    return SlotPlan(
        units=tuple(units),
        held=tuple(lot.quantity if lot else 0 for lot in lots),
        buyable=tuple(row >= first_bought for row in range(len(units))),
        kept=tuple(lot is None or lot.is_kept for lot in lots),
        fixed=tuple(lot is not None and not lot.is_tradable for lot in lots),
        entry_prices=tuple(lot.entry_price if lot else None for lot in lots),
        rows=tuple(tuple(each) for each in rows),
    )


def slots_of(plan: SlotPlan, table: UnitTable, design: int, high: int) -> tuple[Slots, Floats]:
    """Return the solver's slots and what is held in their segments, (5, segments).

    Rows that gain nothing at the design shock are not used (methodology 4.4).

    Args:
        plan: the rows.
        table: their values.
        design: index of the design shock in the table's gains.
        high: index of 7/6 of it.
    """
    gains = table.gain[:, design]
    used = [[row for row in rows if gains[row] > 0.0] for rows in plan.rows]
    depth = max(1, *(len(rows) for rows in used))
    # Short slots are padded in front with segments of no length; a leg with nothing to offer has rows of zeros.
    index = np.full((len(LEGS), depth), -1, dtype=np.intp)
    start, held = np.zeros((len(LEGS), depth)), np.zeros((len(LEGS), depth))
    for leg, rows in enumerate(used):
        filled = 0.0
        for place, row in enumerate(rows, depth - len(rows)):
            index[leg, place], start[leg, place], held[leg, place] = row, filled, plan.held[row]
            filled += plan.held[row]
    present = index >= 0

    def each(values: Floats) -> Floats:
        return np.where(present, values[index], 0.0) if values.size else np.zeros(index.shape)

    slots = Slots(
        start=start,
        gain=each(gains),
        gain_high=each(table.gain[:, high]),
        cost=each(table.cost),
        refund=each(np.maximum(table.cost - table.cost_held, 0.0)),
        premium=each(table.premium + table.stop),
        delta=each(table.spx_pct),
        per_unit=np.where(present, np.array([unit.per_unit for unit in plan.units], dtype=np.float64)[index], 1.0)
        if plan.units
        else np.ones(index.shape),
    )
    return slots, held


def _joined(one: HedgeLeg | None, other: HedgeLeg) -> HedgeLeg:
    """Return two lots of the same terms as one, at their average price where both are known."""
    if one is None:
        return other
    quantity = one.quantity + other.quantity
    price = None
    if one.entry_price is not None and other.entry_price is not None and quantity:
        price = (one.entry_price * one.quantity + other.entry_price * other.quantity) / quantity
    return HedgeLeg(unit=other.unit, quantity=quantity, entry_price=price)
