"""Prices for our gateway from core events, so that a tape or the simulator can be tried through the real adapter.

The events are of another time; the gateway lives in ours. So the first sessions of the source become the history up to
the last session that has really closed, and what follows is sent as the prices of now. The k-th contract of its VIX
futures curve is sold as the k-th that is listed today, and its options by their days to expiry.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from alvh.adapters.ib.gateway.catalogue import options, underlyings, vix_futures
from alvh.adapters.ib.gateway.market import Bar, Listing, Price
from alvh.core.events import DailyBar, Event, FuturesCurve, OptionChain, Quote, SessionClose
from alvh.core.sessions import SessionCalendar, et_date
from alvh.shell.ports import Sourced

# A source without intraday prices would leave long silences; a second keeps every instrument fresh.
_LONGEST_PAUSE_S: Final = 1.0
_LISTED_MONTHS: Final = 10
# Ten chains of some thousand options; the oldest day's listings are dropped with it.
_OPTION_CLASSES: Final = {"VIX": ("VIX", 300_001), "SPX": ("SPXW", 500_001)}


class ReplayedPrices:
    """A price source on a stream of core events.

    Args:
        source: the events, oldest first.
        calendar: today's sessions.
        now: time of day, ns UTC.
        history_sessions: how many sessions of the source become history.
        speed: market seconds per second; 0 is as fast as one event per turn of the loop.
    """

    def __init__(
        self,
        source: AsyncIterator[Sourced],
        *,
        calendar: SessionCalendar,
        now: Callable[[], int],
        history_sessions: int = 300,
        speed: float = 1.0,
    ) -> None:
        """List today's contracts; no event is read before `prepare`."""
        self._source = source
        self._calendar = calendar
        self._now = now
        self._history_sessions = history_sessions
        self._speed = speed
        base = underlyings()
        self._by_name = {listing.name: listing for listing in base}
        today = et_date(now())
        listed = vix_futures(calendar, today, _LISTED_MONTHS)
        self._curves = {
            name: [x for x in listed if x.trading_class == name and x.expiry > today.strftime("%Y%m%d")]
            for name in ("VX", "VXM")
        }
        self._fixed = (*base, *listed)
        self._options: dict[str, tuple[Listing, ...]] = {}
        self._prices: dict[int, Price] = {}
        self._closes: list[dict[str, float]] = []

    async def prepare(self) -> int:
        """Read the history; return how many sessions there were (less than asked for: the source has ended)."""
        async for sourced in self._source:
            for con_id, price in self._take(sourced.event):
                self._prices[con_id] = price
            if isinstance(sourced.event, SessionClose):
                known = {name: self._prices.get(listing.con_id) for name, listing in self._by_name.items()}
                self._closes.append({name: p.last for name, p in known.items() if p is not None and p.last is not None})
                if len(self._closes) >= self._history_sessions:
                    break
        return len(self._closes)

    def listings(self) -> Sequence[Listing]:
        """Return every contract that can be asked for."""
        return (*self._fixed, *(listing for chain in self._options.values() for listing in chain))

    def price(self, con_id: int) -> Price | None:
        """Return what is known now."""
        return self._prices.get(con_id)

    def bars(self, con_id: int, bar_s: int, start: datetime, end: datetime) -> Sequence[Bar]:
        """Return the daily closes of the history, on the newest sessions that have really closed; nothing intraday."""
        name = next((listing.name for listing in self._fixed if listing.con_id == con_id), "")
        newest = self._calendar.last_close_until(self._now())
        if bar_s < 86_400 or newest is None:
            return ()
        first = self._calendar.first
        sessions = self._calendar.sessions_between(first, newest.date)[-len(self._closes) :]
        rows = zip(sessions, self._closes[-len(sessions) :], strict=True)
        return [
            _bar(datetime.fromtimestamp(session.open_ns / 1e9, UTC), closes[name])
            for session, closes in rows
            if name in closes and start.date() <= session.date <= end.date()
        ]

    async def run(self, publish: Callable[[int, Price], None]) -> None:
        """Send what follows the history, paced; then stand still."""
        before: int | None = None
        async for sourced in self._source:
            event = sourced.event
            if before is not None and self._speed:
                await asyncio.sleep(min(max(event.ts_event - before, 0) / 1e9 / self._speed, _LONGEST_PAUSE_S))
            else:
                await asyncio.sleep(0)
            before = event.ts_event
            for con_id, price in self._take(event):
                self._prices[con_id] = price
                publish(con_id, price)
        await asyncio.Event().wait()

    def _take(self, event: Event) -> list[tuple[int, Price]]:
        match event:
            case Quote():
                return self._quote(event.instrument_id, event.last_price, event)
            case DailyBar():
                return self._quote(event.instrument_id, event.close, None)
            case FuturesCurve():
                listed = self._curves.get(event.symbol, [])
                return [
                    (listing.con_id, Price(last=settle, bid=bid or settle - 0.05, ask=ask or settle + 0.05))
                    for listing, (_, settle, bid, ask) in zip(listed, event.nodes, strict=False)
                ]
            case OptionChain() if event.underlying in _OPTION_CLASSES:
                return self._chain(event)
            case _:
                return []

    def _quote(self, name: str, last: float | None, quote: Quote | None) -> list[tuple[int, Price]]:
        listing = self._by_name.get(name)
        if listing is None or last is None:
            return []
        if listing.sec_type != "STK":
            return [(listing.con_id, Price(last=last))]
        bid = quote.bid_price if quote is not None and quote.bid_price else last - 0.01
        ask = quote.ask_price if quote is not None and quote.ask_price else last + 0.01
        return [(listing.con_id, Price(last=last, bid=bid, ask=ask, last_size=100))]

    def _chain(self, event: OptionChain) -> list[tuple[int, Price]]:
        """List the chain's options under the days to expiry they had, and price them."""
        trading_class, first_con_id = _OPTION_CLASSES[event.underlying]
        shift = et_date(self._now()) - et_date(event.ts_event)
        expiries = sorted({row[0] for row in event.rows})
        moved = {expiry: _weekday(expiry + shift) for expiry in expiries}
        strikes = sorted({row[2] for row in event.rows})
        days = sorted(set(moved.values()))
        listed = options(self._by_name[event.underlying], trading_class, days, strikes, first_con_id=first_con_id)
        self._options[event.underlying] = listed
        by_key = {(listing.expiry, listing.right, listing.strike): listing.con_id for listing in listed}
        rows = {
            by_key[moved[expiry].strftime("%Y%m%d"), right, strike]: Price(bid=bid or None, ask=ask, iv=iv)
            for expiry, right, strike, bid, ask, iv, _ in event.rows
        }
        stale = {listing.con_id for listing in listed} - rows.keys()
        emptied = {con_id: replace(self._prices[con_id], bid=None, ask=None) for con_id in stale & self._prices.keys()}
        return [*rows.items(), *emptied.items()]


def _weekday(day: date) -> date:
    """Move a date that falls on a weekend to the Friday before."""
    return day - timedelta(days=max(day.weekday() - 4, 0))


def _bar(start: datetime, close: float) -> Bar:
    return Bar(start=start, open=close, high=close, low=close, close=close)
