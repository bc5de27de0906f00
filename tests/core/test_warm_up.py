"""History told to the engine: what it fills, what it decides, and closes that were missed."""

import json
from collections.abc import Sequence
from datetime import date

from alvh.core.announce import rfc3339
from alvh.core.effects import Effect, Publish, Refused, Wake
from alvh.core.engine import Engine
from alvh.core.events import DailyBar, Event, FeedState, FuturesCurve, SessionClose, TimerFired
from core.conditions import close, close_of, configuration, engine, open_of, published, quote, session_dates

DAYS = session_dates(400)
S = 10**9
NAMES = ("IWM", "RUT", "SPX", "VIX")


def prices(day: date) -> dict[str, float]:
    """Closes of a day: a slow climb with a wobble; the VIX against it."""
    n = DAYS.index(day)
    spx = 1000.0 + n + 3.0 * (n % 7)
    return {"IWM": spx / 20.0, "RUT": spx / 2.0 + 2.0 * (n % 5), "SPX": spx, "VIX": 20.0 - (n % 11) / 3.0}


def bars(day: date) -> list[Event]:
    """What history tells of a session before its close."""
    at, late = close_of(day), close_of(DAYS[-1])
    told: list[Event] = [
        DailyBar(ts_event=at, ts_recv=late, instrument_id=name, session=day, close=price)
        for name, price in sorted(prices(day).items())
    ]
    expiries = [later for later in DAYS if later > day][20:100:20]
    nodes = tuple((expiry, 18.0 + n, None, None) for n, expiry in enumerate(expiries))
    return [*told, FuturesCurve(ts_event=at, ts_recv=late, symbol="VX", nodes=nodes)]


def told(days: Sequence[date], *, ends: bool = True) -> list[Event]:
    """A warm-up: each session's bars and its close, the last one (unless the telling was cut short) no history."""
    events: list[Event] = []
    for day in days:
        is_history = not ends or day != days[-1]
        events += [
            *bars(day),
            SessionClose(ts_event=close_of(day), ts_recv=close_of(DAYS[-1]), session=day, is_history=is_history),
        ]
    return events


def live_day(day: date) -> list[Event]:
    """The same session as a live feed tells it: quotes at the close, the curve, the timer."""
    events: list[Event] = []
    for step in (2 * S, S, 0):
        events += [quote(name, close_of(day) - step, price) for name, price in sorted(prices(day).items())]
    curve = bars(day)[-1]
    due = close_of(day) + 1200 * S
    return [*events, curve, TimerFired(ts_event=due, ts_recv=due, timer_id=f"close:{day.isoformat()}")]


def handled(made: Engine, events: Sequence[Event]) -> list[Effect]:
    """All effects."""
    return [effect for event in events for effect in made.handle(event)]


def reasons(effects: Sequence[Effect]) -> list[tuple[str, int]]:
    """Reasons and closes since the last rebalance of each adjustment."""
    data = [json.loads(message.body)["data"] for message in published(effects)]
    return [(",".join(one["reason_codes"]), one["sessions_since_rebalance"]) for one in data]


def rows(made: Engine) -> tuple[float | None, ...]:
    """All signals."""
    return made.book.row()


def test_history_fills_the_signals_as_live_closes_would_and_its_last_close_begins() -> None:
    """One STATE, of the newest close that history has; all signals as if each close had been lived through."""
    lived, warmed = engine(feed="ib"), engine(feed="ib")
    handled(lived, told(DAYS[:1]))
    for day in DAYS[1:120]:
        handled(lived, live_day(day))
    effects = handled(warmed, told(DAYS[:120]))
    assert reasons(effects) == [("STATE", 0)]
    assert json.loads(published(effects)[0].body)["time"] == rfc3339(close_of(DAYS[119]))
    assert warmed.portfolios.anchors(0) == {"RUT": prices(DAYS[119])["RUT"], "SPX": prices(DAYS[119])["SPX"]}
    assert rows(warmed) == rows(lived)
    assert len(published(effects, "signals")) == 1
    assert [effect.timer_id for effect in effects if isinstance(effect, Wake)] == [f"close:{DAYS[120]}"]


def test_a_history_without_the_indices_at_its_end_arms_nothing() -> None:
    """Old prices become no anchor: the next close that is seen does."""
    made = engine(feed="ib")
    assert reasons(handled(made, told(DAYS[:30], ends=False))) == []
    last = SessionClose(ts_event=close_of(DAYS[40]), ts_recv=close_of(DAYS[40]), session=DAYS[40])
    assert reasons(handled(made, [last])) == []
    assert made.portfolios.anchors(0) == {}
    assert reasons(handled(made, live_day(DAYS[41]))) == [("STATE", 0)]


def test_missed_closes_are_evaluated_in_order_and_count() -> None:
    """Twelve missed closes: the timer goes off at the tenth, whose time and prices the message bears."""
    made = engine(feed="ib")
    handled(made, told(DAYS[:40]))
    before = made.portfolios.anchors(0)
    effects = handled(made, told(DAYS[40:52]))
    moved = [n for n in range(40, 52) if abs(prices(DAYS[n])["SPX"] / before["SPX"] - 1) >= 0.03]
    assert moved == []
    assert reasons(effects) == [("TIMER_10", 10)]
    data = json.loads(published(effects)[0].body)
    assert data["time"].startswith(DAYS[49].isoformat())
    assert len(published(effects, "signals")) == 12
    assert made.portfolios.states[0].sessions == 2


