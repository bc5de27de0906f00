"""The second program of tests/oracles on its own gives the digits that the methodology prints (4.2, 4.10, 5, 6.2)."""

import math
from pathlib import Path

import pytest
import yaml

from oracles.hedge_units import Unit, choose
from oracles.option_formulas import bsm_delta
from oracles.sizing_reference import LADDER, Book
from oracles.sizing_results import baseline, break_evens, break_evens_of_all, deltas
from oracles.small_cap_puts import Put, american, ladder_gain, sensitivities, sides
from oracles.spread_financing import Financing
from oracles.vix_market import Market

EXAMPLES = Path(__file__).parents[2] / "examples"
MARKET = Market(yaml.safe_load((EXAMPLES / "market-vector-a.yaml").read_text()))
BOOK = Book(yaml.safe_load((EXAMPLES / "portfolio-vector-a.yaml").read_text()), MARKET)
(CONDOR,) = BOOK.condors
UNITS = choose(MARKET)
HEDGE = [(UNITS["L1"], 6), (UNITS["L3a"], 6), (UNITS["L3b"], 3)]

LOSSES = {
    3: (-1.9386, 5883.685, 11.2671, 405.60, 3140.50),
    5: (-3.2723, 5803.662, 13.5913, 1335.28, 5301.13),
    6: (-3.9392, 5763.650, 15.1179, 1945.90, 6381.44),
    7: (-4.6060, 5723.639, 16.8217, 2627.41, 7461.76),
    10: (-6.6066, 5603.604, 22.5474, 4917.71, 10702.70),
    20: (-13.2752, 5203.487, 39.1637, 11564.23, 21505.84),
}
LEGS = {
    "L1": (76.53, 96.28, 115.88, 173.27, 340.13, 152.00, 0.633, -13.775),
    "L1b": (18.91, 26.72, 34.97, 62.23, 175.33, 36.00, 0.742, -3.760),
    "L2": (52.41, 63.31, 74.10, 105.76, 204.94, 67.33, 0.940, -8.515),
    "L3a": (47.70, 59.14, 70.40, 103.20, 203.23, 84.75, 0.698, -9.163),
    "L3b": (33.20, 41.69, 49.98, 73.72, 143.28, 55.20, 0.755, -7.259),
}
PROFITS = {
    -3: ((-1626, -884, -2511), (-463, -1156, -1619), (1003, -1445, -441), (3869, -1814, 2055)),
    0: ((0, -240, -240), (885, -493, 391), (1903, -788, 1115), (3919, -1489, 2430)),
    3: ((-406, 414, 8), (139, 225, 365), (773, 28, 801), (2867, -356, 2512)),
    6: ((-1946, 1058, -888), (-1733, 963, -770), (-1489, 934, -555), (-134, 1698, 1564)),
    10: ((-4918, 1880, -3038), (-5047, 1926, -3121), (-5222, 2155, -3067), (-5887, 4309, -1577)),
    20: ((-11564, 3690, -7874), (-11835, 4035, -7800), (-12150, 4710, -7439), (-14142, 6413, -7729)),
}
BREAK_EVENS = {
    "L1": (1.1125, 2.0396, 2.7626, 3.0141),
    "L1b": (2.2742, 5.3641, 7.9029, 8.8978),
    "L2": (0.3450, 1.0894, 1.3207, 1.0948),
    "L3a": (0.9931, 2.1028, 3.2157, 4.3190, 6.5451),
    "L3b": (1.3261, 2.1749, 3.0389, 3.9155, 5.6946),
}


@pytest.mark.parametrize("d", LOSSES)
def test_loss_table(d: int) -> None:
    r, spot, value, loss, small = LOSSES[d]
    moved = MARKET.spx * (1 + MARKET.spx_return(d))
    assert 100 * MARKET.spx_return(d) == pytest.approx(r, abs=5.1e-5)
    assert moved == pytest.approx(spot, abs=5.1e-4)
    assert CONDOR.value(MARKET, moved, d, 0.0) == pytest.approx(value, abs=5.1e-5)
    assert (BOOK.loss(d), BOOK.small_cap_loss(d)) == pytest.approx((loss, small), abs=5.1e-3)


@pytest.mark.parametrize("leg", LEGS)
def test_leg_table(leg: str) -> None:
    unit, (*gains, cost, efficiency, delta) = UNITS[leg], LEGS[leg]
    assert [unit.gain(MARKET, d) for d in (5, 6, 7, 10, 20)] == pytest.approx(gains, abs=5.1e-3)
    assert unit.cost(MARKET, 35) == pytest.approx(cost, abs=5.1e-3)
    assert unit.gain(MARKET, 6) / unit.cost(MARKET, 35) == pytest.approx(efficiency, abs=5.1e-4)
    assert unit.spx_dollars(MARKET) == pytest.approx(delta, abs=5.1e-4)


@pytest.mark.parametrize("d", PROFITS)
def test_profit_and_loss_of_vector_a(d: int) -> None:
    for t, (condor, hedge, both) in zip((0, 7, 14, 28), PROFITS[d], strict=True):
        ours = -BOOK.loss(d, t), sum(n * unit.gain(MARKET, d, t) for unit, n in HEDGE)
        assert (*ours, sum(ours)) == pytest.approx((condor, hedge, both), abs=0.51)


