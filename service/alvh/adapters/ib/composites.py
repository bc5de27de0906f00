"""What is told of several lines together: the VIX futures curve, and breadth at the close."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from alvh.adapters.ib.feed_settings import BreadthIndex, Kind
from alvh.adapters.ib.lines import Line
from alvh.adapters.ib.ticks import LIVE, Book
from alvh.core.events import FuturesCurve, Observation
from alvh.core.sessions import Session

Node = tuple[date, float, float | None, float | None]
# A curve of a book that has not moved for longer is no curve to hedge by.
_OLDEST_NODE_NS: Final = 900 * 10**9
# Breadth is told for a session whose last count came this near its close.
_OLDEST_COUNT_NS: Final = 300 * 10**9


def curve_of(symbol: str, lines: Iterable[Line], now: int) -> FuturesCurve | None:
    """Return the curve of the live, fresh contracts of a class: middle of the book, else last price; None if empty."""
    nodes: list[Node] = []
    for line in lines:
        expiry = line.watched.expiry
        if line.watched.kind is not Kind.FUTURE or line.watched.trading_class != symbol or expiry is None:
            continue
        if line.ticker is None or line.ticker.marketDataType != LIVE or line.reader.is_halted:
            continue
        if now - line.reader.last_live_ns > _OLDEST_NODE_NS:
            continue
        price = _value(line.reader.book)
        if price is not None:
            nodes.append((expiry, price, line.reader.book.bid, line.reader.book.ask))
    if not nodes:
        return None
    return FuturesCurve(ts_event=now, ts_recv=now, symbol=symbol, nodes=tuple(sorted(nodes, key=lambda node: node[0])))


def _value(book: Book) -> float | None:
    if book.bid is not None and book.ask is not None and book.bid <= book.ask:
        return (book.bid + book.ask) / 2
    return book.last


class Breadth:
    """Counts of advancing and declining issues, told once for each session, as of its close."""

    def __init__(self, indices: Iterable[BreadthIndex]) -> None:
        """Know which series stand behind which index."""
        self._indices = {index.symbol: index for index in indices}
        self._counts: dict[str, tuple[int, float, float]] = {}

    def note(self, line: Line, now: int) -> None:
        """Take a line's newest counts, received in session."""
        book = line.reader.book
        if line.reader.last_live_ns == now and book.bid is not None and book.ask is not None:
            self._counts[line.instrument_id] = (now, book.bid, book.ask)

    def at_close(self, session: Session, now: int) -> tuple[Observation, ...]:
        """Return the observations of a session that has closed, and forget them."""
        counts, self._counts = self._counts, {}
        told: list[Observation] = []
        for symbol, (at, advancers, decliners) in sorted(counts.items()):
            if not session.close_ns - _OLDEST_COUNT_NS <= at <= session.close_ns + _OLDEST_COUNT_NS:
                continue
            index = self._indices[symbol]
            told += [
                Observation(ts_event=session.close_ns, ts_recv=now, series=series, observed=session.date, value=value)
                for series, value in ((index.advancers, advancers), (index.decliners, decliners))
            ]
        return tuple(told)
