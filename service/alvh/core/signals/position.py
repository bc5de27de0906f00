"""S30, S31, S33, S41, S47: what signals say about the book itself - pure functions of it, called by the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, expm1, log, log1p, sqrt
from typing import Final

from alvh.core.signals.model import Signal

_YEAR_DAYS: Final = 365.0
_WINDOW_DTE: Final = 21.0
_ACCELERATION: Final = 1.0
_FRONT_SHARE: Final = 0.60
_EXPIRIES: Final = 3
_BISECTIONS: Final = 200  # halvings of the bracket: far beyond the last bit of a double
_STEEPEST: Final = 700.0  # log of the greatest yearly growth a double can hold, nearly
_FLOOR: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorTerms:
    """What S30 and S31 need of a condor, in points.

    Attributes:
        credit: filled credit.
        width: the wider side's width.
        dte: calendar days to expiry.
        strikes: long put, short put, short call, long call.
    """

    credit: float
    width: float
    dte: float
    strikes: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorReturn:
    """Returns of one condor on its maximum loss.

    Attributes:
        period: credit / (width - credit), held to expiry with all of it kept.
        simple: per year of 365 days, not compounded.
        compound: per year, compounded.
        expected: simple yearly return weighted by the lognormal density of realised volatility; None without one.
        neutral: the same under the implied density; None without an implied volatility.
    """

    period: float
    simple: float
    compound: float
    expected: float | None
    neutral: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """A lognormal density of the index at expiry: forward in points, volatility as a decimal per year."""

    forward: float
    volatility: float


def condor_return(
    condor: CondorTerms, *, realised: Density | None = None, implied: Density | None = None
) -> CondorReturn:
    """Return what the condor earns on its maximum loss (S30).

    Args:
        condor: its terms.
        realised: the density with RV20, whose mean decides on `second_engine`.
        implied: the density with the market's volatility, whose mean is negative by construction.
    """
    period = condor.credit / (condor.width - condor.credit)
    years = condor.dte / _YEAR_DAYS
    return CondorReturn(
        period=period,
        simple=period / years,
        compound=expm1(log1p(period) / years),
        expected=None
        if realised is None
        else expected_profit(condor, realised) / (condor.width - condor.credit) / years,
        neutral=None if implied is None else expected_profit(condor, implied) / (condor.width - condor.credit) / years,
    )


def expected_profit(condor: CondorTerms, density: Density) -> float:
    """Return the mean profit at expiry under the density, points per condor, undiscounted."""
    long_put, short_put, short_call, long_call = condor.strikes
    deviation = density.volatility * sqrt(condor.dte / _YEAR_DAYS)
    puts = _mean_put(density.forward, short_put, deviation) - _mean_put(density.forward, long_put, deviation)
    calls = _mean_call(density.forward, short_call, deviation) - _mean_call(density.forward, long_call, deviation)
    return condor.credit - puts - calls


def second_engine(expected: float | None, rate: float, hurdle_over_rf: float) -> bool:
    """Return the flag `second_engine`: the expected yearly return falls short of r_f + hurdle (False where unknown)."""
    return expected is not None and expected < rate + hurdle_over_rf


def internal_rate(flows: Sequence[tuple[float, float]]) -> float | None:
    """Return y with sum of amount * (1 + y) ** (-days / 365) = 0, by bisection (S30).

    None where the flows do not change sign between a total loss and the greatest rate a double can hold.

    Args:
        flows: (calendar days from now, amount), the outlay negative.
    """

    def present(log_growth: float) -> float:
        return sum(amount * exp(-log_growth * days / _YEAR_DAYS) for days, amount in flows)

    longest = max((days for days, _ in flows), default=0.0)
    if longest <= 0.0:
        return None
    high = min(_STEEPEST, _STEEPEST * _YEAR_DAYS / longest)
    low = -high
    if present(low) * present(high) > 0.0:
        return None
    is_rising = present(low) < 0.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if (present(middle) < 0.0) == is_rising:
            low = middle
        else:
            high = middle
    return expm1(0.5 * (low + high))


def rate_drag(condor: CondorTerms, hedge_cost: float) -> tuple[float, float]:
    """Return the simple yearly return after hedge cost, and by how much that is less than without it (S31).

    Args:
        condor: its terms.
        hedge_cost: points per condor; the return is taken on the maximum loss that it raises.
    """
    net = condor.credit - hedge_cost
    years = condor.dte / _YEAR_DAYS
    after = net / (condor.width - net) / years
    return after, condor.credit / (condor.width - condor.credit) / years - after


@dataclass(frozen=True, slots=True, kw_only=True)
class ThetaWindow:
    """S33 at one close: share of value decaying per day, its acceleration, and whether the window is open."""

    efficiency: float
    acceleration: float
    is_open: bool


def theta_window(
    *,
    value: float,
    extrinsic: float,
    theta_day: float,
    dte: float,
    is_premium_at_mean: bool,
    sessions_to_release: int | None,
    sessions_since_release: int | None,
) -> ThetaWindow | None:
    """Return the theta window of a condor (S33); None where it has no value or no extrinsic value left.

    Args:
        value: mid price to close it, points.
        extrinsic: of it, what is not intrinsic, points.
        theta_day: points earned per calendar day.
        dte: calendar days to expiry.
        is_premium_at_mean: VRP is at or above its mean of 20 closes (unknown is False: it confirms nothing).
        sessions_to_release: to the next release of S20; None (unknown) vetoes nothing.
        sessions_since_release: since the last one; None vetoes nothing.
    """
    if value < _FLOOR or extrinsic < _FLOOR:
        return None
    acceleration = theta_day * dte / extrinsic
    near = [count for count in (sessions_to_release, sessions_since_release) if count is not None]
    is_clear = min(near, default=_EXPIRIES) > 1
    is_open = dte <= _WINDOW_DTE and acceleration >= _ACCELERATION and is_premium_at_mean and is_clear
    return ThetaWindow(efficiency=theta_day / value, acceleration=acceleration, is_open=is_open)


def distance_to_break_even(spot: float, break_evens: tuple[float, float], move_points: float) -> float:
    """Return how many expected daily moves lie between spot and the nearer break-even (S41); negative beyond it."""
    low, high = break_evens
    return min(spot - low, high - spot) / move_points


def vega_of_first_three(vega_by_expiry: Sequence[tuple[float, float]]) -> tuple[float, tuple[float, ...]]:
    """Return dollars per VIX point over the three nearest VX expiries, and the share of each (S47).

    Args:
        vega_by_expiry: (days to settlement, dollars per +1 VIX point), in any order; equal days count as one expiry.
    """
    sums: dict[float, float] = {}
    for days, vega in vega_by_expiry:
        sums[days] = sums.get(days, 0.0) + vega
    nearest = [sums[days] for days in sorted(sums)[:_EXPIRIES]]
    total = sum(nearest)
    return total, tuple(vega / total if total else 0.0 for vega in nearest)


def position_signal(
    signal_id: str,
    value: float | None,
    *,
    asof: int | None,
    state: str,
    parts: tuple[tuple[str, float | None], ...] = (),
) -> Signal:
    """Return a signal about the book, by the terms of `TERMS`; `missing` where there is no value."""
    unit, threshold, inputs = TERMS[signal_id]
    is_known = value is not None
    return Signal(
        id=signal_id, value=value, unit=unit, state=state if is_known else "missing", threshold=threshold,
        asof=asof if is_known else None, inputs=inputs, quality="ok" if is_known else "missing", parts=parts,
    )  # fmt: skip


# Signals the engine makes where it prices and trades: unit, threshold, inputs.
TERMS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "S01": ("ratio", ">= 0.03 on any watched index", ("SPX", "RUT")),
    "S02": ("sessions", "5 soft, 10 hard", ("calendar",)),
    "S30": ("per year", "expected >= r_f + 5 %", ("condor",)),
    "S31": ("per year", "none", ("condor", "hedge")),
    "S33": ("ratio", f"DTE <= {_WINDOW_DTE:g}, >= {_ACCELERATION:g}, VRP at its mean, no release near", ("condor",)),
    "S34": ("legs refused", "0 (fails closed)", ("quotes",)),
    "S35": ("points", "> 0 after fees, at least a tick", ("VIX options", "VX")),
    "S36": ("points", "> 0.10 rich, < -4 cheap", ("VX", "SPX options")),
    "S39": ("allowed", "see methodology", ("calendar",)),
    "S41": ("daily moves", "< 1.0 (1.5 tightened)", ("SPX", "condor")),
    "S47": ("dollars per VIX point", f"front share <= {_FRONT_SHARE:g}", ("hedge",)),
    "S48": ("dollars", "none", ("stress library",)),
}


def _mean_call(forward: float, strike: float, deviation: float) -> float:
    if deviation <= 0.0:
        return max(0.0, forward - strike)
    d1 = log(forward / strike) / deviation + 0.5 * deviation
    return forward * _normal(d1) - strike * _normal(d1 - deviation)


def _mean_put(forward: float, strike: float, deviation: float) -> float:
    return _mean_call(forward, strike, deviation) - (forward - strike)


def _normal(x: float) -> float:
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))
