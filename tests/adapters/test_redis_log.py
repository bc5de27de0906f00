"""The log in a real Redis: commits are whole, repeatable and fenced; what was lost is told."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from alvh.adapters.redis import Durability, Keys, RedisAddress, RedisJournal, RedisLease, RedisLink, RedisOutbox
from alvh.errors import FencedError, InputError, JournalError, OutageError
from alvh.shell.backoff import Backoff
from alvh.shell.ports import Commit, OutboundMessage
from servers import RedisServer, bundled_valkey, redis_server

KEYS = Keys("test")


def message(message_id: str, *, retained: bool = False, body: bytes = b"{}") -> OutboundMessage:
    kind = "target" if retained else "adjustment"
    topic = f"alvh/test/portfolio/core/{kind}"
    return OutboundMessage(message_id=message_id, topic=topic, body=body, retained=retained)


COMMIT = Commit(
    first_seq=1,
    events=[b"one", b"two\x00\xff", b"three"],
    messages=[message("1-1"), message("1-2", retained=True), message("3-1", body=b'{"a":1}')],
    position="row 3",
    checkpoint=b"state\x00\xff",
    signals=[(1, {"time": "t1", "S03_macd": "0.25"}), (3, {"time": "t3", "S05_rsi": ""})],
)


class Log:
    """Everything one node holds of one log."""

    def __init__(self, url: str, holder: str = "a:boot:1:1", **options: object) -> None:
        self.link = RedisLink(RedisAddress(url=url))
        self.journal = RedisJournal(self.link, KEYS, **options)  # type: ignore[arg-type]  # as the tests need them
        self.outbox = RedisOutbox(self.link, KEYS)
        self.lease = RedisLease(self.link, KEYS, delays=Backoff(Random(1), cap_s=0.2), ttl_s=1.0, holder=holder)

    async def lead(self) -> int:
        epoch = await self.lease.acquire()
        self.journal.lead(epoch)
        self.outbox.lead(epoch)
        return epoch


def scenario(url: str, act: Callable[[Log], Awaitable[None]]) -> None:
    async def run() -> None:
        log = Log(url)
        try:
            await log.lead()
            await act(log)
        finally:
            await log.link.close()

    asyncio.run(run())


async def until_answered(act: Callable[[], Awaitable[object]], *, seconds: float = 5.0) -> None:
    """Do it again while Redis is loading its data."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await act()
            except OutageError:
                await asyncio.sleep(0.02)
            else:
                return


async def all_events(log: Log, after_seq: int = 0) -> list[tuple[int, bytes]]:
    return [event async for event in log.journal.read(after_seq)]


@pytest.mark.parametrize("server", ["redis", "valkey"])
def test_commit_writes_everything_once_and_says_it_again(server: str) -> None:
    async def act(log: Log) -> None:
        empty = await log.journal.recover()
        assert (empty.checkpoint, empty.tail_seq, empty.position) == (None, 0, None)
        for _ in range(3):  # the second and third are the retries after a lost reply
            await log.journal.commit(COMMIT)
        assert await all_events(log) == [(1, b"one"), (2, b"two\x00\xff"), (3, b"three")]
        assert await all_events(log, 2) == [(3, b"three")]
        assert await log.outbox.after("0-0", 10) == COMMIT.messages
        assert await log.outbox.after("1-1", 1) == [COMMIT.messages[1]]
        found = await log.journal.recover()
        assert (found.checkpoint, found.checkpoint_seq) == (b"state\x00\xff", 3)
        assert (found.tail_seq, found.position) == (3, "row 3")
        assert await log.link.call("HGETALL", KEYS.signals) == {b"time": b"t3", b"S05_rsi": b""}
        history = await log.link.call("XRANGE", KEYS.signals_history, "-", "+")
        assert [entry_id for entry_id, _ in history] == [b"1-1", b"3-1"]
        await log.journal.commit(Commit(first_seq=4, events=[b"four"], messages=[]))
        found = await log.journal.recover()
        assert (found.tail_seq, found.position, found.checkpoint_seq) == (4, "row 3", 3)
        await log.journal.commit(Commit(first_seq=5, events=[], messages=[], checkpoint=b"closing"))
        found = await log.journal.recover()
        assert (found.tail_seq, found.checkpoint_seq, found.checkpoint) == (4, 4, b"closing")

    with redis_server(executable=bundled_valkey() if server == "valkey" else None) as running:
        scenario(running.unix_url, act)


