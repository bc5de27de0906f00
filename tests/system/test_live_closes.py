"""Feed, engine and timers in virtual time: every close once, over a change of the clocks, restarts and absences."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime

from alvh.adapters.ib.feed import Fed
from alvh.adapters.ib.feed_settings import Observer
from alvh.adapters.ib.gateway.server import Gateway
from alvh.app.live import LiveFeed
from alvh.app.requests import Errands
from alvh.core.codec import decode, encode
from alvh.core.effects import Publish
from alvh.core.engine import Engine
from alvh.core.events import Calendar, Configuration, Event, TimerFired
from alvh.core.sessions import SessionCalendar
from alvh.settings import Settings, decision_document, document_hash
from alvh.shell.ports import Silent, Sourced
from gateway.harness import SETTINGS
from gateway.scripted import NEW_YORK, ScriptedPrices, weekday_calendar
from gateway.virtual import VirtualClock, run_virtually


def half_hours() -> SessionCalendar:
    """Weekdays whose sessions are half an hour, so that a week passes quickly: 15:30 to 16:00 New York."""
    whole = weekday_calendar(date(2024, 1, 1), date(2027, 12, 31))
    sessions = whole.sessions_between(whole.first, whole.horizon)
    return SessionCalendar((one.date, one.close_ns - 1800 * 10**9, one.close_ns) for one in sessions)


CALENDAR = half_hours()
THURSDAY = datetime(2026, 3, 5, 10, 0, tzinfo=NEW_YORK)
"""The clocks are put forward in the night to Sunday, 8 March."""


def beginning() -> list[Event]:
    """What a log begins with: triggers alone on a live feed."""
    document = decision_document(Settings(portfolios=[{"id": "core", "hedge": "none"}]), feed_kind="ib")  # type: ignore[list-item]
    sessions = CALENDAR.sessions_between(CALENDAR.first, CALENDAR.horizon)
    rows = tuple((one.date, one.open_ns, one.close_ns) for one in sessions)
    return [
        Configuration(
            ts_event=0, ts_recv=0, document=document, config_hash=document_hash(document), engine_version="test"
        ),
        Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=rows),
    ]


class Log:
    """What outlives a node: the journal's lines, and what was said."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.said: list[bytes] = []

    def folded(self) -> Engine:
        """A new engine behind the journal."""
        engine = Engine()
        for line in self.lines:
            engine.handle(decode(line))
        return engine

    def closes(self) -> list[str]:
        """The session of each evaluation."""
        messages = [json.loads(body) for body in self.said]
        return [message["time"][:10] for message in messages if "signal" in message["type"]]


@asynccontextmanager
async def node(clock: VirtualClock, gateway: Gateway, log: Log) -> AsyncIterator[Engine]:
    """A leader without Redis: recovers from the log, feeds its engine, does its errands; killed at the end."""
    engine = log.folded()

    async def submit(sourced: Sourced) -> None:
        line = encode(sourced.event)
        log.lines.append(line)
        for effect in engine.handle(decode(line)):
            if isinstance(effect, Publish):
                log.said.append(effect.body)
            else:
                errands.perform(effect)

    errands = Errands(submit, clock=clock, observer=Silent())
    if not log.lines:
        for event in beginning():
            await submit(Sourced(event=event))
    for effect in engine.pending():
        errands.perform(effect)
    feed = LiveFeed(
        replace(SETTINGS, port=gateway.port, essential=("SPX",), close_settle_s=1260.0, probe_interval_s=900.0),
        clock=clock,
        calendar=lambda: CALENDAR,
        observer=Observer(),
        fed=Fed(known_until=lambda: engine.known_until, watched=engine.portfolios.small_cap, legs=tuple),
    )

    async def read() -> None:
        source = feed.events(None)
        try:
            async for sourced in source:
                await submit(sourced)
        finally:
            await source.aclose()

    reading = asyncio.create_task(read(), name="test-reader")
    try:
        yield engine
        assert not reading.done(), reading.exception()
    finally:
        reading.cancel()
        errands.drop()
        await asyncio.gather(reading, return_exceptions=True)


async def until(clock: VirtualClock, day: int, hour: int, minute: int) -> None:
    """Sleep until a time of March 2026 in New York."""
    at = datetime(2026, 3, day, hour, minute, tzinfo=NEW_YORK).timestamp()
    await clock.sleep(at - clock.now() / 1e9)


def test_every_close_is_evaluated_once_whatever_happens() -> None:
    """A change of the clocks, kills before and behind a timer, two days away, a gateway down at the close."""
    log = Log()

    async def main(clock: VirtualClock) -> None:
        prices = ScriptedPrices(CALENDAR, date(2026, 3, 5), period_s=25.0)
        prices.closed_for_s = lambda: _closed_for_s(clock)
        gateway = Gateway(prices, now=clock.now)
        await gateway.start()
        async with node(clock, gateway, log):
            await until(clock, 5, 16, 19)
            assert log.closes() == ["2026-03-04"], "the newest close that history has begins"
            await until(clock, 5, 16, 21)
            assert log.closes()[1:] == ["2026-03-05"]
            await until(clock, 9, 16, 10)
            assert log.closes()[2:] == ["2026-03-06"]
        async with node(clock, gateway, log):  # killed between close and timer on the first Monday of summer time
            await until(clock, 9, 16, 25)
            assert log.closes()[3:] == ["2026-03-09"]
        async with node(clock, gateway, log):  # killed just behind it
            await until(clock, 10, 11, 0)
            assert log.closes()[4:] == []
        await until(clock, 12, 11, 0)
        async with node(clock, gateway, log) as engine:  # two days away
            await until(clock, 12, 11, 5)
            assert log.closes()[4:] == ["2026-03-10", "2026-03-11"]
            assert engine.portfolios.states[0].sessions == 5
            await until(clock, 12, 15, 40)
            await gateway.stop(keep_prices=True)
            await until(clock, 12, 17, 0)
            assert log.closes()[6:] == [], "nobody has seen it"
            assert engine.owed == date(2026, 3, 12)
            await gateway.start()
            await until(clock, 12, 17, 5)
            assert log.closes()[6:] == ["2026-03-12"]
            await until(clock, 13, 16, 30)
            assert log.closes()[7:] == ["2026-03-13"]
            assert engine.portfolios.states[0].sessions == 7
        await gateway.stop()

    run_virtually(THURSDAY, main)
    fired = [event.timer_id for line in log.lines if isinstance(event := decode(line), TimerFired)]
    assert len(fired) == len(set(fired)), "no timer fires twice"
    again, said = Engine(), []
    for line in log.lines:
        said += [effect.body for effect in again.handle(decode(line)) if isinstance(effect, Publish)]
    assert said == log.said
    reasons = [json.loads(body)["data"]["reason_codes"] for body in log.said if b"adjustment" in body]
    assert reasons == [["STATE"]], "no move was made up"


def _closed_for_s(clock: VirtualClock) -> float:
    now = clock.now()
    return 0.0 if CALENDAR.is_open(now) else (CALENDAR.next_close_after(now).open_ns - now) / 1e9
