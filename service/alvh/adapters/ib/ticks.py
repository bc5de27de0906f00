"""From the broker's ticks to quotes: what is a price, what is live, and when it was so.

Ticks come as `ib_async` collects them between two reads of the socket. `-1` with size 0 is an empty side of a book;
delayed ticks have numbers of their own; frozen and delayed streams are told apart by the market data type alone, which
arrives beside the ticks: ticks that came together with a change of it count as not live.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Final, NamedTuple, Protocol

from alvh.adapters.ib.feed_settings import Kind
from alvh.core.events import Quote

LIVE: Final = 1
_BID, _ASK, _LAST = frozenset({1, 66}), frozenset({2, 67}), frozenset({4, 68})
_BID_SIZE, _ASK_SIZE = frozenset({0, 69}), frozenset({3, 70})
_DELAYED: Final = frozenset({66, 67, 68})
_HALTED: Final = frozenset({49, 90})
# A stamp has whole seconds: within this of receipt it says no more than the receipt does.
_STAMP_RESOLUTION_NS: Final = 10**9
_BOOK_KINDS: Final = frozenset({Kind.OPTION, Kind.FUTURE, Kind.BREADTH, Kind.ETP})
_TRADED_KINDS: Final = frozenset({Kind.OPTION, Kind.ETP})  # worth the middle of their book, not their last trade


class Tick(Protocol):
    """One tick as the client library keeps it."""

    @property
    def tickType(self) -> int:  # noqa: N802 - the library's name
        """What it is of."""
        ...

    @property
    def price(self) -> float:
        """Its price, or its value."""
        ...

    @property
    def size(self) -> float:
        """Its size, or 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came with one packet beside its ticks.

    Attributes:
        now: receipt (ns UTC).
        kind: market data type behind the packet.
        stamp_ns: the newest time of a last trade (tick 45 or 88), or None.
        session: the session in whose hours `now` lies, or None.
    """

    now: int
    kind: int
    stamp_ns: int | None
    session: date | None


class Book(NamedTuple):
    """What is quoted of an instrument now; None is what is not quoted. A tuple, as one is made for every tick."""

    last: float | None = None
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None


def known(value: float | None) -> float | None:
    """Return a number, or None for every way the broker has to say that there is none (None, NaN, -1, -2)."""
    if value is None or not isfinite(value) or value in {-1.0, -2.0}:
        return None
    return value


def price_of(value: float) -> float | None:
    """Return a price, or None for what is none: NaN, infinite, zero or negative."""
    return value if isfinite(value) and value > 0 else None


class TickReader:
    """Reads the ticks of one subscription.

    The first price of a subscription, and of each session, is a snapshot of unknown age (often yesterday's close): it
    is live only where its stamp proves it; the next one is a tick of the running stream. Where there are stamps, no
    price is live while the newest stamp is old.

    Args:
        instrument_id: whose quotes they are.
        kind: what it is: a book's changes are quotes of options alone; an index or fund speaks by its last price.
        stale_after_ns: a stamp older than this at receipt is no live price.
    """

    def __init__(self, instrument_id: str, kind: Kind, stale_after_ns: int) -> None:
        """Start with nothing known."""
        self.book = Book()
        self.is_halted = False
        self.last_live_ns = 0
        self.last_price_ns = 0
        self._instrument_id = instrument_id
        self._kind = kind
        self._stale_after_ns = stale_after_ns
        self._data_kind = LIVE
        self._session: date | None = None
        self._is_proven = False
        self._used_stamp_ns: int | None = None
        self._awaits_stamp = False
        self._is_doubted = False
        self._ts_event = 0

    @property
    def is_book(self) -> bool:
        """Whether its quotes come from its book, not from last prices."""
        return self._kind in _BOOK_KINDS

    def read(self, ticks: Iterable[Tick], reading: Reading) -> list[Quote]:
        """Return the quotes that a packet's ticks make, in order."""
        if reading.session is not None and reading.session != self._session:
            self._session, self._is_proven = reading.session, False
        is_live_data = reading.kind == LIVE and self._data_kind == LIVE
        self._data_kind = reading.kind
        stamp = self._new_stamp(reading)
        quotes = []
        had_last = False
        for tick in ticks:
            kind = tick.tickType
            if kind in _HALTED:
                self.is_halted = tick.price > 0
                continue
            had_last = had_last or kind in _LAST
            is_price = self._take(tick)
            if not is_price:
                continue
            self.last_price_ns = reading.now
            is_live = is_live_data and kind not in _DELAYED and not self.is_halted
            if kind in _LAST and not self.is_book:
                quotes.append(self._last_quote(reading, stamp, is_live=is_live))
            else:
                self._note_live(reading, is_live=is_live)
                if self.is_book:
                    quotes.append(self._quote(reading.now, reading.now, is_live=is_live))
        if stamp is not None and self._is_doubted and self._awaits_stamp and not had_last and not self.is_book:
            # The stamp behind a price that seemed old says that it was not.
            quotes.append(self._last_quote(reading, stamp, is_live=is_live_data and not self.is_halted))
        self._keep_stamp(stamp, had_last=had_last)
        return quotes

    def snapshot(self) -> Quote | None:
        """Return the newest live price as a quote, or None where there is none."""
        if not self.last_live_ns or self._data_kind != LIVE or self.is_halted:
            return None
        return self._quote(self.last_live_ns, self.last_live_ns, is_live=True)

    def _take(self, tick: Tick) -> bool:
        """Change the book; tell whether the tick was a valid price."""
        kind, price, size = tick.tickType, price_of(tick.price), known(tick.size)
        if kind in _LAST:
            if price is not None:
                _, bid, ask, bid_size, ask_size = self.book
                self.book = Book(price, bid, ask, bid_size, ask_size)
            return price is not None
        if kind in _BID or (kind in _BID_SIZE and not tick.size):
            self._set_bid(price if kind in _BID else None, size)
            return kind in _BID and price is not None
        if kind in _ASK or (kind in _ASK_SIZE and not tick.size):
            self._set_ask(price if kind in _ASK else None, size)
            return kind in _ASK and price is not None
        if kind in _BID_SIZE:
            self._set_bid(self.book.bid, size)
        elif kind in _ASK_SIZE:
            self._set_ask(self.book.ask, size)
        return False

    def _set_bid(self, price: float | None, size: float | None) -> None:
        book = self.book
        self.book = Book(
            last=book.last, bid=price, bid_size=None if price is None else size, ask=book.ask, ask_size=book.ask_size
        )

    def _set_ask(self, price: float | None, size: float | None) -> None:
        book = self.book
        self.book = Book(
            last=book.last, bid=book.bid, bid_size=book.bid_size, ask=price, ask_size=None if price is None else size
        )

    def _new_stamp(self, reading: Reading) -> int | None:
        """Return a stamp that has not been used; one from the future says nothing of a price."""
        stamp = reading.stamp_ns
        if stamp is None or stamp == self._used_stamp_ns or stamp - reading.now > self._stale_after_ns:
            return None
        return stamp

    def _keep_stamp(self, stamp: int | None, *, had_last: bool) -> None:
        """Pair stamps with last prices: a stamp may come in the packet before its price, or in the one behind it."""
        if stamp is None:
            self._awaits_stamp = self._awaits_stamp or had_last
        elif had_last or self._awaits_stamp:
            self._used_stamp_ns, self._awaits_stamp = stamp, False

    def _last_quote(self, reading: Reading, stamp: int | None, *, is_live: bool) -> Quote:
        newest = self._used_stamp_ns if stamp is None else stamp
        is_old = newest is not None and reading.now - newest > self._stale_after_ns
        ts_event = reading.now
        if newest is not None and (is_old or (stamp is not None and reading.now - newest >= _STAMP_RESOLUTION_NS)):
            ts_event = newest
        is_proven = self._is_proven or (stamp is not None and not is_old)
        self._is_proven = True
        self._is_doubted = is_old
        is_live = is_live and is_proven and not is_old
        self._note_live(reading, is_live=is_live)
        self._ts_event = max(self._ts_event, ts_event)
        return self._quote(self._ts_event, reading.now, is_live=is_live)

    def _note_live(self, reading: Reading, *, is_live: bool) -> None:
        if is_live:
            self.last_live_ns = reading.now

    def _quote(self, ts_event: int, ts_recv: int, *, is_live: bool) -> Quote:
        book = self.book
        return Quote(
            ts_event=ts_event, ts_recv=ts_recv, instrument_id=self._instrument_id, is_live=is_live,
            last_price=None if self._kind in _TRADED_KINDS else book.last,
            bid_price=book.bid, ask_price=book.ask, bid_size=book.bid_size, ask_size=book.ask_size,
        )  # fmt: skip
