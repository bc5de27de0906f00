"""What the daemon notices about itself while it works, for metrics, the page and `alvh status`."""

import json
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from alvh.adapters.http.trail import Trail
from alvh.adapters.prometheus import Metrics
from alvh.core.events import Event, Quote
from alvh.core.portfolios import LARGE_CAP, SMALL_CAPS
from alvh.messages import AdjustmentMessage, TargetMessage
from alvh.shell.ports import OutboundMessage

# Adjustments kept at hand for the page: a year of one portfolio is about fifty; older ones stand in the outbox.
RECENT: Final = 2_000
NS: Final = 1_000_000_000


class _Kept(NamedTuple):
    """An adjustment at hand: packed, as a message unpacked takes a hundred kB, and a year of them would show."""

    time: str
    subject: str
    sequence: str
    id: str
    packed: bytes


class Lookout:
    """An Observer that passes on to metrics what it keeps for the page."""

    def __init__(self, metrics: Metrics, on_change: Callable[[], None] = lambda: None) -> None:
        self.metrics = metrics
        self.on_change = on_change
        self.connections: dict[str, tuple[bool, float]] = {}
        self.received: dict[str, float] = {}
        self.trails = {name: Trail() for name in (LARGE_CAP, *SMALL_CAPS)}
        self.pending_messages = 0
        self.doubt: str | None = None
        self.archive_fault: str | None = None
        self._recent: dict[str, deque[_Kept]] = {}

    def event_taken(self, event: Event) -> None:
        """Note an event that was journaled."""
        self.metrics.event_taken(event)
        if isinstance(event, Quote):
            name = event.instrument_id
            self.received[name] = time.time()
            trail = self.trails.get(name)
            if trail is not None and event.last_price is not None:
                trail.add(event.ts_event, event.last_price)

    def refused(self, subject: str, reason: str) -> None:
        """Note what was left out."""
        self.metrics.refused(subject, reason)

    def committed(self, seconds: float, events: int) -> None:
        """Note a commit."""
        self.metrics.committed(seconds, events)
        self.on_change()

    def published(self, seconds: float) -> None:
        """Note an acknowledgement of the broker."""
        self.metrics.published(seconds)

    def pending(self, messages: int) -> None:
        """Note how many messages wait for the broker."""
        self.pending_messages = messages
        self.metrics.pending(messages)

    def connected(self, name: str, is_connected: bool) -> None:
        """Note that a connection came or went."""
        self.connections[name] = (is_connected, time.time())
        self.metrics.connected(name, is_connected)
        self.on_change()

    def leader(self, is_leader: bool) -> None:
        """Note that leadership was won or lost."""
        self.archive_fault = None  # the leader's to say; the next one looks for itself
        self.metrics.leader(is_leader)
        self.on_change()

    def durable(self, doubt: str | None) -> None:
        """Note why what Redis has confirmed may be lost, if it may."""
        self.doubt = doubt
        self.metrics.durable(doubt)

    def archived(self, seq: int) -> None:
        """Note that the archive has what it must."""
        self.archive_fault = None
        self.metrics.archived(seq)

    def not_archived(self, reason: str, detail: str) -> None:
        """Note why the archive has not."""
        self.archive_fault = f"nothing leaves the log until it can be archived: {detail}"
        self.metrics.not_archived(reason, detail)

    def note_on_redis(self) -> str | None:
        """What a person should know of the log beside whether it is connected."""
        return "; ".join(note for note in (self.doubt, self.archive_fault) if note is not None) or None

    def said(self, messages: Sequence[OutboundMessage]) -> None:
        """Take messages that were committed; what a failover had lost and was written again comes twice."""
        for message in messages:
            if message.topic.endswith("/adjustment"):
                adjustment = AdjustmentMessage.model_validate_json(message.body)
                if self._is_known(adjustment.id, adjustment.subject):
                    continue
                self.metrics.adjusted(adjustment)
                self.remember(message)
            elif message.topic.endswith("/target"):
                self.metrics.target(TargetMessage.model_validate_json(message.body).data)

    def recalled(self, messages: Sequence[OutboundMessage]) -> None:
        """Take messages that were committed before this start; they are shown, not counted."""
        for message in messages:
            if message.topic.endswith("/adjustment"):
                self.metrics.hedge(AdjustmentMessage.model_validate_json(message.body).data)
                self.remember(message)
            elif message.topic.endswith("/target"):
                self.metrics.target(TargetMessage.model_validate_json(message.body).data)

    def _is_known(self, event_id: str, portfolio: str) -> bool:
        """Whether an adjustment is one of those at hand; what comes twice is young."""
        return any(kept.id == event_id for kept in reversed(self._recent.get(portfolio, ())))

    def remember(self, message: OutboundMessage) -> None:
        """Keep an adjustment at hand."""
        document = json.loads(message.body)
        subject = document["subject"]
        kept = _Kept(
            time=document["time"], subject=subject, sequence=document["sequence"], id=document["id"],
            packed=zlib.compress(message.body, 1),
        )  # fmt: skip
        self._recent.setdefault(subject, deque(maxlen=RECENT)).append(kept)

    def adjustments(self, after: int | None, portfolio: str | None, limit: int) -> list[Mapping[str, Any]]:
        """Return adjustments, oldest first: `limit` behind sequence `after`, or the newest `limit`."""
        if portfolio is None:
            found = sorted(kept for recent in self._recent.values() for kept in recent)
        else:
            found = list(self._recent.get(portfolio, ()))
        if after is None:
            chosen = found[-limit:] if limit else []
        else:
            chosen = [kept for kept in found if int(kept.sequence) > after][:limit]
        return [json.loads(zlib.decompress(kept.packed)) for kept in chosen]
