"""Break-evens of methodology section 5: at settlement, before it, of the sleeve and of the book."""

from dataclasses import replace

import numpy as np
import pytest

from alvh.core.hedge.breakevens import book_break_evens, book_grid, leg_break_evens, sleeve_break_even
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.surface import spx_model_smile
from alvh.core.hedge.units import UnitBoard
from core.hedge.worked_example import CONDOR, CURVE, L1, L2, L3A, MARKET, UNITS

LINK = ScenarioParameters()
VECTOR_A = np.array([6.0, 0.0, 0.0, 6.0, 3.0])

# Break-even dVIX at t = 0, 7, 14, 21, 35; None where the leg has expired or was rolled.
WORKED = {
    "L1": (1.1125, 2.0396, 2.7626, 3.0141, None),
    "L1b": (2.2742, 5.3641, 7.9029, 8.8978, None),
    "L2": (0.3450, 1.0894, 1.3207, 1.0948, None),
    "L3a": (0.9931, 2.1028, 3.2157, 4.3190, 6.5451),
    "L3b": (1.3261, 2.1749, 3.0389, 3.9155, 5.6946),
}


def test_table_of_section_5() -> None:
    for found in leg_break_evens(MARKET, UnitBoard(MARKET, UNITS), LINK, (0, 7, 14, 21, 35)):
        for d_vix, vix, r_spx, worked in zip(found.d_vix, found.vix, found.r_spx, WORKED[found.leg], strict=True):
            if worked is None:
                assert d_vix is None
                assert vix is None
                continue
            assert d_vix == pytest.approx(worked, abs=5.1e-5)
            assert vix == pytest.approx(17.20 + worked, abs=5.1e-5)
            assert r_spx == pytest.approx(0.00062 - 0.1147 * worked / 17.20, abs=1e-6)


def test_at_settlement() -> None:
    found = {each.leg: each for each in leg_break_evens(MARKET, UnitBoard(MARKET, UNITS), LINK, (0.0,))}
    at = {leg: each.at_settlement for leg, each in found.items()}
    assert at == pytest.approx({"L1": 20.50, "L1b": 29.35, "L2": -0.76, "L3a": 24.35, "L3b": 25.90})
    assert found["L1"].at_settlement_with_fees == pytest.approx(20.52)
    assert found["L1"].max_gain == pytest.approx(850.0)
    assert found["L3a"].max_gain is None


def test_condor() -> None:
    assert CONDOR.break_evens() == pytest.approx((5639.90, 6285.10))
    assert CONDOR.break_evens(1586.08 / 400) == pytest.approx((5643.87, 6281.13), abs=5.1e-3)


def test_sleeve() -> None:
    board = UnitBoard(MARKET, UNITS)
    assert sleeve_break_even(board, VECTOR_A, 17.20, 14.0) == pytest.approx(2.9038, abs=5.1e-5)
    assert sleeve_break_even(board, np.zeros(5), 17.20, 14.0) is None


def test_book() -> None:
    board = UnitBoard(MARKET, UNITS)
    points = book_grid(MARKET, (CONDOR,), board, VECTOR_A, LINK, (2, 4, 6), (0, 14))
    totals = {(point.d_vix, point.day): point.total for point in points}
    expected = {(2, 0): 68, (4, 0): -185, (4, 14): 442, (6, 14): -555}
    assert {at: totals[at] for at in expected} == pytest.approx(expected, abs=0.51)
    (now,) = book_break_evens(MARKET, (CONDOR,), board, VECTOR_A, LINK, 0.0)[-1:]
    (later,) = book_break_evens(MARKET, (CONDOR,), board, VECTOR_A, LINK, 14.0)
    assert 2.0 < now.d_vix < 4.0
    assert 4.0 < later.d_vix < 6.0
    assert now.is_fall
    assert later.is_fall
    (zero,) = book_grid(MARKET, (CONDOR,), board, VECTOR_A, LINK, (later.d_vix,), (14,))
    assert zero.total == pytest.approx(0.0, abs=1e-2)


