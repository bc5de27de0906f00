"""Real time for tests against a gateway over TCP: a session that is always now, a feed, patience."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from alvh.adapters.ib.feed import IbFeed
from alvh.adapters.ib.feed_settings import IbFeedSettings, Observer
from alvh.app.clock import WallClock
from alvh.app.sources import calendar
from alvh.core.events import Event, Quote
from alvh.core.sessions import SessionCalendar, et_date
from alvh.settings import CalendarSettings

PATIENCE_S = 90.0  # the machine may be busy


def open_now() -> SessionCalendar:
    """The exchange's sessions, with one around the clock today (and tomorrow: a test may run over midnight)."""
    today = et_date(time.time_ns())
    hours = dict.fromkeys((today, today + timedelta(days=1)), "00:00-23:59")
    return SessionCalendar(calendar(CalendarSettings(hours=hours), today - timedelta(days=800), today).sessions)


class Reading:
    """A feed and what it has told."""

    def __init__(self, feed: IbFeed) -> None:
        self.feed = feed
        self.events: list[Event] = []

    async def until(self, condition: Callable[[], bool]) -> float:
        """Wait until something holds; return the seconds it took."""
        started = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - what is waited for comes from another thread or program
                await asyncio.sleep(0.05)
        return time.monotonic() - started

    async def until_live(self, *names: str) -> float:
        """Wait until the feed is ready and each instrument has a new live quote."""
        behind = len(self.events)

        def are_live() -> bool:
            told = self.events[behind:]
            live = {event.instrument_id for event in told if isinstance(event, Quote) and event.is_live}
            return live >= set(names) and not self.feed.waiting_for()

        return await self.until(are_live)


@contextlib.asynccontextmanager
async def reading(settings: IbFeedSettings, observer: Observer | None = None) -> AsyncIterator[Reading]:
    """Run a feed in real time; a failure of it fails the test."""
    sessions = open_now()
    run = Reading(IbFeed(settings, clock=WallClock(), calendar=lambda: sessions, observer=observer))
    source = run.feed.events(None)

    async def read() -> None:
        async for sourced in source:
            run.events.append(sourced.event)

    task = asyncio.create_task(read(), name="test-reader")
    try:
        yield run
        assert not task.done(), task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.aclose()
