"""Load over real TCP in real time: `PYTHONPATH=service python tests/gateway/load.py --rate 20000`.

The gateway of ours runs in a process of its own; the feed runs here. Prints whether a tick was lost before conflation,
the event loop's lag, memory, and the processor time that the feed took.
"""

import argparse
import asyncio
import contextlib
import math
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ib_async import Ticker

from alvh.adapters.ib.feed import IbFeed
from alvh.adapters.ib.feed_settings import IbFeedSettings, Kind, Watched
from alvh.adapters.ib.gateway.market import Bar, Listing, Price
from alvh.adapters.ib.gateway.server import Gateway
from alvh.core.events import Quote
from alvh.core.sessions import SessionCalendar, et_date

SLICE_S = 0.005
BASE = 1000.0
STEP = 0.01


def names(lines: int) -> list[str]:
    """Instruments: SPX, RUT, VIX and made-up ones."""
    return ["SPX", "RUT", "VIX", *(f"X{n:03}" for n in range(lines - 3))]


class Counter:
    """A market whose n-th tick of an instrument is 1000 + n / 100, so that a lost one shows."""

    def __init__(self, lines: int, rate: float) -> None:
        """Sell `lines` indices at `rate` ticks a second in all."""
        self._rate = rate
        self._listings = [
            Listing(con_id=n + 1, name=name, symbol=name, sec_type="IND", exchange="CBOE")
            for n, name in enumerate(names(lines))
        ]
        self._sent = [0] * lines

    def listings(self) -> Sequence[Listing]:
        """Return the indices."""
        return self._listings

    def price(self, con_id: int) -> Price:
        """Return the newest price."""
        return Price(last=round(BASE + self._sent[con_id - 1] * STEP, 2))

    def bars(self, con_id: int, bar_s: int, start: datetime, end: datetime) -> Sequence[Bar]:  # noqa: ARG002 - a port's
        """Return nothing: the feed is told that it knows the history."""
        return ()

    async def run(self, publish: Callable[[int, Price], None]) -> None:
        """Send at the set rate, in slices."""
        started, told = time.perf_counter(), 0
        while True:
            await asyncio.sleep(SLICE_S)
            due = int((time.perf_counter() - started) * self._rate)
            for n in range(told, due):
                at = n % len(self._sent)
                self._sent[at] += 1
                publish(at + 1, self.price(at + 1))
            told = due


class WallClock:
    """The shell's clock in real time."""

    def now(self) -> int:
        """Return ns UTC."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


async def serve(lines: int, rate: float) -> None:
    """Be the gateway; print the port."""
    gateway = Gateway(Counter(lines, rate))
    await gateway.start()
    print(gateway.port, flush=True)  # noqa: T201 - what the parent process reads
    await asyncio.to_thread(sys.stdin.read)  # the parent's end, however it comes, is ours


def always_open() -> SessionCalendar:
    """A calendar whose session is always now."""
    now, day = time.time_ns(), et_date(time.time_ns())
    hour = 3600 * 10**9
    yesterday = (day - timedelta(days=1), now - 30 * hour, now - 26 * hour)
    return SessionCalendar([yesterday, (day, now - hour, now + 12 * hour)])


def resident_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(lines: int, rate: float, seconds: float, port: int) -> int:
    """Run the feed and print what it took; return how many ticks were lost."""
    watchlist = tuple(
        Watched(instrument_id=name, kind=Kind.INDEX, symbol=name, exchange="CBOE") for name in names(lines)
    )
    settings = IbFeedSettings(
        port=port, watchlist=watchlist, breadth=(), vx_months=0, vxm_months=0, line_budget=lines + 1, chain_reserve=0
    )
    calendar = always_open()
    feed = IbFeed(settings, clock=WallClock(), calendar=lambda: calendar, known_until=calendar.first)
    seen: dict[str, int] = defaultdict(int)
    lost = 0
    intake = feed._intake
    take = intake.on_tickers

    def count(tickers: Iterable[Ticker]) -> None:
        nonlocal lost
        for ticker in tickers:
            line = intake.lines.of_ticker(ticker)
            if line is None:
                continue
            for tick in ticker.ticks:
                if tick.tickType == 4:
                    n = round((tick.price - BASE) / STEP)
                    before = seen.get(line.instrument_id, n - 1)
                    lost += max(n - before - 1, 0)
                    seen[line.instrument_id] = n
                    seen["*"] += 1
        take(tickers)

    intake.on_tickers = count  # type: ignore[method-assign]  # the measurement looks inside
    quotes = 0

    async def read() -> None:
        nonlocal quotes
        async with contextlib.aclosing(feed.events(None)) as source:
            async for sourced in source:
                quotes += isinstance(sourced.event, Quote)

    reading = asyncio.create_task(read())
    while feed.waiting_for():
        await asyncio.sleep(0.2)
        if reading.done():
            reading.result()
    await asyncio.sleep(2)
    lags: list[float] = []
    memory = [resident_mb()]
    at, cpu, began, quoted = seen["*"], time.process_time(), time.perf_counter(), quotes
    while time.perf_counter() - began < seconds:
        asked = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - asked - 0.01)
        if len(lags) % 100 == 0:
            memory.append(resident_mb())
    took = time.perf_counter() - began
    lags.sort()
    p50, p99 = lags[len(lags) // 2] * 1e3, lags[math.floor(0.99 * (len(lags) - 1))] * 1e3
    print(  # noqa: T201 - the figures asked for
        f"{lines} lines, {(seen['*'] - at) / took:,.0f} ticks/s for {took:.0f} s: lost {lost}; "
        f"quotes out {(quotes - quoted) / took:,.0f}/s; "
        f"loop lag p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"max {lags[-1] * 1e3:.1f} ms; resident {memory[0]:.1f} -> {memory[-1]:.1f} MB; "
        f"processor {100 * (time.process_time() - cpu) / took:.1f} %"
    )
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return lost


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop: the daemon's own (uvloop where it is installed), or asyncio's."""
    if name == "uvloop":
        import uvloop  # noqa: PLC0415 - not on every platform

        factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        return factory
    return asyncio.new_event_loop


def main() -> int:
    """Read the arguments and run; the exit code says whether a tick was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop", help="the daemon runs on uvloop")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.lines, given.rate))
        return 0
    command = [sys.executable, __file__, "--serve", f"--rate={given.rate}", f"--lines={given.lines}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            assert gateway.stdout is not None
            port = int(gateway.stdout.readline())
            with asyncio.Runner(loop_factory=loop_factory(given.loop)) as runner:
                return min(runner.run(measure(given.lines, given.rate, given.seconds, port)), 1)
        finally:
            gateway.terminate()


if __name__ == "__main__":
    sys.exit(main())
