"""Field lessons 4, 7, 10 and 11 to their end: what the engine decides on what came over the wire."""

import asyncio
import json
import random
from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alvh.adapters.ib.feed_settings import DEFAULT_BREADTH
from alvh.core.codec import decode, encode
from alvh.core.engine import Engine
from alvh.core.events import Calendar, Event, Observation, SessionClose, WatchedIndex
from core.conditions import configuration, published, quote
from gateway.harness import CALENDAR, IN_SESSION, SETTINGS, Bench, bench
from gateway.scripted import NEW_YORK
from gateway.virtual import VirtualClock, run_virtually

FRIDAY = date(2026, 9, 18)
NAMES = ("SPX", "RUT", "VIX", "IWM")


class Judge:
    """An engine anchored at Friday's close, 6000 and 2200, that is told what the feed tells."""

    def __init__(self, b: Bench) -> None:
        self.engine = Engine()
        self._bench = b
        self._told = 0
        sessions = CALENDAR.sessions_between(CALENDAR.first, CALENDAR.horizon)
        rows = tuple((session.date, session.open_ns, session.close_ns) for session in sessions)
        at = CALENDAR.close_of(FRIDAY)
        start: list[Event] = [
            configuration(feed="ib"), Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=rows),
            WatchedIndex(ts_event=at, ts_recv=at, instrument_id="RUT"),
            *(quote(name, at - n, level) for n in (2, 1) for name, level in (("RUT", 2200.0), ("SPX", 6000.0))),
            SessionClose(ts_event=at, ts_recv=at, session=FRIDAY),
        ]  # fmt: skip
        self._start = start
        self._bodies: list[bytes] = []
        (first,) = published(effect for event in start for effect in self.engine.handle(event))
        assert json.loads(first.body)["data"]["reason_codes"] == ["STATE"]

    def replayed(self) -> bool:
        """Whether the same events, written down and read again, give the same messages to another engine."""
        other = Engine()
        for event in self._start:
            other.handle(event)
        events = [decode(encode(event)) for event in self._bench.events[: self._told]]
        return [effect.body for event in events for effect in published(other.handle(event))] == self._bodies

    def reasons(self) -> list[list[str]]:
        """Tell the engine what is new; return the reasons of each adjustment that came of it."""
        events, self._told = self._bench.events[self._told :], len(self._bench.events)
        effects = [effect for event in events for effect in self.engine.handle(event)]
        bodies = [message.body for message in published(effects)]
        self._bodies += bodies
        return [json.loads(body)["data"]["reason_codes"] for body in bodies]

    def price(self, name: str) -> float | None:
        """The newest good price."""
        return self.engine._board.price(name)


def test_row_4_after_1101_no_price_decides_before_new_live_quotes() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, known_until=FRIDAY) as b:
            judge = Judge(b)
            await b.until_ready(30)
            assert judge.reasons() == []
            b.prices.period_s = None
            await asyncio.sleep(2)
            b.gateway.lose_broker()
            b.prices.set("SPX", last=6300.0)  # while nobody is told
            await asyncio.sleep(5)
            b.gateway.find_broker(keeps_data=False)
            await b.until(lambda: b.asked_for("SPX") == 2, 5)
            assert {name: b.asked_for(name) for name in NAMES} == dict.fromkeys(NAMES, 2), (
                "everything is requested anew"
            )
            await asyncio.sleep(10)
            assert judge.reasons() == [], "what a subscription begins with may be old"
            b.prices.set("SPX", last=6301.0)
            await asyncio.sleep(1)
            assert judge.reasons() == [], "one quote confirms nothing"
            b.prices.set("SPX", last=6302.0)
            await asyncio.sleep(1)
            assert judge.reasons() == [["MOVE_3"]]
            assert judge.replayed()

    run_virtually(IN_SESSION, main)


def test_row_10_a_stale_first_tick_triggers_nothing_and_sets_no_anchor() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, period_s=None, known_until=FRIDAY) as b:
            judge = Judge(b)
            b.prices.set("SPX", last=5700.0)  # a price of days ago is what the subscription begins with
            await b.until(lambda: b.asked_for("SPX") > 0, 30)
            await asyncio.sleep(5)
            assert judge.reasons() == []
            assert judge.price("SPX") == 6000.0, "nothing an anchor could be set to"
            for n in range(5):
                b.prices.set("SPX", last=6010.0 + n)
                await asyncio.sleep(1)
            assert judge.reasons() == []
            assert judge.price("SPX") == 6014.0

    run_virtually(IN_SESSION, main)


