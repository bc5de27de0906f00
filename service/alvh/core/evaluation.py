"""Session closes turned into signals: one book of signals for each set of parameters that portfolios use."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from alvh.core.announce import Shown
from alvh.core.codec import decode, encode
from alvh.core.events import FuturesCurve, MacroCalendar, Observation
from alvh.core.market import MarketBoard
from alvh.core.sessions import SessionCalendar, et_ns
from alvh.core.signals.book import SignalBook
from alvh.core.signals.model import Bar

# The parts of `methodology:` that signals depend on; portfolios that agree in these share one book.
_SIGNAL_SECTIONS: Final = ("rsi", "macd", "ivx", "beta", "ad_div", "macro", "bigtop", "edr", "phase")


class Evaluation:
    """The signal books of all portfolios, and what a close brings to them."""

    __slots__ = ("_books", "_keys", "_releases", "_shown")

    def __init__(self) -> None:
        self._books: dict[str, SignalBook] = {}
        self._keys: list[str] = []
        self._releases: MacroCalendar | None = None
        self._shown: dict[str, Shown] = {}  # by key, of the newest close; filled when first asked for

    def configure(self, methodologies: Sequence[Mapping[str, Any]]) -> None:
        """Take the portfolios' parameters, by rank; books whose parameters are still wanted keep their state."""
        known, self._books = self._books, {}
        self._shown = {}
        self._keys = [_key(methodology) for methodology in methodologies]
        for key, methodology in zip(self._keys, methodologies, strict=True):
            if key not in self._books:
                self._books[key] = known.get(key) or self._new_book(methodology)

    def _new_book(self, methodology: Mapping[str, Any]) -> SignalBook:
        book = SignalBook({name: methodology[name] for name in _SIGNAL_SECTIONS if name in methodology})
        if self._releases is not None:
            book.macro(self._releases)
        return book

    def book(self, rank: int) -> SignalBook:
        """The book of a portfolio."""
        return self._books[self._keys[rank]]

    def shown(self, rank: int, session: date | None) -> Shown:
        """The signals of a portfolio at the newest close, as messages show them."""
        key = self._keys[rank]
        if key not in self._shown:
            self._shown[key] = Shown(self._books[key].signals, session)
        return self._shown[key]

    def close(
        self,
        session: date,
        ts_event: int,
        board: MarketBoard,
        curve: FuturesCurve | None,
        calendar: SessionCalendar,
        small_cap: str,
    ) -> None:
        """Evaluate all signals at a session's close."""
        begin = et_ns(session, "00:00")
        found = ((name, board.entry(name).bar) for name in board.prices())
        bars = {
            name: Bar(price=bar[0], ts_event=min(bar[1], ts_event))
            for name, bar in found
            if bar is not None and bar[1] >= begin
        }
        today = curve if curve is not None and curve.ts_event >= begin else None
        self._shown = {}
        for book in self._books.values():
            book.watch(small_cap)
            book.close(session, ts_event, bars, today, sessions_to=lambda day: calendar.business_days(session, day))

    def observe(self, observation: Observation) -> str | None:
        """Take an observation; return why it is left out, or None."""
        reasons = [book.observe(observation) for book in self._books.values()]
        return next((reason for reason in reasons if reason is not None), None)

    def macro(self, releases: MacroCalendar) -> None:
        """Take the calendar of releases."""
        self._releases = releases
        for book in self._books.values():
            book.macro(releases)

    def state(self) -> dict[str, Any]:
        """Return the books as plain data."""
        releases = None if self._releases is None else encode(self._releases).decode()
        return {"releases": releases, "books": {key: book.checkpoint() for key, book in self._books.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; `configure` must have named the same parameters."""
        releases = None if state["releases"] is None else decode(state["releases"].encode())
        self._releases = releases if isinstance(releases, MacroCalendar) else None
        self._shown = {}
        for key, book in self._books.items():
            book.restore(state["books"][key])


def _key(methodology: Mapping[str, Any]) -> str:
    return json.dumps({name: methodology.get(name) for name in _SIGNAL_SECTIONS}, sort_keys=True)
