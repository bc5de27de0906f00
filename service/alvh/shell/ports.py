"""What the shell needs from the world: event sources, the log, the publisher, the lease, the clock, the onlooker."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from alvh.core.effects import Effect
from alvh.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """An event, where its source stood behind it, and who waits for its commit.

    Attributes:
        event: what happened.
        position: opaque to all but its source; None: not resumable.
        on_committed: called when the event is in the log; must not block and must not raise.
    """

    event: Event
    position: str | None = None
    on_committed: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A message as it goes to the broker: `<seq>-<n>` of the outbox, topic, bytes, and whether it is retained."""

    message_id: str
    topic: str
    body: bytes
    retained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """A message as it came from the broker.

    Attributes:
        topic: where it was said.
        body: what was said.
        retained: whether it is an old one, kept for late subscribers.
        acknowledge: tells the broker that it may forget the message; until then it comes again with the next
            connection. May be called late, once.
    """

    topic: str
    body: bytes
    retained: bool
    acknowledge: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What one transaction writes: events from `first_seq` on, their messages, and, where due, the state behind them.

    Attributes:
        first_seq: sequence number of the first event; the journal's tail must be `first_seq - 1`.
        events: encoded events, in order; none where only the state is written.
        messages: what they caused, in order, already carrying the epoch.
        position: where the feed stood behind the last of them; None leaves the stored one.
        checkpoint: the engine's state behind the last of them, or None where it is not due.
        signals: signals for the outside reader, by the sequence number of the event that gave them, rising.
    """

    first_seq: int
    events: Sequence[bytes]
    messages: Sequence[OutboundMessage]
    position: str | None = None
    checkpoint: bytes | None = None
    signals: Sequence[tuple[int, Mapping[str, str]]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a start finds: the newest checkpoint (and the seq it stands behind), the tail, and where the feed stood."""

    checkpoint: bytes | None
    checkpoint_seq: int
    tail_seq: int
    position: str | None


class Engine(Protocol):
    """The one place where decisions are made; synchronous and deterministic."""

    def handle(self, event: Event) -> Sequence[Effect]:
        """Return what the event causes, in order."""

    def checkpoint(self) -> bytes:
        """Return the whole state."""

    def restore(self, state: bytes) -> None:
        """Take on a state; raises JournalError where it is not one of this version."""

    def pending(self) -> Sequence[Effect]:
        """Return the requests and timers that are still open."""


class EventSource(Protocol):
    """A feed: quotes and what comes with them, in order, from behind `position` on."""

    def events(self, position: str | None) -> AsyncIterator[Sourced]:
        """Yield events from behind `position`, or from the start."""


class Requests(Protocol):
    """Carries out what the engine asks for beyond publishing (wake me, fetch a chain); must not block."""

    def perform(self, effect: Effect) -> None:
        """Begin what is asked for."""


class Journal(Protocol):
    """The ordered log with its outbox and checkpoint: one door, one transaction.

    All raise OutageError while the log is away, FencedError when it is no longer ours and JournalError when it does
    not say what it must.
    """

    async def recover(self) -> Recovered:
        """Return what a start needs."""

    def read(self, after_seq: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (seq, encoded event) from behind `after_seq` to the end, without a gap."""

    async def commit(self, commit: Commit) -> Sequence[OutboundMessage]:
        """Write it all or nothing; the same commit again does no harm.

        Returns:
            Messages of former commits that the log had lost and that were written again.
        """

    async def confirm(self, seq: int) -> Sequence[OutboundMessage]:
        """See to it that the log still holds all that was committed, up to `seq`; returns as `commit`."""


class Outbox(Protocol):
    """Committed messages in order, and how far the broker has acknowledged them."""

    async def acknowledged(self) -> str:
        """Return the id of the last acknowledged message, `0-0` for none."""

    async def after(self, message_id: str, limit: int) -> Sequence[OutboundMessage]:
        """Return up to `limit` messages behind `message_id`."""

    async def acknowledge(self, message_id: str, retained: Sequence[OutboundMessage]) -> None:
        """Move the cursor, and remember the retained messages among the acknowledged."""

    async def retained(self) -> Sequence[OutboundMessage]:
        """Return the newest acknowledged message of each retained topic."""


class Publisher(Protocol):
    """The broker.

    `ready` waits for a connection and returns its number, a new one for each connection. `publish` hands the message
    over when it is called; what it returns is done with the broker's acknowledgement, or fails with OutageError when
    the broker is away or refuses.
    """

    async def ready(self) -> int:
        """Wait for a connection; return its number."""

    def publish(self, message: OutboundMessage) -> Awaitable[None]:
        """Hand over now; await the acknowledgement."""


class Lease(Protocol):
    """Leadership with a fencing token: `acquire` waits for it and returns the epoch; `renew` raises FencedError."""

    async def acquire(self) -> int:
        """Wait for leadership; return the fencing token."""

    async def renew(self) -> None:
        """Hold on; raises FencedError when another node leads."""

    async def release(self) -> None:
        """Give it back."""


class Clock(Protocol):
    """Time of day (ns UTC) and sleeping, so that tests can run in virtual time."""

    def now(self) -> int:
        """Return ns UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Delays(Protocol):
    """How long to wait before the next attempt; `reset` after a success."""

    def next(self) -> float:
        """Return the seconds to wait."""

    def reset(self) -> None:
        """Begin small again."""


class Observer(Protocol):
    """Watches the shell at work, for metrics; must not block and must not raise."""

    def event_taken(self, event: Event) -> None:
        """Note an event that was journaled."""

    def refused(self, subject: str, reason: str) -> None:
        """Note what was left out (see `effects.Refused`), or an inbound message that was dropped."""

    def committed(self, seconds: float, events: int) -> None:
        """Note how long one commit of so many events took."""

    def published(self, seconds: float) -> None:
        """Note the time from taking an event to the broker's acknowledgement of a message it caused."""

    def pending(self, messages: int) -> None:
        """Note how many committed messages the broker has not acknowledged (at least)."""

    def connected(self, name: str, is_connected: bool) -> None:
        """Note that `redis` or `mqtt` came or went."""

    def leader(self, is_leader: bool) -> None:
        """Note that leadership was won or lost."""

    def durable(self, doubt: str | None) -> None:
        """Note why what Redis has confirmed may be lost all the same, None where it cannot."""

    def archived(self, seq: int) -> None:
        """Note that all that is due stands in the archive, which ends with event `seq`."""

    def not_archived(self, reason: str, detail: str) -> None:
        """Note that what is due cannot be archived: a word for why (`unusable`, `other_log`), and a line to read."""


class Silent:
    """An observer that looks away."""

    def event_taken(self, event: Event) -> None:
        """Do nothing."""

    def refused(self, subject: str, reason: str) -> None:
        """Do nothing."""

    def committed(self, seconds: float, events: int) -> None:
        """Do nothing."""

    def published(self, seconds: float) -> None:
        """Do nothing."""

    def pending(self, messages: int) -> None:
        """Do nothing."""

    def connected(self, name: str, is_connected: bool) -> None:
        """Do nothing."""

    def leader(self, is_leader: bool) -> None:
        """Do nothing."""

    def durable(self, doubt: str | None) -> None:
        """Do nothing."""

    def archived(self, seq: int) -> None:
        """Do nothing."""

    def not_archived(self, reason: str, detail: str) -> None:
        """Do nothing."""
