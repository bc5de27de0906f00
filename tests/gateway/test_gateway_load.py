"""A breath of the load that `tests/gateway/load.py` measures by the minute: no tick is lost before conflation."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from system.instance import SERVICE

LOAD = Path(__file__).with_name("load.py")


def test_no_tick_is_lost_before_conflation() -> None:
    loop = "uvloop" if find_spec("uvloop") else "asyncio"  # as the daemon chooses
    done = subprocess.run(
        [sys.executable, LOAD, "--rate=4000", "--seconds=2", f"--loop={loop}"],
        env={**os.environ, "PYTHONPATH": str(SERVICE)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    print(done.stdout)  # noqa: T201 - the figures
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": lost 0;" in done.stdout
