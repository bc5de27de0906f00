"""Condors that live for a day: a session's expiry, H of thirty days, and the credit of 21 sessions (4.6)."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from alvh.core.engine import Engine
from alvh.core.events import Calendar, Event, FuturesCurve, Quote, SessionClose, WatchedIndex
from alvh.core.hedge.chain import ChainTerms, build_chain
from alvh.core.hedge.exposure import horizon
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.liquidity import LiquidityRules
from alvh.core.hedge.program import ChosenCondor, CondorProgram, NoCondor, choose_condor, model_condor
from alvh.core.hedge.surface import spx_model_smile
from core.conditions import configuration, published
from core.hedge.quoted_desk import SESSIONS
from core.hedge.test_chain import needs_chains, real_rows

DAILY: dict[str, Any] = {
    "id": "core",
    "small_caps": [{"symbol": "IWM", "shares": 448}],
    "condor_program": {"dte": 1, "short_delta": 0.20, "long_delta": 0.05, "quantity": 2, "roll": "expiry"},
    "methodology": {"timer": {"soft": 1, "hard": 1}},
}


def market(number: int, spx: float) -> Iterator[Event]:
    today, _, at = SESSIONS[number]
    for name, price in (("IWM", spx / 27), ("RUT", spx / 2.7), ("SPX", spx), ("VIX", 15.0), ("VVIX", 90.0)):
        yield Quote(ts_event=at, ts_recv=at, instrument_id=name, last_price=price)
    nodes = tuple((today + timedelta(days=days), 16.0 + days / 100.0, None, None) for days in (20, 48, 83, 111, 230))
    yield FuturesCurve(ts_event=at, ts_recv=at, symbol="VX", nodes=nodes)
    yield SessionClose(ts_event=at, ts_recv=at, session=today)


def test_each_close_sells_the_next_session_and_the_budget_is_of_twenty_one() -> None:
    made, paid, capped = Engine(), [], []
    made.handle(configuration([DAILY]))
    made.handle(Calendar(ts_event=0, ts_recv=0, exchange="XNYS", sessions=SESSIONS))
    made.handle(WatchedIndex(ts_event=0, ts_recv=0, instrument_id="RUT"))
    for number in range(25):
        events = market(number, 5000.0 + 3.0 * number)
        (data,) = (json.loads(m.body)["data"] for event in events for m in published(made.handle(event)))
        (condor,) = data["condors"]
        assert condor["expiry"] == SESSIONS[number + 1][0].isoformat()
        paid.append(200.0 * condor["credit"])
        capped.append((data["cap"], data["cost_to_date"]))
        if number == 14:
            restored = Engine()
            restored.restore(made.checkpoint())
            made = restored
    for number, (cap, to_date) in enumerate(capped):
        budget = 0.40 * sum(paid[max(0, number + 1 - 21) : number + 1])
        assert cap == pytest.approx(max(0.0, budget - max(0.0, to_date or 0.0)), rel=1e-6), number
    holdings = Holdings.from_plain(made.portfolios.states[0].hedge["holdings"])
    assert horizon([held.at(SESSIONS[24][0]) for held in holdings.condors]) == 30.0


@pytest.mark.parametrize(
    ("session", "dte", "expected"),
    [
        (date(2024, 3, 4), 1, date(2024, 3, 5)),
        (date(2024, 3, 8), 1, date(2024, 3, 11)),
        (date(2024, 3, 8), 5, date(2024, 3, 13)),
    ],
)
def test_the_model_sells_a_session_not_a_month(session: date, dte: int, expected: date) -> None:
    terms = ChainTerms.of(session, 5000.0)
    found = model_condor(CondorProgram(dte=dte), spx_model_smile(15.0), terms)
    assert isinstance(found, ChosenCondor)
    assert (found.expiry, found.trading_class) == (expected, "SPXW")
    monthly = model_condor(CondorProgram(dte=dte, trading_class="SPX"), spx_model_smile(15.0), terms)
    assert not isinstance(monthly, ChosenCondor) or monthly.expiry == date(2024, 3, 15)


@needs_chains
def test_on_a_real_chain_a_daily_program_takes_the_nearest_session_alone() -> None:
    terms = ChainTerms.of(date(2022, 6, 10), 3900.8601)
    rows = real_rows("chain_SPX_2022-06-10.csv")
    chain = build_chain("SPX", rows, terms)
    wide = choose_condor(CondorProgram(dte=1), chain, LiquidityRules())
    assert isinstance(wide, NoCondor)
    assert (wide.reason, wide.detail[:15]) == ("liquidity", "SPXW 2022-06-13")
    found = choose_condor(CondorProgram(dte=1), chain, LiquidityRules(max_rel=0.50))
    assert isinstance(found, ChosenCondor)
    assert (found.expiry, found.dte) == (date(2022, 6, 13), 3)
    later = [row for row in rows if row[0] > date(2022, 6, 17)]
    refused = choose_condor(CondorProgram(dte=1), build_chain("SPX", later, terms), LiquidityRules())
    assert isinstance(refused, NoCondor)
    assert refused.reason == "no_expiry"
    assert "within 3 days of 1" in refused.detail
