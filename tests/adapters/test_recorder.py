"""The recorder: what it writes replays as what it was told; crashes and restarts leave a readable tape."""

from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from alvh.adapters.recorder import TapeRecorder
from alvh.adapters.simulator import SimulatorFeed
from alvh.adapters.tape import TapeFeed
from alvh.core.events import (
    AccountPositions,
    Event,
    FuturesCurve,
    MacroCalendar,
    Observation,
    OptionChain,
    Quote,
    SessionClose,
)
from alvh.core.sessions import et_ns
from alvh.errors import InputError
from tapes import weekday_calendar

_CALENDAR = weekday_calendar(date(2025, 1, 2), date(2026, 12, 31))
_DAY = date(2025, 1, 2)
_NOON, _CLOSE = et_ns(_DAY, "12:00"), et_ns(_DAY, "16:00")


def _simulated(until: date) -> list[Event]:
    feed = SimulatorFeed(_CALENDAR, session_s=0.0, quote_interval_s=1800)
    end = _CALENDAR.close_of(until)
    return list(takewhile(lambda event: event.ts_event <= end, feed.replay()))


def _record(folder: Path, events: list[Event]) -> TapeRecorder:
    with TapeRecorder(folder, _CALENDAR) as recorder:
        for event in events:
            recorder.record(event)
    return recorder


def _replayed(folder: Path) -> tuple[list[Event], list[tuple[str, int, str]]]:
    faults: list[tuple[str, int, str]] = []
    feed = TapeFeed(folder, _CALENDAR, on_malformed=lambda path, line, reason: faults.append((path.name, line, reason)))
    return list(feed.replay()), faults


def _quote(ts: int, price: float | None, **more: float | bool | None) -> Quote:
    return Quote(ts_event=ts, ts_recv=ts + 5, instrument_id="SPX", last_price=price, **more)  # type: ignore[arg-type]  # keywords of one quote


def test_a_recorded_market_replays_as_it_was(tmp_path: Path) -> None:
    events = _simulated(date(2025, 1, 16))
    assert any(isinstance(event, Observation) and event.consensus is not None for event in events)
    recorder = _record(tmp_path / "new" / "tape", events)
    assert _replayed(tmp_path / "new" / "tape") == (events, [])
    assert recorder.skipped_count == 1  # the watched index, which a tape says by its rows


@pytest.mark.parametrize("at", [1, 150, 153, 157, 160, 700])
def test_a_recording_goes_on_where_it_was_interrupted(tmp_path: Path, at: int) -> None:
    events = _simulated(date(2025, 1, 8))
    cut = at + next(index for index, event in enumerate(events[at:]) if isinstance(event, Quote | SessionClose))
    _record(tmp_path, events[:cut])
    _record(tmp_path, events[cut - 1 :] if isinstance(events[cut - 1], Quote) else events[cut:])
    assert _replayed(tmp_path) == (events, [])


def test_a_row_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    _record(tmp_path, [_quote(_NOON, 5900.0), _quote(_NOON + 1, 5901.0)])
    path = tmp_path / "SPX.csv"
    path.write_bytes(path.read_bytes()[:-20])
    _record(tmp_path, [_quote(_NOON + 2, 5902.5)])
    events, faults = _replayed(tmp_path)
    assert [event.last_price for event in events if isinstance(event, Quote)] == [5900.0, 5902.5]
    assert [(name, line) for name, line, _ in faults if line] == [("SPX.csv", 3)]


def test_what_a_quote_carries_beyond_a_price(tmp_path: Path) -> None:
    told = [
        _quote(_NOON, 5900.1, bid_price=5900.0, ask_price=5900.3, bid_size=3.0, ask_size=0.0),
        _quote(_NOON + 123, 5900.2, is_live=False),
        _quote(_NOON + 1_000_000_000, None, bid_price=5900.0, ask_price=5900.3),
        _quote(_NOON + 2_000_000_000, 5900.4, bid_price=-1.0, ask_price=0.0),
    ]
    _record(tmp_path, [*told])
    quotes = [event for event in _replayed(tmp_path)[0] if isinstance(event, Quote)]
    assert [(quote.ts_event, quote.last_price, quote.bid_price, quote.ask_price, quote.bid_size, quote.ask_size,
             quote.is_live) for quote in quotes] == [
        (_NOON, 5900.1, 5900.0, 5900.3, 3.0, 0.0, True),
        (_NOON + 123, 5900.2, None, None, None, None, False),
        (_NOON + 1_000_000_000, None, 5900.0, 5900.3, None, None, True),
        (_NOON + 2_000_000_000, 5900.4, None, None, None, None, True),
    ]  # fmt: skip


