"""Retention: what nobody needs any more leaves Redis, in small steps, behind the state, the relay and the archive."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from alvh.adapters.redis.archive import archive_log, market_time
from alvh.adapters.redis.journal import RedisJournal
from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.link import RedisLink
from alvh.adapters.redis.scripts import ARCHIVED, TRIM, Script
from alvh.errors import ArchiveError, FencedError, InputError, OtherArchiveError, OutageError
from alvh.shell.ports import Observer, Silent

_LOGGER: Final = logging.getLogger(__name__)

ROUND_S: Final = 5.0  # a tape at full speed, the fastest feed there is, writes about 100 000 events (20 MB) meanwhile
STEP: Final = 2000  # events a step removes: a script of less than a millisecond, which is what a commit may wait for
STEP_PAUSE_S: Final = 0.005  # commits come first; this still removes hundreds of thousands of events a second
_LOOK: Final = 64  # events in a row among which one of the market is looked for
_DAY_NS: Final = 86_400 * 1_000_000_000


class RedisRetention:
    """Keeps the log of a leading node short; the history is counted in the market's time, not in ours."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        journal: RedisJournal,
        *,
        history_days: int,
        archive: Path | None = None,
        round_s: float = ROUND_S,
        observer: Observer | None = None,
    ) -> None:
        """Prepare.

        Args:
            link: the way to Redis.
            keys: names of the instance.
            journal: the leader's journal: it knows the token, and what is settled.
            history_days: days of the market's time that stay, counted back from the newest quote.
            archive: folder to which each day is added before it may go; None to let it go without.
            round_s: seconds between two rounds.
            observer: told whether the archive takes what it must.
        """
        assert history_days > 0, history_days
        self._link = link
        self._keys = keys
        self._journal = journal
        self._day_ns = _DAY_NS
        self._history_ns = history_days * _DAY_NS
        self._archive = archive
        self._round_s = round_s
        self._observer = observer or Silent()
        self._archived_day = -1
        self._is_archive_up = True

    async def keep(self) -> None:
        """Look after the log for ever.

        Raises:
            FencedError: another node leads.
            JournalError: the log has a hole.
        """
        removed = 0
        while True:
            # A market at full speed writes as much as it can: who has fallen behind does not rest as long.
            await asyncio.sleep(self._round_s if removed < STEP else self._round_s / 10)
            removed = 0
            try:
                removed = await self.round()
            except OutageError:
                continue  # the link has said so; what is left over goes in the next round

    async def round(self) -> int:
        """Archive what is due, trim what may go; return how many events went.

        Raises:
            OutageError: Redis is away.
            FencedError: another node leads.
            JournalError: the log has a hole.
        """
        newest_ns = await self._newest()
        if newest_ns is None:
            return 0
        if self._archive is not None:
            await self._archive_days(self._archive, newest_ns // self._day_ns)
        oldest = await self._link.call("XRANGE", self._keys.journal, "-", "+", "COUNT", 1)
        # Never into a commit whose answer we still wait for: it may have to be compared with what is stored.
        first, until = int(oldest[0][0].partition(b"-")[0]), self._journal.settled_seq
        until = await self._first_young(first, until, newest_ns - self._history_ns)
        removed = 0
        while first < until:
            first = min(first + STEP, until)
            went = await self._trim(first)
            if went == 0:  # the state, the relay or the archive is not so far
                break
            removed += went
            await asyncio.sleep(STEP_PAUSE_S)
        return removed

    async def _newest(self) -> int | None:
        """The market's time at the log's end, ns UTC."""
        newest = await self._link.call("XREVRANGE", self._keys.journal, "+", "-", "COUNT", _LOOK)
        times = (market_time(fields[b"e"]) for _, fields in newest)
        return next((time for time in times if time is not None), None)

    async def _first_young(self, first: int, last: int, before_ns: int) -> int:
        """The first event from which on the market's time is not before `before_ns`; its time never runs back."""
        while first < last:
            middle = (first + last) // 2
            page = await self._link.call("XRANGE", self._keys.journal, f"{middle}-0", "+", "COUNT", _LOOK)
            times = (market_time(fields[b"e"]) for _, fields in page)
            time = next((time for time in times if time is not None), None)
            if time is None or time >= before_ns:
                last = middle
            else:
                first = middle + 1
        return first

    async def _archive_days(self, folder: Path, day: int) -> None:
        """Add the days before `day` to the archive, once a day; where that fails, in each round until it does not."""
        if day == self._archived_day:
            return
        try:
            done = await archive_log(self._link, self._keys, folder, before_ns=day * self._day_ns)
        except OtherArchiveError as fault:
            self._fail("other_log", fault)
            return
        except (ArchiveError, InputError) as fault:
            self._fail("unusable", fault)
            return
        if not self._is_archive_up:
            _LOGGER.info("the archive is written again")
            self._is_archive_up = True
        await self._run(ARCHIVED, [self._keys.meta], str(done.last_seq), str(folder))
        self._archived_day = day
        self._observer.archived(done.last_seq)

    def _fail(self, reason: str, fault: Exception) -> None:
        self._observer.not_archived(reason, str(fault))
        if self._is_archive_up:
            _LOGGER.warning("nothing is trimmed until the archive can be written: %s", fault)
            self._is_archive_up = False

    async def _trim(self, first: int) -> int:
        """Remove what lies before `first` and may go; return how many events that were."""
        keys = [self._keys.journal, self._keys.outbox, self._keys.meta, self._keys.checkpoint]
        events, _ = await self._run(TRIM, keys, "0" if self._archive is None else "1", str(first))
        return int(events)

    async def _run(self, script: Script, keys: list[str], *arguments: str) -> list[bytes]:
        epoch = self._journal.epoch
        status, *facts = await self._link.run(script, keys, epoch, self._link.identity, *arguments)
        if status != b"ok":
            raise FencedError(f"another node leads under epoch {facts[0].decode() or 'unknown'}, ours is {epoch}")
        return facts
