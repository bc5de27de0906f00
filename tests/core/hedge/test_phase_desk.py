"""The desk's phases: what it waits for, what moves it, and that the kill switch ends it."""

import json
from typing import Any

from alvh.core.engine import Engine
from alvh.core.events import Event
from core.conditions import close, close_of, configuration, engine, published, quote, session_dates

DAYS = session_dates(400)
PORTFOLIO: dict[str, Any] = {"id": "core", "small_caps": [{"symbol": "IWM", "shares": 448}]}


def market(day: int, *, vix: float | None = 17.0, spx: float = 1100.0, rut: float = 560.0) -> list[Event]:
    """Quotes and the close of one session."""
    at = close_of(DAYS[day])
    prices = {"IWM": rut / 5, "RUT": rut, "RVX": None if vix is None else vix + 5, "SPX": spx, "VIX": vix}
    return [*(quote(name, at, price) for name, price in prices.items() if price is not None), close(DAYS[day])]


def told(made: Engine, events: list[Event]) -> list[dict[str, Any]]:
    """Data of the adjustments."""
    return [json.loads(message.body)["data"] for event in events for message in published(made.handle(event))]


def test_the_first_message_waits_for_the_vix() -> None:
    made = engine([PORTFOLIO])
    assert told(made, market(0, vix=None)) == []
    (first,) = told(made, market(1))
    assert (first["reason_codes"], first["phase_before"], first["phase_after"]) == (["STATE"], "OFF", "STANDBY")


def test_it_waits_for_something_to_hedge() -> None:
    made = engine([{"id": "core"}])
    assert told(made, market(0)) == []


def test_a_falling_ratio_opens_the_first_phase_and_shows_its_booleans() -> None:
    made = engine([PORTFOLIO])
    events = [event for day in range(140) for event in market(day, rut=560.0 * 0.999**day)]
    found = told(made, events)
    opened = next(data for data in found if data["phase_after"] == "INITIAL")
    assert opened["phase_before"] == "STANDBY"
    assert "STATE" in opened["reason_codes"]
    assert opened["booleans"]["ratio_neg"] is True
    assert opened["booleans"]["adv"] is None


def test_the_kill_switch_turns_it_off() -> None:
    made = engine([PORTFOLIO])
    told(made, market(0))
    made.handle(configuration([{**PORTFOLIO, "enabled": False}]))
    (off,) = told(made, market(1))
    assert (off["reason_codes"], off["phase_after"]) == (["STATE"], "OFF")
    assert told(made, market(2)) == []


def test_switched_over_without_a_vix_it_passes_triggers_on() -> None:
    made = engine([{"id": "core", "hedge": "none"}])
    told(made, market(0, vix=None))
    made.handle(configuration([PORTFOLIO]))
    found = told(made, [event for day in range(1, 11) for event in market(day, vix=None)])
    assert [data["reason_codes"] for data in found] == [["TIMER_10"]]
