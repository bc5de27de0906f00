"""DEFENCE inside a session: each crossing once, armed again at the next session, never a rebalance (S41)."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from math import inf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.engine import Engine
from alvh.core.events import Calendar, Event, SessionClose, WatchedIndex
from alvh.core.hedge import defence
from alvh.core.quiet_bands import QuietBands
from core.conditions import configuration, published, quote
from tapes import weekday_sessions

SECOND = 1_000_000_000
SESSIONS = weekday_sessions(date(2024, 1, 1), date(2025, 12, 31))
CONDOR = {
    "expiry": "2024-06-28", "quantity": 2, "credit": 10.0, "long_put": 4750, "short_put": 4800, "short_call": 5200,
    "long_call": 5250,
}  # fmt: skip
PORTFOLIO: dict[str, Any] = {"id": "core", "condors": [CONDOR], "methodology": {"move3": {"threshold": 0.5}}}
VIX = 15.0
MOVE = VIX / sqrt(252.0) / 100.0
PUT_LEVEL = 4790.0 / (1.0 - MOVE)  # 47.2 points, one expected move, above the lower break-even


def engine(*portfolios: dict[str, Any]) -> Engine:
    made = Engine()
    made.handle(configuration(portfolios or [PORTFOLIO]))
    made.handle(Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=SESSIONS))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    return made


def close(session: int, spx: float, vix: float = VIX) -> Iterator[Event]:
    day, _, at = SESSIONS[session]
    for name, price in (("RUT", 1850.0), ("SPX", spx), ("VIX", vix)):
        yield quote(name, at, price)
    yield SessionClose(ts_event=at, ts_recv=at, session=day)


def spx(session: int, step: int, price: float) -> Event:
    return quote("SPX", SESSIONS[session][1] + (step + 1) * SECOND, price)


def said(made: Engine, *events: Event) -> list[dict[str, Any]]:
    return [json.loads(message.body)["data"] for event in events for message in published(made.handle(event))]


def crossings(made: Engine, *events: Event) -> list[int]:
    """Nanoseconds of the messages that say DEFENCE."""
    return [
        int(data["event_id"].rsplit("-", 1)[1]) for data in said(made, *events) if "DEFENCE" in data["reason_codes"]
    ]


def test_a_crossing_inside_a_session_is_said_once_and_moves_no_anchor() -> None:
    made = engine()
    said(made, *close(0, 5000.0))
    anchors, sessions = made.portfolios.anchors(0), made.portfolios.states[0].sessions
    (data,) = said(made, spx(1, 1, PUT_LEVEL + 0.01), spx(1, 2, PUT_LEVEL - 0.01), spx(1, 3, 4700.0))
    assert data["reason_codes"] == ["DEFENCE"]
    assert data["actions"] == [] or all(action["leg"] == "COND" for action in data["actions"])
    (signal,) = (part for part in data["signals"] if part["id"] == "S41")
    assert signal["state"] == "crossed"
    assert signal["value"] == pytest.approx(1.0, abs=1e-3)
    assert data["edr"]["pct"] == pytest.approx(100.0 * MOVE)
    assert made.portfolios.anchors(0) == anchors
    assert made.portfolios.states[0].sessions == sessions


def test_a_person_reads_how_near_which_break_even_is() -> None:
    made = engine()
    said(made, *close(0, 5000.0))
    (inside,) = said(made, spx(1, 1, 4800.0))
    assert (
        f"SPX is {10.0 / (4800.0 * MOVE):.2f} expected daily moves from its put-side break-even 4,790.00."
        in inside["text"]
    )
    said(made, *close(1, 5000.0))
    (beyond,) = said(made, spx(2, 1, 4780.0))
    assert "SPX is beyond its put-side break-even 4,790.00." in beyond["text"]


def test_exactly_one_move_away_is_not_crossed() -> None:
    made = engine()
    said(made, *close(0, 5000.0))
    price = PUT_LEVEL
    while (price - 4790.0) / (price * (100.0 * MOVE) / 100.0) < 1.0:
        price += 1e-9
    assert crossings(made, spx(1, 1, price)) == []
    assert len(crossings(made, spx(1, 2, price - 1e-6))) == 1


def test_it_is_armed_again_at_the_next_session_once_spx_has_come_back() -> None:
    made = engine()
    said(made, *close(0, 5000.0))
    assert len(crossings(made, spx(1, 1, 4800.0), spx(1, 2, 5000.0), spx(1, 3, 4800.0), spx(1, 4, 5000.0))) == 1
    assert crossings(made, *close(1, 5000.0)) == []
    assert len(crossings(made, spx(2, 1, 4800.0), *close(2, 4800.0))) == 1
    assert crossings(made, spx(3, 1, 4790.0), spx(3, 2, 4800.0)) == [], "it has never come back"
    assert len(crossings(made, spx(3, 3, 5000.0), spx(3, 4, 4800.0))) == 1


def test_both_sides_and_a_far_jump_from_one_to_the_other() -> None:
    made = engine()
    said(made, *close(0, 5000.0))
    assert len(crossings(made, spx(1, 1, 5200.0))) == 1
    assert crossings(made, spx(1, 2, 4700.0)) == [], "one condor, one crossing in a session"


def test_a_price_at_the_close_is_left_to_the_close() -> None:
    made = engine()
    said(made, *close(0, 5000.0))
    events = list(close(1, 4800.0))
    assert crossings(made, *events[:-1]) == []
    assert crossings(made, events[-1]) == [SESSIONS[1][2]]


def test_a_move_and_a_crossing_at_one_quote_are_one_message() -> None:
    made = engine({**PORTFOLIO, "methodology": {"move3": {"threshold": 0.03, "confirm_quotes": 1}}})
    said(made, *close(0, 5000.0))
    (data,) = said(made, spx(1, 1, 4800.0))
    assert data["reason_codes"] == ["MOVE_3", "DEFENCE"]
    assert made.portfolios.anchors(0)["SPX"] == 4800.0


def test_only_the_portfolio_whose_line_it_is_says_it() -> None:
    far = {**CONDOR, "long_put": 4450, "short_put": 4500, "short_call": 5500, "long_call": 5550}
    made = engine({**PORTFOLIO, "id": "far", "condors": [far]}, {"id": "alone", "hedge": "none"}, PORTFOLIO)
    said(made, *close(0, 5000.0))
    assert [data["book_id"] for data in said(made, spx(1, 1, 4800.0))] == ["core"]


def expected_of(days: Sequence[tuple[float, Sequence[float], float]]) -> list[tuple[int, int]]:
    """(session, step) of each crossing, step -1 at a close: worked out quote by quote, without levels.

    Args:
        days: per session (VIX at its close, SPX inside it, SPX at its close).
    """
    found: list[tuple[int, int]] = []
    is_crossed, has_fired, move = False, False, 0.0
    for session, (vix, inside, at_close) in enumerate(days):
        prices = [*enumerate(inside), (-1, at_close)]
        for step, price in prices:
            if step == -1:
                move = vix / sqrt(252.0) / 100.0
            elif session == 0:
                continue
            is_beyond = min(price - 4790.0, 5210.0 - price) < price * move
            if is_beyond and not is_crossed and not has_fired:
                found.append((session, step))
                has_fired = True
            is_crossed = is_beyond
        has_fired = False
    return found


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 60))
def test_any_walk_fires_where_a_plain_program_says(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    level, days = 5000.0, []
    for _ in range(6):
        prices = []
        for _ in range(10):
            level = float(np.clip(level * np.exp(rng.normal(0.0, 0.012)), 4600.0, 5400.0))
            prices.append(round(level, 2))
        days.append((round(float(rng.uniform(10.0, 40.0)), 2), prices[:-1], prices[-1]))
    made, found, count = engine(), [], 0
    for session, (vix, inside, at_close) in enumerate(days):
        steps = [(step, spx(session, step, price)) for step, price in enumerate(inside)]
        for step, event in [*steps, *((-1, event) for event in close(session, at_close, vix))]:
            count += 1
            if count == cut:
                restored = Engine()
                restored.restore(made.checkpoint())
                made = restored
            found += [(session, step)] * len(crossings(made, event))
    assert found == expected_of(days)


def test_bands_are_asked_only_outside_all_of_them() -> None:
    bands = QuietBands()
    bands.reset([(-inf, inf), (90.0, 110.0), (95.0, 120.0)])
    assert bands.is_quiet(100.0)
    assert not bands.is_quiet(95.0)
    assert bands.outside(100.0) == []
    assert bands.outside(95.0) == [2]
    assert bands.outside(115.0) == [1]
    bands.put(1, (-inf, inf))
    assert bands.outside(115.0) == []
    assert bands.is_quiet(115.0)


def test_without_an_expected_move_there_is_no_line() -> None:
    assert defence.quiet_band({}) == (-inf, inf)
    assert not defence.is_crossed_at({}, 5000.0)
    known = {"crossed": {}, "fired": [], "per_cent": 150.0, "lines": {"a": [4790.0, 5210.0, 1.0]}}
    assert defence.quiet_band({"defence": known})[0] == inf, "with a move of 150 % a day every price is near"
