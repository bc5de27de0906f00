"""Dollars per +1 % SPX of condors, hedge, financing and small caps, and the rules on their sums (methodology 4.7)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alvh.core.hedge.book import Condor, FinancingSpread, SmallCaps
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, bsm_greeks
from alvh.core.hedge.scenario import (
    CONDOR_CALLS,
    CONDOR_SIGNS,
    HedgeMarket,
    by_smile,
    condor_greeks,
    financing_delta,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookGreeks:
    """Greeks of all condors: dollars per +1 % SPX, per volatility point, per calendar day."""

    delta: float
    vega: float
    theta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Where the book leans, dollars per +1 % SPX.

    Attributes:
        condor: D_c, Black-Scholes deltas.
        hedge: D_h.
        financing: D_f.
        small_caps: D_s = beta* E / 100.
        sleeve_limit: greatest permitted size of the sleeve's delta.
    """

    condor: float
    hedge: float
    financing: float
    small_caps: float
    sleeve_limit: float

    @property
    def sleeve(self) -> float:
        """Condor, hedge and financing together."""
        return self.condor + self.hedge + self.financing

    @property
    def book(self) -> float:
        """The sleeve and the small caps."""
        return self.sleeve + self.small_caps

    @property
    def sleeve_excess(self) -> float:
        """By how much the sleeve leaves its band: to be repaired by shifting condor strikes, not by options."""
        return max(0.0, abs(self.sleeve) - self.sleeve_limit)


def book_greeks(market: HedgeMarket, condors: Sequence[Condor]) -> BookGreeks:
    """Return the Greeks of the condors as held (sold)."""
    delta, vega, theta = condor_sensitivities(market, condors).sum(axis=0)
    return BookGreeks(delta=float(delta), vega=float(vega), theta=float(theta))


def condor_sensitivities(market: HedgeMarket, condors: Sequence[Condor]) -> Floats:
    """Return (condors, 3): dollars per +1 % SPX, per volatility point and per day of each kind of condor as held."""
    found = np.zeros((len(condors), 3))
    for smile, rows in by_smile(market, condors):
        strikes = np.array([condors[row].strikes for row in rows])
        years = np.array([[max(condors[row].days, 0) / DAYS_PER_YEAR] for row in rows])
        vols = smile.vol(np.log(strikes / market.spx))
        greeks = bsm_greeks(market.spx, strikes, years, vols, market.rate, market.dividend, CONDOR_CALLS)
        each = np.stack((greeks.delta * market.spx * 0.01, greeks.vega_point, greeks.theta_day), axis=2)
        dollars = np.array([condors[row].dollars_per_point for row in rows])
        found[rows] = np.einsum("clg,l,c->cg", each, CONDOR_SIGNS, dollars)
    return found


def deltas(
    market: HedgeMarket,
    condors: Sequence[Condor],
    hedge: float,
    financing: Sequence[FinancingSpread],
    small_caps: SmallCaps | None,
    sleeve_max_share: float,
) -> Deltas:
    """Return the deltas of the book with a hedge of `hedge` dollars per +1 % SPX."""
    return Deltas(
        condor=book_greeks(market, condors).delta,
        hedge=hedge,
        financing=sum(financing_delta(market, spread) for spread in financing),
        small_caps=small_caps.beta_star * small_caps.exposure * 0.01 if small_caps else 0.0,
        sleeve_limit=sleeve_max_share * sum(condor.max_loss_usd for condor in condors),
    )


def condor_extrinsic(market: HedgeMarket, condor: Condor) -> float:
    """Return the time value of one condor, points: its mid less the intrinsic value on the forward (1.2)."""
    greeks, signs = condor_greeks(market, condor)
    years = condor.days / DAYS_PER_YEAR
    forward = market.spx * np.exp((market.rate - market.dividend) * years)
    strikes = np.asarray(condor.strikes)
    inner = np.maximum(0.0, np.array([-1.0, -1.0, 1.0, 1.0]) * (forward - strikes)) * np.exp(-market.rate * years)
    return float(-signs @ (greeks.price - inner))