def test_a_crisis_is_searched_as_far_as_its_own_shocks_go() -> None:
    curve = replace(CURVE, vix=74.0, prices=tuple(4 * price for price in CURVE.prices))
    market = replace(MARKET, curve=curve, spx_smile=spx_model_smile(74.0))
    board = UnitBoard(market, UNITS)
    far = replace(CONDOR, long_put=4450.0, short_put=4500.0, short_call=8500.0, long_call=8550.0, quantity=40)
    near, last = (point.total for point in book_grid(market, (far,), board, VECTOR_A, LINK, (20, 76), (14,)))
    assert last < 0.0 < near
    (turn,) = book_break_evens(market, (far,), board, VECTOR_A, LINK, 14.0)
    assert turn.is_fall
    assert 20.0 < turn.d_vix < 76.0


def test_a_break_even_beside_no_shock_at_all_is_found() -> None:
    condors, board = (replace(CONDOR, short_call=6800.0, long_call=6850.0),), UnitBoard(MARKET, UNITS)
    least, next_one = (
        point.total for point in book_grid(MARKET, condors, board, 0.0 * VECTOR_A, LINK, (1e-3, 0.3), (0,))
    )
    assert next_one < 0.0 < least
    (turn,) = book_break_evens(MARKET, condors, board, 0.0 * VECTOR_A, LINK, 0.0)
    assert 0.0 < turn.d_vix < 0.3


def test_what_is_held_breaks_even_at_its_entry_and_from_todays_mid() -> None:
    board = UnitBoard(MARKET, UNITS)
    held, prices = [True] * len(UNITS), [1.10, 0.50, -1.05, 2.00, None]
    found = {each.leg: each for each in leg_break_evens(MARKET, board, LINK, (0.0, 14.0), held, prices)}
    assert {leg: each.at_settlement for leg, each in found.items()} == pytest.approx(
        {"L1": 20.10, "L1b": 29.50, "L2": -1.05 + 0.01 + 0.02, "L3a": 24.00, "L3b": 25.90}
    )
    assert found["L1"].at_settlement_with_fees == pytest.approx(20.12)
    assert found["L1"].max_gain == pytest.approx(890.0)
    for row, unit in enumerate(UNITS):
        for day, d_vix in zip((0.0, 14.0), found[unit.leg].d_vix, strict=True):
            assert d_vix is not None
            assert board.gains_held([d_vix], day)[row, 0] == pytest.approx(0.0, abs=1e-5)


def test_a_hedge_held_in_part_breaks_even_where_its_shown_gain_is_zero() -> None:
    board, kept = UnitBoard(MARKET, UNITS), np.array([6.0, 0.0, 0.0, 2.0, 0.0])
    found = sleeve_break_even(board, VECTOR_A, 17.20, 14.0, kept)
    assert found is not None
    gain = (VECTOR_A - kept) @ board.gains([found], 14.0) + kept @ board.gains_held([found], 14.0)
    assert gain[0] == pytest.approx(0.0, abs=1e-4)


def test_break_even_is_where_the_gain_is_zero() -> None:
    board = UnitBoard(MARKET, UNITS)
    for row, found in enumerate(leg_break_evens(MARKET, board, LINK, (3.0, 12.0))):
        for day, d_vix in zip(found.days, found.d_vix, strict=True):
            assert d_vix is not None
            assert board.gains([d_vix], day)[row, 0] == pytest.approx(0.0, abs=1e-5)


def test_a_leg_that_cannot_gain_has_none() -> None:
    dear = replace(L3A, calls=tuple(replace(call, ask=300.0) for call in L3A.calls))
    (found,) = leg_break_evens(MARKET, UnitBoard(MARKET, [dear]), LINK, (0.0,))
    assert found.vix == (None,)
    assert leg_break_evens(MARKET, UnitBoard(MARKET, []), LINK, (0.0,)) == ()


@pytest.mark.parametrize("vix", [9.2, 35.0, 80.0])
def test_break_evens_are_found_on_any_curve(vix: float) -> None:
    curve = VixCurve(vix=vix, days=(30.0, 58.0, 114.0, 212.0), prices=(0.9 * vix, 0.85 * vix, 0.8 * vix, 0.75 * vix))
    market = replace(MARKET, curve=curve)
    board = UnitBoard(market, [L1, L2, L3A])
    for row, found in enumerate(leg_break_evens(market, board, LINK, (0.0,))):
        if found.d_vix[0] is not None:
            assert board.gains([found.d_vix[0]], 0.0)[row, 0] == pytest.approx(0.0, abs=1e-5)
