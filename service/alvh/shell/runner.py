"""Take, handle, commit; repeat. Start is recovery."""

import asyncio
import json
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

from alvh.core.codec import decode, encode
from alvh.core.effects import Effect, Publish
from alvh.core.events import Event, SessionClose
from alvh.errors import FencedError, JournalError, OutageError
from alvh.shell.ports import (
    Clock,
    Commit,
    Delays,
    Engine,
    Journal,
    Observer,
    OutboundMessage,
    Recovered,
    Requests,
    Silent,
    Sourced,
)
from alvh.shell.topics import Topics

_LOGGER: Final = logging.getLogger(__name__)
T = TypeVar("T")

MAX_WAITING: Final = 1024  # two full batches: enough to keep the engine busy while one is committed
MAX_BATCH: Final = 512  # some ms of folding; one fsync then costs each event microseconds
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024  # chains are large; a script that writes more would block Redis noticeably
MAX_FOLD_NS: Final = 50_000_000  # then the loop gets its turn: lease and broker want to hear of us every second or so
# A start folds at most about this many events (a fraction of a second). Not more often than the journal has grown by
# the checkpoint's own size either, so that the append-only file at most doubles.
CHECKPOINT_EVERY: Final = 2000
CHECKPOINT_AT_LATEST: Final = 20  # times that, however large the checkpoint: a start still takes about a second
# A change of Redis' master can lose what it had confirmed; a leader with nothing to commit notices it this soon.
LOOK_AFTER_S: Final = 1.0
CLOSING_LIMIT_S: Final = 3.0  # at a stop, for Redis to come back; a person who has asked for it waits no longer
CHECKPOINT_MIN_NS: Final = 1_000_000_000  # session closes of a simulator or a tape come many a second


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What is folded but not yet committed."""

    first_seq: int
    since_ns: int
    events: list[Event] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    messages: list[OutboundMessage] = field(default_factory=list)
    others: list[Effect] = field(default_factory=list)
    signals: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    on_committed: list[Callable[[], None]] = field(default_factory=list)
    position: str | None = None
    has_close: bool = False

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= MAX_BATCH or self.size >= MAX_BATCH_BYTES


class Runner:
    """One engine and its log.

    `recover` first; then, as a follower, `follow` from time to time; as a leader, `take_over` and `run`. A
    FencedError from any of them means: throw this runner away and start over as a follower.

    Attributes:
        engine: as far as it has been folded.
        checkpoint_every: events between two checkpoints, about.
    """

    def __init__(
        self,
        *,
        new_engine: Callable[[], Engine],
        journal: Journal,
        topics: Topics,
        hand_over: Callable[[Sequence[OutboundMessage], int], None],
        requests: Requests,
        clock: Clock,
        delays: Delays,
        observer: Observer | None = None,
    ) -> None:
        """Prepare; nothing happens before `recover`.

        Args:
            new_engine: makes an engine that knows nothing.
            journal: the log.
            topics: where messages go.
            hand_over: takes committed messages, and when (ns UTC) the first event of their batch was taken.
            requests: carries out, after the commit, what the engine asks for beyond publishing.
            clock: time of day and sleep.
            delays: paces the attempts while the log is away.
            observer: told what is going on.
        """
        self._new_engine = new_engine
        self._journal = journal
        self._topics = topics
        self._hand_over = hand_over
        self._requests = requests
        self._clock = clock
        self._delays = delays
        self._observer = observer or Silent()
        self.checkpoint_every = CHECKPOINT_EVERY
        self.engine = new_engine()
        self._seq = 0
        self._epoch = 0
        self._waiting: deque[tuple[Sourced, int]] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._is_stopping = False
        self._close_by: float | None = None  # when the last attempt of the closing commit begins
        self._events_since = 0
        self._bytes_since = 0
        self._checkpoint_size = 0
        self._checkpoint_ns = 0

    @property
    def seq(self) -> int:
        """Sequence number of the last event that was handled."""
        return self._seq

    async def recover(self) -> None:
        """Load the newest checkpoint and fold the journal's tail; waits while the log is away.

        Raises:
            JournalError: the log cannot be folded.
        """
        failed: tuple[int, str] | None = None
        while True:
            found = await self._patiently(self._journal.recover)
            self._restore(found)
            try:
                await self._patiently(self.follow)
            except FencedError as reason:
                # Meanwhile a leader may have moved the checkpoint on and trimmed what lay behind the old one, or a
                # failover have changed the log. Where neither is so, the same comes out again.
                if failed == (found.checkpoint_seq, str(reason)):
                    raise JournalError(f"the log cannot be folded from its checkpoint on: {reason}") from reason
                failed = (found.checkpoint_seq, str(reason))
            else:
                return

    def _restore(self, found: Recovered) -> None:
        self.engine, self._seq = self._new_engine(), 0
        self._events_since = self._bytes_since = 0
        if found.checkpoint is not None:
            try:
                self.engine.restore(found.checkpoint)
                self._seq = found.checkpoint_seq
                self._checkpoint_size = len(found.checkpoint)
            except JournalError as error:
                _LOGGER.warning("checkpoint cannot be used, folding the whole journal: %s", error)
                self.engine = self._new_engine()

    async def follow(self) -> None:
        """Fold what others have committed since; its effects are theirs to carry out.

        Raises:
            OutageError: the log is away; what was folded stays folded.
            FencedError: the log does not go on where we stand: recover anew.
            JournalError: the log has a hole, or an event of another version.
        """
        turn_ends = self._clock.now() + MAX_FOLD_NS
        async for seq, line in self._journal.read(self._seq):
            self.engine.handle(decode(line))
            self._seq = seq
            self._events_since += 1
            self._bytes_since += len(line)
            if self._clock.now() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = self._clock.now() + MAX_FOLD_NS

    async def take_over(self, epoch: int) -> str | None:
        """Become the leader under `epoch`: fold to the very end and do what is pending.

        Returns:
            Where the feed stood behind the last event, None where it never said.

        Raises:
            FencedError: the log has lost what we have folded.
            JournalError: the log cannot be folded.
        """
        await self._patiently(self.follow)
        found = await self._patiently(self._journal.recover)
        if found.tail_seq != self._seq:
            raise FencedError(f"the log ends at {found.tail_seq}, we have folded {self._seq}")
        self._epoch = epoch
        self._checkpoint_ns = self._clock.now()
        for effect in self.engine.pending():
            self._requests.perform(effect)
        return found.position

    async def submit(self, sourced: Sourced) -> None:
        """Hand in an event; waits while too many wait already, which holds the source back."""
        while len(self._waiting) >= MAX_WAITING:
            self._room.clear()
            await self._room.wait()
        self._waiting.append((sourced, self._clock.now()))
        self._arrived.set()

    async def run(self) -> None:
        """Handle and commit what is submitted, until `stop`.

        Raises:
            FencedError: another node leads, or the log is not ours any more.
            JournalError: the log has other contents than ours.
            OutageError: the log was away when we were asked to stop.
        """
        assert self._epoch > 0, "take_over comes first"
        while self._waiting or not self._is_stopping:
            if not self._waiting:
                await self._wait_or_look_after()
                continue
            batch = self._fold_waiting()
            self._room.set()
            await self._commit(batch, is_checkpoint_due=self._is_checkpoint_due(batch))
            self._carry_out(batch)
        if self._events_since:
            closing = _Batch(first_seq=self._seq + 1, since_ns=self._clock.now())
            await self._commit(closing, is_checkpoint_due=True)

    def stop(self) -> None:
        """Finish what was submitted, write a closing checkpoint, and let `run` return."""
        self._is_stopping = True
        self._arrived.set()

    async def _wait_or_look_after(self) -> None:
        """Wait for an event; look after the log where none comes."""
        self._arrived.clear()
        try:
            async with asyncio.timeout(LOOK_AFTER_S):
                await self._arrived.wait()
        except TimeoutError:
            with suppress(OutageError):
                self._hand_over_again(await self._journal.confirm(self._seq))

    def _hand_over_again(self, messages: Sequence[OutboundMessage]) -> None:
        """Tell the relay of messages that Redis had lost: it may have looked for them in vain meanwhile."""
        if messages:
            self._hand_over(messages, self._clock.now())

    def _fold_waiting(self) -> _Batch:
        """Number and handle what waits now, up to a full batch: latency first, then many to a commit."""
        batch = _Batch(first_seq=self._seq + 1, since_ns=self._waiting[0][1])
        turn_ends = self._clock.now() + MAX_FOLD_NS
        while self._waiting and not batch.is_full:
            sourced, _ = self._waiting.popleft()
            line = encode(sourced.event)
            self._seq += 1
            batch.events.append(sourced.event)
            batch.lines.append(line)
            batch.size += len(line)
            batch.has_close |= isinstance(sourced.event, SessionClose)
            if sourced.position is not None:
                batch.position = sourced.position
            if sourced.on_committed is not None:
                batch.on_committed.append(sourced.on_committed)
            self._sort(self.engine.handle(sourced.event), batch)
            if self._clock.now() >= turn_ends:
                break
        self._events_since += len(batch.lines)
        self._bytes_since += batch.size
        return batch

    def _sort(self, effects: Sequence[Effect], batch: _Batch) -> None:
        n = 0
        for effect in effects:
            if not isinstance(effect, Publish):
                batch.others.append(effect)
                continue
            n += 1
            batch.messages.append(self._topics.outbound(effect, seq=self._seq, n=n, epoch=self._epoch))
            if effect.kind == "signals":
                batch.signals.append((self._seq, flat_signals(effect.body)))

    def _is_checkpoint_due(self, batch: _Batch) -> bool:
        if self._events_since >= CHECKPOINT_AT_LATEST * self.checkpoint_every:
            return True
        if batch.has_close and self._clock.now() - self._checkpoint_ns >= CHECKPOINT_MIN_NS:
            return True
        return self._events_since >= self.checkpoint_every and self._bytes_since >= self._checkpoint_size

    async def _commit(self, batch: _Batch, *, is_checkpoint_due: bool) -> None:
        checkpoint = self.engine.checkpoint() if is_checkpoint_due else None
        commit = Commit(
            first_seq=batch.first_seq,
            events=batch.lines,
            messages=batch.messages,
            position=batch.position,
            checkpoint=checkpoint,
            signals=_last_of_each(batch.signals),
        )
        began = self._clock.now()
        while True:
            try:
                self._hand_over_again(await self._journal.commit(commit))
                break
            except OutageError:
                left = self._left_to_close()
                if left <= 0:
                    raise
                await self._clock.sleep(min(left, self._delays.next()))
        self._delays.reset()
        self._observer.committed((self._clock.now() - began) / 1e9, len(batch.lines))
        if checkpoint is not None:
            self._events_since = self._bytes_since = 0
            self._checkpoint_size = len(checkpoint)
            self._checkpoint_ns = self._clock.now()

    def _left_to_close(self) -> float:
        """Seconds left for another attempt."""
        if not self._is_stopping:
            return math.inf
        now = asyncio.get_running_loop().time()
        if self._close_by is None:
            self._close_by = now + CLOSING_LIMIT_S
        return self._close_by - now

    def _carry_out(self, batch: _Batch) -> None:
        if batch.messages:
            self._hand_over(batch.messages, batch.since_ns)
        for effect in batch.others:
            self._requests.perform(effect)
        for event in batch.events:
            self._observer.event_taken(event)
        for tell in batch.on_committed:
            tell()

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await attempt()
            except OutageError:
                await self._clock.sleep(self._delays.next())


def flat_signals(body: bytes) -> dict[str, str]:
    """Return a SignalSnapshot for the outside reader: its `time`, and each member of `data`, nested names joined by _.

    Numbers stand in their shortest exact form, what is missing as an empty string.
    """
    event = json.loads(body)
    flat: dict[str, str] = {"time": str(event.get("time", ""))}
    _flatten("", event["data"], flat)
    return flat


def _flatten(prefix: str, value: object, flat: dict[str, str]) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _flatten(f"{prefix}_{name}" if prefix else str(name), member, flat)
    elif value is None:
        flat[prefix] = ""
    else:
        flat[prefix] = value if isinstance(value, str) else json.dumps(value)


def _last_of_each(signals: list[tuple[int, Mapping[str, str]]]) -> list[tuple[int, Mapping[str, str]]]:
    """Keep one snapshot per event: the history's ids are the events' numbers."""
    return list(dict(signals).items())
