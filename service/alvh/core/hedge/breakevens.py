"""Break-evens: where each leg, the sleeve and the book stop losing, at settlement and before (methodology section 5).

Before expiry the answer is VIX*, the spot VIX at which G(VIX* - VIX, t) = 0 on the frozen curve. All legs and days are
searched at once: a scan over the VIX finds the first crossing, then regula falsi on arrays refines it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alvh.core.hedge.book import Condor, FinancingSpread, HedgeUnit
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.scenario import (
    HedgeMarket,
    ScenarioParameters,
    condor_losses,
    financing_losses,
    linked_spx_return,
)
from alvh.core.hedge.units import L2_ROLL_DAYS, UnitBoard

# VIX closed between 9.14 and 82.69 since 1990: a search from 5 to 150 loses nothing a person would act on.
_LOWEST_VIX: Final = 5.0
_HIGHEST_VIX: Final = 150.0
_SCAN: Final = 96  # points of the scan: steps of 3.6 % of the VIX, inside which gains are close to straight
_LEAST_REACH: Final = 20.0  # VIX points: the farthest shock of the loss table
_LEAST_SHOCK: Final = 1e-3  # VIX points: no shock at all moves SPX by less than the least one does (4.3)
_ROUNDS: Final = 40  # Illinois steps; a dozen reach the tolerance on smooth gains, kinks of floors take more
_TOLERANCE: Final = 1e-6  # VIX points


@dataclass(frozen=True, slots=True, kw_only=True)
class LegBreakEven:
    """Break-even of one leg.

    Attributes:
        leg: its name.
        at_settlement: VIX settlement (options) or front less next future (calendar) at which it breaks even, points.
        at_settlement_with_fees: the same with the entry fees.
        max_gain: greatest gain at settlement of a spread, dollars; None where it is not bounded.
        days: days ahead of each entry below.
        vix: VIX* on each, points; None where no VIX in reach breaks even, or the leg is over by then.
        d_vix: VIX* less today's VIX.
        r_spx: SPX return linked to it, ratio.
    """

    leg: str
    at_settlement: float
    at_settlement_with_fees: float
    max_gain: float | None
    days: tuple[float, ...]
    vix: tuple[float | None, ...]
    d_vix: tuple[float | None, ...]
    r_spx: tuple[float | None, ...]


def leg_break_evens(
    market: HedgeMarket,
    board: UnitBoard,
    parameters: ScenarioParameters,
    days: Sequence[float],
    held: Sequence[bool] = (),
    prices: Sequence[float | None] = (),
) -> tuple[LegBreakEven, ...]:
    """Return the break-evens of every unit on the board, on each of `days`.

    Args:
        market: the snapshot.
        board: the units.
        parameters: of the scenarios.
        days: calendar days ahead.
        held: by unit, whether it is held: its settlement break-even is that of its entry, and its VIX* counts from
            today's mid (4.4); the others are bought at the touch.
        prices: by unit, the net price paid for what is held, points; where None, today's touch stands for it.
    """
    units, times = len(board.units), np.asarray(days, dtype=np.float64)
    if not units:
        return ()
    is_held = np.array(held or [False] * units, dtype=bool)
    paid = [price if kept else None for kept, price in zip(is_held, prices or [None] * units, strict=True)]
    sunk, t = np.where(is_held, board.sunk, 0.0)[:, None], np.tile(times, (units, 1))
    found = first_crossings(lambda d: _each(board, d, t) + sunk, market.vix, (units, times.size))
    over = np.array([[day >= _ends(unit) for day in days] for unit in board.units]).reshape(units, times.size)
    shocks = np.where(over, np.nan, found)
    returns = linked_spx_return(parameters, market.vix, shocks)
    return tuple(
        LegBreakEven(
            leg=unit.leg,
            at_settlement=at_settlement(unit, float(board.spread[row]), 0.0, paid[row]),
            at_settlement_with_fees=at_settlement(unit, float(board.spread[row]), float(board.fees[row]), paid[row]),
            max_gain=_max_gain(unit, paid[row]),
            days=tuple(float(day) for day in days),
            vix=tuple(_known(market.vix + shock) for shock in shocks[row]),
            d_vix=tuple(_known(shock) for shock in shocks[row]),
            r_spx=tuple(_known(value) for value in returns[row]),
        )
        for row, unit in enumerate(board.units)
    )


def sleeve_break_even(
    board: UnitBoard, quantities: Floats, vix: float, day: float, kept: Floats | None = None
) -> float | None:
    """Return the VIX change at which the hedge as a whole breaks even on one day ahead, or None.

    Args:
        board: the units.
        quantities: contracts of each, shape (units,).
        vix: spot, points.
        day: calendar days ahead.
        kept: of them what is held already and counts from today's mid; the rest is bought at the touch.
    """
    if not quantities.any():
        return None
    sunk = 0.0 if kept is None else float(kept @ board.sunk)
    found = first_crossings(lambda d: (quantities @ board.gains(d[0], day) + sunk)[None, :], vix, (1, 1))
    return _known(float(found[0, 0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class BookPoint:
    """Condor, hedge and total P&L at a VIX change with the linked SPX return, dollars."""

    d_vix: float
    day: float
    condor: float
    hedge: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.condor + self.hedge


def book_grid(
    market: HedgeMarket,
    condors: Sequence[Condor],
    board: UnitBoard,
    quantities: Floats,
    parameters: ScenarioParameters,
    shocks: Sequence[float],
    days: Sequence[float],
) -> tuple[BookPoint, ...]:
    """Return the P&L of condors and hedge over VIX changes and days, SPX linked, VIX kept at its new level."""
    d = np.repeat(np.asarray(shocks, dtype=np.float64), len(days))
    t = np.tile(np.asarray(days, dtype=np.float64), len(shocks))
    r = linked_spx_return(parameters, market.vix, d)
    condor = -condor_losses(market, condors, r, d, t, shift_cap=parameters.shift_cap)
    hedge = quantities @ board.gains(d, t) if len(board.units) else np.zeros_like(condor)
    return tuple(
        BookPoint(d_vix=float(d[at]), day=float(t[at]), condor=float(condor[at]), hedge=float(hedge[at]))
        for at in range(d.size)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTurn:
    """A VIX change at which condors and hedge together break even; at a fall they lose behind it."""

    d_vix: float
    is_fall: bool


def book_break_evens(
    market: HedgeMarket,
    condors: Sequence[Condor],
    board: UnitBoard,
    quantities: Floats,
    parameters: ScenarioParameters,
    day: float,
    financing: Sequence[FinancingSpread] = (),
    kept: Floats | None = None,
) -> tuple[BookTurn, ...]:
    """Return the VIX changes above zero at which condors, hedge and financing change sign, rising; often none or one.

    What financing earns counts from its credit on; of spreads held, and of contracts `kept`, from what they are worth
    now.
    """
    sunk = 0.0 if kept is None else float(kept @ board.sunk)

    def total(d: Floats) -> Floats:
        r = linked_spx_return(parameters, market.vix, d[0])
        condor = -condor_losses(market, condors, r, d[0], day, shift_cap=parameters.shift_cap)
        hedge = quantities @ board.gains(d[0], day) + sunk if len(board.units) else 0.0
        sold = -financing_losses(market, financing, r, d[0], day) if financing else 0.0
        return np.asarray(condor + hedge + sold)[None, :]

    # Three times the VIX, or 150: farther out the linked regression leaves SPX with nothing.
    reach = max(_LEAST_REACH, min(2.0 * market.vix, _HIGHEST_VIX - market.vix))
    shocks = np.geomspace(market.vix + _LEAST_SHOCK, market.vix + reach, _SCAN) - market.vix
    values = total(shocks[None, :])[0]
    turns = np.flatnonzero((values[:-1] > 0.0) != (values[1:] > 0.0))
    if not turns.size:
        return ()
    low, high = shocks[turns], shocks[turns + 1]
    roots = _refine(total, low[None, :], high[None, :], values[turns][None, :], values[turns + 1][None, :])
    return tuple(
        BookTurn(d_vix=float(root), is_fall=bool(before > 0.0))
        for root, before in zip(roots[0], values[turns], strict=True)
    )


def at_settlement(unit: HedgeUnit, spread_usd: float, fees_usd: float, paid: float | None = None) -> float:
    """Return the VIX settlement, or front less next future, at which a unit breaks even.

    Of a future alone it is its own settlement; shares have none (NaN).

    Args:
        unit: what is bought.
        spread_usd: round-trip slippage of futures, dollars per unit.
        fees_usd: fees counted, dollars per unit; futures always count their entry fees (section 5: -0.76).
        paid: net price it was bought at, points; None: it is bought at the touch.
    """
    if unit.shares:
        return np.nan  # they never settle
    if unit.futures:
        start = sum(future.ratio * future.price for future in unit.futures)
        slippage = spread_usd if paid is None else 0.5 * spread_usd  # a price paid has half of it inside
        return (start if paid is None else paid) + (slippage + unit.fee_usd * unit.contracts) / unit.multiplier
    debit = _touch(unit) if paid is None else paid
    lowest = min(call.strike for call in unit.calls if call.ratio > 0)
    return lowest + debit + fees_usd / unit.multiplier


def first_crossings(gains: Callable[[Floats], Floats], vix: float, shape: tuple[int, int]) -> Floats:
    """Return the smallest VIX change, at or above the search's low end, at which each gain rises through zero.

    Args:
        gains: from VIX changes (rows, s) with s a multiple of the columns to gains of that shape. Changes are given
            column by column: all scan points of the first column first.
        vix: spot, points.
        shape: (rows, columns) of the result.

    Returns:
        VIX changes, NaN where no change within the search makes a gain.
    """
    rows, columns = shape
    grid = _scan_points(vix)
    values = gains(np.tile(grid, (rows, columns))).reshape(rows, columns, grid.size)
    rises = (values[..., :-1] < 0.0) & (values[..., 1:] >= 0.0)
    found = rises.any(axis=2)
    at = rises.argmax(axis=2)
    low, high = grid[at], grid[at + 1]
    at_low = np.take_along_axis(values, at[..., None], axis=2)[..., 0]
    at_high = np.take_along_axis(values, at[..., None] + 1, axis=2)[..., 0]
    return np.where(found, _refine(gains, low, high, at_low, at_high), np.nan)


def _refine(gains: Callable[[Floats], Floats], low: Floats, high: Floats, at_low: Floats, at_high: Floats) -> Floats:
    """Return the roots inside brackets, by regula falsi with the Illinois rule on all of them at once."""
    a, b, fa, fb = low, high, at_low, at_high
    for _ in range(_ROUNDS):
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.where(fb == fa, 0.5 * (a + b), b - fb * (b - a) / (fb - fa))
        # The step shrinks by orders of magnitude a round: what is left behind one this small is below any digit shown.
        if (np.minimum(np.abs(root - b), np.abs(b - a)) <= _TOLERANCE).all():
            return root
        value = gains(root)
        crossed = (value > 0.0) != (fb > 0.0)
        a, fa = np.where(crossed, b, a), np.where(crossed, fb, 0.5 * fa)
        b, fb = root, value
    return b


def _scan_points(vix: float) -> Floats:
    """Return VIX changes from far below to far above, evenly spaced in the logarithm of the VIX."""
    return np.asarray(np.geomspace(min(_LOWEST_VIX, 0.5 * vix), max(_HIGHEST_VIX, 2.0 * vix), _SCAN) - vix)


def _each(board: UnitBoard, d: Floats, t: Floats) -> Floats:
    """Return gains where every unit has its own changes; each column of `t` serves an equal run of columns of `d`."""
    return board.gains(d, np.repeat(t, d.shape[1] // t.shape[1], axis=1))


def _ends(unit: HedgeUnit) -> float:
    if unit.shares:
        return np.inf
    return unit.days - L2_ROLL_DAYS + 1.0 if unit.futures else unit.days


def _touch(unit: HedgeUnit) -> float:
    return sum(call.ratio * call.touch for call in unit.calls)


def _max_gain(unit: HedgeUnit, paid: float | None) -> float | None:
    if not unit.calls or sum(call.ratio for call in unit.calls) > 0:
        return None
    debit = _touch(unit) if paid is None else paid
    return (-sum(call.ratio * call.strike for call in unit.calls) - debit) * unit.multiplier


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
