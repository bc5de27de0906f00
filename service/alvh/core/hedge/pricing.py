"""Option values: Black-76, Black-Scholes-Merton, their Greeks and implied volatility on arrays, and a binomial put.

Every argument broadcasts. Times are years (calendar days / 365), volatilities and rates decimals, prices points.
An option without time or volatility left is worth its discounted intrinsic value (methodology 0.5, 1.2, 9.1).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri_exp

Floats = NDArray[np.float64]

DAYS_PER_YEAR: Final = 365.0

_INV_SQRT_2PI: Final = 0.3989422804014327
# Where time or volatility has run out the distance in standard deviations is infinite in the limit; a finite stand-in
# far outside any double's normal tail keeps the arithmetic free of 0/0.
_FAR: Final = 1e3
# Smallest total volatility told from none: below it the time value is under 1e-14 of the forward.
_NO_TIME_VALUE: Final = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Value and sensitivities of options, arrays of one shape.

    Attributes:
        price: present value, points.
        delta: per point of the underlying (Black-76: of the future, discounted).
        gamma: per point squared.
        vega: per 1.00 of volatility.
        theta: per year.
        rho: per 1.00 of the rate (Black-76: with the future held; Black-Scholes-Merton: with spot held).
    """

    price: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats

    @property
    def vega_point(self) -> Floats:
        """Vega per volatility point (0.01)."""
        return self.vega / 100.0

    @property
    def theta_day(self) -> Floats:
        """Theta per calendar day (year of 365 days)."""
        return self.theta / DAYS_PER_YEAR


def normal_cdf(x: ArrayLike) -> Floats:
    """Return the standard normal distribution function, accurate relative to its value in both tails."""
    return np.asarray(ndtr(np.asarray(x, dtype=np.float64)), dtype=np.float64)


def black76(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, rate: ArrayLike, is_call: ArrayLike
) -> Floats:
    """Return European option values on a future (Black 1976), points.

    The out-of-the-money side is computed and parity adds the intrinsic value, so that no digits cancel deep in the
    money.
    """
    f, k, t, s, r = _floats(forward, strike, years, vol, rate)
    return np.asarray(np.exp(-r * t) * _undiscounted(f, k, s * np.sqrt(np.maximum(t, 0.0)), np.asarray(is_call)))


def bsm(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend: ArrayLike,
    is_call: ArrayLike,
) -> Floats:
    """Return European option values on an index with a dividend yield (Black-Scholes-Merton), points."""
    u, t, r, q = _floats(spot, years, rate, dividend)
    return black76(u * np.exp((r - q) * t), strike, t, vol, r, is_call)


def black76_greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, rate: ArrayLike, is_call: ArrayLike
) -> Greeks:
    """Return value and Greeks on a future; delta is e^(-rT) N(d1) for calls (methodology 4.3)."""
    f, k, t, s, r = _floats(forward, strike, years, vol, rate)
    call = np.asarray(is_call)
    price, to_forward, _, gamma, vega, decay = _kernel(f, k, t, s, r, call)
    return Greeks(price=price, delta=to_forward, gamma=gamma, vega=vega, theta=r * price - decay, rho=-t * price)


def bsm_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend: ArrayLike,
    is_call: ArrayLike,
) -> Greeks:
    """Return value and Greeks on an index with a dividend yield; rho holds spot, not the forward."""
    u, k, t, s, r, q = _floats(spot, strike, years, vol, rate, dividend)
    call = np.asarray(is_call)
    growth = np.exp((r - q) * t)
    forward = u * growth
    price, to_forward, exercised, gamma, vega, decay = _kernel(forward, k, t, s, r, call)
    owed = k * exercised
    return Greeks(
        price=price,
        delta=to_forward * growth,
        gamma=gamma * growth * growth,
        vega=vega,
        theta=q * to_forward * forward - r * owed - decay,
        rho=t * owed,
    )


def implied_vol_black76(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, rate: ArrayLike, is_call: ArrayLike
) -> Floats:
    """Return the volatility at which `black76` gives `price`; NaN where none does.

    No volatility exists at or below the discounted intrinsic value or at or above the option's upper bound, nor
    without time. Halley's method on the logarithm of the out-of-the-money value, from inside the bracket.
    """
    p, f, k, t, r = _floats(price, forward, strike, years, rate)
    p, f, k, t, r, call = np.broadcast_arrays(p, f, k, t, r, np.asarray(is_call, dtype=bool))
    with np.errstate(invalid="ignore", divide="ignore"):
        undiscounted = p * np.exp(r * t)
        otm = undiscounted - np.maximum(np.where(call, f - k, k - f), 0.0)
        scaled = otm / np.minimum(f, k)
        solvable = (scaled > 0.0) & (scaled < 1.0) & (t > 0.0) & (f > 0.0) & (k > 0.0)
        # The intrinsic value was subtracted from a rounded price: what is left below that rounding is noise.
        solvable &= otm > 4.0 * np.finfo(np.float64).eps * undiscounted
    total = np.full(p.shape, np.nan)
    if solvable.any():
        total[solvable] = _implied_total_vol(scaled[solvable], np.abs(np.log(f[solvable] / k[solvable])))
    return np.asarray(total / np.sqrt(np.where(solvable, t, 1.0)))


