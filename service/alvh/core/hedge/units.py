"""The unit table: what one contract of each hedge leg gains in a shock, costs over the horizon, and reacts to.

All legs are repriced over all scenarios in one array pass (methodology 4.4). Entry is at the touch; exit at the model
mid less half of the entry spread per option; at and behind settlement an option is worth max(0, VIX - K).

What stands in for an option (L-F) is priced on the same curve: a future as those of the calendar are, shares as a
position in 30-day futures that rolls down the frozen curve every day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alvh.core.hedge.book import ETP_DAYS, HedgeUnit, VixCall
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, Greeks, black76, black76_greeks
from alvh.core.hedge.scenario import HedgeMarket

L1_ROLL_DAYS: Final = 10.0
"""DTE at which L1 and L1b are rolled (methodology 3.1)."""

L2_ROLL_DAYS: Final = 7.0
"""DTE of the front future at which the calendar spread is rolled; its P&L is frozen there."""

L2_STOP_POINTS: Final = 1.00
"""Loss at which the calendar spread is closed (methodology 3.1): what it puts at risk."""

LOWEST_VIX: Final = 9.0
"""Below the lowest close of the VIX since 1990 (9.14): what a future without a stop is put at risk down to."""

DEFAULT_SLIPPAGE: Final = 0.02
"""Round trip of a VXM calendar spread in points where no quote says it: two ticks of the spread book."""

_SHORT_DATED: Final = ("L1", "L1b")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTable:
    """The units of a sizing side by side; every array has one row per unit, dollars per unit.

    Attributes:
        units: what the rows are.
        mid: today's model mid; of futures what today's spread is worth in dollars.
        gain: G at the touch, shape (units, shocks), the shocks asked for.
        gain_held: the same of a unit that is held: from today's mid, no entry cost.
        cost: K over the horizon, never below the round trip.
        cost_held: K of a unit that is held.
        efficiency: gain at the design shock over cost.
        spx_pct: D, per +1 % SPX.
        vix_point: V$, per +1 VIX point.
        premium: debit that can be lost (options, shares), at the touch.
        stop: loss at which a futures spread is closed; of a future alone, which has no stop, its loss to a VIX of 9.
        capital: tied: debit, or margin of futures.
        entry_cost: half spreads and fees that a purchase costs at once.
        exit_cost: half spreads and fees that a sale costs at once.
    """

    units: tuple[HedgeUnit, ...]
    mid: Floats
    gain: Floats
    gain_held: Floats
    cost: Floats
    cost_held: Floats
    efficiency: Floats
    spx_pct: Floats
    vix_point: Floats
    premium: Floats
    stop: Floats
    capital: Floats
    entry_cost: Floats
    exit_cost: Floats


class UnitBoard:
    """All parts of all units as arrays: prices any of them at any VIX change and time in one pass."""

    def __init__(self, market: HedgeMarket, units: Sequence[HedgeUnit], vvix_beta: float = 0.0) -> None:
        self.units = tuple(units)
        self._market = market
        self._vvix_beta = vvix_beta
        calls = [(row, unit, call) for row, unit in enumerate(self.units) for call in unit.calls]
        futures = [(row, unit, future) for row, unit in enumerate(self.units) for future in unit.futures]
        shares = [(row, unit, share) for row, unit in enumerate(self.units) for share in unit.shares]
        self._call_row = np.array([row for row, _, _ in calls], dtype=np.intp)
        self._days = np.array([[call.days] for _, _, call in calls]).reshape(-1, 1)
        self._strike = np.array([[call.strike] for _, _, call in calls]).reshape(-1, 1)
        self._vol = np.array([[call.vol] for _, _, call in calls]).reshape(-1, 1)
        self._ratio = np.array([[float(call.ratio)] for _, _, call in calls]).reshape(-1, 1)
        self._half = np.array([[0.5 * (call.ask - call.bid)] for _, _, call in calls]).reshape(-1, 1)
        self._to_unit = _collect(self._call_row, [unit.multiplier for _, unit, _ in calls], self._ratio, len(units))
        self._future_row = np.array([row for row, _, _ in futures], dtype=np.intp)
        self._future_days = np.array([[future.days] for _, _, future in futures]).reshape(-1, 1)
        self._future_ratio = np.array([[float(future.ratio)] for _, _, future in futures]).reshape(-1, 1)
        self._roll = np.array([[max(unit.days - L2_ROLL_DAYS, 0.0)] for _, unit, _ in futures]).reshape(-1, 1)
        self._future_to_unit = _collect(
            self._future_row, [unit.multiplier for _, unit, _ in futures], self._future_ratio, len(units)
        )
        self._share_row = np.array([row for row, _, _ in shares], dtype=np.intp)
        self._share_price = np.array([[share.price] for _, _, share in shares]).reshape(-1, 1)
        self._share_half = np.array([[0.5 * (share.ask - share.bid)] for _, _, share in shares]).reshape(-1, 1)
        self._share_beta = np.array([[share.beta] for _, _, share in shares]).reshape(-1, 1)
        self._share_ratio = np.array([[float(share.ratio)] for _, _, share in shares]).reshape(-1, 1)
        self._share_to_unit = _collect(
            self._share_row, [unit.multiplier for _, unit, _ in shares], self._share_ratio, len(units)
        )
        self.mid = self.marks(0.0, 0.0)[:, 0]
        self.entry = self._entry()
        self.fees = np.array([unit.fee_usd * unit.contracts for unit in self.units])
        self.spread = self._spread()
        self.is_futures = np.array([bool(unit.futures) for unit in self.units], dtype=bool)
        self.is_calendar = np.array([unit.is_calendar for unit in self.units], dtype=bool)
        # What a purchase loses at once and a holding has lost already.
        self.sunk = np.where(self.is_futures, 0.5 * self.spread, self.entry - self.mid) + self.fees

    def marks(self, d_vix: ArrayLike, elapsed: ArrayLike) -> Floats:
        """Return model mids, dollars per unit, shape (units, s): options what they are worth, futures what they won.

        Args:
            d_vix: VIX change in points, shape (s,) for all units alike or (units, s).
            elapsed: calendar days, a number or of the same shapes.
        """
        return self._values(d_vix, elapsed, with_exit_cost=False)

    def exits(self, d_vix: ArrayLike, elapsed: ArrayLike) -> Floats:
        """Return what closing brings, dollars per unit, shape (units, s): `marks` less half spreads, floored at 0."""
        return self._values(d_vix, elapsed, with_exit_cost=True)

    def gains(self, d_vix: ArrayLike, elapsed: ArrayLike) -> Floats:
        """Return G: P&L of units bought at the touch, with the entry fee only, dollars per unit, shape (units, s)."""
        slip = np.where(self.is_futures, self.spread, 0.0)
        return np.asarray(self.exits(d_vix, elapsed) - (self.entry + slip + self.fees)[:, None])

    def gains_held(self, d_vix: ArrayLike, elapsed: ArrayLike) -> Floats:
        """Return P&L of units already held from today's mid: no entry cost, exit cost as of any other."""
        return np.asarray(self.gains(d_vix, elapsed) + self.sunk[:, None])

    def part_vix_points(self) -> tuple[tuple[int, float, float], ...]:
        """Return (unit row, days to settlement, dollars per +1 VIX point) of every part: the ladder by expiry (S47)."""
        found: list[tuple[int, float, float]] = []
        d = np.array([[0.0, 1.0]])
        if self._days.size:
            prices = self._call_mids(d, 0.0)
            for part, row in enumerate(self._call_row):
                moved = (prices[part, 1] - prices[part, 0]) * self._ratio[part, 0] * self.units[row].multiplier
                found.append((int(row), float(self._days[part, 0]), float(moved)))
        if self._future_days.size:
            levels = self._market.curve.forward(self._future_days, 0.0, self._market.vix + d)
            for part, row in enumerate(self._future_row):
                moved = (levels[part, 1] - levels[part, 0]) * self._future_ratio[part, 0] * self.units[row].multiplier
                found.append((int(row), float(self._future_days[part, 0]), float(moved)))
        if self._share_row.size:
            prices = self._share_mids(d, 0.0)
            near, far = self._market.curve.around(ETP_DAYS)
            # Shares hold the two futures around 30 days, in the parts that make 30 days of them.
            first = 1.0 if far <= near else min(max((far - ETP_DAYS) / (far - near), 0.0), 1.0)
            for part, row in enumerate(self._share_row):
                unit = self.units[row]
                moved = (prices[part, 1] - prices[part, 0]) * self._share_ratio[part, 0] * unit.multiplier
                found += [
                    (int(row), at, float(moved) * share)
                    for at, share in ((near, first), (far, 1.0 - first))
                    if at > 0.0 and share > 0.0
                ]
        return tuple(found)

    def round_trip(self) -> Floats:
        """Return what buying and selling at once costs: spread and the fees of both sides, dollars per unit."""
        return np.asarray(self.spread + 2.0 * self.fees)

    def _values(self, d_vix: ArrayLike, elapsed: ArrayLike, *, with_exit_cost: bool) -> Floats:
        d, t = np.atleast_2d(np.asarray(d_vix, dtype=np.float64)), np.atleast_2d(np.asarray(elapsed, dtype=np.float64))
        values = np.zeros((len(self.units), max(d.shape[1], t.shape[1])))
        if self._days.size:
            d_calls, t_calls = _rows(d, self._call_row), _rows(t, self._call_row)
            prices = self._call_mids(d_calls, t_calls)
            if with_exit_cost:
                paid = np.where(self._ratio > 0, np.maximum(0.0, prices - self._half), prices + self._half)
                prices = np.where(t_calls < self._days, paid, prices)
            values += self._to_unit @ prices
        if self._future_days.size:
            d_futures, t_futures = _rows(d, self._future_row), _rows(t, self._future_row)
            curve = self._market.curve
            held = np.minimum(t_futures, self._roll)  # rolled at DTE 7: the P&L is frozen there
            moved = curve.forward(self._future_days, held, curve.vix + d_futures) - curve.level(self._future_days)
            values += self._future_to_unit @ moved
        if self._share_row.size:
            worth = self._share_mids(_rows(d, self._share_row), _rows(t, self._share_row))
            if with_exit_cost:
                worth = np.maximum(0.0, worth - self._share_half)
            values += self._share_to_unit @ worth
        return values

    def _share_mids(self, d: ArrayLike, t: ArrayLike) -> Floats:
        """Return the worth of ETP shares in dollars, shape (shares, s)."""
        curve = self._market.curve
        level = curve.kept(ETP_DAYS, t, curve.vix + np.asarray(d, dtype=np.float64))
        return np.asarray(self._share_price * level**self._share_beta)

    def _call_mids(self, d: ArrayLike, t: ArrayLike) -> Floats:
        """Return call values in points, shape (calls, s)."""
        curve = self._market.curve
        change = np.asarray(d, dtype=np.float64)
        vix_then = np.maximum(curve.vix + change, 0.0)
        left = self._days - np.asarray(t, dtype=np.float64)
        vol = self._vol
        if self._vvix_beta:
            vol = vol + self._vvix_beta / 100.0 * change * np.minimum(1.0, np.sqrt(30.0 / np.maximum(self._days, 1.0)))
            vol = np.maximum(vol, 0.01)
        forward = curve.forward(self._days, t, vix_then)
        alive = black76(forward, self._strike, np.maximum(left, 0.0) / DAYS_PER_YEAR, vol, self._market.rate, np.True_)
        return np.where(left > 0.0, alive, np.maximum(0.0, vix_then - self._strike))

    def _entry(self) -> Floats:
        return np.array(
            [
                unit.multiplier
                * (
                    sum(call.ratio * call.touch for call in unit.calls)
                    + sum(share.ratio * share.ask for share in unit.shares)
                )
                for unit in self.units
            ]
        )

    def _spread(self) -> Floats:
        """Return the whole spread of each unit in dollars; of futures their round-trip slippage."""
        return np.array([unit.multiplier * _spread_points(unit) for unit in self.units])


