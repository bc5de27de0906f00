"""The runner over a real Redis: what is committed, what a start finds, and what it does when the log is away."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random

import pytest

from alvh.adapters.redis import (
    Keys,
    RedisAddress,
    RedisJournal,
    RedisLease,
    RedisLink,
    RedisOutbox,
    RedisRetention,
    archive_log,
)
from alvh.core.effects import Refused, Wake
from alvh.core.events import Event, FeedState, SessionClose
from alvh.errors import FencedError, JournalError, OutageError
from alvh.shell.backoff import Backoff
from alvh.shell.ports import OutboundMessage, Silent, Sourced
from alvh.shell.runner import MAX_WAITING, Runner
from alvh.shell.topics import Topics
from servers import RedisServer, redis_server
from toy_engine import Done, RealClock, ToyEngine, bodies, quotes

KEYS = Keys("test")


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


class Observing(Silent):
    """Remembers sizes of commits and the number of events."""

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.events: list[Event] = []

    def committed(self, seconds: float, events: int) -> None:
        assert 0 <= seconds < 30
        self.commits.append(events)

    def event_taken(self, event: Event) -> None:
        self.events.append(event)


class Node:
    """One daemon's worth of shell around the toy engine, without a broker."""

    def __init__(self, redis: RedisServer, holder: str = "a:b:1:1") -> None:
        self.link = RedisLink(RedisAddress(url=redis.unix_url))
        self.journal = RedisJournal(self.link, KEYS)
        self.outbox = RedisOutbox(self.link, KEYS)
        self.delays = Backoff(Random(3), base_s=0.01, cap_s=0.05)
        self.lease = RedisLease(self.link, KEYS, delays=self.delays, ttl_s=0.5, holder=holder)
        self.handed: list[OutboundMessage] = []
        self.requests = Done()
        self.observer = Observing()
        self.runner = Runner(
            new_engine=ToyEngine,
            journal=self.journal,
            topics=Topics(root="alvh", instance="test"),
            hand_over=self._take,
            requests=self.requests,
            clock=RealClock(),
            delays=self.delays,
            observer=self.observer,
        )

    def _take(self, messages: Sequence[OutboundMessage], since_ns: int) -> None:
        assert since_ns > 0
        self.handed += messages

    async def lead(self) -> int:
        await self.runner.recover()
        epoch = await self.lease.acquire()
        self.journal.lead(epoch)
        self.outbox.lead(epoch)
        position = await self.runner.take_over(epoch)
        return int(position or 0)

    async def run(self, sourced: list[Sourced]) -> None:
        running = asyncio.create_task(self.runner.run())
        for one in sourced:
            await self.runner.submit(one)
        self.runner.stop()
        await running

    @property
    def toy(self) -> ToyEngine:
        assert isinstance(self.runner.engine, ToyEngine)
        return self.runner.engine


def said(messages: Sequence[OutboundMessage], kind: str, epoch: int) -> list[bytes]:
    tail = b',"epoch":%d}' % epoch
    chosen = [message.body for message in messages if message.topic.endswith(f"/{kind}")]
    assert all(body.endswith(tail) for body in chosen)
    return [body.removesuffix(tail) + b"}" for body in chosen]


def test_messages_are_committed_numbered_and_handed_over(redis: RedisServer) -> None:
    async def run() -> None:
        node = Node(redis)
        assert await node.lead() == 0
        await node.run(quotes(1, 1000))
        stored = await node.outbox.after("0-0", 5000)
        assert stored == node.handed
        assert [m.message_id for m in stored[:5]] == ["3-1", "3-2", "5-1", "6-1", "6-2"]
        assert {m.topic: m.retained for m in stored} == {
            "alvh/test/portfolio/core/adjustment": False,
            "alvh/test/portfolio/core/target": True,
            "alvh/test/signals": True,
        }
        for kind, expected in bodies(1000).items():
            assert said(stored, kind, node.lease.epoch) == expected
        found = await node.journal.recover()
        assert (found.tail_seq, found.position, found.checkpoint_seq) == (1000, "1000", 1000)  # the closing checkpoint
        newest = await node.link.call("HGETALL", KEYS.signals)
        assert newest[b"time"] == b"t"
        assert (newest[b"count"], newest[b"parts_none"], newest[b"flags"]) == (b"1000", b"", b'["a"]')
        assert float(newest[b"parts_total"]) == node.toy.total
        assert len(node.observer.events) == 1000
        assert sum(node.observer.commits) == 1000
        assert max(node.observer.commits) <= 512
        await node.link.close()

    asyncio.run(run())


