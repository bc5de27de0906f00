"""Timers of the engine: whatever the clock does, and however often the leader changes, each goes off exactly once."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alvh.app.requests import Errands
from alvh.core.effects import Effect, Publish
from alvh.core.engine import Engine
from alvh.core.events import Calendar, TimerFired, WatchedIndex
from alvh.shell.ports import Silent, Sourced
from core.conditions import configuration, quote
from gateway.harness import CALENDAR
from gateway.scripted import NEW_YORK
from gateway.virtual import VirtualClock, run_virtually

SESSIONS = 4  # from a Wednesday over a week-end
# Both changes of clocks lie in the week-ends behind these days.
STARTS = (date(2026, 3, 4), date(2026, 10, 28), date(2026, 9, 2))


class Leader:
    """One leader after another on the same state, with the timers of each."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.closes: Counter[str] = Counter()
        self.fired: list[TimerFired] = []
        self.engine = Engine()
        self.errands = Errands(self.submit, clock=clock, observer=Silent())

    async def submit(self, sourced: Sourced) -> None:
        """Handle an event, as the runner would."""
        if isinstance(sourced.event, TimerFired):
            self.fired.append(sourced.event)
        self.do(self.engine.handle(sourced.event))

    def do(self, effects: Sequence[Effect]) -> None:
        """Do what was asked for, and count evaluations by their session."""
        for effect in effects:
            if not isinstance(effect, Publish):
                self.errands.perform(effect)
            elif effect.kind == "signals":
                self.closes[json.loads(effect.body)["time"]] += 1

    def take_over(self) -> None:
        """Another process goes on from the state."""
        state = self.engine.checkpoint()
        self.errands.drop()
        self.engine = Engine()
        self.engine.restore(state)
        self.errands = Errands(self.submit, clock=self.clock, observer=Silent())
        self.do(self.engine.pending())


class JitteryClock(VirtualClock):
    """Wakes whoever sleeps up to a second too early or too late."""

    def __init__(self, clock: VirtualClock, chance: random.Random) -> None:
        super().__init__(clock._loop)
        self._chance = chance

    async def sleep(self, seconds: float) -> None:
        await super().sleep(max(seconds + self._chance.uniform(-1.0, 1.0), 0.0))


@settings(max_examples=4, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32), st.sampled_from(STARTS), st.lists(st.floats(-5.0, 5.0), max_size=6))
def test_row_7_each_close_is_evaluated_once(seed: int, first: date, restarts: list[float]) -> None:
    start = datetime(first.year, first.month, first.day, 15, 0, tzinfo=NEW_YORK)
    sessions = CALENDAR.sessions_between(first, first + timedelta(days=20))[:SESSIONS]

    async def main(plain: VirtualClock) -> None:
        leader = Leader(JitteryClock(plain, random.Random(seed)))
        known = CALENDAR.sessions_between(CALENDAR.first, CALENDAR.horizon)
        rows = tuple((session.date, session.open_ns, session.close_ns) for session in known)
        now = plain.now()
        for event in (
            configuration(feed="ib"),
            Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=rows),
            WatchedIndex(ts_event=now, ts_recv=now, instrument_id="RUT"),
        ):
            leader.do(leader.engine.handle(event))
        leader.do(leader.engine.pending())
        for number, session in enumerate(sessions):
            await asyncio.sleep((session.close_ns - plain.now()) / 1e9 - 30)
            for n in (2, 1):
                for name, level in (("RUT", 2200.0), ("SPX", 6000.0)):
                    at = plain.now() - n
                    leader.do(leader.engine.handle(quote(name, at, level)))
            if number == 0:
                # The first close is told by the feed; timers begin behind it.
                await asyncio.sleep(1230)
                close = TimerFired(
                    ts_event=session.close_ns, ts_recv=plain.now(), timer_id=f"close:{session.date.isoformat()}"
                )
                leader.do(leader.engine.handle(close))
                continue
            for offset in sorted(restarts):
                await asyncio.sleep(max((session.close_ns - plain.now()) / 1e9 + 1200 + offset, 0.0))
                leader.take_over()
            await asyncio.sleep((session.close_ns - plain.now()) / 1e9 + 1300)
        leader.errands.drop()
        assert len(leader.closes) == SESSIONS
        assert set(leader.closes.values()) == {1}
        due = {f"close:{session.date.isoformat()}": session.close_ns + 1200 * 10**9 for session in sessions}
        for fired in leader.fired:
            assert fired.ts_event == due[fired.timer_id], "it says when it was due"
            assert fired.ts_recv >= fired.ts_event, "and never goes off before"
        if not restarts:
            assert len(leader.fired) == SESSIONS - 1

    run_virtually(start, main)
