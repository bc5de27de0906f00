"""A small engine for tests of the shell: each third quote gives an adjustment and a target, each fifth the signals."""

import asyncio
import json
import time
from collections.abc import Sequence

from alvh.core.effects import Effect, Publish, Refused, Wake
from alvh.core.events import Event, Quote, SessionClose
from alvh.errors import JournalError
from alvh.shell.ports import Sourced


class ToyEngine:
    """Counts quotes; its messages depend on every price it has seen."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.sequence = 0

    def handle(self, event: Event) -> Sequence[Effect]:
        """Count it."""
        if isinstance(event, SessionClose):
            return [Wake(timer_id="next", due=event.ts_event + 1)]
        if not isinstance(event, Quote) or event.last_price is None:
            return [Refused(subject="toy", reason="unknown", detail="only quotes count")]
        self.count += 1
        self.total += event.last_price
        effects: list[Effect] = []
        if self.count % 3 == 0:
            self.sequence += 1
            effects.append(self._publish("adjustment", "core", retained=False))
            effects.append(self._publish("target", "core", retained=True))
        if self.count % 5 == 0:
            effects.append(self._publish("signals", None, retained=True))
        return effects

    def _publish(self, kind: str, portfolio: str | None, *, retained: bool) -> Publish:
        data = {"count": self.count, "parts": {"total": self.total, "none": None}, "flags": ["a"]}
        event = {"id": f"{kind}-{self.sequence}", "time": "t", "sequence": self.sequence, "data": data}
        body = json.dumps(event, separators=(",", ":")).encode()
        return Publish(kind=kind, portfolio=portfolio, retained=retained, body=body)

    def checkpoint(self) -> bytes:
        """Return the counters."""
        return json.dumps([self.count, self.total, self.sequence]).encode()

    def restore(self, state: bytes) -> None:
        """Take the counters."""
        try:
            self.count, self.total, self.sequence = json.loads(state)
        except ValueError as error:
            raise JournalError("not a state of the toy engine") from error

    def pending(self) -> Sequence[Effect]:
        """Return one timer once there was a quote."""
        return [Wake(timer_id="open", due=1)] if self.count else []


def quotes(first: int, last: int) -> list[Sourced]:
    """Return the quotes `first` to `last` of an endless tape."""
    return [
        Sourced(
            event=Quote(ts_event=n, ts_recv=n, instrument_id="SPX", last_price=5000 + (n * 7919 % 1000) / 7),
            position=str(n),
        )
        for n in range(first, last + 1)
    ]


def bodies(last: int) -> dict[str, list[bytes]]:
    """Return what the quotes 1 to `last` say on each kind of topic, without the epoch."""
    engine = ToyEngine()
    said: dict[str, list[bytes]] = {"adjustment": [], "target": [], "signals": []}
    for sourced in quotes(1, last):
        for effect in engine.handle(sourced.event):
            assert isinstance(effect, Publish)
            said[effect.kind].append(effect.body)
    return said


class RealClock:
    """The clock of the machine."""

    def now(self) -> int:
        """Return ns UTC."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Done:
    """Carries out nothing and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[Effect] = []

    def perform(self, effect: Effect) -> None:
        """Remember it."""
        self.asked.append(effect)