def call_greeks(market: HedgeMarket, call: VixCall) -> Greeks:
    """Return today's value and Greeks of one VIX call on the future of its own expiry."""
    years = call.days / DAYS_PER_YEAR
    return black76_greeks(market.curve.level(call.days), call.strike, years, call.vol, market.rate, np.True_)


def unit_table(
    board: UnitBoard, shocks: Sequence[float], design: int, horizon: float, gamma: float, vix: float
) -> UnitTable:
    """Return the unit table.

    Args:
        board: the units.
        shocks: VIX changes of `gain`, points.
        design: index of the design shock in `shocks`.
        horizon: H, calendar days.
        gamma: per cent by which the VIX moves against one per cent of SPX.
        vix: spot, points.
    """
    gain = board.gains(shocks, 0.0)
    gain_held = gain + board.sunk[:, None]
    cost, cost_held = _costs(board, horizon)
    step = vix * gamma / 100.0
    bumped = board.marks([-step, step, 0.0, 1.0], 0.0)
    half = 0.5 * board.spread
    stops = _stops(board, vix)
    return UnitTable(
        units=board.units,
        mid=np.where(board.is_futures, _futures_marks(board), board.mid),
        gain=gain,
        gain_held=gain_held,
        cost=cost,
        cost_held=cost_held,
        efficiency=gain[:, design] / cost,
        spx_pct=0.5 * (bumped[:, 0] - bumped[:, 1]),
        vix_point=bumped[:, 3] - bumped[:, 2],
        premium=np.where(board.is_futures, 0.0, np.maximum(board.entry, 0.0)),
        stop=stops,
        capital=np.where(
            board.is_calendar,
            FUTURES_MARGIN_POINTS * _multipliers(board),
            np.where(board.is_futures, stops, np.maximum(board.entry, 0.0)),
        ),
        entry_cost=board.sunk,
        exit_cost=half + board.fees,
    )


