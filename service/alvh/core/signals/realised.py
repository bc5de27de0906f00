"""S18, S40: what SPX has moved, what options pay for it, and the move expected in one day."""

from bisect import bisect_right
from math import sqrt
from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import MoveParameters
from alvh.core.statistics import RealisedVolatility, RollingRank, Sma

_WINDOW: Final = 20
_YEAR: Final = 252
_CLASSES: Final = (10.0, 20.0, 35.0, 45.0)
_CLASS_NAMES: Final = ("below_10", "10_to_20", "20_to_35", "35_to_45", "above_45")
_LOW_PERCENTILE: Final = 20.0


class RealisedFamily(Family):
    """Realised volatility of SPX and of small caps, the premium of VIX over the first, and the expected daily range."""

    _STATISTICS = ("_spx", "_small", "_premium_rank", "_premium_mean", "_small_rank")
    _PLAIN = ("_premium",)

    def __init__(self, edr: MoveParameters) -> None:
        self._sources = edr.source
        self._spx = RealisedVolatility(_WINDOW)
        self._small = RealisedVolatility(_WINDOW)
        self._premium_rank = RollingRank(_YEAR)
        self._premium_mean = Sma(_WINDOW)
        self._small_rank = RollingRank(_YEAR)
        self._premium: float | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        spx, small, vix = close.price("SPX"), close.price(close.small_cap), close.price("VIX")
        self._premium = None
        if small is not None:
            self._small.update(small)
            if self._small.value is not None:
                self._small_rank.update(self._small.value)
        if spx is not None:
            self._spx.update(spx)
            if vix is not None and self._spx.value is not None:
                self._premium = vix - self._spx.value
                self._premium_rank.update(self._premium)
                self._premium_mean.update(self._premium)

    @property
    def premium(self) -> float | None:
        """VIX less realised volatility at the newest close, points; None where unknown."""
        return self._premium

    @property
    def premium_percentile(self) -> float | None:
        """Percentile of the premium among the newest 252, itself included; None where unknown."""
        return None if self._premium is None else self._premium_rank.value

    @property
    def is_premium_at_mean(self) -> bool:
        """Whether the premium is at or above its mean of 20 closes (S33; False where unknown)."""
        mean = self._premium_mean.value
        return self._premium is not None and mean is not None and self._premium >= mean

    def realised(self, close: Close) -> float | None:
        """Return RV20 of SPX at `close`, per cent a year; None where unknown."""
        return self._spx.value if "SPX" in close.bars else None

    def is_small_cap_quiet(self, close: Close) -> bool:
        """Whether RV20 of small caps stands below its one-year 20th percentile (1.6; False where unknown)."""
        rank = self._small_rank.value
        return close.small_cap in close.bars and rank is not None and rank <= _LOW_PERCENTILE

    def expected_move(self, close: Close) -> tuple[str, float] | None:
        """Return the index that gives the expected daily range and the range in per cent (S40); None where unknown."""
        for source in self._sources:
            level = close.price(source)
            if level is not None:
                return source, level / sqrt(_YEAR)
        return None

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S18 (value: the premium) and S40 (value: per cent)."""
        return (self._premium_signal(close), self._move_signal(close))

    def _premium_signal(self, close: Close) -> Signal:
        rv20 = self.realised(close)
        small = self._small.value if close.small_cap in close.bars else None
        return signal(
            close, "S18", value=self._premium, unit="points",
            state="none" if rv20 is None else volatility_class(rv20), threshold="RV20 at 10, 20, 35, 45",
            inputs=("SPX", "VIX"), is_warm=self._spx.is_ready,
            parts=(
                ("rv20", rv20), ("vrp", self._premium), ("percentile", self.premium_percentile),
                ("small_rv20", small),
                ("small_ratio", None if small is None or not rv20 else small / rv20),
                ("small_percentile", None if small is None else self._small_rank.value),
            ),
        )  # fmt: skip

    def _move_signal(self, close: Close) -> Signal:
        move = self.expected_move(close)
        source, percent = move or (self._sources[-1], None)
        spx = close.price("SPX")
        return signal(
            close, "S40", value=percent, unit="%", state="ready", threshold="0.94 % and VIX 16 (advisory)",
            inputs=(source,), is_proxy=source != self._sources[0],
            parts=(("points", None if spx is None or percent is None else spx * percent / 100.0),),
        )  # fmt: skip


def volatility_class(rv20: float) -> str:
    """Return the class of a realised volatility in per cent: <10, 10 to 20, 20 to 35, 35 to 45, >45 (9.4, VEQTOR)."""
    return _CLASS_NAMES[-1] if rv20 > _CLASSES[-1] else _CLASS_NAMES[bisect_right(_CLASSES[:-1], rv20)]
