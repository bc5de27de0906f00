"""S03: whether small caps lose ground against SPX (MACD of the price ratio, on IWM and on its twin RUT)."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import MacdParameters
from alvh.core.statistics import Macd

_SCALE: Final = 1000.0
_BP: Final = 10_000.0
# The methodology's "use after": by then a different seed would no longer show.
USE_AFTER: Final = 100


class RatioFamily(Family):
    """MACD of IWM/SPX x 1000 and of RUT/SPX x 1000, each over the sessions in which both prices are there."""

    _STATISTICS = ("_iwm", "_rut")
    _PLAIN = ("_iwm_ratio", "_iwm_count", "_rut_ratio", "_rut_count")

    def __init__(self, macd: MacdParameters) -> None:
        self._iwm = Macd(macd.fast, macd.slow, macd.signal)
        self._rut = Macd(macd.fast, macd.slow, macd.signal)
        self._iwm_ratio: float | None = None
        self._rut_ratio: float | None = None
        self._iwm_count = 0
        self._rut_count = 0

    @property
    def is_negative(self) -> bool | None:
        """`ratio_neg` of 3.2: the MACD line is below 0. RUT's twin decides where it is there; None where unknown."""
        line: float | None = None
        if self._rut_ratio is not None and self._rut_count >= USE_AFTER:
            line = self._rut.value
        elif self._iwm_ratio is not None and self._iwm_count >= USE_AFTER:
            line = self._iwm.value
        return None if line is None else line < 0.0

    def update(self, close: Close) -> None:
        """Take one session's close."""
        spx, iwm, rut = close.price("SPX"), close.price("IWM"), close.price("RUT")
        self._iwm_ratio = self._rut_ratio = None
        if spx is None:
            return
        if iwm is not None:
            self._iwm_ratio = iwm / spx * _SCALE
            self._iwm.update(self._iwm_ratio)
            self._iwm_count += 1
        if rut is not None:
            self._rut_ratio = rut / spx * _SCALE
            self._rut.update(self._rut_ratio)
            self._rut_count += 1

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S03, in basis points of the ratio; the parts are those of the ratios x 1000."""
        iwm = _lines(self._iwm, self._iwm_ratio)
        rut = _lines(self._rut, self._rut_ratio)
        decides_rut = self._rut_ratio is not None and self._rut_count >= min(USE_AFTER, self._iwm_count)
        ratio, line = (self._rut_ratio, rut[0]) if decides_rut else (self._iwm_ratio, iwm[0])
        value = None if ratio is None or line is None else line / ratio * _BP
        return (
            signal(
                close, "S03", value=value, unit="bp", threshold="< 0",
                state="negative" if value is not None and value < 0.0 else "positive",
                inputs=("RUT" if decides_rut else "IWM", "SPX"), is_warm=self.is_negative is not None,
                parts=(
                    ("macd", iwm[0]), ("signal", iwm[1]), ("hist", iwm[2]),
                    ("rut_macd", rut[0]), ("rut_signal", rut[1]), ("rut_hist", rut[2]),
                ),
            ),
        )  # fmt: skip


def _lines(macd: Macd, ratio: float | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if ratio is None else (macd.value, macd.signal, macd.histogram)
