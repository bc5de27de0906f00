"""Values and Greeks of one option at a time, in scalars: Black-76 on a future, Black-Scholes-Merton on an index."""

import math

from scipy.optimize import brentq


def cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def black76(forward: float, strike: float, years: float, vol: float, r: float) -> float:
    """Return the value of a call on a future."""
    if years <= 0.0:
        return max(0.0, forward - strike)
    s = max(vol, 1e-9) * math.sqrt(years)
    d1 = math.log(forward / strike) / s + s / 2
    return math.exp(-r * years) * (forward * cdf(d1) - strike * cdf(d1 - s))


def call_delta(forward: float, strike: float, years: float, vol: float, r: float) -> float:
    s = vol * math.sqrt(years)
    return math.exp(-r * years) * cdf(math.log(forward / strike) / s + s / 2)


def bsm(spot: float, strike: float, years: float, vol: float, r: float, q: float, right: str) -> float:
    sign = 1.0 if right == "C" else -1.0
    if years <= 0.0:
        return max(0.0, sign * (spot - strike))
    s = max(vol, 1e-9) * math.sqrt(years)
    d1 = (math.log(spot / strike) + (r - q) * years) / s + s / 2
    return sign * (spot * math.exp(-q * years) * cdf(sign * d1) - strike * math.exp(-r * years) * cdf(sign * (d1 - s)))


def bsm_delta(spot: float, strike: float, years: float, vol: float, r: float, q: float, right: str) -> float:
    if years <= 0.0:
        return (1.0 if spot > strike else 0.0) if right == "C" else (-1.0 if spot < strike else 0.0)
    s = vol * math.sqrt(years)
    d1 = (math.log(spot / strike) + (r - q) * years) / s + s / 2
    return math.exp(-q * years) * (cdf(d1) if right == "C" else cdf(d1) - 1.0)


def implied(price: float, forward: float, strike: float, years: float, r: float) -> float | None:
    if not black76(forward, strike, years, 1e-4, r) < price < black76(forward, strike, years, 20.0, r):
        return None
    return float(brentq(lambda vol: black76(forward, strike, years, vol, r) - price, 1e-4, 20.0, xtol=1e-14))
