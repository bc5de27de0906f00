"""`alvh run`: everything put together, started in order, and stopped in the reverse."""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Final, Literal

from alvh import __version__
from alvh.adapters.http import HttpServer
from alvh.adapters.prometheus import Bounds, Metrics, PortfolioFigures, PortfolioLimits, Round
from alvh.adapters.redis import Keys
from alvh.app import logs
from alvh.app.addresses import broker_address, redis_address, valkey_folder
from alvh.app.clock import WallClock
from alvh.app.duty import DutyHours
from alvh.app.live import ERROR_CODES, FeedWatch, LiveFeed
from alvh.app.looking import STATUS_EXPIRES_S
from alvh.app.lookout import Lookout
from alvh.app.node import InstanceNode
from alvh.app.window import DaemonWindow
from alvh.core.hedge.account_follow import account_words
from alvh.core.instruments import INSTRUMENTS
from alvh.core.portfolio import PortfolioState
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.book import SignalBook
from alvh.errors import OutageError
from alvh.settings import Settings, load
from alvh.settings_feeds import IbFeed
from alvh.settings_servers import EMBEDDED

_LOGGER: Final = logging.getLogger(__name__)
ROUND_S: Final = 1.0  # how fresh gauges are; Prometheus asks every 5 s or less often


def run(config: Path | None) -> int:
    """Run the daemon until it is told to stop; return the exit code.

    Raises:
        AlvhError: it cannot start, or cannot go on.
    """
    settings = load(config)
    _look_at_secrets(settings)
    logs.configure(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_daemon(settings))
    return 0


