"""Session closes turned into signals: one book of signals for each set of parameters that portfolios use."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from alvh.core.announce import Shown
from alvh.core.codec import as_text, from_text
from alvh.core.events import FuturesCurve, MacroCalendar, Observation, SessionClose
from alvh.core.market import NS_PER_SECOND, MarketBoard
from alvh.core.past_sessions import PastSessions
from alvh.core.portfolios import SMALL_CAPS
from alvh.core.sessions import SessionCalendar, et_ns
from alvh.core.signals.book import SignalBook
from alvh.core.signals.model import Bar
from alvh.core.signals.option_prices import OptionNumbers

# The parts of `methodology:` that signals depend on; portfolios that agree in these share one book.
_SIGNAL_SECTIONS: Final = ("rsi", "macd", "ivx", "beta", "ad_div", "macro", "bigtop", "edr", "phase")

VIX: Final = "VIX"
SAMPLE_EVERY_NS: Final = 300 * NS_PER_SECOND

# On a live feed a price this old at the close is missing rather than a close: its feed has died.
OLDEST_AT_CLOSE_NS: Final = 900 * NS_PER_SECOND


class Evaluation:
    """The signal books of all portfolios, and what a close brings to them."""

    __slots__ = ("_books", "_is_live", "_keys", "_next_sample_ns", "_releases", "_shown", "past")

    def __init__(self) -> None:
        self._books: dict[str, SignalBook] = {}
        self._keys: list[str] = []
        self._is_live = False
        self._next_sample_ns = 0
        self.past = PastSessions()
        self._releases: MacroCalendar | None = None
        self._shown: dict[str, Shown] = {}  # by key, of the newest close; filled when first asked for

    def configure(self, methodologies: Sequence[Mapping[str, Any]], *, is_live: bool) -> None:
        """Take the portfolios' parameters, by rank; books whose parameters are still wanted keep their state."""
        self._is_live = is_live
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

    def shown(self, rank: int) -> Shown:
        """The signals of a portfolio at the newest close, as messages show them."""
        key = self._keys[rank]
        if key not in self._shown:
            self._shown[key] = Shown(self._books[key].signals)
        return self._shown[key]

    def close(
        self,
        event: SessionClose,
        board: MarketBoard | None,
        curve: FuturesCurve | None,
        calendar: SessionCalendar,
        small_cap: str | None,
        options: OptionNumbers,
    ) -> None:
        """Evaluate all signals at a session's close; books that have taken it are left alone.

        Args:
            event: the close.
            board: the newest good prices; None at an older session's close, whose prices history has told.
            curve: the newest VIX futures curve.
            calendar: trading sessions.
            small_cap: the watched small-cap index.
            options: what the session's SPX chain says.
        """
        session, close_ns = event.session, event.ts_event
        if board is None:
            bars, curve = self.past.told(session)
        else:
            bars = _bars_of(board, session, close_ns, OLDEST_AT_CLOSE_NS if self._is_live else None)
        today = curve if curve is not None and curve.ts_event >= et_ns(session, "00:00") else None
        self._shown = {}
        for book in self._books.values():
            if _lags(book, session):
                book.watch(small_cap or SMALL_CAPS[0])
                book.close(
                    session, close_ns, bars, today, sessions_to=lambda day: calendar.business_days(session, day),
                    skew25=options.skew25, premium=options.premium,
                )  # fmt: skip
        self.past.closed(session)

    def lags(self, session: date) -> bool:
        """Whether some book has not taken the close of `session`."""
        return any(_lags(book, session) for book in self._books.values())

    @property
    def is_begun(self) -> bool:
        """Whether every book has taken a close; one of new parameters has not."""
        return all(book.newest is not None for book in self._books.values())

    def sample_basis(self, ts: int, board: MarketBoard, curve: FuturesCurve | None, calendar: SessionCalendar) -> None:
        """Sample VX1 - VIX once in each five minutes of a session, as soon as both have been quoted in them (S37).

        What is stamped at the close is the day's settlement, and no quote of these minutes.
        """
        if curve is None or ts < self._next_sample_ns:
            return
        session = calendar.session_of(ts)
        vix = board.price_for_decisions(VIX, ts)
        if session is None or vix is None or ts == session.close_ns:
            return
        slot = (ts - session.open_ns) // SAMPLE_EVERY_NS
        begin = session.open_ns + slot * SAMPLE_EVERY_NS
        if min(curve.ts_event, board.entry(VIX).ts_event) < begin:
            return
        front = min((node for node in curve.nodes if node[0] > session.date), default=None)
        if front is not None:
            self._next_sample_ns = begin + SAMPLE_EVERY_NS
            minute = slot * SAMPLE_EVERY_NS // (60 * NS_PER_SECOND)
            for book in self._books.values():
                book.basis.take(session.date.toordinal(), minute, front[1] - vix, ts)

    def timing_notes(self, rank: int, ts: int) -> tuple[str, ...]:
        """What a decision at `ts` (ns UTC) is to say about when to trade: an unusual basis of these minutes (S37)."""
        basis = self.book(rank).basis
        is_now = basis.asof is not None and ts - basis.asof < SAMPLE_EVERY_NS
        return ("S37_unusual:delay_L1_and_L2_by_15_minutes_once",) if is_now and basis.is_unusual else ()

    def observe(self, observation: Observation) -> str | None:
        """Take an observation; return why it is left out, or None."""
        reasons = [book.observe(observation) for book in self._books.values()]
        return next((reason for reason in reasons if reason is not None), None)

    def macro(self, releases: MacroCalendar) -> None:
        """Take the calendar of releases."""
        self._releases = releases
        for book in self._books.values():
            book.macro(releases)

    @property
    def releases(self) -> Sequence[tuple[date, str, str]]:
        """The scheduled releases as told; empty without a calendar of them."""
        return () if self._releases is None else self._releases.releases

    def state(self) -> dict[str, Any]:
        """Return the books as plain data."""
        books = {key: book.checkpoint() for key, book in self._books.items()}
        return {
            "releases": as_text(self._releases),
            "books": books,
            "past": self.past.state(),
            "sample": self._next_sample_ns,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `state` was taken from; `configure` must have named the same parameters."""
        releases = from_text(state["releases"])
        self._releases = releases if isinstance(releases, MacroCalendar) else None
        self._shown = {}
        self._next_sample_ns = state["sample"]
        if "past" in state:  # the first checkpoints had none
            self.past.restore(state["past"])
        for key, book in self._books.items():
            book.restore(state["books"][key])


def _bars_of(board: MarketBoard, session: date, close_ns: int, oldest_ns: int | None) -> dict[str, Bar]:
    """Return the prices of a session that has just closed, as its bars.

    Args:
        board: the newest good prices.
        session: the exchange's date.
        close_ns: its close.
        oldest_ns: on a live feed: what is older than this at the close is missing, and no close; None: anything of that
            day will do.
    """
    begin = et_ns(session, "00:00") if oldest_ns is None else close_ns - oldest_ns
    found = ((name, board.entry(name).bar) for name in board.prices())
    return {
        name: Bar(price=bar[0], ts_event=min(bar[1], close_ns))
        for name, bar in found
        if bar is not None and bar[1] >= begin
    }


def _lags(book: SignalBook, session: date) -> bool:
    return book.newest is None or book.newest.session < session


def _key(methodology: Mapping[str, Any]) -> str:
    return json.dumps({name: methodology.get(name) for name in _SIGNAL_SECTIONS}, sort_keys=True)
