"""Moving average convergence and divergence, seeded as TA-Lib's classic mode does."""

from alvh.core.statistics.state import State


class Macd:
    """Fast less slow exponential average, its signal line and the difference of the two.

    At bar `slow` both averages are seeded with simple means that end there: the slow one of bars 1 to `slow`, the
    fast one of the last `fast` of them; the signal line is seeded with the mean of the first `signal` values of the
    MACD line (methodology, 1.3 and 9.2).

    Attributes:
        value: the MACD line, in the unit of the input; None before bar `slow`.
        signal: the signal line; None before bar `slow + signal - 1`.
        histogram: `value - signal`; None where `signal` is.
        warmup_count: closes needed until all three are defined.
    """

    __slots__ = (
        "_count",
        "_fast",
        "_fast_period",
        "_fast_weight",
        "_lines",
        "_signal_period",
        "_signal_weight",
        "_slow",
        "_slow_period",
        "_slow_weight",
        "histogram",
        "signal",
        "value",
        "warmup_count",
    )

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        self.warmup_count = slow + signal - 1
        self.value: float | None = None
        self.signal: float | None = None
        self.histogram: float | None = None
        self._fast_period, self._slow_period, self._signal_period = fast, slow, signal
        self._fast_weight, self._slow_weight = 2.0 / (fast + 1), 2.0 / (slow + 1)
        self._signal_weight = 2.0 / (signal + 1)
        self._count = 0
        self._fast = 0.0
        self._slow = 0.0
        self._lines = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether line, signal and histogram are all defined."""
        return self.histogram is not None

    def update(self, x: float) -> None:
        """Take the next close."""
        signal = self.signal
        if self.histogram is None or signal is None:
            self._warm(x)
            return
        fast = self._fast
        slow = self._slow
        self._fast = fast = fast + (x - fast) * self._fast_weight
        self._slow = slow = slow + (x - slow) * self._slow_weight
        self.value = line = fast - slow
        self.signal = signal = signal + (line - signal) * self._signal_weight
        self.histogram = line - signal

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing."""
        twin = Macd(self._fast_period, self._slow_period, self._signal_period)
        twin.restore(self.state())
        twin.update(x)
        return twin.value

    def state(self) -> State:
        """Return all that future values depend on."""
        return [self.value, self.signal, self.histogram, self._count, self._fast, self._slow, self._lines]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, self.signal, self.histogram, self._count, self._fast, self._slow, self._lines = state

    def _warm(self, x: float) -> None:
        self._count += 1
        slow_period = self._slow_period
        if self._count <= slow_period:
            self._slow += x
            if self._count > slow_period - self._fast_period:
                self._fast += x
            if self._count < slow_period:
                return
            self._slow /= slow_period
            self._fast /= self._fast_period
        else:
            self._fast += (x - self._fast) * self._fast_weight
            self._slow += (x - self._slow) * self._slow_weight
        self.value = line = self._fast - self._slow
        self._lines += line
        if self._count == self.warmup_count:
            self.signal = self._lines / self._signal_period
            self.histogram = line - self.signal
