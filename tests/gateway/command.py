"""`alvh gateway-sim` as a process that is interrupted at the end and must end cleanly."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

from system.instance import SERVICE

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SERVICE)}


@contextlib.contextmanager
def simulated(*arguments: str) -> Iterator[tuple[int, list[str]]]:
    """Run the command; yield its port and what it has printed; interrupt it and expect a clean end."""
    command = [sys.executable, "-m", "alvh", "gateway-sim", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        lines: list[str] = []
        try:
            for line in running.stdout:
                lines.append(line)
                if "Ctrl-C" in line:
                    break
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", "".join(lines))
            assert found, running.stderr.read()
            yield int(found[1]), lines
            running.send_signal(signal.SIGINT)
            lines.extend(running.stdout)
            assert running.wait(30) == 0
            assert running.stderr.read() == ""
        finally:
            running.kill()
