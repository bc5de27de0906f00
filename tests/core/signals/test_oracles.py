"""Signals that other tests work out by hand, on random markets against numpy and scipy, at every close."""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import percentileofscore

from alvh.core.events import FuturesCurve, Observation
from alvh.core.signals import Bar, SignalBook

COUNT = 330
SESSIONS = [date(2021, 1, 4) + timedelta(days=7 * (n // 5) + n % 5) for n in range(COUNT)]
Floats = NDArray[np.float64]


class Market(NamedTuple):
    """One value of each name per session."""

    prices: dict[str, Floats]
    observed: dict[str, Floats]
    curve: Floats  # (session, VX1 and VX2)
    skew: Floats
    premium: Floats


def market(seed: int) -> Market:
    rng = np.random.default_rng(seed)

    def walk(start: float, sd: float) -> Floats:
        return np.asarray(start * np.exp(np.cumsum(rng.normal(0.0, sd, COUNT))), dtype=np.float64)

    prices = {name: walk(start, 0.012) for name, start in
              (("SPX", 4000.0), ("RUT", 2000.0), ("SPY", 400.0), ("RSP", 140.0))}  # fmt: skip
    prices |= {name: walk(start, 0.04) for name, start in (("VIX", 18.0), ("VIX9D", 17.0), ("VIX3M", 20.0))}
    observed = {name: walk(start, 0.02) for name, start in (
        ("SMALL_PCF", 12.0), ("SMALL_PE", 25.0), ("US2Y", 4.0), ("DE2Y", 2.5), ("US10Y_REAL", 1.8), ("US10Y", 4.2),
        ("HY_YIELD", 8.0), ("HY_OAS", 4.0), ("DDM_DIVIDEND_YIELD", 1.5), ("DDM_GROWTH", 6.0))}  # fmt: skip
    observed |= {name: rng.integers(1, 1500, COUNT).astype(np.float64) for name in (
        "SMALL_ADVANCERS", "SMALL_DECLINERS", "LARGE_ADVANCERS", "LARGE_DECLINERS")}  # fmt: skip
    curve = np.column_stack([walk(19.0, 0.03), walk(20.0, 0.02)])
    return Market(prices, observed, curve, rng.normal(6.0, 1.0, COUNT), rng.uniform(0.05, 0.20, COUNT))


def told(made: Market) -> dict[str, Floats]:
    """Every column of the book at every close, NaN where empty."""
    book, rows = SignalBook(), []
    for n, session in enumerate(SESSIONS):
        stamp = 10**18 + n * 86_400 * 10**9
        for series, values in made.observed.items():
            value = float(values[n])
            event = Observation(ts_event=stamp, ts_recv=stamp, series=series, observed=session, value=value)
            assert book.observe(event) is None
        expiries = (session + timedelta(days=20), session + timedelta(days=48))
        nodes = tuple((expiry, float(made.curve[n, at]), None, None) for at, expiry in enumerate(expiries))
        book.close(
            session, stamp, {name: Bar(price=float(values[n]), ts_event=stamp) for name, values in made.prices.items()},
            FuturesCurve(ts_event=stamp, ts_recv=stamp, symbol="VX", nodes=nodes),
            skew25=float(made.skew[n]), premium=float(made.premium[n]),
        )  # fmt: skip
        rows.append([np.nan if value is None else value for value in book.row()])
    return dict(zip(book.columns, np.asarray(rows, dtype=np.float64).T, strict=True))


@pytest.fixture(scope="module", params=[1, 2])
def both(request: pytest.FixtureRequest) -> tuple[Market, dict[str, Floats]]:
    made = market(request.param)
    return made, told(made)


def lagged(values: Floats, by: int) -> Floats:
    """The value `by` sessions before; NaN at first."""
    return np.concatenate([np.full(by, np.nan), values[:-by]])


def mean(values: Floats, over: int) -> Floats:
    """The mean of the newest `over`; NaN at first."""
    windows = np.lib.stride_tricks.sliding_window_view(values, over)
    return np.concatenate([np.full(over - 1, np.nan), windows.mean(axis=1)])


def z_before(values: Floats, over: int) -> Floats:
    """Against mean and sample deviation of the `over` before; NaN at first."""
    found = np.full(len(values), np.nan)
    for n in range(over, len(values)):
        before = values[n - over : n]
        found[n] = (values[n] - before.mean()) / before.std(ddof=1)
    return found


def rank(values: Floats, over: int, least: int) -> Floats:
    """Per cent of the newest `over` at or below the newest, from `least` on."""
    found = np.full(len(values), np.nan)
    for n in range(least - 1, len(values)):
        found[n] = percentileofscore(values[max(0, n + 1 - over) : n + 1], values[n], kind="weak")
    return found


def same(found: Floats, expected: Floats) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert np.isfinite(found).any()


def test_breadth(both: tuple[Market, dict[str, Floats]]) -> None:
    made, columns = both
    net = {u: made.observed[f"{u}_ADVANCERS"] - made.observed[f"{u}_DECLINERS"] for u in ("SMALL", "LARGE")}
    issues = {u: made.observed[f"{u}_ADVANCERS"] + made.observed[f"{u}_DECLINERS"] for u in ("SMALL", "LARGE")}
    changes = {u: np.cumsum(net[u]) - lagged(np.cumsum(net[u]), 5) for u in net}
    same(columns["S09"], changes["SMALL"] / issues["SMALL"] - changes["LARGE"] / issues["LARGE"])


def test_averages_and_leadership(both: tuple[Market, dict[str, Floats]]) -> None:
    made, columns = both
    rut, ratio = made.prices["RUT"], made.prices["RSP"] / made.prices["SPY"]
    same(columns["S13_sma50"], mean(rut, 50))
    same(columns["S13_sma200"], mean(rut, 200))
    same(columns["S13"], rut / mean(rut, 50) - 1.0)
    is_below = rut < mean(rut, 50)
    broke = np.concatenate([[False], is_below[1:] & (rut[:-1] >= mean(rut, 50)[:-1])])
    assert (columns["S13_broke50"][50:] == broke[50:]).all()
    same(columns["S45_sma50"], mean(ratio, 50))
    same(columns["S45_change20"], ratio / lagged(ratio, 20) - 1.0)


def test_volatility(both: tuple[Market, dict[str, Floats]]) -> None:
    made, columns = both
    vix, slope = made.prices["VIX"], made.curve[:, 1] / made.curve[:, 0] - 1.0
    same(columns["S14_slope"], slope)
    same(columns["S15"], slope - lagged(slope, 5))
    same(columns["S16_ratio"], vix / made.prices["VIX3M"])
    same(columns["S16_front"], made.prices["VIX9D"] / vix)
    same(columns["S19"], mean(vix, 5) - mean(vix, 20))
    same(columns["S40"], made.prices["VIX9D"] / np.sqrt(252.0))
    same(columns["S40_points"], made.prices["SPX"] * made.prices["VIX9D"] / np.sqrt(252.0) / 100.0)
    same(columns["S44"], vix)
    returns = np.diff(np.log(made.prices["SPX"]))
    realised = np.full(COUNT, np.nan)
    for n in range(20, COUNT):
        realised[n] = np.sqrt(252.0) * returns[n - 20 : n].std(ddof=1) * 100.0
    same(columns["S18"], vix - realised)
    same(columns["S18_percentile"][20:], rank((vix - realised)[20:], 252, 252))


def test_options(both: tuple[Market, dict[str, Floats]]) -> None:
    made, columns = both
    same(columns["S17_z"], z_before(made.skew, 90))
    same(columns["S46_percentile"], rank(made.premium, 252, 252))


def test_valuations(both: tuple[Market, dict[str, Floats]]) -> None:
    made, columns = both
    for signal, series in (("S22", "SMALL_PCF"), ("S23", "SMALL_PE")):
        values = made.observed[series]
        same(columns[signal], values / lagged(values, 63) - 1.0)
    same(columns["S23_percentile"], rank(made.observed["SMALL_PE"], 2520, 252))
    implied = made.observed["DDM_DIVIDEND_YIELD"] + made.observed["DDM_GROWTH"] - made.observed["US10Y"]
    same(columns["S29"], implied)
    same(columns["S29_percentile"], rank(implied, 2520, 252))


def test_rates(both: tuple[Market, dict[str, Floats]]) -> None:
    made, columns = both
    gap = made.observed["US2Y"] - made.observed["DE2Y"]
    same(columns["S27"], 100.0 * (gap - lagged(gap, 20)))
    real, credit = made.observed["US10Y_REAL"], made.observed["HY_OAS"]
    same(columns["S27_real10y_change20"], 100.0 * (real - lagged(real, 20)))
    same(columns["S42"], 100.0 * (credit - lagged(credit, 20)))
    beta = columns["S11_beta"]
    wacc = 0.65 * (made.observed["US10Y"] + beta * 4.5) + 0.35 * made.observed["HY_YIELD"] * 0.79
    same(columns["S28_wacc"], wacc)
    first = int(np.flatnonzero(np.isfinite(wacc))[0])
    same(columns["S28_change20"][first:], 100.0 * (wacc - lagged(wacc, 20))[first:])
    assert np.isnan(columns["S28_z"][: first + 252]).all(), "a year behind the first beta"


def test_big_top_is_the_weighted_share_of_what_is_known(both: tuple[Market, dict[str, Floats]]) -> None:
    _, columns = both
    weights = dict(zip(range(1, 9), (15.0, 20.0, 15.0, 10.0, 10.0, 10.0, 10.0, 10.0), strict=True))
    parts = np.column_stack([columns[f"S32_c{number}"] for number in weights])
    known = np.isfinite(parts)
    total = known @ np.array(list(weights.values()))
    score = 100.0 * np.where(known, parts, 0.0) @ np.array(list(weights.values())) / np.where(total > 0.0, total, 1.0)
    warm = np.isfinite(columns["S32"])
    assert warm.any()
    np.testing.assert_allclose(columns["S32"][warm], score[warm], rtol=1e-12)
    assert (total[warm] >= 70.0).all()
    same(columns["S32_weight"], total)
