"""When what is proposed may be worked: the clock's rules of S39 and S20, in exchange time."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from alvh.core.hedge.look import Look
from alvh.core.sessions import SessionCalendar, et_ns, et_time, vix_settlement
from alvh.core.signals.macro import EVENTS

_EDGE: Final = timedelta(minutes=10)
_BEFORE_RELEASE: Final = timedelta(minutes=5)
_VRO_AFTER: Final = timedelta(minutes=30)
"""Behind the open of a VIX settlement morning, until the last series of the special quotation has opened (S39)."""

_MINUTE: Final = 60_000_000_000
_WEDNESDAY: Final = 2


def time_window(look: Look, leg: str) -> str:
    """Return the hours in which a leg may be traded: of this session, or behind its close of the next one.

    Not in the first and last ten minutes, not in the window of the VIX settlement's opening quotation, not in the five
    minutes before a release; financing and L1 not before a release at all on its day (S20).
    """
    situation = look.situation
    session = situation.calendar.session_of(situation.ts_event)
    if session is None or situation.is_close:
        session = situation.calendar.next_close_after(situation.ts_event)
    begin, end = session.open_ns + _ns(_EDGE), session.close_ns - _ns(_EDGE)
    if settles_vix(session.date, situation.calendar):
        begin = max(begin, session.open_ns + _ns(_VRO_AFTER))
    begin = max(begin, situation.ts_event)
    releases = releases_on(situation.releases, session.date)
    if leg in ("FIN", "L1") and releases:
        begin = max(begin, releases[-1])
    parts = []
    for release in releases:
        if begin < release - _ns(_BEFORE_RELEASE) and release < end:
            parts.append((begin, release - _ns(_BEFORE_RELEASE)))
            begin = release
        elif begin < release < end:
            begin = release
    parts.append((begin, end))
    hours = ", ".join(f"{_clock(first)}-{_clock(last)}" for first, last in parts if first < last)
    return f"{hours} ET" if hours else "none"


def settles_vix(day: date, calendar: SessionCalendar) -> bool:
    """Whether VIX contracts settle that morning: a Wednesday, or the monthly settlement a holiday has moved."""
    return day.weekday() == _WEDNESDAY or day == vix_settlement(calendar, day.year, day.month)


def releases_on(releases: Sequence[tuple[date, str, str]], day: date) -> list[int]:
    """Return the times of the releases of S20 on a day, ns UTC, rising."""
    return sorted({et_ns(at, time) for at, name, time in releases if at == day and name in EVENTS})


def _ns(span: timedelta) -> int:
    return round(span.total_seconds()) * 1_000_000_000


def _clock(ts: int) -> str:
    return et_time(ts).strftime("%H:%M")