def test_telling_again_changes_nothing() -> None:
    """A history told twice, and one cut short and begun again at any session, lead to the same."""
    straight = engine(feed="ib")
    expected = reasons(handled(straight, told(DAYS[:60])))
    for cut in (1, 17, 59):
        made = engine(feed="ib")
        handled(made, [*told(DAYS[:cut], ends=False), *bars(DAYS[cut])[:2]])
        again = Engine()
        again.restore(made.checkpoint())
        assert again.known_until == DAYS[cut - 1]
        assert not again.pending()
        assert reasons(handled(again, told(DAYS[cut:60]))) == expected
        assert rows(again) == rows(straight)
        twice = handled(again, told(DAYS[:60]))
        assert published(twice) == []
        assert rows(again) == rows(straight)
        assert again.portfolios.anchors(0) == straight.portfolios.anchors(0)


def test_a_close_that_was_not_seen_waits_for_its_history() -> None:
    """The feed went away at noon: no close is made of old prices; history brings it, once, also behind a restart."""
    made = engine(feed="ib")
    handled(made, told(DAYS[:40]))
    day = DAYS[40]
    noon = open_of(day) + 3600 * S
    handled(made, [quote(name, noon, price) for name, price in prices(day).items()])
    due = close_of(day) + 1200 * S
    late = TimerFired(ts_event=due, ts_recv=due, timer_id=f"close:{day.isoformat()}")
    (refused,) = made.handle(late)
    assert isinstance(refused, Refused)
    assert (refused.reason, made.owed, made.session) == ("incomplete", day, DAYS[39])
    again = Engine()
    again.restore(made.checkpoint())
    assert not again.pending(), "the timer has fired; it does not fire again"
    effects = handled(again, told([day]))
    assert (again.owed, again.session, again.portfolios.states[0].sessions) == (None, day, 1)
    assert len(published(effects, "signals")) == 1
    assert isinstance(made.handle(late)[0], Refused)


def test_what_died_before_the_close_is_missing_at_it_and_no_close() -> None:
    """RVX was last heard of in the morning: its signals are missing, and the day counts all the same."""
    made = engine(feed="ib")
    handled(made, told(DAYS[:40]))
    day = DAYS[40]
    handled(made, [quote("IWM", open_of(day) + step, 51.0) for step in (S, 2 * S)])
    events = [event for event in live_day(day) if getattr(event, "instrument_id", "") != "IWM"]
    handled(made, events)
    assert made.session == day
    newest = made.book.newest
    assert newest is not None
    assert sorted(newest.bars) == ["RUT", "SPX", "VIX"]


def test_after_history_a_live_gap_of_three_per_cent_triggers_once_confirmed_and_an_outlier_never() -> None:
    """Field lessons 10 and 11 behind a warm-up."""
    made = engine(feed="ib")
    handled(made, told(DAYS[:40]))
    day, anchor = DAYS[40], prices(DAYS[39])["SPX"]
    at = open_of(day)
    assert not made.board.entry("SPX").is_live
    assert reasons(handled(made, [quote("SPX", at, 100 * anchor)])) == []
    old = quote("SPX", close_of(DAYS[39]), 0.9 * anchor, ts_recv=at + S)
    assert reasons(handled(made, [old, quote("SPX", at + 2 * S, 0.97 * anchor)])) == []
    effects = handled(made, [quote("SPX", at + 3 * S, 0.969 * anchor)])
    assert reasons(effects) == [("MOVE_3", 0)]
    assert made.portfolios.anchors(0) == {"RUT": prices(DAYS[39])["RUT"], "SPX": 0.969 * anchor}


def test_new_parameters_ask_for_the_whole_history_and_decide_nothing_from_it() -> None:
    """A book of signals with other parameters is filled; anchors, timer and the other book stay as they are."""
    made = engine(feed="ib")
    handled(made, told(DAYS[:60]))
    handled(made, live_day(DAYS[60]))
    changed = [
        {"id": "core", "hedge": "none", "methodology": {"timer": {"hard": 10}}},
        {"id": "quick", "hedge": "none", "methodology": {"rsi": {"n": 5}}},
    ]
    made.handle(configuration(changed, feed="ib"))
    assert made.known_until is None
    effects = handled(made, told(DAYS[:61]))
    assert made.known_until == DAYS[60]
    assert [effect for effect in effects if isinstance(effect, Publish)] == []
    assert made.portfolios.states[0].sessions == 1
    slow, quick = (made._evaluation.book(rank).newest for rank in (0, 1))
    assert slow is not None
    assert quick is not None
    assert (slow.session, quick.session) == (DAYS[60], DAYS[60])
    assert quick.bars == slow.bars


def test_a_feed_that_says_it_is_away_owes_the_close() -> None:
    """1100 between the last quotes and the timer: shown as not live, evaluated from history."""
    made = engine(feed="ib")
    handled(made, told(DAYS[:40]))
    *quotes, timer = live_day(DAYS[40])
    at = close_of(DAYS[40]) + S
    gone = FeedState(ts_event=at, ts_recv=at, instrument_id=None, is_live=False, reason="1100")
    handled(made, [*quotes, gone, timer])
    assert made.owed == DAYS[40]
    assert handled(made, [close(DAYS[40])])
    assert made.session == DAYS[40]
