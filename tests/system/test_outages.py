"""Redis, the broker and the daemon itself go away at any time and come back: nothing is lost, nothing doubled."""

import json
import signal
import socket
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import redis as client

from servers import RedisServer, free_port, mosquitto, redis_server, temporary_folder
from system.instance import Daemon, Subscriber, alvh, alvh_beside, daemon, walk_tape
from system.test_tape_to_wire import PATIENCE_S, configured, replay, until

SESSIONS = 60
MARKET_S = SESSIONS * 7 / 5 * 86_400
LEASE_S = 5.0


def epoch_of(redis: RedisServer) -> int:
    """The fencing token of the log."""
    log = client.Redis.from_url(redis.url, decode_responses=True)
    with log:
        return int(str(log.hget("{alvh:main}:meta", "epoch") or 0))


def state_of(subscriber: Subscriber) -> str:
    """The last word on the status topic."""
    return str(subscriber.statuses()[-1]["data"]["state"]) if subscriber.statuses() else ""


def last_lines(expected: dict[str, list[bytes]]) -> dict[str, bytes]:
    """The last message of each topic."""
    return {topic: lines[-1] for topic, lines in expected.items()}


def is_done(subscriber: Subscriber, expected: dict[str, list[bytes]]) -> bool:
    """Whether the last message of each topic has arrived."""
    return subscriber.newest() == last_lines(expected)


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


def test_followed_events_go_on_when_redis_comes_back() -> None:
    """`events --follow` shows each adjustment once; Ctrl-C is its ordinary end."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 34, sessions=SESSIONS, quotes=5)
        config = configured(folder, tape, redis.url, broker.url, speed=f"{MARKET_S / 8:.0f}")
        expected = replay(folder, tape, config)["alvh/main/portfolio/core/adjustment"]
        out = folder / "events"
        with (
            daemon(config, folder) as made,
            alvh_beside(out, "events", "--config", config, "--portfolio", "core", "--follow", "--json") as following,
        ):
            until(lambda: out.read_bytes().count(b"\n") >= 2, made)
            redis.kill()
            time.sleep(0.5)
            redis.start()
            until(lambda: out.read_bytes().count(b"\n") >= len(expected), made)
            time.sleep(0.5)
            following.send_signal(signal.SIGINT)
            assert following.wait(10) == 0
        shown = [json.loads(line)["id"] for line in out.read_bytes().splitlines()]
        assert shown == [json.loads(b"%b}" % line)["id"] for line in expected]


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
                before = epoch_of(redis)
                first.kill()
                killed = time.monotonic()
                until(lambda: epoch_of(redis) > before, second)
                assert time.monotonic() - killed < 2 * LEASE_S
                until(lambda: is_done(subscriber, expected), second)
                assert subscriber.unique() == expected
                epochs = [json.loads(body)["epoch"] for topic, body in subscriber.arrived if topic.endswith("signals")]
                assert epochs == sorted(epochs)
                assert len(set(epochs)) == 2
                said = [status["data"]["state"] for status in subscriber.statuses()]
                assert (said[0], said[-1]) == ("online", "online")
                assert "offline" in said, "the broker says the last will of the one that was killed"
                with Subscriber(broker.url) as late:
                    until(lambda: bool(late.statuses()), second)
                    assert late.statuses()[0]["data"]["state"] == "online"
                    assert late.statuses()[0]["epoch"] == epoch_of(redis)


def test_leader_that_was_paused_follows_when_it_wakes_up() -> None:
    """Its lease runs out while it sleeps, another takes over; it commits and says nothing more."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 27, sessions=SESSIONS, quotes=10)
        config = configured(folder, tape, redis.url, broker.url, speed=f"{MARKET_S / 12:.0f}")
        other = folder / "other.yaml"
        other.write_text(config.read_text())
        expected = replay(folder, tape, config)
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as first:
            until(lambda: bool(subscriber.statuses()), first)
            with daemon(other, folder) as second:
                time.sleep(2.5)
                before = epoch_of(redis)
                first.signal(signal.SIGSTOP)
                paused = time.monotonic()
                until(lambda: epoch_of(redis) > before, second)
                assert time.monotonic() - paused < 2 * LEASE_S
                first.signal(signal.SIGCONT)
                until(lambda: is_done(subscriber, expected), second)
                assert first.is_running
                assert subscriber.unique() == expected
                assert {len(contents) for contents in subscriber.contents_by_id().values()} == {1}
                second.signal(signal.SIGINT)
                assert second.wait() == 0
                until(lambda: "following from here on" in first.log.read_text(), first)
                until(lambda: first.log.read_text().count("leading under epoch") == 2, first)


