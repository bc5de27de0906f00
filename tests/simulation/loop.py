"""An event loop in virtual time whose processes can be paused, killed and woken: nothing waits, nothing is random."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

# No turn of the loop takes no time at all: who waits for a clock to pass an instant would wait for ever.
TICK_S = 1e-6


class Process:
    """What is paused, killed and woken as a whole; everything it has started belongs to it.

    Attributes:
        steps: how often something of it went on behind an await.
        last_step: the one before which `on_last_step` is called; None: it may go on for ever.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_paused = False
        self.parked: list[asyncio.Handle] = []
        self.steps = 0
        self.last_step: int | None = None
        self.on_last_step: Callable[[], object] = lambda: None


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address: a seed is to give the same run again."""

    def __init__(
        self, coro: Coroutine[Any, Any, Any], *, number: int, loop: "VirtualLoop", name: str, context: Context | None
    ) -> None:
        self._number = number
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs what is ready, in order; where nothing is, lets time pass until something is."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self._tasks = 0
        self._is_running = False
        self.faults: list[dict[str, Any]] = []

    def time(self) -> float:
        """Return virtual seconds since the start."""
        return self._now

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (max(when, self._now + TICK_S), self._count, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a timer that was cancelled is passed over."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # nothing starts a plain generator here
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        self._tasks += 1
        name = name or f"task-{self._tasks}"
        return NumberedTask(coro, number=self._tasks, loop=self, name=name, context=context)

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return False

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.faults.append(context)

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: their finalizers are left to the garbage collector."""

    def run_until(self, is_done: Callable[[], bool], limit_s: float) -> bool:
        """Run until `is_done` says so; return False where `limit_s` has passed before, or nothing can happen."""
        give_up = self._now + limit_s
        asyncio._set_running_loop(self)
        self._is_running = True
        try:
            while not is_done():
                if self._now > give_up or not self._turn():
                    return False
            return True
        finally:
            self._is_running = False
            asyncio._set_running_loop(None)

    def _turn(self) -> bool:
        if not self._ready:
            while self._timers and self._timers[0][2]._cancelled:
                heapq.heappop(self._timers)
            if not self._timers:
                return False
            self._now = max(self._now, self._timers[0][0])
            while self._timers and self._timers[0][0] <= self._now:
                self._ready.append(heapq.heappop(self._timers)[2])
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)  # type: ignore[attr-defined]  # where asyncio keeps it
            if process is not None and not process.is_paused:
                process.steps += 1
                if process.steps == process.last_step:
                    process.on_last_step()
            if process is not None and process.is_paused:
                process.parked.append(handle)
            else:
                handle._run()
        return True

    def wake(self, process: Process) -> None:
        """Let a paused process go on, beginning with what became ready meanwhile."""
        process.is_paused = False
        self._ready.extend(process.parked)
        process.parked.clear()


def spawn(loop: VirtualLoop, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start `work` as a part of `process`."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return loop.create_task(work, name=process.name, context=context)
