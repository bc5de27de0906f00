"""Parity edges and the forward-volatility bound against the numbers of methodology 5."""

import pytest

from alvh.core.hedge.parity import ParityEdge, TwoSided, forward_bound, parity_edge, parity_fees, prefer_synthetic

DISCOUNT = 0.9965539
PUT = TwoSided(bid=2.00, ask=2.10)


def test_fair_example() -> None:
    edge = parity_edge(
        call=TwoSided(bid=1.65, ask=1.75), put=PUT, future=TwoSided(bid=18.55, ask=18.65), strike=19.0,
        discount=DISCOUNT, fees=0.0,
    )  # fmt: skip
    assert (round(edge.conversion, 4), round(edge.reversal, 4)) == (-0.1012, -0.1984)
    assert edge.flag == "none"


def test_mispriced_example() -> None:
    edge = parity_edge(
        call=TwoSided(bid=1.90, ask=2.00), put=PUT, future=TwoSided(bid=18.55, ask=18.60), strike=19.0,
        discount=DISCOUNT, fees=parity_fees(),
    )  # fmt: skip
    assert (round(edge.conversion, 4), round(edge.reversal, 4)) == (0.1986, -0.4484)
    assert edge.conversion_net == pytest.approx(0.1986 - 0.03, abs=1e-4)
    assert edge.flag == "conversion"
    assert prefer_synthetic(edge)


def test_reversal_is_flagged_and_fees_can_eat_the_edge() -> None:
    def edge(fees: float) -> ParityEdge:
        return parity_edge(
            call=TwoSided(bid=1.20, ask=1.30), put=PUT, future=TwoSided(bid=18.55, ask=18.65), strike=19.0,
            discount=DISCOUNT, fees=fees,
        )  # fmt: skip

    assert edge(0.03).flag == "reversal"
    assert not prefer_synthetic(edge(0.03))
    assert edge(0.26).flag == "none"


def test_an_edge_below_a_tick_is_none() -> None:
    flat = TwoSided(bid=2.0, ask=2.0)
    edge = parity_edge(
        call=TwoSided(bid=2.009, ask=2.1), put=flat, future=TwoSided(bid=19.0, ask=19.0), strike=19.0, discount=1.0,
        fees=0.0,
    )  # fmt: skip
    assert edge.flag == "none"


def test_fees_of_a_package() -> None:
    assert parity_fees(1.0) == pytest.approx(0.03)
    assert parity_fees(1.0, options_per_future=10.0) == pytest.approx(0.021)


def test_forward_bound_example() -> None:
    found = forward_bound(future=18.60, vol_near=17.2, days_near=30, vol_far=18.9, days_far=60)
    assert found.bound == pytest.approx(20.459, abs=5e-4)
    assert found.flag == "inside"


@pytest.mark.parametrize(("future", "flag"), [(20.7, "rich"), (20.5, "inside"), (16.4, "cheap"), (16.5, "inside")])
def test_rich_and_cheap(future: float, flag: str) -> None:
    assert forward_bound(future=future, vol_near=17.2, days_near=30, vol_far=18.9, days_far=60).flag == flag


def test_costs_move_the_rich_line_and_impossible_variances_have_no_bound() -> None:
    assert (
        forward_bound(future=20.7, vol_near=17.2, days_near=30, vol_far=18.9, days_far=60, costs=0.2).flag == "inside"
    )
    assert forward_bound(future=20.0, vol_near=30.0, days_near=30, vol_far=15.0, days_far=60).flag == "no_bound"
    assert forward_bound(future=20.0, vol_near=17.0, days_near=30, vol_far=18.0, days_far=30).bound is None
