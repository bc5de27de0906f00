"""A process under a supervisor: killed, paused, kept down, and started again when it has ended by itself."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

RESTART_AFTER_S: Final = 0.3  # as a supervisor waits before it starts anew what has ended


class Supervised:
    """One process that ought to run; `tend` has to be called often."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.ends: list[str] = []  # what it ended with when nobody had killed it
        self._command = list(command)
        self._folder = folder
        self._environment = None if environment is None else dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._is_wanted = False
        self._was_killed = False

    def start(self) -> None:
        """Start it and keep it running."""
        self._is_wanted = True
        self._spawn()

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            log.write(f"--- started at {time.time():.3f}\n".encode())
            log.flush()
            # Signals stay as Python has them: a Redis that ignores SIGXFSZ sees a full disk as an error of `write`.
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, restore_signals=False, start_new_session=True,
            )  # fmt: skip
        self._was_killed = False

    def tend(self) -> None:
        """Start it again where it has ended, unless it is kept down."""
        if self._process is None or not self._is_wanted:
            return
        code = self._process.poll()
        if code is None:
            return
        if not self._was_killed:
            self._was_killed = True
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            self.ends.append(f"{self.name} ended by itself with code {code}: {lines[-1][-300:]}")
            self._not_before = max(self._not_before, time.monotonic() + RESTART_AFTER_S)
        if time.monotonic() >= self._not_before:
            self._spawn()

    def kill(self, down_s: float) -> None:
        """Kill it without a word and keep it down for a while."""
        self._not_before = time.monotonic() + down_s
        if self.is_running and self._process is not None:
            self._was_killed = True
            self._process.kill()
            self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal, where it runs."""
        if self.is_running and self._process is not None:
            self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        """Whether it runs (or is paused)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; 0 where it does not run."""
        return self._process.pid if self._process is not None and self.is_running else 0

    def end(self) -> None:
        """End it for good."""
        self._is_wanted = False
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def surroundings(service: Path) -> dict[str, str]:
    """The environment of a daemon: no configuration of the caller's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALVH_")}
    return {**kept, "PYTHONPATH": str(service)}
