"""handle(event) -> effects; checkpoint; restore: the only place where decisions are made.

Synchronous, total and deterministic: the same events give the same effects, live and in replay. Nothing here knows
the time, does I/O or draws a random number; what it needs of the world arrives in events.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from alvh.core.announce import Cause, Decision, Origin, adjustment, signals_message
from alvh.core.answers import expect, refusal, take
from alvh.core.codec import as_text, from_text
from alvh.core.effects import Effect, Publish, Refused, Wake
from alvh.core.evaluation import Evaluation
from alvh.core.events import (
    AccountPositions,
    Answer,
    Calendar,
    Configuration,
    DailyBar,
    Event,
    FeedState,
    FuturesCurve,
    MacroCalendar,
    Observation,
    OptionChain,
    Quote,
    SessionClose,
    TimerFired,
    WatchedIndex,
)
from alvh.core.market import NS_PER_SECOND, MarketBoard
from alvh.core.portfolios import LARGE_CAP, SMALL_CAPS, Portfolios
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.book import SignalBook
from alvh.core.situation import Situation
from alvh.errors import JournalError
from alvh.message_parts import Move

CHECKPOINT_VERSION: Final = 1
# What fires once per crossing is no rebalance where it stands alone (interfaces, section 4).
NO_REBALANCE: Final = frozenset({"LIQ", "CAP", "DEFENCE"})
_NOTHING: Final[tuple[Effect, ...]] = ()


class Engine:
    """All portfolios of one instance, and the market as far as it has been told.

    A new engine knows nothing: the log's first events are its Configuration and its Calendar.
    """

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._calendar_event: Calendar | None = None
        self._calendar: SessionCalendar | None = None
        self._origin = Origin(instance="", engine_version="", config_hash="", feed="")
        self._board = MarketBoard()
        self._evaluation = Evaluation()
        self._curve: FuturesCurve | None = None
        self._chains: dict[str, OptionChain] = {}
        self._portfolios = Portfolios()
        self._session: date | None = None
        self._evaluations = 0
        self._row: tuple[float | None, float | None] = (None, None)
        self._is_live = False
        self._handlers: dict[type[Event], Callable[[Any], Sequence[Effect]]] = {
            Configuration: self._on_configuration,
            Calendar: self._on_calendar,
            MacroCalendar: self._on_macro,
            WatchedIndex: self._on_watched_index,
            FuturesCurve: self._on_curve,
            Observation: self._on_observation,
            OptionChain: self._on_chain,
            SessionClose: self._on_close,
            TimerFired: self._on_timer,
            FeedState: self._on_feed_state,
            DailyBar: self._on_bar,
            AccountPositions: self._on_positions,
            Answer: self._on_answer,
        }

    def handle(self, event: Event) -> Sequence[Effect]:
        """Take one event; return what is to be done about it, in order."""
        if type(event) is Quote:
            return self._on_quote(event)
        return self._handlers[type(event)](event)

    # Quotes

    def _on_quote(self, quote: Quote) -> Sequence[Effect]:
        reason = self._board.accept(quote)
        if reason is not None:
            return (Refused(subject=quote.instrument_id, reason=reason, detail=_quoted(quote, reason)),)
        watch = self._portfolios.watch_of(quote.instrument_id)
        if watch is None or self._calendar is None or not self._calendar.is_open(quote.ts_event):
            return _NOTHING
        ranks = watch.on_quote(self._board.entry(quote.instrument_id).price or 0.0, quote.ts_event)
        if not ranks:
            return _NOTHING
        effects: list[Effect] = []
        for rank in ranks:
            effects += self._decide(rank, quote.ts_event, ("MOVE_3",), is_close=False)
        return effects

    # Session closes

    def _on_close(self, event: SessionClose) -> Sequence[Effect]:
        if self._calendar is None or (self._is_evaluated(event.session) and not self._evaluation.lags(event.session)):
            return (Refused(subject="session", reason="duplicate", detail=f"{event.session} has been evaluated"),)
        self._choose_small_cap()
        is_new = not self._is_evaluated(event.session)
        self._evaluation.close(
            event, self._board if is_new else None, self._curve, self._calendar, self._portfolios.small_cap
        )
        if not is_new:
            return _NOTHING
        self._session = event.session
        if event.is_history and not self._evaluations:
            return _NOTHING
        self._evaluations += 1
        moved = self._portfolios.beyond(self._board, event.ts_event)
        self._row = self._first_row()
        effects: list[Effect] = []
        for rank, state in enumerate(self._portfolios.states):
            state.fired.clear()
            if state.is_anchored:
                triggers = self._portfolios.count_close(rank, moved)
                effects += self._decide(rank, event.ts_event, triggers, is_close=True)
            elif self._portfolios.is_seen(rank, self._board, event.ts_event):
                effects += self._decide(rank, event.ts_event, ("STATE",), is_close=True)
        shown = self._evaluation.shown(0, event.session)
        prices = self._board.prices()
        effects.append(
            signals_message(self._origin, self._evaluations, event.ts_event, event.session, prices, shown, self.flags)
        )
        if self._is_live:
            effects.append(self._next_close())
        return effects

    def _is_evaluated(self, session: date) -> bool:
        return self._session is not None and session <= self._session

    def _first_row(self) -> tuple[float | None, float | None]:
        """S01 and S02 of the first portfolio at this close."""
        state = self._portfolios.states[0]
        if not state.is_anchored:
            return None, None
        ratios = [abs(move.move_ratio) for move in self.moves(0) if move.move_ratio is not None]
        return max(ratios, default=None), float(state.sessions + 1)

    def _choose_small_cap(self) -> None:
        """Choose RUT if it has been quoted and IWM otherwise, once, where no live feed says which it can quote."""
        if not self._is_live and self._portfolios.small_cap is None and self._board.price(LARGE_CAP) is not None:
            for name in SMALL_CAPS:
                if self._board.price(name) is not None:
                    self._portfolios.watch(name)
                    return

    def _next_close(self) -> Wake:
        assert self._calendar is not None
        after = self._calendar.close_of(self._session) if self._session else 0
        session = self._calendar.next_close_after(after)
        delay = round(self._document["close_delay_s"] * NS_PER_SECOND)
        return Wake(timer_id=f"close:{session.date.isoformat()}", due=session.close_ns + delay)

    # Decisions

    def _decide(self, rank: int, ts_event: int, triggers: Sequence[str], *, is_close: bool) -> Sequence[Effect]:
        """Ask a portfolio's desk, and say what it decided."""
        assert self._calendar is not None
        assert self._session is not None
        moves = self.moves(rank)
        situation = Situation(
            ts_event=ts_event,
            session=self._session,
            is_close=is_close,
            triggers=tuple(triggers),
            moves=moves,
            board=self._board,
            book=self._evaluation.book(rank),
            curve=self._curve,
            chains=self._chains,
            calendar=self._calendar,
            rates=self._document["rates"],
            fees=self._document["fees"],
            is_live=self._is_live,
        )
        decision = self._portfolios.desks[rank].decide(self._portfolios.states[rank], situation)
        return self._announce(rank, ts_event, moves, decision) if decision.reasons else _NOTHING

    def _announce(self, rank: int, ts_event: int, moves: Sequence[Move], decision: Decision) -> Sequence[Publish]:
        """Number a decision, make it a rebalance unless its reasons forbid it, and put it into words."""
        assert self._session is not None
        state = self._portfolios.states[rank]
        sessions = state.sessions
        if not NO_REBALANCE.issuperset(decision.reasons):
            self._portfolios.rebalanced(rank, self._board, self._session)
        state.sequence += 1
        cause = Cause(
            ts_event=ts_event,
            session=self._session,
            sequence=state.sequence,
            prev_event_id=state.prev_event_id,
            sessions=sessions,
            moves=moves,
            anchors=self._portfolios.anchors(rank),
            prices=self._board.prices(),
            shown=self._evaluation.shown(rank, self._session),
        )
        state.prev_event_id, messages = adjustment(self._origin, state.portfolio_id, cause, decision)
        state.entered(decision.phase_after, self._session)
        expect(state, state.prev_event_id)
        return messages

    # What decisions rest on

    def _on_configuration(self, event: Configuration) -> Sequence[Effect]:
        self._configure(event)
        return self.pending()

    def _configure(self, event: Configuration) -> None:
        document = event.document
        self._configuration = event
        self._origin = Origin(
            instance=document["instance"],
            engine_version=event.engine_version,
            config_hash=event.config_hash,
            feed=document["feed"],
        )
        self._is_live = document["live"]
        methodologies = [portfolio["methodology"] for portfolio in document["portfolios"]]
        jump = methodologies[0]["move3"]["max_jump"]
        self._board.configure(document["stale_after_s"], dict.fromkeys((LARGE_CAP, *SMALL_CAPS), jump))
        self._evaluation.configure(methodologies, is_live=self._is_live)
        self._portfolios.configure(document)

    @property
    def _document(self) -> Mapping[str, Any]:
        assert self._configuration is not None
        return self._configuration.document

    def _on_calendar(self, event: Calendar) -> Sequence[Effect]:
        self._calendar_event = event
        self._calendar = SessionCalendar(event.sessions)
        return self.pending()

    def _on_macro(self, event: MacroCalendar) -> Sequence[Effect]:
        self._evaluation.macro(event)
        return _NOTHING

    def _on_watched_index(self, event: WatchedIndex) -> Sequence[Effect]:
        if self._portfolios.small_cap is None:
            self._portfolios.watch(event.instrument_id)
        return _NOTHING

    def _on_curve(self, event: FuturesCurve) -> Sequence[Effect]:
        if self._evaluation.past.take_curve(event):
            return _NOTHING
        if self._curve is not None and event.ts_event < self._curve.ts_event:
            return (Refused(subject=event.symbol, reason="out_of_order", detail="an older curve than the newest"),)
        self._curve = event
        return _NOTHING

    def _on_observation(self, event: Observation) -> Sequence[Effect]:
        reason = self._evaluation.observe(event)
        if reason is None:
            return _NOTHING
        return (Refused(subject="observation", reason=reason, detail=f"{event.series} of {event.observed}: {reason}"),)

    def _on_chain(self, event: OptionChain) -> Sequence[Effect]:
        self._chains[event.underlying] = event
        return _NOTHING

    def _on_timer(self, event: TimerFired) -> Sequence[Effect]:
        name, _, argument = event.timer_id.partition(":")
        if name != "close":
            return (Refused(subject="timer", reason="unknown", detail=event.timer_id),)
        session = date.fromisoformat(argument)
        close_ns = self._calendar.close_of(session) if self._calendar else event.ts_event
        if not self._is_evaluated(session) and not self._portfolios.is_complete(self._board, close_ns):
            # Never a made-up close: its history will be told, and is what the feed now owes.
            self._evaluation.past.owed = session
            return (Refused(subject="session", reason="incomplete", detail=f"{session}: its close was not seen live"),)
        return self._on_close(SessionClose(ts_event=close_ns, ts_recv=event.ts_recv, session=session))

    def _on_feed_state(self, event: FeedState) -> Sequence[Effect]:
        self._board.mark(event)
        return _NOTHING

    def _on_bar(self, event: DailyBar) -> Sequence[Effect]:
        if self._is_evaluated(event.session):
            self._evaluation.past.take(event)
            return _NOTHING
        reason = self._board.remember(event)
        if reason is None:
            return _NOTHING
        detail = f"{event.instrument_id} {event.close} of {event.session}: {reason}"
        return (Refused(subject=event.instrument_id, reason=reason, detail=detail),)

    def _on_positions(self, event: AccountPositions) -> Sequence[Effect]:
        return (Refused(subject="positions", reason="unknown", detail=f"account {event.account}: nobody asked for it"),)

    def _on_answer(self, event: Answer) -> Sequence[Effect]:
        refusal = self.would_refuse(event)
        if refusal is not None:
            return (Refused(subject="answer", reason="refused", detail=refusal),)
        rank = self._portfolios.rank_of(event.portfolio)
        assert rank is not None
        state = self._portfolios.states[rank]
        take(state, event)
        self._portfolios.desks[rank].answered(state, event)
        return _NOTHING

    # What others may look at

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
    def flags(self) -> dict[str, bool | None]:
        """Inputs of the phase machine at the newest close, under the first portfolio's parameters."""
        return asdict(self._evaluation.book(0).flags)

    def would_refuse(self, answer: Answer) -> str | None:
        """Why an answer would not count, or None."""
        rank = self._portfolios.rank_of(answer.portfolio)
        if rank is None:
            return f"no portfolio {answer.portfolio}"
        return refusal(self._portfolios.states[rank], answer)

    def legs(self, rank: int) -> list[dict[str, Any]]:
        """Contracts a portfolio wants and holds."""
        return self._portfolios.desks[rank].legs(self._portfolios.states[rank])

    def moves(self, rank: int) -> Sequence[Move]:
        """Both watched indices against a portfolio's anchors."""
        return self._portfolios.moves(rank, self._board)

    def portfolio_row(self) -> tuple[float | None, float | None]:
        """S01 and S02 of the first portfolio at the newest close, before it was acted on."""
        return self._row

    def pending(self) -> Sequence[Effect]:
        """What has been asked for and not answered yet; the shell does it after every start and take-over."""
        if (
            not self._is_live
            or self._calendar is None
            or not self._evaluations
            or self._evaluation.past.owed is not None
        ):
            return _NOTHING
        return (self._next_close(),)

    # Checkpoints

    def checkpoint(self) -> bytes:
        """Return all that future effects depend on, as compressed JSON."""
        plain = {
            "version": CHECKPOINT_VERSION,
            "configuration": as_text(self._configuration),
            "calendar": as_text(self._calendar_event),
            "curve": as_text(self._curve),
            "chains": [as_text(chain) for _, chain in sorted(self._chains.items())],
            "board": self._board.state(),
            "evaluation": self._evaluation.state(),
            "portfolios": self._portfolios.state(),
            "session": None if self._session is None else self._session.isoformat(),
            "evaluations": self._evaluations,
        }
        # Level 1: a third of the size for a few milliseconds; the log writes one at many closes.
        return zlib.compress(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode(), 1)

    def restore(self, state: bytes) -> None:
        """Become what `checkpoint` was taken from.

        Raises:
            JournalError: this version cannot read it.
        """
        try:
            plain = json.loads(zlib.decompress(state))
        except (zlib.error, ValueError) as error:
            raise JournalError(f"the checkpoint cannot be read: {error}") from error
        if plain["version"] != CHECKPOINT_VERSION:
            raise JournalError(f"the checkpoint is of version {plain['version']}, expected {CHECKPOINT_VERSION}")
        configuration = from_text(plain["configuration"])
        calendar = from_text(plain["calendar"])
        curve = from_text(plain["curve"])
        if isinstance(configuration, Configuration):
            self._configure(configuration)
        if isinstance(calendar, Calendar):
            self._on_calendar(calendar)
        self._curve = curve if isinstance(curve, FuturesCurve) else None
        chains = [from_text(chain) for chain in plain["chains"]]
        self._chains = {chain.underlying: chain for chain in chains if isinstance(chain, OptionChain)}
        self._board.restore(plain["board"])
        self._evaluation.restore(plain["evaluation"])
        self._portfolios.restore(plain["portfolios"])
        self._session = None if plain["session"] is None else date.fromisoformat(plain["session"])
        self._evaluations = plain["evaluations"]


def _quoted(quote: Quote, reason: str) -> str:
    return f"{quote.instrument_id} {quote.last_price} bid {quote.bid_price} ask {quote.ask_price}: {reason}"
