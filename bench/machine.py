"""What the figures were measured on."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("numpy", "redis", "aiomqtt", "uvloop", "QuantLib", "nautilus_trader")


def description() -> tuple[str, ...]:
    """Return lines on processor, memory, system, interpreter, servers and packages."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _installed(name)))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, {packages}",
        f"{_said('redis-server', '--version')}; {_said('mosquitto', '-h')}",
        f"load average at the start: {os.getloadavg()[0]:.1f} (above 0.5 other work takes part in the figures)",
    )


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if not listed.is_file():
        return platform.processor() or platform.machine()
    names = (
        line.partition(":")[2].strip() for line in listed.read_text().splitlines() if line.startswith("model name")
    )
    return next(names, platform.machine())


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _said(program: str, option: str) -> str:
    """Return the first words a program says of itself."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if path is None:
        return f"no {program}"
    said = subprocess.run([path, option], capture_output=True, text=True, check=False).stdout.strip()
    return " ".join(said.splitlines()[0].split()[:3]) if said else program
