"""The VIX futures curve, how its tenors answer to the VIX, and where it stands in a scenario (methodology 4.3).

The curve is frozen: a contract rolls down it as days pass, and every point of it moves by its own volatility beta when
the VIX does.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from alvh.core.hedge.pricing import Floats

BETA_30_PRIOR: Final = 0.43
"""Response of a 30-day VIX future to the VIX, log on log (S&P 2011)."""

_CLIP: Final = (0.75, 1.5)  # how far a live regression may move the prior (methodology 4.3)
_LEAST_VIX: Final = 1.0  # a scenario's VIX stays above this: the index has never been below 9


@dataclass(frozen=True, slots=True, kw_only=True)
class VixCurve:
    """Spot VIX and its futures today.

    Attributes:
        vix: spot, points.
        days: calendar days to each settlement, strictly rising, all above 0.
        prices: the futures' settlements, points.
        beta_30: volatility beta at 30 days, ratio.
    """

    vix: float
    days: tuple[float, ...]
    prices: tuple[float, ...]
    beta_30: float = BETA_30_PRIOR
    _at: Floats = field(init=False, repr=False, compare=False)
    _levels: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check what would make the curve no curve, and keep its nodes as arrays."""
        if len(self.days) != len(self.prices) or not self.vix > 0.0 or min(self.prices, default=1.0) <= 0.0:
            raise ValueError("a VIX curve needs a VIX above 0 and one price above 0 for each of its expiries")
        if any(later <= earlier for earlier, later in zip((0.0, *self.days), self.days, strict=False)):
            raise ValueError("the days to the settlements of a VIX curve must rise from above 0")
        object.__setattr__(self, "_at", np.array((0.0, *self.days)))
        object.__setattr__(self, "_levels", np.array((self.vix, *self.prices)))

    def level(self, days: ArrayLike) -> Floats:
        """Return G(tau): linear through (0, VIX) and the settlements, flat beyond the last; spot before today."""
        return np.asarray(np.interp(np.asarray(days, dtype=np.float64), self._at, self._levels))

    def forward(self, days: ArrayLike, elapsed: ArrayLike, vix_then: ArrayLike) -> Floats:
        """Return the VX of today's tenor `days` after `elapsed` days with spot at `vix_then`, points."""
        left = np.asarray(days, dtype=np.float64) - np.asarray(elapsed, dtype=np.float64)
        ratio = np.maximum(np.asarray(vix_then, dtype=np.float64), _LEAST_VIX) / self.vix
        return np.asarray(self.level(left) * ratio ** vol_beta(left, self.beta_30))

    def around(self, days: float) -> tuple[float, float]:
        """Return the tenors of the two futures around a tenor; the nearest two where it lies outside of them.

        With one future alone the spot stands for the other.
        """
        first = 1 if len(self.days) > 1 else 0
        at = int(np.searchsorted(self._at[first:], days, side="right")) + first
        high = min(max(at, first + 1), len(self._at) - 1)
        return float(self._at[max(high - 1, 0)]), float(self._at[high])

    def daily_roll(self, days: float) -> float:
        """Return what a position kept at a tenor loses a day on the frozen curve, as a share of itself.

        It is sold down the curve and bought back every day, at the slope between the futures around it.
        """
        near, far = self.around(days)
        if far <= near:
            return 0.0
        slope = float(self.level(far) - self.level(near)) / (far - near)
        return slope / float(self.level(days))

    def kept(self, days: float, elapsed: ArrayLike, vix_then: ArrayLike) -> Floats:
        """Return the worth of a position kept at the tenor `days` after `elapsed` days, as a multiple of today's."""
        ratio = np.maximum(np.asarray(vix_then, dtype=np.float64), _LEAST_VIX) / self.vix
        rolled = np.exp(-self.daily_roll(days) * np.asarray(elapsed, dtype=np.float64))
        return np.asarray(ratio ** vol_beta(days, self.beta_30) * rolled)

    def contango(self) -> float | None:
        """Return VX2/VX1 - 1 (S14), or None with fewer than two contracts."""
        return self.prices[1] / self.prices[0] - 1.0 if len(self.prices) > 1 else None


def vol_beta(days: ArrayLike, beta_30: float = BETA_30_PRIOR) -> Floats:
    """Return beta_v(tau) = min(1, beta_30 * sqrt(30/tau)); 1 at and before settlement."""
    left = np.maximum(np.asarray(days, dtype=np.float64), 1e-9)
    return np.asarray(np.minimum(1.0, beta_30 * np.sqrt(30.0 / left)))


def fitted_beta_30(futures: ArrayLike, vix: ArrayLike, days: float) -> float:
    """Return the 30-day volatility beta that a regression of log changes suggests, kept near the prior.

    Args:
        futures: log changes of a VIX future of constant tenor, 250 sessions wanted.
        vix: log changes of the VIX over the same sessions.
        days: the tenor.

    Returns:
        The OLS slope brought to 30 days by the square-root shape, within [0.75, 1.5] times the prior; the prior where
        there is nothing to regress.
    """
    x, y = np.asarray(vix, dtype=np.float64), np.asarray(futures, dtype=np.float64)
    spread = float(((x - x.mean()) ** 2).sum()) if x.size > 1 else 0.0
    if spread == 0.0:
        return BETA_30_PRIOR
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    at_30 = slope / float(np.sqrt(30.0 / days))
    return min(max(at_30, _CLIP[0] * BETA_30_PRIOR), _CLIP[1] * BETA_30_PRIOR)
