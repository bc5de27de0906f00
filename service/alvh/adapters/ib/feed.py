"""The IB feed: connects for ever, and yields what comes as events."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from alvh.adapters.ib.chains import Greeks, chain_event, greeks_of
from alvh.adapters.ib.feed_settings import IbFeedSettings, Observer, OptionLeg
from alvh.adapters.ib.history import WarmUp
from alvh.adapters.ib.intake import Intake, Progress
from alvh.adapters.ib.link import DecoderWatch, Link, Listener
from alvh.adapters.ib.outlet import Outlet
from alvh.adapters.ib.pacing import Backoff
from alvh.adapters.ib.session import ConnectedSession
from alvh.adapters.ib.states import Cause, ConnectionState
from alvh.core.effects import FetchChain
from alvh.core.sessions import SessionCalendar, et_date
from alvh.errors import OutageError
from alvh.shell.ports import Clock, Sourced

# Code under which messages are counted that the client library could not decode.
UNDECODED: Final = 0
# The engine has at most one request per underlying open; more would be answered too late to matter.
CHAIN_REQUESTS_LIMIT: Final = 8
_MS_TO_NS: Final = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentStatus:
    """One line for a person: receipt of the newest live price (ns UTC), and what is said against it."""

    instrument_id: str
    last_live_ns: int | None
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """How the feed stands."""

    state: str
    detail: str
    instruments: tuple[InstrumentStatus, ...]
    left_out: tuple[str, ...]
    watched: str | None
    known_until: date | None
    clock_skew_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """Who is fed: what the feed asks of it each time.

    Attributes:
        known_until: the last session whose close it has taken; None: it knows nothing.
        watched: the small-cap index it has been told at an earlier start.
        legs: options of the book.
    """

    known_until: Callable[[], date | None]
    watched: str | None
    legs: Callable[[], Iterable[OptionLeg]]


class IbFeed:
    """An event source on TWS or IB Gateway.

    Args:
        settings: where to and what.
        clock: time and sleeping.
        calendar: the sessions in force, asked each time.
        observer: who is told what happens beside the events.
        known_until: the last session whose close the engine knows; a stored position that says more wins.
        fed: the engine that is fed, as far as the feed asks it; then no stored position counts.
        jitter: where the backoff's chance comes from.
    """

    def __init__(
        self,
        settings: IbFeedSettings,
        *,
        clock: Clock,
        calendar: Callable[[], SessionCalendar],
        observer: Observer | None = None,
        known_until: date | None = None,
        fed: Fed | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        """Prepare; nothing is opened before `events` is iterated."""
        self._settings = settings
        self._clock = clock
        self._observer = observer or Observer()
        self._progress = Progress(known_until=known_until)
        if fed is not None:
            self._progress = Progress(asks=fed.known_until, watched=fed.watched)
        self._state = ConnectionState(self._observer.on_state)
        self._outlet = Outlet(clock, round(settings.conflate_ms * _MS_TO_NS), settings.queue_limit)
        self._intake = Intake(
            settings, clock=clock, calendar=calendar, observer=self._observer, outlet=self._outlet,
            progress=self._progress, state=self._state,
        )  # fmt: skip
        if fed is not None:
            self._intake.contracts.legs = fed.legs
        self._warm_up = WarmUp(settings, clock, self._observer)
        self._session = ConnectedSession(self._intake, self._warm_up, clock, calendar)
        chance = jitter or random.Random()  # noqa: S311 - spreads reconnections, guards no secret
        self._backoff = Backoff(settings.backoff_first_s, settings.backoff_cap_s, chance)
        self._chain_requests: asyncio.Queue[FetchChain] = asyncio.Queue(CHAIN_REQUESTS_LIMIT)
        self._open_chains: set[str] = set()
        self._next_request_id = 1

    async def events(self, position: str | None) -> AsyncGenerator[Sourced, None]:
        """Yield events from behind `position` on, for ever; an exception here is a bug, never an outage.

        Args:
            position: what an earlier run's event carried, or None at the first start.
        """
        self._progress.resume(position)
        running = asyncio.create_task(self._run(), name="ib-feed")
        running.add_done_callback(self._on_end)
        try:
            while True:
                yield await self._outlet.get()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def perform(self, effect: FetchChain) -> None:
        """Fetch a chain, as `begin`."""
        self.begin(effect)

    def begin(self, effect: FetchChain) -> None:
        """Fetch a chain; the answer is an event. What cannot be fetched is not answered: the engine waits 10 s only."""
        if effect.request_id in self._open_chains:
            return
        if self._chain_requests.full():
            self._observer.on_rejected(effect.underlying, "no_chain")
            return
        self._open_chains.add(effect.request_id)
        self._chain_requests.put_nowait(effect)

    def waiting_for(self) -> tuple[str, ...]:
        """Return why the feed is not ready, one line each; nothing means ready."""
        return self._intake.waiting_for(self._warm_up.waiting)

    def greeks(self, instrument_id: str) -> Greeks | None:
        """Return the broker's model greeks of an option leg, if it has any."""
        line = self._intake.lines.named(instrument_id)
        return None if line is None or line.ticker is None else greeks_of(line.ticker.modelGreeks)

    def status(self) -> FeedStatus:
        """Return how the feed stands."""
        lines = self._intake.lines
        listed = [watched.instrument_id for watched in self._settings.watchlist]
        names = dict.fromkeys([*listed, *(line.instrument_id for line in lines)])
        link = self._intake.link
        rows = []
        for name in names:
            line = lines.named(name)
            trouble = line.trouble if line is not None else self._intake.contracts.troubles.get(name)
            if trouble is None:
                trouble = self._warm_up.left_out.get(name)
            last = lines.last_live_ns.get(name)
            rows.append(InstrumentStatus(instrument_id=name, last_live_ns=last, trouble=trouble))
        return FeedStatus(
            state=self._state.state, detail=self._state.detail, instruments=tuple(rows), left_out=lines.left_out,
            watched=self._progress.watched, known_until=self._progress.known_until,
            clock_skew_s=0.0 if link is None else link.clock_skew_s,
        )  # fmt: skip

    # --- the tasks behind it --------------------------------------------------------------------------------------

    def _on_end(self, running: asyncio.Task[None]) -> None:
        if running.cancelled():
            return
        error = running.exception() or AssertionError("the feed ended by itself")
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        self._outlet.fail(error)

    async def _run(self) -> None:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_bug(bug: Exception) -> None:
            if not failed.done():
                failed.set_exception(bug)

        listener = Listener(
            on_code=self._intake.on_code, on_tickers=self._intake.on_tickers, on_position=self._intake.on_position,
            on_bug=on_bug,
        )  # fmt: skip
        with DecoderWatch(lambda: self._observer.on_error(UNDECODED)):
            async with asyncio.TaskGroup() as group:
                group.create_task(_wait(failed), name="ib-bugs")
                group.create_task(self._outlet.pump(), name="ib-conflation")
                group.create_task(self._intake.watch(), name="ib-watch")
                group.create_task(self._answer_chains(), name="ib-chains")
                group.create_task(self._connect_for_ever(listener), name="ib-connections")

    async def _connect_for_ever(self, listener: Listener) -> None:
        ports = [self._settings.port]
        attempt = 0
        while True:
            port = ports[attempt % len(ports)]
            attempt += 1
            try:
                link = await Link.dial(
                    self._settings, self._clock, listener, port=port, first_request_id=self._next_request_id
                )
            except OutageError as outage:
                self._state.on(Cause.CLOSED, str(outage))
            else:
                self._state.on(Cause.CONNECTED, f"connected to {self._settings.host}:{port}")
                ended = await self._session.run(link)
                self._next_request_id = max(self._next_request_id, link.next_request_id)
                self._state.on(Cause.CLOSED, ended)
                announced = self._session.announced_port
                ports = [self._settings.port] if announced is None else [announced, self._settings.port]
                attempt = 0
                if self._session.has_been_armed:
                    self._backoff.reset()
            await self._clock.sleep(self._backoff.next())

    async def _answer_chains(self) -> None:
        while True:
            effect = await self._chain_requests.get()
            try:
                await self._answer_chain(effect)
            except OutageError as outage:
                self._observer.on_rejected(effect.underlying, "no_chain")
                self._observer.on_state(self._state.state, f"chain of {effect.underlying}: {outage}")
            finally:
                self._open_chains.discard(effect.request_id)

    async def _answer_chain(self, effect: FetchChain) -> None:
        intake = self._intake
        link, line = intake.link, intake.lines.named(effect.underlying)
        if link is None or line is None or line.reader.book.last is None or not intake.is_armed:
            raise OutageError("not connected, or no price of the underlying")
        free = self._settings.line_budget - len(intake.lines)
        today = et_date(self._clock.now())
        fetched = await intake.chains.fetch(link, line.contract, line.reader.book.last, today, free)
        if fetched.left_out:
            self._observer.on_state(self._state.state, f"chain of {effect.underlying}: {fetched.left_out} left out")
        if not fetched.rows:
            raise OutageError("no option has a live quote")
        self._outlet.tell(chain_event(effect.underlying, effect.request_id, fetched, self._clock.now()))


async def _wait(failed: asyncio.Future[None]) -> None:
    await failed
