"""The exchange's sessions from exchange_calendars with overrides, and macro calendars from CSV and ICS files.

exchange_calendars takes a second and 90 MB to load (pandas), so what it says stands in a table beside this file, which
`scripts/exchange_table.py` writes. The library itself is asked where another version of it is installed than the
table's, and for dates outside it.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from alvh.core.events import Calendar, MacroCalendar
from alvh.core.sessions import EXCHANGE_ZONE, et_ns, parse_release
from alvh.errors import InputError

EXCHANGE: Final = "XNYS"
_OPEN_ET: Final = "09:30"
_CLOSE_ET: Final = "16:00"
_SATURDAY: Final = 5
TABLE: Final = Path(__file__).with_name("xnys.csv")
_TITLE: Final = re.compile(r"# XNYS (\S+) to (\S+) as of exchange_calendars (\S+):")

Report = Callable[[Path, int, str], None]
"""Told of a release that was left out: the file, the line (an ICS event: its number) and the reason."""

Release = tuple[date, str, str]

# What official calendars call the releases (the Bureau of Labor Statistics, the Federal Reserve), and when each is
# out where an entry is a whole day.
_RELEASES: Final = (
    ("cpi", re.compile(r"consumer price index|\bcpi\b", re.IGNORECASE), "08:30"),
    ("ppi", re.compile(r"producer price index|\bppi\b", re.IGNORECASE), "08:30"),
    ("fomc_minutes", re.compile(r"(fomc|federal open market committee).*minutes|minutes.*fomc|fomc_minutes",
                                re.IGNORECASE), "14:00"),
    ("fomc_decision", re.compile(r"fomc|federal open market committee", re.IGNORECASE), "14:00"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarOverrides:
    """What the configuration knows better than the library.

    Attributes:
        closed: dates on which the exchange does not trade after all.
        early_closes: sessions that end at another time than 16:00 (exchange time, HH:MM); said of a date, it replaces
            what the library says of that session's close.
        open: sessions the library does not know, 09:30 to 16:00.
        hours: sessions of these dates, whatever the library and the rest here say of them (exchange time, HH:MM-HH:MM).
    """

    closed: tuple[date, ...] = ()
    early_closes: Mapping[date, str] = field(default_factory=dict)
    open: tuple[date, ...] = ()
    hours: Mapping[date, str] = field(default_factory=dict)


def exchange_sessions(start: date, end: date, overrides: CalendarOverrides | None = None) -> Calendar:
    """The XNYS sessions from `start` to `end`, both included, as a `Calendar` event stamped at the first open.

    Raises:
        InputError: an override contradicts the calendar, or there is no session in the range.
    """
    known = {day: (open_ns, close_ns) for day, open_ns, close_ns in _sessions(start, end)}
    for day in (overrides or CalendarOverrides()).open:
        if start <= day <= end:
            known.setdefault(day, (et_ns(day, _OPEN_ET), et_ns(day, _CLOSE_ET)))
    for day in (overrides or CalendarOverrides()).closed:
        known.pop(day, None)
    for day, clock in (overrides or CalendarOverrides()).early_closes.items():
        if start <= day <= end:
            known[day] = _closed_early(day, clock, known)
    for day, hours in (overrides or CalendarOverrides()).hours.items():
        if start <= day <= end:
            known[day] = _hours_of(day, hours)
    if not known:
        raise InputError(f"calendar: there is no {EXCHANGE} session from {start} to {end}")
    sessions = tuple((day, *known[day]) for day in sorted(known))
    begin = sessions[0][1]
    return Calendar(ts_event=begin, ts_recv=begin, exchange=EXCHANGE, sessions=sessions)


def _sessions(start: date, end: date) -> Iterable[tuple[date, int, int]]:
    table = _read_table()
    if table is None or start < table.first or end > table.last:
        return library_sessions(start, end)
    days = (start + timedelta(days=step) for step in range((end - start).days + 1))
    return [
        (day, et_ns(day, _OPEN_ET), et_ns(day, clock))
        for day in days
        if day.weekday() < _SATURDAY and (clock := table.closes.get(day, _CLOSE_ET))
    ]


class _Table(NamedTuple):
    """What differs from an ordinary weekday: date to early close (HH:MM), or to nothing where there is no session."""

    first: date
    last: date
    closes: dict[date, str]


def _read_table() -> _Table | None:
    """The table, or None where it was written from another version than the installed one."""
    title, _, *rows = TABLE.read_text(encoding="utf-8").splitlines()
    match = _TITLE.match(title)
    if match is None or match[3] != version("exchange_calendars"):
        return None
    cells = (row.split(",") for row in rows)
    closes = {date.fromisoformat(day): clock for day, clock in cells}
    return _Table(date.fromisoformat(match[1]), date.fromisoformat(match[2]), closes)


def library_sessions(start: date, end: date) -> Iterator[tuple[date, int, int]]:
    """Yield the sessions from `start` to `end` as exchange_calendars has them: (date, open ns UTC, close ns UTC).

    Raises:
        InputError: the library cannot reach that far.
    """
    # Built directly: the library's `get_calendar` would first load all of its hundred exchanges, and by default knows
    # no more than the last twenty years and the next one.
    from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar  # noqa: PLC0415 (heavy: pandas)

    # The library needs two sessions or more; a week on both sides holds them.
    margin = timedelta(days=7)
    try:
        calendar = XNYSExchangeCalendar(start=(start - margin).isoformat(), end=(end + margin).isoformat())
    except (ValueError, OverflowError) as error:  # pandas' nanoseconds end in the year 2262
        raise InputError(f"calendar: exchange_calendars knows nothing of {start} to {end}: {error}") from error
    days = calendar.sessions.to_numpy().astype("datetime64[D]").tolist()
    opens, closes = calendar.opens_nanos.tolist(), calendar.closes_nanos.tolist()
    for day, open_ns, close_ns in zip(days, opens, closes, strict=True):
        if start <= day <= end:
            yield day, open_ns, close_ns


def _closed_early(day: date, clock: str, known: Mapping[date, tuple[int, int]]) -> tuple[int, int]:
    if day not in known:
        raise InputError(f"calendar.early_closes: {day} is no session; expected a date on which {EXCHANGE} trades")
    try:
        close_ns = et_ns(day, clock)
    except ValueError as error:
        raise InputError(f"calendar.early_closes.{day}: expected exchange time as HH:MM, got {clock!r}") from error
    open_ns = known[day][0]
    if close_ns <= open_ns:
        raise InputError(f"calendar.early_closes.{day}: {clock} is not later than the open")
    return open_ns, close_ns


def _hours_of(day: date, hours: str) -> tuple[int, int]:
    first, _, last = hours.partition("-")
    try:
        open_ns, close_ns = et_ns(day, first), et_ns(day, last)
    except ValueError as error:
        raise InputError(f"calendar.hours.{day}: expected exchange time as HH:MM-HH:MM, got {hours!r}") from error
    if close_ns <= open_ns:
        raise InputError(f"calendar.hours.{day}: {last} is not later than {first}")
    return open_ns, close_ns


def macro_calendar(path: Path, ts: int, report: Report) -> MacroCalendar:
    """The scheduled releases of a CSV (`date,event,time_et`) or ICS file, as an event stamped `ts` (ns UTC).

    An ICS entry counts when its summary names CPI, PPI or the FOMC; others are passed over. Faulty rows are reported
    and left out.

    Raises:
        InputError: the file cannot be read, is no such file, or holds no release.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    read = _ics_releases if path.suffix.lower() == ".ics" else _csv_releases
    releases = tuple(sorted(set(read(path, content, report))))
    if not releases:
        raise InputError(f"{path}: expected releases (cpi, ppi, fomc_decision, fomc_minutes), found none")
    return MacroCalendar(ts_event=ts, ts_recv=ts, releases=releases)


