"""Retention and archive on a real Redis: what goes is old, said and kept elsewhere; the files replay as a whole."""

import asyncio
import fcntl
import gzip
import json
import os
from collections.abc import Awaitable, Callable, Iterator
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
    archived_events,
    archived_lines,
    archived_messages,
    is_archive,
    known_archive,
)
from alvh.adapters.redis import archive as archive_module
from alvh.core.codec import decode, encode
from alvh.core.events import Answer, Event, Quote, SessionClose
from alvh.errors import ArchiveError, FencedError, InputError, JournalError, OtherArchiveError
from alvh.shell.backoff import Backoff
from alvh.shell.ports import Commit, OutboundMessage, Silent
from servers import RedisServer, redis_server

KEYS = Keys("test")
DAY_NS = 86_400 * 10**9
PER_DAY = 20  # events: quotes, one close, and a message with it


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server(fsync="no") as running:
        yield running


class Log:
    """A leader's hold on the log."""

    def __init__(self, redis: RedisServer) -> None:
        self.link = RedisLink(RedisAddress(url=redis.unix_url))
        self.journal = RedisJournal(self.link, KEYS)
        self.outbox = RedisOutbox(self.link, KEYS)
        self.lease = RedisLease(self.link, KEYS, delays=Backoff(Random(1)), holder="a:b:1:1")
        self.seq = 0

    async def lead(self) -> None:
        epoch = await self.lease.acquire()
        self.journal.lead(epoch)
        self.outbox.lead(epoch)

    async def add_day(self, day: int, *, checkpoint: bool = True) -> None:
        """Commit a day of quotes, an answer that carries our own time, and a close that says something."""
        await self.add(day_of_events(day), checkpoint=checkpoint)

    async def add(self, events: list[Event], *, checkpoint: bool = True) -> None:
        first, self.seq = self.seq + 1, self.seq + len(events)
        body = b'{"sequence": %d,"x":"\xc3\xa4"}' % self.seq
        said = OutboundMessage(message_id=f"{self.seq}-1", topic="alvh/test/signals", body=body, retained=True)
        state = b"state" if checkpoint else None
        await self.journal.commit(
            Commit(first_seq=first, events=[encode(event) for event in events], messages=[said], checkpoint=state)
        )

    async def said_all(self) -> None:
        await self.outbox.acknowledge(f"{self.seq}-1", [])

    async def begins(self) -> tuple[int, int]:
        """The first event and the first message that Redis holds."""
        first = [await self.link.call("XRANGE", key, "-", "+", "COUNT", 1) for key in (KEYS.journal, KEYS.outbox)]
        return tuple(int(page[0][0].partition(b"-")[0]) if page else 0 for page in first)  # type: ignore[return-value]

    def retention(
        self, history_days: int, archive: Path | None = None, observer: "Onlooker | None" = None
    ) -> RedisRetention:
        return RedisRetention(
            self.link, KEYS, self.journal, history_days=history_days, archive=archive, observer=observer
        )


class Onlooker(Silent):
    """Writes down what it is told of the archive."""

    def __init__(self) -> None:
        self.told: list[int | str] = []

    def archived(self, seq: int) -> None:
        self.told.append(seq)

    def not_archived(self, reason: str, detail: str) -> None:
        self.told.append(f"{reason}: {detail.rpartition(': ')[2]}")


def day_of_events(day: int) -> list[Event]:
    at = day * DAY_NS + 15 * 3600 * 10**9
    events: list[Event] = [
        Quote(ts_event=at + n, ts_recv=at + n, instrument_id="SPX", last_price=5000 + n / 7) for n in range(PER_DAY - 2)
    ]
    ours = 40_000 * DAY_NS  # long after anything on the tape
    events.append(Answer(ts_event=ours, ts_recv=ours, portfolio="core", event_id="x", decision="accept", by="me"))
    events.append(SessionClose(ts_event=at + 10**12, ts_recv=at + 10**12, session=date.fromordinal(719_163 + day)))
    return events


