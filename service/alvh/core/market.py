"""The newest good quote of everything, its age and its quality.

A quote is good unless it is not live, invalid, crossed, out of order, stale (live feeds only) or a jump (interfaces,
section 4). What is not good moves nothing: neither a signal, nor a trigger, nor an anchor.
"""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from alvh.core.events import DailyBar, FeedState, Quote
from alvh.core.instruments import INSTRUMENTS, VOLATILITY_JUMP_FACTOR, believable

NS_PER_SECOND: Final = 1_000_000_000

_LARGEST_SPLIT: Final = 4  # four for one; what lies further is rather a slip of the decimal point

NOT_LIVE: Final = "not_live"
INVALID: Final = "invalid"
CROSSED: Final = "crossed"
OUT_OF_ORDER: Final = "out_of_order"
STALE: Final = "stale"
JUMP: Final = "jump"
HISTORY: Final = "history"
"""Quality of a price that is a close told from history: good at that close, and shown as nothing live."""
REASONS: Final = (NOT_LIVE, INVALID, CROSSED, OUT_OF_ORDER, STALE, JUMP)
"""Why a quote may be refused: the label values of `alvh_quotes_rejected_total`."""


class BoardEntry:
    """What is known of one instrument.

    Attributes:
        price: newest good price in points; None before the first.
        ts_event: its time (ns UTC); also the time behind which nothing older is taken.
        ts_recv: when it reached us (ns UTC).
        bid_price, ask_price: the book beside it, where there is one.
        is_live: False from a `FeedState` that says so until the next live quote.
        quality: `ok`, `history`, or why the newest quote was refused.
        least, greatest: what can be a price of it at all, points.
    """

    __slots__ = (
        "_candidate",
        "_largest_ratio",
        "_max_jump",
        "_may_split",
        "_smallest_ratio",
        "_split",
        "ask_price",
        "bid_price",
        "greatest",
        "instrument_id",
        "is_live",
        "least",
        "price",
        "quality",
        "reference",
        "ts_event",
        "ts_recv",
    )

    def __init__(self, instrument_id: str, max_jump: float | None) -> None:
        self.instrument_id = instrument_id
        self.price: float | None = None
        self.ts_event = 0
        self.ts_recv = 0
        self.bid_price: float | None = None
        self.ask_price: float | None = None
        self.is_live = True
        self.quality = "missing"
        # What the next price is held against: the last good one, or the warm-up history's last close.
        self.reference: float | None = None
        self._candidate: float | None = None
        # The newest price where it is a jump that looks like a split of shares: as traded, and not good yet.
        self._split: tuple[float, int] | None = None
        instrument = INSTRUMENTS.get(instrument_id)
        self._may_split = instrument is not None and instrument.kind == "etf"
        self._max_jump = inf if max_jump is None else max_jump
        is_volatility = instrument is not None and instrument.kind == "volatility"
        self._largest_ratio = VOLATILITY_JUMP_FACTOR if is_volatility else inf
        self._smallest_ratio = 1.0 / self._largest_ratio
        self.least, self.greatest = believable(instrument_id)

    def is_jump(self, price: float) -> bool:
        """Hold `price` against the last good one; a second price near a refused one shows that the level is real."""
        reference = self.reference
        if reference is None or self._is_near(price, reference):
            self._candidate = None
            return False
        candidate = self._candidate
        if candidate is not None and self._is_near(price, candidate):
            self._candidate = None
            return False
        self._candidate = price
        return True

    def _is_near(self, price: float, base: float) -> bool:
        ratio = price / base
        return abs(ratio - 1.0) <= self._max_jump and self._smallest_ratio <= ratio <= self._largest_ratio

    def note_split(self, price: float, ts_event: int) -> None:
        """Keep a refused price for the day's bar if shares were split in it; a second price must confirm the level."""
        if self._may_split and self.reference is not None:
            ratio = max(price / self.reference, self.reference / price)
            times = round(ratio)
            if 2 <= times <= _LARGEST_SPLIT and abs(ratio / times - 1.0) <= self._max_jump / 2.0:
                self._split = (price, ts_event)

    @property
    def bar(self) -> tuple[float, int] | None:
        """The price that stands for the day as it was traded, and its time (ns UTC)."""
        if self._split is not None:
            return self._split
        return None if self.price is None else (self.price, self.ts_event)

    def told(self, price: float, ts_event: int, ts_recv: int) -> None:
        """Take a good price of the history."""
        self.price = self.reference = price
        self.ts_event, self.ts_recv = ts_event, ts_recv
        self.bid_price = self.ask_price = self._split = None
        self.is_live, self.quality = False, HISTORY

    def require_confirmation(self, price: float) -> bool:
        """Whether a first price has nothing to be held against, and must wait for a second one near it."""
        if self._candidate is not None and self._is_near(price, self._candidate):
            return False
        self._candidate = price
        return True

    def state(self) -> list[Any]:
        """Return the entry as plain data."""
        return [
            self.price, self.ts_event, self.ts_recv, self.bid_price, self.ask_price, self.is_live, self.quality,
            self.reference, self._candidate, self._split, None if self._max_jump == inf else self._max_jump,
        ]  # fmt: skip

    def restore(self, state: list[Any]) -> None:
        """Become what `state` was taken from."""
        (self.price, self.ts_event, self.ts_recv, self.bid_price, self.ask_price, self.is_live, self.quality,
         self.reference, self._candidate, split, max_jump) = state  # fmt: skip
        self._split = None if split is None else (split[0], split[1])
        self._max_jump = inf if max_jump is None else max_jump


