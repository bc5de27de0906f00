"""SPX call spreads sold to finance the hedge (FIN, 3.6) and held: a second program values them from today's mark."""

import math
from dataclasses import dataclass
from typing import Any

from oracles.option_formulas import bsm_delta
from oracles.vix_market import Market, days_of

Document = dict[str, Any]


@dataclass(frozen=True)
class Financing:
    """So many spreads: a call sold, one farther out bought, for a credit."""

    days: int
    quantity: int
    credit: float
    short: float
    long: float

    @property
    def size(self) -> float:
        return 100.0 * self.quantity

    def value(self, m: Market, spot: float, d: float, t: float) -> float:
        """Return what one costs to buy back at model mids, points."""
        left = max(self.days - t, 0.0)
        return m.spx_option(self.short, "C", left, spot, d) - m.spx_option(self.long, "C", left, spot, d)

    def mark(self, m: Market) -> float:
        return self.value(m, m.spx, 0.0, 0.0)

    def gain_at(self, m: Market, spot: float, d: float, t: float = 0.0) -> float:
        """Return the P&L from today's mark, dollars."""
        return self.size * (self.mark(m) - self.value(m, spot, d, t))

    def gain(self, m: Market, d: float, t: float = 0.0) -> float:
        """Return the same on the linked path."""
        return self.gain_at(m, m.spx * (1 + m.spx_return(d)), d, t)

    def call_delta(self, m: Market, strike: float) -> float:
        return bsm_delta(m.spx, strike, self.days / 365, m.smile(math.log(strike / m.spx)), m.r, m.q, "C")

    def delta(self, m: Market) -> float:
        """Return D_f: dollars per +1% SPX."""
        return -(self.call_delta(m, self.short) - self.call_delta(m, self.long)) * self.size * m.spx / 100

    def can_lose(self, m: Market) -> float:
        """Return the greatest loss at expiry from today's mark, dollars."""
        return self.size * (self.long - self.short - self.mark(m))

    def left_to_earn(self, m: Market, horizon: int) -> float:
        """Return what it earns within the horizon if every spread ends worthless, straight over its days."""
        return self.size * max(0.0, self.mark(m)) * min(1.0, horizon / self.days)

    def earned(self, m: Market) -> float:
        """Return what it has earned up to now, dollars."""
        return self.size * (self.credit - self.mark(m))

    def numbers(self, m: Market) -> dict[str, float]:
        """Return what a message says of it."""
        return {
            "n": self.quantity, "credit": self.credit, "mark": self.mark(m), "break_even": self.short + self.credit,
            "short_delta": self.call_delta(m, self.short),
            "max_loss": self.size * (self.long - self.short - self.credit),
        }  # fmt: skip


def financing_of(portfolio: Document, m: Market) -> Financing | None:
    """Return the spreads of a portfolio that holds one kind of them at most."""
    for row in portfolio.get("legs", []):
        if row["leg"] == "FIN":
            days = days_of({"expiry": row["expiry"]}, m.session)
            return Financing(days, abs(row["quantity"]), row["entry_price"], row["short_strike"], row["strike"])
    return None


def sunk_behind(gross: float, financing: Financing | None, m: Market) -> float:
    """Return the hedge's cost up to now: what spreads earned pays half of it at most, what they lost adds to it."""
    if financing is None:
        return max(0.0, gross)
    earned = financing.earned(m)
    return max(0.0, gross - (min(earned, 0.5 * max(0.0, gross)) if earned > 0.0 else earned))
