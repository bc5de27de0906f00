"""When the exchange works and somebody must be awake: told by the calendar, also before there is a log to read."""

from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final

from alvh.adapters.prometheus import Hours
from alvh.app.sources import calendar
from alvh.core.sessions import SessionCalendar
from alvh.settings import Settings
from alvh.settings_feeds import IbFeed

NS: Final = 1_000_000_000
# A fault that is found an hour before the open can be mended by then; what a close gives rise to (its evaluation
# twenty minutes behind it, an adjustment, an answer) is through an hour behind it.
DUTY_BEFORE_S: Final = 3600
DUTY_AFTER_S: Final = 3600
LOOK_BACK: Final = timedelta(days=14)  # behind the longest closure, so that the session before now is known


class DutyHours:
    """The hours of one instance.

    Args:
        settings: the configuration; a market that is made up, or comes from a tape, is always on duty, as nothing
            says when it is by our clock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: SessionCalendar | None = None

    def at(self, now_ns: int, known: SessionCalendar | None, *, in_session: bool) -> Hours:
        """Return the hours around `now_ns`.

        Args:
            now_ns: our clock, ns UTC.
            known: the sessions the engine goes by, None before it was told.
            in_session: whether the market of a tape or a simulator is open.
        """
        if not isinstance(self._settings.feed, IbFeed):
            return Hours(
                in_session=in_session,
                session_open=0.0 if in_session else inf,
                session_close=inf,
                duty_start=0.0,
                calendar_end=inf,
            )
        sessions = self._covering(now_ns, known)
        session = sessions.next_close_after(now_ns - 1)
        earlier = sessions.last_close_until(now_ns - 1)
        duty = session
        if earlier is not None and now_ns <= earlier.close_ns + DUTY_AFTER_S * NS:
            duty = earlier
        return Hours(
            in_session=session.open_ns <= now_ns <= session.close_ns,
            session_open=session.open_ns / NS,
            session_close=session.close_ns / NS,
            duty_start=duty.open_ns / NS - DUTY_BEFORE_S,
            calendar_end=_end(known or sessions),
        )

    def _covering(self, now_ns: int, known: SessionCalendar | None) -> SessionCalendar:
        """What the engine knows where it reaches past now; else a calendar of our own, so that alerts need no log."""
        if known is not None and _reaches(known, now_ns):
            return known
        if self._own is None or not _reaches(self._own, now_ns):
            today = datetime.fromtimestamp(now_ns // NS, UTC).date()
            self._own = SessionCalendar(calendar(self._settings.calendar, today - LOOK_BACK, today).sessions)
        return self._own


def _end(sessions: SessionCalendar) -> float:
    return sessions.close_of(sessions.horizon) / NS


def _reaches(sessions: SessionCalendar, now_ns: int) -> bool:
    return sessions.close_of(sessions.horizon) > now_ns
