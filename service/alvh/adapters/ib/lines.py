"""Our market-data lines: who has one, whether its prices are fresh, and what the broker said against it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ib_async import Contract, Ticker

from alvh.adapters.ib.codes import Code, Meaning
from alvh.adapters.ib.feed_settings import IbFeedSettings, Kind, Watched
from alvh.adapters.ib.link import Link
from alvh.adapters.ib.ticks import LIVE, Reading, TickReader, price_of
from alvh.core.sessions import Session

# Instruments whose silence alone makes the feed not ready; the others are named, and decide less.
DECISIVE: Final = frozenset({Kind.INDEX, Kind.VOLATILITY, Kind.FUND})
# The volatility indices are first computed when the options behind them have opened.
_OPENING_GRACE_S: Final = {Kind.VOLATILITY: 90.0, Kind.FUTURE: 90.0, Kind.OPTION: 300.0, Kind.BREADTH: 120.0}
_FIRST_ASK_AGAIN_S: Final = 30.0
_LONGEST_ASK_AGAIN_S: Final = 300.0
# Silence is looked for once a second; this much earlier, so that it is named within the limit and not behind it.
_MARGIN_S: Final = 1.0
_FROZEN_KIND: Final = 2
_DELAYED_KIND: Final = 3
_KIND_NAMES: Final = {2: "frozen data", 3: "delayed data", 4: "delayed, frozen data"}


@dataclass(slots=True, kw_only=True)
class Line:
    """One subscription.

    Attributes:
        request_id: of the newest request; None before the first.
        since_ns: when prices could flow again: the newest request, or the broker's return.
        trouble: what the broker said against it, or why it is not live, for a person.
        retry_at_ns: when it is asked for again whatever happens; None: when it falls silent.
        is_told_silent: whether the engine knows that it is not live; it does before the first live price.
    """

    watched: Watched
    contract: Contract
    reader: TickReader
    ticker: Ticker | None = None
    request_id: int | None = None
    since_ns: int = 0
    trouble: str | None = None
    retry_at_ns: int | None = None
    retry_s: float = _FIRST_ASK_AGAIN_S
    is_told_silent: bool = True

    @property
    def instrument_id(self) -> str:
        """Our name of it."""
        return self.watched.instrument_id


@dataclass(slots=True, kw_only=True)
class Lines:
    """All lines of one connection, and the newest live price of each instrument over all connections.

    Attributes:
        left_out: what has no line because the account has no more.
        last_live_ns: receipt of the newest live price tick, by instrument.
    """

    settings: IbFeedSettings
    left_out: tuple[str, ...] = ()
    last_live_ns: dict[str, int] = field(default_factory=dict)
    _by_name: dict[str, Line] = field(default_factory=dict)
    _by_ticker: dict[Ticker, Line] = field(default_factory=dict)
    _by_request: dict[int, Line] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Line]:
        """Lines, the most important first."""
        return iter(tuple(self._by_name.values()))

    def __len__(self) -> int:
        """Lines in use."""
        return len(self._by_name)

    def named(self, instrument_id: str) -> Line | None:
        """Return the line of an instrument."""
        return self._by_name.get(instrument_id)

    def of_ticker(self, ticker: Ticker) -> Line | None:
        """Return the line that a ticker belongs to."""
        return self._by_ticker.get(ticker)

    def of_request(self, request_id: int) -> Line | None:
        """Return the line that a request, the newest of its line, belongs to."""
        return self._by_request.get(request_id)

    def of_contract(self, contract: Contract) -> Line | None:
        """Return the line of a contract."""
        return next((line for line in self._by_name.values() if line.contract.conId == contract.conId), None)

    def clear(self) -> None:
        """Forget a connection that has ended."""
        self._by_name.clear()
        self._by_ticker.clear()
        self._by_request.clear()

    def arrange(self, link: Link, wanted: Iterable[tuple[Watched, Contract]], now: int) -> None:
        """Subscribe to what is wanted and has no line, end what is no longer wanted, within the budget."""
        budget = max(self.settings.line_budget - self.settings.chain_reserve, 1)
        rows = list(wanted)
        chosen = {watched.instrument_id: (watched, contract) for watched, contract in rows[:budget]}
        self.left_out = tuple(watched.instrument_id for watched, _ in rows[budget:])
        for line in self:
            if line.instrument_id not in chosen:
                self._drop(link, line)
        for name, (watched, contract) in chosen.items():
            if name not in self._by_name:
                self._by_name[name] = Line(watched=watched, contract=contract, reader=self._reader(watched))
                self.ask(link, self._by_name[name], now)

    def ask(self, link: Link, line: Line, now: int) -> None:
        """Request a line's ticks, ending its earlier request; the new one has a new id and proves itself anew."""
        if line.request_id is not None:
            self._by_request.pop(line.request_id, None)
            link.unsubscribe(line.contract)
        line.reader = self._reader(line.watched)
        line.ticker, line.request_id = link.subscribe(line.contract)
        line.since_ns, line.retry_at_ns = now, None
        self._by_ticker[line.ticker] = line
        self._by_request[line.request_id] = line

    def _reader(self, watched: Watched) -> TickReader:
        return TickReader(watched.instrument_id, watched.kind, round(self.settings.stale_after_s * 1e9))

    def _drop(self, link: Link, line: Line) -> None:
        link.unsubscribe(line.contract)
        del self._by_name[line.instrument_id]
        if line.ticker is not None:
            self._by_ticker.pop(line.ticker, None)
        if line.request_id is not None:
            self._by_request.pop(line.request_id, None)

    def reading(self, ticker: Ticker, now: int, session: Session | None) -> Reading:
        """Return what came with a ticker's newest packet."""
        stamp = ticker.lastTimestamp or ticker.delayedLastTimestamp
        return Reading(
            now=now, kind=ticker.marketDataType, stamp_ns=None if stamp is None else _ns(stamp),
            session=None if session is None else session.date,
        )  # fmt: skip

    def note_live(self, line: Line, now: int) -> None:
        """Remember a live price."""
        self.last_live_ns[line.instrument_id] = now
        line.trouble, line.retry_at_ns = None, None
        line.retry_s = _FIRST_ASK_AGAIN_S
        line.is_told_silent = False

    def refuse(self, line: Line, number: int, code: Code, text: str, now: int) -> None:
        """Take what the broker says against a line."""
        line.trouble = f"{number}: {code.line}" + (f" ({text})" if code.meaning is Meaning.REFUSED else "")
        if code.meaning is Meaning.DELAYED and line.ticker is not None:
            line.ticker.marketDataType = _DELAYED_KIND
        elif code.retry_s:
            line.retry_at_ns = now + round(code.retry_s * 1e9)

    def stale_after_ns(self, line: Line) -> int:
        """Return how long a line may be silent in session."""
        limit_s = line.watched.stale_after_s or self.settings.stale_after_s
        return round(max(limit_s - _MARGIN_S, limit_s / 2) * 1e9)

    def age_ns(self, line: Line, now: int, session: Session | None) -> int:
        """Return how long a line has owed us a live price.

        0 outside sessions; else since the newest of its last live price, the session's opening and its request.
        """
        if session is None:
            return 0
        opened = session.open_ns + round(_OPENING_GRACE_S.get(line.watched.kind, 0.0) * 1e9)
        return max(now - max(self.last_live_ns.get(line.instrument_id, 0), opened, line.since_ns), 0)

    def is_fresh(self, line: Line, now: int, session: Session | None) -> bool:
        """Tell whether a line's newest price may be relied upon: live, since the connection stands, and recent."""
        if session is None:
            return True
        if line.reader.is_halted or (line.ticker is not None and line.ticker.marketDataType != LIVE):
            return False
        opened = session.open_ns + round(_OPENING_GRACE_S.get(line.watched.kind, 0.0) * 1e9)
        last = self.last_live_ns.get(line.instrument_id, 0)
        if last < line.since_ns:
            return line.since_ns <= opened and now - opened <= self.stale_after_ns(line)
        return now - max(last, opened) <= self.stale_after_ns(line)

    def is_quoted(self, name: str) -> bool | None:
        """Tell whether an instrument has a live line with a price; None where its line has said nothing yet."""
        line = self._by_name.get(name)
        if line is None or line.trouble is not None:
            return False
        ticker = line.ticker
        if ticker is None or ticker.marketDataType not in {LIVE, _FROZEN_KIND}:
            return False
        return True if price_of(ticker.last) or price_of(ticker.close) else None

    def due_again(self, line: Line, now: int, session: Session | None) -> bool:
        """Tell whether a line is to be asked for again now; each time later than the time before."""
        if line.retry_at_ns is None:
            if self.age_ns(line, now, session) <= self.stale_after_ns(line):
                return False
        elif now < line.retry_at_ns:
            return False
        line.retry_at_ns = None
        return True

    def postpone(self, line: Line, now: int) -> None:
        """Set when a line that stays silent is asked for after this time."""
        line.retry_at_ns = now + round(line.retry_s * 1e9)
        line.retry_s = min(2 * line.retry_s, _LONGEST_ASK_AGAIN_S)

    def doubt(self, now: int) -> None:
        """Take no price as fresh that was received before now (the broker was away)."""
        for line in self:
            line.since_ns = now
            line.is_told_silent = True

    def why_not_live(self, line: Line, now: int) -> str:
        """Say for a person why a line is not fresh."""
        last = self.last_live_ns.get(line.instrument_id)
        since = "never" if last is None else f"since {(now - last) / 1e9:.0f} s"
        kind = 1 if line.ticker is None else line.ticker.marketDataType
        cause = line.trouble or ("halted" if line.reader.is_halted else None) or _KIND_NAMES.get(kind)
        return f"no live quote {since}" + (f" ({cause})" if cause else "")


def _ns(at: datetime) -> int:
    return round(at.timestamp()) * 10**9
