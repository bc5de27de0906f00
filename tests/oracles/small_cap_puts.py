"""IWM puts beside the hedge, at equal cost and at equal offset, as a second program computes them (6)."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracles.hedge_units import Unit
from oracles.option_formulas import bsm
from oracles.sizing_reference import LADDER, Book

SPOT_MOVES = (-0.15, -0.10, -0.07, -0.05, -0.03, 0.0, 0.03)
VIX_MOVES = (0.0, 3.0, 6.0, 10.0, 20.0)
TIMES = (0.0, 7.0, 14.0, 28.0)
CARRY_DAYS = (7.0, 14.0, 21.0, 28.0, 35.0)


@dataclass(frozen=True)
class Case:
    """One case of the stress library (S48)."""

    name: str
    r_spx: float
    r_rut: float
    d_vix: float
    days: float


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
        m, left = self.book.market, max(self.days - t, 0.0)
        return bsm(spot, self.strike, left / 365, self.vol(spot, d, t), m.r, m.q_iwm, "P")

    def vol(self, spot: float, d: float, t: float) -> float:
        m = self.book.market
        assert m.rvx is not None
        x, scale = math.log(self.strike / spot), m.rvx / 24.10
        shift = m.rvx * math.pow((m.vix + d) / m.vix, 0.85) - m.rvx
        smile = max(0.10, scale * (0.226 - 0.55 * x + 0.9 * x * x))
        return smile + shift / 100 * m.tenor_factor(max(self.days - t, 0.0))

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
    calm = put.gain(put.linked_spot(book.design, m.beta_star), book.design, 0.0)
    whole, price = ladder_gain(book, units, book.design), ladder_cost(book, units)
    puts = max(1, math.floor(book.exposure / (100 * put.spot) + 1e-9))
    equal = puts * cost / price
    cells = grid(book, units, put, puts, equal)
    return {
        "strike": put.strike, "cost": cost, "e": gain / cost, "qty_equal_cost": puts, "offset": puts * gain / loss,
        "cost_equal_cost": puts * cost, "hedge_units_equal_cost": equal,
        "hedge_offset_equal_cost": equal * whole / loss,
        "hedge_e": whole / price, "qty_equal_offset": 0.5 * loss / gain, "cost_equal_offset": 0.5 * loss / gain * cost,
        "hedge_units_equal_offset": 0.5 * loss / whole, "hedge_cost_equal_offset": 0.5 * loss / whole * price,
        "cells": len(cells), "puts_win": sum(theirs > ours for theirs, ours in cells),
        "ratio_beta_stress": gain / cost / (whole / price), "ratio_beta_star": calm / cost / (whole / price),
        "european": put.price(put.spot, 0.0, 0.0), "american": american(put), "break_even": put.strike - put.ask,
    }  # fmt: skip


def grid(book: Book, units: dict[str, Unit], put: Put, puts: float, equal: float) -> list[tuple[float, float]]:
    """Return the P&L of puts and ladder at equal cost, cell by cell: spot outermost, then the VIX, then time."""
    ours = {(d, t): equal * ladder_gain(book, units, d, t) for d in VIX_MOVES for t in TIMES}
    return [
        (puts * put.gain(put.spot * (1 + move), d, t), ours[d, t])
        for move in SPOT_MOVES
        for d in VIX_MOVES
        for t in TIMES
    ]


def american(put: Put, steps: int = 400) -> float:
    """Return what a put is worth with early exercise, on a binomial tree (Cox, Ross, Rubinstein)."""
    m, years = put.book.market, put.days / 365
    step = years / steps
    up = math.exp(put.vol(put.spot, 0.0, 0.0) * math.sqrt(step))
    chance = (math.exp((m.r - m.q_iwm) * step) - 1 / up) / (up - 1 / up)
    discount = math.exp(-m.r * step)
    high, low = discount * chance, discount * (1 - chance)
    inside = [put.strike - put.spot * up**at for at in range(-steps, steps + 1)]
    values = [max(0.0, each) for each in inside[::2]]
    for level in range(steps - 1, -1, -1):
        exercised = inside[steps - level : steps + level + 1 : 2]
        values = [
            max(now, high * above + low * below)
            for now, above, below in zip(exercised, values[1:], values[:-1], strict=True)
        ]
    return values[0]


def grind(book: Book, put: Put) -> tuple[float, float]:
    """Return IWM and the VIX's change after 15 sessions of SPX -0.3% and VIX +0.1 a day: beta of the whole path."""
    return put.spot * (1 + book.market.beta_stress * (0.997**15 - 1)), 1.5


