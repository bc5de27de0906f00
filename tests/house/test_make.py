"""`make run` in a clone: it starts, Ctrl-C reaches the daemon, nothing outlives it; what lacks is told in a line."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES = (r"http://\S+", r"http://\S+/metrics", r"mqtt://[\w.]+:\d+")
START_LIMIT_S = 60.0  # a loaded machine with two cores
STOP_LIMIT_S = 30.0


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a copy of what `make run` touches, whose environment is the one these tests run in."""
    for folder in ("scripts", "requirements", "service"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / "scripts" / "environment.py").write_text('"""The environment is there."""\n', encoding="utf-8")
    command = tmp_path / ".venv" / "bin" / "alvh"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/service" exec "{sys.executable}" -m alvh "$@"\n')
    command.chmod(0o755)
    return tmp_path


class Run:
    """`make run` as a terminal has it: a session of its own, in which Ctrl-C goes to everyone."""

    def __init__(self, clone: Path) -> None:
        # On a port of its own, as another test may hold the usual one.
        surroundings = {**os.environ, "ALVH_HTTP__PORT": "0"}
        self.process = subprocess.Popen(
            ["make", "run"], cwd=clone, env=surroundings, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.said = ""
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, *patterns: str) -> None:
        """Read on until each of the patterns has been printed."""
        give_up = time.monotonic() + START_LIMIT_S
        while not all(re.search(pattern, self.said) for pattern in patterns):
            assert time.monotonic() < give_up, self.said
            with contextlib.suppress(Empty):
                self.said += self._lines.get(timeout=0.2)
            assert self.process.poll() is None, self.said

    def end(self) -> str:
        """Wait until it has ended; return all that it said."""
        self.process.wait(STOP_LIMIT_S)
        with contextlib.suppress(Empty):
            while True:
                self.said += self._lines.get(timeout=0.5)
        return self.said


def session(leader: int) -> list[str]:
    """Return the processes of a session that still run, zombies aside."""
    listed = subprocess.run(["ps", "-eo", "sess=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [row[2] for row in rows if row[0] == str(leader) and not row[1].startswith("Z")]


@pytest.fixture
def run(clone: Path) -> Iterator[Run]:
    started = Run(clone)
    yield started
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.process.pid, signal.SIGKILL)


def test_it_prints_where_to_look_and_stops_at_ctrl_c(run: Run, clone: Path) -> None:
    run.wait_for(*ADDRESSES)
    os.killpg(run.process.pid, signal.SIGINT)
    said = run.end()
    assert run.process.returncode in (0, -signal.SIGINT)
    assert "***" not in said
    assert "Traceback" not in said
    assert not session(run.process.pid)
    assert (clone / "var").is_dir()


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_make(run: Run, way: signal.Signals) -> None:
    if way is signal.SIGKILL and subprocess.run(["setpriv", "--pdeathsig", "TERM", "true"], check=False).returncode:
        pytest.skip("this system cannot tell a process that its parent was killed")
    run.wait_for(*ADDRESSES)
    os.kill(run.process.pid, way)
    run.process.wait(STOP_LIMIT_S)
    give_up = time.monotonic() + STOP_LIMIT_S
    while left := session(run.process.pid):
        assert time.monotonic() < give_up, left
        time.sleep(0.1)


def test_without_a_python_one_line_says_what_to_install(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        shim = tmp_path / name
        shim.write_text("#!/bin/sh\necho 'version is not installed' >&2\nexit 127\n")
        shim.chmod(0o755)
    bash = shutil.which("bash") or "bash"
    done = subprocess.run(
        [bash, str(ROOT / "scripts" / "python.sh")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"make: no Python from 3\.11 to 3\.13 found; .*install.*\n", done.stderr)


def test_without_ensurepip_one_line_says_what_to_install(clone: Path) -> None:
    shutil.copy(ROOT / "scripts" / "environment.py", clone / "scripts")
    (clone / "ensurepip.py").write_text('raise ImportError("kept back, as by Debian")\n')
    shutil.rmtree(clone / ".venv")
    done = subprocess.run(
        [sys.executable, "scripts/environment.py", ".venv", "requirements/run.txt"],
        cwd=clone, env={**os.environ, "PYTHONPATH": str(clone)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(r"make: this Python cannot make a virtual environment; .*venv.*\n", done.stderr)
    assert not (clone / ".venv").exists()
