"""Iron condors of a second program: value, P&L on the linked path, Greeks, break-evens, returns (1.2, 4.3, 5, S30)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from oracles.option_formulas import bsm_delta
from oracles.vix_market import Market


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
