"""Who holds the lease: a process, named so that another one on the same machine can see that it is dead."""

import os
import socket
import subprocess
import sys
from pathlib import Path

_DEAD_STATES = {"Z", "X", "x"}  # /proc/<pid>/stat: a zombie has done its last work already


def this_process() -> str:
    """Return `host:boot:pid:started` of this process; `boot` also tells the pid namespace (containers)."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}"


def is_dead(holder: str) -> bool:
    """Return whether `holder` was a process of this machine, since its last boot, that no longer runs."""
    place, _, rest = holder.rpartition(":")[0].rpartition(":")
    started = holder.rpartition(":")[2]
    if place != _place() or not rest.isdigit() or not started:
        return False
    return _started(int(rest)) != started


def _place() -> str:
    host = socket.gethostname().replace(":", "_").replace("|", "_")
    if sys.platform == "darwin":
        return f"{host}:{_said('sysctl', '-n', 'kern.bootsessionuuid')}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    return f"{host}:{boot}.{namespace}"


def _started(pid: int) -> str:
    """Return a word for when the process started, '' when there is none."""
    if sys.platform == "darwin":
        return _said("ps", "-o", "lstart=", "-p", str(pid)).replace(" ", "_").replace(":", ".")
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    return "" if state in _DEAD_STATES else fields[18]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout.strip()  # noqa: S603 - fixed words and a number
