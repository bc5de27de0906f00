"""What a hedge desk sees when it decides, and what every desk can do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from alvh.core.announce import Decision
from alvh.core.events import AccountPositions, Answer, FuturesCurve, OptionChain
from alvh.core.hedge.chain_reader import ChainReader
from alvh.core.market import MarketBoard
from alvh.core.portfolio import PortfolioState
from alvh.core.sessions import SessionCalendar, et_date, et_ns
from alvh.core.signals.book import SignalBook
from alvh.core.signals.macro import EVENTS
from alvh.message_parts import Move


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a desk sees when it decides.

    Attributes:
        ts_event: time of the cause (ns UTC).
        session: the session whose close was evaluated last (at a close: this one).
        is_close: whether the cause is a session close; else a quote inside a session.
        triggers: reasons that already stand (STATE, MOVE_3, TIMER_10).
        moves: both watched indices against their anchors.
        board: newest good prices.
        book: the signals of this portfolio's parameters.
        curve: the newest VIX futures curve, or None.
        minis: what Mini VIX futures are quoted at, where the feed tells them apart from VX.
        chains: the newest chain by underlying.
        calendar: trading sessions.
        rates, fees: as configured.
        is_live: whether the feed brings the real market as it happens.
        notes: remarks of the engine for the message.
        releases: scheduled releases as told (S20): date, name, time ET as HH:MM.
        reader: makes chains ready, once for all portfolios.
    """

    ts_event: int
    session: date
    is_close: bool
    triggers: Sequence[str]
    moves: Sequence[Move]
    board: MarketBoard
    book: SignalBook
    curve: FuturesCurve | None
    chains: Mapping[str, OptionChain]
    calendar: SessionCalendar
    rates: Mapping[str, float]
    fees: Mapping[str, float]
    is_live: bool
    notes: tuple[str, ...] = ()
    releases: Sequence[tuple[date, str, str]] = ()
    reader: ChainReader = field(default_factory=ChainReader)
    minis: FuturesCurve | None = None

    @property
    def release_pending(self) -> bool:
        """Whether a release of S20 is still to come on the day of this decision."""
        day = et_date(self.ts_event)
        return any(at == day and name in EVENTS and et_ns(at, time) > self.ts_event for at, name, time in self.releases)


class Desk(Protocol):
    """Decides about the hedge of one portfolio; keeps what it must in `PortfolioState.hedge` as plain data."""

    needs: Sequence[str]
    """Instruments that must have been seen before the first message, beside SPX and the small-cap index."""

    wants_chains: bool
    """Whether its decisions rest on option chains, and wait for them on a live feed."""

    def is_ready(self, state: PortfolioState) -> bool:
        """Whether there is something to decide about."""
        ...

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Decide at a close, or at a quote that triggered."""
        ...

    def quiet_band(self, state: PortfolioState) -> tuple[float, float]:
        """Return SPX levels between which nothing happens inside a session that the triggers do not tell."""
        ...

    def is_crossed_at(self, state: PortfolioState, spx: float) -> bool:
        """Whether SPX crosses a defence line inside a session, which is to be decided about (S41)."""
        ...

    def positions(self, state: PortfolioState, event: AccountPositions) -> None:
        """Take the positions of the account this portfolio is read from."""
        ...

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Take an answer to an adjustment."""
        ...

    def refuses(self, state: PortfolioState, answer: Answer) -> str | None:
        """Return why an answer does not fit what was proposed, or None."""
        ...

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:
        """Return the contracts wanted and held."""
        ...
