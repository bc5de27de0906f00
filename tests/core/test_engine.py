"""The engine: event lists in, effect lists out."""

import json
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.effects import Publish, Refused, Wake
from alvh.core.engine import Engine
from alvh.core.events import Configuration, Event, FeedState, SessionClose, TimerFired
from alvh.errors import JournalError
from core.conditions import (
    HOUR,
    calendar,
    close,
    close_of,
    configuration,
    engine,
    open_of,
    published,
    quote,
    session_dates,
    walk,
)
from core.trigger_oracle import Portfolio, run

DAYS = session_dates(400)


def fired(made: Engine, events: Sequence[Event], portfolio: str = "core") -> list[tuple[int, tuple[str, ...], int]]:
    """(time, reasons, closes since the last rebalance) of each adjustment of a portfolio."""
    found = []
    for event in events:
        for message in published(made.handle(event)):
            if message.portfolio == portfolio:
                data = json.loads(message.body)["data"]
                ns = int(data["event_id"].rsplit("-", 1)[1])
                found.append((ns, tuple(data["reason_codes"]), data["sessions_since_rebalance"]))
    return found


def bodies(made: Engine, events: Sequence[Event]) -> list[bytes]:
    """The bytes of all messages."""
    return [effect.body for event in events for effect in made.handle(event) if isinstance(effect, Publish)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("quotes", [1, 7, 40])
def test_triggers_equal_an_independent_program(seed: int, quotes: int) -> None:
    """Random walks with jumps, quotes at the close and outside the hours."""
    events = walk(seed, 120, quotes, volatility=0.02 / quotes**0.5)
    expected = run(events, Portfolio(), 400)
    assert len(expected) > 10
    assert fired(engine(), events) == expected


@pytest.mark.parametrize(("threshold", "confirm", "hard"), [(0.01, 1, 3), (0.05, 4, 7), (0.02, 3, 10)])
def test_each_portfolio_has_its_own_numbers(threshold: float, confirm: int, hard: int) -> None:
    """Three portfolios in one engine each get what they would get alone."""
    events = walk(77, 100, 30)
    others = [{"id": f"other{n}", "hedge": "none", "methodology": {"move3": {"threshold": 0.008 * n}}} for n in (1, 3)]
    mine = {
        "id": "core",
        "hedge": "none",
        "methodology": {
            "move3": {"threshold": threshold, "confirm_quotes": confirm},
            "timer": {"soft": 1, "hard": hard},
        },
    }
    expected = run(events, Portfolio(threshold=threshold, confirm=confirm, hard=hard), 400)
    assert fired(engine([others[0], mine, others[1]]), events) == expected


def test_threshold_is_judged_literally() -> None:
    """At exactly 3 % in doubles it fires; one unit in the last place below it does not."""
    for anchor in (1108.48, 560.85, 4321.0, 0.1):
        at = below = anchor * 1.03
        while abs(at / anchor - 1) >= 0.03:
            below, at = at, at - at * 2.3e-16
        for price, expected in ((below, True), (at, False)):
            made = engine()
            day, after = DAYS[0], DAYS[1]
            events = [quote("RUT", close_of(day), 500.0), quote("SPX", close_of(day), anchor), close(day)]
            events += [quote("SPX", close_of(after), price), close(after)]
            assert (len(fired(made, events)) == 2) is expected


def test_session_in_hours_needs_two_quotes_with_rising_time() -> None:
    """One quote, or two of one time, are not enough; the run carries over night."""
    day, after = DAYS[0], DAYS[1]
    start = [quote("RUT", close_of(day), 500.0), quote("SPX", close_of(day), 1000.0), close(day)]
    noon = open_of(after) + HOUR
    one = quote("SPX", noon, 1031.0)
    assert fired(engine(), [*start, one, quote("SPX", noon, 1032.0)])[1:] == []
    assert fired(engine(), [*start, one, quote("SPX", noon + 1, 1032.0)])[1:] == [(noon + 1, ("MOVE_3",), 0)]
    assert fired(engine(), [*start, one, quote("SPX", noon + 1, 1001.0), quote("SPX", noon + 2, 1032.0)])[1:] == []
    assert fired(engine(), [*start, one, quote("SPX", noon + 1, 968.0)])[1:] == []


def test_quotes_outside_the_hours_neither_confirm_nor_trigger() -> None:
    """Before the open and behind the close."""
    day, after = DAYS[0], DAYS[1]
    start = [quote("RUT", close_of(day), 500.0), quote("SPX", close_of(day), 1000.0), close(day)]
    night = [quote("SPX", close_of(day) + n * HOUR, 1040.0) for n in (1, 2, 3)]
    morning = quote("SPX", open_of(after), 1041.0)
    assert fired(engine(), [*start, *night, morning])[1:] == []
    assert len(fired(engine(), [*start, *night, morning, quote("SPX", open_of(after) + 1, 1041.0)])) == 2


def test_quote_at_the_close_is_an_ordinary_quote_first() -> None:
    """If it triggers, the close that follows is the first of the new timer."""
    day, after = DAYS[0], DAYS[1]
    start = [quote("RUT", close_of(day), 500.0), quote("SPX", close_of(day), 1000.0), close(day)]
    two = [quote("SPX", close_of(after) - 1, 1031.0), quote("SPX", close_of(after), 1031.0)]
    flat = [event for later in DAYS[2:12] for event in (quote("SPX", close_of(later), 1031.0), close(later))]
    messages = fired(engine(), [*start, *two, close(after), *flat])
    assert messages[1] == (close_of(after), ("MOVE_3",), 0)
    assert messages[2] == (close_of(DAYS[10]), ("TIMER_10",), 10)


def test_first_message_waits_for_both_indices() -> None:
    """Nothing is anchored before SPX and the small-cap index have been seen."""
    events = [quote("SPX", close_of(DAYS[0]), 1000.0), close(DAYS[0]), close(DAYS[1])]
    events += [quote("RUT", close_of(DAYS[2]), 500.0), close(DAYS[2])]
    assert fired(engine(), events) == [(close_of(DAYS[2]), ("STATE",), 0)]


def test_what_is_not_live_is_shown_and_decides_nothing() -> None:
    """Delayed quotes and a feed that says it is away."""
    day, after = DAYS[0], DAYS[1]
    made = engine(feed="ib")
    start = [event for name, price in (("RUT", 500.0), ("SPX", 1000.0)) for event in (
        quote(name, close_of(day) - 2, price), quote(name, close_of(day) - 1, price))]  # fmt: skip
    assert len(fired(made, [*start, close(day)])) == 1
    delayed = [quote("SPX", open_of(after) + n, 1050.0, is_live=False) for n in range(3)]
    reasons = [effect.reason for event in delayed for effect in made.handle(event) if isinstance(effect, Refused)]
    assert reasons == ["not_live"] * 3
    made.handle(quote("SPX", close_of(after) - 1, 1050.0))
    at = close_of(after)
    made.handle(FeedState(ts_event=at, ts_recv=at, instrument_id=None, is_live=False, reason="1100"))
    assert fired(made, [close(after)]) == []


def test_stale_first_tick_triggers_nothing() -> None:
    """A live feed's first tick stamped the day before (field lesson 10), and a silent index at the close."""
    day, after = DAYS[0], DAYS[1]
    made = engine(feed="ib")
    for name, price in (("RUT", 500.0), ("SPX", 1000.0)):
        for step in (2, 1):
            made.handle(quote(name, close_of(day) - step, price))
    made.handle(close(day))
    old = quote("SPX", close_of(day), 1100.0, ts_recv=open_of(after))
    assert [effect.reason for effect in made.handle(old) if isinstance(effect, Refused)] == ["stale"]
    made.handle(quote("SPX", open_of(after) + 1, 1100.0))
    assert fired(made, [close(after)]) == [], "its last tick is hours old at the close"


def test_corrupt_first_tick_of_a_live_feed_is_not_taken() -> None:
    """Without a baseline the first price waits for a second one near it (field lesson 11)."""
    made = engine(feed="ib")
    day = DAYS[0]
    first = made.handle(quote("SPX", close_of(day) - 3, 100_000.0))
    assert [effect.reason for effect in first if isinstance(effect, Refused)] == ["jump"]
    made.handle(quote("SPX", close_of(day) - 2, 1000.0))
    assert made.board.price("SPX") is None
    made.handle(quote("SPX", close_of(day) - 1, 1001.0))
    assert made.board.price("SPX") == 1001.0


def test_timer_event_is_the_close_it_names_and_fires_once() -> None:
    """On a live feed the engine asks to be woken behind each close; a second call for it is refused."""
    made = engine(feed="ib")
    day = DAYS[0]
    made.handle(close(day))
    (wake,) = made.pending()
    assert isinstance(wake, Wake)
    assert wake.timer_id == f"close:{DAYS[1].isoformat()}"
    assert wake.due == close_of(DAYS[1]) + 1200 * 10**9
    for name, price in (("RUT", 500.0), ("SPX", 1000.0)):
        for step in (2, 1):
            made.handle(quote(name, close_of(DAYS[1]) - step, price))
    fired_late = TimerFired(ts_event=wake.due, ts_recv=wake.due + 10**12, timer_id=wake.timer_id)
    assert published(made.handle(fired_late), "signals")
    assert made.session == DAYS[1]
    assert not published(made.handle(fired_late), "signals")
    pending = [effect.timer_id for effect in made.pending() if isinstance(effect, Wake)]
    assert pending == [f"close:{DAYS[2].isoformat()}"]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.floats(0, 1))
