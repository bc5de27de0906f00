"""Returns, drag, theta window, break-even distance and vega ladder give the worked numbers of methodology 4.10."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.signals.position import (
    TERMS,
    CondorTerms,
    Density,
    condor_return,
    distance_to_break_even,
    expected_profit,
    internal_rate,
    position_signal,
    rate_drag,
    second_engine,
    theta_window,
    vega_of_first_three,
)

CONDOR = CondorTerms(credit=10.10, width=50.0, dte=35.0, strikes=(5600.0, 5650.0, 6275.0, 6325.0))


def test_returns_of_the_worked_condor() -> None:
    found = condor_return(CONDOR)
    assert found.period == pytest.approx(0.2531, abs=5e-5)
    assert found.simple == pytest.approx(2.6398, abs=5e-5)
    assert found.compound == pytest.approx(9.5189, abs=5e-5)
    assert found.expected is None
    assert found.neutral is None


def test_drag_of_the_worked_hedge() -> None:
    after, drag = rate_drag(CONDOR, 1586.08 / 400)
    assert after == pytest.approx(1.4585, abs=5e-5)
    assert drag == pytest.approx(1.1813, abs=5e-5)


@pytest.mark.parametrize(
    ("flows", "expected"),
    [([(0, -3990), (10, 404), (35, 3990)], 1.94209), ([(0, -3990), (14, 4495)], 21.355)],
)
def test_general_internal_rate(flows: list[tuple[float, float]], expected: float) -> None:
    assert internal_rate(flows) == pytest.approx(expected, rel=5e-5)


@given(st.floats(-0.99, 50.0), st.integers(1, 400), st.floats(1.0, 1e5))
def test_internal_rate_finds_the_rate_that_made_the_flows(rate: float, days: int, outlay: float) -> None:
    flows = [(0.0, -outlay), (float(days), outlay * (1 + rate) ** (days / 365))]
    assert internal_rate(flows) == pytest.approx(rate, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("flows", [[(0, 100), (30, 100)], [(0, -100)], [], [(0, -5), (30, 0)]])
def test_flows_without_a_rate_have_none(flows: list[tuple[float, float]]) -> None:
    assert internal_rate(flows) is None


def test_expected_profit_equals_the_integral_over_the_density() -> None:
    density = Density(forward=6016.0, volatility=0.12)
    deviation = density.volatility * np.sqrt(35 / 365)
    z = np.linspace(-9, 9, 200_001)
    spot = density.forward * np.exp(z * deviation - deviation**2 / 2)
    payoff = 10.10 - np.clip(5650 - spot, 0, 50) - np.clip(spot - 6275, 0, 50)
    integral = np.trapezoid(payoff * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), z)
    assert expected_profit(CONDOR, density) == pytest.approx(integral, abs=1e-6)
    calm = condor_return(CONDOR, realised=Density(forward=6016.0, volatility=0.08), implied=density)
    assert calm.expected is not None
    assert calm.neutral is not None
    assert calm.expected > calm.neutral
    assert expected_profit(CONDOR, Density(forward=6016.0, volatility=0.0)) == pytest.approx(10.10)


def test_second_engine_compares_strictly_and_is_off_where_unknown() -> None:
    assert second_engine(0.09, 0.042, 0.05)
    assert not second_engine(0.042 + 0.05, 0.042, 0.05)
    assert not second_engine(None, 0.042, 0.05)


def test_theta_of_the_worked_condor_is_not_yet_in_the_window() -> None:
    worked = {"value": 10.2531, "extrinsic": 10.2531, "theta_day": 0.29256, "dte": 35.0}
    found = theta_window(**worked, is_premium_at_mean=True, sessions_to_release=None, sessions_since_release=None)
    assert found is not None
    assert found.efficiency == pytest.approx(0.02853, abs=5e-6)
    assert found.acceleration == pytest.approx(0.9987, abs=5e-5)
    assert not found.is_open


@pytest.mark.parametrize(
    ("dte", "premium", "to_next", "since", "expected"),
    [
        (21.0, True, None, None, True),
        (21.0, True, 2, 2, True),
        (21.0, True, 1, 9, False),
        (21.0, True, 9, 1, False),
        (21.0, False, 9, 9, False),
        (22.0, True, 9, 9, False),
    ],
)
def test_theta_window_needs_all_its_words(
    dte: float, premium: bool, to_next: int | None, since: int | None, expected: bool
) -> None:
    found = theta_window(
        value=6.0, extrinsic=6.0, theta_day=6.0 / 21.0, dte=dte, is_premium_at_mean=premium,
        sessions_to_release=to_next, sessions_since_release=since,
    )  # fmt: skip
    assert found is not None
    assert found.is_open == expected


def test_a_worthless_condor_has_no_theta_window() -> None:
    assert (
        theta_window(
            value=0.0, extrinsic=0.0, theta_day=0.0, dte=3.0, is_premium_at_mean=True, sessions_to_release=None,
            sessions_since_release=None,
        )
        is None
    )  # fmt: skip


def test_distance_to_the_nearer_break_even() -> None:
    move = 6000 * 0.011307
    assert distance_to_break_even(6000.0, (5639.90, 6285.10), move) == pytest.approx(285.10 / move)
    assert distance_to_break_even(5600.0, (5639.90, 6285.10), move) < 0


def test_vega_of_the_three_nearest_expiries() -> None:
    total, shares = vega_of_first_three([(212, 30.0), (30, 50.0), (114, 20.0), (30, 10.0), (300, 99.0)])
    assert total == pytest.approx(110.0)
    assert shares == pytest.approx((60 / 110, 20 / 110, 30 / 110))
    assert vega_of_first_three([]) == (0.0, ())


def test_a_signal_of_the_book_is_missing_without_a_value() -> None:
    known = position_signal("S41", 0.8, asof=5, state="defence")
    missing = position_signal("S41", None, asof=5, state="defence")
    assert (known.quality, known.state, known.asof) == ("ok", "defence", 5)
    assert (missing.quality, missing.state, missing.asof) == ("missing", "missing", None)
    assert all(position_signal(name, 1.0, asof=1, state="x").unit for name in TERMS)