def _look_at_secrets(settings: Settings) -> None:
    """Read what stands in files once before anything is started.

    Raises:
        InputError: one cannot be read or is empty.
    """
    for read in (settings.redis.secret, settings.redis.sentinel_secret, settings.mqtt.secret, settings.http.secret):
        read()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _daemon(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        duties: list[Coroutine[None, None, None]] = []
        if settings.redis.url == EMBEDDED:
            duties.append(await stack.enter_async_context(_embedded_valkey(settings)))
        embedded_url = None
        if settings.mqtt.url == EMBEDDED:
            embedded_url = await stack.enter_async_context(_embedded_broker())
        await _serve(settings, embedded_url, duties, stopping)


async def _serve(
    settings: Settings,
    embedded_url: str | None,
    duties: list[Coroutine[None, None, None]],
    stopping: asyncio.Event,
) -> None:
    """Run the node and the page beside the duties of the embedded servers, until one ends or we are told to stop."""
    metrics = Metrics(_bounds(settings))
    lookout = Lookout(metrics)
    address = broker_address(settings, embedded_url)
    clock = WallClock()
    node = InstanceNode(
        settings,
        redis=redis_address(settings),
        broker=address,
        clock=clock,
        observer=lookout,
        watch=FeedWatch(lookout, clock),
        on_said=lookout.said,
        on_recalled=lookout.recalled,
    )
    window = DaemonWindow(settings, node, lookout, clock)
    http = settings.http
    server = HttpServer(window, exposition=metrics.exposition, host=http.host, port=http.port, token=http.secret())
    lookout.on_change = server.changed
    await server.start()
    _greet(settings, server.url, address.place)
    work = asyncio.create_task(node.run(), name="node")
    others: list[asyncio.Task[None]] = [
        asyncio.create_task(duty, name=name)
        for name, duty in (
            ("rounds", _rounds(node, lookout, window, settings, address.place)),
            *((f"duty-{n}", d) for n, d in enumerate(duties)),
        )
    ]
    stop = asyncio.create_task(stopping.wait(), name="stop")
    everything: set[asyncio.Task[None] | asyncio.Task[Literal[True]]] = {work, stop, *others}
    try:
        await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        node.stop()
        for task in others:
            if task.done():
                task.result()
        await work
    finally:
        for each in everything:
            each.cancel()
        await asyncio.gather(*everything, return_exceptions=True)
        await server.close()


@asynccontextmanager
async def _embedded_valkey(settings: Settings) -> AsyncIterator[Coroutine[None, None, None]]:
    from alvh.adapters.embedded import EmbeddedValkey  # noqa: PLC0415 - an extra of its own

    valkey = EmbeddedValkey(valkey_folder(settings))
    await valkey.start()
    try:
        yield valkey.watch()
    finally:
        await valkey.stop()


@asynccontextmanager
async def _embedded_broker() -> AsyncIterator[str]:
    from alvh.adapters.embedded import EmbeddedBroker  # noqa: PLC0415 - an extra of its own

    broker = EmbeddedBroker()
    await broker.start()
    try:
        yield broker.url
    finally:
        await broker.stop()


async def _rounds(node: InstanceNode, lookout: Lookout, window: DaemonWindow, settings: Settings, broker: str) -> None:
    """Bring gauges up to date and say how we are, every second."""
    duty = DutyHours(settings)
    while True:
        _measure(node, lookout, settings)
        if isinstance(node.feed, LiveFeed):
            lookout.metrics.feed_clock(node.feed.status().clock_skew_s)
        status = window.status()
        if node.is_leader:
            with suppress(OutageError):
                said = {**status, "epoch": node.epoch, "broker": broker, "portfolios": window.portfolios()}
                keys = Keys(status["instance"])
                await node.link.call("SET", keys.status, json.dumps(said), "EX", STATUS_EXPIRES_S)
        hours = duty.at(time.time_ns(), node.engine.sessions, in_session=status["in_session"])
        found = Round(
            is_ready=not status["not_ready"],
            is_feed_connected=status["feed"]["is_connected"] and node.is_leader,
            hours=hours,
            epoch=node.epoch,
            folded=node.seq,
        )
        lookout.metrics.round(found)
        await asyncio.sleep(ROUND_S)


def _measure(node: InstanceNode, lookout: Lookout, settings: Settings) -> None:
    """Show where each portfolio and the signals stand."""
    engine = node.engine
    for rank, state in enumerate(engine.portfolios.states):
        figures = PortfolioFigures(
            phase=state.phase,
            sessions=state.sessions,
            moves={move.index: move.move_ratio for move in engine.moves(rank)},
            unanswered=len(state.unanswered),
            differences=len(account_words(state.hedge)),
            phase_since=_phase_since(state, engine.sessions, settings),
        )
        lookout.metrics.portfolio(state.portfolio_id, figures)
    if engine.session is not None and engine.sessions is not None:
        values = {signal.id: signal.value for signal in engine.book.signals}
        lookout.metrics.signals(values, engine.sessions.close_of(engine.session))


def _phase_since(state: PortfolioState, sessions: SessionCalendar | None, settings: Settings) -> float | None:
    """The close at which the phase was entered, Unix seconds; a market that is not live has another clock."""
    if not state.phase_history or sessions is None or not isinstance(settings.feed, IbFeed):
        return None
    session = sessions.session(date.fromisoformat(state.phase_history[-1][1]))
    return None if session is None else session.close_ns / 1e9


def _bounds(settings: Settings) -> Bounds:
    is_live = isinstance(settings.feed, IbFeed)
    limits = {
        portfolio.id: PortfolioLimits(
            threshold=portfolio.methodology.move3.threshold,
            soft=portfolio.methodology.timer.soft,
            hard=portfolio.methodology.timer.hard,
            # One that has triggers alone holds nothing that an answer could change.
            awaits_answers=portfolio.hedge == "alvh"
            and (portfolio.execution or ("answers" if is_live else "paper")) == "answers",
        )
        for portfolio in settings.portfolios
    }
    columns = SignalBook({}).columns
    return Bounds(
        version=__version__,
        feed=settings.feed.kind,
        portfolios=limits,
        instruments=tuple(INSTRUMENTS),
        feed_error_codes=ERROR_CODES if is_live else (),
        signals=tuple(column for column in columns if "_" not in column),
    )


def _greet(settings: Settings, page: str, broker: str) -> None:
    """Say where to look."""
    base = page.rstrip("/")
    simulated = (
        "  SIMULATED MARKET: no real price stands behind any number\n" if settings.feed.kind == "simulated" else ""
    )
    sys.stdout.write(
        f"alvh {__version__}, instance {settings.instance}\n{simulated}"
        f"  page      {base}/\n"
        f"  metrics   {base}/metrics\n"
        f"  broker    {broker}   topics {settings.mqtt.topic_root}/{settings.instance}/#\n"
        f"  Ctrl-C stops it; the next start goes on where it stopped\n"
    )
    sys.stdout.flush()
