"""The lease of a simulated node: it notes who led, and has the leader's retention beside it."""

import asyncio
from pathlib import Path

from alvh.adapters.redis import Keys, RedisJournal, RedisLease, RedisRetention


class KeptLease(RedisLease):
    """A lease with the leader's retention beside it, which lives exactly as long."""

    keys: Keys
    led: dict[int, str]  # by epoch, for the verdict
    given_twice: list[int]  # epochs that a failover had forgotten, and that were given to another
    retains = False
    archive: Path | None = None

    async def acquire(self) -> int:
        epoch = await super().acquire()
        if self.led.setdefault(epoch, self._holder) != self._holder:
            self.given_twice.append(epoch)
        return epoch

    async def keep(self) -> None:
        if not self.retains:
            await super().keep()
            return
        journal: RedisJournal = self._link.journal  # type: ignore[attr-defined]  # put there by the world
        retention = RedisRetention(self._link, self.keys, journal, history_days=1, archive=self.archive, round_s=0.7)
        retention._history_ns, retention._day_ns = 1, 20  # toy quotes are nanoseconds apart
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().keep())
            tasks.create_task(retention.keep())
