"""Where what the socket brings becomes events, and where silence is noticed."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from ib_async import Contract, Ticker

from alvh.adapters.ib.account import positions_event
from alvh.adapters.ib.chains import ChainFetcher, Row, option_row
from alvh.adapters.ib.codes import Meaning, code_of
from alvh.adapters.ib.composites import Breadth, curve_of
from alvh.adapters.ib.contracts import ContractBook
from alvh.adapters.ib.feed_settings import IbFeedSettings, Kind, Observer
from alvh.adapters.ib.history import Gap
from alvh.adapters.ib.lines import DECISIVE, Line, Lines
from alvh.adapters.ib.link import Link
from alvh.adapters.ib.outlet import Outlet
from alvh.adapters.ib.states import Cause, ConnectionState, State
from alvh.core.events import FeedState, Quote, WatchedIndex
from alvh.core.sessions import Session, SessionCalendar, et_date
from alvh.errors import JournalError, OutageError
from alvh.shell.ports import Clock

SPX: Final = "SPX"
SMALL_CAP: Final = "RUT"
SMALL_CAP_PROXY: Final = "IWM"
# Ticks in flight may arrive behind a 1100; live ones that come later than this say that the broker is back.
_AFTERGLOW_NS: Final = 5 * 10**9
_PAUSE_IN_SESSION_S: Final = 1.0
_LOOK_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 60.0
_NO_SUBSCRIPTION: Final = frozenset({354, 200})


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far the feed has told history: every close up to `known_until`; and the small-cap index it has chosen.

    Attributes:
        asks: the last session whose close the engine has taken, asked each time; None: the feed keeps count by itself.
    """

    known_until: date | None = None
    watched: str | None = None
    asks: Callable[[], date | None] | None = None

    def known(self) -> date | None:
        """Return the last session that needs no telling."""
        theirs = None if self.asks is None else self.asks()
        return max((day for day in (theirs, self.known_until) if day is not None), default=None)

    def position(self) -> str:
        """Return it as the feed's position."""
        known = None if self.known_until is None else self.known_until.isoformat()
        return json.dumps({"known_until": known, "watched": self.watched}, sort_keys=True)

    def resume(self, position: str | None) -> None:
        """Go on behind a stored position; one that cannot be read means starting over."""
        try:
            stored = json.loads(position or "{}")
            known = None if self.asks is not None else stored.get("known_until")
            self.known_until = date.fromisoformat(known) if known else self.known_until
            watched = stored.get("watched")
            self.watched = watched if isinstance(watched, str) and watched else self.watched
        except (ValueError, TypeError, AttributeError, RecursionError):
            return


