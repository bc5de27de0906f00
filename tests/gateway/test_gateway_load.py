"""A breath of the load that `tests/gateway/load.py` measures by the minute: no tick is lost before conflation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from system.instance import SERVICE

LOAD = Path(__file__).with_name("load.py")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_no_tick_is_lost_before_conflation(loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not to be had on every platform")
    done = subprocess.run(
        [sys.executable, LOAD, "--rate=4000", "--seconds=2", f"--loop={loop}"],
        env={**os.environ, "PYTHONPATH": str(SERVICE)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    print(done.stdout)  # noqa: T201 - the figures
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": lost 0;" in done.stdout
