"""`alvh gateway-sim`: an IB Gateway without an account, fed by a tape or the simulator, for trying the real adapter."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from pathlib import Path
from typing import Final

from alvh.adapters.ib.gateway.catalogue import underlyings
from alvh.adapters.ib.gateway.market import Holding
from alvh.adapters.ib.gateway.replay import ReplayedPrices
from alvh.adapters.ib.gateway.server import Gateway
from alvh.adapters.simulator import SimulatorFeed
from alvh.adapters.tape import TapeFeed, tape_span
from alvh.app.sources import calendar, malformed
from alvh.core.sessions import SessionCalendar, et_date, et_time
from alvh.errors import InputError, OutageError
from alvh.settings import CalendarSettings
from alvh.shell.ports import Sourced

HOST: Final = "127.0.0.1"
# The statistics need 300 sessions; a few more, as the daemon's calendar may know fewer that have closed.
HISTORY_SESSIONS: Final = 310
_SIMULATED_SINCE: Final = date(2025, 1, 2)
_DAYS_OF_HISTORY: Final = 800
# Of a tape shorter than its history, so much is history and the rest is sent.
_HISTORY_SHARE: Final = 0.75
_WHOLE_SESSION_S: Final = 23_400  # one price a session is enough of the past
_LIVE_INTERVAL_S: Final = 60
_LOOK_S: Final = 1.0
_FASTEST: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        tape: folder, or None for the simulator.
        begin: the tape's first date that is sent as now.
        speed: market seconds per second.
        seed: of the simulator.
        holdings: positions of the account as NAME=QUANTITY.
    """

    port: int
    tape: Path | None = None
    begin: date | None = None
    speed: float = 60.0
    seed: int = 7
    holdings: tuple[str, ...] = ()


def gateway_sim(wanted: Wanted, *, as_json: bool = False) -> int:
    """Serve until interrupted; return the exit code.

    Raises:
        InputError: the tape is missing or has no session to show, or an argument is out of range.
        OutageError: the port is taken.
    """
    if not 0 < wanted.speed <= _FASTEST:
        raise InputError(
            f"--speed: expected above 0 and up to {_FASTEST:g} market seconds a second, got {wanted.speed:g}"
        )
    if not 0 <= wanted.port <= 65_535:
        raise InputError(f"--port: expected 0 (any) to 65535, got {wanted.port}")
    asyncio.run(_serve(wanted, _print_json if as_json else _print))
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print_json(line: str) -> None:
    _print(json.dumps({"said": line.strip()}))