FUTURES_MARGIN_POINTS: Final = 2.0
"""Margin of a VIX calendar spread in points of its multiplier: $2,000 per VX spread, the order of what brokers ask.

A future alone ties what it can lose down to a VIX of 9: no broker's rule is known here, and less would be too little.
"""


def _stops(board: UnitBoard, vix: float) -> Floats:
    """Return what futures put at risk, dollars: a calendar its stop, a future alone its loss to a VIX of 9.

    That loss is the greater of today's and that on the day of its roll, where the future answers to the VIX the most;
    the round trip comes on top.
    """
    stops = np.where(board.is_futures, L2_STOP_POINTS * _multipliers(board), 0.0)
    if not (board.is_futures & ~board.is_calendar).any():
        return stops
    until = np.array([max(unit.days - L2_ROLL_DAYS, 0.0) for unit in board.units])
    fall = np.full((len(board.units), 2), min(LOWEST_VIX - vix, 0.0))
    worst = board.marks(fall, np.stack((np.zeros_like(until), until), axis=1)).min(axis=1)
    return np.where(board.is_futures & ~board.is_calendar, np.maximum(-worst, 0.0) + board.spread, stops)


def _costs(board: UnitBoard, horizon: float) -> tuple[Floats, Floats]:
    """Return K of units to be bought and of units held, dollars."""
    nearest = np.array([unit.days for unit in board.units])
    whole = np.array([unit.leg in _SHORT_DATED and bool(unit.calls) for unit in board.units], dtype=bool)
    whole &= nearest - L1_ROLL_DAYS <= horizon
    # Options are looked at after the horizon; futures over the days before their roll, scaled up to it.
    carried = np.minimum(horizon, nearest - L2_ROLL_DAYS)
    carried = np.where(carried > 0.0, carried, 1.0)
    elapsed = np.where(board.is_futures, carried, horizon)
    at_end = board.exits(np.zeros((len(board.units), 1)), elapsed[:, None])[:, 0]
    # The premium is gone: nothing is sold, so only the purchase pays fees (152.00 for the spread of the worked table).
    fresh = np.where(whole, board.entry + board.fees, board.entry - at_end + 2.0 * board.fees)
    held = np.where(whole, board.mid, board.mid - at_end + board.fees)
    if board.is_futures.any():
        lost = np.where(nearest > L2_ROLL_DAYS, -at_end * horizon / carried, 0.0)
        fresh = np.where(board.is_futures, lost + board.spread + board.fees, fresh)
        held = np.where(board.is_futures, lost + 0.5 * board.spread, held)
    one_way = 0.5 * board.spread + board.fees
    return np.maximum(fresh, board.round_trip()), np.maximum(held, one_way)


