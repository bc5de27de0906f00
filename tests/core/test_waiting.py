"""Decisions of a live feed that wait for chains: event lists in, effect lists out (architecture, law 5)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.adapters.simulator.options import spx_chain, vix_chain, vx_curve
from alvh.core.codec import decode, encode
from alvh.core.effects import Effect, FetchChain, Publish, Refused, Wake
from alvh.core.engine import Engine
from alvh.core.events import (
    Answer,
    Calendar,
    Event,
    FuturesCurve,
    OptionChain,
    TimerFired,
    WatchedIndex,
)
from alvh.core.sessions import SessionCalendar
from alvh.core.waiting import MOST_BEHIND
from core.conditions import configuration, published, quote
from tapes import weekday_sessions

SECOND = 1_000_000_000
SESSIONS = weekday_sessions(date(2024, 1, 1), date(2025, 12, 31))
CALENDAR = SessionCalendar(SESSIONS)
PRICES = {"RUT": 1850.0, "RVX": 20.0, "SPX": 5000.0, "VIX": 15.0, "VVIX": 90.0}
CORE: dict[str, Any] = {"id": "core", "small_caps": [{"symbol": "IWM", "shares": 448}]}
CONDORS: dict[str, Any] = {
    **CORE,
    "condor_program": {"dte": 35, "short_delta": 0.20, "long_delta": 0.05, "quantity": 4, "roll": "expiry"},
}  # a move crosses its defence line too (DEFENCE)
ALONE: dict[str, Any] = {"id": "alone", "hedge": "none"}


@cache
def chain_rows(underlying: str, session: int) -> tuple[Any, ...]:
    today = SESSIONS[session][0]
    if underlying == "VIX":
        return vix_chain(today, 15.0, 90.0, vx_curve(CALENDAR, today, 15.0))
    # Enough for a condor of 35 days; checkpoints with all of them would take most of the tests' time.
    rows = spx_chain(CALENDAR, today, 5000.0, 15.0)
    return tuple(row for row in rows if 25 <= (row[0] - today).days <= 45)


def engine(*portfolios: dict[str, Any]) -> Engine:
    made = Engine()
    made.handle(configuration(portfolios or [CORE], feed="ib"))
    made.handle(Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=SESSIONS))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    return made


def prices(at: int, **changed: float) -> list[Event]:
    """A quote of everything; a first price of a live feed needs a second one near it, so two."""
    found = {**PRICES, **changed}
    return [quote(name, ts, price) for ts in (at - 1, at) for name, price in found.items()]


def curve(session: int, at: int) -> FuturesCurve:
    nodes = vx_curve(CALENDAR, SESSIONS[session][0], 15.0)
    return FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes)


def close_timer(session: int, late_s: float = 0.0) -> TimerFired:
    day, _, close_ns = SESSIONS[session]
    due = close_ns + 1200 * SECOND
    return TimerFired(ts_event=due, ts_recv=due + round(late_s * SECOND), timer_id=f"close:{day.isoformat()}")


def answer_to(fetch: FetchChain, at: int, session: int, *, rows: bool = True) -> OptionChain:
    found = chain_rows(fetch.underlying, session) if rows else ()
    return OptionChain(ts_event=at, ts_recv=at, underlying=fetch.underlying, rows=found, request_id=fetch.request_id)


def fetches(effects: Iterable[Effect]) -> list[FetchChain]:
    return [effect for effect in effects if isinstance(effect, FetchChain)]


def wakes(effects: Iterable[Effect]) -> list[Wake]:
    return [effect for effect in effects if isinstance(effect, Wake)]


def waits(made: Engine) -> list[Wake]:
    """The timer of a decision that waits, if one does."""
    return [wake for wake in wakes(made.pending()) if wake.timer_id.startswith("chains")]


def data(message: Publish) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.body)["data"]
    return found


def fire(wake: Wake, late_s: float = 0.0) -> TimerFired:
    return TimerFired(ts_event=wake.due, ts_recv=wake.due + round(late_s * SECOND), timer_id=wake.timer_id)


def settled(*portfolios: dict[str, Any]) -> Engine:
    """An engine behind its first close, decided on quoted chains."""
    made = Engine()
    made.restore(_settled(json.dumps(portfolios)))
    return made


@cache
def _settled(portfolios: str) -> bytes:
    made = engine(*json.loads(portfolios))
    at = SESSIONS[0][2]
    for event in (*prices(at), curve(0, at)):
        made.handle(event)
    timer = close_timer(0)
    asked = fetches(made.handle(timer))
    for fetch in asked:
        made.handle(answer_to(fetch, timer.ts_recv + SECOND, 0))
    assert made.portfolios.states[0].sequence == 1
    return made.checkpoint()


def move(made: Engine, session: int, at: int, price: float, *, recv: int = 0) -> Sequence[Effect]:
    """Two quotes of SPX, the second confirming the move."""
    made.handle(quote("VIX", at - SECOND, 15.0))
    made.handle(quote("SPX", at - SECOND, price))
    return made.handle(quote("SPX", at, price, ts_recv=recv or at))


def noon(session: int) -> int:
    return SESSIONS[session][1] + 9000 * SECOND


def test_a_close_asks_for_both_chains_and_decides_on_the_second_answer() -> None:
    made = engine()
    at = SESSIONS[0][2]
    for event in (*prices(at), curve(0, at)):
        made.handle(event)
    timer = close_timer(0)
    asked = made.handle(timer)
    assert [(f.request_id, f.underlying) for f in fetches(asked)] == [("1-SPX", "SPX"), ("1-VIX", "VIX")]
    assert wakes(asked) == [Wake(timer_id="chains:1", due=timer.ts_recv + 10 * SECOND)]
    assert list(made.pending()) == list(asked)
    assert made.session is None
    one, two = (answer_to(fetch, timer.ts_recv + SECOND, 0) for fetch in fetches(asked))
    assert list(made.handle(two)) == []
    assert fetches(made.pending()) == fetches(asked)[:1]
    effects = made.handle(one)
    (first,) = (data(message) for message in published(effects))
    assert first["pricing"] == "quotes"
    assert first["reason_codes"] == ["STATE"]
    assert first["event_id"] == f"core-{1:020d}-{at}"
    assert [wake.timer_id for wake in wakes(effects)] == [f"close:{SESSIONS[1][0].isoformat()}"]
    assert published(effects, "signals")


def test_a_close_without_answers_takes_the_model_and_says_so() -> None:
    made = engine()
    at = SESSIONS[0][2]
    for event in (*prices(at), curve(0, at)):
        made.handle(event)
    (wake,) = wakes(made.handle(close_timer(0)))
    (first,) = (data(message) for message in published(made.handle(fire(wake, late_s=3600.0))))
    assert first["pricing"] == "model"
    assert first["executable"] is False
    assert {"no_chain:SPX", "no_chain:VIX"} <= set(first["notes"])
    assert first["created_at"] == "2024-01-01T21:00:00Z"


def test_an_empty_answer_is_an_answer() -> None:
    made = settled()
    asked = fetches(move(made, 1, noon(1), 5200.0))
    effects = [effect for fetch in asked for effect in made.handle(answer_to(fetch, noon(1) + SECOND, 1, rows=False))]
    (moved,) = (data(message) for message in published(effects))
    assert moved["pricing"] == "model"
    assert {"no_chain:SPX", "no_chain:VIX"} <= set(moved["notes"])


def test_duplicates_late_answers_and_wrong_ids_change_nothing() -> None:
    made = settled()
    asked = move(made, 1, noon(1), 5200.0)
    (wake,) = wakes(asked)
    first, second = (answer_to(fetch, noon(1) + SECOND, 1) for fetch in fetches(asked))
    strange = replace(first, request_id="99-SPX")
    crossed = replace(first, underlying="VIX")
    for event in (strange, crossed, first, first, strange):
        assert published(made.handle(event)) == []
    effects = made.handle(second)
    assert len(published(effects)) == 1
    refused = [effect for effect in effects if isinstance(effect, Refused)]
    assert [(each.subject, each.reason) for each in refused] == [("chain", "late")] * 4
    before = made.checkpoint()
    (late,) = made.handle(second)
    assert isinstance(late, Refused)
    assert list(made.handle(fire(wake))) == []
    assert made.checkpoint() == before


def test_time_and_anchors_are_those_of_the_trigger() -> None:
    made = settled()
    asked = move(made, 1, noon(1), 5200.0)
    for step, price in enumerate((5210.0, 5220.0, 5230.0), start=1):
        assert list(made.handle(quote("SPX", noon(1) + step, price))) == []
    assert made.board.price("SPX") == 5200.0
    effects = [effect for fetch in fetches(asked) for effect in made.handle(answer_to(fetch, noon(1) + SECOND, 1))]
    (moved,) = published(effects)
    assert json.loads(moved.body)["id"].endswith(f"-{noon(1)}")
    assert data(moved)["spx"] == 5200.0
    assert made.portfolios.anchors(0)["SPX"] == 5200.0
    assert made.board.price("SPX") == 5230.0, "what came behind the trigger has been taken behind the decision"


def test_a_further_move_meanwhile_is_a_second_adjustment() -> None:
    made = settled()
    asked = move(made, 1, noon(1), 5200.0)
    for step in (1, 2):
        made.handle(quote("SPX", noon(1) + step, 5400.0))
    effects = [effect for fetch in fetches(asked) for effect in made.handle(answer_to(fetch, noon(1) + 1, 1))]
    assert [data(message)["event_id"] for message in published(effects)] == [f"core-{2:020d}-{noon(1)}"]
    (again,) = wakes(effects)
    assert [f.request_id for f in fetches(effects)] == ["3-SPX", "3-VIX"]
    assert again.due == noon(1) + 2 + 10 * SECOND
    (second,) = published(made.handle(fire(again)))
    assert data(second)["event_id"] == f"core-{3:020d}-{noon(1) + 2}"
    assert data(second)["moves"][0]["anchor"] == 5200.0


def test_chains_quoted_since_the_trigger_are_not_asked_for_again() -> None:
    made = settled(CORE, {**CORE, "id": "other", "methodology": {"move3": {"threshold": 0.05}}})
    asked = fetches(move(made, 1, noon(1), 5200.0))
    for step in (1, 2):
        made.handle(quote("SPX", noon(1) + step, 5260.0))
    effects = [effect for fetch in asked for effect in made.handle(answer_to(fetch, noon(1) + SECOND, 1))]
    assert [(message.portfolio, data(message)["pricing"]) for message in published(effects)] == [
        ("core", "quotes"), ("other", "quotes"),
    ]  # fmt: skip
    assert fetches(effects) == []


def test_triggers_alone_do_not_wait() -> None:
    made = settled(CORE, ALONE)
    effects = move(made, 1, noon(1), 5200.0)
    assert [message.portfolio for message in published(effects)] == ["alone"]
    assert len(fetches(effects)) == 2
    only = engine(ALONE)
    for event in prices(SESSIONS[0][2]):
        only.handle(event)
    assert fetches(only.handle(close_timer(0))) == []
    assert only.session == SESSIONS[0][0]


def test_a_close_evaluated_on_a_later_day_asks_for_nothing() -> None:
    made = engine()
    at = SESSIONS[0][2]
    for event in (*prices(at), curve(0, at)):
        made.handle(event)
    effects = made.handle(close_timer(0, late_s=86_400.0))
    assert fetches(effects) == []
    assert [data(message)["pricing"] for message in published(effects)] == ["model"]


def test_an_answer_of_a_person_is_taken_at_once() -> None:
    made = settled()
    event_id = made.portfolios.states[0].prev_event_id
    assert event_id is not None
    move(made, 1, noon(1), 5200.0)
    said = Answer(ts_event=1, ts_recv=1, portfolio="core", event_id=event_id, decision="accept", by="anna")
    made.handle(said)
    assert made.portfolios.states[0].unanswered == []


def test_a_live_answer_behind_the_expiry_is_refused_before_the_close_is_evaluated() -> None:
    for late, reasons in ((0, []), (1, ["expired"])):
        made = settled()
        event_id = made.portfolios.states[0].prev_event_id
        assert event_id is not None
        at = SESSIONS[1][2] + late  # the close behind the adjustment's
        said = Answer(ts_event=at, ts_recv=at, portfolio="core", event_id=event_id, decision="accept", by="anna")
        assert [effect.reason for effect in made.handle(said) if isinstance(effect, Refused)] == reasons


def test_a_close_that_comes_meanwhile_is_evaluated_behind() -> None:
    made = settled()
    at = SESSIONS[1][2] - SECOND
    asked = move(made, 1, at, 5200.0)
    assert fetches(asked)
    for event in (*prices(SESSIONS[1][2], SPX=5200.0), close_timer(1)):
        made.handle(event)
    assert made.session == SESSIONS[0][0]
    (wake,) = wakes(asked)
    effects = made.handle(fire(wake))
    assert [data(message)["reason_codes"] for message in published(effects)] == [["MOVE_3"]]
    assert [fetch.request_id for fetch in fetches(effects)] == ["3-SPX", "3-VIX"], "the close waits for its own"
    (wake,) = waits(made)
    made.handle(fire(wake))
    assert made.session == SESSIONS[1][0]
    assert made.portfolios.states[0].sessions in (0, 1)


def test_too_many_events_end_the_wait() -> None:
    made = settled()
    assert fetches(move(made, 1, noon(1), 5200.0))
    effects: list[Effect] = []
    for step in range(1, MOST_BEHIND + 2):
        assert not published(effects)
        effects = list(made.handle(quote("VIX", noon(1) + step, 15.0)))
    assert [data(message)["pricing"] for message in published(effects)] == ["model"]


@pytest.mark.parametrize("feed", ["tape", "simulated"])
def test_feeds_that_bring_chains_of_their_own_accord_never_wait(feed: str) -> None:
    made = Engine()
    made.handle(configuration([CORE], feed=feed))
    made.handle(Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=SESSIONS))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    at = SESSIONS[0][2]
    for event in (*prices(at), curve(0, at)):
        made.handle(event)
    for name in ("SPX", "VIX"):
        made.handle(OptionChain(ts_event=at, ts_recv=at, underlying=name, rows=chain_rows(name, 0)))
    effects = made.handle(replace(close_timer(0), ts_event=at, ts_recv=at))
    assert [data(message)["pricing"] for message in published(effects)] == ["quotes"]
    assert fetches(effects) == []


@st.composite
def live_days(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Steps of live days in any order: quotes, answers (good, empty, doubled, late), timers due, closes."""
    step = st.sampled_from(["quote"] * 6 + ["answer"] * 4 + ["again", "empty", "timer", "close", "curve", "vix"])
    price = st.sampled_from([4700.0, 4850.0, 5000.0, 5150.0, 5310.0])
    return draw(st.lists(st.tuples(step, price), min_size=5, max_size=25))


