"""What system tests share: tapes of random walks, the command line as a process, and a plain subscriber."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from alvh.adapters.calendars import library_sessions
from tapes import write_tape

SERVICE = Path(__file__).resolve().parents[2] / "service"
SHARED_TAPES = Path(__file__).resolve().parents[3] / "shared" / "data" / "tapes"
PORTFOLIOS = """portfolios:
  - {id: core, hedge: none}
  - {id: nervous, hedge: none, methodology: {move3: {threshold: 0.01, confirm_quotes: 1}, timer: {hard: 3}}}
  - {id: hedged, small_caps: [{symbol: IWM, shares: 448}], condor_program: {quantity: 4}}
"""


def walk_tape(folder: Path, seed: int, *, sessions: int, quotes: int) -> Path:
    """A tape of SPX, RUT, VIX and VX over real sessions from 2023 on; `quotes` prices of an index per session."""
    rng = np.random.default_rng(seed)
    days = list(library_sessions(date(2023, 1, 3), date(2023, 1, 3) + timedelta(days=sessions * 2)))[:sessions]
    files: dict[str, list[str]] = {"SPX.csv": ["ts,last"], "RUT.csv": ["ts,last"], "VIX.csv": ["date,close"]}
    prices = {"SPX": 3800.0, "RUT": 1750.0}
    for day, open_ns, close_ns in days:
        for number in range(quotes):
            ts = open_ns + (close_ns - open_ns) * (number + 1) // quotes
            stamp = np.datetime64(ts, "ns").astype("datetime64[s]")
            for name, before in prices.items():
                prices[name] = before * float(np.exp(rng.normal(0.0, 0.02 / quotes**0.5)))
                files[f"{name}.csv"].append(f"{stamp}Z,{prices[name]:.2f}")
        files["VIX.csv"].append(f"{day},{15.0 + 10.0 * rng.random():.2f}")
    return write_tape(folder, files)


def alvh(
    *arguments: str | Path, check: bool = True, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "alvh", *map(str, arguments)],
        env=_environment(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def _environment(more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALVH_")}
    return {**kept, "PYTHONPATH": str(SERVICE), **more}


@contextmanager
def alvh_beside(out: Path, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs beside the test, its standard output in a file."""
    with out.open("wb") as file:
        made = subprocess.Popen(
            [sys.executable, "-m", "alvh", *map(str, arguments)], env=_environment({}), stdout=file, stderr=file
        )
        try:
            yield made
        finally:
            made.kill()
            made.wait()


class Daemon:
    """`alvh run` as a process that is started, killed and started again."""

    def __init__(self, config: Path | None, folder: Path, environment: dict[str, str]) -> None:
        self._options = [] if config is None else ["--config", str(config)]
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"{config.stem if config else 'alvh'}.log"

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "alvh", "run", *self._options],
                env=_environment(self._environment),
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it without a word."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop it as a supervisor does, and wait for its end."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0

    def wait(self, seconds: float = 15.0) -> int:
        """Wait for its end and return its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None


@contextmanager
def daemon(config: Path | None, folder: Path, **environment: str) -> Iterator[Daemon]:
    """A daemon that is gone at the end of the block."""
    made = Daemon(config, folder, environment)
    made.start()
    try:
        yield made
    finally:
        if made.is_running:
            made.signal(signal.SIGCONT)
            made.kill()


class Subscriber:
    """A plain MQTT subscriber that keeps what arrives, and drops what a remembering consumer would drop."""

    def __init__(self, url: str, protocol: int = mqtt.MQTTv5) -> None:
        self.arrived: list[tuple[str, bytes]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion(protocol))
        self._client.on_connect = lambda client, *_: client.subscribe("alvh/main/#", qos=1)
        self._client.on_message = lambda _c, _u, message: self.arrived.append((message.topic, bytes(message.payload)))
        host, port = url.removeprefix("mqtt://").split(":")
        self._client.connect(host, int(port))

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def unique(self) -> dict[str, list[bytes]]:
        """By topic what a consumer keeps that remembers (epoch, sequence), without the epoch: interfaces, section 6."""
        seen: dict[str, tuple[int, str]] = {}
        kept: dict[str, list[bytes]] = defaultdict(list)
        for topic, body in list(self.arrived):
            if topic.endswith("/status"):
                continue
            message = json.loads(body)
            epoch, sequence = seen.get(topic, (0, ""))
            if message["sequence"] > sequence or message["epoch"] > epoch:
                seen[topic] = (message["epoch"], message["sequence"])
                kept[topic].append(without_epoch(body))
        return dict(kept)

    def newest(self) -> dict[str, bytes]:
        """By topic what arrived last, without the epoch; cheap enough to be asked for again and again."""
        return {topic: without_epoch(body) for topic, body in list(self.arrived) if not topic.endswith("/status")}

    def contents_by_id(self) -> dict[tuple[str, str], set[bytes]]:
        """By topic and message id all contents that arrived, with the epoch: a redelivery has the same."""
        found: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        for topic, body in list(self.arrived):
            if not topic.endswith("/status"):
                found[topic, json.loads(body)["id"]].add(body)
        return dict(found)

    def statuses(self) -> list[dict[str, Any]]:
        """What stood on the status topic, in order."""
        return [json.loads(body) for topic, body in list(self.arrived) if topic.endswith("/status")]


def without_epoch(body: bytes) -> bytes:
    """A message up to its last member."""
    return body[: body.rindex(b',"epoch":')]


def replayed(out: Path) -> dict[str, list[bytes]]:
    """The lines of a replay by the topic a daemon would send them to, without the epoch."""
    kinds = {"alvh.hedge.adjustment.v1": "adjustment", "alvh.hedge.target.v1": "target"}
    found: dict[str, list[bytes]] = defaultdict(list)
    for line in out.read_bytes().splitlines():
        message = json.loads(line)
        assert message["epoch"] == 0
        kind = kinds.get(message["type"])
        topic = f"alvh/main/portfolio/{message['subject']}/{kind}" if kind else "alvh/main/signals"
        found[topic].append(without_epoch(line))
    return dict(found)
