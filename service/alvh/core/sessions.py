"""Trading sessions as data: which there are, when they open and close, and how many lie between two dates.

The sessions come from a `Calendar` event, so that a log always folds under the calendar that was in force. Exchange
time (New York) is known to this file alone; everywhere else a time is integer nanoseconds UTC.

What lies beyond the calendar's `horizon` is not known. A question about a quote (`is_open`, `session_of`) is then
answered with "no session", since an unknown session must not let anything trigger; a question whose answer is a
session (`next_close_after`, `session_on_or_after`, `close_of`) raises `JournalError`. The shell watches `horizon` and
tells the engine a longer calendar in time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alvh.errors import JournalError

EXCHANGE_ZONE: Final = ZoneInfo("America/New_York")
NS_PER_SECOND: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FRIDAY: Final = 4
_SATURDAY: Final = 5
_ISO_DATE_LENGTH: Final = 10
_DAYS_OF_VIX: Final = 30  # a VIX future settles on the SPX options that expire this many days later


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading session: its date at the exchange, and its first and last instant (ns UTC, both inclusive)."""

    date: date
    open_ns: int
    close_ns: int


def et_time(ts: int) -> datetime:
    """Exchange time of `ts` (ns UTC), to the microsecond below."""
    return (_EPOCH + timedelta(microseconds=ts // 1_000)).astimezone(EXCHANGE_ZONE)


def et_date(ts: int) -> date:
    """The exchange's calendar date at `ts` (ns UTC)."""
    return et_time(ts).date()


def et_ns(day: date, clock: str) -> int:
    """The instant (ns UTC) at which the exchange's clock shows `clock` ("08:30" or "08:30:15") on `day`.

    Raises:
        ValueError: `clock` is not a time of day.
    """
    at = datetime.combine(day, time.fromisoformat(clock), EXCHANGE_ZONE)
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000


def parse_date(text: str) -> date:
    """Read a plain date, `YYYY-MM-DD` and nothing else.

    Raises:
        ValueError: the text is not one.
    """
    if len(text) != _ISO_DATE_LENGTH or text[4] != "-" or text[7] != "-":
        raise ValueError(f"not a date: {text[:40]!r}")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"not a date: {text!r}") from error


def parse_release(day: str, event: str, clock: str) -> tuple[date, str, str]:
    """Read one scheduled release as a `MacroCalendar` event holds it: (date, event, "HH:MM" exchange time).

    Raises:
        ValueError: what is wrong, in words for a person.
    """
    name = event.strip().lower()
    if not name:
        raise ValueError("no event named")
    try:
        at = time.fromisoformat(clock.strip())
    except ValueError as error:
        raise ValueError(f"not a time of day: {clock[:40]!r}") from error
    if at.tzinfo is not None:
        raise ValueError(f"expected exchange time without an offset: {clock[:40]!r}")
    return parse_date(day.strip()), name, at.strftime("%H:%M")


class SessionCalendar:
    """The sessions of one exchange, rising; built from a `Calendar` event and never changed.

    Args:
        sessions: (date, open ns, close ns), rising and not overlapping.

    Raises:
        JournalError: there is no session, or they are out of order.
    """

    __slots__ = ("_closes", "_dates", "_from", "_is_open", "_opens", "_ranks", "_to")

    def __init__(self, sessions: Iterable[tuple[date, int, int]]) -> None:
        rows = list(sessions)
        if not rows:
            raise JournalError("the session calendar is empty: expected (date, open, close) rising")
        self._dates = [row[0] for row in rows]
        self._opens = [row[1] for row in rows]
        self._closes = [row[2] for row in rows]
        self._ranks = {day: rank for rank, day in enumerate(self._dates)}
        self._check()
        # The interval around the last instant asked about, and its answer: neighbouring quotes share it.
        self._from, self._to, self._is_open = 0, -1, False

    def _check(self) -> None:
        before_date, before_close = date.min, -(1 << 63)
        for day, open_ns, close_ns in zip(self._dates, self._opens, self._closes, strict=True):
            if not (before_date < day and before_close < open_ns < close_ns):
                raise JournalError(f"the session calendar is out of order at {day}: expected date, open, close rising")
            before_date, before_close = day, close_ns

    def __len__(self) -> int:
        """How many sessions are known."""
        return len(self._dates)

    @property
    def first(self) -> date:
        """The first known session."""
        return self._dates[0]

    @property
    def horizon(self) -> date:
        """The last known session; nothing is known of later dates."""
        return self._dates[-1]

    def is_open(self, ts: int) -> bool:
        """Whether `ts` lies in a session's hours; the instants of open and close do. O(1) for neighbouring instants."""
        if self._from <= ts <= self._to:
            return self._is_open
        return self._look_up(ts)

    def _look_up(self, ts: int) -> bool:
        rank = bisect_right(self._opens, ts) - 1
        if rank >= 0 and ts <= self._closes[rank]:
            self._from, self._to, self._is_open = self._opens[rank], self._closes[rank], True
        else:
            self._from = self._closes[rank] + 1 if rank >= 0 else ts
            self._to = self._opens[rank + 1] - 1 if rank + 1 < len(self._opens) else ts
            self._is_open = False
        return self._is_open

    def session_of(self, ts: int) -> Session | None:
        """The session in whose hours `ts` lies, open and close included; None outside."""
        rank = bisect_right(self._opens, ts) - 1
        return self._session(rank) if rank >= 0 and ts <= self._closes[rank] else None

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on `day`; False beyond the horizon."""
        return day in self._ranks

    def session(self, day: date) -> Session | None:
        """The session of `day`, or None where there is none."""
        rank = self._ranks.get(day)
        return None if rank is None else self._session(rank)

    def close_of(self, day: date) -> int:
        """The close (ns UTC) of the session of `day`.

        Raises:
            JournalError: `day` is no known session.
        """
        rank = self._ranks.get(day)
        if rank is None:
            raise JournalError(f"{day.isoformat()} is no session of the calendar ({self.first} to {self.horizon})")
        return self._closes[rank]

    def next_close_after(self, ts: int) -> Session:
        """The first session that closes later than `ts`.

        Raises:
            JournalError: the calendar ends before.
        """
        rank = bisect_right(self._closes, ts)
        if rank == len(self._closes):
            raise self._beyond(et_date(ts))
        return self._session(rank)

    def session_on_or_after(self, day: date) -> Session:
        """The session of `day`, else the first one behind it.

        Raises:
            JournalError: the calendar ends before.
        """
        rank = bisect_left(self._dates, day)
        if rank == len(self._dates):
            raise self._beyond(day)
        return self._session(rank)

    def next_session(self, day: date) -> Session:
        """The first session later than `day`.

        Raises:
            JournalError: the calendar ends before.
        """
        return self.session_on_or_after(day + timedelta(days=1))

    def previous_session(self, day: date) -> Session | None:
        """The last session earlier than `day`; None before the first known one."""
        rank = bisect_left(self._dates, day) - 1
        return self._session(rank) if rank >= 0 else None

    def last_close_until(self, ts: int) -> Session | None:
        """The last session that has closed at `ts` or before; None before the first known close."""
        rank = bisect_right(self._closes, ts) - 1
        return self._session(rank) if rank >= 0 else None

    def sessions_until(self, day: date) -> int:
        """How many known sessions are dated `day` or earlier; the difference of two is the sessions between them."""
        return bisect_right(self._dates, day)

    def count_between(self, start: date, end: date) -> int:
        """How many sessions lie in (start, end]; negative where `end` is the earlier, the sessions of (end, start]."""
        return self.sessions_until(end) - self.sessions_until(start)

    def sessions_between(self, start: date, end: date) -> tuple[Session, ...]:
        """The sessions dated `start` to `end`, both included."""
        ranks = range(bisect_left(self._dates, start), bisect_right(self._dates, end))
        return tuple(self._session(rank) for rank in ranks)

    def is_business_day(self, day: date) -> bool:
        """Whether `day` is a session; outside the known range every weekday counts as one."""
        if self.first <= day <= self.horizon:
            return day in self._ranks
        return day.weekday() < _SATURDAY

    def business_days(self, start: date, end: date) -> int:
        """How many business days lie in (start, end]: sessions where they are known, weekdays elsewhere.

        Negative where `end` is the earlier. The unit of the daily roll (methodology S14).
        """
        if end < start:
            return -self.business_days(end, start)
        before, after = self.first - timedelta(days=1), self.horizon
        known = self.count_between(start, end)
        early = _weekdays(start, min(end, before)) if start < before else 0
        late = _weekdays(max(start, after), end) if end > after else 0
        return known + early + late

    def business_day_on_or_before(self, day: date) -> date:
        """`day` if it is a business day, else the last one before it."""
        while not self.is_business_day(day):
            day -= timedelta(days=1)
        return day

    def _session(self, rank: int) -> Session:
        return Session(date=self._dates[rank], open_ns=self._opens[rank], close_ns=self._closes[rank])

    def _beyond(self, day: date) -> JournalError:
        return JournalError(f"the session calendar ends at {self.horizon}: nothing is known of {day.isoformat()}")


def _weekdays(start: date, end: date) -> int:
    """Mondays to Fridays in (start, end]."""
    weeks, rest = divmod((end - start).days, 7)
    return weeks * 5 + sum((start + timedelta(days=step)).weekday() < _SATURDAY for step in range(1, rest + 1))


def third_friday(year: int, month: int) -> date:
    """The third Friday of a month: the nominal expiry of monthly index options."""
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def vix_settlement(calendar: SessionCalendar, year: int, month: int) -> date:
    """Final settlement of the VIX contracts of a month (methodology 0.5).

    The Wednesday 30 days before the third Friday of the following month; the business day before it where that
    Wednesday or that Friday is a holiday.
    """
    friday = third_friday(year + month // 12, month % 12 + 1)
    wednesday = friday - timedelta(days=_DAYS_OF_VIX)
    if not calendar.is_business_day(friday):
        wednesday -= timedelta(days=1)
    return calendar.business_day_on_or_before(wednesday)
