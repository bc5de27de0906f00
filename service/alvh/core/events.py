"""What the engine may be told: timestamped facts.

Every event carries `ts_event` (the source's time) and `ts_recv` (ours), integer nanoseconds UTC. On a tape and in
the simulator both are equal, so that nothing the engine computes depends on when a thing was received.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: when it happened at its source, and when we learned of it (ns UTC)."""

    ts_event: int
    ts_recv: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration(Event):
    """What decisions are made under from here on: the part of the configuration that bears on them.

    Attributes:
        document: the resolved configuration as plain JSON values (see `settings.decision_document`).
        config_hash: sha256 over the canonical JSON of `document`.
        engine_version: the version of this package that folds the events behind this one.
    """

    document: Mapping[str, Any]
    config_hash: str
    engine_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar(Event):
    """The exchange's sessions, replacing what was known: (date, open ns, close ns), rising."""

    exchange: str
    sessions: tuple[tuple[date, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroCalendar(Event):
    """Scheduled releases, replacing what was known: (date, event name, release time ET as HH:MM)."""

    releases: tuple[tuple[date, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedIndex(Event):
    """Which small-cap index is watched beside SPX (RUT, else IWM): chosen once, by the feed that knows its rows."""

    instrument_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Event):
    """One price of one instrument, in points.

    Attributes:
        last_price: the last trade or index value; None where only a book is quoted.
        is_live: False for what is delayed, frozen or halted: it is shown, and decides nothing.
    """

    instrument_id: str
    last_price: float | None
    bid_price: float | None = None
    ask_price: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    is_live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesCurve(Event):
    """The VIX futures curve: per contract (expiry, settle or mid, bid, ask), points, by expiry."""

    symbol: str
    nodes: tuple[tuple[date, float, float | None, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Event):
    """A fact no quote carries (CPI, breadth, yields), known from `ts_event` on; `observed` is its own date."""

    series: str
    observed: date
    value: float
    consensus: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChain(Event):
    """An option chain as quoted: rows of (expiry, right C or P, strike, bid, ask, iv or None, trading class or None).

    `request_id` names the request it answers; None when the feed sends chains of its own accord (tape, simulator).
    """

    underlying: str
    rows: tuple[tuple[date, str, float, float, float, float | None, str | None], ...]
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClose(Event):
    """A session has closed and is evaluated; `ts_event` is the exchange's close, whenever we get to it.

    Attributes:
        session: the exchange's date.
        is_history: told from history with later closes behind it: before an instance's first evaluation it fills the
            statistics and decides nothing. Behind that it is a close that was missed, and counts as one.
    """

    session: date
    is_history: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired(Event):
    """A timer the engine asked for went off; `ts_event` is when it was due, however late it fires."""

    timer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState(Event):
    """The feed's word on one instrument, or on all (`instrument_id` None): from here on it is live, or it is not.

    After `is_live=False` nothing of that instrument triggers until a new live quote arrives.
    """

    instrument_id: str | None
    is_live: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBar(Event):
    """One completed session of history, told before that session's close is: its close in points."""

    instrument_id: str
    session: date
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPositions(Event):
    """All positions of one brokerage account, replacing what was known of it.

    Rows: (contract as plain JSON values, quantity signed, average cost in dollars).
    """

    account: str
    positions: tuple[tuple[Mapping[str, Any], float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Event):
    """What a person or a bot says to an adjustment: accept, amend, reject or executed."""

    portfolio: str
    event_id: str
    decision: str
    by: str
    reason: str | None = None
    amendments: tuple[Mapping[str, Any], ...] = ()
    fills: tuple[Mapping[str, Any], ...] = ()


KINDS: Final[Mapping[str, type[Event]]] = {
    kind.__name__: kind
    for kind in (
        Configuration, Calendar, MacroCalendar, WatchedIndex, Quote, FuturesCurve, Observation, OptionChain,
        SessionClose, TimerFired, FeedState, DailyBar, AccountPositions, Answer,
    )
}  # fmt: skip
