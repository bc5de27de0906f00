"""Held L3 stays: sold for a limit of higher rank alone, the other legs sized around it, sizing twice still a HOLD."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.engine import Engine
from alvh.core.hedge.batch import size_many
from alvh.core.hedge.book import LEGS, HedgeLeg, VixCall
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.sizing import Sizing, SizingInputs, glance, size, work
from alvh.core.hedge.structural import STRUCTURAL
from core.conditions import configuration
from core.hedge.quoted_desk import PROGRAM, engine, holdings, market, told
from core.hedge.test_sizing_properties import PHASES, books, spent
from core.hedge.worked_example import L1, L3A, L3B, VECTOR_A, held_after, target_of

CONFIRMED = target_of(Phase.CONFIRMED, 0.15)
SOLD = "L3 that is held has to be sold"


def held_of(inputs: SizingInputs, leg: str) -> int:
    return sum(lot.quantity for lot in inputs.held if lot.unit.leg == leg)


def reasons(sizing: Sizing) -> set[str]:
    return {binding.constraint for binding in sizing.bindings if binding.detail.startswith(SOLD)}


def binds(sizing: Sizing, constraint: str) -> bool:
    return any(binding.constraint == constraint for binding in sizing.bindings)


def after(inputs: SizingInputs, sizing: Sizing) -> SizingInputs:
    """The same book once a sizing's answer is done."""
    return replace(inputs, held=held_after(sizing))


@settings(max_examples=80, deadline=None)
@given(books())
def test_l3_is_sold_for_a_named_limit_alone(inputs: SizingInputs) -> None:
    sizing = size(inputs)
    sold = [leg for leg in STRUCTURAL if sizing.contracts.get(leg, 0) < held_of(inputs, leg)]
    assert not sold or reasons(sizing)
    assert reasons(sizing) <= {"CAP", "PREMIUM", "BOOK_DELTA", "CEILING"}
    tolerance = 1e-9 * (1.0 + sizing.credit)
    assert spent(sizing) <= sizing.cap + tolerance
    assert sizing.premium_at_risk + sizing.loss_at_stops <= sizing.credit + tolerance


@settings(max_examples=80, deadline=None)
@given(books(), st.sampled_from(PHASES), st.floats(0.0, 0.2))
def test_sizing_twice_is_a_hold_whatever_the_phase_before_wanted(inputs: SizingInputs, before: Phase, a: float) -> None:
    first = size(replace(inputs, held=(), target=target_of(before, a)))
    second = size(after(inputs, first))
    # No cost to date is told here, so what sales cost is forgotten once they are done: where the cap is near, that
    # makes room, and the second answer may be larger.
    forgotten = sum(-row.change * row.cost for row in second.legs if row.change < 0)
    if second.cost + forgotten <= second.cap and not binds(second, "CAP"):
        assert size(after(inputs, second)).contracts == second.contracts


@settings(max_examples=40, deadline=None)
@given(books(), st.sampled_from(PHASES), st.sampled_from(["strict", "split"]))
def test_two_sleeves_that_share_l3_sell_none_of_it_either(inputs: SizingInputs, before: Phase, scope: str) -> None:
    inputs = replace(inputs, parameters=replace(inputs.parameters, scope=scope))
    first = size(replace(inputs, held=(), target=target_of(before)))
    second = size(after(inputs, first))
    kept = all(second.contracts.get(leg, 0) >= first.contracts.get(leg, 0) for leg in STRUCTURAL)
    assert kept or reasons(second)


@settings(max_examples=15, deadline=None)
@given(books())
def test_a_batch_keeps_l3_like_each_alone(inputs: SizingInputs) -> None:
    asked = [replace(inputs, target=target_of(phase)) for phase in Phase]
    batch = size_many(asked)
    for row, each in enumerate(asked):
        alone = size(each)
        assert batch.contracts[row].tolist() == [alone.contracts.get(leg, 0) for leg in LEGS]


RICH = replace(VECTOR_A.parameters, premium_max=2.0)
HELD = (HedgeLeg(unit=L3A, quantity=12), HedgeLeg(unit=L3B, quantity=6), HedgeLeg(unit=L1, quantity=4))


def test_a_lower_target_sells_the_other_legs_and_keeps_l3() -> None:
    confirmed = size(replace(VECTOR_A, target=CONFIRMED))
    assert confirmed.contracts == {"L1": 4, "L1b": 6, "L2": 4, "L3a": 4, "L3b": 3}
    asked = replace(VECTOR_A, target=target_of(Phase.STANDBY))
    assert size(asked).contracts == {"L3a": 3, "L3b": 3}
    standby = size(replace(asked, held=held_after(confirmed)))
    assert standby.contracts == {"L3a": 4, "L3b": 3}
    assert "L3_kept: L3a 4, L3b 3 held stays, more than the mix would hold" in standby.notes
    assert standby.bindings == ()
    # The soft timer compares what is held with what can be attained: L3 included, so nothing is asked for again.
    assert glance(work(after(asked, standby))).drift == 0.0


def test_what_stays_counts_and_the_others_are_sized_around_it() -> None:
    inputs = replace(VECTOR_A, cost_to_date_usd=0.0, parameters=RICH)
    alone = size(inputs).contracts
    for count in range(7, 14):
        sizing = size(replace(inputs, held=(HedgeLeg(unit=L3A, quantity=count), HELD[2])))
        assert sizing.contracts["L3a"] == count
        assert sizing.contracts.get("L1", 0) <= alone["L1"]
        assert sizing.cost <= sizing.cap
        touch = sum(row.target * row.gain_design for row in sizing.legs)
        assert sizing.target_gain - 50.0 < touch < sizing.target_gain + 100.0  # to within a contract


