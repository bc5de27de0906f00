"""From starting the daemon to its being ready: warmed up, connected, with fresh quotes."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.figures import Figure, Report
from bench.processes import environment, seconds_of
from servers import free_port, mosquitto, redis_server, temporary_folder

NAME: Final = "start"
TITLE: Final = "From start to ready"

_ROUNDS: Final = 2
_LIMIT_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.02


def measure(scale: float) -> Report:
    """Measure first starts and restarts; the quickest of a few counts."""
    rounds = max(1, round(_ROUNDS * scale))
    first, again, embedded, imports = [], [], [], []
    for _ in range(rounds):
        with redis_server() as redis, mosquitto() as broker:
            servers = f"redis: {{url: '{redis.url}'}}\nmqtt: {{url: '{broker.url}'}}\n"
            with _daemon(servers) as taken:
                first.append(taken)
            with _daemon(servers) as taken:
                again.append(taken)
        with _daemon("") as taken:
            embedded.append(taken)
        imports += seconds_of(("-c", "import alvh.app.daemon"), rounds=1)
    against = "python -c 'import alvh.app.daemon'"
    floor = min(imports)
    figures = (
        Figure(what="first start, Redis and broker running", value=min(first), unit="s", against=against, floor=floor),
        Figure(what="restart on the log of the first", value=min(again), unit="s", against=against, floor=floor),
        Figure(
            what="first start with everything embedded", value=min(embedded), unit="s", against=against, floor=floor
        ),
    )
    note = "alvh run with the simulated market, until /readyz says yes; asked every 20 ms."
    return Report(name=NAME, title=TITLE, figures=figures, notes=(note,))


@contextmanager
def _daemon(servers: str) -> Iterator[float]:
    """Run a daemon until the end of the block; yield the seconds it took to be ready."""
    with temporary_folder() as folder:
        port = free_port()
        config = folder / "alvh.yaml"
        config.write_text(f"{servers}var: '{folder}/var'\nhttp: {{port: {port}}}\n", encoding="utf-8")
        began = time.perf_counter()
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "alvh", "run", "--config", str(config)],
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _until_ready(process, f"http://127.0.0.1:{port}/readyz", folder / "output") - began
        finally:
            process.terminate()
            process.wait(timeout=_LIMIT_S)


def _until_ready(process: "subprocess.Popen[bytes]", url: str, output: Path) -> float:
    give_up = time.perf_counter() + _LIMIT_S
    while time.perf_counter() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return time.perf_counter()
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(_LOOK_EVERY_S)
    raise RuntimeError(f"the daemon did not get ready: {output.read_text(errors='replace')[-2000:]}")
