"""Wilder's relative strength index."""

from alvh.core.statistics.state import State


class WilderRsi:
    """RSI of `period` price changes, smoothed as Wilder does (methodology, 1.3).

    The first average gain and loss are simple means of the first `period` changes; then each is
    ((period - 1) * average + change) / period. Where nothing has moved the value is 50 (TA-Lib gives 0 there).

    Attributes:
        value: 0 to 100; None before it is defined.
        warmup_count: closes needed until `value` is defined (`period` + 1).
    """

    __slots__ = ("_count", "_gain", "_last", "_loss", "_others", "_period", "value", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period + 1
        self.value: float | None = None
        self._period = float(period)
        self._others = period - 1.0
        self._last = 0.0
        self._gain = 0.0
        self._loss = 0.0
        self._count = 0

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float) -> None:
        """Take the next close."""
        if self.value is None:
            self._warm(x)
            return
        change = x - self._last
        self._last = x
        if change > 0.0:
            self._gain = gain = (self._gain * self._others + change) / self._period
            self._loss = loss = self._loss * self._others / self._period
        else:
            self._gain = gain = self._gain * self._others / self._period
            self._loss = loss = (self._loss * self._others - change) / self._period
        both = gain + loss
        self.value = 100.0 * (gain / both) if both else 50.0

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing."""
        twin = WilderRsi(self.warmup_count - 1)
        twin.restore(self.state())
        twin.update(x)
        return twin.value

    def state(self) -> State:
        """Return all that future values depend on."""
        return [self.value, self._last, self._gain, self._loss, self._count]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, self._last, self._gain, self._loss, self._count = state

    def _warm(self, x: float) -> None:
        if self._count:
            change = x - self._last
            if change > 0.0:
                self._gain += change
            else:
                self._loss -= change
        self._last = x
        self._count += 1
        if self._count == self.warmup_count:
            self._gain /= self._period
            self._loss /= self._period
            both = self._gain + self._loss
            self.value = 100.0 * (self._gain / both) if both else 50.0
