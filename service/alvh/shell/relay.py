"""Outbox to broker, in order, at least once: a message is done with its acknowledgement, never before."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from alvh.errors import OutageError
from alvh.shell.ports import Clock, Delays, Observer, OutboundMessage, Outbox, Publisher, Silent

_LOGGER: Final = logging.getLogger(__name__)

# Messages on their way at once. One evaluation gives a message or two per portfolio; 16 hide the broker's round trip
# and stay below the 20 that brokers take by default. No two of them have one topic: a broker that refuses the first
# but takes the second would turn their order round, and a subscriber would drop the first as old.
WINDOW: Final = 16
MAX_WAITING: Final = 1024  # a few MB; what does not fit is read from Redis when its turn comes
PAGE: Final = 256  # messages read at a time
# How long the cursor may lag behind the acknowledgements: a crash says so much again, and nothing is lost. Writing it
# at once would make the next commit wait for this one's fsync.
CURSOR_LAG_S: Final = 0.1
# A leader that was paused may wake up with a message in its hands and say it before it is refused, for as long as the
# broker keeps its silent connection: one and a half keepalives of 10 s. What is retained is said again behind that.
REPEAT_AFTER_S: Final = 30.0
LEASE_POLL_S: Final = 0.1  # how soon the relay goes on when a lease that seemed lost was renewed after all


class _Waiting(NamedTuple):
    message: OutboundMessage
    since_ns: int | None  # when the event behind it was taken; None for what was read from Redis


class Relay:
    """Carries committed messages to the broker.

    Fresh messages are handed over in memory; where more come than fit, or after a start, they are read from the
    outbox. The cursor in the outbox follows the acknowledgements.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        *,
        clock: Clock,
        delays: Delays,
        observer: Observer | None = None,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare; nothing happens before `run`.

        Args:
            outbox: where the messages are kept.
            publisher: the broker.
            clock: time of day and sleep.
            delays: paces the attempts after a fault.
            observer: told what was published, and what waits.
            may_speak: whether the lease is ours for all we know; a leader that was paused keeps silent.
        """
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock
        self._delays = delays
        self._observer = observer or Silent()
        self._may_speak = may_speak
        self._waiting: deque[_Waiting] = deque()
        self._is_behind = True  # more messages stand in the outbox behind those that wait here
        self._is_reading = False  # and it is not known yet how many
        self._unread = 0  # how many of them we know of
        self._taken_to = "0-0"  # the last message that is or was waiting here
        self._arrived = asyncio.Event()
        self._acknowledged = self._remembered = ""
        self._to_remember: dict[str, OutboundMessage] = {}  # newest by topic: as many as there are retained topics
        self._newest: dict[str, OutboundMessage] = {}
        self._moved = asyncio.Event()
        self._greeted = 0
        self._repeat_at: float | None = None  # when what is retained is said once more; None behind that
        self._is_held_up = False

    def hand_over(self, messages: Sequence[OutboundMessage], since_ns: int) -> None:
        """Take messages that have just been committed, in order; `since_ns` is when their cause was taken."""
        for message in messages:
            if self._is_behind or len(self._waiting) >= MAX_WAITING:
                self._is_behind = True
                self._unread += 1
            elif _place(message.message_id) > _place(self._taken_to):  # or it was read before we were told of it
                self._take(_Waiting(message, since_ns))
            elif self._acknowledged and _place(message.message_id) <= _place(self._acknowledged):
                # It was said before: Redis had lost it, and where we stood with it.
                self._to_remember = self._newest.copy()
                self._moved.set()
        self._count()
        self._arrived.set()

    @property
    def is_idle(self) -> bool:
        """Whether everything that was handed over has been acknowledged, and the outbox knows it."""
        is_more = bool(self._waiting) or self._is_behind or self._is_reading
        return not is_more and self._remembered == self._acknowledged

    async def run(self) -> None:
        """Publish for ever.

        Raises:
            FencedError: another node leads.
        """
        await self._start()
        self._repeat_at = asyncio.get_running_loop().time() + REPEAT_AFTER_S
        tasks = [
            asyncio.create_task(self._speak(), name="relay-speak"),
            asyncio.create_task(self._remember(), name="relay-remember"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self) -> None:
        while True:
            try:
                self._taken_to = await self._outbox.acknowledged()
                self._newest = {message.topic: message for message in await self._outbox.retained()}
            except OutageError as fault:
                await self._wait(fault)
            else:
                return

    async def _speak(self) -> None:
        while True:
            connection = await self._publisher.ready()
            if not self._may_speak():
                await self._clock.sleep(LEASE_POLL_S)
                continue
            try:
                is_repeat = self._is_repeat_due()
                if connection != self._greeted or is_repeat:
                    await self._greet()
                    self._greeted = connection
                    self._repeat_at = None if is_repeat else self._repeat_at
                if not self._waiting and self._is_behind:
                    self._is_reading = True
                    await self._read()
                    self._is_reading = False
                if self._waiting and self._may_speak():  # asked again: much time may have passed since
                    await self._publish()
            except OutageError as fault:
                await self._wait(fault)
                continue
            self._go_on()
            if not (self._waiting or self._is_behind or self._is_repeat_due()):
                self._arrived.clear()
                await self._until_something()

    async def _until_something(self) -> None:
        """Wait for a message, or for another connection: what is retained is said again at once."""
        while not self._arrived.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await self._arrived.wait()
            except TimeoutError:
                if await self._publisher.ready() != self._greeted or self._is_repeat_due():
                    return

    async def _greet(self) -> None:
        """Say again what is retained: a broker that was restarted may have forgotten it."""
        for topic in sorted(self._newest):
            if not self._may_speak():
                raise OutageError("the lease may be another node's by now")
            await self._publisher.publish(self._newest[topic])

    def _is_repeat_due(self) -> bool:
        return self._repeat_at is not None and asyncio.get_running_loop().time() >= self._repeat_at

    async def _read(self) -> None:
        """Fill up from the outbox; what is handed over meanwhile stands behind it, or is in it already."""
        read_to = self._taken_to
        self._is_behind = False
        try:
            page = await self._outbox.after(read_to, PAGE)
        except OutageError:
            self._unread += len(self._waiting)
            self._waiting.clear()
            self._taken_to, self._is_behind = read_to, True
            raise
        fresh = list(self._waiting)
        self._waiting.clear()
        self._taken_to = read_to
        for message in page:
            self._take(_Waiting(message, None))
        if len(page) == PAGE:
            self._is_behind = True
            self._unread = max(0, self._unread + len(fresh) - len(page))
            self._count()
            return
        if not self._is_behind:
            self._unread = 0
        for late in fresh:
            if _place(late.message.message_id) > _place(self._taken_to):
                self._take(late)
        self._count()

    def _take(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._taken_to = waiting.message.message_id

    async def _publish(self) -> None:
        window = self._window()
        sent: list[Awaitable[None]] = [self._publisher.publish(waiting.message) for waiting in window]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        for waiting, outcome in zip(window, outcomes, strict=True):
            if outcome is not None:
                raise outcome
            assert self._waiting[0] is waiting, (self._waiting[0], waiting)
            self._waiting.popleft()
            self._done(waiting)
        self._count()

    def _window(self) -> list[_Waiting]:
        window: list[_Waiting] = []
        topics: set[str] = set()
        for waiting in self._waiting:
            if len(window) == WINDOW or waiting.message.topic in topics:
                break
            topics.add(waiting.message.topic)
            window.append(waiting)
        return window

    def _done(self, waiting: _Waiting) -> None:
        message = waiting.message
        self._acknowledged = message.message_id
        if message.retained:
            self._newest[message.topic] = message
            self._to_remember[message.topic] = message
        self._moved.set()
        if waiting.since_ns is not None:
            self._observer.published((self._clock.now() - waiting.since_ns) / 1e9)

    async def _remember(self) -> None:
        """Move the cursor behind what was acknowledged; many acknowledgements may share one write."""
        while True:
            await self._moved.wait()
            await self._clock.sleep(CURSOR_LAG_S)
            retained = list(self._to_remember.values())
            position = self._acknowledged
            self._moved.clear()
            while True:
                try:
                    await self._outbox.acknowledge(position, retained)
                except OutageError:
                    await self._clock.sleep(self._delays.next())
                else:
                    break
            self._remembered = position
            for message in retained:
                if self._to_remember.get(message.topic) is message:
                    del self._to_remember[message.topic]

    async def _wait(self, fault: OutageError) -> None:
        if not self._is_held_up:
            _LOGGER.warning("messages are held up: %s", fault)
            self._is_held_up = True
        await self._clock.sleep(self._delays.next())

    def _go_on(self) -> None:
        if self._is_held_up:
            _LOGGER.info("messages go out again")
            self._is_held_up = False
        self._delays.reset()

    def _count(self) -> None:
        self._observer.pending(len(self._waiting) + self._unread)


def _place(message_id: str) -> tuple[int, int]:
    seq, _, n = message_id.partition("-")
    return int(seq), int(n or 0)
