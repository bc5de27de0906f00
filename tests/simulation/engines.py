"""What the simulated nodes run: a small engine over a tape, one with timers over a live feed, and the real one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random

from alvh.app.sources import calendar, configuration
from alvh.core.effects import Effect, Publish, Refused, Wake
from alvh.core.engine import Engine
from alvh.core.events import Answer, Event, Quote, SessionClose, TimerFired
from alvh.core.sessions import SessionCalendar
from alvh.errors import JournalError
from alvh.settings import Settings
from alvh.shell.ports import Engine as AnyEngine
from alvh.shell.ports import Sourced
from simulation.asking import AskingEngine, asking_tape
from toy_engine import ToyEngine, quotes


class PatientEngine:
    """Speaks some time after each third quote: its timers and their answers are part of the log."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.sequence = 0
        self.open: dict[str, int] = {}
        self.heard: list[str] = []

    def handle(self, event: Event) -> Sequence[Effect]:
        """Ask to be woken, or speak when it is, or when it is spoken to for the first time."""
        if isinstance(event, Answer):
            if event.event_id in self.heard:
                return [Refused(subject="answer", reason="duplicate", detail="said before")]
            self.heard.append(event.event_id)
            self.sequence += 1
            return [self._publish("adjustment", retained=False), self._publish("target", retained=True)]
        if isinstance(event, TimerFired):
            if self.open.pop(event.timer_id, None) is None:
                return [Refused(subject="timer", reason="unknown", detail="fired before")]
            self.sequence += 1
            return [self._publish("adjustment", retained=False), self._publish("target", retained=True)]
        assert isinstance(event, Quote)
        self.count += 1
        self.total += event.last_price or 0.0
        if self.count % 3:
            return []
        self.open[f"t{self.count}"] = event.ts_recv + 700_000_000
        return [Wake(timer_id=f"t{self.count}", due=event.ts_recv + 700_000_000)]

    def _publish(self, kind: str, *, retained: bool) -> Publish:
        event = {
            "id": f"{kind}-{self.sequence}",
            "sequence": self.sequence,
            "data": {"total": self.total, "heard": self.heard},
        }
        body = json.dumps(event, separators=(",", ":")).encode()
        return Publish(kind=kind, portfolio="late", retained=retained, body=body)

    def checkpoint(self) -> bytes:
        return json.dumps([self.count, self.total, self.sequence, self.open, self.heard]).encode()

    def restore(self, state: bytes) -> None:
        try:
            self.count, self.total, self.sequence, self.open, self.heard = json.loads(state)
        except ValueError as error:
            raise JournalError("not a state of the patient engine") from error

    def pending(self) -> Sequence[Effect]:
        return [Wake(timer_id=name, due=due) for name, due in self.open.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is played: the engine, the tape, and what comes before it in a new log.

    `tape` is None where the feed is live: what nobody takes is gone.
    """

    new_engine: Callable[[], AnyEngine]
    tape: Sequence[Sourced] | None
    prelude: Sequence[Event] = ()
    sessions: SessionCalendar | None = None
    is_asking: bool = False  # decisions wait for chains, which the world answers or not

    def expected(self) -> list[Publish]:
        """What a run without a fault says."""
        engine = self.new_engine()
        events = [*self.prelude, *(sourced.event for sourced in self.tape or ())]
        return [effect for event in events for effect in engine.handle(event) if isinstance(effect, Publish)]


@cache
def toy_story(count: int) -> Story:
    """Quotes for the toy engine."""
    return Story(new_engine=ToyEngine, tape=tuple(quotes(1, count)))


@cache
def asking_story(count: int) -> Story:
    """Quotes for an engine that asks for chains."""
    return Story(new_engine=AskingEngine, tape=asking_tape(count), is_asking=True)


@cache
def live_story() -> Story:
    """Quotes that nobody can ask for again."""
    return Story(new_engine=PatientEngine, tape=None)


@cache
def real_story(walk: int, sessions: int) -> Story:
    """A small walk of both indices for the real engine, without a hedge: triggers alone."""
    random = Random(walk)
    start, end = date(2024, 1, 2), date(2024, 3, 28)
    settings = Settings.model_validate(
        {
            "instance": "test",
            "feed": {"kind": "tape", "path": "."},
            "portfolios": [{"id": "core", "hedge": "none"}, {"id": "second", "hedge": "none"}],
        }
    )
    exchange = calendar(settings.calendar, start, end)
    known = SessionCalendar(exchange.sessions)
    prices = {"RUT": 2000.0, "SPX": 4700.0}
    events: list[Event] = []
    for day, opens, closes in [row for row in exchange.sessions if row[0] >= start][:sessions]:
        for at in (opens + 3_600_000_000_000, opens + 7_200_000_000_000, closes):
            for name, price in prices.items():
                prices[name] = price * (1 + random.gauss(0.0, 0.015))
                events.append(Quote(ts_event=at, ts_recv=at, instrument_id=name, last_price=round(prices[name], 2)))
        events.append(SessionClose(ts_event=closes, ts_recv=closes, session=day))
    tape = tuple(Sourced(event=event, position=str(n)) for n, event in enumerate(events, 1))
    return Story(new_engine=Engine, tape=tape, prelude=(configuration(settings, 0), exchange), sessions=known)
