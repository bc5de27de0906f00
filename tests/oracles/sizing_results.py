"""What a sizing of the reference program means: gains, deltas, costs, break-evens, the IWM put beside it (4.7 to 6)."""

import math
from collections.abc import Callable

from scipy.optimize import brentq

from oracles.hedge_units import Unit
from oracles.sizing_reference import Book
from oracles.vix_market import GAMMA, Market

FUTURES_MARGIN_POINTS = 2.0
"""Margin of a calendar, a choice of the service's own that no source gives."""

NAMED = (("5", 5 / 6), ("6", 1.0), ("7", 7 / 6), ("10", None), ("20", None))
"""Ends of gains' and offsets' names: a share of the design shock, or without one VIX points."""


Hedge = list[tuple[Unit, int]]
"""What is held behind a proposal: contracts of what was held before, and of what is bought."""


def results(book: Book, hedge: Hedge, sunk: float) -> dict[str, float | None]:
    """Return the numbers of a message, under their names there, with what the hedge has cost up to now.

    What can be lost counts from today's touch for what is held too: `debits that can be lost` may also mean those paid.
    """
    m = book.market
    out: dict[str, float | None] = {}
    for name, share in NAMED:
        d = float(name) if share is None else share * book.design
        gain, loss = sum(n * unit.gain(m, d) for unit, n in hedge), book.protected(d)
        out[f"gain{name}"] = gain
        out[f"offset{name}"] = gain / loss if loss > 0 else None
    gross = sum(n * unit.cost(m, book.horizon) for unit, n in hedge)
    sold = book.financing
    cost = gross - (min(sold.left_to_earn(m, book.horizon), 0.5 * gross) if sold else 0.0)
    out |= {
        "hc_accrual": cost,
        "hc_pct": 100 * cost / book.credit if book.credit else 0.0,
        "carry_per_day": cost / book.horizon,
    }
    debit = sum(n * 100 * unit.debit for unit, n in hedge if not unit.months)
    stops = sum(n * unit.multiplier for unit, n in hedge if unit.months)
    fees = sum(n * unit.entry_fee(m) for unit, n in hedge)
    worst = debit + stops + fees + (sold.can_lose(m) if sold else 0.0)
    out |= {"premium_at_risk": debit, "worst_case_hedge": worst}
    out["book_max_loss"] = sum(condor.max_loss for condor in book.condors) + worst
    out |= deltas(book, hedge)
    out["v_dollar"] = sum(n * unit.vix_dollars(m) for unit, n in hedge)
    earned = sold.gain(m, -3.0) if sold else 0.0
    out["up_test"] = earned - book.loss(-3.0) + sum(n * unit.gain(m, -3.0) for unit, n in hedge)
    out["loss_vix_down"] = loss_vix_down(book, hedge)
    design = [(max(0.0, n * unit.gain(m, book.design)), unit.days) for unit, n in hedge]
    whole = sum(gain for gain, _ in design)
    out["tenor_centroid"] = sum(gain * days for gain, days in design) / whole if whole else None
    capital = sum(n * tied(unit) for unit, n in hedge)
    out["wacc_p"] = gross * 365 / book.horizon / capital if capital else None
    out["cost_to_date"] = sunk
    out["cap"] = max(0.0, book.whole_cap - sunk)
    return out | returns(book, cost, sunk)


def loss_vix_down(book: Book, hedge: Hedge) -> float:
    """Return what condors, hedge and financing lose with SPX 3% up and the VIX 3 points down, at once."""
    m = book.market
    condors = sum(condor.gain_at(m, 1.03 * m.spx, -3.0) for condor in book.condors)
    sold = book.financing.gain_at(m, 1.03 * m.spx, -3.0) if book.financing else 0.0
    return -condors - sold - sum(n * unit.gain(m, -3.0) for unit, n in hedge)


def deltas(book: Book, hedge: Hedge) -> dict[str, float | None]:
    m = book.market
    condors = sum(condor.delta(m) for condor in book.condors)
    ours = sum(n * unit.spx_dollars(m) for unit, n in hedge)
    small = m.beta_star * book.exposure * 0.01
    sold = book.financing.delta(m) if book.financing else 0.0
    return {
        "d_c": condors,
        "d_h": ours,
        "d_f": sold,
        "d_s": small,
        "d_sleeve": condors + ours + sold,
        "d_book": condors + ours + sold + small,
    }


def tied(unit: Unit) -> float:
    return FUTURES_MARGIN_POINTS * unit.multiplier if unit.months else 100 * unit.can_lose


def returns(book: Book, cost: float, sunk: float) -> dict[str, float | None]:
    """Return the annual returns of one condor, before and after what its hedge has cost and will cost."""
    if len(book.condors) != 1:
        return {}
    m, (condor,) = book.market, book.condors
    net = condor.credit - (cost + sunk) / (100 * condor.quantity)
    gross, after = (condor.held_to_expiry(c) * 365 / condor.days for c in (condor.credit, net))
    return {
        "irr_gross": gross,
        "irr_net": after,
        "irr_drag": gross - after,
        "irr_expected": None if m.rv20 is None else condor.expected_return(m, net, m.rv20),
        "irr_expected_neutral": condor.expected_return(m, net, None),
    }


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
        "vxm_m": 10 * full * m,
    }  # fmt: skip


def crossing(function: Callable[[float], float], low: float, high: float, steps: int = 200) -> list[float]:
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
    return crossing(lambda d: unit.gain(m, d, t), 1.01 - m.vix, max(150.0, 2 * m.vix) - m.vix)


def break_evens_of_all(book: Book, hedge: Hedge, t: float, *, with_condors: bool) -> list[float]:
    """Return the VIX changes at which the hedge breaks even after t days, or condors and hedge together."""
    m = book.market

    def gain(d: float) -> float:
        ours = sum(n * unit.gain(m, d, t) for unit, n in hedge)
        if not with_condors:
            return ours
        return ours - book.loss(d, t) + (book.financing.gain(m, d, t) if book.financing else 0.0)

    # A book is not looked at so far out that the linked regression leaves SPX with nothing.
    return crossing(gain, 1.01 - m.vix, 2.5 * m.vix if with_condors else max(150.0, 2 * m.vix) - m.vix)


def at_settlement(m: Market, unit: Unit, *, with_fees: bool = False) -> float:
    """Return the VIX settlement, or the difference of the futures, at which a unit breaks even."""
    fees = unit.side_fee(m) / unit.multiplier
    if unit.months:
        now = m.level(unit.months[0]) - m.level(unit.months[1])
        return (now + unit.slippage if unit.paid is None else unit.paid + unit.slippage / 2) + fees
    return unit.calls[0][1].strike + unit.can_lose + (fees if with_fees else 0.0)


def vega3(book: Book, hedge: Hedge) -> list[float]:
    """Return dollars per VIX point by VIX expiry, the first three that the hedge has (S47)."""
    m, by_expiry = book.market, dict[int, float]()
    for unit, n in hedge:
        for days, dollars in unit.vix_dollars_by_expiry(m):
            by_expiry[days] = by_expiry.get(days, 0.0) + n * dollars
    return [dollars for _, dollars in sorted(by_expiry.items())][:3]
