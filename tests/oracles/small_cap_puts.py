"""IWM puts beside the hedge, at equal cost and at equal offset, as a second program computes them (6)."""

import math
from dataclasses import dataclass

from oracles.hedge_units import Unit
from oracles.option_formulas import bsm
from oracles.sizing_reference import LADDER, Book

SPOT_MOVES = (-0.15, -0.10, -0.07, -0.05, -0.03, 0.0, 0.03)
VIX_MOVES = (0.0, 3.0, 6.0, 10.0, 20.0)
TIMES = (0.0, 7.0, 14.0, 28.0)


@dataclass(frozen=True)
class Put:
    """An IWM put 5% below the market beside the hedge (6.1), and the smile it is priced on."""

    book: Book
    days: int

    @property
    def strike(self) -> float:
        return float(round(0.95 * self.spot))

    @property
    def spot(self) -> float:
        assert self.book.market.iwm is not None
        return float(self.book.market.iwm)

    def price(self, spot: float, d: float, t: float) -> float:
        """Return the model's mid with IWM at a spot and the VIX moved by d after t days."""
        m = self.book.market
        assert m.rvx is not None
        left = max(self.days - t, 0.0)
        x, scale = math.log(self.strike / spot), m.rvx / 24.10
        shift = m.rvx * ((m.vix + d) / m.vix) ** 0.85 - m.rvx
        vol = max(0.10, scale * (0.226 - 0.55 * x + 0.9 * x * x)) + shift / 100 * m.tenor_factor(left)
        return bsm(spot, self.strike, left / 365, vol, m.r, m.q_iwm, "P")

    @property
    def ask(self) -> float:
        return round((self.price(self.spot, 0.0, 0.0) + 0.05) / 0.05) * 0.05

    @property
    def half(self) -> float:
        return (self.ask - round((self.price(self.spot, 0.0, 0.0) - 0.05) / 0.05) * 0.05) / 2

    def gain(self, spot: float, d: float, t: float) -> float:
        half = 0.0 if t >= self.days else self.half
        value = max(0.0, self.price(spot, d, t) - half)
        return 100 * (value - self.ask) - self.book.market.fee

    def cost(self) -> float:
        horizon, fee = self.book.horizon, self.book.market.fee
        if self.days <= horizon:
            return 100 * self.ask + fee
        value = max(0.0, self.price(self.spot, 0.0, horizon) - self.half)
        return max(100 * (self.ask - value) + 2 * fee, 200 * self.half + 2 * fee)

    def linked_spot(self, d: float, beta: float) -> float:
        return self.spot * (1 + beta * self.book.market.spx_return(d))


def ladder_gain(book: Book, units: dict[str, Unit], d: float, t: float = 0.0) -> float:
    return sum(weight * units[leg].gain(book.market, d, t) for leg, weight in LADDER.items() if leg in units)


def ladder_cost(book: Book, units: dict[str, Unit]) -> float:
    return sum(weight * units[leg].cost(book.market, book.horizon) for leg, weight in LADDER.items() if leg in units)


def comparison(book: Book, units: dict[str, Unit], put: Put) -> dict[str, float]:
    """Return the comparison of 6.2 for the stressed beta."""
    m = book.market
    loss = book.small_cap_loss(book.design)
    gain, cost = put.gain(put.linked_spot(book.design, m.beta_stress), book.design, 0.0), put.cost()
    whole, price = ladder_gain(book, units, book.design), ladder_cost(book, units)
    puts = max(1, math.floor(book.exposure / (100 * put.spot) + 1e-9))
    equal = puts * cost / price
    wins = sum(
        puts * put.gain(put.spot * (1 + move), d, t) > equal * ladder_gain(book, units, d, t)
        for move in SPOT_MOVES
        for d in VIX_MOVES
        for t in TIMES
    )
    return {
        "strike": put.strike, "cost": cost, "e": gain / cost, "qty_equal_cost": puts, "offset": puts * gain / loss,
        "hedge_units_equal_cost": equal, "hedge_offset_equal_cost": equal * whole / loss, "hedge_e": whole / price,
        "qty_equal_offset": 0.5 * loss / gain, "hedge_units_equal_offset": 0.5 * loss / whole, "puts_win": wins,
    }  # fmt: skip
