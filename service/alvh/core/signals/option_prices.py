"""S17, S46: what SPX options charge - the skew at 30 days, and the premium of the reference condor."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal
from alvh.core.statistics import RollingMean, RollingRank

_QUARTER: Final = 90
_YEAR: Final = 252
_STEEP_Z: Final = 1.0
_THIN: Final = 0.06  # 0.30 per 5 of width (PUB B), advisory
_DELTA: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionNumbers:
    """What a session's SPX chain says.

    Attributes:
        skew25: volatility of the 25-delta put less that of the call at 30 days, points; None where no two expiries
            lie around them, or a smile does not reach that delta.
        premium: credit over width of the reference condor at mid prices, ratio; None where the chain has none.
    """

    skew25: float | None = None
    premium: float | None = None


class OptionPriceFamily(Family):
    """Skew and premium of the sessions that had a chain; on the others both are missing and nothing moves."""

    _STATISTICS = ("_skews", "_premiums")
    _PLAIN = ("_z", "_count")

    def __init__(self) -> None:
        self._skews = RollingMean(_QUARTER)
        self._premiums = RollingRank(_YEAR)
        self._z: float | None = None
        self._count = 0

    def update(self, close: Close) -> None:
        """Take one session's close."""
        self._z = None
        if close.skew25 is not None:
            self._z = self._skews.zscore(close.skew25)
            self._skews.update(close.skew25)
            self._count += 1
        if close.premium is not None:
            self._premiums.update(close.premium)

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S17 and S46."""
        skew, premium = close.skew25, close.premium
        is_warm = self._count > _QUARTER
        percentile = None if premium is None else self._premiums.value
        if skew is None:
            state = "missing"
        elif not is_warm:
            state = "warming"
        else:
            state = "steep" if self._z is not None and self._z >= _STEEP_Z else "normal"
        return (
            Signal(
                id="S17", value=skew, unit="volatility points", state=state, threshold=f"z >= {_STEEP_Z:g}",
                asof=None if skew is None else close.ts_event, inputs=("SPX options",),
                quality="ok" if skew is not None and is_warm else "missing",
                parts=(("skew25", skew), ("z", self._z), ("skew_index", close.price("SKEW"))),
            ),
            Signal(
                id="S46", value=premium, unit="ratio",
                state="missing" if premium is None else ("thin" if premium < _THIN else "normal"),
                threshold=f"< {_THIN:g} (advisory)", asof=None if premium is None else close.ts_event,
                inputs=("SPX options",), quality="missing" if premium is None else "ok",
                parts=(("premium", premium), ("percentile", percentile)),
            ),
        )  # fmt: skip


def skew_25(points: Sequence[tuple[float, float, float]], days: float = 30.0) -> float | None:
    """Return IV(25-delta put) less IV(25-delta call) at `days`, in the unit of the IVs given (S17).

    Linear between the two expiries around `days`; None where they do not lie on both sides of it.

    Args:
        points: per expiry (calendar days, IV of the 25-delta put, IV of the 25-delta call), by days.
        days: the tenor asked for, calendar days.
    """
    before = [point for point in points if point[0] <= days]
    after = [point for point in points if point[0] >= days]
    if not before or not after:
        return None
    (near, near_put, near_call), (far, far_put, far_call) = before[-1], after[0]
    near_skew, far_skew = near_put - near_call, far_put - far_call
    if far == near:
        return near_skew
    return near_skew + (far_skew - near_skew) * (days - near) / (far - near)


def iv_at_delta(deltas: Sequence[float], ivs: Sequence[float], target: float = _DELTA) -> float | None:
    """Return the IV where |delta| is `target`, linear in delta between the strikes around it; None outside them.

    Args:
        deltas: |delta| of one right of one expiry, in any order of strikes, each above 0.
        ivs: implied volatilities of the same strikes.
        target: |delta| asked for.
    """
    smile = sorted(zip(deltas, ivs, strict=True))
    for (low, low_iv), (high, high_iv) in pairwise(smile):
        if low <= target <= high:
            return low_iv if high == low else low_iv + (high_iv - low_iv) * (target - low) / (high - low)
    return None
