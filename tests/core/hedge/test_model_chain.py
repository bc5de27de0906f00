"""Theoretical chains: listed grids, quotes of the worked example, wings without arbitrage at any level of the VIX."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.chain import ChainTerms
from alvh.core.hedge.model_chain import CurveNode, model_spx_chain, model_vix_chain, vix_strike_grid
from alvh.core.hedge.settlement import Settlement
from alvh.core.hedge.surface import VixSurface, spx_model_smile

SESSION = date(2026, 5, 18)


@pytest.mark.parametrize(
    ("days", "forward", "vol", "strike", "mid", "bid", "ask"),
    [
        (30, 18.60, 0.88, 19.0, 1.6880, 1.65, 1.75),
        (30, 18.60, 1.12, 29.0, 0.2802, 0.25, 0.35),
        (114, 20.30, 0.66, 22.0, 2.2869, 2.25, 2.35),
        (212, 21.20, 0.56, 23.0, 2.8313, 2.80, 2.90),
    ],
)
def test_quotes_of_the_worked_example(
    days: int, forward: float, vol: float, strike: float, mid: float, bid: float, ask: float
) -> None:
    flat = VixSurface(s30=vol, decay=0.0, upside=0.0)
    node = CurveNode(expiry=SESSION + timedelta(days=days), settle=forward)
    calls = model_vix_chain([node], flat, ChainTerms.of(SESSION, 17.2)).slices[0].calls
    at = calls.index_of(strike)
    assert at is not None
    assert float(calls.mid[at]) == pytest.approx(mid, abs=5e-5)
    assert (float(calls.bid[at]), float(calls.ask[at])) == pytest.approx((bid, ask))


def test_strike_grid_steps() -> None:
    grid = vix_strike_grid(18.6)
    assert {0.5} == set(np.diff(grid[grid <= 15.0]))
    assert {1.0} == set(np.diff(grid[grid >= 15.0]))
    assert grid[-1] >= 4 * 18.6


def test_what_has_settled_is_no_expiry() -> None:
    nodes = [CurveNode(expiry=SESSION, settle=17.0), CurveNode(expiry=SESSION + timedelta(days=30), settle=18.6)]
    chain = model_vix_chain(nodes, VixSurface(), ChainTerms.of(SESSION, 17.2))
    assert [part.dte for part in chain.slices] == [30]


def test_classes_of_a_model_spx_chain() -> None:
    expiry = date(2026, 6, 19)
    chain = model_spx_chain([(expiry, "SPXW"), (expiry, "SPX")], spx_model_smile(17.2), ChainTerms.of(SESSION, 6000.0))
    assert [(part.trading_class, part.settlement) for part in chain.slices] == [
        ("SPX", Settlement.AM), ("SPXW", Settlement.PM),
    ]  # fmt: skip
    call = chain.slices[0].calls
    assert np.all(call.strike % 5 == 0)


@given(st.floats(8.0, 90.0), st.floats(600.0, 8000.0), st.integers(1, 120))
def test_prices_and_deltas_fall_outward(vix: float, spot: float, days: int) -> None:
    expiry = SESSION + timedelta(days=days)
    part = model_spx_chain([(expiry, "SPXW")], spx_model_smile(vix), ChainTerms.of(SESSION, spot)).slices[0]
    assert np.all(np.diff(part.calls.mid) < 0)
    assert np.all(np.diff(part.puts.mid) > 0)
    assert np.all(np.diff(np.abs(part.calls.delta)) < 0)
    assert np.all(np.diff(np.abs(part.puts.delta)) > 0)
    assert len(part.calls) >= 1
    assert len(part.puts) >= 1
