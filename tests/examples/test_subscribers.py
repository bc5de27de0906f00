"""Every example of a subscriber against a real broker: exactly once through repeats, kills, restarts, a reset log."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alvh.messages import AdjustmentMessage
from servers import Mosquitto, mosquitto, temporary_folder
from system.instance import SERVICE, alvh

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NODE = ROOT / "tests" / "node"
TOPIC: Final = "alvh/main/portfolio/{}/adjustment"
PATIENCE_S: Final = 30.0


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with temporary_folder() as kept, mosquitto("persistence true", f"persistence_location {kept}/") as server:
        kept.chmod(0o777)
        yield server


@pytest.fixture(scope="module")
def adjustments() -> list[bytes]:
    """Real ones, of vector A and others, as `alvh size` prints them, numbered as a portfolio's are."""
    done = alvh(
        "size", "--portfolio", EXAMPLES / "portfolio-vector-a.yaml", "--market", EXAMPLES / "market-vector-a.yaml"
    )
    return [numbered(json.loads(done.stdout), number) for number in range(1, 6)]


def numbered(message: dict[str, Any], sequence: int, *, epoch: int = 7, **data: object) -> bytes:
    """A message as adjustment `sequence` of portfolio `core`, some of its data replaced."""
    changed = {
        **message,
        "source": "alvh/main",
        "subject": "core",
        "id": f"core-{sequence:020d}-1",
        "sequence": f"{sequence:020d}",
        "epoch": epoch,
        "data": {**message["data"], "event_id": f"core-{sequence:020d}-1", **data},
    }
    return json.dumps(changed).encode()


