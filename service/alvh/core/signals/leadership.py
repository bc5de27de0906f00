"""S45: whether the average large company leads the index (RSP/SPY)."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.statistics import Lag, Sma

_MA: Final = 50
_CHANGE: Final = 20


class LeadershipFamily(Family):
    """The ratio RSP/SPY over the sessions in which both closed."""

    _STATISTICS = ("_sma", "_lag")
    _PLAIN = ("_ratio",)

    def __init__(self) -> None:
        self._sma = Sma(_MA)
        self._lag = Lag(_CHANGE)
        self._ratio: float | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        equal, weighted = close.price("RSP"), close.price("SPY")
        self._ratio = None
        if equal is not None and weighted is not None:
            self._ratio = equal / weighted
            self._sma.update(self._ratio)
            self._lag.update(self._ratio)

    @property
    def is_narrowing(self) -> bool | None:
        """Whether the ratio is below its mean of 50 and lower than 20 closes ago; None where unknown."""
        mean, before = self._sma.value, self._lag.value
        if self._ratio is None or mean is None or before is None:
            return None
        return self._ratio < mean and self._ratio < before

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S45."""
        is_here = self._ratio is not None
        before = self._lag.value if is_here else None
        return (
            signal(
                close, "S45", value=self._ratio, unit="ratio", state="narrowing" if self.is_narrowing else "broad",
                threshold=f"< mean of {_MA} and change of {_CHANGE} < 0", inputs=("RSP", "SPY"),
                is_warm=self._sma.is_ready,
                parts=(
                    ("sma50", self._sma.value if is_here else None),
                    ("change20", None if self._ratio is None or before is None else self._ratio / before - 1.0),
                ),
            ),
        )  # fmt: skip