def played(steps: Iterable[tuple[str, Any]]) -> list[Event]:
    """The events of these steps, made as a shell would make them: from what the engine has asked for by then."""
    made = settled(CONDORS, ALONE)
    events: list[Event] = []
    now, session = noon(1), 1
    old: list[OptionChain] = []

    def tell(event: Event) -> None:
        events.append(event)
        made.handle(event)

    for kind, price in steps:
        now += SECOND
        open_requests = fetches(made.pending())
        if kind in ("quote", "vix"):
            tell(quote("SPX", now, price) if kind == "quote" else quote("VIX", now, price / 300.0))
        elif kind == "curve":
            tell(curve(session, now))
        elif kind in ("answer", "empty") and open_requests:
            old.append(answer_to(open_requests[-1], now, session, rows=kind == "answer"))
            tell(old[-1])
        elif kind == "again" and old:
            tell(old[-1])
        elif kind == "timer":
            for wake in waits(made):
                now = max(now, wake.due)
                tell(fire(wake))
        elif kind == "close" and session < 4:
            for event in prices(SESSIONS[session][2], SPX=price):
                tell(event)
            now = max(now, close_timer(session).ts_recv)
            tell(replace(close_timer(session), ts_recv=now))
            session += 1
            now = noon(session)
    while waited := waits(made):
        tell(fire(waited[0]))
    return events


