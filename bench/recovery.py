"""How long a start takes to fold the journal's tail, as the tail grows."""

import asyncio
import time
from collections.abc import Sequence
from random import SystemRandom
from typing import Final

from alvh.adapters.redis import Keys, RedisAddress, RedisJournal, RedisLease, RedisLink
from alvh.app.clock import WallClock
from alvh.core.codec import encode
from alvh.core.effects import Effect
from alvh.core.engine import Engine
from alvh.shell.backoff import Backoff
from alvh.shell.ports import Commit, OutboundMessage
from alvh.shell.runner import CHECKPOINT_AT_LATEST, CHECKPOINT_EVERY, MAX_BATCH, Runner
from alvh.shell.topics import Topics
from bench.figures import Figure, Report
from bench.market import opening, walk
from servers import redis_server

NAME: Final = "recovery"
TITLE: Final = "Recovery as the journal's tail grows"

_LONGEST: Final = CHECKPOINT_AT_LATEST * CHECKPOINT_EVERY
_TAILS: Final = (CHECKPOINT_EVERY // 10, CHECKPOINT_EVERY, _LONGEST // 4, _LONGEST)
_ROUNDS: Final = 3


def measure(scale: float) -> Report:
    """Measure with tails up to the longest that the daemon lets grow before it writes a checkpoint."""
    rounds = max(1, round(_ROUNDS * scale))
    figures = []
    for tail in _TAILS:
        with redis_server(fsync="everysec") as redis:
            ours, floor = asyncio.run(_measure(redis.url, tail, rounds))
        figures.append(
            Figure(what=f"recover: {tail:,} events behind no checkpoint", value=ours * 1e3, unit="ms",
                   against="reading them from Redis alone", floor=floor * 1e3)
        )  # fmt: skip
    note = f"A checkpoint is due each {CHECKPOINT_EVERY:,} events, at the latest at {_LONGEST:,}."
    return Report(name=NAME, title=TITLE, figures=tuple(figures), notes=(note,))


async def _measure(url: str, tail: int, rounds: int) -> tuple[float, float]:
    """Return the quickest recovery and the quickest reading, in seconds."""
    link, keys = RedisLink(RedisAddress(url=url)), Keys("bench")
    journal = RedisJournal(link, keys)
    journal.lead(await RedisLease(link, keys, delays=Backoff(SystemRandom()), ttl_s=600.0).acquire())
    lines = [encode(event) for event in (*opening(), *walk(tail))][:tail]
    for first in range(0, tail, MAX_BATCH):
        await journal.commit(Commit(first_seq=first + 1, events=lines[first : first + MAX_BATCH], messages=[]))
    recoveries, readings = [], []
    for _ in range(rounds):
        runner = _new_runner(link, keys)
        began = time.perf_counter()
        await runner.recover()
        recoveries.append(time.perf_counter() - began)
        if runner.seq != tail:
            raise RuntimeError(f"recovered up to {runner.seq} of {tail}")
        began = time.perf_counter()
        count = 0
        async for _ in RedisJournal(link, keys).read(0):
            count += 1
        readings.append(time.perf_counter() - began)
    await link.close()
    return min(recoveries), min(readings)


def _new_runner(link: RedisLink, keys: Keys) -> Runner:
    return Runner(
        new_engine=Engine,
        journal=RedisJournal(link, keys),
        topics=Topics(root="alvh", instance="bench"),
        hand_over=_nothing_to_say,
        requests=_NothingElse(),
        clock=WallClock(),
        delays=Backoff(SystemRandom()),
    )


def _nothing_to_say(messages: Sequence[OutboundMessage], since_ns: int) -> None:
    raise AssertionError((messages, since_ns))


class _NothingElse:
    """A recovery carries out nothing."""

    def perform(self, effect: Effect) -> None:
        raise AssertionError(effect)
