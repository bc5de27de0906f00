"""A second sizing program, written from the methodology's sections 3 to 6 and 11 alone, to compare the service with.

It imports nothing of the service, is scalar and slow, and says each formula once. Days are calendar days, money is
dollars, volatilities and rates are decimals; d is a move of the VIX in points, t days forward.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from oracles.condors import Condor
from oracles.hedge_units import VIX_MULTIPLIER, Unit
from oracles.spread_financing import financing_of, sunk_behind
from oracles.vix_market import Market, business_days, days_of

ORDER = ("L1", "L1b", "L2", "L3a", "L3b")
LADDER = {"L1": 4.0, "L3a": 4.0, "L3b": 2.0}
CONFIRMED = {"L1": 0.35, "L1b": 0.15, "L2": 0.20, "L3a": 0.20, "L3b": 0.10}


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
        prices = {"IWM": market.iwm, "RUT": market.rut}
        self.exposure: float = sum(
            row["shares"] * (prices[row["symbol"]] or 0.0) for row in portfolio.get("small_caps", [])
        )
        self.covers = bool(portfolio.get("hedge_small_caps", False))
        self.is_split = portfolio.get("methodology", {}).get("cap", {}).get("scope") == "split"
        self.credit = sum(condor.credit * 100.0 * condor.quantity for condor in self.condors)
        self.financing = financing_of(portfolio, market)
        self.whole_cap = 0.40 * self.credit
        self.cap = max(0.0, self.whole_cap - sunk_behind(0.0, self.financing, market))
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
        return gain7 / cost * self.gross_cap() / (0.40 * loss) if cost else 0.0

    def gross_cap(self) -> float:
        """Return what the hedge may cost before financing, of which half of it counts at most (4.6)."""
        left = self.financing.left_to_earn(self.market, self.horizon) if self.financing else 0.0
        return self.cap + min(left, self.cap)

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
        condors += self.financing.delta(self.market) if self.financing else 0.0
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
            cap=self.gross_cap(),
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
