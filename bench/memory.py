"""Resident memory of a process with all of the daemon's imports: at start, after one and after ten million quotes."""

import json
import subprocess
import sys
from typing import Final

from bench.figures import Aim, Figure, Report
from bench.processes import environment

NAME: Final = "memory"
TITLE: Final = "Resident memory"

_QUOTES: Final = 1_000_000
_LATER: Final = 10
_RUNNER_QUOTES: Final = 50_000
_WANTED_MB: Final = 20.0
_LIMIT_S: Final = 3_600.0
CHUNK: Final = 10_000


def measure(scale: float) -> Report:
    """Measure in processes of their own, one for the engine and one for the whole runner."""
    millions = _chunked(_QUOTES * scale)
    bare, start, one, ten = _child("engine", millions, _LATER * millions)
    few = _chunked(_RUNNER_QUOTES * scale)
    _, runner_start, runner_one, runner_ten = _child("runner", few, _LATER * few)
    aim = Aim(text=f"growth under {_WANTED_MB:g} MB", is_met=ten - start < _WANTED_MB)
    runner_aim = Aim(text=f"growth under {_WANTED_MB:g} MB", is_met=runner_ten - runner_start < _WANTED_MB)
    figures = (
        Figure(what="at start: the daemon's imports and an armed engine", value=start, unit="MB",
               against="a bare interpreter", floor=bare),
        Figure(what=f"after {millions:,} quotes through the engine", value=one, unit="MB",
               against="at start", floor=start),
        Figure(what=f"after {_LATER * millions:,} quotes through the engine", value=ten, unit="MB",
               against="at start", floor=start, aim=aim),
        Figure(what=f"after {few:,} quotes through the runner", value=runner_one, unit="MB",
               against="at start", floor=runner_start),
        Figure(what=f"after {_LATER * few:,} quotes through the runner", value=runner_ten, unit="MB",
               against="at start", floor=runner_start, aim=runner_aim),
    )  # fmt: skip
    note = "The runner numbers, encodes and commits as in the daemon, to a log that keeps nothing."
    return Report(name=NAME, title=TITLE, figures=figures, notes=(note,))


def _chunked(count: float) -> int:
    """Round to what the child counts in."""
    return max(1, round(count / CHUNK)) * CHUNK


def _child(what: str, first: int, last: int) -> list[float]:
    """Return megabytes: of a bare interpreter, at start, after `first` and after `last` quotes."""
    command = [sys.executable, "-m", "bench.resident", what, str(first), str(last)]
    done = subprocess.run(
        command,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise RuntimeError(f"bench.resident {what} failed: {done.stderr[-500:]}")
    said: list[float] = json.loads(done.stdout.splitlines()[-1])
    return said
