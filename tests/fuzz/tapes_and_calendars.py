"""Targets that read files of a tape and calendars: what is malformed is named by file and line, and left out."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Final

from alvh.adapters.calendars import macro_calendar
from alvh.adapters.tape import TapeFeed, tape_span
from alvh.core.events import Event
from fuzz.target import Target, insist_on_log
from tapes import weekday_calendar

_CALENDAR: Final = weekday_calendar(date(2023, 1, 2), date(2023, 3, 31))
_DAYS: Final = ("2023-01-03", "2023-01-04", "2023-01-05", "2023-01-06")
_PRICES: Final = (3824.14, 3852.97, 3808.1, 3895.08)
_DAILY: Final = "date,close\n" + "".join(f"{day},{price}\n" for day, price in zip(_DAYS, _PRICES, strict=True))
_BOOKS: Final = (
    "ts,last,bid,ask\n2023-01-03T15:00:00Z,3824.1,3824.0,3824.2\n2023-01-03T15:00:01.5+00:00,3825.0,,\n"
    "2023-01-04T10:00:00-05:00,3826.25,3826,3827\n"
)
_RECORDED: Final = (
    "ts,last,bid,ask,bid_size,ask_size,is_live\n2023-01-03T15:00:00Z,,3824.0,3824.2,1,2,true\n"
    "2023-01-03T15:00:01.123456789Z,3825.0,,,,,0\n"
)
_CURVE: Final = (
    "date,expiry,settle\n2023-01-03,2023-01-18,23.1\n2023-01-03,2023-02-15,24.2\n2023-01-04,2023-01-18,22.5\n"
)
_OBSERVED: Final = "date,series,value,consensus\n2023-01-03,CPI,6.5,6.6\n2023-01-04,breadth,-0.41,\n"
_RELEASES: Final = "date,event,time_et\n2023-01-12,cpi,08:30\n2023-02-01,fomc_decision,14:00\n"
_CHAIN: Final = (
    "expiry,right,strike,bid,ask,iv,root\n2023-02-17,P,3600,30.1,30.7,0.2412,SPXW\n2023-02-17,C,4000,41.0,41.9,,\n"
    "2023-03-17,C,25,1.05,1.15,0.91,VIX\n"
)
_ICS: Final = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20230101T000000Z\r\n"
    "DTSTART;TZID=America/New_York:20230112T083000\r\nSUMMARY:Consumer Price Index\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20230101T000000Z\r\nDTSTART;VALUE=DATE:20230201\r\nSUMMARY:FOMC meeting\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Reports:
    """Takes what was left out, and holds each report against the file it names."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.count = 0
        self._path = path
        self._lines = data.count(b"\n") + data.count(b"\r") + 1

    def __call__(self, path: Path, line: int, reason: str) -> None:
        """Take one."""
        self.count += 1
        assert path.parent == self._path.parent, path
        assert path != self._path or 0 <= line <= self._lines, (line, self._lines)
        assert reason, "a reason is said"


def targets(folder: Path) -> list[Target]:
    """Return them; they write into `folder`."""
    files = {
        "tape_quotes": ("SPX.csv", (_DAILY, _BOOKS, _RECORDED)),
        "tape_curve": ("VX.csv", (_CURVE,)),
        "tape_observations": ("observations.csv", (_OBSERVED,)),
        "tape_releases": ("calendar.csv", (_RELEASES,)),
        "tape_chain": ("chain-SPX-2023-01-03.csv", (_CHAIN,)),
    }
    made = [
        Target(name, tuple(seed.encode() for seed in seeds), _tape_with(_laid_out(folder / name), file))
        for name, (file, seeds) in files.items()
    ]
    calendars = {"calendar_csv": ("releases.csv", _RELEASES), "calendar_ics": ("releases.ics", _ICS)}
    made += [Target(name, (seed.encode(),), _calendar_in(folder / file)) for name, (file, seed) in calendars.items()]
    position = b'[1672758000000000000,0,"SPX",2,"RUT",""]'
    return [*made, Target("tape_position", (position,), _position_of(_laid_out(folder / "tape_position")))]


def _laid_out(folder: Path) -> Path:
    folder.mkdir()
    for name in ("SPX.csv", "RUT.csv"):
        (folder / name).write_text(_DAILY)
    return folder


def _tape_with(folder: Path, name: str) -> Callable[[bytes], bool]:
    def run(data: bytes) -> bool:
        path = folder / name
        path.write_bytes(data)
        reports = Reports(path, data)
        start, end = tape_span(folder)
        assert start <= end
        feed = TapeFeed(folder, _CALENDAR, on_malformed=reports)
        _check(feed.replay())
        assert feed.malformed_count == reports.count
        return not reports.count

    return run


def _check(events: Iterable[Event]) -> None:
    """What comes out can stand in the log, and its times rise."""
    newest = 0
    for event in events:
        insist_on_log(event)
        assert event.ts_event >= newest
        newest = event.ts_event


def _calendar_in(path: Path) -> Callable[[bytes], bool]:
    def run(data: bytes) -> bool:
        path.write_bytes(data)
        reports = Reports(path, data)
        event = macro_calendar(path, 0, reports)
        insist_on_log(event)
        return not reports.count

    return run


def _position_of(folder: Path) -> Callable[[bytes], bool]:
    def run(data: bytes) -> bool:
        feed = TapeFeed(folder, _CALENDAR, on_malformed=Reports(folder / "SPX.csv", b""))
        _check(feed.replay(data.decode(errors="replace")))
        return True

    return run