class Intake:
    """Takes ticks, codes and time; tells events.

    Args:
        settings: limits.
        clock: time and sleeping.
        calendar: the sessions in force.
        observer: who is told what happens beside the events.
        outlet: where events go.
        progress: what has been told so far.
        state: the connection's state.
    """

    def __init__(
        self,
        settings: IbFeedSettings,
        *,
        clock: Clock,
        calendar: Callable[[], SessionCalendar],
        observer: Observer,
        outlet: Outlet,
        progress: Progress,
        state: ConnectionState,
    ) -> None:
        """Start unarmed."""
        self.settings = settings
        self.outlet = outlet
        self.progress = progress
        self.state = state
        self.lines = Lines(settings=settings)
        self.contracts = ContractBook(settings)
        self.chains = ChainFetcher(settings, clock, self._own_rows)
        self.link: Link | None = None
        self.is_armed = False
        self.on_life: Callable[[], None] = lambda: None
        self._clock = clock
        self._calendar = calendar
        self._observer = observer
        self._breadth = Breadth(settings.breadth)
        self._moved_curves: set[str] = set()
        self._positions_moved = False
        self._lost_at_ns: int | None = None
        self._is_told_down = True
        self._last_close = calendar().last_close_until(clock.now())
        self._spx_live_since_ns: int | None = None

    # --- from the socket ------------------------------------------------------------------------------------------

    def on_tickers(self, tickers: Iterable[Ticker]) -> None:
        """Read every tick of a packet; instruments in the order of their names, as a packet does not tell theirs."""
        now = self._clock.now()
        session = self._calendar().session_of(now)
        touched: list[tuple[str, Line, Ticker]] = []
        for ticker in tickers:
            line = self.lines.of_ticker(ticker)
            if line is not None:
                touched.append((line.instrument_id, line, ticker))
            else:
                self.chains.on_ticker(ticker, self.lines.reading(ticker, now, session))
        touched.sort(key=lambda entry: entry[0])
        for _, line, ticker in touched:
            quotes = line.reader.read(ticker.ticks, self.lines.reading(ticker, now, session))
            if line.reader.last_live_ns == now:
                self._note_live(line, now, session)
            if self.is_armed:
                self._pass_on(line, quotes, now, session)

    def _note_live(self, line: Line, now: int, session: Session | None) -> None:
        self.lines.note_live(line, now)
        if self._lost_at_ns is not None and now - self._lost_at_ns > _AFTERGLOW_NS:
            self._lost_at_ns = None
            self.on_life()
        if line.instrument_id == SPX and session is not None and self._spx_live_since_ns is None:
            self._spx_live_since_ns = now

    def _pass_on(self, line: Line, quotes: list[Quote], now: int, session: Session | None) -> None:
        match line.watched.kind:
            case Kind.FUTURE:
                self._moved_curves.add(line.watched.trading_class)
            case Kind.BREADTH:
                if session is not None:
                    self._breadth.note(line, now)
            case Kind.FUND | Kind.ETP if session is None and not self._is_close_taken(now):
                pass  # funds trade on behind the close; until that is evaluated it must stay their last price
            case _:
                for quote in quotes:
                    self._tell_quote(quote)

    def _is_close_taken(self, now: int) -> bool:
        closed, known = self._calendar().last_close_until(now), self.progress.known()
        return closed is None or (known is not None and known >= closed.date)

    def _tell_quote(self, quote: Quote) -> None:
        if quote.is_live:
            self._is_told_down = False
            if quote.instrument_id == SMALL_CAP and self.progress.watched is None:
                self._choose(SMALL_CAP)
        self.outlet.offer(quote)

    def _choose(self, small_cap: str) -> None:
        now = self._clock.now()
        self.progress.watched = small_cap
        self.outlet.mark(self.progress.position())
        self.outlet.tell(WatchedIndex(ts_event=now, ts_recv=now, instrument_id=small_cap))

    def on_code(self, request_id: int, number: int, text: str) -> None:
        """Count a code, and do what it asks for where it concerns one line."""
        self._observer.on_error(number)
        line = self.lines.of_request(request_id) if request_id != -1 else None
        if line is None:
            return
        now = self._clock.now()
        code = code_of(number, is_request=True)
        if code.meaning is Meaning.NOTICE:
            return
        self._observer.on_state(self.state.state, f"{line.instrument_id}: {number}: {code.line}")
        if code.meaning is Meaning.PARTLY:
            return
        self.lines.refuse(line, number, code, text, now)
        if number in _NO_SUBSCRIPTION and line.instrument_id not in self.settings.essential:
            self.lines.last_live_ns.pop(line.instrument_id, None)
        if code.meaning is not Meaning.ASK_AGAIN:
            self._tell_not_live(line, f"{number}: {code.line}")

    def on_position(self) -> None:
        """Note that positions have changed; they are told as a whole at the next look."""
        self._positions_moved = True

    # --- the connection -------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Let quotes out from here on; books that stand still are told as they are."""
        self.is_armed = True
        self._lost_at_ns = None
        self._observer.on_connected(True)
        for line in self.lines:
            if line.watched.kind in {Kind.OPTION, Kind.ETP} and (quote := line.reader.snapshot()) is not None:
                self.outlet.offer(quote)
            elif line.watched.kind is Kind.FUTURE:
                self._moved_curves.add(line.watched.trading_class)

    def disarm(self, reason: str, *, is_broker_lost: bool = False) -> None:
        """Let no quote out from here on; the engine is told once that nothing is live."""
        now = self._clock.now()
        self.is_armed = False
        self._lost_at_ns = now if is_broker_lost else None
        self._observer.on_connected(False)
        if not self._is_told_down:
            self._is_told_down = True
            self.outlet.tell(FeedState(ts_event=now, ts_recv=now, instrument_id=None, is_live=False, reason=reason))

    def gap(self) -> Gap | None:
        """Return the sessions whose closes have not been told; None where there is none."""
        settled = self._calendar().last_close_until(self._clock.now() - round(self.settings.close_settle_s * 1e9))
        if settled is None:
            return None
        gap = Gap(after=self.progress.known(), last=settled.date)
        return None if gap.is_empty else gap

    # --- time -----------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Look for what time brings, every second in session; runs until cancelled."""
        while True:
            await self._clock.sleep(self._pause_s())
            self.check()

    def _pause_s(self) -> float:
        now = self._clock.now()
        calendar = self._calendar()
        if calendar.is_open(now) or self.outlet.is_full:
            return _PAUSE_IN_SESSION_S
        try:
            until_open_s = (calendar.next_close_after(now).open_ns - now) / 1e9
        except JournalError:  # the calendar ends here; the shell brings a longer one in time
            until_open_s = _LONGEST_PAUSE_S
        return min(max(until_open_s, _PAUSE_IN_SESSION_S), _LONGEST_PAUSE_S)

    def check(self) -> None:
        """Notice closes, silence, moved curves and positions, and which small-cap index there is."""
        now = self._clock.now()
        calendar = self._calendar()
        session = calendar.session_of(now)
        closed = calendar.last_close_until(now - round(_PAUSE_IN_SESSION_S * 1e9))
        if closed is not None and closed != self._last_close:
            self._last_close = closed
            self._on_close(closed, now)
        if session is None:
            self._spx_live_since_ns = None
        if self.state.takes_quotes:
            self._look_for_silence(now, session)
        if self.is_armed:
            self._choose_proxy(now, session)
            for symbol in sorted(self._moved_curves):
                curve = curve_of(symbol, self.lines, now)
                if curve is not None:
                    self.outlet.tell(curve)
            self._moved_curves.clear()
        if self._positions_moved:
            self.tell_positions()

    def _on_close(self, closed: Session, now: int) -> None:
        for observation in self._breadth.at_close(closed, now):
            self.outlet.tell(observation)
        seen_ns = self.lines.last_live_ns.get(SPX, 0)
        is_seen = self.is_armed and seen_ns >= closed.close_ns - round(self.settings.stale_after_s * 1e9)
        if is_seen and self.progress.asks is None:
            self.progress.known_until = closed.date
            self.outlet.mark(self.progress.position())

    def _look_for_silence(self, now: int, session: Session | None) -> None:
        dull: list[str] = list(self.contracts.missing(et_date(now)))
        is_degraded = bool(dull)
        for line in self.lines:
            if session is not None and not self.lines.is_fresh(line, now, session):
                dull.append(line.instrument_id)
                self._tell_not_live(line, self.lines.why_not_live(line, now))
            if self.link is not None and self.lines.due_again(line, now, session):
                self._ask_again(line, now)
                is_degraded = is_degraded or line.watched.kind in DECISIVE
        detail = f"no live quote of {', '.join(dull)}" if dull else "every instrument is live"
        if session is None:
            detail = "outside the exchange's hours" + (f"; cannot be had: {', '.join(dull)}" if dull else "")
        self.state.on(Cause.STALE if is_degraded else Cause.FRESH, detail)

    def _ask_again(self, line: Line, now: int) -> None:
        if self.link is None:
            return
        contract = self.contracts.contract(line.instrument_id)
        try:
            if contract is not None:
                line.contract = contract
            self.lines.ask(self.link, line, now)
        except OutageError:
            return  # the connection's end is told by itself
        self.lines.postpone(line, now)

    def _tell_not_live(self, line: Line, reason: str) -> None:
        if line.is_told_silent:
            return
        now = self._clock.now()
        line.is_told_silent = True
        self._observer.on_rejected(line.instrument_id, "not_live")
        if line.watched.kind not in {Kind.FUTURE, Kind.BREADTH}:
            self.outlet.tell(
                FeedState(ts_event=now, ts_recv=now, instrument_id=line.instrument_id, is_live=False, reason=reason)
            )

    def _choose_proxy(self, now: int, session: Session | None) -> None:
        since = self._spx_live_since_ns
        if self.progress.watched is not None or session is None or since is None:
            return
        proxy = self.lines.named(SMALL_CAP_PROXY)
        is_patient = now - since >= self.settings.small_cap_patience_s * 1e9
        if is_patient and proxy is not None and self.lines.is_fresh(proxy, now, session):
            self._choose(SMALL_CAP_PROXY)

    async def settle_small_cap(self, with_history: Iterable[str]) -> None:
        """Choose the small-cap index: RUT where it is quoted and has a history, else IWM; once, and for good.

        A line that has said neither price nor refusal is waited for; behind that the first that was not refused is it.
        """
        names = [name for name in (SMALL_CAP, SMALL_CAP_PROXY) if name in set(with_history)]
        give_up_at = self._clock.now() + round(self.settings.small_cap_patience_s * 1e9)
        while self.progress.watched is None and names:
            quoted = [self.lines.is_quoted(name) for name in names]
            candidates = [name for name, is_quoted in zip(names, quoted, strict=True) if is_quoted is not False]
            is_clear = True in quoted and None not in quoted[: quoted.index(True)]
            if is_clear or self._clock.now() >= give_up_at:
                self._choose(names[quoted.index(True)] if is_clear else (candidates or names)[0])
                return
            await self._clock.sleep(_LOOK_S)

    def tell_positions(self) -> None:
        """Tell all positions of the accounts asked for."""
        self._positions_moved = False
        if self.link is None or not self.settings.wants_positions:
            return
        now = self._clock.now()
        for account in self.settings.accounts or self.link.ib.managedAccounts()[:1]:
            positions = positions_event(account, self.link.ib.positions(account), now)
            if positions is None:
                line = f"account {account}: a position cannot be read, all stand as told last"
                self._observer.on_state(self.state.state, line)
            else:
                self.outlet.tell(positions)

    def reject(self, name: str, reason: str) -> None:
        """Say that something was left out."""
        self._observer.on_rejected(name, reason)

    # --- what others ask ------------------------------------------------------------------------------------------

    def _is_decisive(self, name: str) -> bool:
        line = self.lines.named(name)
        if line is None or line.watched.kind not in DECISIVE:
            return False
        return name in self.settings.essential or name == self.progress.watched or name in self.lines.last_live_ns

    def _own_rows(self, contract: Contract) -> list[Row] | None:
        line = self.lines.of_contract(contract)
        if line is None or line.ticker is None:
            return None
        return option_row(contract, line.reader, line.ticker)

    def waiting_for(self, warm_up: dict[str, str]) -> tuple[str, ...]:
        """Return why the feed is not ready, one line each; nothing means ready.

        In session the newest live prices count whatever the connection says of itself.
        """
        now = self._clock.now()
        session = self._calendar().session_of(now)
        reasons = []
        if self.state.state not in {State.LIVE, State.DEGRADED}:
            reasons.append(f"feed: {self.state.state}: {self.state.detail}")
        reasons += [f"{name}: {trouble}" for name, trouble in sorted(warm_up.items())]
        if session is None:
            return tuple(reasons)
        small_cap = self.progress.watched or SMALL_CAP
        names = dict.fromkeys((*self.settings.essential, small_cap, *sorted(self.lines.last_live_ns)))
        for name in names:
            reason = self._silence_of(name, now, session)
            if reason is not None:
                reasons.append(f"{name}: {reason}")
        return tuple(reasons)

    def _silence_of(self, name: str, now: int, session: Session) -> str | None:
        line = self.lines.named(name)
        if line is not None:
            if line.watched.kind not in DECISIVE or self.lines.is_fresh(line, now, session):
                return None
            return self.lines.why_not_live(line, now)
        if name not in {*self.settings.essential, SMALL_CAP, SMALL_CAP_PROXY}:
            return None
        last = self.lines.last_live_ns.get(name)
        if now - max(last or 0, session.open_ns) < self.settings.stale_after_s * 1e9 and self.state.takes_quotes:
            return None
        since = "never" if last is None else f"since {(now - last) / 1e9:.0f} s"
        trouble = self.contracts.troubles.get(name)
        return f"no live quote {since}" + (f" ({trouble})" if trouble else "")
