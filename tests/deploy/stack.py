"""The composition of deploy/ on real servers without containers: its own files with paths and ports replaced."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from servers import Server, free_port, program, running, temporary_folder
from system.instance import Daemon, daemon

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
PATIENCE_S: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Where everything is, and the secrets by name."""

    folder: Path
    secrets: Mapping[str, str]
    redis_port: int
    mqtt_port: int
    http_port: int
    prometheus_port: int
    alertmanager_port: int
    daemon: Daemon

    def page(self, path: str) -> Any:  # noqa: ANN401 - whatever is answered
        """Ask the daemon; what is no JSON comes as text."""
        headers = {"Authorization": f"Bearer {self.secrets['http_token']}"}
        return _asked(f"http://127.0.0.1:{self.http_port}{path}", headers)

    def prometheus(self, path: str, **query: str) -> Any:  # noqa: ANN401 - whatever is answered
        """Ask Prometheus's API; returns its data."""
        return of_prometheus(self.prometheus_port, path, **query)

    def found(self, expr: str) -> list[Mapping[str, Any]]:
        """Return the series an instant query gives."""
        result: list[Mapping[str, Any]] = self.prometheus("query", query=expr)["result"]
        return result

    def alertmanager(self, path: str) -> Any:  # noqa: ANN401 - whatever is answered
        """Ask Alertmanager's API."""
        return _asked(f"http://127.0.0.1:{self.alertmanager_port}/api/v2/{path}", {})


def of_prometheus(port: int, path: str, **query: str) -> Any:  # noqa: ANN401 - whatever is answered
    """Ask the API of a Prometheus; returns its data."""
    answer = _asked(f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}", {})
    assert answer["status"] == "success", answer
    return answer["data"]


def _asked(url: str, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever is answered
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=10) as answer:
        body = answer.read().decode()
        return json.loads(body) if "json" in answer.headers["Content-Type"] else body


