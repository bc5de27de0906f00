"""`python -m bench.resident engine|runner FIRST LAST`: prints megabytes, at start and behind so many quotes."""

import sys

import psutil

_BARE = psutil.Process().memory_info().rss

import asyncio  # noqa: E402 - what is imported above is not counted
import gc  # noqa: E402
import json  # noqa: E402
from collections.abc import AsyncIterator, Iterator, Sequence  # noqa: E402
from random import SystemRandom  # noqa: E402

import alvh.app.daemon  # noqa: E402, F401 - its imports are what is measured
from alvh.app.clock import WallClock  # noqa: E402
from alvh.core.effects import Effect  # noqa: E402
from alvh.core.engine import Engine  # noqa: E402
from alvh.core.events import Quote  # noqa: E402
from alvh.shell.backoff import Backoff  # noqa: E402
from alvh.shell.ports import Commit, OutboundMessage, Recovered, Sourced  # noqa: E402
from alvh.shell.runner import Runner  # noqa: E402
from alvh.shell.topics import Topics  # noqa: E402
from bench.market import TRADING_NS, armed, opening, walk  # noqa: E402
from bench.memory import CHUNK  # noqa: E402

_STEP_NS = 1_000  # ten million quotes then take ten seconds of the session


def main(what: str, first: int, last: int) -> None:
    """Fold the quotes and print the figures."""
    found = [_BARE / 1e6]
    if what == "engine":
        engine = armed()
        found.append(_resident())
        for count, chunk in _chunks(last):
            for quote in chunk:
                engine.handle(quote)
            if count in (first, last):
                found.append(_resident())
    else:
        asyncio.run(_through_runner(first, last, found))
    print(json.dumps(found))


async def _through_runner(first: int, last: int, found: list[float]) -> None:
    log = _Forgetful()
    runner = Runner(
        new_engine=Engine,
        journal=log,
        topics=Topics(root="alvh", instance="bench"),
        hand_over=_drop,
        requests=log,
        clock=WallClock(),
        delays=Backoff(SystemRandom()),
    )
    await runner.recover()
    await runner.take_over(1)
    running = asyncio.create_task(runner.run())
    for event in opening():
        await runner.submit(Sourced(event=event))
    await asyncio.sleep(0.1)
    found.append(_resident())
    for count, chunk in _chunks(last):
        for number, quote in enumerate(chunk):
            await runner.submit(Sourced(event=quote, position=str(number)))
        if count in (first, last):
            found.append(_resident())
    runner.stop()
    await running


class _Forgetful:
    """A log that keeps nothing, for a runner alone."""

    async def recover(self) -> Recovered:
        return Recovered(checkpoint=None, checkpoint_seq=0, tail_seq=0, position=None)

    async def read(self, after_seq: int) -> AsyncIterator[tuple[int, bytes]]:
        for seq in range(after_seq, 0):
            yield seq, b""

    async def commit(self, commit: Commit) -> Sequence[OutboundMessage]:  # noqa: ARG002 - the port's signature
        await asyncio.sleep(0)
        return ()

    async def confirm(self, seq: int) -> Sequence[OutboundMessage]:  # noqa: ARG002 - the port's signature
        return ()

    def perform(self, effect: Effect) -> None:
        """Carry out nothing."""


def _drop(messages: Sequence[OutboundMessage], since_ns: int) -> None:
    """Take messages from the runner, as a relay does."""


def _chunks(last: int) -> Iterator[tuple[int, list[Quote]]]:
    """Yield quotes some at a time, and how many they are with those before; each some walk the same way again."""
    prices = [quote.last_price for quote in walk(CHUNK)]
    for count in range(CHUNK, last + 1, CHUNK):
        times = range(TRADING_NS + count * _STEP_NS, TRADING_NS + (count + CHUNK) * _STEP_NS, _STEP_NS)
        chunk = zip(times, prices, strict=True)
        yield count, [Quote(ts_event=at, ts_recv=at, instrument_id="SPX", last_price=price) for at, price in chunk]


def _resident() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
