"""S04, S05, S08, S13: momentum of small caps, beside that of SPX."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import MacdParameters, RsiParameters
from alvh.core.signals.ratio import USE_AFTER
from alvh.core.statistics import Macd, RollingMax, RollingMean, Sma, WilderRsi

_Z_WINDOW: Final = 60
_HIGH_WINDOW: Final = 20
_SHORT_MA: Final = 50
_LONG_MA: Final = 200
_SPX_MA: Final = 20
_Z_LOW: Final = -1.0
# Sessions for which a break of a key average is remembered: 3.7 asks for two, the rest is for the reader.
_BREAK_MEMORY: Final = 10


class SmallCapFamily(Family):
    """RSI and MACD of the small-cap index, RSI of SPX, their difference, and the key moving averages."""

    _STATISTICS = (
        "_rsi_small", "_rsi_spx", "_macd", "_differences", "_spx_high", "_sma_short", "_sma_long", "_spx_sma",
    )  # fmt: skip
    _PLAIN = (
        "_small_count", "_spx_count", "_difference_count", "_difference", "_z", "_rsi_at_high", "_is_classic",
        "_hist_before", "_was_above_short", "_was_above_long", "_breaks", "_since_break",
    )  # fmt: skip

    def __init__(self, rsi: RsiParameters, macd: MacdParameters) -> None:
        self._levels = rsi
        self._rsi_small = WilderRsi(rsi.n)
        self._rsi_spx = WilderRsi(rsi.n)
        self._macd = Macd(macd.fast, macd.slow, macd.signal)
        self._differences = RollingMean(_Z_WINDOW)
        self._spx_high = RollingMax(_HIGH_WINDOW)
        self._sma_short = Sma(_SHORT_MA)
        self._sma_long = Sma(_LONG_MA)
        self._spx_sma = Sma(_SPX_MA)
        self._small_count = self._spx_count = self._difference_count = 0
        self._difference: float | None = None
        self._z: float | None = None
        self._rsi_at_high: float | None = None
        self._is_classic = False
        self._hist_before: float | None = None
        self._was_above_short: bool | None = None
        self._was_above_long: bool | None = None
        self._breaks = [False, False]
        self._since_break: int | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        small, spx = close.price(close.small_cap), close.price("SPX")
        self._breaks = [False, False]
        self._since_break = None if self._since_break is None else min(self._since_break + 1, _BREAK_MEMORY)
        if small is not None:
            self._hist_before = self._macd.histogram
            self._macd.update(small)
            self._rsi_small.update(small)
            self._small_count += 1
            self._update_averages(small)
        if spx is not None:
            self._rsi_spx.update(spx)
            self._spx_sma.update(spx)
            self._spx_high.update(spx)
            self._spx_count += 1
        self._update_difference(small, spx)

    def _update_averages(self, small: float) -> None:
        self._sma_short.update(small)
        self._sma_long.update(small)
        short, long = self._sma_short.value, self._sma_long.value
        above_short = None if short is None else small >= short
        above_long = None if long is None else small >= long
        self._breaks = [
            self._was_above_short is True and above_short is False,
            self._was_above_long is True and above_long is False,
        ]
        if any(self._breaks):
            self._since_break = 0
        self._was_above_short, self._was_above_long = above_short, above_long

    def _update_difference(self, small: float | None, spx: float | None) -> None:
        self._difference = self._z = None
        self._is_classic = False
        rsi_small, rsi_spx = self._rsi_small.value, self._rsi_spx.value
        if small is None or spx is None or rsi_small is None or rsi_spx is None:
            return
        self._difference = rsi_small - rsi_spx
        self._z = self._differences.zscore(self._difference)
        self._differences.update(self._difference)
        self._difference_count += 1
        high = self._spx_high.value
        if high is not None and spx >= high:
            self._is_classic = self._rsi_at_high is not None and rsi_small < self._rsi_at_high
            self._rsi_at_high = rsi_small

    @property
    def is_diverging(self) -> bool:
        """S04's trigger: the difference, or its z-score, is at or below its threshold (False where unknown)."""
        if self._difference is None or min(self._small_count, self._spx_count) < USE_AFTER:
            return False
        if self._difference <= self._levels.div:
            return True
        return self._z is not None and self._is_z_warm and self._z <= _Z_LOW

    @property
    def _is_z_warm(self) -> bool:
        return min(self._small_count, self._spx_count) >= USE_AFTER + _Z_WINDOW

    def rsi_small(self, close: Close) -> float | None:
        """Return RSI of the small-cap index at `close`, once it may be used; None otherwise."""
        return self._rsi_small.value if close.small_cap in close.bars and self._small_count >= USE_AFTER else None

    def rsi_spx(self, close: Close) -> float | None:
        """Return RSI of SPX at `close`, once it may be used; None otherwise."""
        return self._rsi_spx.value if "SPX" in close.bars and self._spx_count >= USE_AFTER else None

    def spx_sma(self, close: Close) -> float | None:
        """Return SPX's mean of 20 closes at `close` (3.6); None where unknown."""
        return self._spx_sma.value if "SPX" in close.bars else None

    def is_rsi_capitulating(self, close: Close) -> bool:
        """S05: RSI of the small-cap index is at or below its level (False where unknown)."""
        rsi = self.rsi_small(close)
        return rsi is not None and rsi <= self._levels.rut_cap

    def is_macd_capitulating(self, close: Close) -> bool:
        """S08: line and histogram are below 0 and the histogram is falling (False where unknown)."""
        line, hist, before = self._macd.value, self._macd.histogram, self._hist_before
        if close.small_cap not in close.bars or self._small_count < USE_AFTER:
            return False
        if line is None or hist is None or before is None:
            return False
        return line < 0.0 and hist < min(0.0, before)

    def is_calm(self, close: Close) -> bool | None:
        """`calm` of 3.2: RSI of the small-cap index above its level, its MACD histogram above 0; None if unknown."""
        rsi, hist = self.rsi_small(close), self._macd.histogram
        return None if rsi is None or hist is None else rsi > self._levels.calm and hist > 0.0

    @property
    def sessions_since_break(self) -> int | None:
        """Closes since the small-cap index last broke below a key average, 0 for today; None if not in memory."""
        return self._since_break if self._since_break is None or self._since_break < _BREAK_MEMORY else None

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S04, S05, S08 and S13."""
        small = close.small_cap
        is_proxy = small != "RUT"
        is_here = small in close.bars
        return (
            self._divergence(close, is_proxy=is_proxy),
            self._level(close, is_proxy=is_proxy, is_here=is_here),
            self._capitulation(close, is_proxy=is_proxy, is_here=is_here),
            self._averages(close, is_proxy=is_proxy, is_here=is_here),
        )

    def _divergence(self, close: Close, *, is_proxy: bool) -> Signal:
        state = "classic" if self._is_classic else "none"
        classic = None if self._difference is None else float(self._is_classic)
        return signal(
            close, "S04", value=self._difference, unit="RSI points", state="on" if self.is_diverging else state,
            threshold=f"<= {self._levels.div:g} or z <= {_Z_LOW:g}", inputs=(close.small_cap, "SPX"),
            is_warm=min(self._small_count, self._spx_count) >= USE_AFTER, is_proxy=is_proxy,
            parts=(("difference", self._difference), ("z", self._z), ("classic", classic),
                   ("rsi_spx", self._rsi_spx.value if "SPX" in close.bars else None)),
        )  # fmt: skip

    def _level(self, close: Close, *, is_proxy: bool, is_here: bool) -> Signal:
        rsi = self._rsi_small.value if is_here else None
        return signal(
            close, "S05", value=rsi, unit="RSI points", state="on" if self.is_rsi_capitulating(close) else "off",
            threshold=f"<= {self._levels.rut_cap:g}", inputs=(close.small_cap,),
            is_warm=self._small_count >= USE_AFTER, is_proxy=is_proxy, parts=(("rsi", rsi),),
        )  # fmt: skip

    def _capitulation(self, close: Close, *, is_proxy: bool, is_here: bool) -> Signal:
        macd = self._macd
        hist = macd.histogram if is_here else None
        return signal(
            close, "S08", value=hist, unit="points", state="on" if self.is_macd_capitulating(close) else "off",
            threshold="line < 0, histogram < 0 and falling", inputs=(close.small_cap,),
            is_warm=self._small_count >= USE_AFTER, is_proxy=is_proxy,
            parts=(("macd", macd.value if hist is not None else None),
                   ("signal", macd.signal if hist is not None else None), ("hist", hist)),
        )  # fmt: skip

    def _averages(self, close: Close, *, is_proxy: bool, is_here: bool) -> Signal:
        price = close.price(close.small_cap)
        short, long = (self._sma_short.value, self._sma_long.value) if is_here else (None, None)
        words = {(True, True): "broke_both", (True, False): "broke_50", (False, True): "broke_200"}
        return signal(
            close, "S13", value=None if price is None or short is None else price / short - 1.0, unit="ratio",
            state=words.get((self._breaks[0], self._breaks[1]), "none"), threshold="crosses below 0",
            inputs=(close.small_cap,), is_warm=self._small_count >= _LONG_MA, is_proxy=is_proxy,
            parts=(("sma50", short), ("sma200", long), ("broke50", float(self._breaks[0]) if is_here else None),
                   ("broke200", float(self._breaks[1]) if is_here else None)),
        )  # fmt: skip
