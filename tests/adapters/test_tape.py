"""Tapes: order, ends, broken rows, going on behind a position, pace; and the counts of real history."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alvh.adapters.calendars import exchange_sessions
from alvh.adapters.tape import TapeFeed, tape_span
from alvh.core.events import (
    Event,
    FuturesCurve,
    MacroCalendar,
    Observation,
    OptionChain,
    Quote,
    SessionClose,
    WatchedIndex,
)
from alvh.core.sessions import SessionCalendar, et_ns
from alvh.errors import InputError
from tapes import daily_rows, weekday_calendar, write_tape

_CALENDAR = weekday_calendar(date(2024, 1, 1), date(2024, 3, 29), date(2024, 1, 1), date(2024, 1, 15))
_SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "tapes"
_SPX = ["date,close", "2024-01-02,4742.83", "2024-01-03,4704.81", "2024-01-04,4688.68", "2024-01-05,4697.24"]
_RUT = ["date,close", "2024-01-02,2012.81", "2024-01-03,1959.2", "2024-01-04,1957.73", "2024-01-05,1951.14"]

Fault = tuple[str, int, str]


def _replay(folder: Path, position: str | None = None) -> list[Event]:
    return list(TapeFeed(folder, _CALENDAR).replay(position))


def _faults(folder: Path) -> tuple[list[Event], list[Fault]]:
    faults: list[Fault] = []
    feed = TapeFeed(folder, _CALENDAR, on_malformed=lambda path, line, reason: faults.append((path.name, line, reason)))
    events = list(feed.replay())
    assert feed.malformed_count == len(faults)
    return events, faults


def _quotes(events: Iterable[Event], name: str = "SPX") -> list[float | None]:
    return [event.last_price for event in events if isinstance(event, Quote) and event.instrument_id == name]


def _close(day: str) -> int:
    return _CALENDAR.close_of(date.fromisoformat(day))


def test_equal_times_come_in_the_order_of_the_specification(tmp_path: Path) -> None:
    write_tape(
        tmp_path,
        {
            "SPX.csv": ["date,close", "2024-01-02,4742.83"],
            "RUT.csv": ["date,close", "2024-01-02,2012.81"],
            "IWM.csv": ["close,ignored,date", "199.5,x,2024-01-02"],
            "VX.csv": ["date,expiry,settle", "2024-01-02,2024-02-14,15.8", "2024-01-02,2024-01-17,14.1"],
            "observations.csv": ["date,series,value,consensus", "2024-01-02,US2Y,4.33,", "2024-01-01,CPI,0.3,0.2"],
            "calendar.csv": ["date,event,time_et", "2024-01-12,ppi,08:30", "2024-01-11,CPI,08:30"],
            "chain-VIX-2024-01-02.csv": [
                "expiry,right,strike,bid,ask,iv,root", "2024-01-17,C,14,1.1,1.2,0.7,VIX", "2024-02-14,P,12,0,0.05,0,"
            ],
        },
    )  # fmt: skip
    ts = _close("2024-01-02")
    stamp: dict[str, Any] = {"ts_event": ts, "ts_recv": ts}
    assert _replay(tmp_path) == [
        WatchedIndex(**stamp, instrument_id="RUT"),
        MacroCalendar(**stamp, releases=((date(2024, 1, 11), "cpi", "08:30"), (date(2024, 1, 12), "ppi", "08:30"))),
        Quote(**stamp, instrument_id="IWM", last_price=199.5),
        Quote(**stamp, instrument_id="RUT", last_price=2012.81),
        Quote(**stamp, instrument_id="SPX", last_price=4742.83),
        Observation(**stamp, series="US2Y", observed=date(2024, 1, 2), value=4.33),
        Observation(**stamp, series="CPI", observed=date(2024, 1, 1), value=0.3, consensus=0.2),
        FuturesCurve(
            **stamp,
            symbol="VX",
            nodes=((date(2024, 1, 17), 14.1, None, None), (date(2024, 2, 14), 15.8, None, None)),
        ),
        OptionChain(
            **stamp,
            underlying="VIX",
            rows=(
                (date(2024, 1, 17), "C", 14.0, 1.1, 1.2, 0.7, "VIX"),
                (date(2024, 2, 14), "P", 12.0, 0.0, 0.05, None, None),
            ),
        ),
        SessionClose(**stamp, session=date(2024, 1, 2)),
    ]


def test_rows_of_a_file_with_times(tmp_path: Path) -> None:
    write_tape(
        tmp_path,
        {
            "SPX.csv": [
                "ts,last,bid,ask",
                "2024-01-02T09:35:00-05:00,4740,4739.5,4740.5",
                "2024-01-02T14:40:00Z,4741,,",
                "2024-01-02T14:40:00.000000123Z,4742",
                '"2024-01-02 09:40:00.5-05:00"," 4743 ",1,2',
            ],
            "IWM.csv": ["ts,last", "2024-01-02T22:00:00+00:00,199"],
        },
    )
    events = _replay(tmp_path)
    base = et_ns(date(2024, 1, 2), "09:35")
    spx = [event for event in events if isinstance(event, Quote) and event.instrument_id == "SPX"]
    minutes = 5 * 60 * 10**9
    assert [quote.ts_event - base for quote in spx] == [0, minutes, minutes + 123, minutes + 500_000_000]
    assert [(quote.last_price, quote.bid_price, quote.ask_price) for quote in spx] == [
        (4740.0, 4739.5, 4740.5), (4741.0, None, None), (4742.0, None, None), (4743.0, 1.0, 2.0)
    ]  # fmt: skip
    assert all(event.ts_recv == event.ts_event for event in events)
    assert events[0] == WatchedIndex(ts_event=base, ts_recv=base, instrument_id="IWM")
    assert _quotes(events, "IWM") == [199.0]  # after hours: the small-cap index's last row is the end
    assert [event.session.day for event in events if isinstance(event, SessionClose)] == [2]


@pytest.mark.parametrize(
    ("spx_last", "closes"),
    [("2024-01-03T15:55:00-05:00,4700", [2]), ("2024-01-03T16:00:00-05:00,4700", [2, 3])],
)
def test_a_close_behind_the_last_row_does_not_happen(tmp_path: Path, spx_last: str, closes: list[int]) -> None:
    write_tape(
        tmp_path,
        {
            "SPX.csv": ["ts,last", "2024-01-02T15:55:00-05:00,4740", spx_last, "2024-01-04T15:55:00-05:00,nan"],
            "RUT.csv": ["date,close", "2024-01-02,2012.81"],
            "VIX.csv": ["date,close", "2024-01-02,13.2", "2024-01-03,14.04", "2024-01-04,14.13"],
        },
    )
    events = _replay(tmp_path)
    assert [event.session.day for event in events if isinstance(event, SessionClose)] == closes
    assert _quotes(events, "VIX") == [13.2, 14.04][: len(closes)]


def test_closes_come_from_the_calendar_and_not_from_the_rows(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": [_SPX[0], _SPX[1], _SPX[4]], "IWM.csv": _RUT[:2]})
    assert [event.session.day for event in _replay(tmp_path) if isinstance(event, SessionClose)] == [2, 3, 4, 5]


def test_the_small_cap_index_is_iwm_where_rut_has_no_valid_row(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX, "RUT.csv": ["date,close", "2024-01-02,0"], "IWM.csv": _RUT})
    events, faults = _faults(tmp_path)
    assert isinstance(events[0], WatchedIndex)
    assert events[0].instrument_id == "IWM"
    assert faults == [("RUT.csv", 2, "a price must be above 0: 0.0")]


def test_the_other_small_cap_index_does_not_prolong_the_tape(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX[:3], "RUT.csv": _RUT[:3], "IWM.csv": _RUT})
    assert _quotes(_replay(tmp_path), "IWM") == [2012.81, 1959.2]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-03,abc", "not a number"),
        ("2024-01-03,nan", "not a finite number"),
        ("2024-01-03,-inf", "not a finite number"),
        ("2024-01-03,1e999", "not a finite number"),
        ("2024-01-03,4_700", "not a finite number"),
        ("2024-01-03,\N{FULLWIDTH DIGIT FOUR}700", "not a finite number"),
        ("2024-01-03,0", "above 0"),
        ("2024-01-03,-4700", "above 0"),
        ("2024-01-03,1e300", "between 0.0001 and 1e+07"),
        ("2024-01-03,", "empty cell"),
        ("2024-01-03", "empty cell"),
        ("2024-01-03,4,700.00", "3 cells, the header has 2"),
        (",4700", "not a date"),
        ("2024-13-03,4700", "not a date"),
        ("03.01.2024,4700", "not a date"),
        ("2024-01-03T00:00:00Z,4700", "not a date"),
        ("2024-01-06,4700", "no session"),
        ("2024-01-15,4700", "no session"),
        ("2031-01-03,4700", "no session"),
        ("2023-12-29,4700", "no session"),
        ("2024-01-02,4700", "a duplicate"),
        ('2024-01-03,"4700', "quotation marks"),
        ("2024-01-03,47\x0000", "NUL"),
        ("2024-01-03,4700" + "9" * 70_000, "more than"),
        ("2024-01-03,4700" + "9" * 700_000, "more than"),
    ],
    ids=lambda value: value[:24],
)
def test_a_malformed_row_is_named_and_left_out(tmp_path: Path, row: str, reason: str) -> None:
    write_tape(tmp_path, {"SPX.csv": [*_SPX[:2], row, *_SPX[3:]], "RUT.csv": _RUT})
    events, faults = _faults(tmp_path)
    assert _quotes(events) == [4742.83, 4688.68, 4697.24]
    assert [(name, line) for name, line, _ in faults] == [("SPX.csv", 3)]
    assert reason in faults[0][2]
    assert len(faults[0][2]) < 120


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-02T10:00:00,4700", "without an offset"),
        ("2024-01-02,4700", "without an offset"),
        ("yesterday,4700", "not an ISO 8601 time"),
        ("2024-01-02T25:00:00Z,4700", "not an ISO 8601 time"),
        ("9024-01-02T15:00:00Z,4700", "outside the known sessions"),
        ("2024-01-02T14:40:00Z,4700", "a duplicate"),
        ("2024-01-02T14:39:59Z,4700", "time running backwards"),
        ("2024-01-02T15:00:00Z,4700,zero,4701", "not a number"),
        ("2024-01-02T15:00:00Z,4700,0,4701", "above 0"),
        ("2024-01-02T15:00:00Z,,4700,4701", "empty cell"),
    ],
)
def test_a_malformed_row_with_a_time(tmp_path: Path, row: str, reason: str) -> None:
    lines = ["ts,last,bid,ask", "2024-01-02T09:40:00-05:00,4740", row, "2024-01-02T15:30:00Z,4742,4741,4743"]
    write_tape(tmp_path, {"SPX.csv": lines, "RUT.csv": _RUT})
    events, faults = _faults(tmp_path)
    assert _quotes(events) == [4740.0, 4742.0]
    assert [(name, line) for name, line, _ in faults] == [("SPX.csv", 3)]
    assert reason in faults[0][2]


def test_bytes_of_all_kinds(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfdate,close\r\n2024-01-02,4742.83\r\n\r\n2024-01-03,\xff\xfe\r\n2024-01-04,4688.68"
    write_tape(tmp_path, {"SPX.csv": text, "RUT.csv": _RUT, "VIX.csv": b"\xff\xfed\0a\0t\0e\0", "RVX.csv": b""})
    events, faults = _faults(tmp_path)
    assert _quotes(events) == [4742.83, 4688.68]
    assert ("SPX.csv", 4, "not UTF-8 text") in faults
    assert {name for name, _, reason in faults if "taken as missing" in reason} == {"VIX.csv", "RVX.csv"}


def test_malformed_rows_of_the_other_files(tmp_path: Path) -> None:
    write_tape(
        tmp_path,
        {
            "SPX.csv": _SPX,
            "RUT.csv": _RUT,
            "VX.csv": [
                "date,expiry,settle",
                "2024-01-02,2024-01-17,14.1",
                "2024-01-02,2024-02-14,bad",
                "2024-01-02,2024-01-17,14.2",
                "2024-01-02,2023-12-20,14.2",
                "2024-01-06,2024-01-17,14.2",
                "2024-01-03,soon,14.2",
                "2024-01-03,2024-01-17,0",
            ],
            "observations.csv": [
                "date,series,value",
                "2024-01-03,CPI,0.3",
                "2024-01-02,PPI,-0.1",
                "2024-01-03,CPI,0.4",
                "2024-01-02,CPI,0.4",
                "2024-01-04,,0.4",
                "2024-01-04,CPI,high",
                "2034-01-04,CPI,1",
            ],
            "calendar.csv": ["date,event,time_et", "2024-01-11,cpi,08:30", "2024-01-11,cpi,08:30", "x,cpi,08:30"],
            "chain-SPX-2024-01-02.csv": [
                "expiry,right,strike,bid,ask,iv",
                "2024-01-19,P,4700,20,21,0.12",
                "2024-01-19,P,4700,20,21,0.12",
                "2024-01-19,X,4700,20,21,0.12",
                "2024-01-19,P,4700,-1,21,0.12",
                "2024-01-19,P,4705,20,0,0.12",
                "2024-01-01,P,4700,20,21,0.12",
                "2024-01-19,P,4710,20,21,?",
            ],
            "chain-SPX-2024-01-06.csv": ["expiry,right,strike,bid,ask", "2024-01-19,P,4700,20,21"],
            "chain-VIX-2024-01-03.csv": ["expiry,right", "2024-01-19,P"],
        },
    )
    events, faults = _faults(tmp_path)
    lines: dict[str, list[int]] = {}
    for name, line, _ in faults:
        lines.setdefault(name, []).append(line)
    assert lines == {
        "VX.csv": [3, 4, 5, 6, 7, 8],
        "observations.csv": [4, 5, 6, 7, 8],
        "calendar.csv": [3, 4],
        "chain-SPX-2024-01-02.csv": [3, 4, 5, 6, 7, 8],
        "chain-SPX-2024-01-06.csv": [0],
        "chain-VIX-2024-01-03.csv": [1],
    }
    assert [event.nodes for event in events if isinstance(event, FuturesCurve)] == [
        ((date(2024, 1, 17), 14.1, None, None),)
    ]
    # By time, though the file has PPI behind a later CPI.
    assert [(event.series, event.ts_event) for event in events if isinstance(event, Observation)] == [
        ("PPI", _close("2024-01-02")), ("CPI", _close("2024-01-03"))
    ]  # fmt: skip
    assert [len(event.rows) for event in events if isinstance(event, OptionChain)] == [1]


def test_only_the_names_of_a_tape_are_read(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX, "RUT.csv": _RUT, "spx.csv": _RUT, ".VIX.csv": _RUT, "notes.txt": ["x"]})
    (tmp_path / "VIX.csv").mkdir()
    (tmp_path / "IWM.csv").symlink_to(tmp_path / "nowhere")
    events, faults = _faults(tmp_path)
    assert {event.instrument_id for event in events if isinstance(event, Quote)} == {"SPX", "RUT"}
    assert faults == []


def test_a_missing_watched_index_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX, "VIX.csv": _RUT})
    events, faults = _faults(tmp_path)
    assert len(_quotes(events, "VIX")) == 4
    assert [(name, line) for name, line, _ in faults] == [("IWM.csv", 0)]


def test_a_missing_or_empty_source_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: expected a folder .* found nothing"):
        TapeFeed(tmp_path / "nowhere", _CALENDAR)
    (tmp_path / "file.jsonl").write_text("{}")
    with pytest.raises(InputError, match="found a file"):
        TapeFeed(tmp_path / "file.jsonl", _CALENDAR)
    with pytest.raises(InputError, match="found none"):
        tape_span(tmp_path)
    for files in ({}, {"SPX.csv": b"", "RUT.csv": b"date,close\n"}, {"VIX.csv": b"date,close\n2024-01-02,13\n"}):
        folder = write_tape(tmp_path / f"tape{len(files)}", files)
        with pytest.raises(InputError, match="found none"):
            _replay(folder)
    with pytest.raises(InputError, match=r"feed\.speed"):
        TapeFeed(tmp_path, _CALENDAR, speed=0.0)


def test_an_unreadable_file_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX, "RUT.csv": _RUT, "VIX.csv": _RUT})
    really_open = Path.open

    def refuse(path: Path, mode: str = "r") -> object:  # root may read everything, so that no mode would do
        if path.name == "VIX.csv":
            raise PermissionError(13, "Permission denied")
        return really_open(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    events, faults = _faults(tmp_path)
    assert _quotes(events, "VIX") == []
    assert ("VIX.csv", 0, "cannot be read: Permission denied") in faults


def _sourced(folder: Path, position: str | None = None) -> list[tuple[Event, str]]:
    async def collect() -> list[tuple[Event, str]]:
        return [
            (sourced.event, sourced.position or "") async for sourced in TapeFeed(folder, _CALENDAR).events(position)
        ]

    return asyncio.run(collect())


def _full_tape(folder: Path, sessions: int) -> Path:
    days = [session.date for session in _CALENDAR.sessions_between(_CALENDAR.first, _CALENDAR.horizon)][:sessions]
    return write_tape(
        folder,
        {
            "SPX.csv": ["ts,last", *(f"{day}T{hour}:00:00-05:00,47{hour}" for day in days for hour in (10, 12, 16))],
            "RUT.csv": ["date,close", *(f"{day},{2000 + day.day}" for day in days)],
            "VX.csv": ["date,expiry,settle", *(f"{day},2024-06-19,{14 + day.day / 100}" for day in days)],
            "observations.csv": ["date,series,value", *(f"{day},{name},1" for day in days for name in ("A", "B"))],
            "calendar.csv": ["date,event,time_et", f"{days[-1]},cpi,08:30"],
            f"chain-SPX-{days[0]}.csv": ["expiry,right,strike,bid,ask", "2024-06-21,C,4700,1,2"],
        },
    )


def test_a_tape_goes_on_behind_any_position(tmp_path: Path) -> None:
    folder = _full_tape(tmp_path, 3)
    whole = _sourced(folder)
    assert [event for event, _ in whole] == _replay(folder)
    assert len({position for _, position in whole}) == len(whole)
    for count, (_, position) in enumerate(whole, start=1):
        assert _sourced(folder, position) == whole[count:]


def test_a_tape_goes_on_when_rows_were_appended(tmp_path: Path) -> None:
    short, long = _full_tape(tmp_path / "short", 3), _full_tape(tmp_path / "long", 5)
    position = _sourced(short)[-1][1]
    rest = [event for event, _ in _sourced(long, position)]
    assert isinstance(rest[0], MacroCalendar)  # it says more than before, so it is told again
    whole = _replay(long)
    assert rest[1:] == whole[len(_replay(short)) :]
    assert _sourced(short, position) == []


def test_releases_of_the_configuration_join_those_of_the_tape(tmp_path: Path) -> None:
    write_tape(
        tmp_path,
        {"SPX.csv": _SPX, "RUT.csv": _RUT, "calendar.csv": ["date,event,time_et", "2024-01-11,cpi,08:30"]},
    )
    more = ((date(2024, 1, 31), "fomc_decision", "14:00"), (date(2024, 1, 11), "cpi", "08:30"))
    events = list(TapeFeed(tmp_path, _CALENDAR, releases=more).replay())
    assert [event.releases for event in events if isinstance(event, MacroCalendar)] == [(more[1], more[0])]


def test_the_watched_index_is_chosen_once(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX[:3], "IWM.csv": _RUT[:3]})
    position = _sourced(tmp_path)[-1][1]
    write_tape(tmp_path, {"SPX.csv": _SPX[:4], "RUT.csv": _RUT, "IWM.csv": _RUT[:3]})
    rest = [event for event, _ in _sourced(tmp_path, position)]
    assert not any(isinstance(event, WatchedIndex) for event in rest)
    assert max(event.ts_event for event in rest) == _close("2024-01-04")  # RUT would have gone on to the fifth


def test_a_position_of_another_feed_is_refused(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX, "RUT.csv": _RUT})
    for text in ("", "{}", "[1,2]", '["a",0,"",0,"RUT",""]'):
        with pytest.raises(InputError, match="position on a tape"):
            _replay(tmp_path, text)


def test_a_paced_tape_takes_its_time(tmp_path: Path) -> None:
    write_tape(tmp_path, {"SPX.csv": _SPX, "RUT.csv": _RUT})  # three days from first to last row
    feed = TapeFeed(tmp_path, _CALENDAR, speed=3 * 86_400 / 0.3)

    async def last_two() -> list[float]:
        begin = time.monotonic()
        return [time.monotonic() - begin async for _ in feed.events(None)]

    times = asyncio.run(last_two())
    assert times[0] < 0.1
    assert 0.3 <= times[-1] < 1.0
    assert times[3] < 0.15 < times[-1]


_MINUTES = st.sets(st.integers(0, 5 * 1440), min_size=1, max_size=12)  # from the first session's midnight on
_DAYS = st.sets(st.sampled_from([2, 3, 4, 5, 8]), max_size=5)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(spx=_MINUTES, iwm=_MINUTES, vix=_DAYS, curve=_DAYS, seen=st.sets(st.integers(2, 9)))
def test_the_order_is_that_of_a_plain_sort(
    tmp_path: Path, spx: set[int], iwm: set[int], vix: set[int], curve: set[int], seen: set[int]
) -> None:
    midnight = et_ns(date(2024, 1, 2), "00:00")
    sessions = _CALENDAR.sessions_between(date(2024, 1, 2), date(2024, 1, 12))
    closes = {session.date.day: session.close_ns for session in sessions}
    minute = 60 * 10**9
    rows = [(midnight + at * minute, 0, "SPX") for at in spx] + [(midnight + at * minute, 0, "IWM") for at in iwm]
    end = max(ts for ts, _, _ in rows)
    rows += [(closes[day], 0, "VIX") for day in vix] + [(closes[day], 2, "VX") for day in curve]
    begin = min(ts for ts, _, _ in rows)
    rows += [(min(close for of, close in closes.items() if of >= day), 1, f"{day:02}") for day in seen]
    rows += [(close, 4, "close") for close in closes.values() if close >= begin]

    def timed(ats: set[int]) -> list[str]:
        times = (f"2024-01-{2 + at // 1440:02}T{at // 60 % 24:02}:{at % 60:02}:00-05:00" for at in sorted(ats))
        return ["ts,last", *(f"{time},9" for time in times)]

    write_tape(
        tmp_path,
        {
            "SPX.csv": timed(spx),
            "IWM.csv": timed(iwm),
            "VIX.csv": ["date,close", *(f"2024-01-{day:02},9" for day in sorted(vix))],
            "VX.csv": ["date,expiry,settle", *(f"2024-01-{day:02},2024-02-14,9" for day in sorted(curve))],
            "observations.csv": ["date,series,value", *(f"2024-01-{day:02},{day:02},9" for day in sorted(seen))],
        },
    )
    found = []
    for event in _replay(tmp_path)[1:]:
        match event:
            case Quote():
                found.append((event.ts_event, 0, event.instrument_id))
            case Observation():
                found.append((event.ts_event, 1, event.series))
            case FuturesCurve():
                found.append((event.ts_event, 2, "VX"))
            case SessionClose():
                found.append((event.ts_event, 4, "close"))
    assert found == [row for row in sorted(rows) if row[0] <= end]


_ROWS = st.lists(
    st.one_of(
        st.tuples(st.dates(date(2023, 12, 28), date(2024, 2, 10)), st.floats()).map(lambda row: f"{row[0]},{row[1]}"),
        st.text(max_size=30),
    ),
    max_size=25,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=_ROWS, raw=st.binary(max_size=200))
def test_whatever_is_in_a_file_the_rest_is_read(tmp_path: Path, rows: list[str], raw: bytes) -> None:
    noise = ("date,close\n" + "\n".join(rows) + "\n").encode("utf-8", "surrogatepass") + raw
    write_tape(tmp_path, {"SPX.csv": _SPX, "RUT.csv": _RUT, "VIX.csv": noise, "VX.csv": raw, "calendar.csv": noise})
    events, faults = _faults(tmp_path)
    assert _quotes(events) == [4742.83, 4704.81, 4688.68, 4697.24]
    assert all(a.ts_event <= b.ts_event for a, b in pairwise(events))
    for event in events:
        assert not isinstance(event, Quote) or (event.last_price or 0.0) > 0.0
    assert all(line >= 0 and "\n" not in reason for _, line, reason in faults)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["x,1", "2024-01-02,nan", ",", "2024-01-06,5", "a,b"]))))
def test_malformed_rows_change_nothing_and_each_is_named(tmp_path: Path, broken: list[tuple[int, str]]) -> None:
    good = daily_rows(_CALENDAR, [4700.0 + step for step in range(20)])
    clean = _replay(write_tape(tmp_path / "clean", {"SPX.csv": good, "RUT.csv": good}))
    lines = list(good)
    for place, row in broken:
        lines.insert(min(1 + place, len(lines)), row)
    events, faults = _faults(write_tape(tmp_path / "broken", {"SPX.csv": lines, "RUT.csv": good}))
    assert events == clean
    expected = [number for number, line in enumerate(lines, start=1) if line not in good]
    assert [line for _, line, _ in faults] == expected


def test_span(tmp_path: Path) -> None:
    write_tape(
        tmp_path,
        {
            "SPX.csv": ["ts,last", "2024-01-03T20:00:00-05:00,1", "2024-02-05T01:00:00Z,2", "x,3"],
            "VIX.csv": ["close,date", "13,2023-12-29", "14,2224-01-01"],
        },
    )
    assert tape_span(tmp_path) == (date(2023, 12, 29), date(2024, 2, 4))


@pytest.mark.skipif(not _SHARED.is_dir(), reason="needs the real history in ../shared")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "daily-2004-2012",
            {
                "SPX": 2265, "RUT": 2265, "IWM": 2265, "VIX": 2265, "RVX": 2263, "SKEW": 2264, "VIX3M": 827,
                "VIX9D": 501, "VVIX": 1653, "FuturesCurve": 2206, "Observation": 10_023, "SessionClose": 2265,
                "MacroCalendar": 1, "WatchedIndex": 1,
            },
        ),
        (
            "intraday-2024",
            {
                "SPX": 15_882, "RUT": 15_866, "VIX": 205, "RVX": 205, "VIX3M": 205, "VIX9D": 205, "VVIX": 205,
                "FuturesCurve": 205, "Observation": 1740, "SessionClose": 205, "MacroCalendar": 1, "WatchedIndex": 1,
            },
        ),
    ],
)  # fmt: skip
def test_real_history_is_read_whole(name: str, expected: dict[str, int]) -> None:
    folder = _SHARED / name
    first, last = tape_span(folder)
    calendar = SessionCalendar(exchange_sessions(first, date(last.year + 1, 12, 31)).sessions)
    feed = TapeFeed(folder, calendar)
    events = list(feed.replay())
    counts = Counter(event.instrument_id if isinstance(event, Quote) else type(event).__name__ for event in events)
    assert dict(counts) == expected
    assert feed.malformed_count == 0
    assert all(a.ts_event <= b.ts_event for a, b in pairwise(events))
