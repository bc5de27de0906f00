"""How a child is made to die with us, even when we are killed without a word."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from enum import Enum
from typing import Final

_PR_SET_PDEATHSIG: Final = 1

# Holds the other end of a pipe to us: when we are gone it reads the end of it, and kills whom it was told to.
_WATCHDOG: Final = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.read(0, 1)
try:
    os.kill(int(sys.argv[1]), signal.SIGKILL)
except ProcessLookupError:
    pass
"""


class Tie(Enum):
    """`KERNEL`: Linux kills the child of a dead parent. `WATCHDOG`: a tiny process does it, where there is no Linux."""

    KERNEL = "kernel"
    WATCHDOG = "watchdog"

    @classmethod
    def of_this_platform(cls) -> "Tie":
        """Return the better one that works here."""
        return cls.KERNEL if sys.platform == "linux" else cls.WATCHDOG


def die_with_parent(parent_pid: int) -> Callable[[], None]:
    """Return what a child must call between fork and exec so that the kernel kills it when its parent's thread ends.

    SIGKILL, which cannot be put off: what the child has confirmed is on its disk. Meant for children of the main
    thread, since the kernel means the thread that forked. Everything it needs is loaded before the fork.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it died in between
            os._exit(1)

    return tie


async def watch_over(pid: int) -> asyncio.subprocess.Process:
    """Start a process that kills `pid` when we are gone; it ends when we close its input or terminate it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        _WATCHDOG,
        str(pid),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