def test_checkpoint_at_any_prefix_changes_nothing(seed: int, cut: float) -> None:
    """A restored engine goes on with the same bytes as one that never stopped."""
    events = walk(seed, 30, 5, volatility=0.01)
    place = int(cut * len(events))
    straight = engine([{"id": "a", "hedge": "none"}, {"id": "b", "hedge": "none"}])
    bodies(straight, events[:place])
    restored = Engine()
    restored.restore(straight.checkpoint())
    assert restored.checkpoint() == straight.checkpoint()
    assert bodies(restored, events[place:]) == bodies(straight, events[place:])


def test_sequence_has_no_gaps_and_links_back() -> None:
    """Ids are portfolio, sequence and time; each names the one before."""
    made = engine()
    messages = [json.loads(m.body) for event in walk(5, 100, 5) for m in published(made.handle(event))]
    assert [m["sequence"] for m in messages] == [f"{n:020d}" for n in range(1, len(messages) + 1)]
    for before, after in pairwise(messages):
        assert after["data"]["prev_event_id"] == before["id"]
        assert after["id"] == f"core-{after['sequence']}-{after['id'].rsplit('-', 1)[1]}"


def test_configuration_change_keeps_anchors_and_sequence() -> None:
    """A new portfolio starts anew, the others go on where they were."""
    events = walk(9, 60, 5)
    half = len(events) // 2
    made = engine()
    before = fired(made, events[:half])
    two = configuration([{"id": "new", "hedge": "none"}, {"id": "core", "hedge": "none"}])
    made.handle(two)
    after = fired(made, events[half:])
    assert before + after == fired(engine(), events)
    assert made.portfolios.states[0].sequence > 0


