"""Leadership: a lease in Redis that expires, and the fencing token that outlives every holder."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from alvh.adapters.redis.holder import is_dead, this_process
from alvh.adapters.redis.keys import Keys
from alvh.adapters.redis.link import RedisLink
from alvh.adapters.redis.scripts import ACQUIRE, RELEASE, RENEW
from alvh.errors import FencedError, OutageError
from alvh.shell.ports import Delays

_LOGGER: Final = logging.getLogger(__name__)

TTL_S: Final = 5.0  # how long a dead leader is waited for; failover takes less than twice this
RENEWALS: Final = 3  # per time to live: two may fail before the lease is lost
POLL_S: Final = 0.25  # how soon a follower notices a lease that was given back or whose holder has died


class RedisLease:
    """The lease of one instance."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        *,
        delays: Delays,
        ttl_s: float = TTL_S,
        holder: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `holder` names us (default: this process), `delays` paces the attempts while Redis is away."""
        self._link = link
        self._keys = [keys.lease, keys.meta]
        self._delays = delays
        self._ttl_s = ttl_s
        self._holder = holder or this_process()
        self._monotonic = monotonic
        self._epoch = 0
        self._valid_until = 0.0

    @property
    def is_valid(self) -> bool:
        """Whether, as far as we know without asking, nobody else can have the lease: say nothing without it."""
        return self._epoch > 0 and self._monotonic() < self._valid_until

    @property
    def epoch(self) -> int:
        """The fencing token, 0 before the first `acquire`."""
        return self._epoch

    @property
    def renew_every_s(self) -> float:
        """Seconds between two renewals."""
        return self._ttl_s / RENEWALS

    async def acquire(self) -> int:
        """Wait for the lease and return the fencing token: max(previous + 1, unix seconds).

        While Redis is away it waits too. A holder of this machine that has died is replaced at once.
        """
        known_holder: str | None = None
        dead = ""
        while True:
            asked = self._monotonic()
            try:
                answer = await self._link.run(
                    ACQUIRE,
                    self._keys,
                    self._holder,
                    self._ttl_ms,
                    dead,
                    self._link.identity,
                    self._link.highest_epoch,
                )
            except OutageError:
                await asyncio.sleep(self._delays.next())
                continue
            self._delays.reset()
            status, *facts = (part.decode() for part in answer)
            if status == "ok":
                self._epoch = self._link.highest_epoch = int(facts[0])
                self._valid_until = asked + self._ttl_s
                _LOGGER.info("leading under epoch %d", self._epoch)
                return self._epoch
            holder, left_ms, epoch = facts
            self._link.highest_epoch = max(self._link.highest_epoch, int(epoch))
            if holder != known_holder:
                _LOGGER.info("following: %s leads", holder)
                known_holder = holder
            dead = holder if is_dead(holder) else ""
            if not dead:
                await asyncio.sleep(min(POLL_S, max(0.01, int(left_ms) / 1000)))

    async def renew(self) -> None:
        """Hold on to the lease.

        Raises:
            OutageError: Redis is away; the lease may expire, the token still fences.
            FencedError: another node leads, or the log is gone.
        """
        asked = self._monotonic()
        status, *facts = await self._link.run(
            RENEW, self._keys, self._epoch, self._holder, self._ttl_ms, self._link.identity
        )
        if status != b"ok":
            self._valid_until = 0.0
            raise FencedError(f"another node leads under epoch {facts[0].decode() or 'unknown'}, ours is {self._epoch}")
        self._valid_until = asked + self._ttl_s

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            FencedError: another node leads.
        """
        while True:
            await asyncio.sleep(self.renew_every_s)
            try:
                await self.renew()
            except OutageError:
                continue  # the link has said so; the next renewal comes soon enough

    async def release(self) -> None:
        """Give the lease back, so that the next leader need not wait.

        Raises:
            OutageError: Redis is away; the lease expires by itself.
        """
        self._valid_until = 0.0
        await self._link.run(RELEASE, self._keys, self._epoch, self._holder)

    @property
    def _ttl_ms(self) -> int:
        return int(self._ttl_s * 1000)