def test_cap_premium_and_over_insurance_are_named_where_they_take_l3_away() -> None:
    # Over the cap or the premium limit all that is held gives way in proportion: 12 / 6 / 4 there cost 1,700 dollars.
    assert reasons(size(replace(VECTOR_A, held=HELD, cost_to_date_usd=0.0))) == {"CAP", "PREMIUM"}
    capped = size(replace(VECTOR_A, held=HELD, cost_to_date_usd=800.0))
    assert (capped.contracts["L3a"], capped.contracts["L3b"], reasons(capped)) == (5, 3, {"CAP"})
    (cut,) = [each.cut_usd for each in capped.bindings if each.detail.startswith(SOLD)]
    assert cut == pytest.approx((1.0 - capped.cap / 1730.0) * (12 * 59.14 + 6 * 41.69), abs=15.0)
    assert size(replace(VECTOR_A, held=HELD, cost_to_date_usd=1700.0)).contracts == {}
    # Inside both limits nothing of it is sold, however much of the mix there is no room for.
    inside = replace(VECTOR_A, held=HELD[:2], cost_to_date_usd=350.0, parameters=RICH)
    assert size(inside).contracts == {"L3a": 12, "L3b": 6}
    many = (HedgeLeg(unit=L3A, quantity=40),)
    rich = tuple(replace(condor, credit=40.0) for condor in VECTOR_A.condors)
    covered = size(replace(VECTOR_A, condors=rich, held=many, cost_to_date_usd=0.0, small_caps=None))
    assert (covered.contracts, reasons(covered)) == ({"L3a": 27}, {"CEILING"})
    assert covered.offset_design is not None
    touch = sum(row.target * row.gain_design for row in covered.legs)
    assert touch <= 0.85 * covered.protected_loss_design < touch + 59.14


def test_l3_that_gains_nothing_stays_while_there_is_room() -> None:
    far = replace(L3A, calls=(VixCall(days=70.0, strike=60.0, vol=0.5, bid=0.01, ask=0.06),))
    held = (HedgeLeg(unit=far, quantity=5),)
    sizing = size(replace(VECTOR_A, held=held, cost_to_date_usd=0.0))
    assert sum(row.target for row in sizing.legs if row.unit is far) == 5
    assert sizing.cost <= sizing.cap
    spent_up = size(replace(VECTOR_A, held=held, cost_to_date_usd=1616.0))
    assert (spent_up.contracts, reasons(spent_up)) == ({}, {"CAP"})


def test_off_sells_l3_and_monetise_and_cooldown_leave_it() -> None:
    for phase, kept in ((Phase.OFF, {}), (Phase.MONETISE, {"L1": 4, "L3a": 12, "L3b": 6}),
                        (Phase.COOLDOWN, {"L1": 4, "L3a": 12, "L3b": 6})):  # fmt: skip
        assert size(replace(VECTOR_A, target=target_of(phase), held=HELD, cost_to_date_usd=1700.0)).contracts == kept


def test_l3_that_is_due_to_be_rolled_is_bought_again_as_the_target_asks() -> None:
    old = replace(L3A, calls=tuple(replace(call, days=60.0) for call in L3A.calls))
    held = (HedgeLeg(unit=old, quantity=20, is_kept=False),)
    sizing = size(replace(VECTOR_A, held=held, cost_to_date_usd=0.0))
    assert sum(row.target for row in sizing.legs if row.unit is old) == 0
    assert sizing.contracts["L3a"] == size(VECTOR_A).contracts["L3a"]


DESK: dict[str, Any] = {**PROGRAM, "small_caps": [], "condor_program": {**PROGRAM["condor_program"], "quantity": 20}}


@pytest.fixture(scope="module")
def confirmed() -> bytes:
    """CONFIRMED, its hedge bought in a quiet market."""
    made = engine(DESK)
    told(made, market(0, 5000.0, 15.0, chains=False))
    put_into(made, Phase.CONFIRMED)
    told(made, market(1, 4840.0, 16.0, chains=False))
    assert {"L3a", "L3b"} < {lot.leg for lot in holdings(made).lots}
    return made.checkpoint()


def put_into(made: Engine, phase: Phase) -> None:
    state = made.portfolios.states[0]
    state.hedge["phase"] = PhaseState(phase=phase, working=phase).as_plain()
    state.phase = str(phase)


def l3_of(made: Engine) -> dict[tuple[str, ...], int]:
    return {lot.symbols: lot.quantity for lot in holdings(made).lots if lot.leg in STRUCTURAL}


def test_the_desk_keeps_l3_through_a_fall_of_the_phase(confirmed: bytes) -> None:
    for phase in (Phase.STAGED, Phase.INITIAL, Phase.STANDBY):
        made = Engine()
        made.restore(confirmed)
        before = l3_of(made)
        put_into(made, phase)
        (data,) = told(made, market(2, 4680.0, 16.0, chains=False))
        assert "MOVE_3" in data["reason_codes"]
        assert all(l3_of(made)[symbols] >= count for symbols, count in before.items())
        assert not [a for a in data["actions"] if a["leg"] in STRUCTURAL and a["side"] == "SELL"]
        if phase is Phase.STANDBY:
            assert {lot.leg for lot in holdings(made).lots} == set(STRUCTURAL)


def test_the_kill_switch_sells_l3_like_all_else(confirmed: bytes) -> None:
    made = Engine()
    made.restore(confirmed)
    made.handle(configuration([{**DESK, "enabled": False}]))
    (data,) = told(made, market(2, 4840.0, 16.0, chains=False))
    assert data["phase_after"] == "OFF"
    assert holdings(made).lots == []
