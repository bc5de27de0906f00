"""Child processes that are timed: this package's commands, and the bare interpreter beside them."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_LIMIT_S: Final = 300.0


def seconds_of(*commands: Sequence[str], rounds: int) -> list[float]:
    """Return the wall time of each `python ARGUMENTS`, output thrown away; they take turns.

    The quickest of the rounds counts: what else this machine does can only add to it.

    Raises:
        RuntimeError: one failed.
    """
    taken = [[_timed(command) for command in commands] for _ in range(rounds)]
    return [min(of_one) for of_one in zip(*taken, strict=True)]


def environment() -> dict[str, str]:
    """Return the surroundings of a child: no configuration of the caller's, and our source roots."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALVH_")}
    root = Path(__file__).resolve().parent.parent
    paths = (str(root), str(root / "service"), str(root / "tests"))
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def _timed(arguments: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=_LIMIT_S,
        check=False,
    )
    taken = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)} failed: {done.stderr.decode(errors='replace')[-500:]}")
    return taken