def test_restart_anywhere_goes_on_as_if_nothing_had_happened(redis: RedisServer) -> None:
    """A crash between any two awaits, the feed resumed at its stored position: one undivided story."""

    async def run() -> None:
        random = Random(5)
        done = starts = 0
        stored: Sequence[OutboundMessage] = []
        while done < 3000:
            starts += 1
            node = Node(redis)
            done = await node.lead()
            task = asyncio.create_task(node.run(quotes(done + 1, 3000)))
            await asyncio.wait([task], timeout=random.uniform(0, 0.006))
            task.cancel()  # nothing in memory survives
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)  # what was on its way to Redis arrives
            # In this order: a commit that arrives in between would otherwise count as done without being in `stored`.
            done = int((await node.journal.recover()).position or 0)
            stored = await node.outbox.after("0-0", 5000)
            await node.link.close()
        assert starts > 3
        bare = [(m.message_id, m.topic, m.body.rpartition(b',"epoch":')[0] + b"}") for m in stored]
        calm = bodies(3000)
        for kind, expected in calm.items():
            assert [body for _, topic, body in bare if topic.endswith(kind)] == expected

    asyncio.run(run())


def test_checkpoint_shortens_the_fold_and_an_unusable_one_is_passed_over(redis: RedisServer) -> None:
    async def run() -> None:
        node = Node(redis)
        await node.lead()
        running = asyncio.create_task(node.runner.run())
        for one in quotes(1, 4500):
            await node.runner.submit(one)
        async with asyncio.timeout(5):
            while sum(node.observer.commits) < 4500:  # noqa: ASYNC110 - the runner does not tell
                await asyncio.sleep(0.01)
        running.cancel()
        found = await node.journal.recover()
        assert 2000 <= found.checkpoint_seq < 4500
        again = Node(redis)
        await again.runner.recover()
        assert (again.runner.seq, again.toy.count) == (4500, 4500)
        await again.link.call("HSET", KEYS.checkpoint, "state", "rubbish")
        last = Node(redis)
        await last.runner.recover()
        assert (last.runner.seq, last.toy.count, last.toy.total) == (4500, 4500, again.toy.total)
        for used in (node, again, last):
            await used.link.close()

    asyncio.run(run())


def test_a_trimmed_log_is_folded_from_its_state_on_or_with_the_archive(redis: RedisServer, tmp_path: Path) -> None:
    async def run() -> None:
        node = Node(redis)
        await node.lead()
        await node.run(quotes(1, 3000))
        await node.outbox.acknowledge("3000-3", [])
        await archive_log(node.link, KEYS, tmp_path)
        retention = RedisRetention(node.link, KEYS, node.journal, history_days=1)
        retention._history_ns = 10  # the tape's quotes are a nanosecond apart
        assert await retention.round() == 2989
        again = Node(redis)
        await again.runner.recover()
        assert (again.runner.seq, again.toy.count, again.toy.total) == (3000, 3000, node.toy.total)
        await again.link.call("HSET", KEYS.checkpoint, "state", "rubbish")
        with pytest.raises(JournalError, match="event 1 is not in the log, 2990 is the next"):
            await Node(redis).runner.recover()
        last = Node(redis)
        last.journal._archive = tmp_path
        await last.runner.recover()
        assert (last.runner.seq, last.toy.count, last.toy.total) == (3000, 3000, node.toy.total)
        for used in (node, again, last):
            await used.link.close()

    asyncio.run(run())


def test_an_idle_leader_notices_a_lost_tail_and_the_relay_hears_of_it_again(redis: RedisServer) -> None:
    async def run() -> None:
        node = Node(redis)
        await node.lead()
        running = asyncio.create_task(node.runner.run())
        for one in quotes(1, 3):
            await node.runner.submit(one)
        await asyncio.sleep(0.2)
        said_before = list(node.handed)
        assert said_before
        for key in (KEYS.journal, KEYS.outbox, KEYS.checkpoint):
            await node.link.call("DEL", key)
        await node.link.call("HSET", KEYS.meta, "tail", "0")  # the replica that took over had the token alone
        await asyncio.sleep(1.3)
        assert node.handed == [*said_before, *said_before]
        assert await node.outbox.after("0-0", 9) == said_before
        node.runner.stop()
        await running
        await node.link.close()

    asyncio.run(run())