def scenario(redis: RedisServer, act: Callable[[Log], Awaitable[None]]) -> None:
    async def run() -> None:
        log = Log(redis)
        try:
            await log.lead()
            await act(log)
        finally:
            await log.link.close()

    asyncio.run(run())


async def lines(log: Log, after: int = 0) -> list[tuple[int, bytes]]:
    return [event async for event in log.journal.read(after)]


def test_the_history_is_counted_back_from_the_newest_quote(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.redis.retention.STEP", 7)

    async def act(log: Log) -> None:
        retention = log.retention(3)
        assert await retention.round() == 0  # nothing there
        for day in range(1, 11):
            await log.add_day(day)
        await log.said_all()
        assert await retention.round() == 7 * PER_DAY - 2  # up to the close three days before the last one
        assert await log.begins() == (7 * PER_DAY - 1, 7 * PER_DAY)
        assert await retention.round() == 0
        found = await log.journal.recover()
        assert (found.checkpoint_seq, found.tail_seq) == (10 * PER_DAY, 10 * PER_DAY)
        await log.add_day(11)  # the log goes on as ever
        assert len(await lines(log, 10 * PER_DAY)) == PER_DAY
        with pytest.raises(FencedError, match="event 1 is not in the log"):
            await lines(log)

    scenario(redis, act)


def test_nothing_goes_that_the_state_or_the_relay_still_needs(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        for day in range(1, 5):
            await log.add_day(day, checkpoint=day == 2)
        retention = log.retention(1)
        assert await retention.round() == 2 * PER_DAY - 1  # behind the state of day 2; its last event stays
        assert await log.begins() == (2 * PER_DAY, PER_DAY)  # no message was acknowledged
        await log.outbox.acknowledge(f"{PER_DAY}-1", [])
        await retention.round()
        assert await log.begins() == (2 * PER_DAY, PER_DAY)
        await log.said_all()
        await retention.round()
        assert await log.begins() == (2 * PER_DAY, 2 * PER_DAY)
        assert (await log.journal.recover()).checkpoint_seq == 2 * PER_DAY
        assert len(await lines(log, 2 * PER_DAY)) == 2 * PER_DAY

    scenario(redis, act)


def test_the_last_event_stays_and_a_stale_leader_trims_nothing(redis: RedisServer) -> None:
    async def act(log: Log) -> None:
        for day in (1, 2):
            await log.add_day(day)
        at = 100 * DAY_NS
        await log.add([Quote(ts_event=at, ts_recv=at, instrument_id="SPX", last_price=1.0)])
        await log.said_all()
        stale = log.retention(1)
        other = Log(redis)
        other.lease = RedisLease(other.link, KEYS, delays=Backoff(Random(1)), holder="a:b:1:1")
        await other.lead()
        with pytest.raises(FencedError):
            await stale.round()
        assert (await log.begins())[0] == 1
        other.seq = log.seq
        assert await other.retention(1).round() == 0  # it does not know yet what is settled
        await other.add_day(101)
        await other.said_all()
        assert await other.retention(1).round() == 2 * PER_DAY + 1
        assert (await other.begins())[0] == 2 * PER_DAY + 2
        await other.link.close()

    scenario(redis, act)


def test_days_are_archived_before_they_go_and_replay_reads_them(redis: RedisServer, tmp_path: Path) -> None:
    async def act(log: Log) -> None:
        folder = tmp_path / "deep" / "archive"
        retention = log.retention(2, folder)
        for day in range(1, 8):
            await log.add_day(day)
            await log.said_all()
            await retention.round()
            await retention.round()
        names = sorted(path.name for path in folder.glob("*.gz"))
        # a day's last event is its close, its answer stands before: both belong to the file of that day
        assert [name for name in names if name.startswith("journal")] == [
            f"journal-{PER_DAY * day + 1:012}-{PER_DAY * (day + 1):012}.jsonl.gz" for day in range(6)
        ]
        assert len(names) == 12  # each with its messages
        assert (await log.begins())[0] == 5 * PER_DAY - 1
        await archive_log(log.link, KEYS, folder)  # all the rest, by hand
        wanted = [event for day in range(1, 8) for event in day_of_events(day)]
        assert list(archived_events(folder)) == wanted
        assert [seq for seq, _ in archived_lines(folder, after_seq=25, until_seq=71)] == list(range(26, 72))
        messages = gzip.decompress((folder / names[-1]).read_bytes()).splitlines()
        known = b'{"id":"120-1","topic":"alvh/test/signals","retained":true,"body":'
        assert messages == [known + b'{"sequence": 120,"x":"\xc3\xa4"}}']
        assert json.loads(messages[0])["body"]["sequence"] == 120
        assert [(said.message_id, said.body) for said in archived_messages(folder)] == [
            (f"{PER_DAY * day}-1", b'{"sequence": %d,"x":"\xc3\xa4"}' % (PER_DAY * day)) for day in range(1, 8)
        ]
        assert await known_archive(log.link, KEYS) == folder
        reader = RedisJournal(log.link, KEYS, archive=folder)  # a log that was trimmed is whole with its archive
        assert [decode(line) async for _, line in reader.read(0)] == wanted
        assert await archive_log(log.link, KEYS, folder) == archive_module.Archived(last_seq=140, events=0, files=[])

    scenario(redis, act)


def test_while_the_archive_cannot_be_written_nothing_goes(redis: RedisServer, tmp_path: Path) -> None:
    async def act(log: Log) -> None:
        (tmp_path / "file").write_text("in the way")
        onlooker = Onlooker()
        retention = log.retention(1, tmp_path / "file", onlooker)
        for day in range(1, 6):
            await log.add_day(day)
        await log.said_all()
        assert await retention.round() == 0
        assert onlooker.told == ["unusable: File exists"]
        (tmp_path / "file").unlink()
        assert await retention.round() > 0
        assert is_archive(tmp_path / "file")
        assert onlooker.told[1:] == [4 * PER_DAY]

    scenario(redis, act)


def test_an_interrupted_archive_goes_on_where_it_stopped(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "PART_EVENTS", 30)
    monkeypatch.setattr(archive_module, "PAGE", 10)

    async def act(log: Log) -> None:
        for day in range(1, 7):
            await log.add_day(day)
        with monkeypatch.context() as patch:
            patch.setattr(archive_module._Writing, "finish", _fail_at_third(archive_module._Writing.finish))
            with pytest.raises(ArchiveError, match="no space"):
                await archive_log(log.link, KEYS, tmp_path)
        assert [path.name for path in await asyncio.to_thread(_files, tmp_path) if path.name[0] == "."] == [".lock"]
        (tmp_path / ".journal.1.part").write_bytes(b"what one that was killed has left")
        done = await archive_log(log.link, KEYS, tmp_path)
        assert (done.last_seq, done.events, len(done.files)) == (120, 90, 3)
        assert len(list(archived_events(tmp_path))) == 120
        assert not (tmp_path / ".journal.1.part").exists()

    scenario(redis, act)
    part = sorted(tmp_path.glob("journal-*"))[1]
    part.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="event 31 is missing"):
        list(archived_events(tmp_path))
    (tmp_path / "elsewhere").rename(part)
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        list(archived_events(tmp_path))


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _fail_at_third(
    finish: Callable[[archive_module._Writing, int, int], Path],
) -> Callable[[archive_module._Writing, int, int], Path]:
    calls = iter(range(10))

    def limited(writing: archive_module._Writing, first: int, last: int) -> Path:
        if next(calls) == 2:
            raise OSError(28, "no space left on device")
        return finish(writing, first, last)

    return limited


def test_one_at_a_time_adds_to_an_archive(redis: RedisServer, tmp_path: Path) -> None:
    """A leader that was paused in the middle of a file, and its successor: no part is there twice."""

    async def act(log: Log) -> None:
        await log.add_day(1)
        lock = os.open(tmp_path / ".lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ArchiveError, match="another process"):
            await archive_log(log.link, KEYS, tmp_path)
        os.close(lock)
        assert (await archive_log(log.link, KEYS, tmp_path)).events == PER_DAY

    scenario(redis, act)


def test_another_logs_archive_is_refused(redis: RedisServer, tmp_path: Path) -> None:
    async def act(log: Log) -> None:
        await log.add_day(1)
        await log.add_day(2)
        await archive_log(log.link, KEYS, tmp_path)
        await log.link.call("FLUSHALL")
        again = Log(redis)
        await again.lead()
        await again.add_day(5)
        with pytest.raises(OtherArchiveError, match="another log's: this one ends with event 20"):
            await archive_log(again.link, KEYS, tmp_path)
        await again.add_day(6)
        with pytest.raises(OtherArchiveError, match="another log's: event 40 differs"):
            await archive_log(again.link, KEYS, tmp_path)
        await again.link.call("XDEL", KEYS.journal, "33-1")
        with pytest.raises(JournalError, match="event 33"):
            await archive_log(again.link, KEYS, tmp_path / "new")
        assert not is_archive(tmp_path / "new")
        with pytest.raises(InputError, match="found none"):
            list(archived_events(tmp_path / "new"))
        await again.link.close()

    scenario(redis, act)


def test_an_archive_of_events_that_a_failover_has_lost_is_refused_until_they_are_moved_aside(
    redis: RedisServer, tmp_path: Path
) -> None:
    """As the runbook tells: the newest files go elsewhere, and the archive is written on from the log."""

    async def act(log: Log) -> None:
        for day in (1, 2):
            await log.add_day(day)
        await log.said_all()
        kept, onlooker = tmp_path / "kept", Onlooker()
        await archive_log(log.link, KEYS, kept, before_ns=2 * DAY_NS)
        replica = {key: await log.link.call("DUMP", key) for key in (KEYS.journal, KEYS.outbox, KEYS.meta)}
        await log.add_day(3)
        await log.said_all()
        assert (await archive_log(log.link, KEYS, kept)).last_seq == 3 * PER_DAY
        for key, value in replica.items():  # what the replica that takes over has
            await log.link.call("RESTORE", key, 0, value, "REPLACE")
        other = Log(redis)
        other.seq = 2 * PER_DAY
        await other.lead()
        retention = other.retention(1, kept, onlooker)
        for day in (4, 5, 6):
            await other.add_day(day)
            await other.said_all()
            assert await retention.round() == 0
        assert [fault for fault in onlooker.told if fault != f"other_log: event {3 * PER_DAY} differs"] == []
        assert len(onlooker.told) == 3
        aside = tmp_path / "aside"
        aside.mkdir()
        for path in kept.glob(f"*-{3 * PER_DAY:012}.jsonl.gz"):
            path.rename(aside / path.name)
        assert await retention.round() > 0
        assert onlooker.told[3:] == [4 * PER_DAY]
        await archive_log(other.link, KEYS, kept)
        found = [encode(event) for event in archived_events(kept)]
        assert found == [encode(event) for day in (1, 2, 4, 5, 6) for event in day_of_events(day)]
        await other.link.close()

    scenario(redis, act)


def test_memory_stays_bounded_over_years_of_sessions(redis: RedisServer) -> None:
    """Two years of sessions with quotes and a chain each; Redis holds what thirty days take."""

    async def act(log: Log) -> None:
        used: list[int] = []
        retention = log.retention(30)
        for day in range(1, 731):
            chain = b'["OptionChain",%d,0,"SPX",[%s],null]' % (day * DAY_NS, b"0," * 3000 + b"0")
            first, log.seq = log.seq + 1, log.seq + PER_DAY + 1
            events = [chain, *(encode(event) for event in day_of_events(day))]
            said = OutboundMessage(
                message_id=f"{log.seq}-1", topic="alvh/test/signals", body=b"{}" * 500, retained=True
            )
            state = b"state" * 2000
            await log.journal.commit(Commit(first_seq=first, events=events, messages=[said], checkpoint=state))
            await log.said_all()
            await retention.round()
            if day % 60 == 0:
                used.append(int((await log.link.call("INFO", "memory"))["used_memory"]))
        assert max(used[1:]) - used[0] < 1_000_000, used

    scenario(redis, act)