def test_retained_flags_and_disclaimer() -> None:
    """Adjustments are never retained; every text says what it is."""
    made = engine(feed="simulated")
    effects = [effect for event in walk(1, 20, 3) for effect in made.handle(event) if isinstance(effect, Publish)]
    assert {(effect.kind, effect.retained) for effect in effects} == {
        ("adjustment", False), ("target", True), ("signals", True),
    }  # fmt: skip
    for effect in effects:
        data = json.loads(effect.body)["data"]
        assert data["advice_status"] == "decision_support_not_advice"
        assert data["simulated"] is True
        if effect.kind == "adjustment":
            assert data["text"].startswith("SIMULATED MARKET")
            assert len(data["text"].splitlines()) <= 15


def test_checkpoint_that_cannot_be_read_is_said_so() -> None:
    """Another version, or bytes that are none of ours."""
    with pytest.raises(JournalError, match="checkpoint"):
        Engine().restore(b"nonsense")


def test_duplicate_close_is_refused() -> None:
    """A close that was evaluated is not evaluated again, nor is an earlier one."""
    made = engine()
    made.handle(close(DAYS[3]))
    for day in (DAYS[3], DAYS[1]):
        (effect,) = made.handle(SessionClose(ts_event=close_of(day), ts_recv=0, session=day))
        assert isinstance(effect, Refused)


def test_quotes_before_there_is_a_calendar_trigger_nothing() -> None:
    """The log begins with a configuration; without sessions nothing is in hours."""
    made = Engine()
    made.handle(configuration())
    assert isinstance(configuration(), Configuration)
    assert list(made.handle(quote("SPX", open_of(DAYS[0]), 1000.0))) == []
    made.handle(calendar(10))
    assert made.session is None
    assert isinstance(DAYS[0], date)