@pytest.mark.parametrize(
    "other",
    [
        replace(COMMIT, events=[b"one", b"TWO", b"three"]),
        replace(COMMIT, events=[b"one", b"two\x00\xff", b"three", b"four"]),
        replace(COMMIT, messages=COMMIT.messages[:2]),
        replace(COMMIT, messages=[*COMMIT.messages[:2], message("3-1", body=b'{"a":2}')]),
        replace(COMMIT, messages=[*COMMIT.messages[:2], message("3-2", body=b'{"a":1}')]),
    ],
)
def test_other_contents_for_written_ids_are_refused(redis: RedisServer, other: Commit) -> None:
    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        with pytest.raises(JournalError, match="other contents"):
            await log.journal.commit(other)
        assert await all_events(log) == [(1, b"one"), (2, b"two\x00\xff"), (3, b"three")]
        assert len(await log.outbox.after("0-0", 10)) == 3

    scenario(redis.unix_url, act)


def test_a_stale_leader_is_refused_everywhere(redis: RedisServer) -> None:
    async def run() -> None:
        old, new = Log(redis.unix_url, "a:boot:1:1"), Log(redis.unix_url, "b:boot:1:1")
        first = await old.lead()
        await old.journal.commit(COMMIT)
        await old.lease.release()
        assert not old.lease.is_valid
        second = await new.lead()
        assert second > first
        stale = Commit(first_seq=4, events=[b"stale"], messages=[message("4-1")])
        with pytest.raises(FencedError, match=str(second)):
            await old.journal.commit(stale)
        with pytest.raises(FencedError):
            await old.journal.commit(COMMIT)  # even what is written: the reply must not be taken for leadership
        with pytest.raises(FencedError):
            await old.outbox.acknowledge("3-1", [])
        with pytest.raises(FencedError):
            await old.lease.renew()
        await new.journal.commit(replace(stale, events=[b"new"]))
        assert (await all_events(new))[-1] == (4, b"new")
        await old.lease.release()  # the old one's release must not end the new one's lease
        await new.lease.renew()
        assert await new.link.call("GET", KEYS.lease) == f"{second}|b:boot:1:1".encode()
        reader = RedisJournal(new.link, KEYS)
        with pytest.raises(FencedError):
            await reader.commit(Commit(first_seq=5, events=[b"x"], messages=[]))
        for log in (old, new):
            await log.link.close()

    asyncio.run(run())


def test_follower_waits_for_expiry_and_the_paused_leader_notices(redis: RedisServer) -> None:
    async def run() -> None:
        leader, follower = Log(redis.unix_url, "a:boot:1:1"), Log(redis.unix_url, "b:boot:1:1")
        await leader.lead()
        began = asyncio.get_running_loop().time()
        waiting = asyncio.create_task(follower.lead())
        await asyncio.sleep(0.4)
        await leader.lease.renew()
        await asyncio.sleep(0.8)
        assert not waiting.done()  # renewed: still the first one's
        validity = [leader.lease.is_valid]
        await waiting
        assert 1.3 < asyncio.get_running_loop().time() - began < 2.4
        assert [*validity, leader.lease.is_valid] == [True, False]  # known without asking
        with pytest.raises(FencedError):
            await leader.lease.keep()
        for log in (leader, follower):
            await log.link.close()

    asyncio.run(run())


