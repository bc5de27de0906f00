"""Option values and Greeks against published numbers and QuantLib; implied volatility there and back."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from alvh.core.hedge.pricing import (
    Floats,
    american_put_binomial,
    black76,
    black76_greeks,
    bsm,
    bsm_greeks,
    implied_vol_black76,
    implied_vol_bsm,
    normal_cdf,
)
from oracles.exact_options import exact

# Right, strike, spot, q, r, T, sigma, value: methodology 9.1 (Haug 1998, QuantLib's test suite).
HAUG = [
    ("C", 65, 60, 0.0, 0.08, 0.25, 0.30, 2.1334),
    ("P", 95, 100, 0.05, 0.10, 0.5, 0.20, 2.4648),
    ("C", 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    ("P", 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    ("C", 1.60, 1.56, 0.08, 0.06, 0.5, 0.12, 0.0291),
    ("P", 70, 75, 0.05, 0.10, 0.5, 0.35, 4.0870),
    ("C", 100, 90, 0.10, 0.10, 0.5, 0.25, 2.7026),
    ("C", 100, 100, 0.10, 0.10, 0.5, 0.25, 6.6997),
    ("C", 100, 110, 0.10, 0.10, 0.5, 0.25, 12.7857),
    ("P", 100, 110, 0.10, 0.10, 0.1, 0.35, 1.2376),
    ("C", 40, 42, 0.08, 0.04, 0.75, 0.35, 5.0975),
    ("C", 40, 42, 0.0, 0.10, 0.5, 0.20, 4.7594),
    ("P", 40, 42, 0.0, 0.10, 0.5, 0.20, 0.8086),
    ("C", 900, 930, 0.03, 0.08, 2 / 12, 0.20, 51.833),
]


@pytest.mark.parametrize(("right", "strike", "spot", "q", "r", "years", "vol", "value"), HAUG)
def test_published_values(
    right: str, strike: float, spot: float, q: float, r: float, years: float, vol: float, value: float
) -> None:
    assert bsm(spot, strike, years, vol, r, q, right == "C") == pytest.approx(value, abs=1e-4 if value < 50 else 1e-3)


def test_black_76_at_the_money_equals_the_published_futures_option() -> None:
    assert black76(19, 19, 0.75, 0.28, 0.10, [True, False]) == pytest.approx(1.7011, abs=1e-4)
    assert black76(20, 20, 4 / 12, 0.25, 0.09, False) == pytest.approx(1.1166, abs=1e-4)


def test_published_greeks() -> None:
    delta = bsm_greeks(105, 100, 0.5, 0.36, 0.10, 0.10, [True, False]).delta
    assert delta == pytest.approx([0.5946, -0.3566], abs=1e-4)
    middle = bsm_greeks(55, 60, 0.75, 0.30, 0.10, 0.0, True)
    assert (middle.gamma, middle.vega) == (pytest.approx(0.0278, abs=1e-4), pytest.approx(18.9358, abs=1e-4))
    decay = bsm_greeks(430, 405, 1 / 12, 0.20, 0.07, 0.05, False)
    assert decay.theta == pytest.approx(-31.1924, abs=1e-4)
    assert decay.theta_day == pytest.approx(-0.0855, abs=1e-4)
    assert middle.vega_point == pytest.approx(0.189358, abs=1e-6)


Grid = dict[str, NDArray[np.float64]]


def contracts(count: int, deviations: float = 9.0) -> Grid:
    """Random contracts of the kinds this service prices: indices, volatility futures, shares; days to two years."""
    rng = np.random.default_rng(20260511)
    forward = np.exp(rng.uniform(np.log(8.0), np.log(8000.0), count))
    years = rng.uniform(1.0, 730.0, count) / 365.0
    vol = rng.uniform(0.05, 1.6, count)
    return {
        "forward": forward,
        "years": years,
        "vol": vol,
        "strike": forward * np.exp(vol * np.sqrt(years) * rng.uniform(-deviations, deviations, count)),
        "rate": rng.uniform(-0.01, 0.08, count),
        "call": rng.integers(0, 2, count),
    }


DIVIDEND = 0.013
GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho")


def by_quantlib(grid: Grid) -> dict[str, Floats]:
    """Return what QuantLib says of each contract on a spot; its five Greeks and the value, in our units."""
    rows = np.empty((len(grid["call"]), len(GREEKS)))
    columns = (grid[name].tolist() for name in ("forward", "strike", "years", "vol", "rate", "call"))
    for row, (spot, strike, years, vol, rate, call) in enumerate(zip(*columns, strict=True)):
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
        growth = math.exp((rate - DIVIDEND) * years)
        theirs = ql.BlackCalculator(payoff, spot * growth, vol * math.sqrt(years), math.exp(-rate * years))
        rows[row] = (theirs.value(), theirs.delta(spot), theirs.gamma(spot), theirs.vega(years),
                     theirs.theta(spot, years), theirs.rho(years))  # fmt: skip
    return dict(zip(GREEKS, rows.T, strict=True))


def disagreements(grid: Grid, ours: dict[str, Floats], theirs: dict[str, Floats]) -> NDArray[np.intp]:
    """Return the rows worth more than 1e-6 on which a value or Greek differs by 1e-9 of itself or more."""
    # Theta is a sum of opposite terms and crosses zero: it is held against the largest of them.
    spot, strike = grid["forward"], grid["strike"]
    carry = np.abs(grid["rate"]) * strike + DIVIDEND * spot
    scale = {name: np.abs(theirs[name]) for name in GREEKS}
    scale["theta"] = np.maximum(scale["theta"], carry * np.abs(theirs["delta"]))
    differ = np.zeros(spot.size, dtype=np.bool_)
    for name in GREEKS:
        differ |= np.abs(ours[name] - theirs[name]) > 1e-9 * scale[name]
    return np.flatnonzero(differ & (ours["price"] > 1e-6))


def ours_and_theirs(count: int) -> tuple[Grid, dict[str, Floats], dict[str, Floats]]:
    grid = contracts(count)
    call = grid["call"] == 1
    made = bsm_greeks(grid["forward"], grid["strike"], grid["years"], grid["vol"], grid["rate"], DIVIDEND, call)
    return grid, {name: getattr(made, name) for name in GREEKS}, by_quantlib(grid)


def assert_exact(grid: Grid, ours: dict[str, Floats], rows: NDArray[np.intp]) -> None:
    for row in rows.tolist():
        spot, strike, years, vol, rate = (
            float(grid[name][row]) for name in ("forward", "strike", "years", "vol", "rate")
        )
        true = exact(spot, strike, years, vol, rate, DIVIDEND, bool(grid["call"][row]))
        terms = abs(true.theta) + (abs(rate) * strike + DIVIDEND * spot) * abs(true.delta)
        for name in GREEKS:
            scale = terms if name == "theta" else abs(getattr(true, name))
            assert abs(float(ours[name][row]) - getattr(true, name)) <= 1e-11 * scale, (name, row)


def test_100_000_contracts_and_their_greeks_equal_quantlib() -> None:
    """Both agree to nine digits; where they do not, forty digits say who is right.

    QuantLib's normal distribution is off by up to 6e-6 of its value in the far tail (1.44), so that it is a few per
    cent of these contracts, all of them four deviations and more from the money.
    """
    grid, ours, theirs = ours_and_theirs(100_000)
    doubtful = disagreements(grid, ours, theirs)
    assert (ours["price"] > 1e-6).mean() > 0.75
    assert doubtful.size < 0.06 * 100_000
    total = grid["vol"] * np.sqrt(grid["years"])
    distance = np.abs(np.log(grid["forward"] / grid["strike"]))[doubtful] / total[doubtful]
    assert distance.min() > 3.0
    assert_exact(grid, ours, doubtful[:: max(1, doubtful.size // 250)])


@pytest.mark.long
def test_every_doubtful_contract_is_exact() -> None:
    grid, ours, theirs = ours_and_theirs(100_000)
    assert_exact(grid, ours, disagreements(grid, ours, theirs))


def test_ours_are_exact_whatever_others_say() -> None:
    grid = contracts(400)
    made = bsm_greeks(
        grid["forward"], grid["strike"], grid["years"], grid["vol"], grid["rate"], DIVIDEND, grid["call"] == 1
    )
    ours = {name: np.asarray(getattr(made, name)) for name in GREEKS}
    assert_exact(grid, ours, np.flatnonzero(ours["price"] > 1e-6))


def test_black_76_is_the_same_with_the_future_as_a_spot_that_pays_the_rate() -> None:
    grid = contracts(100_000)
    call = grid["call"] == 1
    future = black76(grid["forward"], grid["strike"], grid["years"], grid["vol"], grid["rate"], call)
    spot = bsm(grid["forward"], grid["strike"], grid["years"], grid["vol"], grid["rate"], grid["rate"], call)
    priced = future > 1e-6
    assert np.abs(spot[priced] / future[priced] - 1.0).max() < 1e-12


def test_black_76_greeks_are_the_slopes_of_its_prices() -> None:
    forward, strike, years, vol, rate = np.array([18.6, 21.2]), np.array([19.0, 23.0]), 0.3, 0.7, 0.04
    greeks = black76_greeks(forward, strike, years, vol, rate, True)
    step = 1e-5

    def value(df: float = 0.0, dv: float = 0.0, dt: float = 0.0, dr: float = 0.0) -> NDArray[np.float64]:
        return black76(forward + df, strike, years + dt, vol + dv, rate + dr, True)

    assert greeks.delta == pytest.approx((value(df=step) - value(df=-step)) / (2 * step), rel=1e-6)
    assert greeks.vega == pytest.approx((value(dv=step) - value(dv=-step)) / (2 * step), rel=1e-6)
    assert greeks.theta == pytest.approx((value(dt=-step) - value(dt=step)) / (2 * step), rel=1e-6)
    assert greeks.rho == pytest.approx((value(dr=step) - value(dr=-step)) / (2 * step), rel=1e-6)


def test_normal_tail_keeps_its_digits() -> None:
    # Mills' continued fraction at x = 10: 1 / (x + 1 / (x + 2 / (x + 3 / ...))).
    tail = 0.0
    for term in range(60, 0, -1):
        tail = term / (10.0 + tail)
    exact = math.exp(-50.0) / math.sqrt(2.0 * math.pi) / (10.0 + tail)
    assert normal_cdf(-10.0) == pytest.approx(exact, rel=1e-13)


def test_deep_in_the_money_parity_holds_to_the_last_digits() -> None:
    call, put = (black76(6000.0, 4000.0, 35 / 365, 0.15, 0.042, side) for side in (True, False))
    assert float(call - put) == pytest.approx(2000.0 * math.exp(-0.042 * 35 / 365), rel=1e-15)
    assert float(put) > 0.0


@pytest.mark.parametrize("years", [0.0, -0.1])
def test_without_time_an_option_is_worth_its_intrinsic_value(years: float) -> None:
    values = black76([10.0, 20.0, 15.0], [20.0, 10.0, 15.0], max(years, 0.0), 0.5, 0.05, True)
    assert values.tolist() == [0.0, 10.0, 0.0]
    greeks = black76_greeks([10.0, 20.0], [20.0, 10.0], 0.0, 0.5, 0.05, True)
    assert greeks.delta.tolist() == [0.0, 1.0]
    assert greeks.gamma.tolist() == greeks.vega.tolist() == [0.0, 0.0]


def test_implied_volatility_goes_there_and_back() -> None:
    grid = contracts(50_000, deviations=4.0)
    out_of_the_money = grid["strike"] >= grid["forward"]
    prices = black76(grid["forward"], grid["strike"], grid["years"], grid["vol"], grid["rate"], out_of_the_money)
    found = implied_vol_black76(prices, grid["forward"], grid["strike"], grid["years"], grid["rate"], out_of_the_money)
    assert np.abs(found - grid["vol"]).max() < 1e-9


@given(
    st.floats(0.03, 3.0),
    st.floats(-3.0, 3.0),
    st.integers(1, 800),
    st.booleans(),
)
def test_implied_volatility_reprices(vol: float, deviations: float, days: int, is_call: bool) -> None:
    spot, years = 4321.0, days / 365.0
    strike = spot * math.exp(deviations * vol * math.sqrt(years))
    price = bsm(spot, strike, years, vol, 0.04, 0.015, is_call)
    found = implied_vol_bsm(price, spot, strike, years, 0.04, 0.015, is_call)
    if np.isfinite(found):
        assert bsm(spot, strike, years, found, 0.04, 0.015, is_call) == pytest.approx(float(price), rel=1e-9)
    else:  # no time value is left in the digits of the price
        assert price - bsm(spot, strike, years, 0.0, 0.04, 0.015, is_call) <= 1e-14 * price


def test_no_volatility_explains_an_impossible_price() -> None:
    prices = [0.0, -1.0, 10.0, 101.0, 1.0]
    years = [0.5, 0.5, 0.5, 0.5, 0.0]
    strikes = [100.0, 100.0, 80.0, 100.0, 100.0]  # 10.00 is below the intrinsic value of the 80 call
    assert np.isnan(implied_vol_black76(prices, 100.0, strikes, years, 0.0, True)).all()


def test_american_put_by_the_tree() -> None:
    assert american_put_binomial(223.2, 212.0, 35 / 365, 0.25665, 0.042, 0.012) == pytest.approx(2.5465, abs=2e-3)
    # Without rates an American put is a European one; the tree's error at 400 steps is of the order 1/steps.
    european = float(bsm(100.0, 95.0, 0.5, 0.3, 0.0, 0.0, False))
    assert american_put_binomial(100.0, 95.0, 0.5, 0.3, 0.0, 0.0) == pytest.approx(european, rel=2e-3)
