"""An event loop whose time is virtual while its sockets are real: hours pass as soon as nobody has anything to do."""

import asyncio
import os
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

# A byte written to a loopback socket is readable at once, but for the kernel's own scheduling: let the kernel run so
# often before time is allowed to jump.
GRACES = 3
# No turn of the loop takes no time at all: who waits for a clock to pass an instant would wait for ever.
TICK_S = 1e-7


class _Selector(selectors.DefaultSelector):
    """Polls; where it would have to wait, it moves the clock instead."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; let `timeout` pass virtually when nothing is."""
        ready = super().select(0)
        self.jump(TICK_S)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(0.05)
        for _ in range(GRACES):
            os.sched_yield()
            ready = super().select(0)
            if ready:
                return ready
        self.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop: `time()` starts at 0, which is `start_ns`, and jumps from timer to timer."""

    def __init__(self, start: datetime) -> None:
        """Start the clock at an aware time."""
        selector = _Selector()
        selector.jump = self._jump
        self.start_ns = round(start.astimezone(UTC).timestamp()) * 10**9
        self._virtual = 0.0
        super().__init__(selector)

    def time(self) -> float:
        """Return virtual seconds since the start."""
        return self._virtual

    def _jump(self, seconds: float) -> None:
        self._virtual += max(seconds, TICK_S)


class VirtualClock:
    """The shell's clock in virtual time."""

    def __init__(self, loop: VirtualLoop) -> None:
        """Follow a loop."""
        self._loop = loop

    def now(self) -> int:
        """Return ns UTC."""
        return self._loop.start_ns + round(self._loop.time() * 1e9)

    async def sleep(self, seconds: float) -> None:
        """Sleep virtually."""
        await asyncio.sleep(seconds)


def run_virtually(start: datetime, main: Callable[[VirtualClock], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a virtual loop from `start` on, and check that it leaves no task behind."""
    loop = VirtualLoop(start)
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main(VirtualClock(loop)))
        loop.run_until_complete(asyncio.sleep(0.01))
        left = [task.get_name() for task in asyncio.all_tasks(loop)]
        assert not left, f"tasks left behind: {left}"
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()