def test_redis_that_lost_the_log_is_told(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        following = Commit(first_seq=4, events=[b"four"], messages=[])
        await log.link.call("HSET", KEYS.meta, "tail", "3")
        await log.link.call("XTRIM", KEYS.journal, "MAXLEN", "0")
        with pytest.raises(JournalError, match="streams end at 0"):
            await log.journal.commit(following)
        with pytest.raises(JournalError, match="ends at 0"):
            await log.journal.recover()
        await log.link.call("DEL", KEYS.journal, KEYS.outbox, KEYS.checkpoint)
        await log.link.call("HSET", KEYS.meta, "tail", "0")
        successor = RedisJournal(log.link, KEYS)
        successor.lead(log.lease.epoch)  # it has no commits of its own to write again
        with pytest.raises(FencedError, match="ends at 0, ours at 3"):
            await successor.commit(following)
        with pytest.raises(FencedError, match="ends at 0, ours at 3"):
            await successor.confirm(3)
        await log.link.call("FLUSHALL")
        with pytest.raises(FencedError, match="no log"):
            await log.journal.commit(following)
        with pytest.raises(FencedError):
            await log.lease.renew()
        assert await log.lead() > 0

    scenario(redis.unix_url, act)


def test_a_tail_that_a_failover_lost_is_written_again(redis: RedisServer) -> None:
    """The replica that became the master lacks the last commits; the leader has them, and nobody notices."""

    async def act(log: Log) -> None:
        commits = [
            COMMIT,
            Commit(first_seq=4, events=[b"four"], messages=[message("4-1"), message("4-2", retained=True)]),
            Commit(first_seq=5, events=[b"five", b"six"], messages=[], position="row 6", checkpoint=b"six"),
            Commit(first_seq=7, events=[b"seven"], messages=[message("7-1")]),
        ]
        for commit in commits[:3]:
            assert await log.journal.commit(commit) == []
        whole = await all_events(log)
        await _lose(log, 3)
        assert [m.message_id for m in await log.journal.commit(commits[3])] == ["4-1", "4-2"]
        assert await all_events(log) == [*whole, (7, b"seven")]
        assert [m.message_id for m in await log.outbox.after("3-1", 9)] == ["4-1", "4-2", "7-1"]
        await _lose(log, 4)
        assert [m.message_id for m in await log.journal.confirm(7)] == ["7-1"]  # noticed without a commit too
        assert await log.journal.confirm(7) == ()
        found = await log.journal.recover()
        assert (found.tail_seq, found.position, found.checkpoint_seq) == (7, "row 6", 3)

    scenario(redis.unix_url, act)


async def _lose(log: Log, tail: int) -> None:
    """Cut the log behind `tail`, as the master's change would have."""
    for key in (KEYS.journal, KEYS.outbox):
        entries = await log.link.call("XRANGE", key, "-", "+")
        await log.link.call("DEL", key)
        for entry_id, fields in entries:
            if int(entry_id.partition(b"-")[0]) <= tail:
                words = [word for pair in fields.items() for word in pair]
                await log.link.call("XADD", key, entry_id, *words)
    await log.link.call("HSET", KEYS.meta, "tail", tail)
    await log.link.call("HSET", KEYS.checkpoint, "seq", 3, "state", COMMIT.checkpoint or b"")


def test_a_reader_notices_that_what_it_has_read_was_replaced(redis: RedisServer) -> None:
    async def run() -> None:
        leader, follower = Log(redis.unix_url), Log(redis.unix_url, "b:boot:1:1")
        await leader.lead()
        await leader.journal.commit(COMMIT)
        assert len(await all_events(follower)) == 3
        assert await all_events(follower, 3) == []
        await _lose(leader, 2)
        with pytest.raises(FencedError, match="event 3"):
            await all_events(follower, 3)  # shorter than what was read
        await leader.lead()  # another epoch, and the same event at the same place
        successor = Commit(first_seq=3, events=[b"three", b"four"], messages=[])
        await leader.journal.commit(successor)
        with pytest.raises(FencedError, match="event 3"):
            await all_events(follower, 3)
        await follower.journal.recover()
        assert len(await all_events(follower)) == 4
        for log in (leader, follower):
            await log.link.close()

    asyncio.run(run())


def test_an_epoch_that_was_given_away_twice_fences_all_the_same(redis: RedisServer) -> None:
    """A failover forgot the token, and the next leader was given the same number."""

    async def run() -> None:
        old, new = Log(redis.unix_url), Log(redis.unix_url, "b:boot:1:1")
        epoch = await old.lead()
        await old.journal.commit(COMMIT)
        await old.link.call("DEL", KEYS.lease)
        await old.link.call("HSET", KEYS.meta, "epoch", epoch - 1)
        new.journal.lead(epoch)
        await old.link.call("HSET", KEYS.meta, "epoch", epoch, "leader", new.link.identity)
        stale = Commit(first_seq=4, events=[b"stale"], messages=[])
        for act in (old.journal.commit(stale), old.outbox.acknowledge("3-1", []), old.lease.renew()):
            with pytest.raises(FencedError):
                await act
        await new.journal.commit(stale)
        await old.link.call("HSET", KEYS.meta, "epoch", 7)
        assert await old.lead() > epoch  # it remembers what it was given
        for log in (old, new):
            await log.link.close()

    asyncio.run(run())


def test_the_cursor_waits_for_messages_that_a_failover_has_lost(redis: RedisServer) -> None:
    """Ahead of the log it would have a next leader pass over other messages with the same ids."""

    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        await log.outbox.acknowledge("2-1", [])
        ahead = f"{COMMIT.first_seq + len(COMMIT.events)}-1"
        with pytest.raises(OutageError, match=f"redis has lost message {ahead}: its log ends at 3"):
            await log.outbox.acknowledge(ahead, [])
        assert await log.outbox.acknowledged() == "2-1"
        await log.journal.commit(Commit(first_seq=4, events=[b"4"], messages=[]))
        await log.outbox.acknowledge(ahead, [])
        assert await log.outbox.acknowledged() == ahead

    scenario(redis.unix_url, act)


def test_an_epoch_that_a_failover_forgot_is_not_given_away_again_by_who_saw_it(redis: RedisServer) -> None:
    """A follower knows under which epoch it was led, whatever the replica that takes over knows."""

    async def act() -> None:
        leader, follower = Log(redis.unix_url, "a:b:1:1"), Log(redis.unix_url, "a:b:2:1")
        epoch = max([await leader.lease.acquire() for _ in range(9)])  # by now it is ahead of the clock
        waiting = asyncio.create_task(follower.lease.acquire())
        async with asyncio.timeout(10):
            while follower.link.highest_epoch < epoch:  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.01)
        await leader.link.call("FLUSHALL")
        assert await waiting == epoch + 1
        await leader.link.call("FLUSHALL")
        stranger = Log(redis.unix_url, "a:b:3:1")
        assert await stranger.lead() < epoch  # it has heard of nobody: its words would seem old
        assert await follower.lease.acquire() == epoch + 2
        with pytest.raises(FencedError):
            await stranger.lease.renew()
        await stranger.link.close()
        await leader.link.close()
        await follower.link.close()

    asyncio.run(act())


