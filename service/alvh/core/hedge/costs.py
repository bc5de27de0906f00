"""What the hedge costs and what is left: capital and carry, WACC of the protection, internal rates of return, odds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alvh.core.hedge.book import Condor
from alvh.core.hedge.delta import condor_extrinsic
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, black76, normal_cdf
from alvh.core.hedge.scenario import HedgeMarket, condor_greeks

# The rate at which a root is given up: +1e9 per year doubles money every 18 minutes; nothing meaningful lies beyond.
_HIGHEST_RATE: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """Capital and carry of the hedge (methodology 4.9).

    Attributes:
        capital: tied per leg (debit paid, futures margin), dollars.
        weights: share of each leg in it.
        rates: annual carry rate of each leg, per year; 0 where nothing is tied.
        wacc: sum of weights times rates, per year; 0 without a hedge.
    """

    capital: tuple[float, ...]
    weights: tuple[float, ...]
    rates: tuple[float, ...]
    wacc: float


def carry(capital: Floats, cost: Floats, horizon: float) -> Carry:
    """Return capital, weights, rates k = K*365/(H*Q) and their weighted mean.

    Args:
        capital: Q per leg for all its contracts, dollars.
        cost: K likewise.
        horizon: H, calendar days.
    """
    tied = capital > 0.0
    total = float(capital.sum())
    weights = capital / total if total > 0.0 else np.zeros_like(capital)
    rates = np.where(tied, cost * DAYS_PER_YEAR / (horizon * np.where(tied, capital, 1.0)), 0.0)
    return Carry(
        capital=tuple(map(float, capital)),
        weights=tuple(map(float, weights)),
        rates=tuple(map(float, rates)),
        wacc=float(weights @ rates),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """Return on what a condor puts at risk, held to expiry: for the whole period, and per year simple and compound."""

    period: float
    simple: float
    compound: float


def held_to_expiry(credit: float, width: float, days: float) -> Returns:
    """Return R = C/(W-C) and its annual forms (S30); zero where nothing is at risk or no time is left."""
    at_risk = width - credit
    period = credit / at_risk if at_risk > 0.0 else 0.0
    if days <= 0.0:
        return Returns(period=period, simple=0.0, compound=0.0)
    years = days / DAYS_PER_YEAR
    compound = (1.0 + period) ** (1.0 / years) - 1.0 if period > -1.0 else -1.0
    return Returns(period=period, simple=period / years, compound=compound)


def internal_rate(flows: Sequence[tuple[float, float]]) -> float | None:
    """Return y with sum of CF (1+y)^(-t/365) = 0, per year; None where no rate does.

    Args:
        flows: (calendar day, dollars), negative for what is put in.
    """
    days = np.array([day for day, _ in flows], dtype=np.float64) / DAYS_PER_YEAR
    cash = np.array([dollars for _, dollars in flows], dtype=np.float64)
    if not flows:
        return None
    low, high = np.log(1e-9), np.log(1.0 + _HIGHEST_RATE)

    def present(log_growth: float) -> float:
        exponents = -days * log_growth
        # A common factor does not move the root and keeps every term finite.
        return float(cash @ np.exp(exponents - exponents.max()))

    at_low, at_high = present(low), present(high)
    if at_low == 0.0 or at_high == 0.0 or (at_low > 0.0) == (at_high > 0.0):
        return None
    for _ in range(200):  # bisection: the bracket of 41 shrinks to the last bit in about 58 rounds
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if (present(middle) > 0.0) == (at_low > 0.0):
            low = middle
        else:
            high = middle
    return float(np.expm1(0.5 * (low + high)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedReturn:
    """Expected result of the condors at expiry under one density.

    Attributes:
        pnl_usd: before hedge cost.
        pnl_net_usd: after it.
        simple: annualised on what is at risk, before hedge cost, per year.
        simple_net: after it.
    """

    pnl_usd: float
    pnl_net_usd: float
    simple: float
    simple_net: float


def expected_return(
    market: HedgeMarket, condors: Sequence[Condor], hedge_cost_usd: float, rv20: float | None
) -> ExpectedReturn | None:
    """Return the expectation under a lognormal of volatility `rv20`, or under the smile itself where it is None.

    The mean is that of the forward in both. The risk-neutral one is negative by construction once the credit is fair
    and costs are paid; both are shown (S30). Each condor's result is annualised over its own days.

    Args:
        market: the snapshot.
        condors: expiring ones are left out.
        hedge_cost_usd: HC of all of them.
        rv20: realised volatility, decimal.

    Returns:
        None where nothing is at risk.
    """
    alive = [condor for condor in condors if condor.days > 0 and condor.max_loss_usd > 0.0]
    at_risk = sum(condor.max_loss_usd for condor in alive)
    if not alive:
        return None
    pnl = rate = cost_rate = 0.0
    for condor in alive:
        years = condor.days / DAYS_PER_YEAR
        earned = (condor.credit - _expected_payoff(market, condor, rv20, years)) * condor.dollars_per_point
        pnl, rate = pnl + earned, rate + earned / years
        cost_rate += hedge_cost_usd * condor.max_loss_usd / at_risk / years
    return ExpectedReturn(
        pnl_usd=pnl,
        pnl_net_usd=pnl - hedge_cost_usd,
        simple=rate / at_risk,
        simple_net=(rate - cost_rate) / (at_risk + hedge_cost_usd),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """Where SPX ends against the break-evens, risk-neutral, each break-even at its own strike's volatility."""

    below: float
    above: float

    @property
    def inside(self) -> float:
        """Probability of ending between the break-evens."""
        return 1.0 - self.below - self.above


def break_even_odds(market: HedgeMarket, condor: Condor) -> Odds:
    """Return the probabilities of ending below and above the condor's break-evens (methodology 4.10)."""
    lower, upper = condor.break_evens()
    levels = np.array([lower, upper])
    years = max(condor.days, 1e-9) / DAYS_PER_YEAR
    total = market.smile_of(condor.days).vol(np.log(levels / market.spx)) * np.sqrt(years)
    d2 = (np.log(market.spx / levels) + (market.rate - market.dividend) * years) / total - 0.5 * total
    return Odds(below=float(normal_cdf(-d2[0])), above=float(normal_cdf(d2[1])))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThetaState:
    """Decay of a condor: e_theta = theta per day / mid, and A_theta = theta * DTE / extrinsic (S33)."""

    efficiency: float
    acceleration: float


def theta_state(market: HedgeMarket, condor: Condor) -> ThetaState:
    """Return the theta figures of one condor; zeros where it has no value left."""
    greeks, signs = condor_greeks(market, condor)
    theta = float(signs @ greeks.theta_day)
    mid, extrinsic = float(-signs @ greeks.price), condor_extrinsic(market, condor)
    return ThetaState(
        efficiency=theta / mid if mid > 0.0 else 0.0,
        acceleration=theta * condor.days / extrinsic if extrinsic > 0.0 else 0.0,
    )


def _expected_payoff(market: HedgeMarket, condor: Condor, vol: float | None, years: float) -> float:
    """Return what a condor is worth at expiry on average, points: under one volatility, or at each strike's own."""
    if vol is None:
        greeks, signs = condor_greeks(market, condor)
        return float(-signs @ greeks.price) * float(np.exp(market.rate * years))
    forward = market.spx * np.exp((market.rate - market.dividend) * years)
    options = black76(forward, np.asarray(condor.strikes), years, vol, 0.0, np.array([False, False, True, True]))
    return float(np.array([1.0, -1.0, 1.0, -1.0]) @ options)
