"""Prices for our gateway from core events, so that a tape or the simulator can be tried through the real adapter.

The events are of another time; the gateway lives in ours. So the first sessions of the source become the history up to
the last session that has really closed, and what follows is sent as the prices of now. The k-th contract of its VIX
futures curve is sold as the k-th that is listed today, and its options by their days to expiry. What the source does
not have is not listed.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from alvh.adapters.ib.gateway.catalogue import underlyings, vix_futures
from alvh.adapters.ib.gateway.market import Bar, Listing, Price
from alvh.adapters.ib.gateway.option_board import OptionBoard
from alvh.core.events import DailyBar, Event, FuturesCurve, OptionChain, Quote, SessionClose
from alvh.core.sessions import Session, SessionCalendar, et_date
from alvh.shell.ports import Sourced

# Nights and gaps of the source are not waited for; so long at most nothing moves.
_LONGEST_PAUSE_S: Final = 5.0
# A line that owes a price every 30 s must not fall silent because its source has one every five minutes.
_PULSE_S: Final = 1.0
# The adapter asks for 400 days of the curve's history, and follows eight months of it.
_PAST_DAYS: Final = 420
_LISTED_MONTHS: Final = 26
_DAILY_S: Final = 86_400
_CURVES: Final = ("VX", "VXM")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """How one session ended: closes by name, and the curve's settlements from the front month on."""

    closes: dict[str, float]
    curve: tuple[float, ...]


