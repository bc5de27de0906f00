"""A gateway of ours and the real feed on it, in virtual time, with everything that comes out."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TypeVar

from alvh.adapters.ib.feed import IbFeed
from alvh.adapters.ib.feed_settings import DEFAULT_WATCHLIST, IbFeedSettings, Observer
from alvh.adapters.ib.gateway.market import Holding
from alvh.adapters.ib.gateway.requests import Received
from alvh.adapters.ib.gateway.server import Gateway
from alvh.core.events import Event, Quote
from alvh.core.sessions import SessionCalendar
from alvh.shell.ports import Sourced
from gateway.scripted import NEW_YORK, ScriptedPrices, weekday_calendar
from gateway.virtual import VirtualClock

E = TypeVar("E", bound=Event)

HOLIDAYS = (date(2026, 9, 7), date(2026, 11, 26))
CALENDAR = weekday_calendar(date(2024, 1, 1), date(2027, 12, 31), HOLIDAYS)
IN_SESSION = datetime(2026, 9, 21, 10, 0, tzinfo=NEW_YORK)
"""A Monday; the last session that has closed is Friday, 18 September."""

FEW = tuple(watched for watched in DEFAULT_WATCHLIST if watched.instrument_id in {"SPX", "RUT", "VIX", "IWM"})
SETTINGS = IbFeedSettings(watchlist=FEW, breadth=(), vx_months=0, vxm_months=0, history_years=1)


@dataclass(slots=True, kw_only=True)
class Bench:
    """What a test works with: the gateway, its market, the feed, and what has come out of it."""

    clock: VirtualClock
    gateway: Gateway
    prices: ScriptedPrices
    feed: IbFeed
    sourced: list[Sourced] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    states: list[tuple[int, str, str]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    failure: BaseException | None = None

    @property
    def events(self) -> list[Event]:
        """Events so far."""
        return [sourced.event for sourced in self.sourced]

    def of(self, kind: type[E]) -> list[E]:
        """Events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def live(self, name: str, since: int = 0) -> list[Quote]:
        """Live quotes of an instrument received later than `since`."""
        return [q for q in self.of(Quote) if q.instrument_id == name and q.is_live and q.ts_recv > since]

    def requests(self, message: int) -> list[Received]:
        """What the gateway received of a message."""
        return [received for received in self.gateway.received if received.message == message]

    def asked_for(self, name: str) -> int:
        """How often the gateway was asked for an instrument's ticks."""
        con_id = str(self.prices.con_id(name))
        return sum(received.fields[3] == con_id for received in self.requests(1))

    async def until(self, condition: Callable[[], bool], limit_s: float = 600.0) -> float:
        """Wait until `condition()` holds; return the virtual seconds it took."""
        started = self.clock.now()
        while not condition():
            if self.failure is not None:
                raise self.failure
            waited_s = (self.clock.now() - started) / 1e9
            assert waited_s < limit_s, f"not in {limit_s} s; waiting for {self.feed.waiting_for()}; {self.states[-3:]}"
            await asyncio.sleep(0.05)
        return (self.clock.now() - started) / 1e9

    async def until_live(self, *names: str, limit_s: float = 600.0) -> float:
        """Wait until every named instrument has a new live quote."""
        now = self.clock.now()
        return await self.until(lambda: all(self.live(name, now) for name in names), limit_s)

    async def until_ready(self, limit_s: float = 600.0) -> float:
        """Wait until the feed waits for nothing."""
        return await self.until(lambda: not self.feed.waiting_for(), limit_s)


@contextlib.asynccontextmanager
async def bench(
    clock: VirtualClock,
    settings: IbFeedSettings = SETTINGS,
    *,
    period_s: float | None = 1.0,
    known_until: date | None = None,
    position: str | None = None,
    starts: bool = True,
    calendar: SessionCalendar = CALENDAR,
) -> AsyncIterator[Bench]:
    """Run a feed on a gateway; check at the end that no order message was ever received.

    Args:
        clock: virtual time.
        settings: of the feed; host and port are filled in.
        period_s: seconds between two ticks of each instrument.
        known_until: what the feed is told at its start.
        position: where an earlier run stood.
        starts: False leaves the gateway's port closed until the test opens it.
        calendar: the sessions.
    """
    today = datetime.fromtimestamp(clock.now() / 1e9, UTC).astimezone(NEW_YORK).date()
    prices = ScriptedPrices(calendar, today, period_s=period_s)

    def closed_for_s() -> float:
        now = clock.now()
        return 0.0 if calendar.is_open(now) else (calendar.next_close_after(now).open_ns - now) / 1e9

    prices.closed_for_s = closed_for_s
    iwm = next(listing for listing in prices.listings() if listing.name == "IWM")
    gateway = Gateway(prices, holdings=[Holding(listing=iwm, quantity=448, average_cost=201.5)], now=clock.now)
    await gateway.start()
    if not starts:
        await gateway.stop(keep_prices=True)
    codes: Counter[int] = Counter()
    states: list[tuple[int, str, str]] = []
    rejected: list[tuple[str, str]] = []
    observer = Observer(
        on_error=lambda code: codes.update([code]),
        on_state=lambda state, detail: states.append((clock.now(), state, detail)),
        on_rejected=lambda name, reason: rejected.append((name, reason)),
    )
    feed = IbFeed(
        replace(settings, port=gateway.port), clock=clock, calendar=lambda: calendar, observer=observer,
        known_until=known_until, jitter=random.Random(7),
    )  # fmt: skip
    running = Bench(
        clock=clock, gateway=gateway, prices=prices, feed=feed, codes=codes, states=states, rejected=rejected
    )  # fmt: skip

    async def read() -> None:
        source = feed.events(position)
        try:
            async for sourced in source:
                running.sourced.append(sourced)
        except Exception as bug:
            running.failure = bug
            raise
        finally:
            await source.aclose()

    reading = asyncio.create_task(read(), name="test-reader")
    try:
        yield running
        if running.failure is not None:
            raise running.failure
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await gateway.stop()
        assert not gateway.orders, gateway.orders
