"""Who decides about one portfolio's hedge: the desk of triggers alone, or that of the methodology."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from alvh.core.announce import Decision
from alvh.core.events import Answer, FuturesCurve, OptionChain
from alvh.core.market import MarketBoard
from alvh.core.portfolio import PortfolioState
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.book import SignalBook
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
        chains: the newest chain by underlying.
        calendar: trading sessions.
        rates, fees: as configured.
        is_live: whether the feed brings the real market as it happens.
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


class Desk(Protocol):
    """Decides about the hedge of one portfolio; keeps what it must in `PortfolioState.hedge` as plain data."""

    needs: Sequence[str]
    """Instruments that must have been seen before the first message, beside SPX and the small-cap index."""

    def is_ready(self, state: PortfolioState) -> bool: ...

    def decide(self, state: PortfolioState, situation: Situation) -> Decision: ...

    def answered(self, state: PortfolioState, answer: Answer) -> None: ...

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]: ...


class TriggersAlone:
    """`hedge: none`: the first STATE, then MOVE_3 and TIMER_10, and nothing else; needs no holdings."""

    needs: Sequence[str] = ()

    def is_ready(self, state: PortfolioState) -> bool:
        """Return True: there is nothing to wait for."""
        return True

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Pass the triggers on."""
        before = state.phase
        if situation.is_close:
            state.held += 1
        if "STATE" in situation.triggers:
            state.phase, state.held = "STANDBY", 0
        lines = ("Rebalance the hedge: a trigger of the methodology has fired.",) if situation.triggers else ()
        return Decision(
            reasons=tuple(situation.triggers),
            phase_before=before,
            phase_after=state.phase,
            held=state.held,
            lines=lines,
        )

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Take an answer; nothing follows from it here."""

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:
        """Return nothing: no hedge is held."""
        return []


def open_desk(portfolio: Mapping[str, Any], document: Mapping[str, Any]) -> Desk:
    """Return the desk a portfolio's configuration asks for."""
    return TriggersAlone()
