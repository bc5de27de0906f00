"""One connection's life: synchronise, warm up, keep up; and what each happening on the way asks for."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Final

from alvh.adapters.ib.contracts import ContractBook
from alvh.adapters.ib.feed_settings import Watched
from alvh.adapters.ib.history import WarmUp
from alvh.adapters.ib.intake import SPX, Intake
from alvh.adapters.ib.link import Happening, Link, What, stop
from alvh.adapters.ib.states import Cause, State
from alvh.core.events import DailyBar, Event, SessionClose
from alvh.core.portfolios import SMALL_CAPS
from alvh.core.sessions import SessionCalendar, et_date
from alvh.errors import OutageError
from alvh.shell.ports import Clock

_SYNC_AGAIN_S: Final = 5.0
_LONGEST_SYNC_AGAIN_S: Final = 60.0
_KEEP_UP_S: Final = 60.0
_LAST_PORT: Final = 65_535
# What could not be resolved is tried again so often while the rest runs (of `_KEEP_UP_S`).
_RESOLVE_AGAIN_TURNS: Final = 5
# How often a broker that was lost and says nothing is asked whether it is back.
_ASK_LOST_S: Final = 30.0


class ConnectedSession:
    """Runs a connection from its handshake to its end.

    Args:
        intake: where everything comes together.
        warm_up: the history.
        clock: time and sleeping.
        calendar: the sessions in force.
    """

    def __init__(self, intake: Intake, warm_up: WarmUp, clock: Clock, calendar: Callable[[], SessionCalendar]) -> None:
        """Prepare; nothing is asked before `run`."""
        self._calendar = calendar
        self._intake = intake
        self._warm_up = warm_up
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken_farms = 0
        self._futures_of: date | None = None
        self.has_been_armed = False
        self.announced_port: int | None = None

    async def run(self, link: Link) -> str:
        """Serve a connection until it ends; return why it did."""
        self.has_been_armed = False
        self._broken_farms = 0
        intake = self._intake
        intake.link = link
        intake.on_life = lambda: link.happen(What.BROKER_BACK, "live ticks came though nothing was said")
        probe = self._spawn(link.probe(), "ib-probe")
        work = self._spawn(self._bring_up(link, keeps_lines=False), "ib-bring-up")
        try:
            while True:
                happening = await self._next(link, work)
                match happening.what:
                    case What.CLOSED | What.PORT_RESET:
                        self.announced_port = _port_of(happening.line) if happening.what is What.PORT_RESET else None
                        return happening.line
                    case What.SILENT:
                        intake.state.on(Cause.SILENT, happening.line)
                        return happening.line
                    case What.BROKER_LOST:
                        await self._stop(work)
                        intake.state.on(Cause.BROKER_LOST, happening.line)
                        intake.disarm(happening.line, is_broker_lost=True)
                    case What.BROKER_BACK | What.BROKER_BACK_EMPTY:
                        await self._stop(work)
                        intake.disarm(happening.line)
                        intake.state.on(Cause.BROKER_BACK, happening.line)
                        intake.lines.doubt(self._clock.now())
                        keeps_lines = happening.what is What.BROKER_BACK
                        work = self._spawn(self._bring_up(link, keeps_lines=keeps_lines), "ib-bring-up")
                    case What.FARM_BROKEN:
                        self._broken_farms += 1
                    case What.FARM_OK if self._broken_farms:
                        self._broken_farms -= 1
                        self._spawn(self._verify(link), "ib-verify")
        finally:
            await self._stop(probe, work, *self._tasks)
            intake.link = None
            intake.disarm("the connection ended")
            intake.lines.clear()
            intake.chains.forget()
            link.close()

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _stop(self, *tasks: asyncio.Task[None]) -> None:
        await stop(*tasks)
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, OutageError):
                raise error

    async def _next(self, link: Link, work: asyncio.Task[None]) -> Happening:
        """Wait for the next happening; a bug in the work ends the feed; a lost broker is asked now and then."""
        while True:
            listening = asyncio.create_task(link.happenings.get(), name="ib-listen")
            waited_for: set[asyncio.Task[Happening] | asyncio.Task[None]] = {listening}
            if not work.done():
                waited_for.add(work)
            is_lost = self._intake.state.state is State.LOST
            try:
                await asyncio.wait(
                    waited_for, timeout=_ASK_LOST_S if is_lost else None, return_when=asyncio.FIRST_COMPLETED
                )
                if listening.done():
                    return listening.result()
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening
            if work.done() and not work.cancelled() and work.exception() is not None:
                work.result()
            if is_lost and await self._is_back(link):
                return Happening(what=What.BROKER_BACK, line="the broker answers again though nothing was said")

    async def _is_back(self, link: Link) -> bool:
        contract = self._intake.contracts.contract(SPX)
        if contract is None:
            return False
        try:
            timeout_s = self._intake.settings.request_timeout_s
            return bool(await link.ask(lambda: link.ib.reqContractDetailsAsync(contract), timeout_s))
        except OutageError:
            return False

    # --- the way up -----------------------------------------------------------------------------------------------

    async def _bring_up(self, link: Link, *, keeps_lines: bool) -> None:
        """Go from syncing to live, then keep up; a close that was not seen leads back to warming."""
        if not await self._until_warm(link, keeps_lines=keeps_lines):
            return
        if keeps_lines:
            await self._verify(link)
        self._intake.check()
        while True:
            await self._keep_up(link)
            gap = self._intake.gap()
            self._intake.disarm(f"closes were not seen: {gap}")
            self._intake.state.on(Cause.GAP, f"history is being fetched: {gap}")
            if not await self._until_warm(link, keeps_lines=True, is_synced=True):
                return
            self._intake.check()

    async def _until_warm(self, link: Link, *, keeps_lines: bool, is_synced: bool = False) -> bool:
        """Synchronise and fetch what history is missing, then let quotes out; what fails in passing is tried again.

        Returns False where the connection ended.
        """
        intake = self._intake
        wait_s = _SYNC_AGAIN_S
        has_asked = keeps_lines
        while True:
            try:
                if not is_synced:
                    await self._sync(link, keeps_lines=has_asked)
                    has_asked = True
                    intake.state.on(Cause.SYNCED, f"history is being fetched: {intake.gap() or 'none is missing'}")
                await self._warm(link)
                break
            except OutageError as outage:
                if not link.ib.client.isReady():
                    return False
                is_synced = False
                if intake.state.state is State.WARMING:
                    intake.state.on(Cause.BROKER_BACK, str(outage))
                else:
                    intake.state.say(str(outage))
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_SYNC_AGAIN_S)
        intake.arm()
        self.has_been_armed = True
        intake.state.on(Cause.WARM, "waiting for live quotes")
        return True

    async def _sync(self, link: Link, *, keeps_lines: bool) -> None:
        intake = self._intake
        contracts: ContractBook = intake.contracts
        today = et_date(self._clock.now())
        # What the broker could not name a moment ago holds nothing up; `_keep_up` asks for it now and then.
        wanted = [w for w in contracts.in_order(today) if w.instrument_id not in contracts.troubles or _is_vital(w)]
        asked = [contracts.resolve(link, wanted)]
        if today != self._futures_of:
            asked.append(self._resolve_futures(link, today))
        await asyncio.gather(*asked)
        if contracts.contract(SPX) is None:
            raise OutageError(f"SPX: {contracts.troubles.get(SPX, 'no contract')}")
        if intake.settings.wants_positions:
            await link.ask(link.ib.reqPositionsAsync, intake.settings.request_timeout_s)
            intake.tell_positions()
        if not keeps_lines:
            for line in intake.lines:
                intake.lines.ask(link, line, self._clock.now())
        self._arrange(link, today_wanted=contracts.in_order(today))

    def _arrange(self, link: Link, today_wanted: tuple[Watched, ...]) -> None:
        intake = self._intake
        wanted = [
            (watched, contract)
            for watched in today_wanted
            if (contract := intake.contracts.contract(watched.instrument_id)) is not None
        ]
        before = intake.lines.left_out
        intake.lines.arrange(link, wanted, self._clock.now())
        for name in intake.lines.left_out:
            if name not in before:
                intake.reject(name, "no_line")

    async def _warm(self, link: Link) -> None:
        intake = self._intake
        gap = intake.gap()
        if gap is None:
            return
        events = await self._warm_up.fetch(link, intake.contracts, gap, self._calendar(), intake.progress.watched)
        await intake.settle_small_cap(bar.instrument_id for bar in events if isinstance(bar, DailyBar))
        for event, following in zip(events, (*events[1:], None), strict=True):
            if _session_of(event) != _session_of(following) and (day := _session_of(event)) is not None:
                intake.progress.known_until = day
                intake.outlet.mark(intake.progress.position())
            await intake.outlet.put(event)
        intake.progress.known_until = gap.last

    async def _verify(self, link: Link) -> None:
        """Ask again for whatever does not tick soon after data was said to be kept; off-hours for everything."""
        intake = self._intake
        asked_at = self._clock.now()
        if self._calendar().is_open(asked_at):
            await self._clock.sleep(intake.settings.verify_after_s)
        with contextlib.suppress(OutageError):  # the connection's end is told by itself
            for line in intake.lines:
                if intake.lines.last_live_ns.get(line.instrument_id, 0) <= asked_at:
                    intake.lines.ask(link, line, self._clock.now())

    async def _keep_up(self, link: Link) -> None:
        """Roll the curve when the exchange's date changes, follow the book's legs, look for what could not be resolved.

        Returns as soon as a close is missing that history has.
        """
        intake, contracts = self._intake, self._intake.contracts
        turn = 0
        while intake.gap() is None:
            await self._clock.sleep(_KEEP_UP_S)
            turn += 1
            today = et_date(self._clock.now())
            is_turn = turn % _RESOLVE_AGAIN_TURNS == 0
            with contextlib.suppress(OutageError):
                if today != self._futures_of or (is_turn and {"VX", "VXM"} & contracts.troubles.keys()):
                    await self._resolve_futures(link, today)
                wanted = contracts.in_order(today)
                await contracts.resolve(
                    link, [w for w in wanted if is_turn or w.instrument_id not in contracts.troubles]
                )
                self._arrange(link, wanted)

    async def _resolve_futures(self, link: Link, today: date) -> None:
        await self._intake.contracts.resolve_futures(link, self._calendar(), today)
        self._futures_of = today


def _session_of(event: Event | None) -> date | None:
    """Return the session of a warm-up event: the date of the close it is stamped with."""
    if event is None:
        return None
    return event.session if isinstance(event, DailyBar | SessionClose) else et_date(event.ts_event)


def _is_vital(watched: Watched) -> bool:
    return watched.instrument_id in {SPX, *SMALL_CAPS}


def _port_of(line: str) -> int | None:
    """Return the port that a 1300 names at its end, if it does."""
    named = re.search(r"(\d{2,5})\D*$", line)
    return int(named[1]) if named and int(named[1]) <= _LAST_PORT else None
