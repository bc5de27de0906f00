"""Prices by script for the gateway of ours: fixed until told otherwise, or walking at a set rate."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alvh.adapters.ib.gateway.catalogue import options, underlyings, vix_futures
from alvh.adapters.ib.gateway.market import Bar, Listing, Price
from alvh.core.sessions import SessionCalendar

NEW_YORK = ZoneInfo("America/New_York")
LEVELS = {
    "SPX": 6000.0, "RUT": 2200.0, "VIX": 17.2, "RVX": 24.1, "VIX3M": 19.5, "VIX9D": 16.0, "VIX1D": 12.0, "VVIX": 95.0,
    "IWM": 223.2, "SPY": 598.0, "RSP": 180.0,
}  # fmt: skip
BREADTH = {"AD-NYSE": (1700.0, 1100.0), "AD-NASD": (2200.0, 1900.0)}


def weekday_calendar(first: date, last: date, holidays: Sequence[date] = ()) -> SessionCalendar:
    """Return a calendar of all weekdays but `holidays`, 09:30 to 16:00 New York."""
    rows = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day.weekday() < 5 and day not in holidays:
            open_at = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
            close_at = datetime(day.year, day.month, day.day, 16, 0, tzinfo=NEW_YORK)
            rows.append((day, round(open_at.timestamp()) * 10**9, round(close_at.timestamp()) * 10**9))
    return SessionCalendar(rows)


class ScriptedPrices:
    """A small market: the standard catalogue and an option grid, moving every `period_s` seconds, or not at all.

    Attributes:
        period_s: seconds between two ticks of each instrument; None: nothing moves but what `set` moves.
        prices: what is known, by contract id.
        closes: daily closes by name; where a name is missing its history is its level, wavering by 0.1 %.
    """

    def __init__(self, calendar: SessionCalendar, today: date, *, period_s: float | None = 1.0) -> None:
        """List the catalogue as of `today`."""
        self.period_s = period_s
        self.calendar = calendar
        self.closes: dict[str, dict[date, float]] = {}
        base = underlyings()
        by_name = {listing.name: listing for listing in base}
        futures = vix_futures(calendar, today - timedelta(days=400), 24)
        monthly = [listing for listing in futures if listing.name.startswith("VX ")]
        expiries = [datetime.strptime(listing.expiry, "%Y%m%d").replace(tzinfo=UTC).date() for listing in monthly]
        coming = [expiry for expiry in expiries if expiry > today][:5]
        vix_chain = options(by_name["VIX"], "VIX", coming, [*range(10, 31), 35, 40, 50])
        spx_chain = options(
            by_name["SPX"], "SPXW", [today + timedelta(days=days) for days in (7, 30, 60)],
            range(4500, 7001, 100), first_con_id=200_001,
        )  # fmt: skip
        self._listings = {listing.con_id: listing for listing in base + futures + vix_chain + spx_chain}
        self.prices = {listing.con_id: self._first_price(listing) for listing in self._listings.values()}
        self._moving = [listing.con_id for listing in base + futures]
        self._publish: Callable[[int, Price], None] | None = None
        self.closed_for_s: Callable[[], float] = lambda: 0.0

    def _first_price(self, listing: Listing) -> Price:
        if listing.name in BREADTH:
            up, down = BREADTH[listing.name]
            return Price(bid=up, ask=down, bid_size=40, ask_size=40)
        if listing.sec_type == "FUT":
            middle = 18.0 + 0.01 * (listing.con_id % 1000)
            return Price(last=middle, bid=middle - 0.05, ask=middle + 0.05, last_size=1)
        if listing.sec_type == "OPT":
            return Price(bid=1.0 + listing.strike / 1000, ask=1.1 + listing.strike / 1000, iv=0.9, delta=0.4)
        level = LEVELS[listing.name]
        if listing.sec_type == "STK":
            return Price(last=level, bid=level - 0.01, ask=level + 0.01, last_size=100, previous_close=level)
        return Price(last=level, previous_close=level)

    def con_id(self, name: str) -> int:
        """Return the contract id of a listing by name."""
        return next(con_id for con_id, listing in self._listings.items() if listing.name == name)

    def set(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - fields of several types
        """Change what is known of an instrument, and tell it."""
        con_id = self.con_id(name)
        self.prices[con_id] = replace(self.prices[con_id], **changes)
        self._tell(con_id)

    def _tell(self, con_id: int) -> None:
        if self._publish is not None:
            self._publish(con_id, self.prices[con_id])

    def listings(self) -> Sequence[Listing]:
        """Return the catalogue."""
        return tuple(self._listings.values())

    def price(self, con_id: int) -> Price | None:
        """Return what is known now."""
        return self.prices.get(con_id)

    def bars(self, con_id: int, bar_s: int, start: datetime, end: datetime) -> Sequence[Bar]:
        """Return one bar per session (daily), or flat bars of the newest price (intraday)."""
        listing = self._listings[con_id]
        if listing.name in BREADTH:
            return ()
        level = LEVELS.get(listing.name) or self.prices[con_id].last or 1.0
        if bar_s < 86400:
            first = end.timestamp() // bar_s * bar_s - 20 * bar_s
            return [_flat(datetime.fromtimestamp(first + n * bar_s, UTC), level) for n in range(20)]
        own = self.closes.get(listing.name, {})
        last = end.astimezone(NEW_YORK).date()
        if listing.expiry:
            last = min(last, datetime.strptime(listing.expiry, "%Y%m%d").replace(tzinfo=UTC).date())
        sessions = self.calendar.sessions_between(start.astimezone(NEW_YORK).date(), last)
        return [
            _flat(
                datetime.fromtimestamp(session.open_ns / 1e9, UTC),
                own.get(session.date, level * (1 + 0.001 * (session.date.toordinal() % 3))),
            )
            for session in sessions
        ]

    async def run(self, publish: Callable[[int, Price], None]) -> None:
        """Move every price but the options' up and down by a tick, at the set rate."""
        self._publish = publish
        for turn in itertools.count():
            await asyncio.sleep(max(self.period_s or 3600.0, self.closed_for_s()))
            if self.period_s is None:
                continue
            for con_id in self._moving:
                price = self.prices[con_id]
                step = 0.01 if turn % 2 else -0.01
                moved = replace(price, last=None if price.last is None else round(price.last + step, 4))
                self.prices[con_id] = moved
                publish(con_id, moved)


def _flat(start: datetime, level: float) -> Bar:
    return Bar(start=start, open=level, high=level, low=level, close=level)
