"""The Valkey of our own: keeps its data, dies with its parent, has one daemon, and opens no port."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from alvh.adapters.embedded import EmbeddedValkey, socket_of
from alvh.adapters.embedded.parent import Tie
from alvh.adapters.redis import RedisAddress, RedisLink
from alvh.errors import InputError
from servers import temporary_folder

CHILD = """
import asyncio, pathlib, sys
from alvh.adapters.embedded import EmbeddedValkey
from alvh.adapters.embedded.parent import Tie
async def main():
    valkey = EmbeddedValkey(pathlib.Path(sys.argv[1]), tie=Tie(sys.argv[2]))
    await valkey.start()
    print(valkey.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture(name="folder")
def folder_fixture() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / "var" / "valkey"


async def ask(valkey: EmbeddedValkey, *command: str) -> object:
    link = RedisLink(RedisAddress(url=valkey.url))
    try:
        return await link.call(*command)
    finally:
        await link.close()


@contextlib.contextmanager
def daemon(folder: Path, tie: Tie) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), tie.value],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, int(line)
    finally:
        process.kill()
        process.communicate()


def gone(pid: int, *, within_s: float = 3.0) -> bool:
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


def test_data_are_kept_and_no_port_is_open(folder: Path) -> None:
    async def run() -> None:
        valkey = EmbeddedValkey(folder)
        await valkey.start()
        pid = valkey.pid
        assert pid is not None
        assert not psutil.Process(pid).net_connections("inet")
        assert (folder / "valkey.sock").stat().st_mode & 0o777 == 0o700
        assert await ask(valkey, "SET", "key", "value") is True
        assert await ask(valkey, "CONFIG GET", "appendfsync") == {"appendfsync": "always"}
        await valkey.stop()
        assert not psutil.pid_exists(pid)
        again = EmbeddedValkey(folder)
        await again.start()
        assert await ask(again, "GET", "key") == b"value"
        await again.stop()

    asyncio.run(run())


@pytest.mark.parametrize("tie", list(Tie))
def test_it_dies_with_a_killed_daemon_and_the_next_one_finds_everything(folder: Path, tie: Tie) -> None:
    if tie is Tie.KERNEL and sys.platform != "linux":
        pytest.skip("the kernel of this platform does not do it")

    async def write(pid: int) -> None:
        valkey = EmbeddedValkey(folder)
        assert await ask(valkey, "SET", f"key-{pid}", "value") is True

    async def read(pids: list[int]) -> None:
        valkey = EmbeddedValkey(folder)
        await valkey.start()  # at once: the one before may still be dying
        assert [await ask(valkey, "GET", f"key-{pid}") for pid in pids] == [b"value"] * len(pids)
        await valkey.stop()

    pids: list[int] = []
    for _ in range(2):
        with daemon(folder, tie) as (process, pid):
            asyncio.run(write(pid))
            pids.append(pid)
            process.send_signal(signal.SIGKILL)
            process.wait()
            asyncio.run(read(pids))
            assert gone(pid)


def test_ctrl_c_is_not_for_it(folder: Path) -> None:
    with daemon(folder, Tie.WATCHDOG) as (process, pid):
        assert os.getsid(pid) != os.getsid(process.pid)


def test_a_second_daemon_is_told_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alvh.adapters.embedded.valkey.LOCK_LIMIT_S", 0.2)

    async def run() -> None:
        first, second = EmbeddedValkey(folder), EmbeddedValkey(folder)
        await first.start()
        with pytest.raises(InputError, match=rf"in use by another daemon \(process {os.getpid()}\)"):
            await second.start()
        assert await ask(first, "PING") in {b"PONG", True}
        await first.stop()
        await second.start()
        await second.stop()

    asyncio.run(run())


def test_long_paths_have_their_socket_elsewhere(folder: Path) -> None:
    async def run() -> None:
        deep = folder / ("d" * 80)
        valkey = EmbeddedValkey(deep)
        await valkey.start()
        assert len(os.fsencode(socket_of(deep))) <= 100
        assert socket_of(deep) == socket_of(deep.parent / "x" / ".." / deep.name)
        assert await ask(valkey, "PING") in {b"PONG", True}
        await valkey.stop()

    asyncio.run(run())


def test_it_is_started_again_when_it_dies(folder: Path) -> None:
    async def run() -> None:
        valkey = EmbeddedValkey(folder)
        await valkey.start()
        watching = asyncio.create_task(valkey.watch())
        await ask(valkey, "SET", "key", "value")
        first = valkey.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(5):
            while valkey.pid in {None, first}:  # noqa: ASYNC110 - the other task makes it so, without a word
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
        assert await ask(valkey, "GET", "key") == b"value"
        await valkey.stop()
        async with asyncio.timeout(2):
            await watching

    asyncio.run(run())


def test_a_folder_that_cannot_be_used_is_the_callers_fault(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file")
    with pytest.raises(InputError, match="cannot be made"):
        asyncio.run(EmbeddedValkey(folder).start())
