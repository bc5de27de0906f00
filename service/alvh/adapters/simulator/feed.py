"""The made-up market as a feed: one session after the other, in a tape's order, at a session's pace or at full speed.

Every session has its own random numbers, drawn from (seed, date), and the state before it stands in the position: any
session can be made again, and a restart goes on in the middle of one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from dataclasses import astuple, fields, replace
from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np

from alvh.adapters.simulator.market import REGIMES, MarketState, SimulatedSession, simulate_session
from alvh.adapters.simulator.options import spx_chain, vix_chain, vx_curve
from alvh.adapters.simulator.releases import released_on, scheduled_releases
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
from alvh.core.sessions import Session, SessionCalendar
from alvh.errors import InputError
from alvh.shell.ports import Sourced

FIRST_SESSION: Final = date(2025, 1, 2)
SESSION_S: Final = 5.0  # interfaces, section 1: a session a moment, so that the first adjustment comes within 30 s
QUOTE_INTERVAL_S: Final = 300  # of market time
_KNOWN_AHEAD_DAYS: Final = 400  # the farthest future settles within 290 days, on a date that depends on 30 days more
_LATE_S: Final = 1.0  # behind by more than this the pace starts anew, instead of catching up in a burst
_YIELD_EVERY: Final = 64  # events between two turns of the loop for others at full speed
_TRADED: Final = frozenset({"IWM", "RSP", "SPY"})  # these have a book of a cent each side; an index has none
_PRICE_INDEX_MEAN, _PRICE_INDEX_SD = 0.25, 0.12  # per cent a month
_NS_PER_SECOND: Final = 1_000_000_000


class _Told(NamedTuple):
    """One event, the session it belongs to, and the position behind it."""

    event: Event
    session: Session
    position: str


class SimulatorFeed:
    """A seeded market as an `EventSource`; the same seed, start and interval give the same events.

    The first event is `WatchedIndex`; `MacroCalendar` follows, and again at each year's first session. It ends with
    its calendar, unless `extend` brings a longer one.

    Args:
        calendar: the exchange's sessions.
        seed: of all random numbers, 0 or above.
        start: the first session is the one on or behind this date.
        session_s: seconds of wall time a session takes; 0 for full speed.
        quote_interval_s: seconds of market time between two quotes of an instrument.
        extend: given a date, returns a `Calendar` around it and at least two years ahead; asked when less than 400
            days are known ahead, and told as an event.

    Raises:
        InputError: a number is out of range, or the calendar ends before `start`.
    """

    def __init__(
        self,
        calendar: SessionCalendar,
        *,
        seed: int = 7,
        start: date = FIRST_SESSION,
        session_s: float = SESSION_S,
        quote_interval_s: int = QUOTE_INTERVAL_S,
        extend: Callable[[date], Calendar] | None = None,
        releases: tuple[tuple[date, str, str], ...] = (),
    ) -> None:
        if seed < 0 or not session_s >= 0.0 or quote_interval_s < 1:
            raise InputError("feed: expected seed >= 0, session_s >= 0 and quote_interval_s >= 1")
        if start > calendar.horizon:
            raise InputError(f"feed.start: {start} lies behind the last known session, {calendar.horizon}")
        self._calendar = calendar
        self._seed = seed
        self._start = start
        self._session_s = session_s
        self._interval_ns = quote_interval_s * _NS_PER_SECOND
        self._extend = extend
        self._releases = releases

    def replay(self, position: str | None = None) -> Iterator[Event]:
        """Yield the events behind `position`, as fast as they are taken.

        Raises:
            InputError: `position` is not this feed's.
        """
        for told in self._run(position):
            yield told.event

    async def events(self, position: str | None) -> AsyncIterator[Sourced]:
        """Yield the events behind `position` with theirs, a session in `session_s` seconds.

        Raises:
            InputError: `position` is not this feed's.
        """
        loop = asyncio.get_running_loop()
        due, before, count = loop.time(), None, 0
        with closing(self._run(position)) as run:
            for told in run:
                count += 1
                ts = told.event.ts_event
                if before is None or ts != before:
                    due = max(due + self._pause(told.session, before, ts), loop.time() - _LATE_S)
                    before = ts
                    await asyncio.sleep(max(0.0, due - loop.time()))
                elif count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                yield Sourced(event=told.event, position=told.position)

    def _pause(self, session: Session, before: int | None, ts: int) -> float:
        """Seconds of wall time from the instant before (at the earliest this session's open) to `ts`."""
        if before is None:
            return 0.0
        since = ts - max(before, session.open_ns)
        return max(0, since) / (session.close_ns - session.open_ns) * self._session_s

    def _run(self, position: str | None) -> Generator[_Told, None, None]:
        where = _Position(self._start, 0, MarketState()) if position is None else _parse_position(position)
        calendar = self._calendar
        while True:
            longer = self._longer(calendar, where.day)
            if longer is not None:
                calendar = SessionCalendar(longer.sessions)
            if where.day > calendar.horizon:
                return
            session = calendar.session_on_or_after(where.day)
            instants = self._instants(session)
            if longer is not None:
                yield _Told(replace(longer, ts_event=instants[0], ts_recv=instants[0]), session, where.text(where.done))
            rng = np.random.default_rng((self._seed, session.date.toordinal()))
            simulated = simulate_session(where.state, len(instants), rng)
            events = [*self._opening(calendar, where.day, session, instants[0]), *_quotes(simulated, instants)]
            events += _closing(calendar, session, simulated)
            for number, event in enumerate(events[where.done :], start=where.done + 1):
                yield _Told(event, session, where.text(number))
            where = _Position(session.date + timedelta(days=1), 0, simulated.after)

    def _longer(self, calendar: SessionCalendar, day: date) -> Calendar | None:
        if self._extend is None or (calendar.horizon - day).days >= _KNOWN_AHEAD_DAYS:
            return None
        try:
            return self._extend(day)
        except InputError:
            return None

    def _instants(self, session: Session) -> list[int]:
        """The times (ns UTC) of a session's quotes: every interval behind the open, the last at the close."""
        inside = range(session.open_ns + self._interval_ns, session.close_ns, self._interval_ns)
        return [*inside, session.close_ns]

    def _opening(self, calendar: SessionCalendar, day: date, session: Session, ts: int) -> Iterator[Event]:
        is_first = day == self._start
        if is_first:
            yield WatchedIndex(ts_event=ts, ts_recv=ts, instrument_id="RUT")
        if is_first or (day - timedelta(days=1)).year < session.date.year:
            releases = tuple(sorted({*scheduled_releases(calendar, session.date.year), *self._releases}))
            yield MacroCalendar(ts_event=ts, ts_recv=ts, releases=releases)


def _quotes(simulated: SimulatedSession, instants: list[int]) -> Iterator[Event]:
    for ts, bar in zip(instants, simulated.bars, strict=True):
        for name, price in bar.prices().items():
            has_book = name in _TRADED
            yield Quote(
                ts_event=ts,
                ts_recv=ts,
                instrument_id=name,
                last_price=price,
                bid_price=round(price - 0.01, 2) if has_book else None,
                ask_price=round(price + 0.01, 2) if has_book else None,
            )


def _closing(calendar: SessionCalendar, session: Session, simulated: SimulatedSession) -> Iterator[Event]:
    ts, today, prices = session.close_ns, session.date, simulated.bars[-1].prices()
    for series, value, consensus in _observed(calendar, today, simulated):
        yield Observation(ts_event=ts, ts_recv=ts, series=series, observed=today, value=value, consensus=consensus)
    curve = vx_curve(calendar, today, prices["VIX"])
    yield FuturesCurve(ts_event=ts, ts_recv=ts, symbol="VX", nodes=curve)
    chains = {
        "SPX": spx_chain(calendar, today, prices["SPX"], prices["VIX"]),
        "VIX": vix_chain(today, prices["VIX"], prices["VVIX"], curve),
    }
    for underlying, rows in chains.items():
        yield OptionChain(ts_event=ts, ts_recv=ts, underlying=underlying, rows=rows)
    yield SessionClose(ts_event=ts, ts_recv=ts, session=today)


def _observed(
    calendar: SessionCalendar, today: date, simulated: SimulatedSession
) -> Iterator[tuple[str, float, float | None]]:
    yield "LARGE_ADVANCERS", float(simulated.large.advancers), None
    yield "LARGE_DECLINERS", float(simulated.large.decliners), None
    yield "SMALL_ADVANCERS", float(simulated.small.advancers), None
    yield "SMALL_DECLINERS", float(simulated.small.decliners), None
    yield "US10Y", simulated.after.us10y, None
    yield "US2Y", simulated.after.us2y, None
    series = released_on(calendar, today)
    if series is not None:
        expected, surprise = simulated.surprises
        consensus = round(_PRICE_INDEX_MEAN + _PRICE_INDEX_SD * expected, 1)
        yield series, round(consensus + _PRICE_INDEX_SD * surprise, 1), consensus


class _Position(NamedTuple):
    """Where the market stood: the date behind the last finished session, events told of the next one, its state."""

    day: date
    done: int
    state: MarketState

    def text(self, done: int) -> str:
        """The position once `done` events of the session have been told."""
        return json.dumps([self.day.isoformat(), done, *astuple(self.state)], separators=(",", ":"))


def _parse_position(text: str) -> _Position:
    try:
        day, done, regime, *levels = json.loads(text)
        names = [each.name for each in fields(MarketState)][1:]
        state = MarketState(regime=int(regime), **dict(zip(names, map(float, levels), strict=True)))
        where = _Position(date.fromisoformat(day), int(done), state)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"expected a simulator's position, got {text[:80]!r}: the log is of another feed") from error
    if where.done < 0 or not 0 <= where.state.regime < len(REGIMES) or min(levels[:4]) <= 0.0:
        raise InputError(f"expected a simulator's position, got {text[:80]!r}")
    return where
