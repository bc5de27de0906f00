"""The made-up market: the same seed gives the same events, restarts go on, prices and chains are consistent."""

import asyncio
import math
import time
from datetime import date, timedelta
from itertools import islice, pairwise

import numpy as np
import pytest

from alvh.adapters.simulator import SimulatorFeed
from alvh.adapters.simulator.market import REGIMES, MarketState, simulate_session
from alvh.core.events import (
    Calendar,
    Event,
    FuturesCurve,
    MacroCalendar,
    Observation,
    OptionChain,
    Quote,
    SessionClose,
    WatchedIndex,
)
from alvh.core.hedge.chain import ChainTerms, build_chain
from alvh.core.sessions import SessionCalendar
from alvh.errors import InputError
from tapes import weekday_calendar, weekday_sessions

_CALENDAR = weekday_calendar(date(2025, 1, 1), date(2027, 12, 31), date(2025, 1, 1), date(2025, 1, 9))
_START = date(2025, 1, 2)


def _feed(calendar: SessionCalendar = _CALENDAR, seed: int = 7, interval_s: int = 1800) -> SimulatorFeed:
    return SimulatorFeed(calendar, seed=seed, session_s=0.0, quote_interval_s=interval_s)


def _sourced(feed: SimulatorFeed, position: str | None, count: int) -> list[tuple[Event, str]]:
    async def collect() -> list[tuple[Event, str]]:
        found = []
        async for sourced in feed.events(position):
            found.append((sourced.event, sourced.position or ""))
            if len(found) == count:
                break
        return found

    return asyncio.run(collect())


def test_the_same_seed_gives_the_same_market_and_another_does_not() -> None:
    first, again = (list(islice(_feed().replay(), 600)) for _ in range(2))
    assert first == again
    assert first != list(islice(_feed(seed=8).replay(), 600))


def test_it_opens_as_a_tape_does_and_every_session_ends_with_its_close() -> None:
    events = list(islice(_feed().replay(), 3000))
    assert isinstance(events[0], WatchedIndex)
    assert events[0].instrument_id == "RUT"
    assert isinstance(events[1], MacroCalendar)
    closes = [event for event in events if isinstance(event, SessionClose)]
    expected = [session.date for session in _CALENDAR.sessions_between(_START, _CALENDAR.horizon)]
    assert [event.session for event in closes] == expected[: len(closes)]
    assert all(_CALENDAR.close_of(event.session) == event.ts_event for event in closes)
    assert all(event.ts_recv == event.ts_event for event in events)
    rank = {Quote: 0, Observation: 1, FuturesCurve: 2, OptionChain: 3, SessionClose: 4}
    for before, after in pairwise(events[2:]):
        keys = [
            (event.ts_event, rank[type(event)], getattr(event, "instrument_id", getattr(event, "underlying", "")))
            for event in (before, after)
        ]
        assert keys[0] < keys[1] or isinstance(before, Observation)


def test_every_instrument_is_quoted_at_every_interval_and_at_the_close() -> None:
    quotes: dict[str, list[int]] = {}
    for event in islice(_feed(interval_s=300).replay(), 2, 850):
        if isinstance(event, SessionClose):
            break
        if isinstance(event, Quote):
            quotes.setdefault(event.instrument_id, []).append(event.ts_event)
    assert set(quotes) == {"IWM", "RSP", "RUT", "RVX", "SPX", "SPY", "VIX", "VIX3M", "VIX9D", "VVIX"}
    session = _CALENDAR.session(_START)
    assert session is not None
    for times in quotes.values():
        assert len(times) == 78
        assert times[0] == session.open_ns + 300_000_000_000
        assert times[-1] == session.close_ns


def test_it_goes_on_behind_any_position() -> None:
    whole = _sourced(_feed(), None, 420)
    for count in (1, 2, 3, 100, 149, 150, 151, 152, 153, 260, 419):
        assert _sourced(_feed(), whole[count - 1][1], 420 - count) == whole[count:]


@pytest.mark.parametrize("text", ["", "[]", "{}", '["2025-01-02",0]', '["x",0,0,1,1,1,1,1,1,1]', "[1,2,3]"])
def test_a_position_of_another_feed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="simulator's position"):
        next(_feed().replay(text))


def test_numbers_out_of_range_are_refused() -> None:
    for arguments in ({"seed": -1}, {"session_s": -1.0}, {"session_s": math.nan}, {"quote_interval_s": 0}):
        with pytest.raises(InputError, match="feed: expected"):
            SimulatorFeed(_CALENDAR, **arguments)
    with pytest.raises(InputError, match=r"feed\.start"):
        SimulatorFeed(_CALENDAR, start=date(2031, 1, 2))


def test_it_ends_with_its_calendar_or_asks_for_a_longer_one() -> None:
    short = weekday_calendar(_START, date(2025, 1, 10))
    assert sum(isinstance(event, SessionClose) for event in _feed(short).replay()) == 7
    asked = []

    def extend(day: date) -> Calendar:
        asked.append(day)
        sessions = weekday_sessions(day - timedelta(days=30), day + timedelta(days=420))
        return Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=sessions)

    feed = SimulatorFeed(short, session_s=0.0, quote_interval_s=3600, extend=extend)
    told: list[Event] = []
    for event in feed.replay():
        told.append(event)
        if isinstance(event, SessionClose) and len(asked) == 2:
            break
    calendars = [event for event in told if isinstance(event, Calendar)]
    assert asked[0] == _START
    assert len(calendars) == 2
    assert all(before.ts_event <= after.ts_event for before, after in pairwise(told))


