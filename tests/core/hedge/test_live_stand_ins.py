"""Stand-ins on a live feed: executable only on quotes of their own class that are live, fresh and narrow."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from alvh.core.effects import Effect
from alvh.core.events import Event, FuturesCurve, Quote
from core.conditions import published
from core.test_waiting import CONDORS, SECOND, SESSIONS, answer_to, close_timer, curve, data, engine, fetches, prices

CLOSE = SESSIONS[0][2]


def vixy(at: int, bid: float = 39.98, ask: float = 40.02) -> list[Event]:
    """Two quotes of VIXY: a first price of a live feed needs a second one near it."""
    return [
        Quote(ts_event=ts, ts_recv=ts, instrument_id="VIXY", last_price=None, bid_price=bid, ask_price=ask)
        for ts in (at - 1, at)
    ]


def minis(at: int, width: float) -> FuturesCurve:
    """VXM quoted a cent above VX, so wide."""
    nodes = tuple(
        (expiry, settle, settle + 0.01 - width / 2, settle + 0.01 + width / 2)
        for expiry, settle, _, _ in curve(0, at).nodes
    )
    return FuturesCurve(ts_event=at, ts_recv=at, symbol="VXM", nodes=nodes)


def first_message(events: Sequence[Event]) -> dict[str, Any]:
    """What is said at the first close, with VIX options two points too wide on both sides."""
    made = engine({**CONDORS, "condor_program": {**CONDORS["condor_program"], "quantity": 60}})
    for event in (*prices(CLOSE), *events):
        made.handle(event)
    timer = close_timer(0)
    effects: list[Effect] = []
    for fetch in fetches(made.handle(timer)):
        answer = answer_to(fetch, timer.ts_recv + SECOND, 0)
        if fetch.underlying == "VIX":
            rows = tuple((*row[:3], max(row[3] - 2.0, 0.01), row[4] + 2.0, *row[5:]) for row in answer.rows)
            answer = replace(answer, rows=rows)
        effects += made.handle(answer)
    (said,) = (data(message) for message in published(effects))
    return said


def orders(said: dict[str, Any]) -> dict[str, float]:
    return {action["instrument"]: action["limit_price"] for action in said["actions"] if action["qty"]}


def test_fresh_futures_are_executable_at_the_quotes_of_their_own_class() -> None:
    said = first_message([curve(0, CLOSE)])
    assert said["fallbacks_used"] == ["L3a: future", "L3b: future"]
    assert said["executable"] is True
    asks = {node["symbol"]: node["ask"] for node in said["vx_curve"]}
    assert orders(said) == {name: asks[name.replace("VXM", "VX", 1)] for name in orders(said)}
    apart = first_message([curve(0, CLOSE), minis(CLOSE, 0.04)])
    assert apart["executable"] is True
    settles = {node["symbol"]: node["settle"] for node in apart["vx_curve"]}
    assert orders(apart) == {
        name: pytest.approx(settles[name.replace("VXM", "VX", 1)] + 0.03) for name in orders(apart)
    }
    assert all(name.startswith("VXM") for name in orders(apart))


def test_vx_is_taken_where_vxm_is_too_wide_or_has_stopped() -> None:
    for own in (minis(CLOSE, 0.06), minis(CLOSE - 61 * SECOND, 0.04)):
        said = first_message([own, curve(0, CLOSE)])
        assert said["fallbacks_used"] == ["L3a: future", "L3b: future"]
        assert not any(name.startswith("VXM") for name in orders(said))


@pytest.mark.parametrize(("age_s", "bid", "ask", "fallback"), [
    (0, 39.98, 40.02, "etp"), (60, 39.98, 40.02, "etp"), (61, 39.98, 40.02, "skip"), (0, 37.0, 41.0, "skip"),
])  # fmt: skip
def test_stale_futures_give_way_to_shares_and_stale_or_wide_shares_to_nothing(
    age_s: int, bid: float, ask: float, fallback: str
) -> None:
    said = first_message([curve(0, CLOSE - 61 * SECOND), *vixy(CLOSE - age_s * SECOND, bid, ask)])
    assert said["fallbacks_used"] == [f"L3a: {fallback}", f"L3b: {fallback}"]
    assert said["executable"] is (fallback == "etp")
    assert set(orders(said)) == ({"VIXY"} if fallback == "etp" else set())
    assert (said["residual_unhedged"] > 0.0) is (fallback == "skip")
