"""handle(event) -> effects; checkpoint; restore: the only place where decisions are made.

Synchronous, total and deterministic: the same events give the same effects, live and in replay. Nothing here knows
the time, does I/O or draws a random number; what it needs of the world arrives in events.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from alvh.core.announce import Cause, Decision, Origin, adjustment, signals_message, target_again, target_of
from alvh.core.answers import expect, pass_close, status_of
from alvh.core.checkpoints import pack, restore_from
from alvh.core.codec import as_text, from_text
from alvh.core.curves import believed
from alvh.core.effects import Effect, Publish, Refused, Wake
from alvh.core.engine_state import EngineState
from alvh.core.evaluation import VIX
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
from alvh.core.hedge.chain_reader import ChainReader
from alvh.core.hedge.chain_signals import option_numbers
from alvh.core.market import NS_PER_SECOND
from alvh.core.portfolios import LARGE_CAP, SMALL_CAPS
from alvh.core.sessions import SessionCalendar, et_date
from alvh.core.situation import Situation
from alvh.core.waiting import TIMER, ChainWait
from alvh.message_parts import Move

CHECKPOINT_VERSION: Final = 2
# What fires once per crossing is no rebalance where it stands alone (interfaces, section 4).
NO_REBALANCE: Final = frozenset({"LIQ", "CAP", "DEFENCE"})
# A close told so much later is priced by the model: chains of another time of day do not belong to it.
LATE_NS: Final = 3 * 3600 * NS_PER_SECOND
_NOTHING: Final[tuple[Effect, ...]] = ()


class Engine(EngineState):
    """All portfolios of one instance, and the market as far as it has been told.

    A new engine knows nothing: the log's first events are its Configuration and its Calendar.
    """

    def __init__(self) -> None:
        super().__init__()
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
        return self._take(event) if self._shelf.wait is None else self._while_waiting(self._shelf.wait, event)

    def _take(self, event: Event) -> Sequence[Effect]:
        if type(event) is Quote:
            return self._on_quote(event)
        return self._handlers[type(event)](event)

    # Quotes

    def _on_quote(self, quote: Quote) -> Sequence[Effect]:
        reason = self._board.accept(quote)
        if reason is not None:
            return (Refused(subject=quote.instrument_id, reason=reason, detail=_quoted(quote, reason)),)
        if quote.instrument_id == VIX and self._calendar is not None:
            self._evaluation.sample_basis(quote.ts_event, self._board, self._curves.newest, self._calendar)
        watch = self._portfolios.watch_of(quote.instrument_id)
        if watch is None or self._calendar is None or not self._calendar.is_open(quote.ts_event):
            return _NOTHING
        price = self._board.entry(quote.instrument_id).price or 0.0
        moved = watch.on_quote(price, quote.ts_event)
        # A price at the close is left to the close, which judges the lines at that very time.
        is_spx = quote.instrument_id == LARGE_CAP and not self._portfolios.is_quiet(price)
        crossed = self._portfolios.defended(price) if is_spx and self._calendar.is_open(quote.ts_event + 1) else ()
        if not moved and not crossed:
            return _NOTHING
        reasons = [
            (rank, [*(("MOVE_3",) if rank in moved else ()), *(("DEFENCE",) if rank in crossed else ())])
            for rank in sorted({*moved, *crossed})
        ]
        return self._decide_inside(quote, reasons)

    def _decide_inside(self, quote: Quote, reasons: Sequence[tuple[int, list[str]]]) -> Sequence[Effect]:
        """Let portfolios decide at a quote, by rank; those that need chains on a live feed when these are there."""
        later = [each for each in reasons if self._wants_chains(each[0])]
        now = max(quote.ts_recv, self._resumed_ns)
        asked = self._shelf.ask(quote, et_date(quote.ts_event), later, now) if later else _NOTHING
        effects: list[Effect] = []
        for rank, triggers in reasons:
            if not asked or (rank, triggers) not in later:
                effects += self._decide(rank, quote.ts_event, triggers, is_close=False)
        return [*effects, *asked]

    # Session closes

    def _on_close(self, event: SessionClose) -> Sequence[Effect]:
        if self._calendar is None or (self._is_evaluated(event.session) and not self._evaluation.lags(event.session)):
            return (Refused(subject="session", reason="duplicate", detail=f"{event.session} has been evaluated"),)
        is_new = not self._is_evaluated(event.session)
        is_timely = not event.is_history and event.ts_recv - event.ts_event <= LATE_NS
        if is_new and is_timely and any(map(self._wants_chains, range(len(self._portfolios.states)))):
            asked = self._shelf.ask(event, event.session, (), max(event.ts_recv, self._resumed_ns))
            if asked:
                return asked
        return self._evaluate(event)

    def _evaluate(self, event: SessionClose) -> Sequence[Effect]:
        assert self._calendar is not None
        if not self._is_live:  # a live feed says which small-cap index it can quote
            self._portfolios.choose_small_cap(self._board)
        is_new = not self._is_evaluated(event.session)
        board = self._board if is_new else None
        options = option_numbers(
            self._shelf.chains.get("SPX"), event.session, board, self._rates, self._calendar, self._reader
        )
        self._evaluation.close(event, board, self._curves.newest, self._calendar, self._portfolios.small_cap, options)
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
            if pass_close(state, event.ts_event):
                effects += self._target_again(rank, event.ts_event)
        shown = self._evaluation.shown(0)
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

    def _next_close(self) -> Wake:
        assert self._calendar is not None
        after = self._calendar.close_of(self._session) if self._session else 0
        session = self._calendar.next_close_after(after)
        delay = round(self._document["close_delay_s"] * NS_PER_SECOND)
        return Wake(timer_id=f"close:{session.date.isoformat()}", due=session.close_ns + delay)

    # Decisions on a live feed wait for chains

    def _wants_chains(self, rank: int) -> bool:
        return self._is_live and self._portfolios.wants_chains(rank)

    def _while_waiting(self, wait: ChainWait, event: Event) -> Sequence[Effect]:
        """Take an answer of a person at once; keep all else for later, unless it ends the wait."""
        if isinstance(event, Answer):
            return self._on_answer(event)
        return self._go_on(wait, event.ts_recv) if self._shelf.is_over(wait, event) else _NOTHING

    def _go_on(self, wait: ChainWait, now: int) -> Sequence[Effect]:
        """Make the decision that has waited, then take what came behind it, up to the next one that waits."""
        self._notes, self._resumed_ns = self._shelf.end_wait(), now
        trigger = wait.trigger
        effects: list[Effect] = []
        if isinstance(trigger, Quote):
            for rank, triggers in wait.reasons:
                effects += self._decide(rank, trigger.ts_event, triggers, is_close=False)
        else:
            effects += self._evaluate(trigger)
        self._notes = ()
        while wait.behind and self._shelf.wait is None:
            effects += self._take(wait.behind.popleft())
        if self._shelf.wait is not None:
            self._shelf.wait.behind.extend(wait.behind)
        self._resumed_ns = 0
        return effects

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
            curve=self._curves.newest,
            minis=self._curves.minis,
            chains=self._shelf.chains,
            calendar=self._calendar,
            rates=self._rates,
            fees=self._document["fees"],
            is_live=self._is_live,
            notes=(*self._notes, *self._evaluation.timing_notes(rank, ts_event)),
            releases=self._evaluation.releases,
            reader=self._reader,
        )
        decision = self._portfolios.decide(rank, situation)
        if rank == 0 and is_close:
            self._own = decision
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
            shown=self._evaluation.shown(rank),
        )
        state.prev_event_id, messages = adjustment(self._origin, state.portfolio_id, cause, decision)
        state.entered(decision.phase_after, self._session, decision.condition)
        expect(state, state.prev_event_id, int(decision.fields.get("approvals_required", 0)))
        state.target = target_of(messages)
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

    @property
    def _rates(self) -> Mapping[str, float]:
        rates: Mapping[str, float] = self._document["rates"]
        return rates

    def _on_calendar(self, event: Calendar) -> Sequence[Effect]:
        self._calendar_event = event
        self._calendar = SessionCalendar(event.sessions)
        self._reader = ChainReader()
        return self.pending()

    def _on_macro(self, event: MacroCalendar) -> Sequence[Effect]:
        self._evaluation.macro(event)
        return _NOTHING

    def _on_watched_index(self, event: WatchedIndex) -> Sequence[Effect]:
        if self._portfolios.small_cap is None:
            self._portfolios.watch(event.instrument_id)
        return _NOTHING

    def _on_curve(self, event: FuturesCurve) -> Sequence[Effect]:
        event, refused = believed(event)
        if not event.nodes and refused:
            return refused
        if self._evaluation.past.take_curve(event):
            return refused
        if not self._curves.take(event):
            return (Refused(subject=event.symbol, reason="out_of_order", detail="an older curve than the newest"),)
        if self._calendar is not None and event is self._curves.newest:
            self._evaluation.sample_basis(event.ts_event, self._board, event, self._calendar)
        return refused

    def _on_observation(self, event: Observation) -> Sequence[Effect]:
        reason = self._evaluation.observe(event)
        if reason is None:
            return _NOTHING
        return (Refused(subject="observation", reason=reason, detail=f"{event.series} of {event.observed}: {reason}"),)

    def _on_chain(self, event: OptionChain) -> Sequence[Effect]:
        return self._shelf.take(event)

    def _on_timer(self, event: TimerFired) -> Sequence[Effect]:
        name, _, argument = event.timer_id.partition(":")
        if name == TIMER:  # of a wait that its chains ended
            return _NOTHING
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
        is_past = self._is_evaluated(event.session)
        reason = self._evaluation.past.take(event) if is_past else self._board.remember(event)
        if reason is None:
            return _NOTHING
        detail = f"{event.instrument_id} {event.close} of {event.session}: {reason}"
        return (Refused(subject=event.instrument_id, reason=reason, detail=detail),)

    def _on_positions(self, event: AccountPositions) -> Sequence[Effect]:
        if self._portfolios.positions(event):
            return _NOTHING
        return (Refused(subject="positions", reason="unknown", detail=f"account {event.account}: nobody asked for it"),)

    def _on_answer(self, event: Answer) -> Sequence[Effect]:
        refusal = self.refusal_of(event)
        if refusal is not None:
            return (Refused(subject="answer", reason=refusal.reason, detail=refusal.detail),)
        rank = self._portfolios.rank_of(event.portfolio)
        assert rank is not None
        self._portfolios.answered(rank, event)
        is_newest = event.event_id == self._portfolios.states[rank].prev_event_id
        return self._target_again(rank, event.ts_event) if is_newest else _NOTHING

    def _target_again(self, rank: int, ts_event: int) -> Sequence[Effect]:
        """Say the newest target again behind an answer to it, or its lapse: who agrees, and what is held now."""
        state = self._portfolios.states[rank]
        event_id = state.prev_event_id
        if state.target is None or event_id is None:
            return _NOTHING
        said = target_again(
            self._origin, state.target, state.sequence, ts_event, self.legs(rank), status=status_of(state, event_id),
            approvals_required=state.required.get(event_id, 0), answers=state.answers[event_id],
        )  # fmt: skip
        return (said,)

    def pending(self) -> Sequence[Effect]:
        """What has been asked for and not answered yet; the shell does it after every start and take-over."""
        wait = self._shelf.wait
        waited = [] if wait is None else wait.asked()
        # A close that waits itself asks for the one behind it when it has been evaluated.
        is_close_due = self._is_live and self._calendar is not None and self._evaluations > 0
        if wait is not None and isinstance(wait.trigger, SessionClose):
            is_close_due = False
        return [*waited, self._next_close()] if is_close_due and self._evaluation.past.owed is None else waited

    # Checkpoints

    def checkpoint(self) -> bytes:
        """Return all that future effects depend on, as compressed JSON."""
        plain = {
            "version": CHECKPOINT_VERSION,
            "configuration": as_text(self._configuration),
            "calendar": as_text(self._calendar_event),
            "curve": self._curves.state(),
            "shelf": self._shelf.state(),
            "board": self._board.state(),
            "evaluation": self._evaluation.state(),
            "portfolios": self._portfolios.state(),
            "session": None if self._session is None else self._session.isoformat(),
            "evaluations": self._evaluations,
        }
        return pack(plain)

    def restore(self, state: bytes) -> None:
        """Become what `checkpoint` was taken from.

        Raises:
            JournalError: this version cannot read it.
        """
        restore_from(state, CHECKPOINT_VERSION, self._become)

    def _become(self, plain: Mapping[str, Any]) -> None:
        configuration = from_text(plain["configuration"])
        calendar = from_text(plain["calendar"])
        if isinstance(configuration, Configuration):
            self._configure(configuration)
        if isinstance(calendar, Calendar):
            self._on_calendar(calendar)
        self._curves.restore(plain["curve"])
        self._shelf.restore(plain["shelf"])
        self._board.restore(plain["board"])
        self._evaluation.restore(plain["evaluation"])
        self._portfolios.restore(plain["portfolios"])
        self._session = None if plain["session"] is None else date.fromisoformat(plain["session"])
        self._evaluations = plain["evaluations"]


def _quoted(quote: Quote, reason: str) -> str:
    return f"{quote.instrument_id} {quote.last_price} bid {quote.bid_price} ask {quote.ask_price}: {reason}"