class Talker:
    """Publishes as the service does, and keeps what is answered."""

    def __init__(self, url: str) -> None:
        self.answers: list[dict[str, Any]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _u, message: self.answers.append(json.loads(message.payload))
        host, port = url.removeprefix("mqtt://").split(":")
        self._client.connect(host, int(port))
        self._client.subscribe("alvh/main/portfolio/+/answer", qos=1)
        self._client.loop_start()

    def say(self, *bodies: bytes) -> None:
        for body in bodies:
            self._client.publish(TOPIC.format("core"), body, qos=1).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def talker(url: str) -> Iterator[Talker]:
    made = Talker(url)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """An example as a process, what it says in `said` of its folder."""
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            command, cwd=folder, stdout=said, stderr=said, env={"PYTHONPATH": str(SERVICE), "PATH": "", **environment}
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a condition; a process that ends meanwhile fails the test with what it said."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, (folder / "said").read_text()
        assert time.monotonic() < give_up, (folder / "said").read_text()
        time.sleep(0.05)


def rows(store: Path, query: str) -> list[tuple[Any, ...]]:
    """What a store holds; nothing where it is not made yet."""
    if not store.exists():
        return []
    with closing(sqlite3.connect(store)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


def python(script: str, broker: Mosquitto, store: Path, *more: str) -> list[str]:
    """The command of a Python example."""
    return [sys.executable, str(EXAMPLES / script), "--broker", broker.url, "--store", str(store), *more]


def javascript(broker: Mosquitto, folder: Path) -> list[str]:
    """The command of the JavaScript example, beside the packages it imports."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules").is_dir():
        pytest.skip("needs node, and the packages scripts/node.sh installs with npm")
    shutil.copy(EXAMPLES / "subscriber.mjs", folder)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NODE / "node_modules")
    return [node, "subscriber.mjs", "--broker", broker.url, "--store", "taken.jsonl"]


def taken(folder: Path, language: str) -> list[str]:
    """Ids in the order in which a subscriber took them."""
    if language == "python":
        return [row[0] for row in rows(folder / "inbox.db", "SELECT id FROM taken ORDER BY rowid")]
    store = folder / "taken.jsonl"
    return [json.loads(line)["id"] for line in store.read_text().splitlines()] if store.exists() else []


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_each_adjustment_is_taken_once(
    language: str, broker: Mosquitto, adjustments: list[bytes], tmp_path: Path
) -> None:
    """Repeats are dropped; what is said while it is away arrives; a log that was reset raises an alarm."""

    def command() -> list[str]:
        if language == "python":
            return python("exactly_once.py", broker, tmp_path / "inbox.db")
        return javascript(broker, tmp_path)

    ids = [json.loads(body)["id"] for body in adjustments]
    started = command()
    with talker(broker.url) as service:
        with running(started, tmp_path) as process:
            until(lambda: _taken_after_saying(service, adjustments[0], tmp_path, language), process, tmp_path)
            service.say(b"no JSON", b"{}", adjustments[0], *adjustments[:3], adjustments[1])
            until(lambda: taken(tmp_path, language) == ids[:3], process, tmp_path)
            process.kill()
        service.say(*adjustments[1:])  # while it is away, with repeats
        with running(started, tmp_path) as process:
            until(lambda: taken(tmp_path, language) == ids, process, tmp_path)
            assert b"ALARM" not in (tmp_path / "said").read_bytes()
            service.say(numbered(json.loads(adjustments[0]), 1, epoch=8))
            until(lambda: taken(tmp_path, language) == [*ids, ids[0]], process, tmp_path)
            process.send_signal(signal.SIGKILL)
    assert (tmp_path / "said").read_bytes().count(b"ALARM") == 1
    assert (tmp_path / "said").read_bytes().count(b"left out") >= 2


def _taken_after_saying(service: Talker, body: bytes, folder: Path, language: str) -> bool:
    """Say it until it is taken: a subscriber that has just started may not have subscribed yet."""
    if not taken(folder, language):
        service.say(body)
        time.sleep(0.2)
    return bool(taken(folder, language))


class Webhook(BaseHTTPRequestHandler):
    """A notification service that refuses the first two notices."""

    def do_POST(self) -> None:
        """Take a notice."""
        notices: list[tuple[dict[str, str], str]] = self.server.notices  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        notices.append((dict(self.headers), body))
        self.send_response(503 if len(notices) <= 2 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_notice_reaches_the_phone_through_outages_of_its_service(
    broker: Mosquitto, adjustments: list[bytes], tmp_path: Path
) -> None:
    """In order, each once when the service takes it, with the message's id and without hiding that it is simulated."""
    first = numbered(json.loads(adjustments[0]), 1, simulated=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    server.notices = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    webhook = f"http://127.0.0.1:{server.server_address[1]}/topic"
    store = tmp_path / "phone.db"
    command = python("phone.py", broker, store, "--webhook", webhook)
    try:
        with talker(broker.url) as service, running(command, tmp_path, PHONE_TOKEN="s3cret") as process:
            position = "SELECT 1 FROM position"
            until(lambda: _position_after_saying(service, first, store), process, tmp_path)
            service.say(adjustments[1])
            until(lambda: len(server.notices) >= 4, process, tmp_path)  # type: ignore[attr-defined]
            until(lambda: bool(rows(store, position)) and not rows(store, "SELECT 1 FROM notice"), process, tmp_path)
    finally:
        server.shutdown()
    notices = server.notices  # type: ignore[attr-defined]
    ids = [json.loads(body)["id"] for body in adjustments[:2]]
    assert [headers["Idempotency-Key"] for headers, _ in notices] == [ids[0]] * 3 + [ids[1]]
    assert notices[0][0]["Title"].startswith("SIMULATED - core: ")
    assert notices[0][0]["Authorization"] == "Bearer s3cret"
    assert notices[3][1] == AdjustmentMessage.model_validate_json(adjustments[1]).data.text
    assert "s3cret" not in (tmp_path / "said").read_text()


def _position_after_saying(service: Talker, body: bytes, store: Path) -> bool:
    query = "SELECT 1 FROM position"
    if not rows(store, query):
        service.say(body)
        time.sleep(0.2)
    return bool(rows(store, query))


def test_orders_of_a_paper_account_are_what_the_message_says(
    broker: Mosquitto, adjustments: list[bytes], tmp_path: Path
) -> None:
    """Each order once, with its answer; what may not be worked is refused with the reason."""
    plain = json.loads(adjustments[0])
    later = "2999-01-01T00:00:00Z"
    good = numbered(plain, 1, executable=True, valid_until=later, approvals_required=0)
    model = numbered(plain, 2, executable=False, valid_until=later, approvals_required=0)
    lapsed = numbered(
        plain, 3, executable=True, simulated=False, valid_until="2020-01-01T00:00:00Z", approvals_required=0
    )
    waiting = numbered(plain, 4, executable=True, valid_until=later, approvals_required=2)
    store = tmp_path / "paper.db"
    command = python("paper_orders.py", broker, store)
    with talker(broker.url) as service:
        with running(command, tmp_path) as process:
            until(lambda: _position_after_saying(service, good, store), process, tmp_path)
            service.say(good, model, lapsed, waiting)
            until(lambda: len(rows(store, "SELECT 1 FROM refused")) == 3, process, tmp_path)
            until(lambda: bool(service.answers), process, tmp_path)
            until(lambda: not rows(store, "SELECT 1 FROM reply"), process, tmp_path)
        with running(command, tmp_path) as process:
            service.say(good)
            time.sleep(1.0)
            assert process.poll() is None
    wanted = [action for action in plain["data"]["actions"] if action["side"] != "NONE"]
    assert wanted
    made = rows(store, "SELECT instrument, side, quantity, price FROM paper_order ORDER BY number")
    assert made == [(each["instrument"], each["side"], each["qty"], each["limit_price"]) for each in wanted]
    assert [why.partition(",")[0].partition(" at")[0] for _, why in rows(store, "SELECT * FROM refused")] == [
        "not executable", "lapsed", "needs the approval of 2 people",
    ]  # fmt: skip
    (said,) = service.answers
    assert (said["event_id"], said["decision"], said["by"]) == (json.loads(good)["id"], "executed", "paper")
    assert [fill["symbol"] for fill in said["fills"]] == [each["instrument"] for each in wanted]