def test_a_session_takes_its_time() -> None:
    feed = SimulatorFeed(_CALENDAR, session_s=0.25, quote_interval_s=3600)

    async def run() -> list[float]:
        begin, times = time.monotonic(), []
        async for sourced in feed.events(None):
            if isinstance(sourced.event, SessionClose):
                times.append(time.monotonic() - begin)
                if len(times) == 3:
                    break
        return times

    times = asyncio.run(run())
    assert 0.5 <= times[-1] < 1.5


def _closes(sessions: int, seed: int) -> tuple[list[dict[str, float]], list[FuturesCurve]]:
    prices: dict[str, float] = {}
    found: list[dict[str, float]] = []
    curves = []
    for event in _feed(weekday_calendar(_START, date(2031, 1, 1)), seed, 3600).replay():
        if isinstance(event, Quote):
            prices[event.instrument_id] = event.last_price or 0.0
        elif isinstance(event, FuturesCurve):
            curves.append(event)
        elif isinstance(event, SessionClose):
            found.append(dict(prices))
            if len(found) == sessions:
                break
    return found, curves


def test_the_market_shows_what_the_service_watches_for() -> None:
    found, curves = _closes(600, 7)
    column = {name: np.array([row[name] for row in found]) for name in found[0]}
    spx, rut = np.diff(np.log(column["SPX"])), np.diff(np.log(column["RUT"]))
    assert 1.0 < np.polyfit(spx, rut, 1)[0] < 1.5
    assert np.corrcoef(spx, rut)[0, 1] > 0.85
    assert np.corrcoef(spx, np.diff(np.log(column["VIX"])))[0, 1] < -0.7
    assert np.ptp(column["IWM"] / column["RUT"]) < 1e-5
    assert column["VIX"].min() >= 9.0
    assert column["VIX"].max() > 30.0
    inverted = [curve.nodes[0][1] > curve.nodes[1][1] for curve in curves]
    assert 0.03 < np.mean(inverted) < 0.5
    anchors, moves = found[0], 0
    for row in found[1:]:
        if any(abs(row[name] / anchors[name] - 1.0) >= 0.03 for name in ("SPX", "RUT")):
            anchors, moves = row, moves + 1
    assert moves > 40


def test_all_regimes_are_visited_and_left() -> None:
    state, seen = MarketState(), []
    for session in range(400):
        state = simulate_session(state, 4, np.random.default_rng((1, session))).after
        seen.append(state.regime)
    assert set(seen) == set(range(len(REGIMES)))
    assert seen.count(0) > seen.count(1) > seen.count(2)
    assert all(abs(sum(regime.next) - 1.0) < 1e-12 for regime in REGIMES)


def test_chains_are_consistent_with_the_index_and_the_curve() -> None:
    prices: dict[str, float] = {}
    curve: FuturesCurve | None = None
    checked = 0
    for event in islice(_feed(seed=5).replay(), 6000):
        if isinstance(event, Quote):
            prices[event.instrument_id] = event.last_price or 0.0
        elif isinstance(event, FuturesCurve):
            curve = event
        elif isinstance(event, OptionChain):
            assert curve is not None
            checked += 1
            session = _CALENDAR.last_close_until(event.ts_event)
            assert session is not None
            terms = ChainTerms(
                session=session.date,
                spot=prices[event.underlying],
                futures={node[0]: node[1] for node in curve.nodes} if event.underlying == "VIX" else {},
                business_day_before=lambda day: _CALENDAR.business_day_on_or_before(day - timedelta(days=1)),
            )
            _check_chain(event, terms)
    assert checked > 40


def _check_chain(event: OptionChain, terms: ChainTerms) -> None:
    chain = build_chain(event.underlying, event.rows, terms)
    assert set(chain.refused) <= {"no_bid", "no_iv"}
    assert len(event.rows) < 1200
    for part in chain.slices:
        if event.underlying == "SPX":
            carried = terms.spot * math.exp((terms.rate - terms.dividend) * part.years)
            assert part.forward_source == "parity"
            assert part.forward == pytest.approx(carried, rel=5e-4)
        else:
            assert part.forward_source == "future"
        for side, sign in ((part.calls, -1.0), (part.puts, 1.0)):
            assert (np.diff(side.ask) * sign >= -1e-9).all()
            assert (np.diff(side.bid) * sign >= -1e-9).all()
            assert (side.ask > side.bid).all()
    if event.underlying == "SPX":
        near = min(chain.slices, key=lambda part: abs(part.dte - 35))
        assert abs(near.dte - 35) <= 4
        for side, target in ((near.puts, 0.20), (near.puts, 0.05), (near.calls, 0.20), (near.calls, 0.05)):
            index = side.nearest_delta(target)
            assert index is not None
            assert abs(abs(side.delta[index]) - target) <= 0.02
    else:
        # Monthlies alone, four or five weeks apart: to beyond the ladder's farthest tenor.
        tenors = [part.dte for part in chain.slices]
        assert all(28 <= later - earlier <= 36 for earlier, later in pairwise(tenors))
        assert tenors[0] <= 35
        assert any(190 <= days <= 250 for days in tenors)
