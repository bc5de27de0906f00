"""S32: the BIGTOP score, how many signs of a late-cycle top stand at once."""

from dataclasses import dataclass
from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal
from alvh.core.signals.parameters import BigTopParameters
from alvh.core.statistics import RollingMax

_YEAR: Final = 252
_NEAR_HIGH: Final = 0.98
_RSI: Final = 68.0
_RSI_CLOSES: Final = 5
_LOW_PERCENTILE: Final = 20.0
_STEEP: Final = 0.08
WEIGHTS: Final = (15.0, 20.0, 15.0, 10.0, 10.0, 10.0, 10.0, 10.0)  # c1 to c8, per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class TopSigns:
    """What other signals bring to the score; None where unknown.

    Attributes:
        is_breadth_failing: S09 classic, or its 20-day slope (c2).
        is_narrowing: S45 (c3).
        rsi_spx: RSI14 of SPX (c4).
        is_expensive: percentile of P/E at or above 80 (c5).
        premium_percentile: of VIX over realised volatility (c6).
        implied_percentile: of the implied equity premium (c6).
        slope: VX2 / VX1 - 1 (c7).
        is_ratio_negative: S03 (c8).
    """

    is_breadth_failing: bool | None
    is_narrowing: bool | None
    rsi_spx: float | None
    is_expensive: bool | None
    premium_percentile: float | None
    implied_percentile: float | None
    slope: float | None
    is_ratio_negative: bool | None


class BigTopFamily(Family):
    """The weighted share of eight signs over those that are known, and its switch with hysteresis."""

    _STATISTICS = ("_high",)
    _PLAIN = ("_rsis", "_parts", "_score", "_weight", "_above", "_below", "_is_on")

    def __init__(self, bigtop: BigTopParameters) -> None:
        self._numbers = bigtop
        self._high = RollingMax(_YEAR)
        self._rsis: list[float] = []
        self._parts: list[bool | None] = [None] * len(WEIGHTS)
        self._score: float | None = None
        self._weight = 0.0
        self._above = 0  # closes in a row at or above the level that switches on
        self._below = 0  # closes in a row at or below the level that switches off
        self._is_on = False

    def update(self, close: Close) -> None:
        """Take one session's close; `judge` must follow, once the other signals have taken it."""
        spx = close.price("SPX")
        if spx is not None:
            self._high.update(spx)

    def judge(self, close: Close, signs: TopSigns) -> None:
        """Score the close and switch on or off; without enough known weight nothing switches and nothing counts."""
        if signs.rsi_spx is not None:
            self._rsis = [*self._rsis[1 - _RSI_CLOSES :], signs.rsi_spx]
        self._parts = self._known(close, signs)
        known = [(weight, part) for weight, part in zip(WEIGHTS, self._parts, strict=True) if part is not None]
        self._weight = sum(weight for weight, _ in known)
        self._score = None
        if self._weight < self._numbers.min_weight or not self._high.is_ready:
            return
        score = 100.0 * sum(weight for weight, part in known if part) / self._weight
        self._score = score
        self._above = self._above + 1 if score >= self._numbers.on else 0
        self._below = self._below + 1 if score <= self._numbers.off else 0
        # Past the closes that switch, a longer run says no more.
        self._above, self._below = min(self._above, self._numbers.on_n), min(self._below, self._numbers.off_n)
        if self._is_on:
            self._is_on = self._below < self._numbers.off_n
        else:
            self._is_on = self._above >= self._numbers.on_n

    def _known(self, close: Close, signs: TopSigns) -> list[bool | None]:
        spx, high = close.price("SPX"), self._high.value
        return [
            None if spx is None or high is None else spx >= _NEAR_HIGH * high,
            signs.is_breadth_failing,
            signs.is_narrowing,
            None if signs.rsi_spx is None else max(self._rsis) >= _RSI,
            signs.is_expensive,
            _either_low(signs.premium_percentile, signs.implied_percentile),
            None if signs.slope is None else signs.slope >= _STEEP,
            signs.is_ratio_negative,
        ]

    @property
    def is_on(self) -> bool | None:
        """`bigtop` of 3.2; None where the score is unknown at the newest close."""
        return None if self._score is None else self._is_on

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S32; its parts are the eight signs (1 or 0) and the weight that is known."""
        numbers = self._numbers
        is_known = self._score is not None
        return (
            Signal(
                id="S32", value=self._score, unit="0 to 100",
                state=("on" if self._is_on else "off") if is_known else "missing",
                threshold=f">= {numbers.on:g} on {numbers.on_n} closes, off <= {numbers.off:g} on {numbers.off_n}",
                asof=close.ts_event if is_known else None,
                inputs=("SPX", "S09", "S45", "S04", "S23", "S18", "S29", "S14", "S03"),
                quality="ok" if is_known else "missing",
                parts=(
                    *((f"c{n}", None if part is None else float(part)) for n, part in enumerate(self._parts, start=1)),
                    ("weight", self._weight),
                ),
            ),
        )  # fmt: skip


def _either_low(first: float | None, second: float | None) -> bool | None:
    known = [percentile for percentile in (first, second) if percentile is not None]
    return min(known) <= _LOW_PERCENTILE if known else None