def heard(effects: Iterable[Effect]) -> list[Publish]:
    return [effect for effect in effects if isinstance(effect, Publish)]


@settings(max_examples=8, deadline=None)
@given(steps=live_days())
def test_any_order_and_a_crash_behind_any_step_give_the_same_messages(steps: list[tuple[str, Any]]) -> None:
    """Straight through, restored from a checkpoint behind every event, and folded from a journal's lines."""
    events = played(steps)
    straight, crashing, folding = (settled(CONDORS, ALONE) for _ in range(3))
    sequences: dict[str, list[int]] = {"core": [1], "alone": [1]}
    for event in events:
        effects = straight.handle(event)
        restored = Engine()
        restored.restore(crashing.checkpoint())
        assert list(restored.pending()) == list(crashing.pending())
        again = restored.handle(event)
        assert heard(again) == heard(effects)
        assert [effect for effect in again if not isinstance(effect, Publish)] == [
            effect for effect in effects if not isinstance(effect, Publish)
        ]
        crashing = restored
        assert heard(folding.handle(decode(encode(event)))) == heard(effects)
        for message in published(effects):
            sequences[message.portfolio or ""].append(int(json.loads(message.body)["sequence"]))
    assert straight.checkpoint() == crashing.checkpoint() == folding.checkpoint()
    for numbers in sequences.values():
        assert numbers == list(range(1, len(numbers) + 1))
    assert waits(straight) == []