def test_what_a_tape_cannot_say_is_counted(tmp_path: Path) -> None:
    stamp: dict[str, Any] = {"ts_event": _NOON, "ts_recv": _NOON}
    told: list[Event] = [
        _quote(_NOON, 5900.0),
        _quote(_NOON, 5901.0),
        _quote(_NOON - 1, 5899.0),
        _quote(_NOON + 1, float("nan")),
        _quote(_NOON + 1, None),
        Quote(**stamp, instrument_id="../etc", last_price=1.0),
        Quote(**stamp, instrument_id="VX", last_price=1.0),
        Observation(**stamp, series="a\nb", observed=_DAY, value=1.0),
        AccountPositions(**stamp, account="U1", positions=()),
    ]
    assert _record(tmp_path, told).skipped_count == 8
    assert [path.name for path in tmp_path.iterdir()] == ["SPX.csv"]


def test_the_newest_curve_and_chain_of_a_session_stand_at_its_close(tmp_path: Path) -> None:
    expiry = date(2025, 1, 22)

    def curve(ts: int, settle: float, symbol: str = "VX") -> FuturesCurve:
        return FuturesCurve(ts_event=ts, ts_recv=ts, symbol=symbol, nodes=((expiry, settle, None, None),))

    def chain(ts: int, bid: float) -> OptionChain:
        row = (expiry, "C", 17.0, bid, bid + 0.1, None, "VIX")
        return OptionChain(ts_event=ts, ts_recv=ts, underlying="VIX", rows=(row,), request_id="r1")

    told = [
        _quote(_NOON, 5900.0),
        curve(_NOON, 17.0),
        chain(_NOON, 1.0),
        curve(_NOON + 1, 17.5),
        curve(_NOON + 2, 17.55, "VXM"),  # has fewer months, and no place on a tape
        chain(_NOON + 1, 1.5),
        _quote(_CLOSE, 5901.0),
        SessionClose(ts_event=_CLOSE, ts_recv=_CLOSE, session=_DAY),
        curve(et_ns(date(2025, 1, 3), "12:00"), 18.0),  # its session does not close
    ]
    _record(tmp_path, told)
    events, faults = _replayed(tmp_path)
    assert [fault for fault in faults if fault[1]] == []
    assert [(event.ts_event, event.nodes[0][1]) for event in events if isinstance(event, FuturesCurve)] == [
        (_CLOSE, 17.5)
    ]
    assert [(event.ts_event, event.rows[0][3]) for event in events if isinstance(event, OptionChain)] == [(_CLOSE, 1.5)]


def test_releases_replace_what_was_known(tmp_path: Path) -> None:
    for day in (10, 11):
        release = (date(2025, 1, day), 'c,"pi', "08:30")
        _record(tmp_path, [MacroCalendar(ts_event=_NOON, ts_recv=_NOON, releases=(release,)), _quote(_NOON, 1.0)])
    told = [event for event in _replayed(tmp_path)[0] if isinstance(event, MacroCalendar)]
    assert [event.releases for event in told] == [((date(2025, 1, 11), 'c,"pi', "08:30"),)]


def test_a_folder_that_is_no_recording_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "SPX.csv").write_text("date,close\n2025-01-02,5868.55\n")
    with TapeRecorder(tmp_path, _CALENDAR) as recorder, pytest.raises(InputError, match="expected the columns ts,last"):
        recorder.record(_quote(_NOON, 5900.0))
    assert (tmp_path / "SPX.csv").read_text() == "date,close\n2025-01-02,5868.55\n"
    with pytest.raises(InputError, match="expected a folder"):
        TapeRecorder(tmp_path / "SPX.csv", _CALENDAR)