def test_redis_away_holds_the_source_back_and_nothing_is_lost(redis: RedisServer) -> None:
    async def run() -> None:
        node = Node(redis)
        await node.lead()
        running = asyncio.create_task(node.runner.run())
        redis.kill()
        feeding = asyncio.create_task(_feed(node, 3 * MAX_WAITING))
        await asyncio.sleep(0.3)
        assert not feeding.done()  # held back
        assert not node.handed  # nothing leaves before its commit
        redis.start()
        async with asyncio.timeout(10):
            await feeding
            node.runner.stop()
            await running
        assert said(node.handed, "adjustment", node.lease.epoch) == bodies(3 * MAX_WAITING)["adjustment"]
        await node.link.close()

    asyncio.run(run())


async def _feed(node: Node, count: int) -> None:
    for one in quotes(1, count):
        await node.runner.submit(one)


def test_stop_while_redis_is_away_ends(redis: RedisServer) -> None:
    async def run() -> None:
        node = Node(redis)
        await node.lead()
        redis.kill()
        with pytest.raises(OutageError):
            await node.run(quotes(1, 3))
        await node.link.close()

    asyncio.run(run())


def test_a_leader_that_was_replaced_says_nothing_more(redis: RedisServer) -> None:
    async def run() -> None:
        old, new = Node(redis), Node(redis, "c:d:1:1")
        await old.lead()
        running = asyncio.create_task(old.runner.run())
        for one in quotes(1, 10):
            await old.runner.submit(one)
        await asyncio.sleep(0.1)
        assert await new.lead() == 10  # the old one never renewed
        handed = len(old.handed)
        for one in quotes(11, 20):
            await old.runner.submit(one)
        with pytest.raises(FencedError, match="another node leads"):
            await running
        assert len(old.handed) == handed
        await new.run(quotes(11, 20))
        stored = await new.outbox.after("0-0", 100)
        assert said(stored[handed:], "adjustment", new.lease.epoch) == bodies(20)["adjustment"][3:]
        for node in (old, new):
            await node.link.close()

    asyncio.run(run())


def test_a_follower_is_hot_and_carries_out_nothing(redis: RedisServer) -> None:
    async def run() -> None:
        leader, follower = Node(redis), Node(redis, "c:d:1:1")
        await leader.lead()
        await follower.runner.recover()
        await leader.run(quotes(1, 100))
        await follower.runner.follow()
        assert (follower.toy.count, follower.toy.total) == (100, leader.toy.total)
        assert not follower.handed
        assert not follower.requests.asked
        await leader.lease.release()
        epoch = await follower.lease.acquire()
        follower.journal.lead(epoch)
        assert await follower.runner.take_over(epoch) == "100"
        assert follower.requests.asked == [Wake(timer_id="open", due=1)]  # pending, from the engine
        for node in (leader, follower):
            await node.link.close()

    asyncio.run(run())


def test_a_log_that_lost_what_was_folded_is_noticed_at_take_over(redis: RedisServer) -> None:
    async def run() -> None:
        leader, follower = Node(redis), Node(redis, "c:d:1:1")
        await leader.lead()
        await leader.run(quotes(1, 10))
        await follower.runner.recover()
        await leader.link.call("FLUSHALL")
        epoch = await follower.lease.acquire()
        follower.journal.lead(epoch)
        with pytest.raises(FencedError, match="ends at 0, we have folded 10"):
            await follower.runner.take_over(epoch)
        for node in (leader, follower):
            await node.link.close()

    asyncio.run(run())


def test_other_effects_are_carried_out_after_the_commit(redis: RedisServer) -> None:
    async def run() -> None:
        node = Node(redis)
        await node.lead()
        await node.run(
            [
                Sourced(event=SessionClose(ts_event=1, ts_recv=1, session=date(2024, 1, 2))),
                Sourced(event=FeedState(ts_event=2, ts_recv=2, instrument_id=None, is_live=False, reason="gone")),
            ]
        )
        assert [type(effect) for effect in node.requests.asked] == [Wake, Refused]
        assert (await node.journal.recover()).position is None  # the source never said where it stands
        await node.link.close()

    asyncio.run(run())
