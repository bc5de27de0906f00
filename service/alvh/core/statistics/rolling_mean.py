"""Mean, sample deviation and z-score over a moving window, and realised volatility on top of them."""

from collections import deque
from math import fsum, log, sqrt

from alvh.core.statistics.state import State

_SESSIONS_A_YEAR = 252.0  # methodology, 0.5: annualisation of daily returns

# Sums are kept of distances from a pivot near the window's mean. Where what they leave for the variance is less than
# this part of the largest square summed since, the digits lost to rounding could reach 1e-9, and all is summed anew.
_CANCELLATION = 1e-4


class RollingMean:
    """Mean and sample standard deviation of the newest `period` values.

    Attributes:
        value: the mean; None until `period` values are in.
        stdev: the sample standard deviation (divisor period - 1); None where `value` is, or for `period` 1.
        warmup_count: `period`.
    """

    __slots__ = ("_age", "_peak", "_pivot", "_squares", "_sum", "_window", "stdev", "value", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period
        self.value: float | None = None
        self.stdev: float | None = None
        self._window: deque[float] = deque(maxlen=period)
        self._pivot = self._sum = self._squares = self._peak = 0.0
        self._age = period  # the first value becomes the first pivot

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float) -> None:
        """Take the next value; the oldest of a full window leaves."""
        window = self._window
        period = self.warmup_count
        pivot = self._pivot
        if len(window) == period:
            leaving = window[0] - pivot
            self._sum -= leaving
            self._squares -= leaving * leaving
        window.append(x)
        entering = x - pivot
        square = entering * entering
        self._sum += entering
        self._squares += square
        self._peak = max(self._peak, square)
        self._age += 1
        if self._age >= period:
            self._renew()
        if len(window) < period:
            return
        spread = self._squares - self._sum * self._sum / period
        if spread < _CANCELLATION * self._peak:
            self._renew()
            spread = self._squares - self._sum * self._sum / period
        self.value = self._pivot + self._sum / period
        self.stdev = sqrt(max(spread, 0.0) / (period - 1)) if period > 1 else None

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing (work proportional to `period`)."""
        twin = RollingMean(self.warmup_count)
        twin.restore(self.state())
        twin.update(x)
        return twin.value

    def zscore(self, x: float) -> float | None:
        """Return how many deviations `x` lies from the mean of what is in the window; None where undefined.

        Asked before `update(x)` it is the z of methodology section 2, which leaves the newest value out.
        """
        if self.value is None or not self.stdev:
            return None
        return (x - self.value) / self.stdev

    def state(self) -> State:
        """Return all that future values depend on."""
        sums = [self._pivot, self._sum, self._squares, self._peak, self._age]
        return [self.value, self.stdev, list(self._window), *sums]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, self.stdev, window, self._pivot, self._sum, self._squares, self._peak, self._age = state
        self._window = deque(window, maxlen=self.warmup_count)

    def _renew(self) -> None:
        window = self._window
        self._pivot = pivot = fsum(window) / len(window)
        distances = [x - pivot for x in window]
        squares = [distance * distance for distance in distances]
        self._sum = fsum(distances)
        self._squares = fsum(squares)
        self._peak = max(squares)
        self._age = 0


class RealisedVolatility:
    """Annualised sample deviation of the newest `period` daily log returns, in per cent (methodology, S18).

    Attributes:
        value: volatility in per cent a year; None until `period` returns are in.
        warmup_count: closes needed (`period` + 1).
    """

    __slots__ = ("_last", "_returns", "value", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period + 1
        self.value: float | None = None
        self._last: float | None = None
        self._returns = RollingMean(period)

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float) -> None:
        """Take the next close, greater than 0."""
        if self._last is not None:
            self._returns.update(log(x / self._last))
            deviation = self._returns.stdev
            if deviation is not None:
                self.value = 100.0 * sqrt(_SESSIONS_A_YEAR) * deviation
        self._last = x

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing (work proportional to `period`)."""
        twin = RealisedVolatility(self.warmup_count - 1)
        twin.restore(self.state())
        twin.update(x)
        return twin.value

    def state(self) -> State:
        """Return all that future values depend on."""
        return [self.value, self._last, self._returns.state()]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, self._last, returns = state
        self._returns.restore(returns)
