"""S37 inside a session and S38 at its close: samples and flows by hand and by numpy."""

import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from alvh.core.engine import Engine
from alvh.core.events import Calendar, Event, FuturesCurve, Observation, SessionClose, WatchedIndex
from alvh.core.signals import Bar, SignalBook
from alvh.core.signals.model import Signal
from core.conditions import configuration, published, quote
from tapes import weekday_sessions

MINUTE = 60 * 1_000_000_000
SESSIONS = weekday_sessions(date(2024, 1, 1), date(2024, 12, 31))
EXPIRIES = (date(2024, 1, 17), date(2024, 2, 14), date(2024, 3, 20), date(2024, 4, 17))


def curve(session: int, at: int, vx1: float) -> FuturesCurve:
    """A flat curve but for its front."""
    later = [expiry for expiry in EXPIRIES if expiry >= SESSIONS[session][0]]
    front = next(expiry for expiry in later if expiry > SESSIONS[session][0])
    nodes = tuple((expiry, vx1 if expiry == front else 20.0, None, None) for expiry in later)
    return FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes)


def engine() -> Engine:
    made = Engine()
    made.handle(configuration([{"id": "core", "small_caps": [{"symbol": "IWM", "shares": 100}]}]))
    made.handle(Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=SESSIONS))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    return made


def basis(made: Engine) -> Signal:
    return made.book.basis.signal()


def inside(session: int, basis_of: dict[int, float]) -> list[Event]:
    """VIX at 15 and VX1 above it, at minutes of a session."""
    events: list[Event] = []
    for minute, value in sorted(basis_of.items()):
        at = SESSIONS[session][1] + minute * MINUTE
        events += [quote("VIX", at, 15.0), curve(session, at, 15.0 + value)]
    return events


def close(session: int, spx: float = 5000.0) -> list[Event]:
    day, _, at = SESSIONS[session]
    prices = {"RUT": 1850.0, "SPX": spx, "VIX": 15.0, "VVIX": 90.0}
    events: list[Event] = [quote(name, at, price) for name, price in prices.items()]
    return [*events, curve(session, at, 16.0), SessionClose(ts_event=at, ts_recv=at, session=day)]


def test_basis_is_sampled_once_in_five_minutes_against_the_same_half_hour() -> None:
    made, rng = engine(), np.random.default_rng(3)
    means = []
    for session in range(20):
        half_hour = {60 + 5 * step: float(rng.normal(1.0, 0.2)) for step in range(6)}
        between = {minute + 2: 99.0 for minute in half_hour}  # a second quote in the same five minutes is no sample
        for event in (*inside(session, {**half_hour, **between, 5: 7.0}), *close(session)):
            made.handle(event)
        means.append(np.mean(list(half_hour.values())))
    for event in inside(20, {60: 2.5}):
        made.handle(event)
    expected = (2.5 - np.mean(means)) / np.std(means, ddof=1)
    found = basis(made)
    assert (found.value, found.state, found.quality) == (pytest.approx(2.5), "unusual", "ok")
    assert dict(found.parts)["z"] == pytest.approx(expected)
    assert found.asof == SESSIONS[20][1] + 60 * MINUTE


def test_a_decision_in_unusual_minutes_says_to_wait() -> None:
    made = engine()
    for session in range(21):
        for event in (*inside(session, {60: 1.0 + 0.01 * (session % 3)}), *close(session)):
            made.handle(event)
    at = SESSIONS[21][1] + 60 * MINUTE
    for event in (*inside(21, {60: 3.0}), quote("SPX", at + 1, 5400.0)):
        made.handle(event)
    (moved,) = published(made.handle(quote("SPX", at + 2, 5400.0)))
    notes = json.loads(moved.body)["data"]["notes"]
    assert "S37_unusual:delay_L1_and_L2_by_15_minutes_once" in notes
    late = at + 6 * MINUTE
    made.handle(quote("SPX", late, 5800.0))
    (moved,) = published(made.handle(quote("SPX", late + 1, 5800.0)))
    assert not any(note.startswith("S37") for note in json.loads(moved.body)["data"]["notes"])


def test_what_is_older_than_its_five_minutes_is_no_sample() -> None:
    made = engine()
    begin = SESSIONS[0][1]
    made.handle(quote("VIX", begin + 4 * MINUTE, 15.0))
    made.handle(curve(0, begin + 6 * MINUTE, 17.0))
    assert basis(made).value is None
    made.handle(quote("VIX", begin + 7 * MINUTE, 15.5))
    assert basis(made).value == pytest.approx(1.5)
    made.handle(quote("VIX", SESSIONS[0][2] + MINUTE, 16.0))
    assert basis(made).value == pytest.approx(1.5), "the session is over"


