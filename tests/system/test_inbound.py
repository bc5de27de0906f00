"""What people say reaches the log once: whatever dies in between, however often it comes, and nobody else's word."""

import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import redis as client
from paho.mqtt.enums import CallbackAPIVersion

from alvh.core.codec import decode
from alvh.core.events import Answer, Event
from servers import RedisServer, mosquitto, program, redis_server, temporary_folder
from system.instance import Daemon, Subscriber, alvh, daemon, walk_tape
from system.test_outages import is_done
from system.test_tape_to_wire import configured, replay, until

SESSIONS = 12
TOPIC = "alvh/main/portfolio/core/answer"


def events_of(redis: RedisServer) -> list[Event]:
    """Everything in the log."""
    log = client.Redis.from_url(redis.url)
    with log:
        entries: list[tuple[bytes, dict[bytes, bytes]]] = log.execute_command("XRANGE", "{alvh:main}:journal", "-", "+")  # type: ignore[no-untyped-call]  # the library's
    return [decode(fields[b"e"]) for _, fields in entries]


def answers_of(redis: RedisServer) -> list[Answer]:
    """The answers among it."""
    return [event for event in events_of(redis) if isinstance(event, Answer)]


def say(url: str, topic: str, body: object, *, account: str | None = None, retain: bool = False) -> None:
    """Publish one message and wait for the broker to have it."""
    speaker = mqtt.Client(CallbackAPIVersion.VERSION2)
    if account is not None:
        speaker.username_pw_set(account, f"pw-{account}")
    host, port = url.removeprefix("mqtt://").split(":")
    speaker.connect(host, int(port))
    speaker.loop_start()
    raw = body if isinstance(body, bytes) else json.dumps(body)
    speaker.publish(topic, raw, qos=1, retain=retain).wait_for_publish(10)
    speaker.disconnect()
    speaker.loop_stop()


def page_of(made: Daemon) -> str:
    """Where this daemon's page is; its log says so."""
    found = re.findall(r"page +(http://\S+)/", made.log.read_text())
    return str(found[-1])


def asked(made: Daemon, path: str) -> Any:  # noqa: ANN401 - JSON
    """An answer of the page's server, JSON or text."""
    with urllib.request.urlopen(page_of(made) + path, timeout=10) as answer:
        body = answer.read().decode()
    return json.loads(body) if path.startswith("/api") else body


def refused(made: Daemon, subject: str, reason: str) -> float:
    """How often something was refused, as Prometheus reads it."""
    lines = asked(made, "/metrics").splitlines()
    wanted = (f'subject="{subject}"', f'reason="{reason}"')
    found = [line for line in lines if line.startswith("alvh_refused_total{") and all(word in line for word in wanted)]
    assert found, (subject, reason)
    return float(found[0].rpartition(" ")[2])


def last_id(expected: dict[str, list[bytes]]) -> str:
    """The adjustment that may be answered."""
    return str(json.loads(expected["alvh/main/portfolio/core/adjustment"][-1] + b"}")["id"])


