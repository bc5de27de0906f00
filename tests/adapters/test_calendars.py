"""The exchange's sessions with overrides, and macro calendars in CSV and ICS."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from alvh.adapters.calendars import CalendarOverrides, exchange_sessions, library_sessions, macro_calendar
from alvh.core.sessions import SessionCalendar, et_ns, et_time
from alvh.errors import InputError

_TS = 1_700_000_000_000_000_000

# As the Bureau of Labor Statistics writes them: a zone of its own name, folded lines, escapes.
_ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n"
    "BEGIN:VTIMEZONE\r\nTZID:US-Eastern\r\n"
    "BEGIN:DAYLIGHT\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0400\r\nDTSTART:20070311T020000\r\n"
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\r\nEND:DAYLIGHT\r\n"
    "BEGIN:STANDARD\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nDTSTART:20071104T020000\r\n"
    "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\r\nEND:STANDARD\r\n"
    "END:VTIMEZONE\r\n"
    "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=US-Eastern:20240111T083000\r\nSUMMARY:Consumer Price Ind\r\n ex\r\n"
    "END:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;TZID=America/New_York:20240711T083000\r\nSUMMARY:Producer Price Index\r\n"
    "END:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:3\r\nDTSTART:20240131T190000Z\r\nSUMMARY:FOMC Meeting\\, decision\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:4\r\nDTSTART;VALUE=DATE:20240221\r\nSUMMARY:Minutes of the FOMC\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:5\r\nDTSTART:20240214T083000\r\nSUMMARY:CPI\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:6\r\nDTSTART:20240202T133000Z\r\nSUMMARY:Employment Situation\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:7\r\nSUMMARY:CPI without a date\r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)  # fmt: skip


def _sessions(start: str, end: str, overrides: CalendarOverrides | None = None) -> SessionCalendar:
    return SessionCalendar(exchange_sessions(date.fromisoformat(start), date.fromisoformat(end), overrides).sessions)


def test_known_closures_and_half_days() -> None:
    calendar = _sessions("1990-01-01", "2027-12-31")
    assert calendar.first == date(1990, 1, 2)
    assert calendar.horizon == date(2027, 12, 31)
    closed = ["2001-09-11", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-29", "2018-12-05", "2025-01-09"]
    assert not any(calendar.is_session(date.fromisoformat(day)) for day in closed)
    early = {"1992-12-24": "14:00", "2013-07-03": "13:00", "2024-07-03": "13:00", "2024-11-29": "13:00"}
    for day, clock in early.items():
        assert calendar.close_of(date.fromisoformat(day)) == et_ns(date.fromisoformat(day), clock)
    sessions = calendar.sessions_between(date(2024, 1, 1), date(2024, 12, 31))
    assert len(sessions) == 252
    assert {et_time(session.open_ns).strftime("%H:%M") for session in sessions} == {"09:30"}
    assert {et_time(session.close_ns).strftime("%H:%M") for session in sessions} == {"13:00", "16:00"}


def test_the_table_says_what_the_library_says(monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = date(1970, 1, 1), date(2100, 12, 31)
    ours = exchange_sessions(start, end).sessions
    assert ours == tuple(library_sessions(start, end)), "run scripts/exchange_table.py after an update of the library"
    monkeypatch.setattr("alvh.adapters.calendars.version", lambda _: "another")
    assert exchange_sessions(date(1969, 1, 2), date(1971, 1, 4)).sessions[-2:] == tuple(
        library_sessions(date(1970, 12, 31), date(1971, 1, 4))
    )


def test_sessions_need_no_pandas() -> None:
    code = (
        "import sys; from datetime import date; from alvh.adapters.calendars import exchange_sessions;"
        "exchange_sessions(date(2024, 1, 1), date(2024, 12, 31)); sys.exit('pandas' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "service")}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_dates_outside_the_table_come_from_the_library() -> None:
    calendar = _sessions("1968-06-01", "1968-06-30")
    assert not calendar.is_session(date(1968, 6, 12))  # Wednesdays were closed for the paperwork
    with pytest.raises(InputError, match="knows nothing of 2290"):
        exchange_sessions(date(2290, 1, 1), date(2291, 1, 1))


def test_the_range_is_inclusive_and_may_be_one_session() -> None:
    event = exchange_sessions(date(2024, 1, 2), date(2024, 1, 2))
    assert [session[0] for session in event.sessions] == [date(2024, 1, 2)]
    assert event.ts_event == event.ts_recv == et_ns(date(2024, 1, 2), "09:30")
    assert event.exchange == "XNYS"
    with pytest.raises(InputError, match="no XNYS session"):
        exchange_sessions(date(2024, 1, 6), date(2024, 1, 7))


def test_overrides_win() -> None:
    overrides = CalendarOverrides(
        closed=(date(2024, 1, 3), date(2024, 1, 6), date(2031, 1, 2)),
        early_closes={date(2024, 1, 4): "13:00", date(2024, 1, 13): "12:15", date(2031, 1, 3): "13:00"},
        open=(date(2024, 1, 13), date(2024, 1, 5)),
    )
    calendar = _sessions("2024-01-01", "2024-01-31", overrides)
    assert not calendar.is_session(date(2024, 1, 3))
    assert calendar.close_of(date(2024, 1, 4)) == et_ns(date(2024, 1, 4), "13:00")
    assert calendar.close_of(date(2024, 1, 5)) == et_ns(date(2024, 1, 5), "16:00")
    assert calendar.close_of(date(2024, 1, 13)) == et_ns(date(2024, 1, 13), "12:15")
    assert len(calendar) == 21


@pytest.mark.parametrize(
    ("early", "expected"),
    [
        ({date(2024, 1, 6): "13:00"}, "2024-01-06 is no session"),
        ({date(2024, 1, 4): "lunch"}, "2024-01-04: expected exchange time as HH:MM"),
        ({date(2024, 1, 4): "09:30"}, "not later than the open"),
    ],
)
def test_overrides_that_contradict_the_calendar(early: dict[date, str], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        exchange_sessions(date(2024, 1, 1), date(2024, 1, 31), CalendarOverrides(early_closes=early))


def test_hours_of_a_date_win_over_everything() -> None:
    """Whoever tries the service out at night, or on a Sunday, says that the exchange is open."""
    hours = {date(2024, 1, 4): "00:00-23:59", date(2024, 1, 7): "08:00-09:00", date(2024, 1, 3): "09:45-13:00"}
    overrides = CalendarOverrides(
        closed=(date(2024, 1, 3),), early_closes={date(2024, 1, 4): "13:00"}, hours={**hours, date(2031, 1, 2): "x"}
    )
    calendar = _sessions("2024-01-01", "2024-01-31", overrides)
    for day, (first, last) in {day: text.split("-") for day, text in hours.items()}.items():
        session = calendar.session(day)
        assert session is not None
        assert (session.open_ns, session.close_ns) == (et_ns(day, first), et_ns(day, last))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [("13:00-12:00", "not later than"), ("noon", "HH:MM-HH:MM"), ("09:30-", "HH:MM-HH:MM"), ("", "HH:MM-HH:MM")],
)
def test_hours_that_are_none(hours: str, expected: str) -> None:
    overrides = CalendarOverrides(hours={date(2024, 1, 4): hours})
    with pytest.raises(InputError, match=expected):
        exchange_sessions(date(2024, 1, 1), date(2024, 1, 31), overrides)


def test_a_csv_calendar(tmp_path: Path) -> None:
    path = tmp_path / "macro.csv"
    path.write_text(
        "\ufefftime_et,event,date,note\n08:30,CPI,2024-02-13,x\n14:00,fomc_decision,2024-01-31,\n\nnoon,ppi,2024-02-16,\ncpi\n"
    )
    faults: list[tuple[int, str]] = []
    event = macro_calendar(path, _TS, lambda _, line, reason: faults.append((line, reason)))
    assert event.releases == ((date(2024, 1, 31), "fomc_decision", "14:00"), (date(2024, 2, 13), "cpi", "08:30"))
    assert event.ts_event == event.ts_recv == _TS
    assert [line for line, _ in faults] == [5, 6]


def test_an_ics_calendar(tmp_path: Path) -> None:
    path = tmp_path / "bls.ICS"
    path.write_bytes(_ICS.encode())
    faults: list[tuple[int, str]] = []
    event = macro_calendar(path, _TS, lambda _, line, reason: faults.append((line, reason)))
    assert event.releases == (
        (date(2024, 1, 11), "cpi", "08:30"),
        (date(2024, 1, 31), "fomc_decision", "14:00"),
        (date(2024, 2, 14), "cpi", "08:30"),
        (date(2024, 2, 21), "fomc_minutes", "14:00"),
        (date(2024, 7, 11), "ppi", "08:30"),
    )
    assert [line for line, _ in faults] == [7]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"", "expected the columns date,event,time_et"),
        ("a.csv", b"date,event\n2024-01-01,cpi\n", "expected the columns date,event,time_et"),
        ("a.csv", b"date,event,time_et\nx,cpi,08:30\n", "found none"),
        ("a.csv", b"\xff\xfe\x00\x01", "expected the columns"),
        ("a.ics", b"", "ICS calendar|found none"),
        ("a.ics", b"date,event,time_et\n", "not an ICS calendar"),
        ("a.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "found none"),
        ("a.ics", b"\xff\xfe\x00BEGIN:VCALENDAR", "not an ICS calendar"),
    ],
)
def test_a_file_that_is_no_calendar(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected) as caught:
        macro_calendar(path, _TS, lambda *_: None)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        macro_calendar(tmp_path / "none.ics", _TS, lambda *_: None)


@pytest.mark.parametrize("cut", range(0, len(_ICS), 61))
def test_a_broken_ics_calendar_ends_in_one_line_or_in_what_is_left(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "bls.ics"
    for content in (_ICS[:cut], _ICS[:cut] + "\x00;:=\r\n" + _ICS[cut:], _ICS[:cut] + _ICS[cut + 40 :]):
        path.write_text(content, newline="")
        try:
            event = macro_calendar(path, _TS, lambda *_: None)
            outcome = str(len(event.releases))
        except InputError as error:
            outcome = str(error)
        assert "\n" not in outcome
        assert outcome in {"1", "2", "3", "4", "5"} or str(path) in outcome
