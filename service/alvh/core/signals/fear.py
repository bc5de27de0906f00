"""S06, S07, S19, S44: where the VIX goes - its MACD, its RSI, its trend and its published bands."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import MacdParameters, RsiParameters
from alvh.core.signals.ratio import USE_AFTER
from alvh.core.statistics import Macd, Sma, WilderRsi

_LOOKBACK: Final = 3  # closes a cross stays fresh (S06); the fall back below the level in `monet` is held to the same
_TREND_SHORT: Final = 5
_TREND_LONG: Final = 20
_TREND_CLOSES: Final = 10
_MATURITY: Final = 30  # days of the VX30 twin
_BANDS: Final = (15.0, 20.0, 25.0)


class FearFamily(Family):
    """MACD, RSI and trend of the VIX; RSI of the 30-day point of the VIX futures curve as the twin of S07."""

    _STATISTICS = ("_macd", "_rsi", "_rsi_vx30", "_sma_short", "_sma_long")
    _PLAIN = ("_count", "_hists", "_rsis", "_is_hot", "_trend_run", "_is_vx30_here")

    def __init__(self, rsi: RsiParameters, macd: MacdParameters) -> None:
        self._levels = rsi
        self._macd = Macd(macd.fast, macd.slow, macd.signal)
        self._rsi = WilderRsi(rsi.n)
        self._rsi_vx30 = WilderRsi(rsi.n)
        self._sma_short = Sma(_TREND_SHORT)
        self._sma_long = Sma(_TREND_LONG)
        self._count = 0
        self._hists: list[float] = []  # the newest, and the three before it
        self._rsis: list[float] = []
        self._is_hot = False
        self._trend_run = 0  # closes in a row with SMA5 >= SMA20; below it, the same counted negative
        self._is_vx30_here = False

    def update(self, close: Close) -> None:
        """Take one session's close."""
        vx30 = close.constant_maturity(_MATURITY)
        self._is_vx30_here = vx30 is not None
        if vx30 is not None:
            self._rsi_vx30.update(vx30)
        vix = close.price("VIX")
        if vix is None:
            return
        self._count += 1
        self._macd.update(vix)
        self._rsi.update(vix)
        if self._macd.histogram is not None:
            self._hists = [*self._hists[-_LOOKBACK:], self._macd.histogram]
        rsi = self._rsi.value
        if rsi is not None:
            self._rsis = [*self._rsis[-_LOOKBACK:], rsi]
            self._is_hot = rsi > self._levels.vol_on or (self._is_hot and rsi >= self._levels.vol_off)
        self._sma_short.update(vix)
        self._sma_long.update(vix)
        short, long = self._sma_short.value, self._sma_long.value
        if short is not None and long is not None:
            run = self._trend_run
            step = max(run, 0) + 1 if short >= long else min(run, 0) - 1
            # Past ten closes a longer run says no more.
            self._trend_run = max(-_TREND_CLOSES, min(_TREND_CLOSES, step))

    def _is_known(self, close: Close) -> bool:
        # The last two hold after the hundred closes unless a configuration asks for longer periods.
        return "VIX" in close.bars and self._count >= USE_AFTER and bool(self._rsis) and bool(self._hists)

    def is_hot(self, close: Close) -> bool | None:
        """`vR` of 3.2: RSI of the VIX rose above 70 and has not been below 60 since; None where unknown."""
        return self._is_hot if self._is_known(close) else None

    def is_low(self, close: Close) -> bool | None:
        """`vRlow` of 3.2: RSI of the VIX is below 60; None where unknown."""
        return self._rsis[-1] < self._levels.vol_off if self._is_known(close) else None

    def is_rising(self, close: Close) -> bool | None:
        """`vM` of 3.2: the MACD histogram of the VIX is above 0; None where unknown."""
        return self._hists[-1] > 0.0 if self._is_known(close) else None

    def is_fresh_cross_up(self, close: Close) -> bool:
        """S06: histogram above 0 now, and at or below 0 within the three closes before (False where unknown)."""
        return self._is_known(close) and self._hists[-1] > 0.0 and min(self._hists) <= 0.0

    def is_fresh_cross_down(self, close: Close) -> bool:
        """S06: histogram below 0 now, and at or above 0 within the three closes before (False where unknown)."""
        return self._is_known(close) and self._hists[-1] < 0.0 and max(self._hists) >= 0.0

    def is_receding(self, close: Close) -> bool:
        """Two of `monet`'s three words: RSI fell back below 70 within three closes, and the histogram is below 0."""
        if not self._is_known(close):
            return False
        level = self._levels.vol_on
        return self._rsis[-1] < level <= max(self._rsis) and self._hists[-1] < 0.0

    def trend(self, close: Close) -> str | None:
        """Return S19: `up`, `down` or `none`; None where unknown."""
        if "VIX" not in close.bars or self._count < _TREND_LONG + _TREND_CLOSES:
            return None
        return {_TREND_CLOSES: "up", -_TREND_CLOSES: "down"}.get(self._trend_run, "none")

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S06, S07, S19 and S44."""
        return (self._cross(close), self._level(close), self._trend_signal(close), _band(close))

    def _cross(self, close: Close) -> Signal:
        hist = self._macd.histogram if "VIX" in close.bars else None
        if self.is_fresh_cross_up(close):
            state = "cross_up"
        elif self.is_fresh_cross_down(close):
            state = "cross_down"
        else:
            state = "above" if self.is_rising(close) else "below"
        return signal(
            close, "S06", value=hist, unit="points", state=state, threshold="> 0", inputs=("VIX",),
            is_warm=self._count >= USE_AFTER,
            parts=(("macd", self._macd.value if hist is not None else None),
                   ("signal", self._macd.signal if hist is not None else None), ("hist", hist)),
        )  # fmt: skip

    def _level(self, close: Close) -> Signal:
        rsi = self._rsi.value if "VIX" in close.bars else None
        return signal(
            close, "S07", value=rsi, unit="RSI points", state="on" if self.is_hot(close) else "off",
            threshold=f"> {self._levels.vol_on:g}, off < {self._levels.vol_off:g}", inputs=("VIX",),
            is_warm=self._count >= USE_AFTER,
            parts=(("rsi", rsi), ("vx30_rsi", self._rsi_vx30.value if self._is_vx30_here else None)),
        )  # fmt: skip

    def _trend_signal(self, close: Close) -> Signal:
        short, long = (self._sma_short.value, self._sma_long.value) if "VIX" in close.bars else (None, None)
        trend = self.trend(close)
        return signal(
            close, "S19", value=None if short is None or long is None else short - long, unit="points",
            state=trend or "none", threshold=f">= 0 on each of {_TREND_CLOSES} closes", inputs=("VIX",),
            is_warm=trend is not None, parts=(("sma5", short), ("sma20", long)),
        )  # fmt: skip


def _band(close: Close) -> Signal:
    vix = close.price("VIX")
    low, middle, high = _BANDS
    if vix is None or vix < low:
        state = "below_15"
    elif vix <= middle:
        state = "15_to_20"
    else:
        state = "above_20" if vix <= high else "above_25"
    return signal(
        close, "S44", value=vix, unit="points", state=state, threshold="15, 20, 25 (advisory)", inputs=("VIX",)
    )
