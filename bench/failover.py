"""From the death of the leader to the first message of the one that takes over: real processes, Redis and broker."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.figures import Aim, Figure, Report, percentile
from bench.processes import environment
from servers import mosquitto, redis_server, temporary_folder

NAME: Final = "failover"
TITLE: Final = "Failover"

_ROUNDS: Final = 25  # of each kind: fifty in all
_LEASE_S: Final = 2.0
_SESSION_S: Final = 0.1  # the simulated market then speaks often enough not to be what is measured
_LIMIT_S: Final = 60.0


def measure(scale: float) -> Report:
    """Measure rounds of a leader killed, and of one stopped for longer than its lease."""
    rounds = max(2, round(_ROUNDS * scale))
    killed: list[float] = []
    paused: list[float] = []
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder, ExitStack() as stack:
        config = folder / "alvh.yaml"
        config.write_text(
            f"redis: {{url: '{redis.url}', lease_s: {_LEASE_S}}}\nmqtt: {{url: '{broker.url}'}}\nhttp: {{port: 0}}\n"
            f"feed: {{kind: simulated, session_s: {_SESSION_S}}}\n",
            encoding="utf-8",
        )
        ear = stack.enter_context(_listening(broker.port))
        leader = stack.enter_context(_Daemon(config))
        ear.wait_for_epoch_above(0)
        for number in range(2 * rounds):
            follower = stack.enter_context(_Daemon(config))
            follower.wait_until_follows()
            epoch, began = ear.epoch, time.perf_counter()
            leader.process.send_signal(signal.SIGKILL if number % 2 == 0 else signal.SIGSTOP)
            taken = ear.wait_for_epoch_above(epoch) - began
            (killed if number % 2 == 0 else paused).append(taken)
            leader.end()
            leader = follower
    figures = (*_figures("killed", killed), *_figures("stopped for good", paused))
    notes = (
        f"{rounds} rounds of each, to the next leader's first message (its status aside); the lease is {_LEASE_S:g} s.",
        "A leader killed on this machine is known to be dead; one that is stopped (SIGSTOP) is waited for as one on"
        " another machine is.",
    )
    return Report(name=NAME, title=TITLE, figures=figures, notes=notes)


def _figures(what: str, taken: list[float]) -> tuple[Figure, ...]:
    shares = {"p50": percentile(taken, 0.5), "worst": max(taken)}
    return tuple(
        Figure(
            what=f"leader {what}, {name}",
            value=value,
            unit="s",
            against="the lease",
            floor=_LEASE_S,
            aim=Aim(text="under 2 x", is_met=value < 2 * _LEASE_S),
        )
        for name, value in shares.items()
    )


class _Daemon:
    """`alvh run` in a process of its own; a context manager that ends it whatever its state."""

    def __init__(self, config: Path) -> None:
        self._said = config.with_name(f"output-{time.monotonic_ns()}")
        with self._said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "alvh", "run", "--config", str(config)],
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "_Daemon":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=_LIMIT_S)

    def wait_until_follows(self) -> None:
        """Wait until it has greeted, and has had time to fold what there is and ask for the lease."""
        give_up = time.monotonic() + _LIMIT_S
        while "Ctrl-C" not in self._said.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"a daemon did not start: {self._said.read_text(errors='replace')[-500:]}")
            time.sleep(0.05)
        time.sleep(1.0)


class _Ear:
    """Hears the highest epoch on the wire, and when it rose."""

    def __init__(self) -> None:
        self.epoch = 0
        self._rose_at = 0.0
        self._changed = threading.Condition()

    def heard(self, topic: str, payload: bytes) -> None:
        """Note a message."""
        at = time.perf_counter()
        epoch = 0 if topic.endswith("/status") else int(json.loads(payload).get("epoch", 0))
        with self._changed:
            if epoch > self.epoch:
                self.epoch, self._rose_at = epoch, at
                self._changed.notify_all()

    def wait_for_epoch_above(self, epoch: int) -> float:
        """Wait for a message of a higher epoch; return when (perf_counter) it came."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.epoch > epoch, timeout=_LIMIT_S):
                raise RuntimeError(f"no message of an epoch above {epoch} within {_LIMIT_S:g} s")
            return self._rose_at


@contextmanager
def _listening(port: int) -> Iterator[_Ear]:
    ear = _Ear()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("alvh/#", qos=1)
    client.on_message = lambda _client, _data, message: ear.heard(message.topic, bytes(message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield ear
    finally:
        client.disconnect()
        client.loop_stop()
