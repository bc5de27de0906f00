"""How one return answers another: rolling regression, and downside capture."""

from collections import deque
from math import fsum, log1p, sqrt

from alvh.core.statistics.state import State

# As in `rolling_mean`: below this part of the largest square summed, the sums are renewed exactly.
_CANCELLATION = 1e-4
# Below this unexplained share the residuals' sum of squares is taken from the residuals themselves.
_NEARLY_PERFECT = 1e-4
# A return this many times the sum that remains leaves a rounding error of about 1e-13 of it: still harmless.
_VISIBLE = 1e3


class RollingBeta:
    """Ordinary least squares of y on x with intercept, over the newest `period` pairs.

    Attributes:
        value: the slope; None until `period` pairs are in, or while all x are equal.
        intercept: in the unit of y.
        stderr: standard error of the slope (residual variance over period - 2).
        correlation: Pearson's, -1 to 1; None while all y are equal too.
        warmup_count: `period`, at least 3.
    """

    __slots__ = (
        "_age",
        "_pairs",
        "_peak_x",
        "_peak_y",
        "_pivot_x",
        "_pivot_y",
        "_sum_x",
        "_sum_xx",
        "_sum_xy",
        "_sum_y",
        "_sum_yy",
        "correlation",
        "intercept",
        "stderr",
        "value",
        "warmup_count",
    )

    def __init__(self, period: int) -> None:
        self.warmup_count = period
        self.value: float | None = None
        self.intercept: float | None = None
        self.stderr: float | None = None
        self.correlation: float | None = None
        self._pairs: deque[tuple[float, float]] = deque(maxlen=period)
        self._pivot_x = self._pivot_y = self._peak_x = self._peak_y = 0.0
        self._sum_x = self._sum_y = self._sum_xx = self._sum_xy = self._sum_yy = 0.0
        self._age = period  # the first pair becomes the first pivot

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float, y: float) -> None:
        """Take the next pair; the oldest of a full window leaves."""
        pairs = self._pairs
        period = self.warmup_count
        if len(pairs) == period:
            self._shift(*pairs[0], -1.0)
        pairs.append((x, y))
        self._shift(x, y, 1.0)
        self._age += 1
        if self._age >= period:
            self._renew()
        if len(pairs) < period:
            return
        spread_x, spread_y = self._spreads()
        if spread_x < _CANCELLATION * self._peak_x or spread_y < _CANCELLATION * self._peak_y:
            self._renew()
            spread_x, spread_y = self._spreads()
        self._fit(spread_x, spread_y)

    def peek(self, x: float, y: float) -> float | None:
        """Return what `value` would be after `update(x, y)`, changing nothing (work proportional to `period`)."""
        twin = RollingBeta(self.warmup_count)
        twin.restore(self.state())
        twin.update(x, y)
        return twin.value

    def state(self) -> State:
        """Return all that future values depend on."""
        values = [self.value, self.intercept, self.stderr, self.correlation]
        pivots = [self._pivot_x, self._pivot_y, self._peak_x, self._peak_y, self._age]
        sums = [self._sum_x, self._sum_y, self._sum_xx, self._sum_xy, self._sum_yy]
        return [values, pivots, sums, [list(pair) for pair in self._pairs]]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        values, pivots, sums, pairs = state
        self.value, self.intercept, self.stderr, self.correlation = values
        self._pivot_x, self._pivot_y, self._peak_x, self._peak_y, self._age = pivots
        self._sum_x, self._sum_y, self._sum_xx, self._sum_xy, self._sum_yy = sums
        self._pairs = deque([(x, y) for x, y in pairs], maxlen=self.warmup_count)

    def _shift(self, x: float, y: float, sign: float) -> None:
        dx = x - self._pivot_x
        dy = y - self._pivot_y
        self._sum_x += sign * dx
        self._sum_y += sign * dy
        self._sum_xx += sign * (dx * dx)
        self._sum_xy += sign * (dx * dy)
        self._sum_yy += sign * (dy * dy)
        self._peak_x = max(self._peak_x, dx * dx)
        self._peak_y = max(self._peak_y, dy * dy)

    def _renew(self) -> None:
        count = len(self._pairs)
        self._pivot_x = fsum(x for x, _ in self._pairs) / count
        self._pivot_y = fsum(y for _, y in self._pairs) / count
        dx = [x - self._pivot_x for x, _ in self._pairs]
        dy = [y - self._pivot_y for _, y in self._pairs]
        self._sum_x, self._sum_y = fsum(dx), fsum(dy)
        self._sum_xx = fsum(a * a for a in dx)
        self._sum_xy = fsum(a * b for a, b in zip(dx, dy, strict=True))
        self._sum_yy = fsum(b * b for b in dy)
        self._peak_x = max(a * a for a in dx)
        self._peak_y = max(b * b for b in dy)
        self._age = 0

    def _spreads(self) -> tuple[float, float]:
        count = len(self._pairs)
        return self._sum_xx - self._sum_x * self._sum_x / count, self._sum_yy - self._sum_y * self._sum_y / count

    def _fit(self, spread_x: float, spread_y: float) -> None:
        count = self.warmup_count
        if spread_x <= 0.0:
            self.value = self.intercept = self.stderr = self.correlation = None
            return
        mean_x = self._sum_x / count
        mean_y = self._sum_y / count
        joint = self._sum_xy - self._sum_x * mean_y
        slope = joint / spread_x
        unexplained = spread_y - slope * joint
        if unexplained < _NEARLY_PERFECT * spread_y:
            centre_x, centre_y = self._pivot_x + mean_x, self._pivot_y + mean_y
            unexplained = fsum((y - centre_y - slope * (x - centre_x)) ** 2 for x, y in self._pairs)
        self.value = slope
        self.intercept = (self._pivot_y + mean_y) - slope * (self._pivot_x + mean_x)
        self.stderr = sqrt(max(unexplained, 0.0) / (count - 2) / spread_x)
        correlation = joint / sqrt(spread_x * spread_y) if spread_y > 0.0 else None
        self.correlation = None if correlation is None else min(1.0, max(-1.0, correlation))


