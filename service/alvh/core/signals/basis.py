"""S37: whether VX1 stands unusually far from the VIX for this time of day."""

from math import fsum
from typing import Final

from alvh.core.signals.model import Signal
from alvh.core.statistics import RollingMean, State

_SESSIONS: Final = 20
_UNUSUAL: Final = 2.0
_HALF_HOURS: Final = 13  # 09:30 to 16:00
_MOST_SAMPLES: Final = 30  # one a minute; the five-minute ones of S37 are six


class BasisClock:
    """VX1 - VIX, sampled every five minutes, against the same half hour of the twenty sessions before.

    Each half hour of each session counts once, with the mean of its samples, so that a session with gaps weighs no
    less than a full one. Memory is bounded by thirteen windows of twenty.
    """

    def __init__(self) -> None:
        self._windows = [RollingMean(_SESSIONS) for _ in range(_HALF_HOURS)]
        self._open: list[float] = []  # samples of the half hour that is under way
        self._half_hour: int | None = None
        self._session: int | None = None
        self._basis: float | None = None
        self._z: float | None = None
        self._asof: int | None = None

    def take(self, session: int, minute: int, basis: float, ts_event: int) -> None:
        """Take one sample.

        Args:
            session: a number that differs from session to session (the date's ordinal).
            minute: whole minutes since the session's open; what lies outside 09:30 to 16:00 is left out.
            basis: VX1 - VIX, points.
            ts_event: the sample's time, ns UTC.
        """
        half_hour = minute // 30
        if not 0 <= half_hour < _HALF_HOURS:
            return
        if (session, half_hour) != (self._session, self._half_hour):
            self._close_half_hour()
            self._session, self._half_hour = session, half_hour
        self._open = [*self._open, basis][-_MOST_SAMPLES:]
        self._basis, self._asof = basis, ts_event
        self._z = self._windows[half_hour].zscore(basis)

    def _close_half_hour(self) -> None:
        if self._half_hour is not None and self._open:
            self._windows[self._half_hour].update(fsum(self._open) / len(self._open))
        self._open = []

    @property
    def asof(self) -> int | None:
        """Time of the newest sample (ns UTC); None before the first."""
        return self._asof

    @property
    def is_unusual(self) -> bool:
        """Whether |z| is at or above 2: L2 and L1 wait 15 minutes, once (False where unknown)."""
        return self._z is not None and abs(self._z) >= _UNUSUAL

    def signal(self, session: int | None = None) -> Signal:
        """Return S37 at the newest sample; missing where that is not of `session`, if one is given."""
        is_here = session is None or session == self._session
        value, z = (self._basis, self._z) if is_here else (None, None)
        return Signal(
            id="S37", value=value, unit="points",
            state="missing" if z is None else ("unusual" if self.is_unusual else "usual"),
            threshold=f"|z| >= {_UNUSUAL:g}", asof=None if value is None else self._asof, inputs=("VX", "VIX"),
            quality="missing" if z is None else "ok", parts=(("z", z),),
        )  # fmt: skip

    def state(self) -> State:
        """Return all that future samples are judged by."""
        windows = [window.state() for window in self._windows]
        return [windows, self._open, self._half_hour, self._session, self._basis, self._z, self._asof]

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        windows, self._open, self._half_hour, self._session, self._basis, self._z, self._asof = state
        for window, one in zip(self._windows, windows, strict=True):
            window.restore(one)