def _rows(scenarios: Floats, rows: NDArray[np.intp]) -> Floats:
    """Return the scenarios of each part: its unit's row where units have their own, the common one otherwise."""
    return scenarios[rows] if scenarios.shape[0] > 1 else scenarios


def _spread_points(unit: HedgeUnit) -> float:
    if unit.calls:
        return sum(abs(call.ratio) * (call.ask - call.bid) for call in unit.calls)
    if unit.shares:
        return sum(abs(share.ratio) * (share.ask - share.bid) for share in unit.shares)
    if unit.slippage is not None:
        return unit.slippage
    widths = [
        abs(future.ratio) * (future.ask - future.bid)
        for future in unit.futures
        if future.bid is not None and future.ask is not None
    ]
    # Half of each width is paid on the way in and half on the way out.
    return sum(widths) if len(widths) == len(unit.futures) else DEFAULT_SLIPPAGE


def _futures_marks(board: UnitBoard) -> Floats:
    return np.array([unit.multiplier * sum(part.ratio * part.price for part in unit.futures) for unit in board.units])


def _multipliers(board: UnitBoard) -> Floats:
    return np.array([unit.multiplier for unit in board.units])


def _collect(rows: NDArray[np.intp], multipliers: Sequence[float], ratio: Floats, units: int) -> Floats:
    """Return the matrix that adds parts up to units: (units, parts) of ratio times multiplier."""
    matrix = np.zeros((units, rows.size))
    matrix[rows, np.arange(rows.size)] = np.asarray(multipliers, dtype=np.float64) * ratio[:, 0]
    return matrix
