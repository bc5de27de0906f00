"""Closes that were missed and are told from history, and the one that waits for its history."""

from datetime import date
from typing import Any

from alvh.core.codec import as_text, from_text
from alvh.core.events import DailyBar, FuturesCurve
from alvh.core.instruments import believable
from alvh.core.market import INVALID
from alvh.core.sessions import et_date
from alvh.core.signals.model import Bar


class PastSessions:
    """What history has said of one session so far; its close, told behind it, uses it up.

    Attributes:
        owed: the session whose close came due on a live feed that had not seen it; its history is waited for.
    """

    __slots__ = ("_bars", "_curve", "_session", "owed")

    def __init__(self) -> None:
        """Start with nothing told and nothing owed."""
        self.owed: date | None = None
        self._session: date | None = None
        self._bars: dict[str, Bar] = {}
        self._curve: FuturesCurve | None = None

    def take(self, bar: DailyBar) -> str | None:
        """Take a bar of the session that is being told; return None, or why it is not taken."""
        least, greatest = believable(bar.instrument_id)
        if not least <= bar.close <= greatest:
            return INVALID
        if bar.session != self._session:
            self._session, self._bars, self._curve = bar.session, {}, None
        self._bars[bar.instrument_id] = Bar(price=bar.close, ts_event=bar.ts_event)
        return None

    def take_curve(self, curve: FuturesCurve) -> bool:
        """Take the curve of the session that is being told; False where it is of no such session."""
        if self._session is None or et_date(curve.ts_event) != self._session:
            return False
        self._curve = curve
        return True

    def told(self, session: date) -> tuple[dict[str, Bar], FuturesCurve | None]:
        """Return the bars and the curve told of `session`; nothing where another one is being told."""
        return (self._bars, self._curve) if session == self._session else ({}, None)

    def closed(self, session: date) -> None:
        """Forget what was told up to `session`, which has been evaluated."""
        if self.owed is not None and session >= self.owed:
            self.owed = None
        if self._session is not None and session >= self._session:
            self._session, self._bars, self._curve = None, {}, None

    def state(self) -> list[Any]:
        """Return it as plain data."""
        return [
            None if self.owed is None else self.owed.isoformat(),
            None if self._session is None else self._session.isoformat(),
            {name: [bar.price, bar.ts_event] for name, bar in sorted(self._bars.items())},
            as_text(self._curve),
        ]

    def restore(self, state: list[Any]) -> None:
        """Become what `state` was taken from."""
        owed, session, bars, curve = state
        self.owed = None if owed is None else date.fromisoformat(owed)
        self._session = None if session is None else date.fromisoformat(session)
        self._bars = {name: Bar(price=price, ts_event=ts) for name, (price, ts) in bars.items()}
        event = from_text(curve)
        self._curve = event if isinstance(event, FuturesCurve) else None