def until(is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Wait until something is so; return whether it became so. Who cannot be asked yet has not said that it is."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        with suppress(OSError):
            if is_so():
                return True
        time.sleep(0.2)
    return False


def placed(source: str, target: Path, replaced: Mapping[str, str]) -> Path:
    """Copy a file of deploy/ with parts of it replaced, each of which must be there."""
    text = (DEPLOY / source).read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text, f"{source} says no {old!r}"
        text = text.replace(old, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


@contextmanager
def stack() -> Iterator[Stack]:
    """Run it all until the end of the block."""
    for needed in ("mosquitto_passwd", "prometheus", "redis-server", "mosquitto"):
        program(needed)
    with temporary_folder() as folder, ExitStack() as running_here:
        subprocess.run([DEPLOY / "secrets.sh", str(folder / "secrets")], check=True)
        secrets = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
        redis = running_here.enter_context(redis_of(folder))
        broker = running_here.enter_context(mosquitto_of(folder))
        http, alertmanager = free_port(), free_port()
        made = running_here.enter_context(daemon(_configuration(folder, redis.port, broker.port, http), folder))
        if found := shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"):
            running_here.enter_context(_alertmanager_of(folder, found, alertmanager))
        prometheus = running_here.enter_context(prometheus_of(folder, http, alertmanager))
        yield Stack(
            folder=folder,
            secrets=secrets,
            redis_port=redis.port,
            mqtt_port=broker.port,
            http_port=http,
            prometheus_port=prometheus.port,
            alertmanager_port=alertmanager,
            daemon=made,
        )


def _home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home


@contextmanager
def redis_of(folder: Path) -> Iterator[Server]:
    """Run Redis as its container would: through deploy/redis/start.sh."""
    home, port = _home(folder, "redis"), free_port()
    environment = {
        "REDIS_SECRET": str(folder / "secrets" / "redis_password"),
        "REDIS_RUN": str(home),
        "REDIS_CONFIGURATION": str(placed("redis/redis.conf", home / "given.conf", {"dir /data": f"dir {home}"})),
        "PATH": os.environ["PATH"],
    }
    options = ["--port", str(port), "--bind", "127.0.0.1"]
    command = ["env", *(f"{key}={value}" for key, value in environment.items())]
    with running([*command, "/bin/sh", str(DEPLOY / "redis" / "start.sh"), *options], home, port) as server:
        yield server


@contextmanager
def mosquitto_of(folder: Path, *lines: str) -> Iterator[Server]:
    """Run mosquitto as its container would, `lines` in a file of its conf.d."""
    home, port = _home(folder, "mosquitto"), free_port()
    for name in ("run", "conf.d", "data"):
        (home / name).mkdir()
    user = "user root\n" if os.geteuid() == 0 else ""
    configuration = placed(
        "mosquitto/mosquitto.conf",
        home / "mosquitto.conf",
        {
            "listener 1883": f"{user}listener {port} 127.0.0.1",
            "/mosquitto/run": str(home / "run"),
            "/mosquitto/config/acl": str(DEPLOY / "mosquitto" / "acl"),
            "/mosquitto/config/conf.d": str(home / "conf.d"),
            "/mosquitto/data/": f"{home}/data/",
        },
    )
    (home / "conf.d" / "more.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")
    environment = {
        "MQTT_SECRETS": str(folder / "secrets"),
        "MQTT_RUN": str(home / "run"),
        "MQTT_CONFIGURATION": str(configuration),
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin",
    }
    command = ["env", *(f"{key}={value}" for key, value in environment.items())]
    with running([*command, "/bin/sh", str(DEPLOY / "mosquitto" / "start.sh")], home, port) as server:
        yield server


def _configuration(folder: Path, redis: int, broker: int, http: int) -> Path:
    return placed(
        "alvh.yaml",
        folder / "alvh.yaml",
        {
            "session_s: 60": "session_s: 2",
            "redis://redis:6379": f"redis://127.0.0.1:{redis}",
            "mqtt://mosquitto:1883": f"mqtt://127.0.0.1:{broker}",
            "host: 0.0.0.0, port: 8080": f"host: 127.0.0.1, port: {http}",
            "/run/secrets": str(folder / "secrets"),
            "small_caps:": "execution: answers\n    small_caps:",
        },
    )


@contextmanager
def prometheus_of(folder: Path, http: int, alertmanager: int, *, for_s: str = "") -> Iterator[Server]:
    """Run Prometheus with the rules of deploy/, every second; with `for_s` no alert waits longer than that.

    Then what is called old is so after three seconds, too: a test has no minutes.
    """
    home, port = _home(folder, "prometheus"), free_port()
    for name in ("recorded.yml", "alerts.yml"):
        made = placed(f"prometheus/{name}", home / name, {"interval: 15s": "interval: 1s"})
        if for_s:
            text = re.sub(r"\bfor: \d+s", f"for: {for_s}", made.read_text(encoding="utf-8"))
            made.write_text(text.replace("> 60)", "> 3)"), encoding="utf-8")
    configuration = placed(
        "prometheus/prometheus.yml",
        home / "prometheus.yml",
        {
            "scrape_interval: 15s": "scrape_interval: 1s",
            "scrape_timeout: 10s": "scrape_timeout: 1s",
            "evaluation_interval: 15s": "evaluation_interval: 1s",
            "/etc/prometheus": str(home),
            "/run/secrets": str(folder / "secrets"),
            "alvh:8080": f"127.0.0.1:{http}",
            "localhost:9090": f"127.0.0.1:{port}",
            "alertmanager:9093": f"127.0.0.1:{alertmanager}",
        },
    )
    command = [program("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={home / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"]
    command.append("--rules.alert.resend-delay=1s")  # Alertmanager may not have been found at the first alert
    with running(command, home, port) as server:
        yield server


@contextmanager
def _alertmanager_of(folder: Path, executable: str, port: int) -> Iterator[Server]:
    home = _home(folder, "alertmanager")
    command = [executable, f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yml'}", f"--storage.path={home}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with running(command, home, port) as server:
        yield server
