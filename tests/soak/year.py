"""A year of sessions through the real stack: every close is evaluated once, at its time, and nothing grows."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
import redis as client

from alvh.adapters.calendars import library_sessions
from alvh.core.announce import rfc3339
from chaos.listener import Listener
from chaos.processes import Supervised, surroundings
from servers import mosquitto, redis_server, temporary_folder
from soak.samples import Sample, faults
from system.instance import PORTFOLIOS, SERVICE, walk_tape

START: Final = date(2024, 7, 1)  # early closes on 3 July, 29 November and 24 December, a day of mourning in January
YEAR: Final = 252  # sessions
SIGNALS: Final = "alvh/main/signals"
_LOOK_EVERY_S: Final = 0.5
_SECONDS_PER_SESSION: Final = 20.0  # a loaded machine; then it is taken to hang
_TESTS: Final = Path(__file__).resolve().parents[1]
_MB: Final = 1024.0 * 1024.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run went."""

    feed: str
    sessions: int
    took_s: float
    samples: Sequence[Sample]
    early_closes: int
    offsets: int  # how many different distances from UTC its closes have
    faults: Sequence[str]


def expected_closes(sessions: int, start: date) -> list[tuple[str, str]]:
    """The sessions of the exchange's library from `start` on, with their closes as messages say them."""
    days = list(library_sessions(start, start + timedelta(days=sessions * 2 + 14)))[:sessions]
    return [(day.isoformat(), rfc3339(close)) for day, _, close in days]


def run(feed: str, sessions: int) -> Outcome:
    """Let a simulator or a tape run through so many sessions."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder, ExitStack() as stack:
        start = START if feed == "simulated" else date(2023, 1, 3)
        source = f"kind: simulated, session_s: 0, start: {start}"
        if feed == "tape":
            tape = walk_tape(folder / "tape", 77, sessions=sessions, quotes=30)
            source = f"kind: tape, path: {tape}"
        config = folder / "alvh.yaml"
        config.write_text(
            f"feed: {{{source}}}\nredis: {{url: '{redis.url}'}}\nmqtt: {{url: '{broker.url}'}}\nhttp: {{port: 0}}\n"
            f"history_days: 30\n{PORTFOLIOS}",
            encoding="utf-8",
        )
        tasks = folder / "tasks"
        command = [sys.executable, "-m", "soak.watched", str(tasks), "run", "--config", str(config)]
        environment = surroundings(SERVICE)
        environment["PYTHONPATH"] += f":{_TESTS}"
        daemon = Supervised("alvh", command, folder, environment=environment)
        stack.callback(daemon.end)
        log = stack.enter_context(client.Redis.from_url(redis.url, decode_responses=True))
        listener = stack.enter_context(Listener(broker.port, folder / "arrived.jsonl", is_mqtt5=True))
        closes = expected_closes(sessions, start)
        began = time.monotonic()
        daemon.start()
        assert redis.process is not None
        look = _Looks(daemon, psutil.Process(redis.process.pid), log, tasks)
        samples = list(look.until(lambda: len(listener.ids.get(SIGNALS, ())), sessions))
        took = time.monotonic() - began
        daemon.signal(signal.SIGTERM)
        found = _close_faults(_said(listener.log)[:sessions], closes) + daemon.ends
        found += faults(samples, YEAR, is_long=sessions >= YEAR, is_log_kept=feed == "tape")
        daemon.end()
        clocks = {close.partition("T")[2] for _, close in closes}
        return Outcome(
            feed=feed, sessions=sessions, took_s=took, samples=samples, faults=found,
            early_closes=sum(close.partition("T")[2].startswith(("17", "18")) for _, close in closes),
            offsets=len({clock for clock in clocks if clock.startswith(("20", "21"))}),
        )  # fmt: skip


def _said(log: Path) -> list[dict[str, Any]]:
    """The evaluations that arrived, in order; what is retained is said again at times, with the same id."""
    arrived = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    messages = [json.loads(body) for topic, body in arrived if topic == SIGNALS]
    return list({message["id"]: message for message in messages}.values())


def _close_faults(said: Sequence[dict[str, Any]], closes: Sequence[tuple[str, str]]) -> list[str]:
    found = [(message["data"]["session"], message["time"]) for message in said]
    wrong = [
        f"close {ours} was expected, {theirs} came"
        for ours, theirs in zip(closes, found, strict=False)
        if ours != theirs
    ]
    if len(found) != len(closes):
        wrong.append(f"{len(closes)} closes were expected, {len(found)} came")
    return wrong[:5]


class _Looks:
    """Looks at everything now and then while the sessions go by."""

    def __init__(self, daemon: Supervised, redis: psutil.Process, log: Any, tasks: Path) -> None:  # noqa: ANN401 - the library's
        self._daemon = daemon
        self._redis = redis
        self._log = log
        self._tasks = tasks

    def until(self, count: Callable[[], int], sessions: int) -> Iterator[Sample]:
        """Yield samples until so many sessions have been evaluated."""
        give_up = time.monotonic() + 60.0 + sessions * _SECONDS_PER_SESSION
        while (reached := count()) < sessions:
            assert self._daemon.is_running, self._daemon.log.read_text()[-2000:]
            assert time.monotonic() < give_up, (
                f"{reached} of {sessions} sessions; {self._daemon.log.read_text()[-2000:]}"
            )
            if reached and self._tasks.exists():
                yield self._sample(reached)
            time.sleep(_LOOK_EVERY_S)
        yield self._sample(reached)

    def _sample(self, sessions: int) -> Sample:
        process = psutil.Process(self._daemon.pid)
        told = self._log.info()
        return Sample(
            sessions=sessions,
            daemon_mb=process.memory_info().rss / _MB,
            redis_mb=self._redis.memory_info().rss / _MB,
            log_mb=told["used_memory_dataset"] / _MB,
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            tasks=int(self._tasks.read_text()),
            connections=told["connected_clients"],
        )
