"""Iron condors of a second program: value, P&L on the linked path, Greeks, break-evens, returns (1.2, 4.3, 5, S30)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.integrate import quad

from oracles.exact_options import Exact, exact
from oracles.option_formulas import bsm_delta
from oracles.vix_market import Market


def expected_payoff(market: Market, strike: float, right: str, years: float, vol: float) -> float:
    """Return what an option pays on average, by quadrature over a lognormal index that grows at r - q."""
    deviation = vol * math.sqrt(years)
    centre = math.log(market.spx) + (market.r - market.q) * years - deviation * deviation / 2
    edge, sign = (math.log(strike) - centre) / deviation, 1.0 if right == "C" else -1.0

    def weighted(z: float) -> float:
        paid = sign * (math.exp(centre + deviation * z) - strike)
        return paid * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    low, high = (max(edge, -12.0), 12.0) if right == "C" else (-12.0, min(edge, 12.0))
    return float(quad(weighted, low, high, epsabs=1e-11, epsrel=1e-11, limit=200)[0]) if low < high else 0.0


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
        return self.gain_at(market, market.spx * (1 + market.spx_return(d)), d, t)

    def gain_at(self, market: Market, spot: float, d: float, t: float = 0.0) -> float:
        """Return the same at any spot."""
        now = self.value(market, market.spx, 0.0, 0.0)
        return (now - self.value(market, spot, d, t)) * 100.0 * self.quantity

    def held_to_expiry(self, credit: float) -> float:
        """Return what a credit earns on the greatest loss, if every option expires worthless."""
        return credit / (self.width - credit)

    def expected_return(self, market: Market, credit: float, vol: float | None) -> float:
        """Return the expected simple annual return: lognormal with one volatility, or with each strike's own (S30)."""
        owed = sum(
            sign * expected_payoff(market, k, right, self.days / 365, vol or market.smile(math.log(k / market.spx)))
            for sign, k, right in self.legs()
        )
        return (credit - owed) / (self.width - credit) * 365 / self.days

    def exact_legs(self, market: Market) -> list[tuple[float, Exact]]:
        """Return each leg's sign in the value to close, and its value and Greeks in forty digits."""
        return [
            (
                sign,
                exact(
                    market.spx, k, self.days / 365, market.smile(math.log(k / market.spx)), market.r, market.q,
                    right == "C",
                ),
            )
            for sign, k, right in self.legs()
        ]  # fmt: skip

    def numbers(self, market: Market, hedge_cost: float) -> dict[str, float]:
        """Return what a message says of the condors; the break-evens net of a hedge cost that is theirs alone."""
        legs, net = self.exact_legs(market), self.credit - hedge_cost / (100 * self.quantity)
        size = -100.0 * self.quantity
        return {
            "mark": sum(sign * leg.price for sign, leg in legs),
            "greeks.delta": size * sum(sign * leg.delta for sign, leg in legs) * market.spx / 100,
            "greeks.vega": size * sum(sign * leg.vega for sign, leg in legs) / 100,
            "greeks.theta": size * sum(sign * leg.theta for sign, leg in legs) / 365,
            "width": self.width, "max_loss": self.max_loss, "n": self.quantity, "dte": self.days,
            "be_low": self.strikes[1] - self.credit, "be_high": self.strikes[2] + self.credit,
            "be_low_net": self.strikes[1] - net, "be_high_net": self.strikes[2] + net,
        }  # fmt: skip

    def theta_figures(self, market: Market) -> tuple[float, float]:
        """Return efficiency and acceleration of the decay: a day of it over the value, times days over time value."""
        legs, forward = self.exact_legs(market), market.spx * math.exp((market.r - market.q) * self.days / 365)
        decay = -sum(sign * leg.theta for sign, leg in legs) / 365
        value = sum(sign * leg.price for sign, leg in legs)
        inside = sum(
            sign * max(0.0, (forward - k) if right == "C" else (k - forward)) for sign, k, right in self.legs()
        )
        return decay / value, decay * self.days / (value - inside * math.exp(-market.r * self.days / 365))

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
