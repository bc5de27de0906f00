"""What waits between the socket and the reader: conflated quotes and everything else, in order and bounded."""

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence

from alvh.adapters.ib.conflation import Conflator
from alvh.core.events import Event, FeedState, FuturesCurve, Quote
from alvh.shell.ports import Clock, Sourced


class Outlet:
    """A bounded queue of events.

    Quotes are conflated; while the reader is behind, their intervals stretch, so that at most four quotes of each
    instrument wait beside the queue. Of states and curves that find the queue full the newest of each subject waits.

    Args:
        clock: time and sleeping.
        interval_ns: interval of conflation.
        limit: events in the queue.
    """

    def __init__(self, clock: Clock, interval_ns: int, limit: int) -> None:
        """Start empty."""
        self._clock = clock
        self._conflator = Conflator(interval_ns)
        self._limit = limit
        self._position: str | None = None
        self._queue: deque[Sourced] = deque()
        self._late: dict[Hashable, Event] = {}
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._kept_back = asyncio.Event()
        self._failure: BaseException | None = None

    def __len__(self) -> int:
        """Events waiting, kept-back quotes included."""
        return len(self._queue) + len(self._late) + len(self._conflator)

    @property
    def is_full(self) -> bool:
        """Whether the reader is behind."""
        return len(self._queue) >= self._limit

    def offer(self, quote: Quote) -> None:
        """Take a quote."""
        passed = self._conflator.add(quote, may_pass=len(self._queue) < self._limit)
        if passed:
            self._append(passed)
        if not self._kept_back.is_set():
            self._kept_back.set()

    def tell(self, event: Event) -> None:
        """Take an event that is not conflated; every quote received before it goes out before it."""
        if self.is_full and isinstance(event, FeedState | FuturesCurve):
            subject = event.instrument_id if isinstance(event, FeedState) else event.symbol
            self._late.pop((type(event), subject), None)
            self._late[type(event), subject] = event
            return
        self._append([*self._conflator.flush(), event])

    async def put(self, event: Event) -> None:
        """Take one of many events, waiting for room."""
        while self.is_full:
            self._emptied.clear()
            await self._emptied.wait()
        self.tell(event)

    async def get(self) -> Sourced:
        """Return the next event; raises what `fail` was told once everything before is out."""
        while not self._queue:
            self._catch_up()
            if self._queue:
                break
            if self._failure is not None:
                raise self._failure
            self._filled.clear()
            await self._filled.wait()
        sourced = self._queue.popleft()
        if not self.is_full:
            self._emptied.set()
        return sourced

    def mark(self, position: str) -> None:
        """Say where the feed stands behind the event that is taken next."""
        self._position = position

    def fail(self, error: BaseException) -> None:
        """End the reader with an error."""
        self._failure = error
        self._filled.set()

    async def pump(self) -> None:
        """Let out what the intervals kept, as they end; runs until cancelled."""
        while True:
            self._kept_back.clear()
            due = self._conflator.next_due
            if due is None:
                await self._kept_back.wait()
                continue
            wait_ns = due - self._clock.now()
            if wait_ns > 0:
                await self._clock.sleep(wait_ns / 1e9)
            if self.is_full:
                self._emptied.clear()
                await self._emptied.wait()
            self._append(self._conflator.due(self._clock.now()))

    def _catch_up(self) -> None:
        if self._late:
            late, self._late = list(self._late.values()), {}
            self._append([*self._conflator.flush(), *late])

    def _append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._queue.extend(Sourced(event=event) for event in events[:-1])
        self._queue.append(Sourced(event=events[-1], position=self._position))
        self._position = None
        self._filled.set()