def test_samples_go_on_alike_behind_a_restart() -> None:
    made = engine()
    for event in inside(0, {0: 1.0}):
        made.handle(event)
    restored = Engine()
    restored.restore(made.checkpoint())
    for event in (*inside(0, {2: 5.0}), *inside(0, {5: 2.0})):
        made.handle(event)
        restored.handle(event)
    assert basis(restored) == basis(made)
    assert basis(made).value == pytest.approx(2.0)
    assert restored.checkpoint() == made.checkpoint()


def test_a_sample_of_another_session_is_missing_at_the_close() -> None:
    made = engine()
    for event in (*inside(0, {60: 1.0}), *close(0)):
        made.handle(event)
    shown = {signal.id: signal for signal in made.book.signals}["S37"]
    assert (shown.value, shown.asof) == (pytest.approx(1.0), SESSIONS[0][1] + 60 * MINUTE)
    for event in close(1):
        made.handle(event)
    shown = {signal.id: signal for signal in made.book.signals}["S37"]
    assert (shown.value, shown.asof, shown.quality) == (None, None, "missing")


# S38


def day(book: SignalBook, number: int, level: float | None, told: dict[str, float]) -> dict[str, Any]:
    """One close with the whole curve at one level; returns S38 with its parts."""
    session, _, at = SESSIONS[number]
    for series, value in told.items():
        assert book.observe(Observation(ts_event=at, ts_recv=at, series=series, observed=session, value=value)) is None
    nodes = () if level is None else tuple((expiry, level, None, None) for expiry in EXPIRIES[1:])
    futures = None if level is None else FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes)
    bars = {} if level is None else {"VIX": Bar(price=level, ts_event=at)}
    book.close(session, at, bars, futures)
    (found,) = (each for each in book.signals if each.id == "S38")
    return {"value": found.value, "state": found.state, "quality": found.quality, **dict(found.parts)}


ALL = {"AUM_UVXY": 500e6, "AUM_UVIX": 100e6, "AUM_SVIX": 300e6, "AUM_SVXY": 200e6}


def test_flow_of_the_worked_products() -> None:
    """500m x (1.5^2 - 1.5) x 8 % = 30.0m; -1x: 300m x 2 x 8 % = 48.0m; 2x: 16m; -0.5x: 200m x 0.75 x 8 % = 12m."""
    book = SignalBook()
    for number in range(20):
        day(book, number, 20.0, {**ALL, "VX_VOLUME": 100_000.0 + 1_000.0 * number})
    found = day(book, 20, 21.6, {**ALL, "VX_VOLUME": 200_000.0})
    assert found["vx30_return"] == pytest.approx(0.08)
    assert found["flow_usd"] == pytest.approx(106e6)
    assert found["value"] == pytest.approx(106e6 / 21_600.0)
    usual = np.mean([*(100_000.0 + 1_000.0 * np.arange(1, 20)), 200_000.0])
    assert found["volume20"] == pytest.approx(usual)
    assert found["share"] == pytest.approx(106e6 / 21_600.0 / usual)
    assert (found["state"], found["quality"]) == ("light", "ok")
    crowded = day(book, 21, 26.0, {**ALL, "VX_VOLUME": 50_000.0})
    assert (crowded["state"], crowded["quality"]) == ("crowded", "ok")


def test_flow_without_some_products_is_a_proxy_and_without_volume_or_curve_missing() -> None:
    book = SignalBook()
    for number in range(20):
        day(book, number, 20.0, {"AUM_UVXY": 500e6, "VX_VOLUME": 1e5})
    found = day(book, 20, 21.6, {"AUM_UVXY": 500e6, "VX_VOLUME": 1e5})
    assert (found["flow_usd"], found["quality"]) == (pytest.approx(30e6), "proxy")
    assert day(book, 21, None, {"AUM_UVXY": 500e6})["quality"] == "missing"
    assert day(book, 22, 20.0, {"AUM_UVXY": 500e6})["value"] is None, "the session before had no curve"
    assert day(SignalBook(), 0, 20.0, {})["quality"] == "missing"
    late = SignalBook()
    day(late, 0, 20.0, ALL)
    assert day(late, 1, 21.0, ALL)["state"] == "missing", "no volume was ever told"
