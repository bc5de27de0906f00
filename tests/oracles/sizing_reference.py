"""A second sizing program, written from the methodology's sections 3 to 6 and 11 alone, to compare the service with.

It imports nothing of the service, is scalar and slow, and says each formula once. Days are calendar days, money is
dollars, volatilities and rates are decimals; d is a move of the VIX in points, t days forward.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from scipy.optimize import brentq

ORDER = ("L1", "L1b", "L2", "L3a", "L3b")
LADDER = {"L1": 4.0, "L3a": 4.0, "L3b": 2.0}
CONFIRMED = {"L1": 0.35, "L1b": 0.15, "L2": 0.20, "L3a": 0.20, "L3b": 0.10}
WINDOWS = {"L1": (20, 45, 30), "L3a": (100, 130, 110), "L3b": (190, 250, 220)}
INTERCEPT, SLOPE, R2 = 0.00062, -0.1147, 0.4887
GAMMA = R2 / -SLOPE
VIX_MULTIPLIER = 100.0
HOLIDAYS = {
    date.fromisoformat(day)
    for day in (
        "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25", "2026-01-01", "2026-01-19",
        "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25",
    )
}  # fmt: skip
"""Of the New York Stock Exchange, from May 2025 to the end of 2026: its own published list."""


def cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def black76(forward: float, strike: float, years: float, vol: float, r: float) -> float:
    """Return the value of a call on a future."""
    if years <= 0.0:
        return max(0.0, forward - strike)
    s = max(vol, 1e-9) * math.sqrt(years)
    d1 = math.log(forward / strike) / s + s / 2
    return math.exp(-r * years) * (forward * cdf(d1) - strike * cdf(d1 - s))


def call_delta(forward: float, strike: float, years: float, vol: float, r: float) -> float:
    s = vol * math.sqrt(years)
    return math.exp(-r * years) * cdf(math.log(forward / strike) / s + s / 2)


def bsm(spot: float, strike: float, years: float, vol: float, r: float, q: float, right: str) -> float:
    sign = 1.0 if right == "C" else -1.0
    if years <= 0.0:
        return max(0.0, sign * (spot - strike))
    s = max(vol, 1e-9) * math.sqrt(years)
    d1 = (math.log(spot / strike) + (r - q) * years) / s + s / 2
    return sign * (spot * math.exp(-q * years) * cdf(sign * d1) - strike * math.exp(-r * years) * cdf(sign * (d1 - s)))


def bsm_delta(spot: float, strike: float, years: float, vol: float, r: float, q: float, right: str) -> float:
    if years <= 0.0:
        return (1.0 if spot > strike else 0.0) if right == "C" else (-1.0 if spot < strike else 0.0)
    s = vol * math.sqrt(years)
    d1 = (math.log(spot / strike) + (r - q) * years) / s + s / 2
    return math.exp(-q * years) * (cdf(d1) if right == "C" else cdf(d1) - 1.0)


def implied(price: float, forward: float, strike: float, years: float, r: float) -> float | None:
    if not black76(forward, strike, years, 1e-4, r) < price < black76(forward, strike, years, 20.0, r):
        return None
    return float(brentq(lambda vol: black76(forward, strike, years, vol, r) - price, 1e-4, 20.0, xtol=1e-14))


def business_days(session: date, days: int) -> int:
    """Return the business days from a session to the settlement so many calendar days later."""
    ahead = [session + timedelta(days=day) for day in range(1, days + 1)]
    return sum(day.weekday() < 5 and day not in HOLIDAYS for day in ahead)


def days_of(item: dict[str, Any], session: date) -> int:
    if item.get("dte") is not None:
        return int(item["dte"])
    expiry = item["expiry"]
    return ((date.fromisoformat(expiry) if isinstance(expiry, str) else expiry) - session).days


@dataclass(frozen=True)
class Quote:
    days: int
    strike: float
    bid: float
    ask: float
    vol: float

    @property
    def half(self) -> float:
        return (self.ask - self.bid) / 2


class Market:
    """What one sizing sees (4.1, 4.3)."""

    def __init__(self, raw: dict[str, Any], vvix_beta: float = 0.0, beta_v30: float = 0.43) -> None:
        session = raw["session"]
        self.session = date.fromisoformat(session) if isinstance(session, str) else session
        self.spx, self.vix = float(raw["spx"]), float(raw["vix"])
        self.rvx: float | None = raw.get("rvx")
        self.iwm: float | None = raw.get("iwm")
        rates = {"r": 0.042, "q": 0.013, "q_iwm": 0.012} | raw.get("rates", {})
        self.r, self.q, self.q_iwm = float(rates["r"]), float(rates["q"]), float(rates["q_iwm"])
        fees = {"option": 1.0, "future_spread": 4.0} | raw.get("fees", {})
        self.fee, self.calendar_fee = float(fees["option"]), float(fees["future_spread"])
        self.vvix_beta, self.beta_v30 = vvix_beta, beta_v30
        rows = sorted(((days_of(row, self.session), row) for row in raw["vx"]), key=lambda pair: pair[0])
        self.nodes = [(days, float(row["price"])) for days, row in rows]
        self.touch = {days: (row.get("bid"), row.get("ask")) for days, row in rows}
        self.sigma30 = raw["vvix"] / 100.0 if raw.get("vvix") else 0.88
        smile = raw.get("spx_smile")
        scale = self.vix / 17.20
        self.smile_of: dict[str, float] = smile or {
            "level": 0.148 * scale,
            "slope": -0.75 * scale,
            "curvature": 2.0 * scale,
        }
        self.beta_star = float(raw.get("beta_star", 1.15))
        self.beta_stress = float(raw.get("beta_stress") or self.beta_star)
        self.phase: str = raw.get("phase", "INITIAL")
        self.a = float(raw.get("a", 0.0))
        self.by_bigtop = bool(raw.get("by_bigtop", False))
        self.vix_rising = raw.get("vix_rising", False)
        read = (self._quote(row) for row in raw.get("vix_options", []) if row.get("right", "C") == "C")
        self.quotes = [quote for quote in read if quote is not None] or self._model_quotes()

    def _model_quotes(self) -> list[Quote]:
        """Return what the model surface quotes where nothing is quoted (4.3): a grid of strikes for every future."""
        found = []
        for days, forward in self.nodes:
            halves = [5.0 + 0.5 * step for step in range(20)]
            for strike in [*halves, *map(float, range(15, math.ceil(max(4 * forward, 16.0)) + 1))]:
                z = math.log(strike / forward) / (self.sigma30 * math.sqrt(days / 365))
                vol = self.sigma30 * (30 / days) ** 0.23 * (1 + 0.156 * max(z, 0.0))
                centre = round(black76(forward, strike, days / 365, vol, self.r) / 0.05) * 0.05
                found.append(Quote(days, strike, max(0.0, centre - 0.05), centre + 0.05, vol))
        return found

    def _quote(self, row: dict[str, Any]) -> Quote | None:
        days, strike = days_of(row, self.session), float(row["strike"])
        bid, ask = float(row["bid"]), float(row["ask"])
        vol = row.get("iv") or implied((bid + ask) / 2, self.level(days), strike, days / 365, self.r)
        return None if vol is None or bid <= 0.0 or ask < bid else Quote(days, strike, bid, ask, vol)

    def level(self, days: float) -> float:
        """Return the curve of today, linear from the VIX through the futures and flat beyond them."""
        nodes = [(0.0, self.vix), *self.nodes]
        for (x0, y0), (x1, y1) in pairwise(nodes):
            if days <= x1:
                return y0 + (y1 - y0) * (days - x0) / (x1 - x0)
        return nodes[-1][1]

    def future(self, days: float, t: float, d: float) -> float:
        left = max(days - t, 0.0)
        beta = 1.0 if left <= 0.0 else min(1.0, self.beta_v30 * math.sqrt(30.0 / left))
        return self.level(left) * math.pow((self.vix + d) / self.vix, beta)

    def vix_call(self, quote: Quote, t: float, d: float) -> float:
        if t >= quote.days:
            return max(0.0, self.vix + d - quote.strike)
        vol = quote.vol + self.vvix_beta * d / 100.0 * min(1.0, math.sqrt(30.0 / quote.days))
        return black76(self.future(quote.days, t, d), quote.strike, (quote.days - t) / 365, vol, self.r)

    def smile(self, x: float) -> float:
        s = self.smile_of
        return max(s.get("floor", 0.08), s["level"] + s["slope"] * x + s["curvature"] * x * x)

    def spx_return(self, d: float) -> float:
        return 0.0 if d == 0.0 else INTERCEPT + SLOPE * d / self.vix

    def tenor_factor(self, left: float) -> float:
        return min(1.5, math.sqrt(30.0 / max(left, 1.0)))

    def spx_option(self, strike: float, right: str, left: float, spot: float, shift: float) -> float:
        vol = self.smile(math.log(strike / spot)) + shift / 100.0 * self.tenor_factor(left)
        return bsm(spot, strike, left / 365, vol, self.r, self.q, right)


@dataclass(frozen=True)
class Condor:
    days: int
    quantity: int
    credit: float
    strikes: tuple[float, float, float, float]  # long put, short put, short call, long call
    is_am: bool = False

    @property
    def width(self) -> float:
        return max(self.strikes[1] - self.strikes[0], self.strikes[3] - self.strikes[2])

    @property
    def max_loss(self) -> float:
        return (self.width - self.credit) * 100.0 * self.quantity

    def legs(self) -> Iterable[tuple[float, float, str]]:
        """Return each leg's sign in the value to close, strike and right."""
        return zip((-1.0, 1.0, 1.0, -1.0), self.strikes, "PPCC", strict=True)

    def value(self, market: Market, spot: float, shift: float, t: float) -> float:
        left = max(self.days - t, 0.0)
        return sum(sign * market.spx_option(k, right, left, spot, shift) for sign, k, right in self.legs())

    def gain(self, market: Market, d: float, t: float = 0.0) -> float:
        """Return the P&L in dollars of all condors against today's model mid, on the linked path."""
        spot = market.spx * (1 + market.spx_return(d))
        now = self.value(market, market.spx, 0.0, 0.0)
        return (now - self.value(market, spot, d, t)) * 100.0 * self.quantity

    def delta(self, market: Market) -> float:
        """Return dollars per +1% SPX of the short position."""
        one = sum(
            sign
            * bsm_delta(
                market.spx, k, self.days / 365, market.smile(math.log(k / market.spx)), market.r, market.q, right
            )
            for sign, k, right in self.legs()
        )
        return -one * 100.0 * self.quantity * market.spx * 0.01


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


