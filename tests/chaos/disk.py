"""A small disk that fills up: a memory file system where one may be mounted, else a limit on the size of files."""

import contextlib
import resource
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

import pytest

_SIZE: Final = "64m"
_BALLAST_BYTES: Final = 1 << 20
_ROOM_BYTES: Final = 4096  # left when it is full: the next commits end within one, as on a real disk


class SmallDisk:
    """A folder on a disk of its own; `fill` takes what room there is, `free` gives it back.

    Where nothing can be mounted, no file of the process may grow (RLIMIT_FSIZE); to a program that ignores SIGXFSZ
    both are an error of `write`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_mounted = False
        self._limited = 0

    def __enter__(self) -> Self:
        self.folder.mkdir()
        if sys.platform == "linux":
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(self.folder)],
                capture_output=True,
                check=False,
            )
            self.is_mounted = mounted.returncode == 0
        if not self.is_mounted and not hasattr(resource, "prlimit"):
            pytest.skip("neither a small disk can be mounted here nor a running process limited")
        return self

    def __exit__(self, *exception: object) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=True)

    def fill(self, pid: int) -> None:
        """Take all room but a little; `pid` writes to it."""
        if self.is_mounted:
            self._fill_up()
        elif pid:
            self._limited = pid
            largest = max(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
            self._limit(largest + _ROOM_BYTES)

    def free(self) -> None:
        """Give the room back."""
        if self.is_mounted:
            (self.folder / "ballast").unlink(missing_ok=True)
        elif self._limited:
            self._limit(resource.RLIM_INFINITY)

    def _fill_up(self) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            for block in (_BALLAST_BYTES, _ROOM_BYTES):
                with contextlib.suppress(OSError):
                    while ballast.write(bytes(block)) == block:
                        pass
            ballast.truncate(max(0, ballast.tell() - _ROOM_BYTES))

    def _limit(self, size: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(self._limited, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
