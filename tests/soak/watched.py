"""`python -m soak.watched FILE run ...`: the command line as it is, beside it a thread that counts asyncio's tasks."""

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from alvh.__main__ import main

_EVERY_S: Final = 0.5


def _count(file: Path) -> None:
    """Write down, again and again, how many tasks are not done."""
    tasks: Any = asyncio.tasks
    known = getattr(tasks, "_scheduled_tasks", None) or tasks._all_tasks
    while True:
        try:
            count = sum(not task.done() for task in list(known))
        except RuntimeError:  # it changed while it was copied
            continue
        draft = file.with_suffix(".part")
        draft.write_text(str(count), encoding="ascii")
        draft.replace(file)
        time.sleep(_EVERY_S)


if __name__ == "__main__":
    threading.Thread(target=_count, args=(Path(sys.argv[1]),), daemon=True).start()
    sys.exit(main(sys.argv[2:]))
