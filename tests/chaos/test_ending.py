"""A run that is told to end leaves no process and no file behind, and says so in one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from servers import program

TESTS = Path(__file__).resolve().parents[1]
START_LIMIT_S = 90.0
END_LIMIT_S = 60.0


def started_by(run: psutil.Process) -> dict[str, psutil.Process]:
    """The processes of a round by what they are."""
    found = {}
    for process in run.children(recursive=True):
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        for sign in ("redis-server", "valkey-server", "mosquitto", "node-0.yaml"):
            if sign in words and "--out" not in words:
                found["redis" if "-server" in sign else sign] = process
    return found


def test_a_signal_ends_everything(tmp_path: Path) -> None:
    for name in ("redis-server", "mosquitto"):
        program(name)
    numbers = (signal.SIGTERM, signal.SIGINT)
    folders = [tmp_path / number.name for number in numbers]
    for folder in folders:
        folder.mkdir()
    runs = [begun(folder) for folder in folders]
    try:
        children = [all_of(run) for run in runs]
        for run, number in zip(runs, numbers, strict=True):
            run.send_signal(number)
        told = [run.communicate(timeout=END_LIMIT_S) for run in runs]
    finally:
        for run in runs:
            run.kill()
            run.wait()
    assert [run.returncode for run in runs] == [143, 130]
    for (out, said), number in zip(told, numbers, strict=True):
        assert out == b""
        assert said.decode() == f"ended by {number.name} after 0 of 1 rounds; nothing is left running\n"
    assert [process for each in children for process in each.values() if process.is_running()] == []
    assert [left for folder in folders for left in folder.iterdir()] == []


def begun(folder: Path) -> subprocess.Popen[bytes]:
    """A run of rounds that keeps its files in a folder."""
    paths = os.pathsep.join([str(TESTS.parent / "service"), str(TESTS)])
    return subprocess.Popen(
        [sys.executable, "-m", "chaos", "--rounds", "1", "--seed", "1"],
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def all_of(run: subprocess.Popen[bytes]) -> dict[str, psutil.Process]:
    """Its processes, once all of a round are there."""
    give_up = time.monotonic() + START_LIMIT_S
    while len(found := started_by(psutil.Process(run.pid))) < 3:
        assert run.poll() is None
        assert time.monotonic() < give_up, found
        time.sleep(0.05)
    return found
