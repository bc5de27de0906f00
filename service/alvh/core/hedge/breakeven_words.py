"""Break-evens as a message shows them: every leg that is held or wanted, the hedge as a whole, the book (section 5)."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from alvh.core.hedge.book import LEGS, Condor, FinancingSpread
from alvh.core.hedge.breakevens import BookTurn, LegBreakEven, book_break_evens, sleeve_break_even
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.scenario import HedgeMarket, ScenarioParameters, linked_spx_return
from alvh.core.hedge.units import UnitBoard
from alvh.message_parts import BreakEven

_LATER: Final = 14.0  # days ahead of the second VIX* (methodology 7: `vix_star_14d`)


def break_even_parts(
    sizing: Sizing,
    market: HedgeMarket,
    condors: Sequence[Condor],
    parameters: ScenarioParameters,
    next_review: date,
    financing: Sequence[FinancingSpread] = (),
) -> list[BreakEven]:
    """Return the break-evens of a sizing's answer.

    Of the legs those that could be bought, at the touch now, and those that are held, at their entry; for SLEEVE and
    BOOK what will be held. BOOK has the last VIX change above zero beyond which the condors lose more than the hedge
    gains; where there is none, the last beyond which they do not.

    Args:
        sizing: the answer.
        market: it was made in.
        condors: held.
        parameters: of the scenarios.
        next_review: when all this is computed again at the latest.
        financing: spreads held and offered: part of the book.
    """
    review = next_review.isoformat()
    rows = sorted(sizing.break_evens, key=lambda each: LEGS.index(each.leg))
    parts = [
        _leg(each, review)
        for each, row in zip(rows, sizing.legs, strict=True)
        if row.held or row.target or len(sizing.legs) <= len(LEGS)
    ]
    held = [row for row in sizing.legs if row.target]
    if not held:
        return parts
    board = UnitBoard(market, [row.unit for row in held], parameters.vvix_beta)
    counts = np.array([float(row.target) for row in held])
    kept = np.array([float(min(row.target, row.held)) for row in held])
    sleeve = [sleeve_break_even(board, counts, market.vix, day, kept) for day in (0.0, _LATER)]
    parts.append(_whole("SLEEVE", sleeve, market, parameters, review))
    if condors:
        found = [
            book_break_evens(market, condors, board, counts, parameters, day, financing, kept) for day in (0.0, _LATER)
        ]
        parts.append(_whole("BOOK", [_last(turns) for turns in found], market, parameters, review))
    return parts


def _last(turns: Sequence[BookTurn]) -> float | None:
    falls = [turn.d_vix for turn in turns if turn.is_fall]
    return falls[-1] if falls else turns[-1].d_vix if turns else None


def _leg(each: LegBreakEven, review: str) -> BreakEven:
    return BreakEven(
        leg=each.leg,
        at_settlement=_finite(each.at_settlement),
        at_settlement_with_fees=_finite(each.at_settlement_with_fees),
        max_gain=each.max_gain,
        vix_star_now=each.vix[0],
        vix_star_14d=each.vix[1],
        d_vix_now=each.d_vix[0],
        d_vix_14d=each.d_vix[1],
        spx_pct_now=_percent(each.r_spx[0]),
        spx_pct_14d=_percent(each.r_spx[1]),
        next_review=review,
    )


def _whole(
    name: str, shocks: Sequence[float | None], market: HedgeMarket, parameters: ScenarioParameters, review: str
) -> BreakEven:
    now, later = shocks
    moves = [
        None if shock is None else 100.0 * float(linked_spx_return(parameters, market.vix, shock)) for shock in shocks
    ]
    return BreakEven(
        leg=name,
        vix_star_now=None if now is None else market.vix + now,
        vix_star_14d=None if later is None else market.vix + later,
        d_vix_now=now,
        d_vix_14d=later,
        spx_pct_now=moves[0],
        spx_pct_14d=moves[1],
        next_review=review,
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100.0 * ratio
