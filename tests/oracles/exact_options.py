"""Option values and Greeks in forty digits: the arbiter where two programs in doubles disagree."""

from dataclasses import dataclass

from mpmath import mp, mpf

DIGITS = 40


@dataclass(frozen=True)
class Exact:
    """Black-Scholes-Merton of one contract, rounded to doubles; Black-76 where the dividend equals the rate."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float


def exact(spot: float, strike: float, years: float, vol: float, rate: float, dividend: float, is_call: bool) -> Exact:
    """Return value and Greeks of one contract."""
    with mp.workdps(DIGITS):
        s, k, t, v, r, q = map(mpf, (spot, strike, years, vol, rate, dividend))
        sign = 1 if is_call else -1
        total = v * mp.sqrt(t)
        d1 = (mp.log(s / k) + (r - q) * t) / total + total / 2
        d2 = d1 - total
        held, owed = s * mp.exp(-q * t), k * mp.exp(-r * t)
        n1, n2 = mp.ncdf(sign * d1), mp.ncdf(sign * d2)
        density = mp.npdf(d1)
        decay = -held * density * v / (2 * mp.sqrt(t)) - sign * (r * owed * n2 - q * held * n1)
        return Exact(
            price=float(sign * (held * n1 - owed * n2)),
            delta=float(sign * mp.exp(-q * t) * n1),
            gamma=float(mp.exp(-q * t) * density / (s * total)),
            vega=float(held * density * mp.sqrt(t)),
            theta=float(decay),
            rho=float(sign * owed * t * n2),
        )
