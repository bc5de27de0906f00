"""Field lesson 16 with real processes: a client killed and restarted at once, whose id is still in use, converges."""

import asyncio
import os
import sys
import time

import pytest

from alvh.adapters.ib.gateway.server import Gateway
from alvh.core.sessions import et_date
from gateway.now import PATIENCE_S, open_now
from gateway.scripted import ScriptedPrices
from system.instance import SERVICE

TESTS = SERVICE.parent / "tests"


async def _release_when_asked(gateway: Gateway) -> None:
    """Let go of the id a moment after each attempt to log in, so that every client finds it in use at first."""
    seen = 0
    while True:
        await asyncio.sleep(0.1)
        log_ins = sum(received.message == 71 for received in gateway.received)
        if log_ins > seen:
            seen = log_ins
            gateway._taken.clear()


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_row_16_processes_killed_at_any_moment_converge(kills: int) -> None:
    """Every other one is killed while it logs in, warms up or has just become live; the last one is live and alone."""

    async def main() -> None:
        gateway = Gateway(ScriptedPrices(open_now(), et_date(time.time_ns()), period_s=0.2))
        gateway.faults.id_release_s = 3600.0  # the broker's side does not notice before it is asked again
        await gateway.start()
        releasing = asyncio.create_task(_release_when_asked(gateway))
        command = [sys.executable, "-m", "gateway.reader", str(gateway.port)]
        environment = {**os.environ, "PYTHONPATH": f"{SERVICE}{os.pathsep}{TESTS}"}
        took: list[float] = []
        for number in range(kills + 1):
            started, asked = time.monotonic(), len(gateway.received)
            child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
            assert child.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                if number % 2 and number < kills:
                    while len(gateway.received) - asked < 1 + number % 12:  # noqa: ASYNC110 - another process's doing
                        await asyncio.sleep(0.001)
                else:
                    assert await child.stdout.readline() == b"live\n"
                    took.append(time.monotonic() - started)
                    assert len(gateway.clients) == 1
                    assert gateway.lines_in_use == 4
            child.kill()
            await child.wait()
        assert not gateway.orders
        releasing.cancel()
        log_ins = sum(received.message == 71 for received in gateway.received)
        assert log_ins > kills + 1 + kills // 2, "the id was in use, and asked for again"
        took.sort()
        print(f"{kills} kills: live after {took[len(took) // 2]:.1f} s in the middle, {took[-1]:.1f} s at most")  # noqa: T201
        await gateway.stop()

    asyncio.run(main())
