"""One node of an instance: follows the log until it holds the lease, then leads it until it is told otherwise."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from alvh import __version__
from alvh.adapters.mqtt import BrokerAddress, MqttBroker, Node
from alvh.adapters.redis import (
    Durability,
    Keys,
    RedisAddress,
    RedisJournal,
    RedisLease,
    RedisLink,
    RedisOutbox,
    RedisRetention,
)
from alvh.adapters.redis.holder import this_process
from alvh.app.addresses import archive_folder
from alvh.app.feeds import open_feed, prelude
from alvh.app.inbox import Door, RefusedError
from alvh.app.live import FeedWatch, LiveFeed, live_feed
from alvh.app.requests import Errands
from alvh.app.sources import malformed
from alvh.core.effects import Effect
from alvh.core.engine import Engine
from alvh.core.events import Event
from alvh.errors import FencedError, OutageError
from alvh.settings import Settings
from alvh.settings_feeds import SimulatedFeed
from alvh.shell.backoff import Backoff
from alvh.shell.ports import Clock, EventSource, Observer, OutboundMessage, Sourced
from alvh.shell.relay import Relay
from alvh.shell.runner import Runner
from alvh.shell.topics import Topics

_LOGGER: Final = logging.getLogger(__name__)
RECALLED: Final = 500  # messages read at a start for the page: some MB, and months of adjustments
LOOK_AT_DURABILITY_S: Final = 60.0  # a setting of Redis changes by hand or with a change of its master: rarely
FOLLOW_EVERY_S: Final = 0.5  # how far a hot standby lies behind; folding that takes milliseconds
CLOSING_LIMIT_S: Final = 5.0  # at a stop, for the closing commit
DRAIN_LIMIT_S: Final = 3.0  # at a stop, for the broker to acknowledge what was committed; the rest goes out next time
FAREWELL_LIMIT_S: Final = 3.0  # at a stop, for saying `offline`


class InstanceNode:
    """Leads or follows one instance, for ever."""

    def __init__(
        self,
        settings: Settings,
        *,
        redis: RedisAddress,
        broker: BrokerAddress,
        clock: Clock,
        observer: Observer,
        watch: FeedWatch | None = None,
        on_said: Callable[[Sequence[OutboundMessage]], None] = lambda _: None,
        on_recalled: Callable[[Sequence[OutboundMessage]], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing is connected before `run`.

        Args:
            settings: the configuration.
            redis: where the log is.
            broker: where messages go.
            clock: time of day and sleep.
            observer: told what is going on.
            watch: told what happens at a live feed; needed for one.
            on_said: told of messages that were committed, behind their hand-over.
            on_recalled: told, before we lead, of the newest messages that were committed earlier, oldest first.
        """
        self._settings = settings
        self._broker_address = broker
        self._clock = clock
        self._observer = observer
        self._watch = watch
        self._on_said = on_said
        self._on_recalled = on_recalled
        self._keys = Keys(settings.instance)
        self._topics = Topics(root=settings.mqtt.topic_root, instance=settings.instance)
        self.link = RedisLink(redis, observer=observer)
        self.outbox = RedisOutbox(self.link, self._keys)
        self._journal = RedisJournal(
            self.link,
            self._keys,
            durability=Durability(settings.redis.durability),
            replicas=settings.redis.replicas,
        )
        self._relay: Relay | None = None
        self._runner = self._new_runner()
        self._errands = Errands(self._runner.submit, clock=clock, observer=observer)
        self._stopping = asyncio.Event()
        self.epoch = 0
        self.is_feed_ended = False
        self.feed: EventSource | None = None

    @property
    def engine(self) -> Engine:
        """The engine as far as it has been folded; to be read only."""
        engine = self._runner.engine
        assert isinstance(engine, Engine), "the runner makes its engines by our word"
        return engine

    @property
    def seq(self) -> int:
        """Sequence number of the last event that was folded."""
        return self._runner.seq

    @property
    def is_leader(self) -> bool:
        """Whether we lead."""
        return self.epoch > 0

    def stop(self) -> None:
        """Finish what was taken, and end `run`."""
        self._stopping.set()

    async def submit(self, event: Event) -> None:
        """Hand in an event that no feed brings (an answer from the page); wait until it is in the log.

        Raises:
            OutageError: we do not lead.
        """
        if not self.is_leader:
            raise OutageError("this node follows; the leader takes answers")
        written = asyncio.Event()
        await self._runner.submit(Sourced(event=event, on_committed=written.set))
        await written.wait()

    async def run(self) -> None:
        """Follow and lead until `stop`.

        Raises:
            InputError: the configuration does not fit the log.
            JournalError: the log cannot be folded.
        """
        try:
            while not self._stopping.is_set():
                self._runner = self._new_runner()
                self._errands = Errands(self._runner.submit, clock=self._clock, observer=self._observer)
                try:
                    await self._follow_and_lead()
                except FencedError as reason:
                    _LOGGER.warning("following from here on: %s", reason)
                finally:
                    self._errands.drop()
                    self.feed = None
                    self._led(0)
        finally:
            await self.link.close()

    def _new_runner(self) -> Runner:
        runner = Runner(
            new_engine=Engine,
            journal=self._journal,
            topics=self._topics,
            hand_over=self._hand_over,
            requests=self,
            clock=self._clock,
            delays=_backoff(),
            observer=self._observer,
        )
        runner.checkpoint_every = self._settings.redis.checkpoint_every
        return runner

    def _left_out(self, path: Path, line: int, reason: str) -> None:
        """Count and name a row of a tape or of a calendar file."""
        self._observer.refused("row", "malformed")
        malformed(path, line, reason)

    def perform(self, effect: Effect) -> None:
        """Carry out what the engine asked for (the runner's `Requests`)."""
        self._errands.perform(effect)

    def _hand_over(self, messages: Sequence[OutboundMessage], since_ns: int) -> None:
        assert self._relay is not None, "only a leader commits, and it has a relay"
        self._relay.hand_over(messages, since_ns)
        asyncio.get_running_loop().call_soon(self._on_said, messages)

    def _led(self, epoch: int) -> None:
        self.epoch = epoch
        self._observer.leader(epoch > 0)

    async def _follow_and_lead(self) -> None:
        lease = RedisLease(self.link, self._keys, delays=_backoff(), ttl_s=self._settings.redis.lease_s)
        if not await self._unless_stopped(self._runner.recover()):
            return
        following = asyncio.create_task(self._keep_following(), name="follow")
        try:
            if not await self._unless_stopped(lease.acquire()):
                return
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await self._lead(lease)

    async def _keep_following(self) -> None:
        while True:
            with suppress(OutageError):
                await self._runner.follow()
            await asyncio.sleep(FOLLOW_EVERY_S)

    async def _unless_stopped(self, work: Coroutine[Any, Any, object]) -> bool:
        """Wait for work to be done; return False where `stop` came first."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                return False
            task.result()
            return True
        finally:
            for each in (task, stop):
                each.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    async def _lead(self, lease: RedisLease) -> None:
        """Lead until `stop`, or until another node has the token (FencedError)."""
        self._journal.lead(lease.epoch)
        self.outbox.lead(lease.epoch)
        if not await self._unless_stopped(self._check_durability()):
            return
        position = await self._runner.take_over(lease.epoch)
        with suppress(OutageError):
            self._on_recalled(await self.outbox.newest(RECALLED))
        events, sessions = prelude(self._settings, self.engine, self._clock.now(), self._left_out)
        feed = self.feed = open_feed(
            self._settings,
            sessions,
            lambda ib: live_feed(self._settings, ib, sessions, lambda: self.engine, self._watched()),
            self._left_out,
        )
        if isinstance(feed, LiveFeed):
            self._errands.fetch_from(feed)
        broker = self._new_broker(lease)
        self._relay = Relay(
            self.outbox,
            broker,
            clock=self._clock,
            delays=_backoff(),
            observer=self._observer,
            may_speak=lambda: lease.is_valid,
        )
        self._led(lease.epoch)
        try:
            async with asyncio.TaskGroup() as tasks:
                runner = tasks.create_task(self._runner.run(), name="runner")
                relay = tasks.create_task(self._relay.run(), name="relay")
                wire = tasks.create_task(broker.run(), name="mqtt")
                keep = tasks.create_task(lease.keep(), name="lease")
                pump = tasks.create_task(self._pump(events, feed, position), name="feed")
                inbox = tasks.create_task(self._take_in(broker), name="inbox")
                tidy = tasks.create_task(self._tidy(), name="retention")
                watch = tasks.create_task(self._watch_durability(), name="durability")
                await self._stopping.wait()
                await self._wind_up(runner, (pump, inbox, tidy, watch), broker, wire)
                relay.cancel()
                keep.cancel()
        except BaseExceptionGroup as group:
            raise _first_cause(group) from group
        with suppress(OutageError):
            await lease.release()

    def _watched(self) -> FeedWatch:
        assert self._watch is not None, "who runs a live feed says who watches it"
        return self._watch

    def _new_broker(self, lease: RedisLease) -> MqttBroker:
        feed = self._settings.feed.kind
        node = Node(
            instance=self._settings.instance,
            node=this_process(),
            version=__version__,
            epoch=lease.epoch,
            feed=feed,
            is_simulated=feed == "simulated",
        )
        return MqttBroker(
            self._broker_address,
            node,
            topic_root=self._settings.mqtt.topic_root,
            delays=_backoff(),
            now=self._clock.now,
            observer=self._observer,
            may_speak=lambda: lease.is_valid,
        )

    async def _pump(self, events: Sequence[Any], feed: EventSource, position: str | None) -> None:
        """Hand the feed's events to the runner, which holds us back when it is busy."""
        for event in events:
            await self._runner.submit(Sourced(event=event))
        source = feed.events(position)
        try:
            async for sourced in source:
                await self._runner.submit(sourced)
        finally:
            # A feed whose reader is gone lets go of its connection now, not when it is collected.
            if isinstance(source, AsyncGenerator):
                await source.aclose()
        _LOGGER.info("the feed has ended")
        self.is_feed_ended = True

    async def _tidy(self) -> None:
        """Archive each day, and keep the log in Redis to its newest days.

        Only a simulated market's goes unkept: it never ends, and nobody audits it. A tape ends; its log stays whole
        where it has no archive.
        """
        archive = archive_folder(self._settings)
        if archive is None and not isinstance(self._settings.feed, SimulatedFeed):
            return
        retention = RedisRetention(
            self.link,
            self._keys,
            self._journal,
            history_days=self._settings.history_days,
            archive=archive,
            observer=self._observer,
        )
        await retention.keep()

    async def _check_durability(self) -> None:
        self._observer.durable(await self._journal.check_durability())

    async def _watch_durability(self) -> None:
        """Look again: Redis may be told otherwise, or another one take its place."""
        while True:
            await self._clock.sleep(LOOK_AT_DURABILITY_S)
            await self._check_durability()

    async def _take_in(self, broker: MqttBroker) -> None:
        """Turn what subscribers say into events; the broker keeps it until it is in the log.

        What does not count is told by the engine alone, behind the commit: what comes again might be the only copy of
        what is not written yet.
        """
        mqtt = self._settings.mqtt
        allowed = None if mqtt.allowed_by is None else frozenset(mqtt.allowed_by)
        door = Door(base=f"{mqtt.topic_root}/{self._settings.instance}/", allowed_by=allowed)
        while True:
            message = await broker.inbox.get()
            try:
                event = door.understand(message, self._clock.now())
            except RefusedError as refusal:
                self._observer.refused("inbound", refusal.reason)
                _LOGGER.warning("not taken: %s", refusal)
                message.acknowledge()
                continue
            await self._runner.submit(Sourced(event=event, on_committed=message.acknowledge))

    async def _wind_up(
        self,
        runner: "asyncio.Task[None]",
        sources: Sequence["asyncio.Task[None]"],
        broker: MqttBroker,
        wire: "asyncio.Task[None]",
    ) -> None:
        """Stop taking, commit what was taken, let it go out, say goodbye; each with its limit."""
        for source in sources:
            source.cancel()
        self._errands.drop()
        self._runner.stop()
        await asyncio.wait({runner}, timeout=CLOSING_LIMIT_S)
        runner.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_LIMIT_S):
                while self._relay is not None and not self._relay.is_idle:  # noqa: ASYNC110 - it has no event for it
                    await asyncio.sleep(0.01)
        broker.stop()
        await asyncio.wait({wire}, timeout=FAREWELL_LIMIT_S)
        wire.cancel()


def _backoff() -> Backoff:
    return Backoff(SystemRandom())


def _first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception that ended a group: another leader above all, since what else failed may follow from it."""
    causes: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        each = pending.pop(0)
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions
        else:
            causes.append(each)
    return next((cause for cause in causes if isinstance(cause, FencedError)), causes[0])