def test_row_11_an_outlier_first_gives_no_message_and_a_real_gap_one_after_confirmation() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, period_s=None) as b:  # with the whole history, to be held against
            await b.until(lambda: b.feed.status().state == "degraded", 30)
            judge = Judge(b)
            b.prices.set("SPX", last=600_000.0)
            await asyncio.sleep(1)
            assert judge.price("SPX") == 6000.0
            b.prices.set("SPX", last=6000.5)
            await asyncio.sleep(1)
            assert judge.reasons() == []
            assert judge.price("SPX") == 6000.5
            for price, expected in ((6184.0, []), (6185.0, [["MOVE_3"]]), (6186.0, [])):
                b.prices.set("SPX", last=price)
                await asyncio.sleep(1)
                assert judge.reasons() == expected

    run_virtually(IN_SESSION, main)


class JitteryClock(VirtualClock):
    """Wakes whoever sleeps up to a second too early or too late."""

    def __init__(self, clock: VirtualClock, chance: random.Random) -> None:
        super().__init__(clock._loop)
        self._chance = chance

    async def sleep(self, seconds: float) -> None:
        await super().sleep(max(seconds + self._chance.uniform(-1.0, 1.0), 0.01))


# The days over which the clocks change, in both directions, and one of no note.
MONDAYS = (date(2026, 3, 9), date(2026, 11, 2), date(2026, 9, 21))


@settings(max_examples=5, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32), st.sampled_from(MONDAYS), st.lists(st.floats(-90.0, 90.0), max_size=3))
def test_row_7_what_a_close_brings_is_told_once_whatever_the_clock_and_the_socket_do(
    seed: int, monday: date, breaks: list[float]
) -> None:
    close = CALENDAR.close_of(monday)

    async def main(plain: VirtualClock) -> None:
        clock = JitteryClock(plain, random.Random(seed))
        known_until = monday - timedelta(days=3)
        async with bench(clock, replace(SETTINGS, breadth=DEFAULT_BREADTH), known_until=known_until) as b:
            await b.until_ready(60)
            for offset in sorted(breaks):
                await asyncio.sleep(max((close - clock.now()) / 1e9 + offset, 0.0))
                b.gateway.reset()
            await asyncio.sleep(max((close - clock.now()) / 1e9, 0.0) + 300)
            series = sorted(name for index in DEFAULT_BREADTH for name in (index.advancers, index.decliners))
            assert sorted((o.ts_event, o.series) for o in b.of(Observation)) == [(close, name) for name in series]

    run_virtually(datetime(monday.year, monday.month, monday.day, 15, 56, tzinfo=NEW_YORK), main)


@settings(max_examples=4, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32), st.sampled_from(MONDAYS), st.lists(st.floats(-5.0, 5.0), max_size=3))
def test_row_7_the_curve_rolls_once_a_day_whatever_the_clock_and_the_socket_do(
    seed: int, monday: date, breaks: list[float]
) -> None:
    start = datetime(monday.year, monday.month, monday.day, tzinfo=NEW_YORK) - timedelta(days=1, hours=12)
    midnights = [
        datetime(day.year, day.month, day.day, tzinfo=NEW_YORK) for day in (monday - timedelta(days=1), monday)
    ]

    async def main(plain: VirtualClock) -> None:
        clock = JitteryClock(plain, random.Random(seed))
        calm = replace(SETTINGS, probe_interval_s=900.0, vx_months=2)
        async with bench(clock, calm, period_s=60.0, known_until=monday - timedelta(days=3)) as b:
            await b.until(lambda: b.feed.status().state == "live", 60)
            for midnight in midnights:
                for offset in sorted(breaks):
                    await asyncio.sleep(max(midnight.timestamp() + offset - clock.now() / 1e9, 0.0))
                    b.gateway.reset()
                await asyncio.sleep(max(midnight.timestamp() - clock.now() / 1e9, 0.0) + 300)
            asked = [r for r in b.requests(9) if (r.fields[4], r.fields[5], r.fields[15]) == ("VIX", "FUT", "0")]
            asked_on = [datetime.fromtimestamp(request.at / 1e9, NEW_YORK).date() for request in asked]
            assert set(asked_on) == {monday - timedelta(days=n) for n in (2, 1, 0)}, "each day's curve is asked for"
            if not breaks:
                assert len(asked_on) == 3, "and no day's twice"

    run_virtually(start, main)
