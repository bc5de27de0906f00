"""One contract of each leg of the hedge: which the rules of 3.1 choose, what it gains, costs and weighs (4.4)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from oracles.option_formulas import call_delta
from oracles.vix_market import GAMMA, Market, Quote

VIX_MULTIPLIER = 100.0
WINDOWS = {"L1": (20, 45, 30), "L3a": (100, 130, 110), "L3b": (190, 250, 220)}


@dataclass(frozen=True)
class Unit:
    """One contract of a leg: calls bought and sold, or a futures calendar (4.4)."""

    leg: str
    calls: tuple[tuple[int, Quote], ...] = ()
    months: tuple[int, int] | None = None
    slippage: float = 0.02
    multiplier: float = 100.0

    @property
    def days(self) -> int:
        return self.months[0] if self.months else self.calls[0][1].days

    @property
    def debit(self) -> float:
        return sum(quote.ask if sign > 0 else -quote.bid for sign, quote in self.calls)

    @property
    def is_outright(self) -> bool:
        return len(self.calls) == 1

    def entry_fee(self, market: Market) -> float:
        return market.calendar_fee / 2 if self.months else len(self.calls) * market.fee

    def exit_value(self, market: Market, d: float, t: float) -> float:
        total = 0.0
        for sign, quote in self.calls:
            mid, half = market.vix_call(quote, t, d), 0.0 if t >= quote.days else quote.half
            total += max(0.0, mid - half) if sign > 0 else -(mid + half)
        return total

    def gain(self, market: Market, d: float, t: float = 0.0) -> float:
        fee = self.entry_fee(market)
        if self.months is None:
            return VIX_MULTIPLIER * (self.exit_value(market, d, t) - self.debit) - fee
        front, back = self.months
        at = min(t, front - 7)
        spread = market.future(front, at, d) - market.future(back, at, d)
        start = market.level(front) - market.level(back)
        return self.multiplier * (spread - start - self.slippage) - fee

    def round_trip(self, market: Market) -> float:
        if self.months:
            return self.multiplier * self.slippage + 2 * self.entry_fee(market)
        return sum(2 * quote.half for _, quote in self.calls) * VIX_MULTIPLIER + 2 * self.entry_fee(market)

    def cost(self, market: Market, horizon: int) -> float:
        """Return K: what it costs over the horizon if nothing changes."""
        fee = self.entry_fee(market)
        if self.months:
            front, back = self.months
            h = min(horizon, front - 7)
            now = market.level(front) - market.level(back)
            then = market.level(front - h) - market.level(back - h)
            carry = self.multiplier * (now - then) * horizon / h
            return max(carry + self.multiplier * self.slippage + fee, self.round_trip(market))
        if self.leg in ("L1", "L1b") and self.days - horizon <= 10:
            cost = VIX_MULTIPLIER * self.debit + fee
        else:
            cost = VIX_MULTIPLIER * (self.debit - self.exit_value(market, 0.0, horizon)) + 2 * fee
        return max(cost, self.round_trip(market))

    def spx_dollars(self, market: Market) -> float:
        """Return D: dollars per +1% SPX, the VIX moving against it by gamma per cent."""
        move = market.vix * GAMMA / 100.0
        return (self.worth(market, -move) - self.worth(market, move)) / 2

    def vix_dollars(self, market: Market) -> float:
        """Return V$: dollars per +1 VIX point."""
        return self.worth(market, 1.0) - self.worth(market, 0.0)

    def worth(self, market: Market, d: float, t: float = 0.0) -> float:
        """Return the value at mids, dollars; of a calendar what it has gained."""
        if self.months:
            return self.gain(market, d, t)
        return VIX_MULTIPLIER * sum(sign * market.vix_call(quote, t, d) for sign, quote in self.calls)


def nearest(values: Iterable[float], target: float) -> float:
    return min(values, key=lambda value: (abs(value - target), value))


def passes(bid: float, ask: float) -> bool:
    return bid > 0.0 and (ask - bid <= 0.10 + 1e-12 or (ask - bid) / ((ask + bid) / 2) <= 0.10)


def choose(market: Market) -> dict[str, Unit]:
    """Pick the legs of 3.1 from the quotes."""
    units: dict[str, Unit] = {}
    for leg, (least, most, target) in WINDOWS.items():
        days = {quote.days for quote in market.quotes if least <= quote.days <= most}
        if not days:
            continue
        tenor = nearest(days, target)
        chain = {quote.strike: quote for quote in market.quotes if quote.days == tenor}
        forward, years = market.level(tenor), tenor / 365

        def distance(quote: Quote, forward: float = forward, years: float = years) -> tuple[float, float]:
            return abs(call_delta(forward, quote.strike, years, quote.vol, market.r) - 0.50), quote.strike

        long = min(chain.values(), key=distance)
        if leg != "L1":
            units[leg] = Unit(leg, ((1, long),))
            continue
        k15, far, k20 = (forward * math.exp(z * long.vol * math.sqrt(years)) for z in (1.5, 1.75, 2.0))
        short = chain[nearest(chain, far)]
        if short.strike > long.strike:
            units["L1"] = Unit("L1", ((1, long), (-1, short)))
        if k15 <= short.strike <= k20:
            units["L1b"] = Unit("L1b", ((1, short),))
    for (front, _), (back, _) in pairwise(market.nodes):
        if 14 <= front <= 45:
            units["L2"] = Unit("L2", months=(front, back), slippage=_slippage(market, front, back))
            break
    return units


def _slippage(market: Market, front: int, back: int) -> float:
    sides = [*market.touch[front], *market.touch[back]]
    if any(side is None for side in sides):
        return 0.02
    return float(sides[1] - sides[0] + sides[3] - sides[2])
