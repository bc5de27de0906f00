"""Carries out what the engine asks for beyond publishing: wakes it when it asked to be woken, fetches chains."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from alvh.core.effects import Effect, FetchChain, Refused, Wake
from alvh.core.events import TimerFired
from alvh.shell.ports import Clock, Observer, Sourced

_LOGGER: Final = logging.getLogger(__name__)
# Timers wait for wall time, which may be set back or forward meanwhile: look again this often, and after a suspended
# machine wakes up.
_LOOK_AGAIN_S: Final = 30.0


# What somebody sent us on purpose, and would like to know about; quotes are counted alone.
_SAID: Final = frozenset({"answer", "observation", "chain"})


class ChainSource(Protocol):
    """A feed that fetches option chains on demand."""

    def fetch_chain(self, request_id: str, underlying: str) -> None:
        """Begin to fetch a chain; its answer is an event that carries the request's id."""


class Errands:
    """One leader's errands; what is asked for twice is done once, until it is done."""

    def __init__(self, submit: Callable[[Sourced], Awaitable[None]], *, clock: Clock, observer: Observer) -> None:
        self._submit = submit
        self._clock = clock
        self._observer = observer
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._chains: ChainSource | None = None
        self._unfetched: list[FetchChain] = []

    def fetch_from(self, chains: ChainSource) -> None:
        """Fetch chains here from now on; also what was asked for before the feed was there, at a take-over."""
        self._chains = chains
        for asked in self._unfetched:
            chains.fetch_chain(asked.request_id, asked.underlying)
        self._unfetched.clear()

    def perform(self, effect: Effect) -> None:
        """Do what the engine asked for."""
        match effect:
            case Wake():
                if effect.timer_id not in self._timers:
                    task = asyncio.create_task(self._wake(effect), name=f"timer-{effect.timer_id}")
                    self._timers[effect.timer_id] = task
            case FetchChain():
                if self._chains is not None:
                    self._chains.fetch_chain(effect.request_id, effect.underlying)
                else:
                    self._unfetched.append(effect)
            case Refused():
                self._observer.refused(effect.subject, effect.reason)
                level = logging.WARNING if effect.subject in _SAID else logging.DEBUG
                _LOGGER.log(level, "left out: %s", effect.detail)
            case _:
                raise AssertionError(effect)

    async def _wake(self, wake: Wake) -> None:
        while (left := (wake.due - self._clock.now()) / 1e9) > 0:
            await self._clock.sleep(min(left, _LOOK_AGAIN_S))
        event = TimerFired(ts_event=wake.due, ts_recv=self._clock.now(), timer_id=wake.timer_id)
        await self._submit(Sourced(event=event))
        self._timers.pop(wake.timer_id, None)

    def drop(self) -> None:
        """Forget all timers; the engine names them again after the next start."""
        for task in self._timers.values():
            task.cancel()
        self._timers.clear()