def test_missing_event_is_told(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        await log.link.call("XDEL", KEYS.journal, "2-1")
        with pytest.raises(JournalError, match="event 2 is missing"):
            await all_events(log)

    scenario(redis.unix_url, act)


def test_long_journal_is_read_in_pages(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        events = [b"%d" % n for n in range(1, 1025)]
        await log.journal.commit(Commit(first_seq=1, events=events[:512], messages=[]))
        await log.journal.commit(Commit(first_seq=513, events=events[512:], messages=[]))
        assert await all_events(log) == list(enumerate(events, 1))

    scenario(redis.unix_url, act)


def test_restarted_redis_has_everything_and_forgotten_scripts_are_loaded(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        redis.kill()
        with pytest.raises(OutageError, match="away"):
            await log.journal.commit(Commit(first_seq=4, events=[b"four"], messages=[]))
        redis.start()
        following = Commit(first_seq=4, events=[b"four"], messages=[message("4-1")])
        await until_answered(lambda: log.journal.commit(following))
        assert (await log.journal.recover()).tail_seq == 4
        assert [m.message_id for m in await log.outbox.after("0-0", 9)] == ["1-1", "1-2", "3-1", "4-1"]

    scenario(redis.url, act)


def test_killed_in_mid_write_any_number_of_times(redis: RedisServer) -> None:
    """Whatever the moment of the kill, the same commit again ends in the same log."""
    random = Random(20)

    async def act(log: Log) -> None:
        loop = asyncio.get_running_loop()
        for seq in range(1, 6):
            events = [b"%d" % (10 * seq + n) * 1000 for n in range(3)]
            commit = Commit(first_seq=3 * seq - 2, events=events, messages=[message(f"{3 * seq}-1")])
            loop.call_later(random.uniform(0, 0.004), redis.kill)
            written = 0
            while written < 2:  # once more after the first success: it may have been before the kill
                try:
                    await log.journal.commit(commit)
                    written += 1
                    await asyncio.sleep(0.005)
                except OutageError:
                    redis.kill()
                    redis.start()
            redis.kill()
            redis.start()
        with contextlib.suppress(OutageError):  # the connection from before the last kill
            await log.journal.recover()
        assert [seq for seq, _ in await all_events(log)] == list(range(1, 16))
        assert [m.message_id for m in await log.outbox.after("0-0", 99)] == [f"{3 * n}-1" for n in range(1, 6)]

    scenario(redis.unix_url, act)


def test_out_of_memory_passes_and_leaves_nothing_half_written(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        await log.link.call("CONFIG SET", "maxmemory", "1mb")
        following = Commit(first_seq=4, events=[b"x" * 200_000] * 3, messages=[message("4-1")], checkpoint=b"new")
        with pytest.raises(OutageError, match="out of memory"):
            await log.journal.commit(following)
        assert (await log.journal.recover()).tail_seq == 3
        await log.link.call("CONFIG SET", "maxmemory", "0")
        await log.journal.commit(following)
        assert (await log.journal.recover()).tail_seq == 6

    scenario(redis.unix_url, act)


def test_read_only_replica_passes(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.link.call("CONFIG SET", "replica-serve-stale-data", "yes")
        await log.link.call("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(OutageError, match="read-only"):
            await log.journal.commit(COMMIT)
        await log.link.call("REPLICAOF", "NO", "ONE")
        await log.journal.commit(COMMIT)

    scenario(redis.unix_url, act)


def test_stopped_redis_is_an_outage_within_the_limit(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.redis.link.COMMAND_LIMIT_S", 0.3)

    async def act(log: Log) -> None:
        redis.signal(signal.SIGSTOP)
        began = asyncio.get_running_loop().time()
        with pytest.raises(OutageError, match="no answer"):
            await log.journal.commit(COMMIT)
        assert asyncio.get_running_loop().time() - began < 1.0
        redis.signal(signal.SIGCONT)
        await log.journal.commit(COMMIT)  # perhaps for the second time
        assert (await log.journal.recover()).tail_seq == 3

    scenario(redis.unix_url, act)


def test_many_readers_wait_for_one_another_and_leave_no_connection_behind(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await asyncio.gather(*[log.journal.recover() for _ in range(100)], log.journal.commit(COMMIT))
        redis.kill()
        for _ in range(30):
            with pytest.raises(OutageError):
                await log.journal.recover()
        redis.start()
        await until_answered(log.journal.recover)
        assert (await log.journal.recover()).tail_seq == 3
        assert len(await log.link.call("CLIENT LIST")) <= 10

    scenario(redis.unix_url, act)


def test_key_of_another_kind_is_not_an_outage(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.link.call("SET", KEYS.journal, "something else")
        with pytest.raises(JournalError, match="WRONGTYPE"):
            await log.journal.commit(COMMIT)

    scenario(redis.unix_url, act)


def test_cursor_and_retained_messages(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        await log.journal.commit(COMMIT)
        assert await log.outbox.acknowledged() == "0-0"
        await log.outbox.acknowledge("3-1", [COMMIT.messages[1]])
        older = replace(COMMIT.messages[1], message_id="1-1", body=b"older")
        await log.outbox.acknowledge("1-1", [older])  # a late acknowledgement never moves anything back
        assert await log.outbox.acknowledged() == "3-1"
        assert await log.outbox.retained() == [COMMIT.messages[1]]
        newer = replace(older, message_id="3-2", body=b"newer")
        await log.outbox.acknowledge("3-2", [newer])
        assert await log.outbox.retained() == [newer]

    scenario(redis.unix_url, act)


def test_waitaof_waits_for_the_disk() -> None:
    async def act(log: Log) -> None:
        durable = RedisJournal(log.link, KEYS, durability=Durability.WAITAOF)
        durable.lead(log.lease.epoch)
        await durable.commit(COMMIT)
        await durable.commit(COMMIT)
        demanding = RedisJournal(log.link, KEYS, durability=Durability.WAITAOF, replicas=1)
        demanding.lead(log.lease.epoch)
        with pytest.raises(OutageError, match=r"1\+0 of 1\+1"):
            await demanding.commit(Commit(first_seq=4, events=[b"four"], messages=[]))

    with redis_server(executable=bundled_valkey(), fsync="everysec") as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvh.adapters.redis.link.COMMAND_LIMIT_S", 2.4)
        scenario(running.unix_url, act)


def test_a_redis_without_waitaof_is_named(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        if "WAITAOF" in str(await log.link.call("COMMAND INFO", "WAITAOF")).upper():
            pytest.skip("the redis-server of this machine knows WAITAOF")
        durable = RedisJournal(log.link, KEYS, durability=Durability.WAITAOF)
        durable.lead(log.lease.epoch)
        with pytest.raises(InputError, match=r"redis\.durability: .* expected Redis 7\.2, or Valkey"):
            await durable.commit(COMMIT)

    scenario(redis.unix_url, act)


def test_waitaof_waits_for_the_replica_s_disk_too() -> None:
    """Two Valkeys; when the replica is gone a commit is no commit, however often it was written here."""

    async def act(log: Log, replica: RedisServer) -> None:
        durable = RedisJournal(log.link, KEYS, durability=Durability.WAITAOF, replicas=1)
        durable.lead(log.lease.epoch)
        await until_answered(lambda: durable.commit(COMMIT), seconds=40)
        replica.kill()
        four = Commit(first_seq=4, events=[b"four"], messages=[])
        with pytest.raises(OutageError):
            await durable.commit(four)
        assert durable.settled_seq == 3
        replica.start()
        await until_answered(lambda: durable.commit(four), seconds=40)
        assert durable.settled_seq == 4

    valkey = bundled_valkey()
    at_once = ("--repl-diskless-sync-delay", "0")
    with redis_server(*at_once, executable=valkey) as master, pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvh.adapters.redis.link.COMMAND_LIMIT_S", 2.4)
        with redis_server("--replicaof", f"127.0.0.1 {master.port}", executable=valkey) as replica:
            scenario(master.unix_url, lambda log: act(log, replica))


def test_durability_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def act(log: Log) -> None:
        assert await log.journal.check_durability() is None
        assert not caplog.records
        await log.link.call("CONFIG SET", "appendfsync", "everysec")
        said = await log.journal.check_durability()
        assert await log.journal.check_durability() == said == caplog.records[0].getMessage()  # and not again
        assert [r.getMessage() for r in caplog.records] == [
            "redis may lose what it has confirmed: appendfsync everysec (should be always)"
        ]
        caplog.clear()
        await log.link.call("ACL SETUSER", "default", "-config")
        await log.journal.check_durability()
        assert len(caplog.records) == 1
        assert "durability unknown" in caplog.text
        voided = RedisJournal(log.link, KEYS, durability=Durability.EVERYSEC)
        assert "can lose the last second" in (await voided.check_durability() or "")

    caplog.set_level(logging.WARNING)
    with redis_server() as running:
        scenario(running.unix_url, act)


def test_password_is_used_and_never_shown() -> None:
    async def run(url: str, password: str) -> None:
        log = Log(url)
        log.link = RedisLink(RedisAddress(url=url, password=password))
        log.journal = RedisJournal(log.link, KEYS)
        await log.journal.recover()
        await log.link.close()

    with redis_server("--requirepass", "s3cret") as running:
        asyncio.run(run(running.url, "s3cret"))
        with pytest.raises(OutageError) as refused:
            asyncio.run(run(running.url, "wr0ng"))
        assert "wr0ng" not in str(refused.value)
        secret_url = f"redis://:wr0ng@127.0.0.1:{running.port}/0"
        with pytest.raises(OutageError) as refused:
            asyncio.run(run(secret_url, "x"))
        assert "wr0ng" not in str(refused.value) + repr(RedisAddress(url=secret_url))


@pytest.mark.parametrize(
    "url", ["http://x", "redis+sentinel://host/x", "redis+sentinel://h:1", "redis+cluster://h", "localhost:6379"]
)
def test_bad_urls_are_the_callers_fault(url: str) -> None:
    with pytest.raises(InputError, match=r"redis\.url"):
        RedisLink(RedisAddress(url=url))


@pytest.mark.parametrize("file", ["nothing.pem", "no.pem"])
@pytest.mark.parametrize("kind", ["ca_file", "cert_file"])
def test_a_certificate_that_is_none_is_the_callers_fault(tmp_path: Path, file: str, kind: str) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for url in ("rediss://h:1", "rediss+sentinel://h:1/mine", "rediss+cluster://h:1"):
        with pytest.raises(InputError, match="certificate or key cannot be used"):
            RedisLink(RedisAddress(url=url, **{kind: str(tmp_path / file)}))


def test_instance_name_must_fit_the_hash_tag() -> None:
    with pytest.raises(InputError):
        Keys("a}b")


@pytest.fixture(name="redis")
def redis_fixture() -> object:
    with redis_server() as running:
        yield running
