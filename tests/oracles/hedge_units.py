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
    paid: float | None = None
    """Points paid per contract where it is held already: it is valued from today's mid and bears no entry cost."""

    @property
    def is_held(self) -> bool:
        return self.paid is not None

    @property
    def days(self) -> int:
        return self.months[0] if self.months else self.calls[0][1].days

    @property
    def debit(self) -> float:
        return sum(quote.ask if sign > 0 else -quote.bid for sign, quote in self.calls)

    def start(self, market: Market) -> float:
        """Return the points that a gain is counted from: the touch of a purchase, today's mid of what is held."""
        if self.months:
            front, back = self.months
            return market.level(front) - market.level(back) + self.slippage / (2 if self.is_held else 1)
        return self.worth(market, 0.0) / VIX_MULTIPLIER if self.is_held else self.debit

    @property
    def can_lose(self) -> float:
        """Return the debit that can be lost, points: what was paid, or is to be paid."""
        return self.debit if self.paid is None else self.paid

    @property
    def is_outright(self) -> bool:
        return len(self.calls) == 1

    @property
    def width(self) -> float:
        """Return the quoted spread of its options, dollars."""
        return VIX_MULTIPLIER * sum(2 * quote.half for _, quote in self.calls)

    @property
    def quoted_mid(self) -> float:
        """Return what its options cost between bid and ask, dollars."""
        return VIX_MULTIPLIER * sum(sign * (quote.bid + quote.ask) / 2 for sign, quote in self.calls)

    def entry_fee(self, market: Market) -> float:
        return 0.0 if self.is_held else self.side_fee(market)

    def side_fee(self, market: Market) -> float:
        """Return the fee of one side of one contract; a calendar's is told for both."""
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
            return VIX_MULTIPLIER * (self.exit_value(market, d, t) - self.start(market)) - fee
        front, back = self.months
        at = max(0.0, min(t, front - 7))
        spread = market.future(front, at, d) - market.future(back, at, d)
        return self.multiplier * (spread - self.start(market)) - fee

    def round_trip(self, market: Market) -> float:
        """Return spread and fees of both sides."""
        if self.months:
            return self.multiplier * self.slippage + 2 * self.side_fee(market)
        return 2 * VIX_MULTIPLIER * sum(quote.half for _, quote in self.calls) + 2 * self.side_fee(market)

    def cost(self, market: Market, horizon: int) -> float:
        """Return K: what it costs over the horizon if nothing changes, at least what trading it takes.

        A purchase of L1 or L1b that ends inside the horizon bears one fee, as the worked ones do: nothing is sold.
        """
        fee, start = self.side_fee(market), self.multiplier * self.start(market)
        if self.months:
            front, back = self.months
            h = max(1, min(horizon, front - 7))
            now = market.level(front) - market.level(back)
            then = market.level(front - h) - market.level(back - h)
            carry = self.multiplier * (now - then) * horizon / h
            cost = carry + start - self.multiplier * now + self.entry_fee(market)
        elif self.leg in ("L1", "L1b") and self.days - horizon <= 10:
            cost = start + self.entry_fee(market)
        else:
            cost = start - VIX_MULTIPLIER * self.exit_value(market, 0.0, horizon) + self.entry_fee(market) + fee
        return max(cost, self.round_trip(market) / (2 if self.is_held else 1))

    def spx_dollars(self, market: Market) -> float:
        """Return D: dollars per +1% SPX, the VIX moving against it by gamma per cent."""
        move = market.vix * GAMMA / 100.0
        return (self.worth(market, -move) - self.worth(market, move)) / 2

    def vix_dollars(self, market: Market) -> float:
        """Return V$: dollars per +1 VIX point."""
        return self.worth(market, 1.0) - self.worth(market, 0.0)

    def vix_dollars_by_expiry(self, market: Market) -> list[tuple[int, float]]:
        """Return V$ of each contract beside its days: a future's move, or a call's at mids."""
        if self.months:
            moves = [(days, market.future(days, 0.0, 1.0) - market.level(days)) for days in self.months]
            return [(days, sign * self.multiplier * move) for sign, (days, move) in zip((1, -1), moves, strict=True)]
        return [
            (quote.days, sign * VIX_MULTIPLIER * (market.vix_call(quote, 0.0, 1.0) - market.vix_call(quote, 0.0, 0.0)))
            for sign, quote in self.calls
        ]

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
            units["L2"] = Unit("L2", months=(front, back), slippage=slippage(market, front, back))
            break
    return units


def slippage(market: Market, front: int, back: int) -> float:
    sides = [*market.touch[front], *market.touch[back]]
    if any(side is None for side in sides):
        return 0.02
    return float(sides[1] - sides[0] + sides[3] - sides[2])