class MarketBoard:
    """The newest good quote of everything.

    Args:
        stale_after_s: on a live feed, the age in seconds beyond which a quote is stale; None on tape and simulator.
        max_jump: overrides of the instruments' greatest believable jump, as ratios.
    """

    __slots__ = ("_entries", "_max_jump", "_stale_after_ns")

    def __init__(self, stale_after_s: float | None = None, max_jump: Mapping[str, float] | None = None) -> None:
        self._entries: dict[str, BoardEntry] = {}
        self._max_jump: dict[str, float] = dict(max_jump or {})
        self._stale_after_ns: int | None = None
        self.configure(stale_after_s, max_jump or {})

    def configure(self, stale_after_s: float | None, max_jump: Mapping[str, float]) -> None:
        """Take new limits; what is known of prices stays."""
        self._stale_after_ns = None if stale_after_s is None else round(stale_after_s * NS_PER_SECOND)
        self._max_jump = dict(max_jump)
        for name, entry in self._entries.items():
            limit = self._limit(name)
            entry.restore([*entry.state()[:-1], limit])

    def accept(self, quote: Quote) -> str | None:
        """Take a quote; return None if it is good, else the reason why it is not (one of `REASONS`)."""
        entry = self._entries.get(quote.instrument_id) or self.entry(quote.instrument_id)
        price, bid, ask, ts = quote.last_price, quote.bid_price, quote.ask_price, quote.ts_event
        if price is None and bid is not None and ask is not None:
            price = (bid + ask) / 2.0
        if not quote.is_live:
            reason = NOT_LIVE
        elif price is None or not entry.least <= price <= entry.greatest:
            reason = INVALID
        elif bid is not None and ask is not None and bid > ask:
            reason = CROSSED
        elif ts < entry.ts_event:
            reason = OUT_OF_ORDER
        elif self._stale_after_ns is not None and self._is_doubtful_live(entry, quote, price):
            reason = entry.quality
        elif entry.is_jump(price):
            reason = JUMP
            entry.note_split(price, ts)
        else:
            entry.price = entry.reference = price
            entry.ts_event = ts
            entry.ts_recv = quote.ts_recv
            entry.bid_price = bid
            entry.ask_price = ask
            entry.is_live = True
            entry.quality = "ok"
            entry._split = None  # noqa: SLF001 - the board is the entry's one door, and this its hot path
            return None
        entry.quality = reason
        return reason

    def _is_doubtful_live(self, entry: BoardEntry, quote: Quote, price: float) -> bool:
        """On a live feed: an old stamp, or a first price with no history to hold it against."""
        if quote.ts_recv - quote.ts_event > (self._stale_after_ns or 0):
            entry.quality = STALE
            return True
        if entry.reference is None and entry.require_confirmation(price):
            entry.quality = JUMP
            return True
        return False

    def entry(self, instrument_id: str) -> BoardEntry:
        """Return what is known of an instrument, from now on watched if it was not."""
        entry = self._entries.get(instrument_id)
        if entry is None:
            entry = self._entries[instrument_id] = BoardEntry(instrument_id, self._limit(instrument_id))
        return entry

    def price(self, instrument_id: str) -> float | None:
        """Newest good price in points, or None."""
        entry = self._entries.get(instrument_id)
        return None if entry is None else entry.price

    def price_for_decisions(self, instrument_id: str, at: int) -> float | None:
        """The same at instant `at` (ns UTC), and None where a live feed has gone silent or not live since."""
        entry = self._entries.get(instrument_id)
        if entry is None or not (entry.is_live or entry.quality == HISTORY):
            return None
        if self._stale_after_ns is not None and at - entry.ts_event > self._stale_after_ns:
            return None
        return entry.price

    def was_live(self, instrument_id: str, at: int) -> bool:
        """Whether a live quote, no close of the history, was good at instant `at` (ns UTC)."""
        entry = self._entries.get(instrument_id)
        return entry is not None and entry.is_live and self.price_for_decisions(instrument_id, at) is not None

    def prices(self) -> dict[str, float]:
        """Newest good price of everything, by instrument in alphabetical order."""
        return {name: entry.price for name, entry in sorted(self._entries.items()) if entry.price is not None}

    def mark(self, state: FeedState) -> None:
        """Take the feed's word that an instrument, or everything, is not live until its next live quote."""
        for name, entry in self._entries.items():
            if state.instrument_id in {None, name}:
                entry.is_live = state.is_live
                if not state.is_live:
                    entry.quality = NOT_LIVE

    def remember(self, bar: DailyBar) -> str | None:
        """Take a close of the history as a tape's; return None if it is good, else the reason why it is not.

        It is what the next live price is held against, and itself no live price.
        """
        entry = self.entry(bar.instrument_id)
        if bar.ts_event < entry.ts_event:
            return OUT_OF_ORDER
        if not entry.least <= bar.close <= entry.greatest:
            return INVALID
        if entry.is_jump(bar.close):
            entry.note_split(bar.close, bar.ts_event)
            return JUMP
        entry.told(bar.close, bar.ts_event, bar.ts_recv)
        return None

    def _limit(self, instrument_id: str) -> float | None:
        if instrument_id in self._max_jump:
            return self._max_jump[instrument_id]
        instrument = INSTRUMENTS.get(instrument_id)
        return None if instrument is None else instrument.max_jump

    def state(self) -> dict[str, list[Any]]:
        """Return the board as plain data."""
        return {name: entry.state() for name, entry in sorted(self._entries.items())}

    def restore(self, state: Mapping[str, list[Any]]) -> None:
        """Become what `state` was taken from."""
        self._entries = {}
        for name, values in state.items():
            self.entry(name).restore(values)