def _csv_releases(path: Path, content: bytes, report: Report) -> Iterator[Release]:
    text = content.decode("utf-8-sig", "replace")
    rows = csv.reader(io.StringIO(text.replace("\0", "\N{REPLACEMENT CHARACTER}"), newline=""))
    header = [name.strip() for name in next(rows, [])]
    wanted = ("date", "event", "time_et")
    if not set(wanted) <= set(header):
        raise InputError(f"{path}: expected the columns {','.join(wanted)}")
    places = [header.index(name) for name in wanted]
    try:
        for row in rows:
            if not row:
                continue
            try:
                yield parse_release(*(row[place] for place in places))
            except (ValueError, IndexError) as error:
                report(path, rows.line_num, "too few cells" if isinstance(error, IndexError) else str(error))
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from error


def _ics_releases(path: Path, content: bytes, report: Report) -> Iterator[Release]:
    from icalendar import Calendar as IcsCalendar  # noqa: PLC0415 (0.2 s, and only where an ICS file is configured)

    try:
        calendar = IcsCalendar.from_ical(content)
        entries = calendar.walk("VEVENT")
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, RecursionError) as error:
        # the library hands on what it stumbles over: a time zone's name, say, goes to the file system
        raise InputError(f"{path}: not an ICS calendar: {(str(error) or repr(error)).splitlines()[0]}") from error
    for number, entry in enumerate(entries, start=1):
        summary = str(entry.get("SUMMARY", ""))
        match = next((known for known in _RELEASES if known[1].search(summary)), None)
        if match is None:
            continue
        try:
            release = _release_at(entry.decoded("DTSTART"), match[0], match[2])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            report(path, number, f"{summary[:40]!r}: no usable DTSTART ({error})")
        else:
            yield release


def _release_at(begin: object, event: str, usual: str) -> Release:
    if not isinstance(begin, date):  # the library hands back as text or a list what it could not read
        raise TypeError(f"not a date: {str(begin)[:40]!r}")
    if not isinstance(begin, datetime):
        return begin, event, usual
    # A time without a zone ("floating") is where the release is: exchange time.
    at = begin.astimezone(EXCHANGE_ZONE) if begin.tzinfo is not None else begin
    return at.date(), event, at.strftime("%H:%M")