def test_an_answer_read_and_not_yet_written_outlives_the_daemon() -> None:
    """Redis is gone, the answer is in the daemon's hands, and it is killed: the next one gets it again, and once."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 71, sessions=SESSIONS, quotes=4)
        config = configured(folder, tape, redis.url, broker.url)
        expected = replay(folder, tape, config)
        said = {"event_id": last_id(expected), "decision": "accept", "by": "anna"}
        with Subscriber(broker.url) as subscriber, daemon(config, folder) as made:
            until(lambda: is_done(subscriber, expected), made)
            redis.kill()
            say(broker.url, TOPIC, said)
            time.sleep(2.0)  # long enough to be read; where it was not, the broker has it all the same
            made.kill()
            say(broker.url, TOPIC, {**said, "by": "ben"})  # nobody is there at all
            redis.start()
            assert answers_of(redis) == []
            made.start()
            until(lambda: len(answers_of(redis)) >= 2, made)
            until(lambda: asked(made, "/api/portfolios/core")["unanswered"] == 0, made)
            made.kill()
            made.start()  # and what is in the log is not said again
            until(lambda: _is_up(made), made)
            say(broker.url, TOPIC, said)
            until(lambda: refused(made, "answer", "duplicate") == 1.0, made)
            shown = asked(made, "/api/portfolios/core")
            assert [given["by"] for given in shown["answers"][said["event_id"]]] == ["anna", "ben"]
        assert [answer.by for answer in answers_of(redis)] == ["anna", "ben", "anna"]


def _is_ready(made: Daemon) -> bool:
    try:
        return not asked(made, "/api/status")["not_ready"]
    except (OSError, IndexError):
        return False


def _is_up(made: Daemon) -> bool:
    try:
        return bool(asked(made, "/api/status")["is_leader"])
    except (OSError, IndexError):
        return False


def test_a_name_is_worth_what_the_broker_says() -> None:
    """Each may publish under his own name alone; what an unknown one says, or says in another's name, is counted."""
    program("mosquitto_passwd")
    with redis_server() as redis, temporary_folder() as folder:
        _accounts(folder, "daemon", "anna", "eve")
        rules = folder / "rules"
        everything = "user daemon\ntopic readwrite alvh/#\n\n"
        rules.write_text(f"{everything}pattern write alvh/main/portfolio/+/answer/%u\n", encoding="utf-8")
        rules.chmod(0o644)
        lines = (f"password_file {folder}/users", f"acl_file {rules}")
        tape = walk_tape(folder / "tape", 72, sessions=SESSIONS, quotes=4)
        with mosquitto(*lines, anonymous=False) as broker:
            config = configured(folder, tape, redis.url, broker.url)
            own = f"url: '{broker.url}', username: daemon, password: pw-daemon, allowed_by: [anna]"
            config.write_text(config.read_text().replace(f"url: '{broker.url}'", own), encoding="utf-8")
            expected = replay(folder, tape, config)
            said = {"event_id": last_id(expected), "decision": "accept", "by": "anna"}
            with daemon(config, folder) as made:
                until(lambda: "mqtt" in made.log.read_text() and _is_ready(made), made)
                say(broker.url, f"{TOPIC}/anna", said, account="eve")  # the broker drops it: nobody is told
                say(broker.url, f"{TOPIC}/eve", said, account="eve")
                say(broker.url, f"{TOPIC}/anna", {**said, "by": "ben"}, account="anna")
                say(broker.url, TOPIC, said, account="daemon")  # no name behind it
                until(lambda: refused(made, "inbound", "not_allowed") == 3.0, made)
                assert answers_of(redis) == []
                done = alvh("answer", last_id(expected), "accept", "--by", "eve", "--config", config, check=False)
                assert done.returncode == 2
                say(broker.url, f"{TOPIC}/anna", said, account="anna")
                until(lambda: [answer.by for answer in answers_of(redis)] == ["anna"], made)


def _accounts(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        new = ["-c"] if number == 0 else []
        command = [program("mosquitto_passwd"), *new, "-b", str(folder / "users"), name, f"pw-{name}"]
        subprocess.run(command, check=True)
    folder.chmod(0o755)
    (folder / "users").chmod(0o644)


def test_refusals_are_counted_by_their_reason() -> None:
    """Retained, malformed, of an unknown or superseded adjustment; none of them changes anything."""
    with redis_server() as redis, mosquitto() as broker, temporary_folder() as folder:
        tape = walk_tape(folder / "tape", 73, sessions=SESSIONS * 2, quotes=6)
        config = configured(folder, tape, redis.url, broker.url)
        expected = replay(folder, tape, config)
        said = {"event_id": last_id(expected), "decision": "accept", "by": "anna"}
        older = json.loads(expected["alvh/main/portfolio/core/adjustment"][-2] + b"}")["id"]
        say(broker.url, TOPIC, said, retain=True)  # for somebody else, some time
        with daemon(config, folder) as made:
            until(lambda: _is_ready(made) and "ended" in json.dumps(asked(made, "/api/status")), made)
            say(broker.url, TOPIC, b"{")
            say(broker.url, TOPIC, {**said, "event_id": older})
            say(broker.url, TOPIC, {**said, "event_id": "core-00000000000000009999-1"})
            say(broker.url, "alvh/main/portfolio/nobody/answer", said)
            wanted = {
                ("inbound", "retained"): 1.0,
                ("inbound", "malformed"): 1.0,
                ("answer", "superseded"): 1.0,
                ("answer", "unknown"): 1.0,
                ("answer", "unknown_portfolio"): 1.0,
            }
            until(lambda: {key: refused(made, *key) for key in wanted} == wanted, made)
            assert asked(made, "/api/portfolios/core")["unanswered"] == 1
            assert f"superseded by {said['event_id']}" in made.log.read_text()
