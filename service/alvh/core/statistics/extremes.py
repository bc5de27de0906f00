"""Where the newest value stands among those before it: lag, maximum, and percentile rank with median."""

from bisect import bisect_left, bisect_right, insort
from collections import deque

from alvh.core.statistics.state import State


class Lag:
    """The value that came `period` values before the newest.

    Attributes:
        value: that value; None until `period` + 1 values are in.
        warmup_count: `period` + 1.
    """

    __slots__ = ("_window", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period + 1
        self._window: deque[float] = deque(maxlen=period + 1)

    @property
    def value(self) -> float | None:
        """The value `period` values before the newest; None before there is one."""
        return self._window[0] if self.is_ready else None

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return len(self._window) == self.warmup_count

    def update(self, x: float) -> None:
        """Take the next value."""
        self._window.append(x)

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing."""
        if len(self._window) < self.warmup_count - 1:
            return None
        newer = (*self._window, x)
        return newer[-self.warmup_count]

    def state(self) -> State:
        """Return all that future values depend on."""
        return list(self._window)

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self._window = deque(state, maxlen=self.warmup_count)


class RollingMax:
    """Greatest of the newest `period` values.

    Kept as a falling sequence of candidates, each with the number of the value it was.

    Attributes:
        value: the maximum; None until `period` values are in.
        warmup_count: `period`.
    """

    __slots__ = ("_candidates", "_count", "warmup_count")

    def __init__(self, period: int) -> None:
        self.warmup_count = period
        self._candidates: deque[tuple[int, float]] = deque()
        self._count = 0

    @property
    def value(self) -> float | None:
        """The greatest of the newest `period` values; None before there are so many."""
        return self._candidates[0][1] if self.is_ready else None

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self._count >= self.warmup_count

    def update(self, x: float) -> None:
        """Take the next value."""
        candidates = self._candidates
        while candidates and candidates[-1][1] <= x:
            candidates.pop()
        self._count += 1
        candidates.append((self._count, x))
        if candidates[0][0] <= self._count - self.warmup_count:
            candidates.popleft()

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing."""
        if self._count + 1 < self.warmup_count:
            return None
        first_kept = self._count + 2 - self.warmup_count
        return max([x, *(value for number, value in self._candidates if number >= first_kept)])

    def state(self) -> State:
        """Return all that future values depend on."""
        return [self._count, [list(candidate) for candidate in self._candidates]]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self._count, candidates = state
        self._candidates = deque((number, value) for number, value in candidates)


class RollingRank:
    """Percentile of the newest value among the newest `period`, itself included, and their median.

    Attributes:
        value: per cent of the window at or below the newest value, above 0 to 100; None until `least` values are in.
        warmup_count: `least`, or `period` where nothing less is said.
    """

    __slots__ = ("_period", "_sorted", "_window", "warmup_count")

    def __init__(self, period: int, least: int | None = None) -> None:
        self.warmup_count = period if least is None else least
        self._period = period
        self._window: deque[float] = deque(maxlen=period)
        self._sorted: list[float] = []

    @property
    def value(self) -> float | None:
        """Per cent of the window at or below its newest value; None while it is not ready."""
        if not self.is_ready:
            return None
        return 100.0 * bisect_right(self._sorted, self._window[-1]) / len(self._window)

    @property
    def median(self) -> float | None:
        """The window's median; None while it is not ready."""
        if not self.is_ready:
            return None
        middle, is_odd = divmod(len(self._window), 2)
        if is_odd:
            return self._sorted[middle]
        return 0.5 * (self._sorted[middle - 1] + self._sorted[middle])

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return len(self._window) >= self.warmup_count

    def update(self, x: float) -> None:
        """Take the next value; the oldest of a full window leaves."""
        if len(self._window) == self._period:
            del self._sorted[bisect_left(self._sorted, self._window[0])]
        self._window.append(x)
        insort(self._sorted, x)

    def peek(self, x: float) -> float | None:
        """Return what `value` would be after `update(x)`, changing nothing."""
        if len(self._window) + 1 < self.warmup_count:
            return None
        at_or_below = bisect_right(self._sorted, x) + 1
        count = len(self._window) + 1
        if count > self._period:
            count -= 1
            at_or_below -= self._window[0] <= x
        return 100.0 * at_or_below / count

    def state(self) -> State:
        """Return all that future values depend on (the order of arrival; the sorted one follows from it)."""
        return list(self._window)

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self._window = deque(state, maxlen=self._period)
        self._sorted = sorted(self._window)
