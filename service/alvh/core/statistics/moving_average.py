"""Moving averages: exponential (seeded as TA-Lib's classic mode does) and simple."""

from collections import deque
from math import fsum

from alvh.core.statistics.state import State


class Ema:
    """Exponential moving average of `period` values with weight 2 / (period + 1) on the newest.

    Its first value, at value number `period`, is the simple mean of the first `period` values (methodology, 9.2).

    Attributes:
        value: the average, in the unit of the input; None before it is defined.
        warmup_count: values needed until `value` is defined.
    """

    __slots__ = ("_count", "_sum", "_weight", "value", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period
        self.value: float | None = None
        self._weight = 2.0 / (period + 1)
        self._count = 0
        self._sum = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float) -> None:
        """Take the next value."""
        value = self.value
        if value is not None:
            self.value = value + (x - value) * self._weight
            return
        self._count += 1
        self._sum += x
        if self._count == self.warmup_count:
            self.value = self._sum / self.warmup_count

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing."""
        value = self.value
        if value is not None:
            return value + (x - value) * self._weight
        if self._count + 1 == self.warmup_count:
            return (self._sum + x) / self.warmup_count
        return None

    def state(self) -> State:
        """Return all that future values depend on."""
        return [self.value, self._count, self._sum]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, self._count, self._sum = state


class Sma:
    """Simple mean of the newest `period` values.

    The running sum is renewed exactly once per `period` values, and whenever a value leaves that is so large that the
    rounding it left behind could be seen, so that no error builds up on long streams.
    """

    __slots__ = ("_age", "_sum", "_window", "value", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period
        self.value: float | None = None
        self._window: deque[float] = deque(maxlen=period)
        self._sum = 0.0
        self._age = 0

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float) -> None:
        """Take the next value; the oldest of a full window leaves."""
        window = self._window
        period = self.warmup_count
        leaving = window[0] if len(window) == period else 0.0
        window.append(x)
        total = self._sum + (x - leaving)
        self._age += 1
        if self._age >= period or abs(leaving) > _VISIBLE * abs(total):
            total = fsum(window)
            self._age = 0
        self._sum = total
        if len(window) == period:
            self.value = total / period

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing (work proportional to `period`)."""
        twin = Sma(self.warmup_count)
        twin.restore(self.state())
        twin.update(x)
        return twin.value

    def state(self) -> State:
        """Return all that future values depend on."""
        return [self.value, list(self._window), self._sum, self._age]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, window, self._sum, self._age = state
        self._window = deque(window, maxlen=self.warmup_count)


# A value a thousand times the sum that remains leaves a rounding error of about 1e-13 of that sum: still harmless,
# and never reached by prices, so that the exact sum is paid for once per window and no more.
_VISIBLE = 1e3
