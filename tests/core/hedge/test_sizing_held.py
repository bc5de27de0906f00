"""A sizing of a hedge that is held already: its returns, carry and centre count its entry (methodology 4.4, 4.9)."""

from dataclasses import replace

import pytest

from alvh.core.hedge.sizing import size
from core.hedge.worked_example import CONDOR, VECTOR_A, held_after


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
