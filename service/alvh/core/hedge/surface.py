"""Implied volatility as a function of strike: the model smiles, smiles through listed quotes, the VIX option surface.

SPX and IWM smiles are functions of x = ln(K/spot) and sticky in it; a scenario shifts every volatility in parallel
(methodology 4.3). The VIX surface is a function of tenor and of the strike's distance from the VIX future.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike

from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats

# The market of the worked example, in which the model smiles were drawn (methodology 4.10).
REFERENCE_VIX: Final = 17.20
REFERENCE_RVX: Final = 24.10

# A 0.01 volatility leaves every price finite; no listed index option has been seen below it.
_LEAST_VOL: Final = 0.01


class Smile(Protocol):
    """Volatility by log-moneyness ln(K/spot), decimals."""

    def vol(self, x: ArrayLike) -> Floats:
        """Return the implied volatility at each x, any shape."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QuadraticSmile:
    """sigma(x) = max(floor, scale * (level + slope x + curvature x^2)); the floor does not scale."""

    level: float
    slope: float
    curvature: float
    floor: float
    scale: float = 1.0

    def vol(self, x: ArrayLike) -> Floats:
        """Return the implied volatility at each x, any shape."""
        at = np.asarray(x, dtype=np.float64)
        return np.asarray(np.maximum(self.floor, self.scale * (self.level + at * (self.slope + self.curvature * at))))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSmile:
    """A smile through the volatilities of listed strikes: linear in x between them, flat beyond the last.

    Attributes:
        x: ln(K/spot) at the snapshot, strictly rising.
        vols: implied volatility at each, decimals.
    """

    x: tuple[float, ...]
    vols: tuple[float, ...]

    def vol(self, x: ArrayLike) -> Floats:
        """Return the implied volatility at each x, any shape."""
        return np.asarray(np.interp(np.asarray(x, dtype=np.float64), self.x, self.vols))


@dataclass(frozen=True, slots=True, kw_only=True)
class VixSurface:
    """Volatility of VIX options: s30 * (30/tau)^decay * (1 + upside * max(z, 0)).

    z = ln(K/F) / (s30 * sqrt(tau/365)), F the VX future of the option's own expiry (methodology 4.3, issue 2 of 5).
    """

    s30: float = 0.88
    decay: float = 0.23
    upside: float = 0.156

    def vol(self, tau_days: ArrayLike, strike: ArrayLike, forward: ArrayLike) -> Floats:
        """Return the implied volatility; `tau_days` in calendar days, at least one is taken."""
        tau = np.maximum(np.asarray(tau_days, dtype=np.float64), 1.0)
        z = np.log(np.asarray(strike) / np.asarray(forward)) / (self.s30 * np.sqrt(tau / DAYS_PER_YEAR))
        return np.asarray(self.s30 * (30.0 / tau) ** self.decay * (1.0 + self.upside * np.maximum(z, 0.0)))


def spx_model_smile(vix: float) -> QuadraticSmile:
    """Return the SPX smile of the worked example scaled by VIX/17.20: for where there is no chain."""
    return QuadraticSmile(level=0.148, slope=-0.75, curvature=2.0, floor=0.08, scale=vix / REFERENCE_VIX)


def iwm_model_smile(rvx: float) -> QuadraticSmile:
    """Return the IWM smile of methodology 6.2 scaled by RVX/24.10: for where there is no chain."""
    return QuadraticSmile(level=0.226, slope=-0.55, curvature=0.9, floor=0.10, scale=rvx / REFERENCE_RVX)


def vix_model_surface(vvix: float | None) -> VixSurface:
    """Return the VIX option surface at the level of VVIX, or at 88 where it is not known."""
    return VixSurface() if vvix is None else VixSurface(s30=vvix / 100.0)


def listed_smile(spot: float, strikes: Sequence[float], vols: Sequence[float]) -> ListedSmile:
    """Return the smile through listed volatilities; strikes may repeat (put and call: their mean is taken).

    Volatilities that are not positive and finite are left out (the far wings of real chains carry zeros).

    Raises:
        ValueError: none is left.
    """
    by_strike: dict[float, list[float]] = {}
    for strike, vol in zip(strikes, vols, strict=True):
        if np.isfinite(vol) and vol > 0.0 and strike > 0.0:
            by_strike.setdefault(strike, []).append(vol)
    if not by_strike:
        raise ValueError("no listed strike has a volatility above zero")
    kept = sorted(by_strike)
    return ListedSmile(
        x=tuple(float(np.log(strike / spot)) for strike in kept),
        vols=tuple(sum(by_strike[strike]) / len(by_strike[strike]) for strike in kept),
    )


def vol_shift(points: ArrayLike, days_left: ArrayLike, cap: float = 1.5) -> Floats:
    """Return the parallel shift of a smile: dVIX/100 * min(cap, sqrt(30/DTE)), DTE what remains, at least one day."""
    root = np.sqrt(30.0 / np.maximum(np.asarray(days_left, dtype=np.float64), 1.0))
    return np.asarray(np.asarray(points, dtype=np.float64) / 100.0 * np.minimum(cap, root))


def shifted_vol(smile: Smile, x: ArrayLike, shift: ArrayLike) -> Floats:
    """Return the smile's volatility at x after a parallel shift, kept above 0.01 where a shift would go below."""
    return np.asarray(np.maximum(_LEAST_VOL, smile.vol(x) + np.asarray(shift, dtype=np.float64)))
