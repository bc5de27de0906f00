"""TLS and passwords on real servers, and the secrets themselves: in nothing that the daemon prints, serves or sends."""

import contextlib
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import redis as client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from certificates import certificates
from servers import free_port, mosquitto, program, redis_server, temporary_folder
from system.instance import alvh, daemon, walk_tape
from system.test_tape_to_wire import until

REDIS, MQTT, TOKEN = "planted-redis-5f1c", "planted-mqtt-77aa", "planted-token-9b3e"
HOST = "127.0.0.2"  # of loopback, and yet not the one that needs no token


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Servers with TLS and passwords, and a configuration that knows them."""

    folder: Path
    redis_port: int
    mqtt_port: int
    http_port: int
    config: Path

    def other(self, name: str, old: str, new: str) -> Path:
        """The configuration with something else in it."""
        path = self.folder / name
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path


@pytest.fixture(scope="module", name="place")
def place_fixture() -> Iterator[Place]:
    """Redis with TLS, client certificate and password; mosquitto with the same; an account of the broker's each."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        certificates(folder)
        program("mosquitto_passwd")
        subprocess.run(["mosquitto_passwd", "-c", "-b", str(folder / "users"), "me", MQTT], check=True)
        (folder / "users").chmod(0o644)
        port = free_port()
        tls = ["--tls-port", str(port), "--tls-cert-file", f"{folder}/server.pem", "--requirepass", REDIS]
        tls += ["--tls-key-file", f"{folder}/server.key", "--tls-ca-cert-file", f"{folder}/ca.pem"]
        stack.enter_context(redis_server(*tls))
        lines = [f"cafile {folder}/ca.pem", f"certfile {folder}/server.pem", f"keyfile {folder}/server.key"]
        lines += ["require_certificate true", f"password_file {folder}/users"]
        broker = stack.enter_context(mosquitto(*lines, anonymous=False))
        tape = walk_tape(folder / "tape", 61, sessions=12, quotes=4)
        (folder / "redis-password").write_text(f"{REDIS}\n", encoding="utf-8")
        (folder / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
        own = f"ca_file: {folder}/ca.pem, cert_file: {folder}/me.pem, key_file: {folder}/me.key"
        http_port = free_port()
        config = folder / "alvh.yaml"
        config.write_text(
            f"feed: {{kind: tape, path: {tape}}}\n"
            f"redis: {{url: 'rediss://localhost:{port}/0', password_file: {folder}/redis-password, {own}}}\n"
            f"mqtt: {{url: 'mqtts://localhost:{broker.port}', username: me, {own}}}\n"
            f"http: {{host: {HOST}, port: {http_port}, token_file: {folder}/token}}\nlog_level: debug\n"
            "portfolios: [{id: core, hedge: none}]\n",
            encoding="utf-8",
        )
        yield Place(folder=folder, redis_port=port, mqtt_port=broker.port, http_port=http_port, config=config)


@contextlib.contextmanager
def everything_said(place: Place) -> Iterator[list[tuple[str, bytes]]]:
    """All that goes over the broker, to whoever may read it all."""
    heard: list[tuple[str, bytes]] = []
    reader = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    reader.tls_set(f"{place.folder}/ca.pem", f"{place.folder}/me.pem", f"{place.folder}/me.key")
    reader.username_pw_set("me", MQTT)
    reader.on_connect = lambda client, *_: client.subscribe("#", qos=1)
    reader.on_message = lambda _c, _u, message: heard.append(
        (message.topic, bytes(message.payload) + str(message.properties).encode())
    )
    reader.connect("localhost", place.mqtt_port)
    reader.loop_start()
    try:
        yield heard
    finally:
        reader.disconnect()
        reader.loop_stop()


def get(place: Place, path: str, token: str | None) -> tuple[int, bytes]:
    """What the daemon answers."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://{HOST}:{place.http_port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read() + str(answer.headers).encode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read() + str(refusal.headers).encode()


def served(place: Place) -> bytes:
    """Everything the HTTP server has to say, with the token and without."""
    paths = ["/", "/page.js", "/metrics", "/healthz", "/readyz", "/api/status", "/api/portfolios", "/api/signals"]
    paths += ["/api/portfolios/core", "/api/adjustments", "/api/portfolios/core/chart", "/nowhere", "/api/portfolios/x"]
    said = b""
    for path in paths:
        for token in (TOKEN, "wrong", None):
            status, body = get(place, path, token)
            said += body
            if path.startswith(("/api/", "/metrics")) and token != TOKEN:
                assert status == 401, path
    return said


def stored(place: Place) -> bytes:
    """All keys and values of the log."""
    log = client.Redis.from_url(
        f"rediss://:{REDIS}@localhost:{place.redis_port}/0",
        ssl_ca_certs=f"{place.folder}/ca.pem",
        ssl_certfile=f"{place.folder}/me.pem",
        ssl_keyfile=f"{place.folder}/me.key",
    )
    found: list[object] = []
    with log:
        for key in log.scan_iter("*"):
            kind = str(log.type(key))
            ask = log.hgetall if "hash" in kind else log.xrange if "stream" in kind else log.get
            found += [key, ask(key)]
    return repr(found).encode()


def test_no_secret_is_printed_served_sent_or_stored(place: Place) -> None:
    """By file, by environment; under way, asked, refused and with the log at its chattiest."""
    key = (place.folder / "me.key").read_text().splitlines()[1]
    with everything_said(place) as heard, daemon(place.config, place.folder, ALVH_MQTT__PASSWORD=MQTT) as made:
        until(lambda: _is_ready(place), made)
        until(lambda: any(topic.endswith("/adjustment") for topic, _ in heard), made)
        shown = served(place) + stored(place)
        arguments = Path(f"/proc/{made.pid}/cmdline")
        shown += arguments.read_bytes() if arguments.exists() else b""
        for command in ("status --json", "events"):
            done = alvh(*command.split(), "--config", place.config, ALVH_MQTT__PASSWORD=MQTT)
            shown += (done.stdout + done.stderr).encode()
        checked = alvh("check", place.config, ALVH_MQTT__PASSWORD=MQTT)
        shown += (checked.stdout + checked.stderr).encode()
        made.stop()
        shown += made.log.read_bytes()
    shown += b"".join(topic.encode() + body for topic, body in heard)
    shown += _refusals(place)
    for secret in (REDIS, MQTT, TOKEN, key):
        assert secret.encode() not in shown
    assert b"**********" in shown  # `check` says that there is one


def _is_ready(place: Place) -> bool:
    try:
        return get(place, "/readyz", None)[0] == 200
    except OSError:
        return False


def _refusals(place: Place) -> bytes:
    """What is printed where a secret is wrong, or stands where it should not."""
    said = b""
    wrong = place.other("wrong.yaml", f"{place.folder}/redis-password", f"{place.folder}/token")
    done = alvh("status", "--config", wrong, check=False)
    assert done.returncode == 1
    said += (done.stdout + done.stderr).encode()
    done = alvh("check", place.other("broken.yaml", "username: me", f"usernam: {MQTT}"), check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    said += (done.stdout + done.stderr).encode()
    return said


@pytest.mark.parametrize("server", ["redis", "mqtt"])
def test_a_server_nobody_vouches_for_is_refused_in_one_line(place: Place, server: str) -> None:
    """The daemon does not speak to it: no password is sent, nothing leaves; it waits for the right one."""
    text = place.config.read_text(encoding="utf-8").splitlines()
    lines = [
        line.replace(f"{place.folder}/ca.pem", f"{place.folder}/stranger.pem") if line.startswith(server) else line
        for line in text
    ]
    config = place.folder / f"strange-{server}.yaml"
    config.write_text("\n".join(lines).replace("log_level: debug", "instance: strange") + "\n", encoding="utf-8")
    with everything_said(place) as heard, daemon(config, place.folder, ALVH_MQTT__PASSWORD=MQTT) as made:
        until(lambda: b"certificate" in made.log.read_bytes().lower(), made)
        time.sleep(2.0)
        assert made.is_running
        told = [line for line in made.log.read_text().splitlines() if "certificate" in line.lower()]
        assert len(told) == 1, told
        assert server in told[0]
        assert not any(topic.startswith("alvh/strange") for topic, _ in heard)


def test_plain_speech_to_a_server_with_tls_is_refused(place: Place) -> None:
    """The certificate of the client is asked for by the server itself."""
    context = ssl.create_default_context(cafile=f"{place.folder}/ca.pem")
    reader = mqtt.Client(CallbackAPIVersion.VERSION2)
    reader.tls_set_context(context)
    reader.username_pw_set("me", MQTT)
    outcomes: list[object] = []
    reader.on_connect = lambda *arguments: outcomes.append(arguments)
    with contextlib.suppress(OSError):
        reader.connect("localhost", place.mqtt_port)
        for _ in range(20):
            reader.loop(0.05)
    assert not outcomes
