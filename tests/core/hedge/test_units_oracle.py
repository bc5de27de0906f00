"""Units, condors and their P&L over VIX and time against a second program, in markets at random (4.3, 4.4, 4.10)."""

import numpy as np
import pytest

from alvh.core.hedge.book import Condor, HedgeUnit, VixCall, VixFuture
from alvh.core.hedge.breakevens import book_grid, leg_break_evens
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.scenario import HedgeMarket, ScenarioParameters
from alvh.core.hedge.surface import QuadraticSmile
from alvh.core.hedge.units import UnitBoard, unit_table
from oracles.hedge_units import Unit, choose
from oracles.random_markets import drawn
from oracles.sizing_reference import Book
from oracles.sizing_results import break_evens
from oracles.vix_market import GAMMA, Market

SHOCKS = (-3.0, 0.0, 3.0, 6.0, 10.0, 20.0)
DAYS = (0.0, 7.0, 14.0, 21.0, 28.0, 35.0)


def market_of(m: Market) -> HedgeMarket:
    days, prices = zip(*m.nodes, strict=True)
    smile = m.smile_of
    return HedgeMarket(
        spx=m.spx,
        curve=VixCurve(vix=m.vix, days=tuple(map(float, days)), prices=prices),
        rate=m.r,
        dividend=m.q,
        spx_smile=QuadraticSmile(
            level=smile["level"], slope=smile["slope"], curvature=smile["curvature"], floor=smile.get("floor", 0.08)
        ),
    )


def unit_of(m: Market, unit: Unit) -> HedgeUnit:
    if unit.months:
        futures = tuple(
            VixFuture(days=float(days), price=m.level(days), ratio=sign)
            for sign, days in zip((1, -1), unit.months, strict=True)
        )
        return HedgeUnit(leg=unit.leg, futures=futures, slippage=unit.slippage, fee_usd=m.calendar_fee / 4)
    calls = tuple(
        VixCall(days=float(q.days), strike=q.strike, vol=q.vol, bid=q.bid, ask=q.ask, ratio=sign)
        for sign, q in unit.calls
    )
    return HedgeUnit(leg=unit.leg, calls=calls, fee_usd=m.fee)


def compared(seed: int) -> None:
    each = drawn(seed)
    m = Market(each.market)
    units = list(choose(m).values())
    market, board = market_of(m), UnitBoard(market_of(m), [unit_of(m, unit) for unit in units])
    rows = [(d, t) for d in SHOCKS for t in DAYS]
    shocks, days = np.array(rows).T
    theirs = board.gains(shocks, days)
    ours = np.array([[unit.gain(m, d, t) for d, t in rows] for unit in units])
    assert theirs == pytest.approx(ours, rel=1e-7, abs=1e-6)
    for horizon in (7, 21, 30, 35, 50):
        table = unit_table(board, (6.0,), 0, float(horizon), GAMMA, m.vix)
        assert table.cost == pytest.approx([unit.cost(m, horizon) for unit in units], rel=1e-7, abs=1e-6)
        assert table.spx_pct == pytest.approx([unit.spx_dollars(m) for unit in units], rel=1e-7, abs=1e-6)
        assert table.vix_point == pytest.approx([unit.vix_dollars(m) for unit in units], rel=1e-7, abs=1e-6)
    book = Book(each.portfolio, m)
    for found, unit in zip(leg_break_evens(market, board, ScenarioParameters(), DAYS[:4]), units, strict=True):
        for t, d in zip(found.days, found.d_vix, strict=True):
            if t < (unit.days - 7 if unit.months else unit.days):
                roots = break_evens(book, unit, t)
                assert (d is None) == (not roots)
                assert d is None or min(abs(d - root) for root in roots) < 1e-6
    grid_agrees(book, market, board, units)


def grid_agrees(book: Book, market: HedgeMarket, board: UnitBoard, units: list[Unit]) -> None:
    condors = []
    for one in book.condors:
        long_put, short_put, short_call, long_call = map(float, one.strikes)
        condors.append(
            Condor(
                long_put=long_put, short_put=short_put, short_call=short_call, long_call=long_call,
                quantity=one.quantity, credit=one.credit, days=one.days,
            )
        )  # fmt: skip
    held = np.arange(1.0, len(units) + 1.0)
    for point in book_grid(market, condors, board, held, ScenarioParameters(), SHOCKS, DAYS):
        hedge = sum(n * unit.gain(book.market, point.d_vix, point.day) for n, unit in enumerate(units, start=1))
        assert point.condor == pytest.approx(-book.loss(point.d_vix, point.day), rel=1e-7, abs=1e-4)
        assert point.hedge == pytest.approx(hedge, rel=1e-7, abs=1e-5)


@pytest.mark.parametrize("seed", range(500, 508))
def test_markets_at_random(seed: int) -> None:
    compared(seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(4_000, 5_000, 100))
def test_many_markets_at_random(first: int) -> None:
    for seed in range(first, first + 100):
        compared(seed)
