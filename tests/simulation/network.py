"""What lies between the nodes and their servers: delays, losses, resets, and a link to the model of Redis."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from alvh.adapters.redis.link import COMMAND_LIMIT_S
from alvh.adapters.redis.scripts import Script
from alvh.errors import OutageError
from simulation.loop import VirtualLoop
from simulation.redis_model import Keyspace, RedisModel, Word

T = TypeVar("T")
_NOWHERE = Context()  # what the world does belongs to no process: a node that is paused cannot hold it up


@dataclass(slots=True, kw_only=True)
class Rates:
    """How often what goes wrong with one exchange, while faults are about."""

    lost_request: float = 0.0
    lost_reply: float = 0.0
    late: float = 0.0
    slow: float = 0.0


class RedisServer:
    """The model of Redis behind a network; it goes away, comes back, and is replaced by a replica that lacks a tail."""

    def __init__(self, loop: VirtualLoop, random: Random, rates: Rates, start_s: float) -> None:
        self._loop = loop
        self._random = random
        self.rates = rates
        self.offset_s = start_s
        self.model = RedisModel(lambda: (self.offset_s + loop.time()) * 1000)
        self.is_up = True
        self._links = 0

    def link(self) -> "SimulatedLink":
        """Return a new way to here."""
        self._links += 1
        return SimulatedLink(self, f"link-{self._links}")

    def snapshot(self) -> Keyspace:
        """What a replica holds at this moment."""
        return self.model.keys.copy()

    def become(self, replica: Keyspace) -> None:
        """Let a replica take over."""
        self.model.keys = replica

    async def exchange(self, act: Callable[[], T]) -> T:
        """Have `act` done by the server, with whatever befalls the request and the reply."""
        future: asyncio.Future[T] = self._loop.create_future()
        random, rates = self._random, self.rates
        chance = random.random()
        travel = random.uniform(0.0001, 0.002) if random.random() >= rates.slow else random.uniform(0.002, 1.0)
        if chance < rates.lost_request:
            self._fail(future, random.choice((travel, COMMAND_LIMIT_S)))
        elif (chance := chance - rates.lost_request) < rates.lost_reply:
            self._later(travel, self._serve, act, None)
            self._fail(future, random.choice((2 * travel, COMMAND_LIMIT_S)))
        elif chance - rates.lost_reply < rates.late:
            self._later(COMMAND_LIMIT_S + random.uniform(0.0, 6.0), self._serve, act, None)
            self._fail(future, COMMAND_LIMIT_S)
        else:
            self._later(travel, self._serve, act, future)
        return await future

    def _serve(self, act: Callable[[], Any], future: asyncio.Future[Any] | None) -> None:
        if self.is_up:
            answer = act()
            if future is not None:
                self._later(self._random.uniform(0.0001, 0.002), _done, future, answer)
        elif future is not None:
            self._fail(future, 0.0005)

    def _fail(self, future: asyncio.Future[Any], seconds: float) -> None:
        self._later(seconds, _failed, future, "redis is away")

    def _later(self, seconds: float, act: Callable[..., object], *arguments: object) -> None:
        self._loop.call_later(seconds, act, *arguments, context=_NOWHERE)


def _done(future: asyncio.Future[T], answer: T) -> None:
    if not future.done():
        future.set_result(answer)


def _failed(future: asyncio.Future[Any], reason: str) -> None:
    if not future.done():
        future.set_exception(OutageError(reason))


class SimulatedLink:
    """Stands where RedisLink stands."""

    def __init__(self, server: RedisServer, identity: str) -> None:
        self._server = server
        self.identity = identity
        self.highest_epoch = 0
        self.fails_over = False

    async def call(self, *command: Word) -> Any:  # noqa: ANN401 - as the real link
        return await self._server.exchange(lambda: self._server.model.call(*command))

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> list[bytes]:
        return await self._server.exchange(lambda: self._server.model.run(script, keys, arguments))

    async def configuration(self, name: str, key: str) -> str | None:  # noqa: ARG002 - there is one server
        return {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}[name]

    async def close(self) -> None:
        """Nothing is held."""
