"""A sizing of a hedge that is held already: its returns, carry and centre count its entry (methodology 4.4, 4.9)."""

from dataclasses import replace

import pytest

from alvh.core.hedge.book import FinancingSpread
from alvh.core.hedge.sizing import size
from alvh.core.hedge.surface import spx_model_smile
from core.hedge.worked_example import CONDOR, CURVE, MARKET, VECTOR_A, held_after


def test_returns_carry_and_centre_of_what_is_held_are_those_of_its_entry() -> None:
    paid = {"L1": 1.60, "L3a": 2.30, "L3b": 2.70}
    held = tuple(replace(leg, entry_price=paid[leg.unit.leg]) for leg in held_after(size(VECTOR_A)))
    sizing = size(replace(VECTOR_A, held=held, rv20=0.12))
    assert sizing.is_hold
    assert sizing.cost_to_date > 0.0
    net = CONDOR.credit - (sizing.cost + sizing.cost_to_date) / 400
    for found in (sizing.expected, sizing.expected_neutral):
        assert found is not None
        owed = CONDOR.credit - found.pnl_usd / 400
        assert found.simple_net == pytest.approx((net - owed) / (50 - net) * 365 / 35)
    assert sizing.returns_net.period == pytest.approx(net / (50 - net))
    kept = {row.leg: row for row in sizing.legs if row.target}
    capital = sum(row.target * 100.0 * paid[leg] for leg, row in kept.items())
    assert sizing.carry.wacc == pytest.approx(sizing.cost * 365 / 35 / capital)
    gains = {leg: row.target * (row.gain_design + row.cost - row.cost_held) for leg, row in kept.items()}
    whole = sum(gains.values())
    assert sizing.tenor_centroid == pytest.approx(
        sum(kept[leg].unit.days * gain for leg, gain in gains.items()) / whole
    )


@pytest.mark.parametrize("earned", [0.0, 0.50, 5.0, -1.0], ids=["none", "a part", "more than half", "a loss"])
def test_what_a_held_financing_spread_has_earned_counts_in_the_cost_so_far(earned: float) -> None:
    spread = FinancingSpread(short_call=6300.0, long_call=6350.0, quantity=2, credit=9.0, days=35, earned=earned)
    held = tuple(replace(leg, entry_price=2.50) for leg in held_after(size(VECTOR_A)) if leg.unit.leg == "L1")
    gross = size(replace(VECTOR_A, held=held)).cost_to_date
    sizing = size(replace(VECTOR_A, held=held, financing=(spread,)))
    assert gross > 0.0
    expected = gross - min(200 * earned, gross / 2)
    assert sizing.cost_to_date == pytest.approx(expected)
    assert sizing.cap == pytest.approx(1616.0 - expected)


def test_a_split_scope_tells_the_same_cost_so_far() -> None:
    held = tuple(replace(leg, entry_price=2.50) for leg in held_after(size(VECTOR_A)) if leg.unit.leg == "L1")
    strict = size(replace(VECTOR_A, held=held))
    split = size(replace(VECTOR_A, held=held, parameters=replace(VECTOR_A.parameters, scope="split")))
    assert split.cost_to_date == pytest.approx(strict.cost_to_date)
    assert split.cap == pytest.approx(1616.0 - split.cost_to_date)


def test_a_condor_that_the_smile_gives_an_impossible_worth_is_named() -> None:
    crisis = replace(MARKET, spx_smile=spx_model_smile(74.0), curve=replace(CURVE, vix=74.0))
    far = replace(CONDOR, long_put=4450.0, short_put=4500.0, short_call=7200.0, long_call=7250.0)
    (note,) = (note for note in size(replace(VECTOR_A, market=crisis, condors=(far,))).notes if "smile" in note)
    assert note.startswith("smile_unsound: -")
    assert note.endswith("points for a condor 50 wide with 35 days to go")
    assert not [note for note in size(VECTOR_A).notes if "smile" in note]