class DownsideCapture:
    """Summed log return of y over that of x, counting only sessions in which x fell (methodology, S12).

    Attributes:
        value: the ratio; None until `period` pairs are in, and while fewer than `least` of them have x < 0.
        down_count: pairs with x < 0 in the window.
        warmup_count: `period`.
    """

    __slots__ = ("_age", "_least", "_sum_x", "_sum_y", "_terms", "down_count", "value", "warmup_count")

    def __init__(self, period: int, least: int) -> None:
        self.warmup_count = period
        self.value: float | None = None
        self.down_count = 0
        self._least = least
        self._terms: deque[tuple[float, float]] = deque(maxlen=period)
        self._sum_x = self._sum_y = 0.0
        self._age = 0

    @property
    def is_ready(self) -> bool:
        """Whether `value` is defined."""
        return self.value is not None

    def update(self, x: float, y: float) -> None:
        """Take the next pair of simple returns, each above -1."""
        terms = self._terms
        old_x, old_y = terms[0] if len(terms) == self.warmup_count else (0.0, 0.0)
        new_x, new_y = (log1p(x), log1p(y)) if x < 0.0 else (0.0, 0.0)
        terms.append((new_x, new_y))
        self._sum_x += new_x - old_x
        self._sum_y += new_y - old_y
        self.down_count += (x < 0.0) - (old_x < 0.0)
        self._age += 1
        if self._age >= self.warmup_count or abs(old_x) + abs(old_y) > _VISIBLE * abs(self._sum_x):
            # An exact sum once per window, and where what leaves dwarfs what stays, so that rounding never shows.
            self._sum_x = fsum(a for a, _ in terms)
            self._sum_y = fsum(b for _, b in terms)
            self._age = 0
        enough = len(terms) == self.warmup_count and self.down_count >= max(self._least, 1)
        self.value = self._sum_y / self._sum_x if enough and self._sum_x < 0.0 else None

    def peek(self, x: float, y: float) -> float | None:
        """Return what `value` would be after `update(x, y)`, changing nothing (work proportional to `period`)."""
        twin = DownsideCapture(self.warmup_count, self._least)
        twin.restore(self.state())
        twin.update(x, y)
        return twin.value

    def state(self) -> State:
        """Return all that future values depend on."""
        terms = [list(term) for term in self._terms]
        return [self.value, self.down_count, terms, self._sum_x, self._sum_y, self._age]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.value, self.down_count, terms, self._sum_x, self._sum_y, self._age = state
        self._terms = deque([(x, y) for x, y in terms], maxlen=self.warmup_count)
