"""One round: real Redis, broker and daemons, the faults of a plan, and what the subscriber's log says of it."""

import json
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis

from alvh.app.replaying import replay
from alvh.errors import AlvhError
from alvh.settings import load
from chaos.disk import SmallDisk
from chaos.ending import Ending, EndingError
from chaos.listener import Listener
from chaos.plan import LEADER, LEASE_S, Fault, Plan
from chaos.processes import Supervised, surroundings
from chaos.proxy import FaultProxy, Loop
from chaos.verdict import judge
from servers import free_port, program
from system.instance import SERVICE

TEND_EVERY_S: Final = 0.05
START_LIMIT_S: Final = 60.0
# After the last fault; a loaded machine has stalls to get over, reconnects with backoff, and the rest of the tape.
SETTLE_LIMIT_S: Final = 90.0
_FOLLOWS: Final = "following: another node leads"
_LEASE_KEY: Final = "{alvh:main}:lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a round went."""

    plan: Plan
    faults: Sequence[str]  # what is wrong
    ends: Sequence[str]  # processes that ended by themselves, and how
    took_s: float
    settled_s: float  # from the last fault's end until everything had arrived and everyone was ready
    logs: Path | None = None  # where they are kept, where something is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A tape, the time it covers, and its fault-free replay by topic."""

    folder: Path
    market_s: float
    portfolios: str
    expected: Mapping[str, Sequence[bytes]]


@dataclass(slots=True)
class _Node:
    process: Supervised
    redis: FaultProxy
    broker: FaultProxy
    http: int


@dataclass(slots=True)
class _Clockwork:
    """What is to be done when; the round's own thread does it."""

    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def at(self, when: float, what: Callable[[], None]) -> None:
        self.waiting.append((when, what))

    def turn(self) -> None:
        now = time.monotonic()
        due = sorted((entry for entry in self.waiting if entry[0] <= now), key=lambda entry: entry[0])
        self.waiting = [entry for entry in self.waiting if entry[0] > now]
        for _, what in due:
            what()


def run(plan: Plan, tape: Tape, run_s: float, keep: Path, ending: Ending) -> Outcome:
    """Run a round in a folder of its own; it is kept under `keep` where something is wrong.

    Raises:
        EndingError: the run is to end; everything has been cleaned up.
    """
    folder = Path(tempfile.mkdtemp(prefix="alvh-"))
    try:
        return _run(plan, tape, run_s, folder, keep, ending)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(plan: Plan, tape: Tape, run_s: float, folder: Path, keep: Path, ending: Ending) -> Outcome:
    began = time.monotonic()
    settled = 0.0
    with ExitStack() as stack:
        world = _World(plan, tape, run_s, folder, stack, ending)
        try:
            settled = world.live()
            faults = judge(world.listener.log, tape.expected) + world.last_words()
        except AssertionError as wrong:
            faults = [str(wrong), *judge(world.listener.log, tape.expected)]
        ends = world.ends()
    logs = None
    if faults:
        logs = keep / f"seed-{plan.seed}"
        shutil.rmtree(logs, ignore_errors=True)
        shutil.copytree(folder, logs, ignore=shutil.ignore_patterns("*.sock"))
    return Outcome(plan=plan, faults=faults, ends=ends, took_s=time.monotonic() - began, settled_s=settled, logs=logs)


