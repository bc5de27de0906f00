"""Purchases beside lots that no order may touch: taken back until cost, premium, offset and delta fit again."""

from dataclasses import replace

import pytest

from alvh.core.hedge.book import HedgeLeg
from alvh.core.hedge.sizing import Sizing, size
from core.hedge.worked_example import L1, L3A, VECTOR_A, held_after


def bought(sizing: Sizing) -> int:
    return sum(max(row.change, 0) for row in sizing.legs)


@pytest.mark.parametrize("count", [5, 8, 12, 40])
def test_a_lot_that_cannot_be_sold_leaves_less_room_to_buy(count: int) -> None:
    stuck = HedgeLeg(unit=L1, quantity=count, is_tradable=False)
    sizing = size(replace(VECTOR_A, held=(stuck,), cost_to_date_usd=0.0))
    assert [row.change for row in sizing.legs if row.held] == [0]
    assert sizing.cost <= max(sizing.cap, count * 170.0) + 1e-9
    if sizing.cost > sizing.cap:
        assert bought(sizing) == 0


def test_without_such_lots_nothing_changes() -> None:
    first = size(VECTOR_A)
    assert first.contracts == {"L1": 6, "L3a": 6, "L3b": 3}
    assert size(replace(VECTOR_A, held=held_after(first))).is_hold


def test_a_stuck_structural_leg_is_not_bought_a_second_time() -> None:
    stuck = HedgeLeg(unit=L3A, quantity=6, is_tradable=False)
    sizing = size(replace(VECTOR_A, held=(stuck,), cost_to_date_usd=0.0))
    assert sum(row.target for row in sizing.legs if row.leg == "L3a") == 6
    assert sizing.cost <= sizing.cap + 1e-9
