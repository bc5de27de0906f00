"""The world of one run: nodes of one instance, their Redis and their broker, and what befalls them."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from functools import cache, partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TypeVar

import pytest

from alvh.adapters.mqtt import BrokerAddress
from alvh.adapters.redis import Keys, RedisAddress, RedisLease, RedisLink
from alvh.adapters.redis import archive as archive_module
from alvh.adapters.redis import journal as journal_module
from alvh.adapters.redis import lease as lease_module
from alvh.adapters.redis import retention as retention_module
from alvh.app import node as node_module
from alvh.app.node import InstanceNode
from alvh.core import waiting as waiting_module
from alvh.core.engine import Engine
from alvh.core.events import Event, Quote
from alvh.core.sessions import SessionCalendar
from alvh.errors import AlvhError, ArchiveError, OutageError
from alvh.settings import Settings
from alvh.shell import relay as relay_module
from alvh.shell import runner as runner_module
from alvh.shell.ports import Delays, OutboundMessage, Silent, Sourced
from simulation.asking import PATIENCE_S, ChainFeed, ChainRates, Gateway
from simulation.broker import KEEPALIVE_LIMIT_S, SimulatedBroker, SimulatedClient
from simulation.daemons import START_S, Daemon, WallClock
from simulation.engines import Story, asking_story, live_story, real_story, toy_story
from simulation.faults import FAULTY_S, LEADER, Fault
from simulation.leases import KeptLease
from simulation.loop import PROCESS, Process, VirtualLoop, spawn
from simulation.network import Rates, RedisServer
from simulation.plan import Plan, plan
from simulation.redis_model import Keyspace

T = TypeVar("T")
KEYS = Keys("test")
LEASE_S = 1.5
TAPE = 60  # quotes of a run
GIVE_UP_S = 150.0  # virtual: what has not come right by then never will
# What a leader that was paused, or a connection that was slow, has said late is put right within this time.
AFTERMATH_S = 45.0
_NOWHERE = Context()


@cache
def settings() -> Settings:
    """Of all simulated nodes."""
    return Settings.model_validate({"instance": "test", "redis": {"lease_s": LEASE_S, "checkpoint_every": 5}})


class World:
    """One run."""

    def __init__(self, seed: int, kind: str | None = None) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.plan: Plan = plan(self.random, kind)
        self.story: Story = _story(self.plan, self.random)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # what needs a socket is not there
        self.redis = RedisServer(self.loop, self.random, self.plan.rates, START_S)
        self.broker = SimulatedBroker(self.loop, self.random, self.plan.broker_rates)
        self.gateway = Gateway(self.loop, self.random, self.plan.chain_rates)
        self.broker.on_said = self._see_committed
        self.given_twice: list[int] = []
        self.led: dict[int, str] = {}  # by epoch, the process that led under it
        self.daemons = [Daemon(number, WallClock(self.loop)) for number in range(self.plan.nodes)]
        self.faults: list[str] = []
        self._gone: list[Process] = []
        self._lives = count(1)
        self._live_quotes = 0
        self._is_settled = False
        self._quiet_s = 0.0
        self._will_forget = self.plan.forgets_at_rest
        self._adding: list[Process] = []  # who holds the archive's lock: the kernel takes it from the dead
        self._folder = TemporaryDirectory() if self.plan.archives else None
        self.archive = None if self._folder is None else Path(self._folder.name)

    # The run

    def run(self) -> None:
        """Play the plan to its end; `faults` says what went wrong beyond it."""
        was_collecting = gc.isenabled()
        gc.disable()  # a collection in mid-run would run clean-ups of the killed
        try:
            with pytest.MonkeyPatch.context() as patch:
                self._put_in_place(patch)
                for daemon in self.daemons:
                    self._at(self.random.uniform(0.0, 0.3), self._start, daemon)
                for fault in self.plan.faults:
                    self._at(fault.at, self._befall, fault)
                for number, at in enumerate(self.plan.answers):
                    self._at(at, self._say, number)
                self._at(FAULTY_S, self._calm_down)
                self._at(FAULTY_S, self._look)
                if not self.loop.run_until(lambda: self._is_settled or bool(self.faults), GIVE_UP_S):
                    self.faults.append(f"not settled after {GIVE_UP_S:g} s: {self._state()}")
                if not self.faults and not self._is_retained_newest():
                    end = self.loop.time() + AFTERMATH_S
                    self.loop.run_until(lambda: self.loop.time() >= end, AFTERMATH_S)
                self._run_down()
        finally:
            if was_collecting:
                gc.enable()

    def _put_in_place(self, patch: pytest.MonkeyPatch) -> None:
        """Put the models where the node reaches for servers, and make queues small enough to be filled."""
        story = self.story
        for name, stand_in in (
            ("RedisLink", lambda *_, **__: self.redis.link()),
            ("RedisLease", self._lease),
            ("MqttBroker", self._client),
            ("Engine", story.new_engine),
            ("prelude", self._prelude),
            ("open_feed", lambda *_, **__: self._feed()),
            ("LiveFeed", ChainFeed),
            ("SystemRandom", lambda: self.random),
        ):
            patch.setattr(node_module, name, stand_in)
        patch.setattr(lease_module, "is_dead", self._is_known_dead)
        for module, name, value in (
            (journal_module, "PAGE", 5),
            (runner_module, "MAX_BATCH", 6),
            (runner_module, "MAX_WAITING", 12),
            (relay_module, "MAX_WAITING", 6),
            (relay_module, "PAGE", 4),
            (retention_module, "STEP", 5),
            (archive_module, "asyncio", SimpleNamespace(to_thread=_at_once)),
            (archive_module, "_locked", self._locked),
            (waiting_module, "PATIENCE_NS", round(PATIENCE_S * 1e9)),
        ):
            patch.setattr(module, name, value)

    def _prelude(
        self, _settings: Settings, engine: Engine, *_: object
    ) -> tuple[Sequence[Event], SessionCalendar | None]:
        is_new = self.story.prelude and engine.configuration is None
        return (self.story.prelude if is_new else (), self.story.sessions)

    def _lease(self, link: RedisLink, keys: Keys, *, delays: Delays, ttl_s: float) -> RedisLease:
        process = PROCESS.get()
        assert process is not None
        lease = KeptLease(link, keys, delays=delays, ttl_s=ttl_s, holder=process.name, monotonic=self.loop.time)
        lease.retains, lease.archive = self.plan.retains, self.archive
        lease.keys, lease.led, lease.given_twice = KEYS, self.led, self.given_twice
        return lease

    def _feed(self) -> "Feed | ChainFeed":
        if not self.story.is_asking:
            return Feed(self)
        assert self.story.tape is not None
        return ChainFeed(self.gateway, self.story.tape, self.pause_s, self.clock_of_this_process().now)

    def clock_of_this_process(self) -> WallClock:
        """The time of day of who asks."""
        return next(daemon.clock for daemon in self.daemons if daemon.process is PROCESS.get())

    def _client(self, *_: object, delays: Delays, may_speak: Callable[[], bool], **__: object) -> SimulatedClient:
        client = SimulatedClient(self.loop, self.broker, delays, may_speak)
        for daemon in self.daemons:
            if daemon.process is PROCESS.get():
                daemon.client = client
        return client

    @contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        process = PROCESS.get()
        assert process is not None
        alive = [daemon.process for daemon in self.daemons]
        if any(each in alive for each in self._adding):
            raise ArchiveError("another process adds to it")
        self._adding = [process]
        for left in folder.glob(".*.part"):
            left.unlink()
        try:
            yield
        finally:
            if process in self._adding:
                self._adding.remove(process)

    def _is_known_dead(self, holder: str) -> bool:
        """On one machine the next node sees that the leader's process is gone; on two it does not."""
        return self.seed % 2 == 0 and all(d.process is None or d.process.name != holder for d in self.daemons)

    # The nodes

    def _start(self, daemon: Daemon) -> None:
        if daemon.process is not None:
            return
        life = next(self._lives)
        daemon.process = process = Process(f"node-{daemon.number}.{life}")
        if life <= len(self.plan.last_steps):
            what, process.last_step = self.plan.last_steps[life - 1]
            act = self._crash if what == "crash" else self._pause
            process.on_last_step = partial(act, daemon, self.random.uniform(0.01, 3.0))
        daemon.task = spawn(self.loop, process, self._live(daemon))

    def _say(self, number: int) -> None:
        """Somebody says something to the instance, and says it twice now and then."""
        body = json.dumps({"event_id": f"late-{number}-1", "decision": "accept", "by": "anna"}).encode()
        self.broker.say(2 * number, body)
        if self.random.random() < 0.2:
            self.broker.say(2 * number + 1, body)

    async def _live(self, daemon: Daemon) -> None:
        daemon.node = InstanceNode(
            settings(),
            redis=RedisAddress(url="redis://simulated"),
            broker=BrokerAddress(url="mqtt://simulated"),
            clock=daemon.clock,
            observer=Silent(),
        )
        if self.plan.retains:
            daemon.node.link.journal = daemon.node._journal  # type: ignore[attr-defined]  # for KeptLease
        try:
            await daemon.node.run()
        except OutageError as error:
            if not daemon.node._stopping.is_set():  # a stop does not wait for ever for a Redis that is away
                self.faults.append(f"a node ended: {error}")
        except AlvhError as error:
            self.faults.append(f"a node ended: {type(error).__name__}: {error}")
        except Exception as error:
            self.faults.append(f"a node ended: {error!r}")
        self._at(0.0, self._ended, daemon)

    def _ended(self, daemon: Daemon) -> None:
        daemon.process = None
        if self.loop.time() < FAULTY_S:
            self._at(self.random.uniform(0.1, 2.0), self._start, daemon)
        else:
            self._start(daemon)

    def _see_committed(self, message: OutboundMessage) -> None:
        """A message may leave only when it stands in the log (or stood there: retention may have been behind it)."""
        outbox = self.redis.model.keys.stream(KEYS.outbox)
        seq, _, n = message.message_id.partition("-")
        place = (int(seq), int(n))
        found = outbox.between(place, place)
        is_gone = self.plan.retains and (not outbox.ids or place < outbox.ids[0])
        if not (found and found[0][1][3] == message.body) and not is_gone and not self.plan.may_reset:
            self.faults.append(f"{message.message_id} left before it was committed")

    # What befalls them

    def _at(self, seconds: float, act: Callable[..., object], *arguments: object) -> None:
        self.loop.call_later(seconds, act, *arguments, context=_NOWHERE)

    def _befall(self, fault: Fault) -> None:
        daemon = self._leading() if fault.node == LEADER else self.daemons[fault.node]
        match fault.what:
            case "crash":
                self._crash(daemon, fault.lasts)
            case "stop" if daemon.node is not None and daemon.process is not None and not daemon.process.is_paused:
                daemon.node.stop()
            case "pause":
                self._pause(daemon, fault.lasts)
            case "redis" if self.redis.is_up:
                self.redis.is_up = False
                self._at(fault.lasts, setattr, self.redis, "is_up", True)
            case "failover" if self.redis.is_up:
                master = self.redis.model.keys
                self._at(fault.lag, self._fail_over, master, self.redis.snapshot(), fault.lasts)
            case "broker" | "forgetful_broker":
                self.broker.stop(forgets=fault.what == "forgetful_broker")
                self._at(fault.lasts, setattr, self.broker, "is_up", True)
            case "broker_stall":
                self.broker.stalled_until = self.loop.time() + fault.lasts
            case "clock":
                daemon.clock.offset_s += fault.lasts * 10
            case "redis_clock":
                self.redis.offset_s += fault.lasts

    def _leading(self) -> Daemon:
        """Whoever leads and can be disturbed; else the first."""
        for daemon in self.daemons:
            if daemon.process is not None and daemon.node is not None and daemon.node.is_leader:
                return daemon
        return self.daemons[0]

    def _crash(self, daemon: Daemon, back_after_s: float) -> None:
        if daemon.process is None or daemon.task is None or daemon.task.done():
            return
        self._gone.append(daemon.process)
        daemon.process.is_paused = True  # for ever
        daemon.process = None
        if daemon.client is not None and daemon.client.session is not None:
            self._at(0.001, self.broker.cut, daemon.client.session)
        self._at(back_after_s, self._start, daemon)

    def _pause(self, daemon: Daemon, seconds: float) -> None:
        process = daemon.process
        if process is None or process.is_paused:
            return
        process.is_paused = True
        self._at(seconds, self._wake, daemon, process)
        if seconds > KEEPALIVE_LIMIT_S and daemon.client is not None and daemon.client.session is not None:
            self._at(KEEPALIVE_LIMIT_S, self.broker.cut, daemon.client.session)

    def _wake(self, daemon: Daemon, process: Process) -> None:
        if daemon.process is process:
            self.loop.wake(process)

    def _fail_over(self, master: Keyspace, replica: Keyspace, seconds: float) -> None:
        # A replica of a master that has been replaced meanwhile is none: the new one has it copy everything anew.
        if self.redis.is_up and self.redis.model.keys is master:
            self.redis.become(replica)
            self.redis.is_up = False
            self._at(seconds, setattr, self.redis, "is_up", True)

    def _calm_down(self) -> None:
        self.redis.rates = Rates()
        self.broker.rates = type(self.broker.rates)()
        self.gateway.rates = ChainRates()

    # The end

    def _look(self) -> None:
        """Look twice a second whether everything has come to rest, and has been at rest for a while."""
        is_awake = all(d.process is not None and not d.process.is_paused for d in self.daemons)
        is_heard = not self.broker.unacknowledged
        is_quiet = self.broker.is_up and is_awake and is_heard and self.has_all_been_said()
        self._quiet_s = self._quiet_s + 0.5 if is_quiet else 0.0
        if self._quiet_s > 1.0 and self._will_forget:
            self._will_forget, self._quiet_s = False, 0.0
            self.broker.stop(forgets=True)
            self._at(0.3, setattr, self.broker, "is_up", True)
        if self._quiet_s > 3.0:
            self._is_settled = True
        else:
            self._at(0.5, self._look)

    def has_all_been_said(self) -> bool:
        """Whether the feed is at its end and every message has been acknowledged."""
        keys = self.redis.model.keys
        meta = keys.fields(KEYS.meta)
        if self.story.tape is not None and meta.get(b"position") != b"%d" % len(self.story.tape):
            return False
        leaders = [d.node for d in self.daemons if d.node is not None and d.process is not None and d.node.is_leader]
        is_open = self.story.tape is None or self.story.is_asking  # the others' engines always name something
        if not leaders or (is_open and any(leader._runner.engine.pending() for leader in leaders)):
            return False
        if any(b"%d" % leader.seq != meta.get(b"tail", b"0") for leader in leaders):
            return False  # handled in memory, and still on its way to the log
        newest = keys.stream(KEYS.outbox).ids[-1:] or [(0, 0)]
        if self.plan.may_reset:  # the cursor may have been lost alone; it moves on with the next message
            relays, (seq, n) = [leader._relay for leader in leaders], newest[0]
            return any(relay is not None and relay.is_idle and relay._taken_to == f"{seq}-{n}" for relay in relays)
        return meta.get(b"relay", b"0-0") == b"%d-%d" % newest[0]

    def _is_retained_newest(self) -> bool:
        newest = self.redis.model.keys.fields(KEYS.retained)
        shown = {topic.encode(): body for topic, body in self.broker.retained.items()}
        return shown == {topic: value.partition(b" ")[2] for topic, value in newest.items()}

    def _state(self) -> str:
        keys = self.redis.model.keys
        leaders = [d.number for d in self.daemons if d.node is not None and d.node.is_leader]
        meta = {name.decode(): value.decode() for name, value in keys.fields(KEYS.meta).items()}
        return f"leaders {leaders}, {meta}, outbox {keys.stream(KEYS.outbox).ids[-1:]}"

    def _run_down(self) -> None:
        """Let the killed end too, so that nothing is left to the garbage collector; the world has gone by then."""
        self.redis.is_up = self.broker.is_up = False
        for process in (*self._gone, *(daemon.process for daemon in self.daemons)):
            if process is not None:
                process.last_step = None
                self.loop.wake(process)
        for _ in range(2):  # a task group that fails at that moment tells of its failure instead of the cancellation
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            if self.loop.run_until(lambda: not asyncio.all_tasks(self.loop), 30.0):
                return
        self.faults.append(f"tasks left behind: {sorted(t.get_name() for t in asyncio.all_tasks(self.loop))}")

    def connects_in_s(self) -> float:
        """How long a feed takes until its first quote: a new leader has the log to itself, and writes nothing."""
        return self.random.choice((0.0, 0.0, self.random.uniform(0.0, 3.0))) if self.loop.time() < FAULTY_S else 0.0

    def pause_s(self) -> float:
        """Between two quotes: nothing, a moment, or as long as a feed that is gone."""
        chance = self.random.random()
        if chance < 0.3:
            return 0.0
        return self.random.uniform(0.5, 2.5) if chance > 0.98 else self.random.expovariate(6.0)

    async def feed_pause(self) -> None:
        """Wait as long."""
        seconds = self.pause_s()
        if seconds:
            await asyncio.sleep(seconds)

    def live_quote(self, now: int) -> Quote:
        """The next quote of a live feed; nobody hears it twice."""
        self._live_quotes += 1
        n = self._live_quotes
        return Quote(ts_event=now, ts_recv=now, instrument_id="SPX", last_price=5000 + (n * 7919 % 1000) / 7)


class Feed:
    """Plays the tape from behind a position, or live quotes while there are any."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def events(self, position: str | None) -> AsyncIterator[Sourced]:
        world = self._world
        await asyncio.sleep(world.connects_in_s())
        if world.story.tape is None:
            clock = world.clock_of_this_process()
            while world.loop.time() < FAULTY_S:
                await world.feed_pause()
                await asyncio.sleep(0.001)
                yield Sourced(event=world.live_quote(clock.now()))
            return
        for sourced in world.story.tape[int(position or 0) :]:
            await world.feed_pause()
            yield sourced


async def _at_once(act: Callable[..., T], *arguments: object) -> T:
    """Where the real thing takes a thread: there is one, and it may lose its turn here."""
    await asyncio.sleep(0)
    return act(*arguments)


def _story(plan: Plan, random: Random) -> Story:
    if plan.story == "live":
        return live_story()
    if plan.story == "asking":
        return asking_story(TAPE)
    if plan.story == "real":
        return real_story(random.randrange(8), 10)
    return toy_story(TAPE)