class _World:
    """The processes of a round and what happens to them."""

    def __init__(self, plan: Plan, tape: Tape, run_s: float, folder: Path, stack: ExitStack, ending: Ending) -> None:
        self._ending = ending
        self._processes: list[Supervised] = []
        self._plan, self._tape, self._run_s, self._folder = plan, tape, run_s, folder
        self._clockwork = _Clockwork()
        self._disk = stack.enter_context(SmallDisk(folder / "disk")) if plan.fills_disk else None
        self._redis_port, self._broker_port = free_port(), free_port()
        self._redis = self._supervised(stack, "redis", self._redis_command())
        self._broker = self._supervised(stack, "broker", self._broker_command())
        self._log: Any = redis.Redis(port=self._redis_port, socket_timeout=1.0, socket_connect_timeout=1.0)
        stack.callback(self._log.close)
        self._start_servers()
        self.listener = stack.enter_context(
            Listener(self._broker_port, folder / "arrived.jsonl", is_mqtt5=plan.is_mqtt5)
        )
        self._until((folder / "mosquitto.db").exists, "the broker does not keep its sessions", 10.0)
        loop = stack.enter_context(Loop())
        self._nodes = [self._node(stack, loop, number) for number in range(plan.nodes)]

    def _supervised(self, stack: ExitStack, name: str, command: Sequence[str]) -> Supervised:
        made = Supervised(name, command, self._folder, environment=surroundings(SERVICE))
        self._processes.append(made)
        stack.callback(made.end)
        return made

    def _redis_command(self) -> list[str]:
        folder = self._folder if self._disk is None else self._disk.folder
        command = [program("redis-server", "valkey-server"), "--port", str(self._redis_port), "--bind", "127.0.0.1"]
        command += ["--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        return [*command, "--loglevel", "notice"]

    def _broker_command(self) -> list[str]:
        # Everything goes to disk at the next turn of its loop, and what can be sent is sent before it is acknowledged.
        lines = [f"listener {self._broker_port} 127.0.0.1", "allow_anonymous true", "persistence true"]
        lines += [f"persistence_location {self._folder}/", "autosave_interval 1", "autosave_on_changes true"]
        lines += ["max_inflight_messages 0", "max_queued_messages 0"]
        if os.geteuid() == 0:
            lines.append("user root")
        path = self._folder / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [program("mosquitto"), "-c", str(path)]

    def _start_servers(self) -> None:
        self._redis.start()
        self._broker.start()
        self._until(self._redis_answers, "redis does not start", START_LIMIT_S)
        self._until(lambda: _listens(self._broker_port), "the broker does not start", START_LIMIT_S)

    def _node(self, stack: ExitStack, loop: Loop, number: int) -> _Node:
        to_redis, to_broker, http = loop.proxy(self._redis_port), loop.proxy(self._broker_port), free_port()
        config = self._folder / f"node-{number}.yaml"
        config.write_text(
            f"feed: {{kind: tape, path: {self._tape.folder}, speed: {self._tape.market_s / self._run_s:.0f}}}\n"
            f"redis: {{url: 'redis://127.0.0.1:{to_redis.port}/0', lease_s: {LEASE_S}}}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{to_broker.port}'}}\nhttp: {{port: {http}}}\n{self._tape.portfolios}",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "alvh", "run", "--config", str(config)]
        process = self._supervised(stack, f"node-{number}", command)
        return _Node(process, to_redis, to_broker, http)

    def live(self) -> float:
        """Start the nodes, let the faults happen, wait until all is well; return the seconds the last took."""
        for node in self._nodes:
            node.process.start()
        self._until(lambda: self._leader() is not None, "nobody leads", START_LIMIT_S)
        began = time.monotonic()
        for fault in self._plan.faults:
            self._clockwork.at(began + fault.at_s, lambda fault=fault: self._begin(fault))  # type: ignore[misc]  # bound early
        self._until(lambda: not self._clockwork.waiting, "the faults do not end", START_LIMIT_S)
        healed = time.monotonic()
        self._until(self._has_all_arrived, "not everything arrived", SETTLE_LIMIT_S)
        self._until(self._is_ready, "not everyone is ready again", SETTLE_LIMIT_S, lambda: str(self._readiness()))
        return time.monotonic() - healed

    def last_words(self) -> list[str]:
        """What a late subscriber is told must be the newest, and the log must fold to what it says it sent."""
        faults = []
        late = Listener(self._broker_port, self._folder / "late.jsonl", is_mqtt5=False, name="chaos-late")
        wanted = {
            topic: json.loads(bodies[-1] + b"}")["id"]
            for topic, bodies in self._tape.expected.items()
            if not topic.endswith("/adjustment")
        }

        def is_told() -> bool:
            told = {topic: json.loads(body)["id"] for topic, body in late.newest.items()}
            return told == wanted and late.state == "online"

        with late:
            try:
                self._until(is_told, "a late subscriber is not told the newest", SETTLE_LIMIT_S)
            except AssertionError as wrong:
                faults.append(str(wrong))
        try:
            log, out = f"redis://127.0.0.1:{self._redis_port}/0", self._folder / "log.jsonl"
            replay(log, load(self._folder / "node-0.yaml"), out, everything=True)
        except AlvhError as error:
            faults.append(f"the log does not replay: {error}")
        return faults

    def ends(self) -> list[str]:
        """What ended by itself, the servers that were made to aside."""
        return [end for node in self._nodes for end in node.process.ends] + self._broker.ends + self._redis.ends

    def _begin(self, fault: Fault) -> None:
        with (self._folder / "faults.log").open("a", encoding="utf-8") as said:
            said.write(f"{time.time():.3f} {fault}\n")
        if fault.what == "kill_broker" and not self.listener.is_subscribed:
            # A broker that dies before it has saved what it acknowledged and could not send loses it: its promise.
            self._clockwork.at(time.monotonic() + 0.2, lambda: self._begin(fault))
            return
        number = self._leader() if fault.node == LEADER else fault.node
        node = self._nodes[number if number is not None else 0]
        end = self._start(fault, node)
        self._clockwork.at(time.monotonic() + fault.lasts_s, end)

    def _start(self, fault: Fault, node: _Node) -> Callable[[], None]:
        """Begin a fault; return what ends it."""
        match fault.what:
            case "kill_daemon" | "kill_leader" | "kill_redis" | "kill_broker":
                self._whom(fault, node).kill(fault.lasts_s)
            case "pause_leader" | "pause_redis" | "pause_broker":
                return _paused(self._whom(fault, node))
            case "redis_disk_full":
                assert self._disk is not None
                self._disk.fill(self._redis.pid)
                return lambda: self._disk.free() if self._disk is not None else None
            case "redis_memory_full":
                self._limit_memory(1)
                return lambda: self._limit_memory(0)
            case _:
                proxy = node.redis if fault.what.startswith("redis_") else node.broker
                ways: dict[str, Callable[[], None]] = {
                    "reset": proxy.reset, "stall": proxy.stall, "half_open": proxy.half_open,
                    "cut": lambda: proxy.cut(fault.after_bytes),
                }  # fmt: skip
                ways[fault.what.partition("_")[2]]()
                return proxy.heal
        return lambda: None

    def _whom(self, fault: Fault, node: _Node) -> Supervised:
        return {"redis": self._redis, "broker": self._broker}.get(fault.what.partition("_")[2], node.process)

    def _limit_memory(self, limit: int) -> None:
        try:
            self._log.execute_command("CONFIG", "SET", "maxmemory", limit)
        except (redis.RedisError, OSError):
            if limit == 0 and self._redis.is_running:  # a restart has none; one that hangs is asked again
                self._clockwork.at(time.monotonic() + 0.5, lambda: self._limit_memory(0))

    def _leader(self) -> int | None:
        """The node that holds the lease, None where Redis cannot be asked or nobody does."""
        try:
            holder = self._log.get(_LEASE_KEY)
        except (redis.RedisError, OSError):
            return None
        pids = [f":{node.process.pid}:" for node in self._nodes]
        text = holder.decode() if isinstance(holder, bytes) else ""
        return next((number for number, pid in enumerate(pids) if pid in text), None)

    def _redis_answers(self) -> bool:
        with suppress(redis.RedisError, OSError):
            return bool(self._log.ping())
        return False

    def _has_all_arrived(self) -> bool:
        arrived = self.listener.ids
        return all(len(arrived.get(topic, ())) >= len(bodies) for topic, bodies in self._tape.expected.items())

    def _is_ready(self) -> bool:
        """Whether every daemon runs, one of them leads and is ready, and the others follow it."""
        states = self._readiness()
        followers = [state for state in states if state and _FOLLOWS in state]  # they need no broker
        return states.count([]) == 1 and len(followers) == len(states) - 1

    def _readiness(self) -> list[list[str] | None]:
        return [_readiness(node.http) if node.process.is_running else None for node in self._nodes]

    def _look_for_the_end(self) -> None:
        try:
            self._ending.look()
        except EndingError:
            for process in self._processes:  # nobody reads their last words, and a daemon takes its time over them
                process.kill(math.inf)
            raise

    def _until(
        self, condition: Callable[[], bool], what: str, limit_s: float, found: Callable[[], str] = lambda: ""
    ) -> None:
        """Tend everything until a condition holds, or the run is to end."""
        give_up = time.monotonic() + limit_s
        while not condition():
            self._look_for_the_end()
            if time.monotonic() >= give_up:
                raise AssertionError(f"{what} within {limit_s:g} s {found()}".rstrip())
            for process in self._processes:
                process.tend()
            self._clockwork.turn()
            time.sleep(TEND_EVERY_S)


def _paused(process: Supervised) -> Callable[[], None]:
    process.signal(signal.SIGSTOP)
    return lambda: process.signal(signal.SIGCONT)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _readiness(port: int) -> list[str] | None:
    """What /readyz has against being ready; None where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            said = json.load(error)
    except OSError:
        return None
    reasons: list[str] = said["reasons"]
    return reasons