def implied_vol_bsm(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    dividend: ArrayLike,
    is_call: ArrayLike,
) -> Floats:
    """Return the volatility at which `bsm` gives `price`; NaN where none does."""
    u, t, r, q = _floats(spot, years, rate, dividend)
    return implied_vol_black76(price, u * np.exp((r - q) * t), strike, t, r, is_call)


def american_put_binomial(
    spot: float, strike: float, years: float, vol: float, rate: float, dividend: float, steps: int = 400
) -> float:
    """Return an American put by the Cox-Ross-Rubinstein tree: the check beside the European value (methodology 6.1)."""
    step = years / steps
    up = np.exp(vol * np.sqrt(step))
    odds = (np.exp((rate - dividend) * step) - 1.0 / up) / (up - 1.0 / up)
    discount = np.exp(-rate * step)
    prices = spot * up ** (2.0 * np.arange(steps + 1) - steps)
    values = np.maximum(strike - prices, 0.0)
    for level in range(steps, 0, -1):
        prices = prices[:level] * up
        values = np.maximum(discount * (odds * values[1:] + (1.0 - odds) * values[:level]), strike - prices)
    return float(values[0])


def _floats(*values: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)


def _distances(f: Floats, k: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return d1 and d2; without volatility both are far on the side on which the option ends."""
    alive = total > _NO_TIME_VALUE
    with np.errstate(divide="ignore"):
        log_ratio = np.log(f / k)
    safe = np.where(alive, total, 1.0)
    d2 = np.where(alive, log_ratio / safe - 0.5 * safe, _FAR * np.sign(log_ratio))
    return d2 + np.where(alive, safe, 0.0), d2


def _undiscounted(f: Floats, k: Floats, total: Floats, call: NDArray[np.bool_]) -> Floats:
    d1, d2 = _distances(f, k, total)
    side = np.where(f >= k, -1.0, 1.0)  # the out-of-the-money option is the put below the forward, else the call
    otm = np.maximum(side * (f * ndtr(side * d1) - k * ndtr(side * d2)), 0.0)
    return np.asarray(otm + np.maximum(np.where(call, f - k, k - f), 0.0))


def _kernel(
    f: Floats, k: Floats, t: Floats, s: Floats, r: Floats, call: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return price, d/dF, chance of exercise (negative of puts), d2/dF2, d/dvol, decay by time value; discounted."""
    discount = np.exp(-r * t)
    root = np.sqrt(np.maximum(t, 0.0))
    total = s * root
    d1, d2 = _distances(f, k, total)
    side = np.where(f >= k, -1.0, 1.0)
    n1, n2 = ndtr(side * d1), ndtr(side * d2)
    otm = np.maximum(side * (f * n1 - k * n2), 0.0)
    price = discount * (otm + np.maximum(np.where(call, f - k, k - f), 0.0))
    # Call delta minus put delta is one: the out-of-the-money side's delta gives either without cancelling digits.
    other = np.where(call & (side < 0), 1.0, 0.0) - np.where(~call & (side > 0), 1.0, 0.0)
    delta, exercised = discount * (side * n1 + other), discount * (side * n2 + other)
    density = discount * _INV_SQRT_2PI * np.exp(-0.5 * d1 * d1)
    gamma = np.where(total > _NO_TIME_VALUE, density / np.where(total > _NO_TIME_VALUE, f * total, 1.0), 0.0)
    vega = f * density * root
    return price, delta, exercised, gamma, vega, 0.5 * gamma * f * f * s * s


def _implied_total_vol(scaled: Floats, x: Floats) -> Floats:
    """Return sigma*sqrt(T) of out-of-the-money values given as a share of min(F, K), at |ln(F/K)| = x.

    In these units the value is b(v) = N(-x/v + v/2) - e^x N(-x/v - v/2), rising from 0 to 1. Its logarithm is nearly
    linear in 1/v^2 where v is small and N^-1 of it in v where v is large; Halley steps on the logarithm converge from
    the start below in at most a handful of rounds, and a bracket catches what would leave it.
    """
    target = np.log(scaled)
    low, high = np.full(x.shape, 1e-9), np.full(x.shape, 80.0)
    # At the money exactly b = 2N(v/2) - 1; the tangent at the inflexion v = sqrt(2x) starts the rest.
    v = np.maximum(np.sqrt(2.0 * x), -2.0 * ndtri_exp(np.log1p(-scaled) - np.log(2.0)))
    v = np.maximum(v, low)
    for _ in range(64):  # Halley needs under ten rounds; bisection to the last bit, were it ever needed, fifty-odd
        d = 0.5 * v - x / v
        ex = np.exp(x)
        value = ndtr(d) - ex * ndtr(d - v)
        slope = _INV_SQRT_2PI * np.exp(-0.5 * d * d)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            error = np.log(np.maximum(value, 0.0)) - target
            ratio = slope / value
            newton = error / ratio
            curvature = (x * x / v**3 - 0.25 * v) - ratio
            step = newton / np.maximum(1.0 - 0.5 * newton * curvature, 0.5)
        high = np.where(error >= 0.0, np.minimum(high, v), high)
        low = np.where(error < 0.0, np.maximum(low, v), low)
        moved = v - step
        inside = np.isfinite(moved) & (moved >= low) & (moved <= high)
        new = np.where(inside, moved, 0.5 * (low + high))
        settled = np.abs(new - v) <= 1e-9 * v  # third order: what a step this small leaves is below rounding
        v = new
        if settled.all():
            break
    return np.asarray(v)
