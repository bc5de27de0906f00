"""From a tape through real Redis and real MQTT: what arrives equals a replay, byte for byte, whatever is killed."""

import json
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random

import paho.mqtt.client as mqtt
import pytest

from servers import mosquitto, redis_server, temporary_folder
from system.instance import (
    PORTFOLIOS,
    SHARED_TAPES,
    Daemon,
    Subscriber,
    alvh,
    daemon,
    replayed,
    walk_tape,
)

PATIENCE_S = 90.0


def configured(folder: Path, tape: Path, redis: str, broker: str, speed: str = "full") -> Path:
    """A configuration file for a tape."""
    path = folder / "alvh.yaml"
    path.write_text(
        f"feed: {{kind: tape, path: {tape}, speed: {speed}}}\nredis: {{url: '{redis}'}}\nmqtt: {{url: '{broker}'}}\n"
        f"http: {{port: 0}}\n{PORTFOLIOS}",
        encoding="utf-8",
    )
    return path


def until(condition: Callable[[], bool], made: Daemon) -> None:
    """Wait for something to come true while the daemon lives."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert made.is_running, made.log.read_text()
        assert time.monotonic() < deadline, made.log.read_text()
        time.sleep(0.05)


def replay(folder: Path, tape: Path, config: Path) -> dict[str, list[bytes]]:
    """All messages of a replay, by topic."""
    out = folder / "replay.jsonl"
    alvh("replay", tape, "--config", config, "--out", out, "--all")
    return replayed(out)


def shared_tape(name: str) -> Path:
    """A tape of real history."""
    if not (SHARED_TAPES / name).is_dir():
        pytest.skip("the real history does not lie beside the project; it does where the project is developed")
    return SHARED_TAPES / name


def delivered_equals_replay(tape: Path, portfolios: str, protocol: int, kills: int = 0, run_s: float = 0.0) -> None:
    """Run a daemon over a tape, killing it on the way, and compare what arrives with the replay, byte for byte."""
    random = Random(kills)
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        config = configured(folder, tape, redis.url, broker.url, speed=speed_for(tape, run_s) if run_s else "full")
        config.write_text(config.read_text().replace(PORTFOLIOS, portfolios))
        expected = replay(folder, tape, config)
        newest = {topic: lines[-1] for topic, lines in expected.items()}
        with Subscriber(broker.url, protocol) as subscriber, daemon(config, folder) as made:
            for _ in range(kills):
                time.sleep(random.uniform(0.5, 1.5) * run_s / kills)
                made.kill()
                made.start()
            until(lambda: subscriber.newest() == newest, made)
            assert subscriber.unique() == expected
            assert {len(contents) for contents in subscriber.contents_by_id().values()} == {1}


def speed_for(tape: Path, run_s: float) -> str:
    """The speed at which SPX takes so many seconds."""
    rows = (tape / "SPX.csv").read_text().splitlines()
    first, last = (datetime.fromisoformat(row.split(",")[0]) for row in (rows[1], rows[-1]))
    return f"{(last - first).total_seconds() / run_s:.0f}"


@pytest.mark.parametrize("protocol", [mqtt.MQTTv5, mqtt.MQTTv311])
def test_what_arrives_equals_the_replay(protocol: int) -> None:
    """All kinds of messages, over MQTT 5 and 3.1.1; `offline` is the last word at a clean stop."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 1, sessions=150, quotes=20)
        config = configured(folder, tape, redis.url, broker.url)
        expected = replay(folder, tape, config)
        assert {len(lines) > 10 for lines in expected.values()} == {True}
        with Subscriber(broker.url, protocol) as subscriber, daemon(config, folder) as made:
            total = sum(map(len, expected.values()))
            until(lambda: len(subscriber.arrived) - len(subscriber.statuses()) >= total, made)
            made.signal(signal.SIGINT)
            assert made.wait() == 0
            until_said = time.monotonic() + 5.0
            while subscriber.statuses()[-1]["data"]["state"] != "offline" and time.monotonic() < until_said:
                time.sleep(0.05)
            assert [status["data"]["state"] for status in subscriber.statuses()] == ["online", "offline"]
            assert subscriber.unique() == expected


def test_ten_kills_change_nothing() -> None:
    """SIGKILL at random instants of a paced tape: each message once in effect, in order, with one content."""
    with temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 2, sessions=120, quotes=30)
        delivered_equals_replay(tape, PORTFOLIOS, mqtt.MQTTv5, kills=10, run_s=16.0)


def test_log_of_a_run_replays_to_the_same_messages() -> None:
    """Recorded from Redis as a journal and as a tape."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 3, sessions=60, quotes=10)
        config = configured(folder, tape, redis.url, broker.url)
        expected = replay(folder, tape, config)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: len(subscriber.arrived) > sum(map(len, expected.values())), made)
            alvh("record", "--config", config, "--out", folder / "recorded", "--once")
        for source in (folder / "recorded" / "journal.jsonl", folder / "recorded"):
            assert replay(folder, source, config) == expected


def test_hash_seed_changes_nothing() -> None:
    """Two replays under different hash seeds are byte-equal."""
    with temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 4, sessions=60, quotes=5)
        outs = []
        for seed in ("0", "1", "4242"):
            out = folder / f"{seed}.jsonl"
            alvh("replay", tape, "--out", out, "--all", PYTHONHASHSEED=seed)
            outs.append(out.read_bytes())
        assert len(outs[0]) > 1000
        assert outs[0] == outs[1] == outs[2]


@pytest.mark.parametrize(("name", "protocol"), [("daily-2004-2012", mqtt.MQTTv5), ("intraday-2024", mqtt.MQTTv311)])
def test_real_history_arrives_as_it_is_replayed(name: str, protocol: int) -> None:
    """Triggers alone, at full speed: every message of the whole tape."""
    delivered_equals_replay(shared_tape(name), "portfolios: [{id: core, hedge: none}]\n", protocol)


@pytest.mark.long
@pytest.mark.parametrize("name", ["daily-2004-2012", "intraday-2024"])
def test_real_history_arrives_whatever_is_killed(name: str) -> None:
    """With a hedged portfolio beside, paced, killed thirty times."""
    delivered_equals_replay(shared_tape(name), PORTFOLIOS, mqtt.MQTTv5, kills=30, run_s=60.0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_random_walks_arrive_whatever_is_killed(seed: int) -> None:
    """Forty kills each."""
    with temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 100 + seed, sessions=100, quotes=30)
        delivered_equals_replay(tape, PORTFOLIOS, mqtt.MQTTv5, kills=40, run_s=60.0)


@pytest.mark.parametrize(("name", "messages", "moves"), [("daily-2004-2012", 424, 330), ("intraday-2024", 44, 34)])
def test_real_history_gives_the_documented_counts(name: str, messages: int, moves: int, tmp_path: Path) -> None:
    """`hedge: none` with the defaults."""
    tape = shared_tape(name)
    config = tmp_path / "none.yaml"
    config.write_text("portfolios: [{id: core, hedge: none}]\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    alvh("replay", tape, "--config", config, "--out", out)
    reasons = [json.loads(line)["data"]["reason_codes"] for line in out.read_bytes().splitlines()]
    assert (len(reasons), sum("MOVE_3" in each for each in reasons), reasons[0]) == (messages, moves, ["STATE"])
