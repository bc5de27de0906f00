"""A stream of core events sold by the gateway of ours comes back through the real adapter."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

from alvh.adapters.ib.feed import IbFeed
from alvh.adapters.ib.gateway.catalogue import underlyings
from alvh.adapters.ib.gateway.market import Listing, Price
from alvh.adapters.ib.gateway.option_board import OptionBoard
from alvh.adapters.ib.gateway.replay import ReplayedPrices
from alvh.adapters.ib.gateway.server import Gateway
from alvh.core.effects import FetchChain
from alvh.core.events import DailyBar, Event, FuturesCurve, OptionChain, Quote, SessionClose
from alvh.shell.ports import Sourced
from gateway.harness import CALENDAR, IN_SESSION, SETTINGS
from gateway.virtual import VirtualClock, run_virtually


async def old_market() -> AsyncIterator[Sourced]:
    """Thirty sessions of 2025, then a session of minutes."""
    sessions = CALENDAR.sessions_between(date(2025, 1, 2), date(2025, 2, 12))
    for n, session in enumerate(sessions):
        at = session.close_ns
        minutes = 1 if n < len(sessions) - 1 else 40
        for minute in range(minutes):
            at = session.close_ns - (minutes - 1 - minute) * 60 * 10**9
            for name, level in (("IWM", 220.0), ("RUT", 2200.0), ("SPX", 5000.0 + n), ("VIX", 20.0)):
                yield Sourced(event=quote(name, level + minute / 10, at))
            nodes = tuple((session.date + timedelta(days=30 * k), 18.0 + k, None, None) for k in (1, 2, 3))
            yield Sourced(event=FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes))
        rows = tuple(
            (session.date + timedelta(days=30), right, float(strike), 1.0, 1.2, 0.8, "VIX")
            for strike in range(15, 30) for right in "CP"
        )  # fmt: skip
        yield Sourced(event=OptionChain(ts_event=at, ts_recv=at, underlying="VIX", rows=rows))
        yield Sourced(event=SessionClose(ts_event=session.close_ns, ts_recv=session.close_ns, session=session.date))


def quote(name: str, last: float, at: int) -> Quote:
    """A quote of a tape."""
    return Quote(ts_event=at, ts_recv=at, instrument_id=name, last_price=last)


def test_an_option_keeps_its_id_and_no_other_ever_gets_it() -> None:
    """A client keeps contract ids for a day: another option under one of them would be quoted in its place."""
    board = OptionBoard({listing.name: listing for listing in underlyings()})
    listings: dict[int, Listing] = {}
    today, prices = date(2026, 9, 21), dict[int, Price]()
    monday, tuesday = date(2025, 1, 6), date(2025, 1, 7)
    for day, strikes in ((monday, range(15, 25)), (tuesday, range(10, 22)), (monday, range(40, 41))):
        at = CALENDAR.close_of(day)
        rows = tuple((day + timedelta(days=30), "C", float(strike), 1.0, 1.2, 0.8, "VIX") for strike in strikes)
        chain = OptionChain(ts_event=at, ts_recv=at, underlying="VIX", rows=rows)
        prices.update(board.take(chain, today, {}, prices.get))
        for listing in board.listings():
            assert listings.setdefault(listing.con_id, listing) == listing
        listed = {listing.con_id for listing in board.listings()}
        assert len(listed) == len(rows)
        assert all((prices[con_id].bid is not None) == (con_id in listed) for con_id in prices)


def test_history_quotes_curve_and_chain_arrive_as_of_now() -> None:
    async def main(clock: VirtualClock) -> None:
        prices = ReplayedPrices(old_market(), calendar=CALENDAR, now=clock.now, history_sessions=29, speed=1.0)
        assert await prices.prepare() == 29
        gateway = Gateway(prices, now=clock.now)
        await gateway.start()
        settings = replace(SETTINGS, port=gateway.port, vx_months=3)
        feed = IbFeed(settings, clock=clock, calendar=lambda: CALENDAR)
        events: list[Event] = []
        source = feed.events(None)

        async def read() -> None:
            async for sourced in source:
                events.append(sourced.event)  # noqa: PERF401 - read while it grows

        reading = asyncio.create_task(read())
        await asyncio.sleep(20)
        await feed.perform(FetchChain(request_id="c", underlying="VIX"))
        await asyncio.sleep(12)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await source.aclose()
        await gateway.stop()
        bars = [event for event in events if isinstance(event, DailyBar) and event.instrument_id == "SPX"]
        assert [bar.close for bar in bars] == [5000.0 + n for n in range(29)]
        assert bars[-1].session == date(2026, 9, 18)
        live = [event for event in events if isinstance(event, Quote) and event.instrument_id == "SPX"]
        live = [event for event in live if event.is_live]
        assert len(live) > 10
        assert live[0].last_price is not None
        assert 5029 <= live[0].last_price <= 5034
        curve = [event for event in events if isinstance(event, FuturesCurve)][-1]
        assert [round(node[1], 6) for node in curve.nodes] == [19.0, 20.0, 21.0]
        (chain,) = [event for event in events if isinstance(event, OptionChain)]
        assert 25 <= (chain.rows[0][0] - date(2026, 9, 21)).days <= 30
        assert chain.rows[0][3:6] == (1.0, 1.2, 0.8)

    run_virtually(IN_SESSION, main)
