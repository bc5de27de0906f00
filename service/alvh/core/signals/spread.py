"""S10: how far small-cap volatility stands above large-cap volatility, and what that adds to the hedge."""

from typing import Final

from alvh.core.signals.family import Family
from alvh.core.signals.model import Close, Signal, signal
from alvh.core.signals.parameters import SpreadParameters
from alvh.core.statistics import RollingMean

_OFF_CLOSES: Final = 2


class SpreadFamily(Family):
    """RVX less VIX against its mean, and the addition `a` with its hysteresis and guards.

    Attributes:
        a: addition to the hedge's notional, 0 while the signal is off.
        confirmations: k, how many of the four cross-checks were true when `a` was set; 0 while off.
        is_active: whether the signal is on.
        is_inverted: whether RVX stood at or below VIX at the newest close that had both (note `IVX_inverted`).
    """

    _STATISTICS = ("_spreads",)
    _PLAIN = ("_spread", "_mean", "_x", "a", "confirmations", "is_active", "is_inverted", "_below", "_frozen")

    def __init__(self, ivx: SpreadParameters, min_hold: int) -> None:
        self._numbers = ivx
        self._min_hold = min_hold
        self._spreads = RollingMean(ivx.window)
        self._spread: float | None = None
        self._mean: float | None = None
        self._x: float | None = None
        self.a = 0.0
        self.confirmations = 0
        self.is_active = False
        self.is_inverted = False
        self._below = 0  # closes in a row with x below the level that switches off
        self._frozen = 0  # closes since the ratio lost its meaning while the signal was on

    def update(self, close: Close) -> None:
        """Take one session's close; `confirm` must follow, once the cross-checks are known."""
        rvx, vix = close.price("RVX"), close.price("VIX")
        self._spread = self._mean = self._x = None
        if rvx is None or vix is None:
            return
        self._spread = spread = rvx - vix
        self._mean = mean = self._spreads.value
        self._spreads.update(spread)
        self.is_inverted = spread <= 0.0
        if spread > 0.0 and mean is not None and mean > 0.0:
            self._x = (spread - mean) / max(mean, self._numbers.floor_pts)

    def confirm(self, cross_checks: tuple[bool, bool, bool, bool]) -> None:
        """Switch on or off and set `a` from the cross-checks: S04, S03, S28 or S42, S22 (unknown counts as False).

        Without a valid ratio `a` stays as it is: for as long as data are missing, but for `min_hold` closes at most
        where the spread is there and its ratio has no meaning (RVX at or below VIX, or a mean at or below 0).
        """
        x = self._x
        if x is None:
            is_meaningless = self._spread is not None and (self._spread <= 0.0 or self._mean is not None)
            if self.is_active and (is_meaningless or self._frozen):
                self._frozen += 1
                if self._frozen > self._min_hold:
                    self._switch_off()
            return
        self._frozen = 0
        if not self.is_active:
            self.is_active = x > self._numbers.trigger
            self._below = 0
        else:
            self._below = self._below + 1 if x < self._numbers.off else 0
            if self._below >= _OFF_CLOSES:
                self._switch_off()
        if self.is_active:
            self.confirmations = sum(cross_checks)
            numbers = self._numbers
            self.a = min(numbers.a_max, numbers.a_min + numbers.a_step * self.confirmations)

    def _switch_off(self) -> None:
        self.is_active = False
        self.a = 0.0
        self.confirmations = self._below = self._frozen = 0

    def signals(self, close: Close) -> tuple[Signal, ...]:
        """Return S10; its value is x, empty where the ratio has no meaning."""
        state = "on" if self.is_active else "off"
        if self._spread is not None and self._spread <= 0.0:
            state = "inverted"
        s10 = signal(
            close, "S10", value=self._x, unit="ratio", state=state,
            threshold=f"> {self._numbers.trigger:g}, off < {self._numbers.off:g} on {_OFF_CLOSES} closes",
            inputs=("RVX", "VIX"),
            parts=(
                ("spread", self._spread), ("mean", self._mean), ("x", self._x), ("a", self.a),
                ("k", float(self.confirmations)),
            ),
        )  # fmt: skip
        return (_told(s10, close) if self._mean is not None and self._x is None else s10,)


def _told(s10: Signal, close: Close) -> Signal:
    """A spread that is there and means nothing is an answer, not a missing one."""
    return Signal(
        id=s10.id, value=None, unit=s10.unit, state="inverted", threshold=s10.threshold, asof=s10.asof,
        inputs=s10.inputs, quality=close.standing(s10.inputs)[0], parts=s10.parts,
    )  # fmt: skip