@dataclass
class Answer:
    """What the reference says, under the message's names where it has them."""

    units: dict[str, Unit]
    real: dict[str, float]
    contracts: dict[str, int]
    feasibility: float
    feasibility_untilted: float
    infeasible: bool
    mix: dict[str, float]
    numbers: dict[str, float] = field(default_factory=dict)


class Book:
    """Condors and small caps in one market, and the hedge they want (4.5 to 4.8)."""

    def __init__(self, portfolio: dict[str, Any], market: Market) -> None:
        self.market = market
        self.condors = [self._condor(row) for row in portfolio.get("condors", [])]
        self.exposure: float = sum(
            row["shares"] * (market.iwm or 0.0) for row in portfolio.get("small_caps", []) if row["symbol"] == "IWM"
        )
        self.covers = bool(portfolio.get("hedge_small_caps", False))
        self.is_split = portfolio.get("methodology", {}).get("cap", {}).get("scope") == "split"
        self.credit = sum(condor.credit * 100.0 * condor.quantity for condor in self.condors)
        self.cap = 0.40 * self.credit
        remaining = max((condor.days for condor in self.condors), default=0)
        self.horizon = remaining if remaining >= 7 else 30
        self.design = max(6.0, market.vix / 3)
        front, price = market.nodes[0]
        self.daily_roll = (price - market.vix) / business_days(market.session, front)

    def _condor(self, row: dict[str, Any]) -> Condor:
        strikes = (row["long_put"], row["short_put"], row["short_call"], row["long_call"])
        days = days_of(row, self.market.session)
        return Condor(days, row["quantity"], row["credit"], strikes, row.get("trading_class") == "SPX")

    def loss(self, d: float, t: float = 0.0) -> float:
        return -sum(condor.gain(self.market, d, t) for condor in self.condors)

    def small_cap_loss(self, d: float) -> float:
        r = self.market.spx_return(d)
        return -(self.market.beta_stress if r < 0 else self.market.beta_star) * r * self.exposure

    def protected(self, d: float) -> float:
        """Return the loss that is to be offset."""
        return self.loss(d) + (self.small_cap_loss(d) if self.covers or self.is_split else 0.0)

    def small_cap_budget(self) -> float:
        """Return what the small caps may spend in a split scope: VXTH's weight of them for 30 days (4.6)."""
        vx1 = self.market.nodes[0][1]
        weight = 0.01 if 15.0 < vx1 <= 30.0 else 0.005 if 30.0 < vx1 <= 50.0 else 0.0
        return weight * self.exposure * self.horizon / 30

    def phi(self) -> float:
        m = self.market
        base = {
            "STANDBY": 0.15,
            "INITIAL": (0.40 if m.by_bigtop else 0.50) * (1 + m.a),
            "STAGED": 0.60 * (1 + m.a),
            "CONFIRMED": 0.50 * 0.85 / 0.60 * (1 + m.a),
        }
        return min(0.85, base[m.phase])

    def mix(self) -> dict[str, float]:
        """Return shares of the gain; LADDER stands for the ladder's legs together."""
        return {
            "STANDBY": {"L3a": 2 / 3, "L3b": 1 / 3},
            "INITIAL": {"LADDER": 1.0},
            "STAGED": {"L2": 0.25, "LADDER": 0.75},
            "CONFIRMED": dict(CONFIRMED),
        }[self.market.phase]

    def wanted(self, mix: dict[str, float], units: dict[str, Unit], gain: float) -> dict[str, float]:
        """Return the real contracts of a mix that gain so much at the design shock."""
        g = {leg: unit.gain(self.market, self.design) for leg, unit in units.items()}
        out = {leg: share * gain / g[leg] for leg, share in mix.items() if leg != "LADDER" and share and leg in g}
        if mix.get("LADDER"):
            weights = {leg: weight for leg, weight in LADDER.items() if leg in g}
            whole = sum(weight * g[leg] for leg, weight in weights.items())
            for leg, weight in weights.items():
                out[leg] = out.get(leg, 0.0) + weight * mix["LADDER"] * gain / whole
        return out

    def feasibility(self, mix: dict[str, float], units: dict[str, Unit]) -> float:
        """Return R: the floor's gain at 7/6 of the shock that the cap affords, over what the floor asks."""
        loss = self.loss(self.design * 7 / 6)
        if loss == 0.0:
            return math.inf
        contracts = self.wanted(mix, units, 1.0)
        gain7 = sum(n * units[leg].gain(self.market, self.design * 7 / 6) for leg, n in contracts.items())
        cost = sum(n * units[leg].cost(self.market, self.horizon) for leg, n in contracts.items())
        return gain7 / cost * self.cap / (0.40 * loss) if cost else 0.0

    def tilted(self, units: dict[str, Unit]) -> dict[str, float]:
        """Shift the mix in steps of 5% of the gain, L2 to 50%, then L1b to 30%, until the floor is feasible."""
        mix = best = self.mix()
        if self.market.phase == "STANDBY" or self.loss(self.design * 7 / 6) <= 0.0:
            return mix
        for leg, most in (("L2", 0.50), ("L1b", 0.30)):
            if leg not in units or self.is_blocked(leg, units[leg]):
                continue
            while self.feasibility(mix, units) < 1.0 and mix.get(leg, 0.0) < most - 1e-9:
                mix = self._step(mix, leg, most)
            if self.feasibility(mix, units) <= self.feasibility(best, units):
                mix = best  # a tilt that covers less for its cost helps nobody
            best = mix
        return best

    def _step(self, mix: dict[str, float], leg: str, most: float) -> dict[str, float]:
        step = min(0.05, most - mix.get(leg, 0.0))
        donors = {name: share for name, share in mix.items() if name not in ("L2", leg)}
        whole = sum(donors.values())
        moved = mix | {name: share - step * share / whole for name, share in donors.items()}
        return moved | {leg: mix.get(leg, 0.0) + step}

    def is_blocked(self, leg: str, unit: Unit) -> bool:
        """Whether the guards of 3.5 forbid any purchase of a leg."""
        if unit.months:
            return self.daily_roll > 0.10 and not self.market.vix_rising
        vx1 = self.market.nodes[0][1]
        return unit.is_outright and vx1 > (30.0 if leg == "L1" else 50.0)

    def guarded(self, real: dict[str, float], units: dict[str, Unit]) -> dict[str, float]:
        half = 0.5 if self.market.nodes[0][1] > 30.0 else 1.0
        return {
            leg: 0.0 if self.is_blocked(leg, units[leg]) else n * half if units[leg].is_outright else n
            for leg, n in real.items()
        }

    def delta_room(self) -> float:
        """Return what the hedge may take off the book's delta: with small caps the book may not be short (4.7 a)."""
        if not self.exposure:
            return math.inf
        condors = sum(condor.delta(self.market) for condor in self.condors)
        return max(0.0, condors + self.market.beta_star * self.exposure * 0.01)

    def premium(self, contracts: dict[str, float], units: dict[str, Unit]) -> float:
        """Return debits that can be lost, and the stop of L2 at one point (3b)."""
        return sum(
            n * (unit.multiplier if unit.months else VIX_MULTIPLIER * unit.debit)
            for leg, n in contracts.items()
            for unit in (units[leg],)
        )

    def solve(self, units: dict[str, Unit]) -> Answer:
        """Return the hedge: of the condors, and in a split scope of the small caps on top of it."""
        usable = {leg: unit for leg, unit in units.items() if unit.gain(self.market, self.design) > 0.0}
        mix = self.tilted(usable)
        wanted = Wanted(
            loss=self.loss(self.design) + (self.small_cap_loss(self.design) if self.covers else 0.0),
            cap=self.cap,
            premium=self.credit,
            room=self.delta_room(),
        )
        real, whole = self.sized(usable, mix, wanted)
        if self.is_split and self.exposure:
            taken = -sum(n * usable[leg].spx_dollars(self.market) for leg, n in whole.items())
            own = Wanted(
                loss=self.small_cap_loss(self.design),
                cap=self.small_cap_budget(),
                premium=math.inf,
                room=max(0.0, wanted.room - taken),
            )
            more, added = self.sized(usable, self.mix(), own)
            real = {leg: n + more.get(leg, 0.0) for leg, n in real.items()}
            whole = {leg: n + added.get(leg, 0) for leg, n in whole.items()}
        r = self.feasibility(mix, usable)
        answer = Answer(units, real, whole, r, self.feasibility(self.mix(), usable), r < 1.0, mix)
        target = max(0.0, self.phi() * wanted.loss)
        answer.numbers = {"target_gain": target, "phi": self.phi(), "cap": self.cap, "h": self.horizon}
        return answer

    def sized(
        self, units: dict[str, Unit], mix: dict[str, float], wanted: "Wanted"
    ) -> tuple[dict[str, float], dict[str, int]]:
        """Return the real and the whole contracts of a mix."""
        m, target = self.market, max(0.0, self.phi() * wanted.loss)
        real = self.wanted(mix, units, target)
        limits = (
            (sum(n * units[leg].cost(m, self.horizon) for leg, n in real.items()), wanted.cap),
            (self.premium(real, units), wanted.premium),
            (-sum(n * units[leg].spx_dollars(m) for leg, n in real.items()), wanted.room),
        )
        scale = min([1.0, *(limit / used for used, limit in limits if used > limit)])
        real = self.guarded({leg: n * scale for leg, n in real.items()}, units)
        return real, self.rounded(real, units, target, wanted)

    def rounded(
        self, real: dict[str, float], units: dict[str, Unit], target: float, wanted: "Wanted"
    ) -> dict[str, int]:
        """Floor all; then one pass, largest fraction first, efficiency and leg order breaking ties."""
        m = self.market
        g = {leg: units[leg].gain(m, self.design) for leg in real}
        k = {leg: units[leg].cost(m, self.horizon) for leg in real}
        whole = {leg: math.floor(n + 1e-9) for leg, n in real.items()}
        part = {leg: n - whole[leg] for leg, n in real.items()}
        rank = sorted(real, key=lambda leg: (-round(part[leg], 9), -g[leg] / k[leg], ORDER.index(leg)))
        ceiling = 0.60 if m.phase == "INITIAL" else 0.85
        for leg in rank:
            if sum(n * g[name] for name, n in whole.items()) >= target:
                break
            if part[leg] <= 1e-9:
                continue
            tried = whole | {leg: whole[leg] + 1}
            if (
                sum(n * k[name] for name, n in tried.items()) <= wanted.cap * (1 + 1e-12)
                and sum(n * g[name] for name, n in tried.items()) <= ceiling * wanted.loss
                and self.premium({name: float(n) for name, n in tried.items()}, units) <= wanted.premium
                and -sum(n * units[name].spx_dollars(m) for name, n in tried.items()) <= wanted.room
            ):
                whole = tried
        return whole


@dataclass(frozen=True)
class Wanted:
    """What one solve has to offset, and what limits it; dollars."""

    loss: float
    cap: float
    premium: float
    room: float
