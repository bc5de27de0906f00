"""What a sizing of the reference program means: gains, deltas, costs, break-evens, the IWM put beside it (4.7 to 6)."""

import math
from collections.abc import Callable

from scipy.optimize import brentq

from oracles.hedge_units import Unit
from oracles.sizing_reference import Answer, Book
from oracles.vix_market import GAMMA, Market

FUTURES_MARGIN_POINTS = 2.0
"""Margin of a calendar, a choice of the service's own that no source gives."""

NAMED = (("5", 5 / 6), ("6", 1.0), ("7", 7 / 6), ("10", None), ("20", None))
"""Ends of gains' and offsets' names: a share of the design shock, or without one VIX points."""


def results(book: Book, answer: Answer) -> dict[str, float | None]:
    """Return the numbers of a message whose hedge is newly bought, under their names there."""
    m, units = book.market, answer.units
    held = {leg: n for leg, n in answer.contracts.items() if n}
    hedge = [(units[leg], n) for leg, n in held.items()]
    out: dict[str, float | None] = {}
    for name, share in NAMED:
        d = float(name) if share is None else share * book.design
        gain, loss = sum(n * unit.gain(m, d) for unit, n in hedge), book.protected(d)
        out[f"gain{name}"] = gain
        out[f"offset{name}"] = gain / loss if loss > 0 else None
    cost = sum(n * unit.cost(m, book.horizon) for unit, n in hedge)
    out |= {
        "hc_accrual": cost,
        "hc_pct": 100 * cost / book.credit if book.credit else 0.0,
        "carry_per_day": cost / book.horizon,
    }
    debit = sum(n * 100 * unit.debit for unit, n in hedge if not unit.months)
    stops = sum(n * unit.multiplier for unit, n in hedge if unit.months)
    fees = sum(n * unit.entry_fee(m) for unit, n in hedge)
    out |= {"premium_at_risk": debit, "worst_case_hedge": debit + stops + fees}
    out["book_max_loss"] = sum(condor.max_loss for condor in book.condors) + debit + stops + fees
    out |= deltas(book, hedge)
    out["v_dollar"] = sum(n * unit.vix_dollars(m) for unit, n in hedge)
    out["up_test"] = -book.loss(-3.0) + sum(n * unit.gain(m, -3.0) for unit, n in hedge)
    design = {leg: n * units[leg].gain(m, book.design) for leg, n in held.items()}
    whole = sum(design.values())
    out["tenor_centroid"] = sum(gain * units[leg].days for leg, gain in design.items()) / whole if whole else None
    capital = sum(n * tied(unit) for unit, n in hedge)
    out["wacc_p"] = cost * 365 / book.horizon / capital if capital else None
    return out | returns(book, cost)


def deltas(book: Book, hedge: list[tuple[Unit, int]]) -> dict[str, float | None]:
    m = book.market
    condors = sum(condor.delta(m) for condor in book.condors)
    ours = sum(n * unit.spx_dollars(m) for unit, n in hedge)
    small = m.beta_star * book.exposure * 0.01
    return {
        "d_c": condors,
        "d_h": ours,
        "d_s": small,
        "d_sleeve": condors + ours,
        "d_book": condors + ours + small,
    }


def tied(unit: Unit) -> float:
    return FUTURES_MARGIN_POINTS * unit.multiplier if unit.months else 100 * unit.debit


def returns(book: Book, cost: float) -> dict[str, float | None]:
    """Return the simple annual returns of one condor, before and after what its hedge costs."""
    if len(book.condors) != 1:
        return {}
    (condor,) = book.condors
    net = condor.credit - cost / (100 * condor.quantity)
    gross, after = (c / (condor.width - c) * 365 / condor.days for c in (condor.credit, net))
    return {"irr_gross": gross, "irr_net": after, "irr_drag": gross - after}


def baseline(book: Book, m: float) -> dict[str, float]:
    """Return the small caps in contracts (4.2)."""
    market, notional = book.market, book.market.beta_star * book.exposure
    front, price = market.nodes[0]
    moved = price * ((1 + GAMMA / 100) ** min(1.0, market.beta_v30 * math.sqrt(30 / front)) - 1)
    full = notional * 0.01 / (1000 * moved)
    spx = market.spx
    return {
        "spx_notional": notional, "spx": notional / (100 * spx), "xsp": notional / (10 * spx),
        "mes": notional / (5 * spx), "es": notional / (50 * spx), "vx_full": full, "vx_m": full * m,
    }  # fmt: skip


def crossing(function: Callable[[float], float], low: float, high: float, steps: int = 400) -> list[float]:
    """Return every place where a function crosses zero, by scanning and closing in."""
    found, last_x, last_y = [], low, function(low)
    for step in range(1, steps + 1):
        x = low + (high - low) * step / steps
        y = function(x)
        if (last_y < 0.0) != (y < 0.0):
            found.append(float(brentq(function, last_x, x, xtol=1e-12)))
        last_x, last_y = x, y
    return found


def break_evens(book: Book, unit: Unit, t: float) -> list[float]:
    """Return the VIX changes at which a unit breaks even after t days (5); the last for a spread may be many."""
    m = book.market
    return crossing(lambda d: unit.gain(m, d, t), 1.01 - m.vix, 2.5 * m.vix)


def at_settlement(m: Market, unit: Unit) -> float:
    """Return the VIX settlement, or the difference of the futures, at which a unit breaks even."""
    if unit.months:
        front, back = unit.months
        return m.level(front) - m.level(back) + unit.slippage + unit.entry_fee(m) / unit.multiplier
    return unit.calls[0][1].strike + unit.debit
