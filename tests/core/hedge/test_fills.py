"""Fills people report: matched with what was proposed, added up, booked, or refused with the reason."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.effects import Refused
from alvh.core.engine import Engine
from alvh.core.events import Answer
from alvh.core.hedge.fills import book_fills, refusal
from alvh.core.hedge.holdings import Holdings, Lot, LotPart
from alvh.core.hedge.sizing_desk import Fees
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, market, told

DAY = date(2026, 11, 25)
LAST = date(2026, 12, 16)
FEES = Fees(option=1.0, future=2.0)


def call(strike: int, ratio: int) -> LotPart:
    symbol = f"VIX   261216C{strike * 1000:08d}"
    return LotPart(symbol=symbol, trading_class="VIX", strike=float(strike), expiry=LAST, ratio=ratio)


def lot(leg: str, *parts: LotPart, quantity: int = 1) -> Lot:
    return Lot(
        leg=leg,
        parts=parts,
        multiplier=100.0,
        quantity=quantity,
        entry_price=1.0,
        extrinsic=None,
        armed=True,
        opened=DAY,
    )


def proposal(*changes: tuple[Lot, int, tuple[float, ...]]) -> dict[str, Any]:
    lots = Holdings(lots=[each for each, _, _ in changes]).as_plain()["lots"]
    return {
        "session": DAY.isoformat(), "is_done": False, "lots": lots,
        "units": [units for _, units, _ in changes], "prices": [list(prices) for _, _, prices in changes], "moves": [],
    }  # fmt: skip


SPREAD = lot("L1", call(19, 1), call(29, -1))
OUTRIGHT = lot("L1b", call(29, 1))
CONFIRMED = proposal((SPREAD, 4, (1.75, 0.25)), (OUTRIGHT, 6, (0.35,)))


def fill(strike: int, **told: object) -> dict[str, Any]:
    return {"symbol": f"VIX 261216C{strike * 1000:08d}", **told}


def booked(made: Mapping[str, Any], *fills: dict[str, Any], holdings: Holdings | None = None) -> Holdings:
    held = Holdings() if holdings is None else holdings
    assert refusal(fills, made, held) is None
    book_fills(held, made, fills, FEES)
    return held


def counts(holdings: Holdings) -> dict[str, int]:
    return {each.leg: each.quantity for each in holdings.lots}


def test_without_fills_the_proposal_is_booked_at_its_own_prices() -> None:
    held = booked(CONFIRMED)
    assert counts(held) == {"L1": 4, "L1b": 6}
    assert held.sleeve.cash == pytest.approx(-4 * 150.0 - 6 * 35.0 - 8.0 - 6.0)


def test_one_contract_in_two_legs_needs_the_leg() -> None:
    told = (fill(19, quantity=4), fill(29, quantity=4, leg="L1"), fill(29, quantity=6, leg="L1b", price=0.30, fee=0.0))
    held = booked(CONFIRMED, *told)
    assert counts(held) == {"L1": 4, "L1b": 6}
    assert held.sleeve.cash == pytest.approx(-4 * 150.0 - 6 * 30.0 - 8.0)
    refused = refusal((fill(29, quantity=6),), CONFIRMED, Holdings())
    assert refused is not None
    assert "leg: expected one of L1, L1b" in refused


def test_executions_of_one_contract_are_added_up() -> None:
    told = (
        fill(29, quantity=2, leg="L1b", price=0.30, fee=2.5),
        fill(29, quantity=4, leg="L1b", price=0.36, fee=4.5),
    )
    held = booked(CONFIRMED, *told)
    assert counts(held) == {"L1b": 6}, "what fills leave out was not traded"
    assert held.lots[0].entry_price == pytest.approx(0.34)
    assert held.sleeve.cash == pytest.approx(-6 * 34.0 - 7.0)


def test_a_part_of_the_proposal_and_none_of_it() -> None:
    assert counts(booked(CONFIRMED, fill(19, quantity=2), fill(29, quantity=-2, leg="L1"))) == {"L1": 2}
    assert counts(booked(CONFIRMED, fill(29, quantity=0, leg="L1b"))) == {}


def test_a_roll_that_keeps_its_short_call_names_what_was_traded() -> None:
    before = replace(SPREAD, quantity=3)
    after = lot("L1", call(23, 1), call(29, -1))
    roll = proposal((before, -3, (4.3, 1.2)), (after, 3, (2.2, 1.2)))
    held = booked(
        roll, fill(19, quantity=-3, price=4.4), fill(23, quantity=3, price=2.1), holdings=Holdings(lots=[before])
    )
    assert [(each.parts[0].strike, each.quantity) for each in held.lots] == [(23.0, 3)]
    assert held.sleeve.cash == pytest.approx(3 * 100 * (4.4 - 2.1) - 12.0)


SALE = proposal((replace(SPREAD, quantity=3), -3, (4.3, 1.2)))


@pytest.mark.parametrize(
    ("made", "fills", "words"),
    [
        (CONFIRMED, [{"quantity": 4}], "symbol of a contract"),
        (CONFIRMED, [{"symbol": ["VIX"]}], "symbol of a contract"),
        (CONFIRMED, [fill(19, quantity="many")], "whole contracts"),
        (CONFIRMED, [fill(19, quantity=4.5)], "whole contracts"),
        (CONFIRMED, [fill(19, quantity=True)], "whole contracts"),
        (CONFIRMED, [fill(19, price="inf")], "price"),
        (CONFIRMED, [fill(19, price=-1.0)], "price"),
        (CONFIRMED, [fill(19, fee={})], "fee"),
        (CONFIRMED, [fill(20, quantity=4)], "no contract of this proposal"),
        (CONFIRMED, [fill(19, quantity=4, leg="L3a")], "leg: expected L1"),
        (CONFIRMED, [fill(19, quantity=4, leg=["L1"])], "leg: expected the name"),
        (CONFIRMED, [fill(19, quantity=4)], "expected its fill too: L1 is held as a whole"),
        (CONFIRMED, [fill(29, quantity=4, leg="L1")], "expected its fill too"),
        (CONFIRMED, [fill(19, quantity=4), fill(29, quantity=3, leg="L1")], "same number of units"),
        (CONFIRMED, [fill(19, quantity=4), fill(29, leg="L1")], "same number of units"),
        (SALE, [fill(19, quantity=4), fill(29, quantity=4)], "at most 3, as no more are held"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_reason(
    made: dict[str, Any], fills: list[dict[str, Any]], words: str
) -> None:
    held = Holdings(lots=[replace(SPREAD, quantity=3)]) if made is SALE else Holdings()
    refused = refusal(fills, made, held)
    assert refused is not None
    assert words in refused


def test_a_proposal_that_is_not_remembered_asks_for_well_formed_fills_alone() -> None:
    assert refusal([fill(99, quantity=1)], None, Holdings()) is None
    assert refusal([{"symbol": 3}], None, Holdings()) is not None


PROPOSED = ("first", "second")
"""What stands for the contracts of the proposal in what is drawn."""

SMALL = st.one_of(st.none(), st.booleans(), st.integers(-5, 50), st.text(max_size=8))
ODD = st.one_of(
    SMALL,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(SMALL, max_size=2),
    st.dictionaries(st.text(max_size=3), SMALL, max_size=2),
    st.sampled_from(["L1", "L1b", "L2", "L3a", "L3b", "FIN", "COND"]),
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "symbol": st.one_of(st.sampled_from(PROPOSED), ODD),
        "quantity": ODD,
        "price": ODD,
        "fee": ODD,
        "leg": ODD,
        "field": st.one_of(st.sampled_from(["phi", "a", "m", "roll_days", "override"]), ODD),
        "new": ODD,
    },
)


@functools.cache
def asked() -> tuple[bytes, str, dict[Any, str]]:
    """An engine that waits for an answer, as a checkpoint; the id it waits for, and the contracts it proposed."""
    made = engine({**PROGRAM, "execution": "answers"})
    (first,) = told(made, market(0, 5000.0, 15.0))
    symbols = [action["instrument"] for action in first["actions"] if action["side"] == "BUY"]
    return made.checkpoint(), first["event_id"], dict(zip(PROPOSED, symbols, strict=True))


@settings(max_examples=60)
@given(
    decision=st.sampled_from(["accept", "amend", "reject", "executed"]),
    amendments=st.lists(ROW, max_size=3),
    fills=st.lists(ROW, max_size=3),
)
def test_whatever_is_answered_the_engine_takes_it_or_names_why_not(
    decision: str, amendments: list[dict[str, Any]], fills: list[dict[str, Any]]
) -> None:
    before, event_id, symbols = asked()
    made = Engine()
    made.restore(before)
    for row in fills:
        if row.get("symbol") in PROPOSED:
            row["symbol"] = symbols[row["symbol"]]
    at = SESSIONS[0][2] + 1
    answer = Answer(
        ts_event=at, ts_recv=at, portfolio="core", event_id=event_id, decision=decision, reason="because", by="anna",
        amendments=tuple(amendments), fills=tuple(fills),
    )  # fmt: skip
    effects = made.handle(answer)
    if any(isinstance(effect, Refused) for effect in effects):
        assert made.checkpoint() == before
    else:
        Engine().restore(made.checkpoint())
