"""A model of the broker, of its clients in the nodes, and of a subscriber that notes all it is given."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from random import Random

from alvh.adapters.mqtt.broker import MAX_INBOUND_QUEUED
from alvh.errors import OutageError
from alvh.shell.ports import Delays, InboundMessage, OutboundMessage
from simulation.loop import VirtualLoop

_NOWHERE = Context()
ANSWER = "alvh/test/portfolio/late/answer"
CONNECT_S = 0.01
MOST_UNACKNOWLEDGED = 4  # messages on their way to a client that has not acknowledged them
REPLY_LIMIT_S = 5.0  # as in the adapter: a connection whose acknowledgement is missing for so long is given up
KEEPALIVE_LIMIT_S = 15.0  # a broker drops who was silent for one and a half times the keepalive


@dataclass(slots=True, kw_only=True)
class BrokerRates:
    """How often what goes wrong with one message, while faults are about."""

    cut_before: float = 0.0
    cut_behind: float = 0.0
    refused: float = 0.0
    repeated: float = 0.0
    slow: float = 0.0


class Session:
    """One connection of one client; `take` is how it hears what is said to it."""

    def __init__(self, take: Callable[["Session", int, bytes], None]) -> None:
        self.is_broken = False
        self.broken = asyncio.Event()
        self.arrives = 0.0
        self.answers = 0.0
        self.tells = 0.0
        self.told: set[int] = set()
        self.take = take


class SimulatedBroker:
    """Takes messages in the order of each connection, keeps the retained ones, and hands all on at once.

    The nodes share one name: who connects throws out who was connected, and what is said to them is kept under that
    name until it is acknowledged (also when the broker forgets what was retained: that is another file).
    """

    def __init__(self, loop: VirtualLoop, random: Random, rates: BrokerRates) -> None:
        self._loop = loop
        self._random = random
        self.rates = rates
        self.is_up = True
        self.stalled_until = 0.0  # nothing gets through before
        self.on_said: Callable[[OutboundMessage], None] = lambda _: None  # told of what a node hands over
        self.retained: dict[str, bytes] = {}
        self.delivered: list[tuple[str, bytes]] = []
        self.unacknowledged: dict[int, bytes] = {}
        self._sessions: list[Session] = []

    def connect(self, take: Callable[[Session, int, bytes], None]) -> Session:
        """Open a connection.

        Raises:
            OutageError: the broker is away.
        """
        if not self.is_up:
            raise OutageError("mqtt is away")
        for other in self._sessions:
            self.cut(other)
        session = Session(take)
        self._sessions = [session]
        self._tell(session)
        return session

    def say(self, number: int, body: bytes) -> None:
        """Let somebody say something to the nodes; the broker has it from here on."""
        self.unacknowledged[number] = body
        for session in self._sessions:
            self._tell(session)

    def acknowledge(self, session: Session, number: int) -> None:
        """Carry an acknowledgement here."""
        self._loop.call_later(self._travel(), self._forget, session, number, context=_NOWHERE)

    def _forget(self, session: Session, number: int) -> None:
        if not session.is_broken and self._random.random() >= self.rates.cut_before:
            self.unacknowledged.pop(number, None)
            session.told.discard(number)
            self._tell(session)
        else:
            self.cut(session)

    def _tell(self, session: Session) -> None:
        """Send what is not acknowledged, in order, a few at a time; each once to a connection, and at times twice."""
        for number, body in self.unacknowledged.items():
            if len(session.told) >= MOST_UNACKNOWLEDGED:
                return
            if number in session.told:
                continue
            session.told.add(number)
            for _ in range(2 if self._random.random() < self.rates.repeated else 1):
                session.tells = max(session.tells, self._loop.time() + self._travel())
                self._loop.call_at(session.tells, session.take, session, number, body, context=_NOWHERE)

    def stop(self, *, forgets: bool) -> None:
        """Go away, and perhaps forget what was retained."""
        self.is_up = False
        for session in self._sessions:
            self.cut(session)
        self._sessions.clear()
        if forgets:
            self.retained.clear()

    def cut(self, session: Session) -> None:
        """Break one connection; its client learns of it when it looks."""
        session.is_broken = True
        session.broken.set()

    def send(self, session: Session, message: OutboundMessage, future: asyncio.Future[None]) -> None:
        """Carry one message here, behind those that were sent before."""
        self.on_said(message)
        session.arrives = max(session.arrives, self._loop.time() + self._travel())
        self._loop.call_at(session.arrives, self._take, session, message, future, context=_NOWHERE)

    def _travel(self) -> float:
        random = self._random
        stall_s = max(0.0, self.stalled_until - self._loop.time())
        is_slow = random.random() < self.rates.slow
        return stall_s + (random.uniform(0.01, 4.0) if is_slow else random.uniform(0.0001, 0.003))

    def _take(self, session: Session, message: OutboundMessage, future: asyncio.Future[None]) -> None:
        if session.is_broken:
            return
        chance, rates = self._random.random(), self.rates
        if chance < rates.cut_before:
            self.cut(session)
            return
        fault = None
        if self._random.random() < rates.refused:
            fault = "mqtt refuses"
        else:
            self._deliver(message)
        if self._random.random() < rates.cut_behind:
            self.cut(session)
            return
        session.answers = max(session.answers, self._loop.time() + self._travel())
        self._loop.call_at(session.answers, _answer, session, future, fault, context=_NOWHERE)

    def _deliver(self, message: OutboundMessage) -> None:
        if message.retained:
            self.retained[message.topic] = message.body
        self.delivered.append((message.topic, message.body))
        if self._random.random() < self.rates.repeated:  # the subscriber's own connection broke: it is told again
            self.delivered += self.delivered[-self._random.randint(1, 5) :]


def _answer(session: Session, future: asyncio.Future[None], fault: str | None) -> None:
    if session.is_broken or future.done():
        return
    if fault is None:
        future.set_result(None)
    else:
        future.set_exception(OutageError(fault))


class SimulatedClient:
    """Stands where MqttBroker stands."""

    def __init__(
        self, loop: VirtualLoop, broker: SimulatedBroker, delays: Delays, may_speak: Callable[[], bool]
    ) -> None:
        self._loop = loop
        self._broker = broker
        self._delays = delays
        self._may_speak = may_speak
        self._session: Session | None = None
        self._connections = 0
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._unconfirmed: list[asyncio.Future[None]] = []
        self.inbox: asyncio.Queue[InboundMessage] = asyncio.Queue(MAX_INBOUND_QUEUED)

    @property
    def session(self) -> Session | None:
        return self._session

    async def ready(self) -> int:
        await self._ready.wait()
        return self._connections

    def publish(self, message: OutboundMessage) -> Awaitable[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        if self._session is None:
            future.set_exception(OutageError("mqtt is away"))
            return future
        self._unconfirmed.append(future)
        # The socket is written to in a later turn: a process may be stopped with messages in its hands.
        self._loop.call_soon(self._flush, self._session, message, future)
        return future

    def _flush(self, session: Session, message: OutboundMessage, future: asyncio.Future[None]) -> None:
        if not session.is_broken:
            self._broker.send(session, message, future)

    async def run(self) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(CONNECT_S)
            if not self._may_speak():
                continue
            try:
                self._session = self._broker.connect(self._hear)
            except OutageError:
                await self._pause(self._delays.next())
                continue
            self._connections += 1
            self._delays.reset()
            self._ready.set()
            await self._serve(self._session)
            self._ready.clear()
            self._session = None
            for future in self._unconfirmed:
                if not future.done():
                    future.set_exception(OutageError("mqtt is away"))
            self._unconfirmed.clear()
            await self._pause(self._delays.next())

    def _hear(self, session: Session, number: int, body: bytes) -> None:
        if session.is_broken or self._session is not session or self.inbox.full():
            return
        acknowledge = partial(self._broker.acknowledge, session, number)
        self.inbox.put_nowait(InboundMessage(topic=ANSWER, body=body, retained=False, acknowledge=acknowledge))

    async def _serve(self, session: Session) -> None:
        waits = [asyncio.create_task(wait()) for wait in (session.broken.wait, self._stopping.wait, self._watch)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _watch(self) -> None:
        """End when an acknowledgement is missing for too long."""
        while True:
            oldest = next((future for future in self._unconfirmed if not future.done()), None)
            if oldest is None:
                self._unconfirmed.clear()
                await asyncio.sleep(1.0)
                continue
            await asyncio.wait({oldest}, timeout=REPLY_LIMIT_S)
            if not oldest.done():
                return

    def stop(self) -> None:
        self._stopping.set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