@pytest.mark.parametrize("leg", BREAK_EVENS)
def test_break_even_table(leg: str) -> None:
    for t, worked in zip((0, 7, 14, 21, 35), BREAK_EVENS[leg], strict=False):
        (found,) = break_evens(BOOK, UNITS[leg], t)
        assert found == pytest.approx(worked, abs=5.1e-5)


def test_break_evens_of_hedge_and_book() -> None:
    (sleeve,) = break_evens_of_all(BOOK, HEDGE, 14, with_condors=False)
    assert sleeve == pytest.approx(2.9038, abs=5.1e-5)
    now, later = (break_evens_of_all(BOOK, HEDGE, t, with_condors=True)[-1] for t in (0, 14))
    assert 2 < now < 4 < later < 6


def test_baseline_and_deltas() -> None:
    found = baseline(BOOK, 0.60)
    worked = {"spx_notional": 123219.55, "spx": 0.2054, "xsp": 2.054, "mes": 4.107, "vx_full": 3.6594, "vx_m": 2.1956}
    assert {name: found[name] for name in worked} == pytest.approx(worked, rel=2.5e-4)
    assert baseline(BOOK, 0.85)["vx_m"] == pytest.approx(3.1105, abs=5.1e-5)
    leaning = deltas(BOOK, HEDGE)
    assert leaning == pytest.approx(
        {"d_c": -663.17, "d_h": -159.41, "d_f": 0.0, "d_s": 1232.20, "d_sleeve": -822.57, "d_book": 409.62}, abs=6e-3
    )


def test_shrunk_betas() -> None:
    def shrunk(beta: float, error: float) -> float:
        weight = error**2 / (error**2 + 0.15**2)
        return (1 - weight) * beta + weight * 1.15

    assert (shrunk(1.31, 0.11), shrunk(1.22, 0.06)) == pytest.approx((1.2540, 1.2103), abs=5.1e-5)
    assert (shrunk(1.31, 0.11) + shrunk(1.22, 0.06)) / 2 == pytest.approx(MARKET.beta_star, abs=1e-7)


def test_returns_and_decay() -> None:
    assert CONDOR.held_to_expiry(10.10) * 365 / 35 == pytest.approx(2.6398, abs=5.1e-5)
    net = 10.10 - 1586.08 / 400
    assert net == pytest.approx(6.1348, abs=5.1e-5)
    assert CONDOR.held_to_expiry(net) * 365 / 35 == pytest.approx(1.4585, abs=5.1e-5)
    efficiency, acceleration = CONDOR.theta_figures(MARKET)
    assert (100 * efficiency, acceleration) == pytest.approx((2.853, 0.9987), abs=5.1e-4)
    said = CONDOR.numbers(MARKET, 1586.08)
    assert said["mark"] == pytest.approx(10.2531, abs=5.1e-5)
    assert (said["be_low_net"], said["be_high_net"]) == pytest.approx((5643.87, 6281.13), abs=5.1e-3)
    for name, worked in (("delta", -0.02763 * 24000), ("vega", -1.55474 * 400), ("theta", 0.29256 * 400)):
        assert said[f"greeks.{name}"] == pytest.approx(worked, rel=2e-4)


def test_financing_spread_after_the_spike() -> None:
    spread = Financing(days=35, quantity=1, credit=10.2848 - 0.10, short=6050, long=6100)
    spot = MARKET.spx * (1 + MARKET.spx_return(6))
    assert spread.value(MARKET, spot, 6, 0) == pytest.approx(10.2848, abs=5.1e-5)
    vol = MARKET.smile(math.log(6050 / spot)) + 0.06 * MARKET.tenor_factor(35)
    assert bsm_delta(spot, 6050, 35 / 365, vol, MARKET.r, MARKET.q, "C") == pytest.approx(0.2024, abs=5.1e-5)
    said = spread.numbers(MARKET)
    assert (said["break_even"], said["max_loss"]) == pytest.approx((6060.18, 3982), abs=0.51)


def test_comparison_with_iwm_puts() -> None:
    book = Book({"condors": [], "small_caps": [{"symbol": "IWM", "shares": 448}]}, MARKET)
    book.horizon = 35
    put = Put(book, 35)
    ladder: dict[str, Unit] = {leg: UNITS[leg] for leg in LADDER}
    assert put.gain(put.linked_spot(6, 1.62), 6, 0) == pytest.approx(595.32, abs=5.1e-3)
    assert (put.price(put.spot, 0, 0), american(put)) == pytest.approx((2.5312, 2.5465), abs=5.1e-5)
    assert ladder_gain(book, ladder, 6) == pytest.approx(705.04, abs=5.1e-3)
    found = sides(book, ladder, put, [])
    for side, losses in (("puts", (264, 491, 731, 966, 1044)), ("hedge", (325, 519, 745, 980, 1038))):
        told = [-found[f"{side}.carry.{day}"] for day in (7, 14, 21, 28, 35)]
        assert told == pytest.approx(losses, abs=0.51)
    convexity = {"puts": (2.707, 2.716), "hedge": (2.225, 1.963)}
    for side, ratios in convexity.items():
        told = [found[f"{side}.convexity_{name}"] for name in ("10_5", "20_10")]
        assert told == pytest.approx(ratios, abs=5.1e-4)
    assert sensitivities(book, ladder, put) == pytest.approx(
        {"0.43/0": 0.109, "0.43/1.5": 0.131, "0.55/0": 0.153, "0.55/1.5": 0.173}, abs=5.1e-4
    )
