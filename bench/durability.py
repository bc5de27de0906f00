"""What each level of durability costs: one commit at a time, and messages per second in full batches."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

from alvh.adapters.redis import Durability, Keys, RedisAddress, RedisJournal, RedisLease, RedisLink
from alvh.core.codec import encode
from alvh.core.effects import Publish
from alvh.core.engine import Engine
from alvh.core.events import Quote
from alvh.shell.backoff import Backoff
from alvh.shell.ports import Commit, OutboundMessage
from alvh.shell.runner import MAX_BATCH
from alvh.shell.topics import Topics
from bench.figures import Figure, Report, percentile
from bench.floors import BareRedis, Work
from bench.market import SPX, TRADING_NS, opening
from servers import RedisServer, bundled_valkey, redis_server

NAME: Final = "durability"
TITLE: Final = "The price of durability"

_COMMITS: Final = 300
_SLOW_COMMITS: Final = 10  # where WAITAOF waits for a tick of a server's clock
_COMMITS_TO_A_BATCH: Final = 30
_MESSAGES_IN_BATCH: Final = 64  # of some 5 kB each; a batch of 512 events seldom has as many
_PAUSE_S: Final = 0.005
_LIMIT_S: Final = 30.0
_TOPICS: Final = Topics(root="alvh", instance="bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One way to be durable.

    Attributes:
        name: as the figures call it.
        durability: of the journal.
        fsync: of the server.
        replicas: that must have it on disk too.
        is_slow: whether a commit waits for a tick of a server's clock.
    """

    name: str
    durability: Durability
    fsync: str
    replicas: int = 0
    is_slow: bool = False


_LEVELS: Final = (
    Level(name="everysec (can lose a second)", durability=Durability.EVERYSEC, fsync="everysec"),
    Level(name="appendfsync always (default)", durability=Durability.ALWAYS, fsync="always"),
    Level(
        name="WAITAOF, fsync always, 1 replica", durability=Durability.WAITAOF, fsync="always", replicas=1, is_slow=True
    ),
    Level(name="WAITAOF, fsync every second", durability=Durability.WAITAOF, fsync="everysec", is_slow=True),
)


def measure(scale: float) -> Report:
    """Measure each level over a server of its own; the bundled Valkey, as WAITAOF is younger than many a Redis."""
    figures: list[Figure] = []
    for level in _LEVELS:
        count = max(5, round((_SLOW_COMMITS if level.is_slow else _COMMITS) * scale))
        with _servers(level) as server:
            figures += asyncio.run(_measure(level, server, count, max(2, round(count / _COMMITS_TO_A_BATCH))))
    notes = (
        "A commit is one event with the two messages of an adjustment; the floor a transaction of the same bytes over a"
        " plain socket, on the same server.",
        f"A full batch has {MAX_BATCH} events and {_MESSAGES_IN_BATCH} messages.",
    )
    return Report(name=NAME, title=TITLE, figures=tuple(figures), notes=notes)


@contextmanager
def _servers(level: Level) -> Iterator[RedisServer]:
    executable = bundled_valkey()
    at_once = ("--repl-diskless-sync-delay", "0")  # by default a primary waits seconds for more replicas
    with redis_server(*at_once, fsync=level.fsync, executable=executable) as server:
        if not level.replicas:
            yield server
            return
        follow = ("--replicaof", f"127.0.0.1 {server.port}")
        with redis_server(*follow, fsync=level.fsync, executable=executable):
            yield server


async def _measure(level: Level, server: RedisServer, count: int, batches: int) -> list[Figure]:
    link, keys = RedisLink(RedisAddress(url=server.url)), Keys("bench")
    journal = RedisJournal(link, keys, durability=level.durability, replicas=level.replicas)
    lease = RedisLease(link, keys, delays=Backoff(SystemRandom()), ttl_s=600.0)
    epoch = await lease.acquire()
    journal.lead(epoch)
    await _until_in_step(link, level.replicas)
    line, publishes = _decision()
    seq, ours, floor = 0, [], []
    bare = BareRedis(server.port)
    for _ in range(count):
        seq += 1
        messages = [_TOPICS.outbound(each, seq=seq, n=n, epoch=epoch) for n, each in enumerate(publishes, start=1)]
        await asyncio.sleep(_PAUSE_S)
        began = time.perf_counter()
        await journal.commit(Commit(first_seq=seq, events=[line], messages=messages))
        ours.append(time.perf_counter() - began)
        await asyncio.sleep(_PAUSE_S)
        floor.append(bare.transaction(Work.of(line, messages).commands))
    began = time.perf_counter()
    for _ in range(batches):
        last = seq + MAX_BATCH
        senders = range(last - _MESSAGES_IN_BATCH + 1, last + 1)
        sent: list[OutboundMessage] = [
            _TOPICS.outbound(publishes[0], seq=sender, n=1, epoch=epoch) for sender in senders
        ]
        await journal.commit(Commit(first_seq=seq + 1, events=[line] * MAX_BATCH, messages=sent))
        seq = last
    per_second = batches * _MESSAGES_IN_BATCH / (time.perf_counter() - began)
    bare.close()
    await link.close()
    alone = 1.0 / percentile(ours, 0.5)
    return [
        *(
            Figure(what=f"{level.name}: one commit, p{share * 100:.0f}", value=percentile(ours, share) * 1e3, unit="ms",
                   against="bare transaction", floor=percentile(floor, share) * 1e3)
            for share in (0.50, 0.99)
        ),
        Figure(what=f"{level.name}: messages in full batches", value=per_second, unit="/s",
               against="one commit after another", floor=alone * len(publishes)),
    ]  # fmt: skip


async def _until_in_step(link: RedisLink, replicas: int) -> None:
    """Wait until the replicas have all there is."""
    give_up = time.monotonic() + _LIMIT_S
    while replicas and (await link.call("WAITAOF", 1, replicas, 1_000))[1] < replicas:
        if time.monotonic() > give_up:
            raise RuntimeError("the replica does not follow")
        await asyncio.sleep(0.1)


def _decision() -> tuple[bytes, list[Publish]]:
    """Return an event as the journal has it, and the messages it causes."""
    engine = Engine()
    for event in opening(confirm_quotes=1):
        engine.handle(event)
    quote = Quote(ts_event=TRADING_NS, ts_recv=TRADING_NS, instrument_id="SPX", last_price=1.04 * SPX)
    return encode(quote), [effect for effect in engine.handle(quote) if isinstance(effect, Publish)]
