"""S14, S15, S16: the slope of the VIX futures curve, its change, and the ratio of volatility indices."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import CURVE, Close, Signal, signal
from alvh.core.statistics import Lag

_STEEP: Final = 0.08
_ROLL: Final = 0.10  # points per business day
_CHANGE_CLOSES: Final = 5
_CHANGE: Final = 0.03
_STRESS: Final = 1.00
_CALM: Final = 0.90


class TermStructureFamily(Family):
    """The two nearest VIX futures against each other and against the VIX; VIX against VIX3M and VIX9D.

    On its settlement day a contract is no longer the nearest (methodology, 0.5).
    """

    _STATISTICS = ("_slopes",)
    _PLAIN = ("_slope", "_change")

    def __init__(self) -> None:
        self._slopes = Lag(_CHANGE_CLOSES)
        self._slope: float | None = None
        self._change: float | None = None

    def update(self, close: Close) -> None:
        """Take one session's close."""
        self._slope = self._change = None
        if len(close.curve) < 2:
            return
        self._slope = close.curve[1][1] / close.curve[0][1] - 1.0
        self._slopes.update(self._slope)
        before = self._slopes.value
        self._change = None if before is None else self._slope - before

    @property
    def slope(self) -> float | None:
        """VX2 / VX1 - 1 at the newest close; None where unknown."""
        return self._slope

    @property
    def is_inverted(self) -> bool:
        """Whether VX1 stands above VX2 (False where unknown)."""
        return self._slope is not None and self._slope < 0.0

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S14, S15 and S16."""
        return (self._slope_signal(close), self._change_signal(close), _ratio(close))

    def _slope_signal(self, close: Close) -> Signal:
        slope = self._slope
        basis, roll = basis_and_roll(close)
        if slope is None or slope < 0.0:
            state = "backwardation"
        elif slope >= _STEEP:
            state = "steep_contango"
        else:
            state = "contango" if slope > 0.0 else "flat"
        return signal(
            close, "S14", value=slope, unit="ratio", state=state,
            threshold=f"> 0, steep >= {_STEEP:g}; roll +-{_ROLL:g} a day", inputs=(CURVE,),
            parts=(
                ("slope", slope), ("basis", basis), ("roll", roll),
                ("vx1", close.curve[0][1] if close.curve else None),
                ("vx2", close.curve[1][1] if len(close.curve) > 1 else None),
            ),
        )  # fmt: skip

    def _change_signal(self, close: Close) -> Signal:
        change = self._change
        if change is not None and change >= _CHANGE:
            state = "steepen_contango"
        else:
            state = "invert" if change is not None and change <= -_CHANGE else "none"
        return signal(
            close, "S15", value=change, unit="ratio", state=state, threshold=f">= {_CHANGE:g} or <= -{_CHANGE:g}",
            inputs=(CURVE,), is_warm=self._slopes.is_ready, parts=(("change", change),),
        )  # fmt: skip


def basis_and_roll(close: Close) -> tuple[float | None, float | None]:
    """Return VX1 - VIX in points, and that per business day to the settlement of VX1; None where unknown."""
    vix = close.price("VIX")
    if vix is None or not close.curve:
        return None, None
    basis = close.curve[0][1] - vix
    return basis, basis / close.sessions_to_vx1 if close.sessions_to_vx1 else None


def _ratio(close: Close) -> Signal:
    vix, three_months, nine_days = close.price("VIX"), close.price("VIX3M"), close.price("VIX9D")
    value = None if vix is None or three_months is None else vix / three_months
    if value is not None and value > _STRESS:
        state = "stress"
    else:
        state = "calm" if value is not None and value < _CALM else "normal"
    return signal(
        close, "S16", value=value, unit="ratio", state=state, threshold=f"> {_STRESS:.2f} stress, < {_CALM:.2f} calm",
        inputs=("VIX", "VIX3M"),
        parts=(("ratio", value), ("front", None if vix is None or nine_days is None else nine_days / vix)),
    )  # fmt: skip