def chop(book: Book, put: Put) -> tuple[float, float]:
    """Return the same after 15 sessions of SPX +1% and -1% in turn, the VIX flat."""
    return put.spot * (1 + book.market.beta_star * (1.01**8 * 0.99**7 - 1)), 0.0


def sensitivities(book: Book, units: dict[str, Unit], put: Put) -> dict[str, float]:
    """Return the ladder's offset at equal cost under other responses of futures, and of option volatilities."""
    puts = max(1, math.floor(book.exposure / (100 * put.spot) + 1e-9))
    equal, out = puts * put.cost() / ladder_cost(book, units), {}
    for beta in (0.43, 0.55):
        for vvix in (0, 1.5):
            other = copy.copy(book.market)
            other.beta_v30, other.vvix_beta = beta, vvix
            gain = sum(w * units[leg].gain(other, book.design) for leg, w in LADDER.items() if leg in units)
            out[f"{beta:g}/{vvix:g}"] = equal * gain / book.small_cap_loss(book.design)
    return out


def deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def sides(book: Book, units: dict[str, Unit], put: Put, cases: Sequence[Case]) -> dict[str, float]:
    """Return the metrics of 6.1 of both at equal cost, under the names of the message."""
    puts = max(1, math.floor(book.exposure / (100 * put.spot) + 1e-9))
    equal = puts * put.cost() / ladder_cost(book, units)

    def of_puts(spot: float, d: float, t: float) -> float:
        return puts * put.gain(spot, d, t)

    def of_ladder(_: float, d: float, t: float) -> float:
        return equal * ladder_gain(book, units, d, t)

    widths = puts * 200 * put.half, equal * sum(w * units[leg].width for leg, w in LADDER.items() if leg in units)
    mids = (
        puts * 100 * (put.ask - put.half),
        equal * sum(w * units[leg].quoted_mid for leg, w in LADDER.items() if leg in units),
    )
    out: dict[str, float] = {}
    for name, gain, width, mid in zip(("puts", "hedge"), (of_puts, of_ladder), widths, mids, strict=True):
        at = {day: gain(put.spot, 0.0, day) for day in CARRY_DAYS}
        linked = {d: gain(put.linked_spot(d, book.market.beta_stress), d, 0.0) for d in (5.0, 10.0, 20.0)}
        table = [[gain(put.spot * (1 + move), d, 14.0) for d in VIX_MOVES] for move in SPOT_MOVES]
        out |= {f"{name}.carry.{day:g}": lost for day, lost in at.items()}
        out |= {
            f"{name}.cost_share": puts * put.cost() / book.exposure,
            f"{name}.convexity_10_5": linked[10.0] / linked[5.0],
            f"{name}.convexity_20_10": linked[20.0] / linked[10.0],
            f"{name}.dispersion_vix": sum(map(deviation, table)) / len(table),
            f"{name}.dispersion_spot": sum(map(deviation, zip(*table, strict=True))) / len(VIX_MOVES),
            f"{name}.half_spread": width / 2, f"{name}.relative_width": width / mid,
            f"{name}.g1": gain(*grind(book, put), 21.0), f"{name}.c1": gain(*chop(book, put), 21.0),
        }  # fmt: skip
        out |= {
            f"{name}.stress.{case.name}": gain(put.spot * (1 + case.r_rut), case.d_vix, case.days) for case in cases
        }
    return out