def test_last_will_is_said_when_the_only_daemon_is_killed() -> None:
    """Retained `offline`; a clean stop says it itself; the next start says `online` again."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 28, sessions=10, quotes=5)
        config = configured(folder, tape, redis.url, broker.url)
        with daemon(config, folder) as made:
            for end in (made.kill, made.stop):
                with Subscriber(broker.url) as subscriber:
                    until(lambda: state_of(subscriber) == "online", made)
                    end()
                    deadline = time.monotonic() + PATIENCE_S
                    while state_of(subscriber) != "offline":
                        assert time.monotonic() < deadline
                        time.sleep(0.05)
                with Subscriber(broker.url) as late:
                    while not late.statuses():
                        time.sleep(0.05)
                    assert late.statuses()[0]["data"]["state"] == "offline"
                made.start()
            assert made.is_running


def test_redis_that_asks_for_another_password_is_waited_for() -> None:
    """It says so once, never the secret; when the password is right it goes on; Ctrl-C ends the waiting."""
    with redis_server("--requirepass", "open-sesame") as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 29, sessions=10, quotes=5)
        config = configured(folder, tape, redis.url, broker.url)
        plain = config.read_text()
        config.write_text(plain.replace(redis.url, redis.url.replace("redis://", "redis://:hunter2@")))
        with daemon(config, folder) as made:
            until(lambda: "password" in made.log.read_text(), made)
            time.sleep(1.0)
            assert made.is_running
            made.signal(signal.SIGINT)
            assert made.wait() == 0
            assert "hunter2" not in made.log.read_text()
            assert made.log.read_text().count("password") == 1
            looked = alvh("events", "--config", config, check=False)
            assert looked.returncode == 1
            assert "hunter2" not in looked.stderr
            secret = folder / "secret"
            secret.write_text("open-sesame\n")
            config.write_text(plain.replace(f"'{redis.url}'", f"'{redis.url}', password_file: {secret}"))
            made.start()
            with Subscriber(broker.url) as subscriber:
                until(lambda: state_of(subscriber) == "online", made)
            until(lambda: "core" in alvh("status", "--config", config, check=False).stdout, made)
            assert "open-sesame" not in made.log.read_text()


def test_port_of_the_page_that_is_taken() -> None:
    """One that was asked for: the daemon does not start, and one line says why."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        tape = walk_tape(folder / "tape", 30, sessions=10, quotes=5)
        config = configured(folder, tape, redis.url, broker.url)
        port = taken.getsockname()[1]
        config.write_text(config.read_text().replace("http: {port: 0}", f"http: {{port: {port}}}"))
        done = alvh("run", "--config", config, check=False)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert str(port) in line


def has_connected(made: Daemon, times: int) -> bool:
    """Whether the daemon has said so often that the broker is connected: once a start."""
    return made.log.read_text().count(" is connected") >= times


def test_ctrl_c_while_redis_or_the_broker_is_away() -> None:
    """It ends within seconds; nothing scary is printed."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 33, sessions=SESSIONS, quotes=5)
        config = configured(folder, tape, redis.url, broker.url, speed=f"{MARKET_S / 20:.0f}")
        with daemon(config, folder) as made:
            for starts, server in enumerate((redis, broker), start=1):
                until(partial(has_connected, made, starts), made)
                time.sleep(0.5)
                server.kill()
                time.sleep(0.5)
                made.signal(signal.SIGINT)
                made.wait()
                assert "Traceback" not in made.log.read_text()
                server.start()
                made.start()


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
