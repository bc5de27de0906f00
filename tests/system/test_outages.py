"""Redis, the broker and the daemon itself go away at any time and come back: nothing is lost, nothing doubled."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import redis as client

from servers import free_port, mosquitto, redis_server, temporary_folder
from system.instance import Subscriber, alvh, daemon, walk_tape
from system.test_tape_to_wire import configured, replay, until

SESSIONS = 60
MARKET_S = SESSIONS * 7 / 5 * 86_400


def last_lines(expected: dict[str, list[bytes]]) -> dict[str, bytes]:
    """The last message of each topic."""
    return {topic: lines[-1] for topic, lines in expected.items()}


def is_done(subscriber: Subscriber, expected: dict[str, list[bytes]]) -> bool:
    """Whether the last message of each topic has arrived."""
    seen = subscriber.unique()
    return all(seen.get(topic, [b""])[-1] == line for topic, line in last_lines(expected).items())


def test_redis_is_killed_at_start_and_on_the_way() -> None:
    """The daemon waits for it, and goes on with what it has."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 21, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, redis.url, broker.url, speed=f"{MARKET_S / 8:.0f}")
        expected = replay(folder, tape, config)
        redis.kill()
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            time.sleep(1.5)
            assert made.is_running
            redis.start()
            for _ in range(3):
                time.sleep(1.5)
                redis.kill()
                time.sleep(0.5)
                redis.start()
            until(lambda: is_done(subscriber, expected), made)
            assert subscriber.unique() == expected
            assert {len(contents) for contents in subscriber.contents_by_id().values()} == {1}


def test_broker_is_away_at_start_and_restarted_on_the_way() -> None:
    """What waited goes out in order once it is there; a restart says `online` and the newest target again."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 22, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, redis.url, broker.url)
        expected = replay(folder, tape, config)
        broker.kill()
        with daemon(config, folder) as made:
            time.sleep(2.0)
            assert made.is_running
            broker.start()
            with Subscriber(broker.url) as subscriber:
                until(lambda: is_done(subscriber, expected), made)
            broker.kill()
            broker.start()
            with Subscriber(broker.url) as late:
                newest = {
                    topic: line for topic, line in last_lines(expected).items() if not topic.endswith("adjustment")
                }
                until(
                    lambda: {t: lines[-1] for t, lines in late.unique().items()} == newest and bool(late.statuses()),
                    made,
                )
                assert late.statuses()[-1]["data"]["state"] == "online"


def test_second_daemon_follows_and_takes_over() -> None:
    """One leads; when it is killed the other goes on under a higher epoch, and nothing is missing."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 23, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, redis.url, broker.url, speed=f"{MARKET_S / 8:.0f}")
        other = folder / "other.yaml"
        other.write_text(config.read_text())
        expected = replay(folder, tape, config)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as first:
            until(lambda: bool(subscriber.statuses()), first)
            with daemon(other, folder) as second:
                time.sleep(2.5)
                first.kill()
                until(lambda: is_done(subscriber, expected), second)
                assert subscriber.unique() == expected
                epochs = [json.loads(body)["epoch"] for topic, body in subscriber.arrived if topic.endswith("signals")]
                assert epochs == sorted(epochs)
                assert len(set(epochs)) == 2


def fetched(port: int, path: str) -> Any:  # noqa: ANN401 - JSON
    """What a path of the daemon's server answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        body = answer.read().decode()
    return json.loads(body) if path.startswith(("/api", "/readyz")) else body


def test_what_is_shown_over_http_and_in_redis() -> None:
    """Health, metrics, the API, the signals hash and its history, status and events on the command line."""
    port = free_port()
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 24, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, redis.url, broker.url)
        config.write_text(config.read_text().replace("http: {port: 0}", f"http: {{port: {port}}}"))
        expected = replay(folder, tape, config)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: is_done(subscriber, expected), made)
            time.sleep(1.5)
            assert fetched(port, "/healthz")
            assert fetched(port, "/readyz")["ready"] is True
            metrics = fetched(port, "/metrics")
            documented = (
                "quotes_total quotes_rejected_total quote_timestamp_seconds signal_value index_move_ratio phase"
                " sessions_since_rebalance adjustments_total unanswered_adjustments hedge_cost_ratio hedge_offset_ratio"
                " target_contracts outbox_pending_messages quote_to_publish_seconds commit_seconds feed_connected"
                " redis_connected mqtt_connected leader feed_errors_total build_info"
            )
            assert [name for name in documented.split() if f"alvh_{name}" not in metrics] == []
            adjustments = fetched(port, "/api/adjustments?after=3&portfolio=core")
            assert [int(each["sequence"]) for each in adjustments][:2] == [4, 5]
            assert fetched(port, "/api/portfolios/core")["id"] == "core"
            assert fetched(port, "/api/signals")["signals"]
            log = client.Redis.from_url(redis.url, decode_responses=True)
            assert log.hget("{alvh:main}:signals", "session") == fetched(port, "/api/signals")["session"]
            assert log.xlen("{alvh:main}:signals:history") == SESSIONS
            log.close()
            status = alvh("status", "--config", config).stdout
            assert "core: STANDBY" in status
            assert "SPX" in status
            events = alvh("events", "--config", config, "--portfolio", "core", "--from", "3", "--json").stdout
            assert int(json.loads(events.splitlines()[0])["sequence"]) == 3


def test_answers_are_taken_checked_and_kept() -> None:
    """From the command line; what does not fit is refused with the reason."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 25, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, redis.url, broker.url)
        expected = replay(folder, tape, config)
        topic = "alvh/main/portfolio/core/adjustment"
        ids = [json.loads(line + b"}")["id"] for line in expected[topic]]
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: is_done(subscriber, expected), made)
            said = alvh("answer", ids[-1], "accept", "--by", "anna", "--config", config)
            assert ids[-1] in said.stdout
            for arguments, reason in (
                ((ids[-1], "accept", "--by", "anna"), "before"),
                ((ids[-2], "accept", "--by", "anna"), "superseded"),
                (("core-00000000000000009999-1", "accept", "--by", "anna"), "no adjustment"),
                ((ids[-1], "reject", "--by", "ben"), "reason"),
            ):
                refused = alvh("answer", *arguments, "--config", config, check=False)
                assert refused.returncode == 2
                assert reason in refused.stderr


def test_tape_of_another_feed_on_a_log_is_refused(tmp_path: Path) -> None:
    """A log belongs to one kind of feed; the message names both."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 26, sessions=30, quotes=5)
        config = configured(folder, tape, redis.url, broker.url)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: bool(subscriber.statuses()), made)
        simulated = tmp_path / "simulated.yaml"
        simulated.write_text(f"redis: {{url: '{redis.url}'}}\nmqtt: {{url: '{broker.url}'}}\nhttp: {{port: 0}}\n")
        done = alvh("run", "--config", simulated, check=False)
        assert done.returncode == 2
        assert "feed.kind" in done.stderr
        assert "Traceback" not in done.stderr
