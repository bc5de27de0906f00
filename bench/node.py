"""The shell as `alvh run` puts it together, over a real Redis and a real broker, with a stopwatch at both ends."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from random import SystemRandom

from alvh.adapters.mqtt import BrokerAddress, MqttBroker, Node
from alvh.adapters.redis import Keys, RedisAddress, RedisJournal, RedisLease, RedisLink, RedisOutbox
from alvh.app.clock import WallClock
from alvh.core.codec import encode
from alvh.core.effects import Effect, Publish
from alvh.core.engine import Engine
from alvh.core.events import Event, Quote
from alvh.shell.backoff import Backoff
from alvh.shell.ports import OutboundMessage, Sourced
from alvh.shell.relay import Relay
from alvh.shell.runner import Runner
from alvh.shell.topics import Topics
from bench.market import SPX, TRADING_NS
from servers import Mosquitto, RedisServer

_TOPICS = Topics(root="alvh", instance="bench")
_LIMIT_S = 10.0


class NodeUnderTest:
    """Runner, relay, lease, journal and broker, put together as `alvh run` does."""

    def __init__(self, redis: RedisServer, broker: Mosquitto, events: Sequence[Event]) -> None:
        """Prepare.

        Args:
            redis: the log.
            broker: the wire.
            events: what the log begins with.
        """
        self._redis, self._broker, self._events = redis, broker, events
        self._tasks: list[asyncio.Task[None]] = []
        self._prices = _beyond_the_threshold()
        self._at = TRADING_NS
        self._acknowledged = asyncio.Event()
        self._acknowledged_at = 0.0
        self.messages: tuple[OutboundMessage, ...] = ()
        self.line = b""

    async def start(self) -> None:
        """Take the lease, recover, and wait until what the log begins with has been delivered."""
        clock, keys = WallClock(), Keys("bench")
        self._link = RedisLink(RedisAddress(url=self._redis.url))
        journal, outbox = RedisJournal(self._link, keys), RedisOutbox(self._link, keys)
        lease = RedisLease(self._link, keys, delays=_backoff())
        epoch = await lease.acquire()
        journal.lead(epoch)
        outbox.lead(epoch)
        node = Node(instance="bench", node="bench", version="0", epoch=epoch, feed="tape", is_simulated=False)
        address = BrokerAddress(url=self._broker.url)
        self._wire = MqttBroker(address, node, topic_root="alvh", delays=_backoff(), now=clock.now)
        self._relay = Relay(
            outbox,
            _Watched(self._wire, self._on_sent),
            clock=clock,
            delays=_backoff(),
            may_speak=lambda: lease.is_valid,
        )
        self._runner = Runner(
            new_engine=Engine,
            journal=journal,
            topics=_TOPICS,
            hand_over=self._relay.hand_over,
            requests=_NothingElse(),
            clock=clock,
            delays=_backoff(),
        )
        await self._runner.recover()
        await self._runner.take_over(epoch)
        duties = (self._wire.run(), self._relay.run(), lease.keep(), self._runner.run())
        self._tasks = [asyncio.create_task(duty) for duty in duties]
        await self._wire.ready()
        for event in self._events:
            await self._runner.submit(Sourced(event=event))
        await self._settle()

    async def deliver(self) -> float:
        """Send a quote that triggers; return the seconds until the broker has acknowledged its adjustment."""
        self._at += 1_000_000
        quote = Quote(ts_event=self._at, ts_recv=self._at, instrument_id="SPX", last_price=next(self._prices))
        self._acknowledged.clear()
        began = time.perf_counter()
        await self._runner.submit(Sourced(event=quote, position="1"))
        async with asyncio.timeout(_LIMIT_S):
            await self._acknowledged.wait()
        self.line = encode(quote)
        return self._acknowledged_at - began

    async def stop(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    async def _settle(self) -> None:
        async with asyncio.timeout(_LIMIT_S):
            while not (self._acknowledged.is_set() and self._relay.is_idle):  # noqa: ASYNC110 - the relay has no event for it
                await asyncio.sleep(0.01)

    def _on_sent(self, message: OutboundMessage, confirmed: asyncio.Future[None]) -> None:
        if not message.topic.endswith("/adjustment"):
            self.messages = (*self.messages[:1], message)
            return
        self.messages = (message,)
        confirmed.add_done_callback(self._on_acknowledged)

    def _on_acknowledged(self, _: asyncio.Future[None]) -> None:
        self._acknowledged_at = time.perf_counter()
        self._acknowledged.set()


class _Watched:
    """A publisher that lets each message and its acknowledgement be seen."""

    def __init__(self, wire: MqttBroker, on_sent: Callable[[OutboundMessage, asyncio.Future[None]], None]) -> None:
        self._wire = wire
        self._on_sent = on_sent

    async def ready(self) -> int:
        return await self._wire.ready()

    def publish(self, message: OutboundMessage) -> asyncio.Future[None]:
        confirmed = self._wire.publish(message)
        self._on_sent(message, confirmed)
        return confirmed


class _NothingElse:
    """The engine asks for nothing but messages here."""

    def perform(self, effect: Effect) -> None:
        assert not isinstance(effect, Publish), "messages go through the outbox"


def _beyond_the_threshold() -> Iterator[float]:
    """Yield prices each of which lies 4 % off the one before, so that each is a move."""
    while True:
        yield SPX * 1.04
        yield SPX


def _backoff() -> Backoff:
    return Backoff(SystemRandom())
