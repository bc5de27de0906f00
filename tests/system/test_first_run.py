"""`alvh run` as a newcomer starts it, without configuration or server; stopped, killed, and started again."""

import json
import re
import signal
import time
import urllib.request
from pathlib import Path

import paho.mqtt.client as mqtt
import psutil

from servers import temporary_folder
from system.instance import Daemon, Subscriber, alvh, daemon, replayed, walk_tape
from system.test_tape_to_wire import until

FIRST_MESSAGE_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
DEATH_LIMIT_S = 5.0


def told(made: Daemon, what: str, starts: int = 1) -> str:
    """An address the daemon prints at its n-th start."""
    pattern = re.compile(rf"^  {what} +(\S+)", re.MULTILINE)
    until(lambda: len(pattern.findall(made.log.read_text())) >= starts, made)
    found: str = pattern.findall(made.log.read_text())[starts - 1]
    return found


def adjustments(subscriber: Subscriber) -> list[int]:
    """Sequence numbers of the adjustments that have arrived."""
    return [int(json.loads(body)["sequence"]) for topic, body in subscriber.arrived if topic.endswith("/adjustment")]


def evaluated(subscriber: Subscriber) -> str:
    """The newest session whose signals have arrived."""
    found = [json.loads(body)["data"]["session"] for topic, body in subscriber.arrived if topic.endswith("/signals")]
    return max(found, default="")


def valkeys(folder: Path) -> list[psutil.Process]:
    """Valkeys that keep their data below a folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ()) and "valkey" in process.name()
    ]


def test_default_run_speaks_within_thirty_seconds_stops_cleanly_and_goes_on() -> None:
    """The simulator, the embedded Valkey and broker; Ctrl-C; then the next start, without a gap."""
    with temporary_folder() as folder, daemon(None, folder) as made:
        began = time.monotonic()
        page = told(made, "page")
        assert b"<html" in urllib.request.urlopen(page, timeout=5).read().lower()
        with Subscriber(told(made, "broker"), mqtt.MQTTv311) as subscriber:
            until(lambda: 1 in adjustments(subscriber), made)
            assert time.monotonic() - began < FIRST_MESSAGE_LIMIT_S
            assert "SIMULATED" in alvh("status", cwd=folder).stdout
            assert "demo #1" in alvh("events", cwd=folder).stdout
            made.signal(signal.SIGINT)
            assert made.wait(STOP_LIMIT_S) == 0
        assert valkeys(folder) == []
        said = made.log.read_text()
        for word in ("Traceback", "warning", "error", "exception"):
            assert word not in said
        newest = max(adjustments(subscriber))
        made.start()
        with Subscriber(told(made, "broker", 2), mqtt.MQTTv311) as later:
            before = evaluated(subscriber)
            until(lambda: evaluated(later) > before, made)
        alvh("replay", f"unix://{folder}/var/main/valkey/valkey.sock", "--out", folder / "log.jsonl", cwd=folder)
        events = alvh("events", "--json", cwd=folder).stdout.splitlines()
        assert [int(json.loads(line)["sequence"]) for line in events] == list(range(1, len(events) + 1))
        assert len(events) >= newest


def test_killed_daemon_leaves_no_server_behind_and_its_log_goes_on() -> None:
    """SIGKILL: the embedded Valkey dies too; the next start continues the tape; 3.1.1 all the way, byte for byte."""
    with temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 31, sessions=30, quotes=10)
        config = folder / "alvh.yaml"
        market_s = 30 * 7 / 5 * 86_400
        config.write_text(
            f"feed: {{kind: tape, path: {tape}, speed: {market_s / 6:.0f}}}\nhttp: {{port: 0}}\n"
            "portfolios: [{id: core, hedge: none}]\n"
        )
        out = folder / "replay.jsonl"
        alvh("replay", tape, "--config", config, "--out", out)
        with daemon(config, folder) as made:
            with Subscriber(told(made, "broker"), mqtt.MQTTv311) as subscriber:
                until(lambda: 1 in adjustments(subscriber), made)
                assert len(valkeys(folder)) == 1
                made.kill()
            deadline = time.monotonic() + DEATH_LIMIT_S
            while valkeys(folder):
                assert time.monotonic() < deadline, "the embedded Valkey outlives its daemon"
                time.sleep(0.05)
            made.start()
            expected = replayed(out)["alvh/main/portfolio/core/adjustment"]
            with Subscriber(told(made, "broker", 2), mqtt.MQTTv311) as later:
                newest = len(expected)
                until(lambda: newest in adjustments(later), made)
            events = alvh("events", "--json", "--config", config, cwd=folder).stdout.splitlines()
            assert [json.loads(line)["id"] for line in events] == [json.loads(b"%b}" % line)["id"] for line in expected]
