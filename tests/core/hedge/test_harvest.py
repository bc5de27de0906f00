"""Rolling, harvesting and stopping: the worked ROLL_UP, each rule at its edge, and what a harvest may spend."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.chain import ChainSlice, ChainTerms
from alvh.core.hedge.harvest import (
    Circumstances,
    HarvestPlan,
    HeldLeg,
    due,
    plan_harvest,
    rearmed,
    roll_up,
    rolls_up,
)
from alvh.core.hedge.model_chain import CurveNode, model_vix_chain
from alvh.core.hedge.surface import VixSurface

SESSION = date(2026, 5, 18)
FLAT = VixSurface(s30=0.88, decay=0.0, upside=0.0)


def slices(forward: float, *days: int) -> tuple[ChainSlice, ...]:
    nodes = [CurveNode(expiry=SESSION + timedelta(days=dte), settle=forward) for dte in days]
    return model_vix_chain(nodes, FLAT, ChainTerms.of(SESSION, 27.2)).slices


def test_worked_roll_up() -> None:
    forward = 18.60 * (27.2 / 17.2) ** 0.43
    assert forward == pytest.approx(22.6517, abs=5e-5)
    (part,) = slices(forward, 30)
    at = part.calls.index_of(19.0)
    assert at is not None
    assert float(part.calls.mid[at]) == pytest.approx(4.3850, abs=5e-5)
    assert float(part.calls.delta[at]) == pytest.approx(0.7920, abs=5e-5)
    assert float(part.calls.mid[at]) / 1.75 - 1 == pytest.approx(1.506, abs=5e-4)
    beyond = part.calls.index_of(24.0)
    assert beyond is not None
    assert float(part.calls.delta[beyond]) == pytest.approx(0.4574, abs=5e-5)
    roll = roll_up(19.0, part, (part,), quoted=False)
    assert roll is not None
    assert (roll.expiry, roll.strike, round(roll.delta, 4)) == (part.expiry, 23.0, 0.5244)
    assert (roll.sold_at, roll.bought_at) == pytest.approx((4.3850 - 0.05, 2.1140 + 0.05), abs=5e-5)
    assert round(roll.credit, 4) == 2.1710


def test_roll_up_at_quotes_pays_the_touch() -> None:
    (part,) = slices(22.6517, 30)
    roll = roll_up(19.0, part, (part,), quoted=True)
    assert roll is not None
    assert roll.credit == pytest.approx(4.35 - 2.15)


def test_roll_up_needs_a_higher_strike_and_its_own_quote() -> None:
    (part,) = slices(18.6, 30)
    assert roll_up(19.0, part, (part,), quoted=False) is None
    assert roll_up(18.9, part, (part,), quoted=False) is None
    (deep,) = slices(22.6517, 30)
    assert roll_up(19.0, deep, (), quoted=False) is None


def test_a_lot_is_harvested_once_and_arms_again() -> None:
    assert rearmed(armed=True, multiple=2.5) == (True, False)
    assert rearmed(armed=False, multiple=3.0) == (False, False)
    assert rearmed(armed=False, multiple=2.0) == (False, False)
    assert rearmed(armed=False, multiple=1.99) == (False, True)


QUIET = Circumstances()


@pytest.mark.parametrize(
    ("held", "now", "action"),
    [
        (HeldLeg(leg="L1", dte=11), QUIET, None),
        (HeldLeg(leg="L1", dte=10), QUIET, "ROLL"),
        (HeldLeg(leg="L1b", dte=10), QUIET, "ROLL"),
        (HeldLeg(leg="L1", dte=20, extrinsic_share=0.5), QUIET, "ROLL"),
        (HeldLeg(leg="L1", dte=20, extrinsic_share=0.5), Circumstances(trigger_active=True), None),
        (HeldLeg(leg="L1", dte=10), Circumstances(release_pending=True), None),
        (HeldLeg(leg="L1", dte=20, extrinsic_share=0.5), Circumstances(release_pending=True), None),
        (HeldLeg(leg="L1", dte=20, multiple=2.5), QUIET, "HARVEST"),
        (HeldLeg(leg="L1", dte=20, multiple=2.49), QUIET, None),
        (HeldLeg(leg="L1", dte=20, delta=0.75), QUIET, "HARVEST"),
        (HeldLeg(leg="L1", dte=20, delta=0.75), Circumstances(hot=True), "ROLL_UP"),
        (HeldLeg(leg="L1", dte=20, delta=0.75), Circumstances(capture=1.5, small_caps_lag=True), "ROLL_UP"),
        (HeldLeg(leg="L1", dte=20, delta=0.74), Circumstances(hot=True), None),
        (HeldLeg(leg="L1", dte=20, delta=0.75), Circumstances(hot=True, release_pending=True), "HARVEST"),
        (HeldLeg(leg="L1b", dte=20, delta=0.75), Circumstances(hot=True), "HARVEST"),
        (HeldLeg(leg="L2", dte=8), QUIET, None),
        (HeldLeg(leg="L2", dte=7), QUIET, "ROLL"),
        (HeldLeg(leg="L2", dte=20, gain=-1.0), QUIET, "CLOSE"),
        (HeldLeg(leg="L2", dte=20, gain=-0.99), QUIET, None),
        (HeldLeg(leg="L2", dte=20, spread=1.5, gain=2.3), QUIET, "CLOSE"),
        (HeldLeg(leg="L2", dte=20, spread=2.0, gain=-0.02), QUIET, None),  # bought there a moment ago
        (HeldLeg(leg="L2", dte=20), Circumstances(vix_cross_down=True), "CLOSE"),
        (HeldLeg(leg="L2", dte=20), Circumstances(daily_roll=0.11), "CLOSE"),
        (HeldLeg(leg="L2", dte=20), Circumstances(daily_roll=0.11, vol_trigger=True), None),
        (HeldLeg(leg="L2", dte=20), Circumstances(daily_roll=0.10), None),
        (HeldLeg(leg="L3a", dte=61), QUIET, None),
        (HeldLeg(leg="L3a", dte=60), QUIET, "ROLL"),
        (HeldLeg(leg="L3b", dte=131), QUIET, None),
        (HeldLeg(leg="L3b", dte=130), QUIET, "AGE"),
        (HeldLeg(leg="FIN", dte=20, multiple=0.6, delta=0.3), Circumstances(confirmed=True), None),
        (HeldLeg(leg="FIN", dte=20, multiple=0.5), Circumstances(confirmed=True), "CLOSE"),
        (HeldLeg(leg="FIN", dte=20, delta=0.35), Circumstances(confirmed=True), "CLOSE"),
        (HeldLeg(leg="FIN", dte=20), QUIET, "CLOSE"),
    ],
)
def test_rules_of_each_leg(held: HeldLeg, now: Circumstances, action: str | None) -> None:
    found = due(held, now)
    assert (None if found is None else found.action) == action


def test_capture_alone_does_not_roll_up() -> None:
    assert not rolls_up(Circumstances(capture=2.0))
    assert not rolls_up(Circumstances(capture=1.49, small_caps_lag=True))


def test_harvest_sells_half_repays_and_reinvests_half_of_the_rest() -> None:
    held = {"L1": 6, "L1b": 5, "L2": 4, "L3a": 6, "L3b": 3}
    assert plan_harvest(held, spread=1.5) == {"L1": 3, "L1b": 2, "L2": 4}
    plan = HarvestPlan.shared(1_200.0 + 400.0 + 600.0, cost_to_date=1_000.0)
    assert (plan.repays, plan.reinvest) == (1_000.0, pytest.approx(600.0))


def test_harvest_keeps_a_calendar_below_its_profit_and_sells_one_of_one() -> None:
    assert plan_harvest({"L1": 1, "L2": 4, "L3a": 2}, spread=1.49) == {"L1": 1}
    plan = HarvestPlan.shared(400.0, cost_to_date=500.0)
    assert (plan.repays, plan.reinvest) == (400.0, 0.0)


@given(
    st.dictionaries(st.sampled_from(["L1", "L1b", "L2", "L3a", "L3b"]), st.integers(0, 50)),
    st.one_of(st.none(), st.floats(-5, 5)),
    st.floats(-1_000, 10_000),
    st.floats(0, 10_000),
)
def test_never_sells_more_than_held_and_never_doubles(
    held: dict[str, int], spread: float | None, proceeds: float, cost: float
) -> None:
    sell = plan_harvest(held, spread=spread)
    assert all(0 < count <= held[leg] for leg, count in sell.items())
    assert not {"L3a", "L3b"} & set(sell)
    plan = HarvestPlan.shared(proceeds, cost_to_date=cost)
    assert plan.repays + plan.reinvest <= max(proceeds, 0.0) + 1e-9


@pytest.mark.parametrize(("leg", "dte", "due_now"), [
    ("L1", 8, None), ("L1", 7, ("ROLL", "dte<=7")), ("L1b", 7, ("ROLL", "dte<=7")), ("L3a", 60, None),
    ("L3a", 7, ("ROLL", "dte<=7")), ("L3b", 131, None), ("L3b", 130, ("AGE", "dte<=130")),
])  # fmt: skip
def test_a_future_in_place_of_calls_rolls_by_its_own_time(leg: str, dte: int, due_now: tuple[str, str] | None) -> None:
    # Neither its delta of one nor what it has multiplied to is a rule of a future's.
    held = HeldLeg(leg=leg, dte=dte, delta=1.0, multiple=3.0, extrinsic_share=0.0, stand_in="future")
    found = due(held, Circumstances())
    assert (None if found is None else (found.action, found.rule)) == due_now


def test_shares_in_place_of_calls_roll_after_as_long_as_a_future_is_held() -> None:
    for leg in ("L1", "L3a", "L3b"):
        young = HeldLeg(leg=leg, dte=30, stand_in="share", held_days=22)
        assert due(young, Circumstances()) is None
        found = due(replace(young, held_days=23), Circumstances())
        assert found is not None
        assert (found.action, found.rule) == ("ROLL", "held>=23 days")


def test_nothing_of_l1_is_rolled_before_a_release_of_the_day() -> None:
    before = Circumstances(release_pending=True)
    for stand_in, days in (("future", 0), ("share", 30)):
        assert due(HeldLeg(leg="L1", dte=5, stand_in=stand_in, held_days=days), before) is None
        assert due(HeldLeg(leg="L3a", dte=5, stand_in=stand_in, held_days=days), before) is not None
