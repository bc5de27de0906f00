"""The solver alone: tilts of every mix, ties and order of the rounding pass, slots with lots of other terms."""

import numpy as np
import pytest

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.mix import L1B_AT, L2_AT, mix_of, tilted
from alvh.core.hedge.phase_targets import MixKind
from alvh.core.hedge.slots import Slots
from alvh.core.hedge.solver import Demand, solve

ALL = np.ones(5, dtype=np.bool_)
CONFIRMED = {"L1": 0.35, "L1b": 0.15, "L2": 0.20, "L3a": 0.20, "L3b": 0.10}
LADDER = {"L1": 4.0, "L3a": 4.0, "L3b": 2.0}


def slots_with(gain: list[float], cost: list[float], high: list[float] | None = None) -> Slots:
    def column(values: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.array(values)[:, None]

    zero = np.zeros((5, 1))
    return Slots(
        start=zero, gain=column(gain), gain_high=column(high or gain), cost=column(cost), refund=zero, premium=zero,
        delta=zero, per_unit=np.ones((5, 1)),
    )  # fmt: skip


def demand_of(loss: float, phi: float, cap: float, ceiling: float = 0.85, floor_loss: float = 0.0) -> Demand:
    return Demand(
        loss=np.array([loss]),
        floor_loss=np.array([floor_loss]),
        phi=np.array([phi]),
        ceiling=np.array([ceiling]),
        floor=0.40,
        cap=np.array([cap]),
        premium_limit=np.array([np.inf]),
        delta_room=np.array([np.inf]),
        held=np.zeros((1, 5, 1)),
        least=np.zeros((1, 5)),
        over_insured=np.array([0.85]),
        most=np.full((1, 5), np.inf),
        halved=np.zeros(5, dtype=np.bool_),
    )


EVEN = slots_with([100.0, 200.0, 400.0, 100.0, 100.0], [100.0] * 5)


def test_tilts_of_confirmed_come_from_the_rest_pro_rata() -> None:
    mix = tilted(mix_of(MixKind.GAIN, CONFIRMED, EVEN), EVEN, ALL)
    l2 = mix.shares[:, L2_AT]
    assert l2[:7] == pytest.approx([0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50])
    assert mix.shares[6] == pytest.approx([0.35 * 5 / 8, 0.15 * 5 / 8, 0.50, 0.20 * 5 / 8, 0.10 * 5 / 8])
    assert mix.shares[-1, L1B_AT] == pytest.approx(0.30)
    assert (mix.shares[6:, L2_AT] == 0.50).all()
    assert mix.shares.sum(axis=1) == pytest.approx(1.0)


def test_tilts_of_staged_raise_the_calendar_from_a_quarter() -> None:
    mix = tilted(mix_of(MixKind.GAIN_AND_CONTRACTS, {"L2": 0.25, **LADDER}, EVEN), EVEN, ALL)
    assert mix.shares[:6, L2_AT] == pytest.approx([0.25, 0.30, 0.35, 0.40, 0.45, 0.50])
    assert mix.ladder[:6] == pytest.approx([0.75, 0.70, 0.65, 0.60, 0.55, 0.50])
    assert mix.shares[-1, L1B_AT] == pytest.approx(0.30)
    assert mix.ladder[-1] == pytest.approx(0.20)


def test_a_leg_that_may_not_be_bought_is_not_tilted_to() -> None:
    mix = mix_of(MixKind.CONTRACTS, LADDER, EVEN)
    without = ALL.copy()
    without[L2_AT] = False
    assert (tilted(mix, EVEN, without).shares[:, L2_AT] == 0.0).all()
    assert tilted(mix, EVEN, np.zeros(5, dtype=np.bool_)).shares.shape == (1, 5)


def test_a_leg_that_covers_less_for_its_cost_is_not_tilted_to() -> None:
    slots = slots_with([100.0, 50.0, 50.0, 100.0, 100.0], [100.0] * 5)
    assert tilted(mix_of(MixKind.CONTRACTS, LADDER, slots), slots, ALL).shares.shape == (1, 5)


def contracts(slots: Slots, demand: Demand, weights: dict[str, float], kind: MixKind = MixKind.GAIN) -> list[int]:
    return solve(slots, mix_of(kind, weights, slots), demand, None).contracts[0].tolist()  # type: ignore[no-any-return]  # numpy types tolist as Any


def test_largest_fraction_is_rounded_up_first() -> None:
    slots = slots_with([100.0] * 5, [10.0] * 5)
    # 2.2, 2.3, 2.5, 0, 0: the gain of seven contracts is enough.
    found = contracts(slots, demand_of(700.0, 1.0, 1e6, ceiling=1.0), {"L1": 2.2 / 7, "L1b": 2.3 / 7, "L2": 2.5 / 7})
    assert found == [2, 2, 3, 0, 0]


def test_equal_fractions_go_to_the_higher_efficiency_and_then_to_the_leg_order() -> None:
    demand = demand_of(500.0, 1.0, 1e6, ceiling=1.0)
    weights = {"L1": 0.5, "L3a": 0.5}  # 2.5 each: one more contract in all
    assert contracts(slots_with([100.0] * 5, [50.0, 50, 50, 40, 50]), demand, weights) == [2, 0, 0, 3, 0]
    assert contracts(slots_with([100.0] * 5, [50.0] * 5), demand, weights) == [3, 0, 0, 2, 0]


def test_a_leg_that_breaks_the_cap_is_skipped_and_the_pass_goes_on() -> None:
    slots = slots_with([100.0] * 5, [100.0, 10.0, 10.0, 10.0, 10.0])
    # 1.6 + 1.4 contracts cost 174; the cap of 175 has no room for a second dear one, but for a cheap one.
    found = contracts(slots, demand_of(300.0, 1.0, 175.0, ceiling=1.0), {"L1": 1.6 / 3, "L3a": 1.4 / 3})
    assert found == [1, 0, 0, 2, 0]


def test_nothing_is_added_above_the_ceiling_but_smaller_legs_still_are() -> None:
    slots = slots_with([100.0, 30.0, 30.0, 30.0, 30.0], [10.0] * 5)
    found = solve(
        slots,
        mix_of(MixKind.GAIN, {"L1": 0.9, "L3a": 0.1}, slots),
        demand_of(1000.0, 0.28, 1e6, ceiling=0.30),
        None,
    )
    # 2.52 L1 and 0.93 L3a: L3a first (230), then L1 would reach 330 of 300.
    assert found.contracts[0].tolist() == [2, 0, 0, 1, 0]
    assert found.ceiling_skipped[0]


def test_a_whole_number_is_not_lost_to_rounding_errors() -> None:
    slots = slots_with([0.1] * 5, [0.01] * 5)
    assert contracts(slots, demand_of(0.3, 1.0, 1e6, ceiling=1.0), {"L1": 1.0}) == [3, 0, 0, 0, 0]


def two_lots() -> Slots:
    """L1: three held lots that gain 50 for 20, then contracts that gain 100 for 60."""
    one = np.array([1.0, 0, 0, 0, 0])[:, None]
    return Slots(
        start=one * np.array([0.0, 3.0]),
        gain=one * np.array([50.0, 100.0]),
        gain_high=one * np.array([60.0, 120.0]),
        cost=one * np.array([20.0, 60.0]),
        refund=np.zeros((5, 2)),
        premium=np.zeros((5, 2)),
        delta=np.zeros((5, 2)),
        per_unit=np.ones((5, 2)),
    )


@pytest.mark.parametrize(("target", "wanted"), [(100.0, 2.0), (150.0, 3.0), (350.0, 5.0)])
def test_lots_are_filled_before_new_contracts_are_bought(target: float, wanted: float) -> None:
    slots = two_lots()
    for kind, weights in ((MixKind.GAIN, {"L1": 1.0}), (MixKind.CONTRACTS, {"L1": 4.0})):
        demand = demand_of(target, 1.0, 1e6, ceiling=1.0)
        held = np.zeros((1, 5, 2))
        held[0, 0, 0] = 3.0
        demand = Demand(**{**{name: getattr(demand, name) for name in Demand.__slots__}, "held": held})
        found = solve(slots, mix_of(kind, weights, slots), demand, None)
        assert found.real[0, 0] == pytest.approx(wanted)
        assert found.contracts[0, 0] == int(wanted)


def test_the_cap_scales_along_the_segments() -> None:
    slots, held = two_lots(), np.zeros((1, 5, 2))
    held[0, 0, 0] = 3.0
    demand = demand_of(350.0, 1.0, 120.0, ceiling=1.0)
    demand = Demand(**{**{name: getattr(demand, name) for name in Demand.__slots__}, "held": held})
    found = solve(slots, mix_of(MixKind.GAIN, {"L1": 1.0}, slots), demand, None)
    assert found.scaled[0, 0] == pytest.approx(4.0)  # 3 x 20 + 1 x 60
    assert LEGS[0] == "L1"