class ReplayedPrices:
    """A price source on a stream of core events.

    Args:
        source: the events, oldest first.
        calendar: the sessions of our time.
        now: time of day, ns UTC.
        history_sessions: how many sessions of the source become history.
        begin: the first date of the source that is sent as now; None: as soon as there is history enough.
        speed: market seconds per second; 0 is as fast as one event per turn of the loop.
    """

    def __init__(
        self,
        source: AsyncIterator[Sourced],
        *,
        calendar: SessionCalendar,
        now: Callable[[], int],
        history_sessions: int = 300,
        begin: date | None = None,
        speed: float = 60.0,
    ) -> None:
        """List today's contracts; no event is read before `prepare`."""
        self.is_over = False
        self._source = source
        self._calendar = calendar
        self._now = now
        self._begin = begin
        self._history_sessions = history_sessions
        self._speed = speed
        self._by_name = {listing.name: listing for listing in underlyings()}
        first = et_date(now()) - timedelta(days=_PAST_DAYS)
        self._futures = {listing.con_id: listing for listing in vix_futures(calendar, first, _LISTED_MONTHS)}
        self._options = OptionBoard(self._by_name)
        self._prices: dict[int, Price] = {}
        self._curve: tuple[float, ...] = ()
        self._chains: dict[str, OptionChain] = {}
        self._settlements: tuple[date, ...] = ()
        self._pending: deque[Event] = deque()
        self._days: dict[date, _Day] = {}

    async def prepare(self) -> int:
        """Read the history; return how many sessions there were (less than asked for: the source has ended)."""
        past: deque[_Day] = deque(maxlen=self._history_sessions)
        async for sourced in self._source:
            event = sourced.event
            if self._begin is not None and isinstance(event, Quote) and et_date(event.ts_event) >= self._begin:
                self._pending.append(event)
                break
            if isinstance(event, OptionChain):
                self._chains[event.underlying] = event  # listed once, below: history has no options
                continue
            for con_id, price in self._take(event):
                self._prices[con_id] = price
            if isinstance(event, SessionClose):
                past.append(self._today())
                if self._begin is None and len(past) == self._history_sessions:
                    break
        else:
            self.is_over = True
        for chain in self._chains.values():
            self._prices.update(self._take(chain))
        newest = self._calendar.last_close_until(self._now())
        if newest is not None and past:
            sessions = self._calendar.sessions_between(self._calendar.first, newest.date)[-len(past) :]
            self._days = {session.date: day for session, day in zip(sessions, [*past][-len(sessions) :], strict=True)}
        return len(past)

    def _today(self) -> _Day:
        known = {name: self._prices.get(listing.con_id) for name, listing in self._by_name.items()}
        closes = {name: price.last for name, price in known.items() if price is not None and price.last is not None}
        return _Day(closes=closes, curve=self._curve)

    # --- what the gateway asks for ------------------------------------------------------------------------------

    def listings(self) -> Sequence[Listing]:
        """Return the catalogue as far as the source has prices for it."""
        base = [listing for listing in self._by_name.values() if listing.con_id in self._prices]
        futures = self._futures.values() if self._curve else ()
        return (*base, *futures, *self._options.listings())

    def price(self, con_id: int) -> Price | None:
        """Return what is known now."""
        price = self._prices.get(con_id)
        return None if price is None else self._stamped(price)

    def bars(self, con_id: int, bar_s: int, start: datetime, end: datetime) -> Sequence[Bar]:
        """Return the daily closes of an instrument, or settlements of a future; nothing intraday."""
        if bar_s < _DAILY_S:
            return ()
        future = self._futures.get(con_id)
        name = next((name for name, listing in self._by_name.items() if listing.con_id == con_id), "")
        closes = {day: known.closes.get(name) for day, known in self._days.items()}
        if future is not None:
            closes = {day: self._settlement(future, day, known.curve) for day, known in self._days.items()}
        return [
            _bar(session, close)
            for session in self._calendar.sessions_between(start.date(), end.date())
            if (close := closes.get(session.date)) is not None
        ]

    def _settlement(self, future: Listing, day: date, curve: Sequence[float]) -> float | None:
        place = self._places(day).get(future.con_id)
        return curve[place] if place is not None and place < len(curve) else None

    def _places(self, day: date) -> dict[int, int]:
        """Return which place on the curve each future has on a day, 0 for the front month."""
        after = day.strftime("%Y%m%d")
        return {
            listing.con_id: place
            for name in _CURVES
            for place, listing in enumerate(
                each for each in self._futures.values() if each.trading_class == name and each.expiry > after
            )
        }

    # --- as time goes by ----------------------------------------------------------------------------------------

    async def run(self, publish: Callable[[int, Price], None]) -> None:
        """Send what follows the history, paced, and every price again each second; then stand still."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pulse(publish), name="gateway-pulse")
            group.create_task(self._play(publish), name="gateway-play")

    async def _play(self, publish: Callable[[int, Price], None]) -> None:
        before: int | None = None
        async for event in self._rest():
            if before is not None and self._speed:
                await asyncio.sleep(min(max(event.ts_event - before, 0) / 1e9 / self._speed, _LONGEST_PAUSE_S))
            else:
                await asyncio.sleep(0)
            before = event.ts_event
            for con_id, price in self._take(event):
                self._prices[con_id] = price
                publish(con_id, self._stamped(price))
        self.is_over = True

    async def _rest(self) -> AsyncIterator[Event]:
        while self._pending:
            yield self._pending.popleft()
        async for sourced in self._source:
            yield sourced.event

    async def _pulse(self, publish: Callable[[int, Price], None]) -> None:
        """Say each price again, as a market that trades would, and keep the closes of the sessions that end."""
        while True:
            await asyncio.sleep(_PULSE_S)
            newest = self._calendar.last_close_until(self._now())
            if newest is not None and self._days and newest.date > max(self._days):
                self._days[newest.date] = self._today()
            for con_id, price in tuple(self._prices.items()):
                publish(con_id, self._stamped(price))

    def _stamped(self, price: Price) -> Price:
        """Shares trade, and say when."""
        return replace(price, stamp_s=self._now() // 10**9) if price.last_size else price

    def _take(self, event: Event) -> Sequence[tuple[int, Price]]:
        match event:
            case Quote():
                return self._quote(event.instrument_id, event.last_price, event)
            case DailyBar():
                return self._quote(event.instrument_id, event.close, None)
            case FuturesCurve(symbol="VX"):
                self._curve = tuple(settle for _, settle, _, _ in event.nodes)
                self._settlements = tuple(expiry for expiry, _, _, _ in event.nodes)
                return list(self._curve_prices(event))
            case OptionChain():
                return self._options.take(event, et_date(self._now()), self._moved_settlements(), self._prices.get)
            case _:
                return ()

    def _quote(self, name: str, last: float | None, quote: Quote | None) -> list[tuple[int, Price]]:
        listing = self._by_name.get(name)
        if listing is None or last is None:
            return []
        if listing.sec_type != "STK":
            return [(listing.con_id, Price(last=last))]
        bid = quote.bid_price if quote is not None and quote.bid_price else last - 0.01
        ask = quote.ask_price if quote is not None and quote.ask_price else last + 0.01
        return [(listing.con_id, Price(last=last, bid=bid, ask=ask, last_size=100))]

    def _curve_prices(self, event: FuturesCurve) -> Iterator[tuple[int, Price]]:
        for con_id, place in self._places(et_date(self._now())).items():
            if place < len(event.nodes):
                _, settle, bid, ask = event.nodes[place]
                yield con_id, Price(last=settle, bid=bid or settle - 0.05, ask=ask or settle + 0.05, last_size=1)

    def _moved_settlements(self) -> dict[date, date]:
        today = et_date(self._now()).strftime("%Y%m%d")
        ours = [each.expiry for each in self._futures.values() if each.trading_class == "VX" and each.expiry > today]
        days = [datetime.strptime(expiry, "%Y%m%d").replace(tzinfo=UTC).date() for expiry in ours]
        return dict(zip(self._settlements, days, strict=False))


def _bar(session: Session, close: float) -> Bar:
    start = datetime.fromtimestamp(session.open_ns / 1e9, UTC)
    return Bar(start=start, open=close, high=close, low=close, close=close)