async def _serve(wanted: Wanted, say: Callable[[str], None]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    holdings = _holdings(wanted.holdings)
    prices, what = _market(wanted)
    say(f"alvh gateway-sim: reading the history of {what}")
    reading = asyncio.create_task(prices.prepare(), name="gateway-history")
    stop = asyncio.create_task(stopping.wait(), name="stop")
    try:
        await asyncio.wait({reading, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            return
        sessions = reading.result()
        if not sessions or prices.is_over:
            raise InputError(f"{what}: expected sessions to send behind its {sessions} sessions of history, found none")
        gateway = Gateway(prices, holdings=holdings)
        try:
            await gateway.start(HOST, wanted.port)
        except OSError as error:
            fault = "is taken by another program" if wanted.port else error.strerror
            raise OutageError(f"{HOST}:{wanted.port} {fault}: choose another --port") from error
        _greet(gateway.port, what, sessions, wanted, say)
        watching = asyncio.create_task(_watch(gateway, prices, say), name="gateway-watch")
        try:
            await asyncio.wait({stop, watching}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await gateway.stop()
        say(f"stopped; {gateway.connections} connections, {len(gateway.orders)} order messages (each refused)")
    finally:
        reading.cancel()
        stop.cancel()
        await asyncio.gather(reading, stop, return_exceptions=True)


def _market(wanted: Wanted) -> tuple[ReplayedPrices, str]:
    """Return the prices to sell, and what they are for a person."""
    now = time.time_ns()
    today = et_date(now)
    ours = SessionCalendar(calendar(CalendarSettings(), today - timedelta(days=_DAYS_OF_HISTORY), today).sessions)
    if wanted.tape is None:
        if wanted.begin is not None:
            raise InputError("--begin: expected with --tape only; the simulator has no dates worth choosing")
        prices = ReplayedPrices(
            _simulated(wanted.seed), calendar=ours, now=time.time_ns, history_sessions=HISTORY_SESSIONS,
            speed=wanted.speed,
        )  # fmt: skip
        return prices, f"the simulator (seed {wanted.seed}): no real price stands behind any number"
    first, last = tape_span(wanted.tape)
    theirs = SessionCalendar(calendar(CalendarSettings(), first, last).sessions)
    there = len(theirs.sessions_between(first, last))
    if wanted.begin is not None and not first < wanted.begin <= last:
        raise InputError(
            f"--begin: expected a date of the tape ({first} to {last}) behind its first, got {wanted.begin}"
        )
    source = TapeFeed(wanted.tape, theirs, on_malformed=malformed).events(None)
    prices = ReplayedPrices(
        source, calendar=ours, now=time.time_ns, begin=wanted.begin, speed=wanted.speed,
        history_sessions=min(HISTORY_SESSIONS, max(int(there * _HISTORY_SHARE), 1)),
    )  # fmt: skip
    return prices, f"the tape {wanted.tape} ({first} to {last})"


async def _simulated(seed: int) -> AsyncIterator[Sourced]:
    """Yield the simulator's past with one price a session, and go on from there minute by minute."""
    far = SessionCalendar(calendar(CalendarSettings(), _SIMULATED_SINCE, date(2040, 1, 1)).sessions)
    begin = far.sessions_between(far.first, far.horizon)[HISTORY_SESSIONS].date
    reached: str | None = None
    past = SimulatorFeed(far, seed=seed, start=_SIMULATED_SINCE, session_s=0.0, quote_interval_s=_WHOLE_SESSION_S)
    async for sourced in past.events(None):
        if et_date(sourced.event.ts_event) >= begin:
            reached = sourced.position
            break
        yield sourced
    live = SimulatorFeed(far, seed=seed, start=_SIMULATED_SINCE, session_s=0.0, quote_interval_s=_LIVE_INTERVAL_S)
    async for sourced in live.events(reached):
        yield sourced


def _holdings(texts: tuple[str, ...]) -> list[Holding]:
    known = {listing.name: listing for listing in underlyings() if listing.sec_type == "STK"}
    holdings = []
    for text in texts:
        name, _, quantity = text.partition("=")
        try:
            shares = float(quantity)
        except ValueError:
            shares = 0.0
        if name not in known or not shares or not isfinite(shares):
            raise InputError(f"--holding: expected one of {', '.join(sorted(known))} as NAME=SHARES, got {text!r}")
        holdings.append(Holding(listing=known[name], quantity=shares, average_cost=0.0))
    return holdings


def _greet(port: int, what: str, sessions: int, wanted: Wanted, say: Callable[[str], None]) -> None:
    """Say where it listens, what it sells, and what a configuration for it looks like at this hour."""
    now = time.time_ns()
    today = et_date(now)
    open_days = SessionCalendar(calendar(CalendarSettings(), today - timedelta(days=7), today).sessions)
    say(f"  sells     {what}")
    say(f"  history   {sessions} sessions; then {wanted.speed:g} market seconds a second")
    say("  orders    are refused, and counted")
    session = open_days.session_of(now)
    hours = ""
    if session is None:
        opening = et_time(open_days.next_close_after(now).open_ns)
        say(
            f"  exchange  is closed until {opening:%A %Y-%m-%d %H:%M} New York: prices move all the same and the daemon"
        )
        say("            shows them, but decides on none of them unless its calendar says that now is a session")
        days = ", ".join(f'{today + timedelta(days=n)}: "00:00-23:59"' for n in (0, 1))
        hours = f"\n    calendar: {{hours: {{{days}}}}}   # for trying things out: remove it later"
    else:
        say(f"  exchange  is open until {et_time(session.close_ns):%H:%M} New York")
    say(f"  listening on {HOST}:{port}; the daemon's configuration:\n")
    say(f"    instance: try-ib\n    feed: {{kind: ib, host: {HOST}, port: {port}}}{hours}\n")
    say("  Ctrl-C stops it")


async def _watch(gateway: Gateway, prices: ReplayedPrices, say: Callable[[str], None]) -> None:
    """Say who comes and goes, how many lines they hold, and when the market has run out."""
    told: tuple[tuple[int, ...], int, int] = ((), 0, 0)
    is_told_over = False
    while True:
        await asyncio.sleep(_LOOK_S)
        ids = tuple(sorted(client.client_id for client in gateway.clients if client.client_id is not None))
        now = (ids, gateway.lines_in_use, len(gateway.orders))
        if now != told:
            told = now
            who = f"client {', '.join(map(str, ids))}" if ids else "no client"
            say(f"{time.strftime('%H:%M:%S')} {who}, {now[1]} market-data lines, {now[2]} orders refused")
        if prices.is_over and not is_told_over:
            is_told_over = True
            say(f"{time.strftime('%H:%M:%S')} the source has ended: prices stand still from here on")
