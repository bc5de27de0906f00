"""What an engine knows between two events, and what others may look at of it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from alvh.core.announce import Decision, Origin
from alvh.core.answers import Refusal, refusal
from alvh.core.curves import Curves
from alvh.core.evaluation import Evaluation
from alvh.core.events import Answer, Calendar, Configuration
from alvh.core.hedge.chain_reader import ChainReader
from alvh.core.market import MarketBoard
from alvh.core.portfolios import Portfolios
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.book import SignalBook
from alvh.core.signals.model import Signal
from alvh.core.waiting import ChainShelf
from alvh.message_parts import Move


class EngineState:
    """The state of an engine; only the engine changes it."""

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._calendar_event: Calendar | None = None
        self._calendar: SessionCalendar | None = None
        self._origin = Origin(instance="", engine_version="", config_hash="", feed="")
        self._board = MarketBoard()
        self._evaluation = Evaluation()
        self._curves = Curves()
        self._shelf = ChainShelf()
        self._reader = ChainReader()
        self._portfolios = Portfolios()
        self._session: date | None = None
        self._evaluations = 0
        self._row: tuple[float | None, float | None] = (None, None)
        self._own: Decision | None = None  # of the first portfolio at the newest close; for looking at, not kept
        self._is_live = False
        # Of the call of `handle` under way alone: when a wait ended, and what it ended without.
        self._resumed_ns = 0
        self._notes: tuple[str, ...] = ()

    @property
    def configuration(self) -> Configuration | None:
        """The configuration in force; None in a new engine."""
        return self._configuration

    @property
    def calendar(self) -> Calendar | None:
        """The calendar in force; None in a new engine."""
        return self._calendar_event

    @property
    def session(self) -> date | None:
        """The newest session whose close has been evaluated."""
        return self._session

    @property
    def known_until(self) -> date | None:
        """The newest session whose close all signals have taken: where history has to begin; None: at its beginning."""
        return self._session if self._evaluation.is_begun else None

    @property
    def owed(self) -> date | None:
        """The session whose close is waited for, from history, because it was not seen live."""
        return self._evaluation.past.owed

    @property
    def board(self) -> MarketBoard:
        """The newest good prices; to be read only."""
        return self._board

    @property
    def portfolios(self) -> Portfolios:
        """The portfolios by rank; to be read only."""
        return self._portfolios

    @property
    def book(self) -> SignalBook:
        """The signals of the first portfolio's parameters; to be read only."""
        return self._evaluation.book(0)

    @property
    def sessions(self) -> SessionCalendar | None:
        """The sessions in force; None in a new engine."""
        return self._calendar

    @property
    def releases(self) -> Sequence[tuple[date, str, str]]:
        """The scheduled releases as told (S20)."""
        return self._evaluation.releases

    @property
    def flags(self) -> dict[str, bool | None]:
        """Inputs of the phase machine at the newest close, under the first portfolio's parameters."""
        return asdict(self._evaluation.book(0).flags)

    def refusal_of(self, answer: Answer) -> Refusal | None:
        """Why an answer would not count, or None."""
        rank = self._portfolios.rank_of(answer.portfolio)
        if rank is None:
            return Refusal("unknown_portfolio", f"no portfolio {answer.portfolio}")
        state = self._portfolios.states[rank]
        # On a tape or a simulator the market's time is another than that of whoever answers: its closes alone count.
        refused = refusal(state, answer, answer.ts_event if self._is_live else None)
        if refused is not None:
            return refused
        unfit = self._portfolios.desks[rank].refuses(state, answer)
        return None if unfit is None else Refusal("unfit", unfit)

    def legs(self, rank: int) -> list[dict[str, Any]]:
        """Contracts a portfolio wants and holds."""
        return self._portfolios.desks[rank].legs(self._portfolios.states[rank])

    def moves(self, rank: int) -> Sequence[Move]:
        """Both watched indices against a portfolio's anchors."""
        return self._portfolios.moves(rank, self._board)

    @property
    def own_signals(self) -> Sequence[Signal]:
        """Signals of the first portfolio's own book at the newest close; none for `hedge: none`, or before the first.

        To be asked for before the next event: they are worked out of what that close found.
        """
        own = self._own
        if own is None:
            return ()
        return own.signals or (own.later() if own.later is not None else ())

    def portfolio_row(self) -> tuple[float | None, float | None]:
        """S01 and S02 of the first portfolio at the newest close, before it was acted on."""
        return self._row
