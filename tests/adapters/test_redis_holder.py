"""Whose lease it is: a dead process of this machine is known as dead, anything else is waited for."""

import asyncio
import os
import signal
import subprocess
import sys
from random import Random

import pytest

from alvh.adapters.redis import Keys, RedisAddress, RedisLease, RedisLink
from alvh.adapters.redis.holder import is_dead, this_process
from alvh.shell.backoff import Backoff
from servers import redis_server

CHILD = "from alvh.adapters.redis.holder import this_process; print(this_process(), flush=True); input()"


def child() -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_lives_until_it_is_killed_and_even_as_a_zombie_is_dead() -> None:
    process, name = child()
    assert not is_dead(name)
    assert not is_dead(this_process())
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, not yet waited for
    assert is_dead(name)
    process.wait()
    assert is_dead(name)


def test_another_machine_boot_or_start_is_told_apart() -> None:
    host, boot, pid, started = this_process().rsplit(":", 3)
    assert not is_dead(f"other:{boot}:999999:1")
    assert not is_dead(f"{host}:other:999999:1")
    assert is_dead(f"{host}:{boot}:{pid}:{int(started) + 1}" if started.isdigit() else f"{host}:{boot}:{pid}:x")
    for broken in ("", "a", "a:b", "a:b:c", f"{host}:{boot}:x:1", f"{host}:{boot}:1:"):
        assert not is_dead(broken)


@pytest.mark.parametrize("is_killed", [True, False])
def test_lease_of_a_killed_process_is_taken_at_once(is_killed: bool) -> None:
    process, name = child()

    async def run(url: str) -> None:
        loop = asyncio.get_running_loop()
        link = RedisLink(RedisAddress(url=url))
        delays = Backoff(Random(1))
        held = RedisLease(link, Keys("test"), delays=delays, ttl_s=1.5, holder=name)
        first = await held.acquire()
        if is_killed:
            process.kill()
            process.wait()
        began = loop.time()
        second = await RedisLease(link, Keys("test"), delays=delays, ttl_s=1.5).acquire()
        assert second > first
        waited = loop.time() - began
        assert waited < 0.5 if is_killed else 1.2 < waited < 2.5
        await link.close()

    try:
        with redis_server() as redis:
            asyncio.run(run(redis.unix_url))
    finally:
        process.kill()
        process.wait()
