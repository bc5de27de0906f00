"""The desk on quoted chains: the touch, the gate, answers, and days on which something is missing."""

import re
from datetime import timedelta

import numpy as np
import pytest

from alvh.core.events import Answer
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, holdings, market, told


def test_the_first_close_sells_the_condor_and_opens_the_structural_legs_at_the_touch() -> None:
    made = engine(PROGRAM)
    (first,) = told(made, market(0, 5000.0, 15.0))
    (condor,) = first["condors"]
    assert abs(condor["dte"] - 35) <= 18
    assert first["pricing"] == "quotes"
    assert {action["leg"] for action in first["actions"]} <= {"L3a", "L3b", "COND"}
    bought = [action for action in first["actions"] if action["side"] == "BUY"]
    assert bought
    for action in bought:
        assert action["limit_price"] == action["ask"]
    held = {(lot.leg, lot.symbols[0]): lot.quantity for lot in holdings(made).lots}
    assert held == {(action["leg"], action["instrument"]): action["qty"] for action in bought}


def test_a_year_of_jumps_and_gaps_never_stops_it() -> None:
    made, rng = engine(PROGRAM), np.random.default_rng(5)
    spx, vix, sequence = 5000.0, 16.0, 0
    for number in range(150):
        spx *= float(np.exp(rng.normal(0.0, 0.012)))
        vix = float(np.clip(vix * np.exp(rng.normal(0.0, 0.12)), 9.5, 85.0))
        has_chains, has_curve = rng.random() > 0.2, rng.random() > 0.1
        width = 6.0 if rng.random() < 0.2 else 1.0
        for data in told(made, market(number, spx, vix, chains=has_chains, curve=has_curve, width=width)):
            sequence += 1
            assert int(data["event_id"].split("-")[1]) == sequence
            assert data["executable"] is False
            assert len(data["text"].splitlines()) <= 15
            limits = re.findall(r"([A-Z_]+) \$", "".join(re.findall(r"^Bound by .*$", data["text"], re.MULTILINE)))
            assert len(limits) == len(set(limits)), "each limit is named once"
            if not has_curve:
                assert [action for action in data["actions"] if action["qty"]] == []
            held = [action["qty_after"] for action in data["actions"] if action["side"] == "BUY"]
            assert all(isinstance(after, int) for after in held)
        assert all(lot.quantity > 0 for lot in holdings(made).lots)
    assert sequence > 20


def test_wide_quotes_are_refused_and_said() -> None:
    made = engine(PROGRAM)
    (first,) = told(made, market(0, 5000.0, 15.0, width=20.0, futures_width=20.0))
    assert "LIQ" in first["reason_codes"]
    assert [action for action in first["actions"] if action["qty"]] == []
    assert not any(check["passed"] for check in first["liquidity"])


def test_legs_follow_answers_alone_where_answers_are_asked_for() -> None:
    made = engine({**PROGRAM, "execution": "answers"})
    (first,) = told(made, market(0, 5000.0, 15.0))
    assert holdings(made).lots == []
    symbols = [action["instrument"] for action in first["actions"] if action["side"] == "BUY"]
    at = SESSIONS[0][2] + 1
    made.handle(
        Answer(
            ts_event=at, ts_recv=at, portfolio="core", event_id=first["event_id"], decision="executed", by="anna",
            fills=({"symbol": symbols[0], "quantity": 1, "price": 2.0, "fee": 0.5},),
        )
    )  # fmt: skip
    (lot,) = holdings(made).lots
    assert (lot.symbols, lot.quantity, lot.entry_price) == ((symbols[0],), 1, 2.0)
    assert holdings(made).sleeve.cash == pytest.approx(-200.5)


def test_named_condors_settle_at_their_expiry_and_expired_ones_are_left_out() -> None:
    today = SESSIONS[0][0]
    condor = {"quantity": 2, "credit": 8.0, "short_put": 4800, "long_put": 4750, "short_call": 5200, "long_call": 5250}
    ends = [today + timedelta(days=4), today - timedelta(days=3)]
    named = {"id": "core", "condors": [{**condor, "expiry": day.isoformat()} for day in ends]}
    made = engine(named)
    (first,) = told(made, market(0, 5000.0, 15.0))
    assert [each["expiry"] for each in first["condors"]] == [ends[0].isoformat()]
    assert any(note.startswith("condor_expired_before_the_start") for note in first["notes"])
    for number in range(1, 4):
        told(made, market(number, 4900.0, 17.0))
    (last,) = told(made, market(4, 4790.0, 20.0))
    assert holdings(made).condors == []
    assert holdings(made).condor_ledger.cash == pytest.approx(2 * 100 * (8.0 - 10.0))
    assert (last["phase_before"], last["phase_after"]) == ("STANDBY", "OFF")
