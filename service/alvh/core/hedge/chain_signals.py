"""S17 and S46 from a quoted SPX chain: the 25-delta skew at 30 days, and what a condor of fixed geometry pays."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Final

import numpy as np

from alvh.core.events import OptionChain
from alvh.core.hedge.chain import Chain, ChainSide, ChainSlice, ChainTerms
from alvh.core.hedge.chain_reader import ChainReader
from alvh.core.hedge.program import DELTA_TOLERANCE, DTE_TOLERANCE, CondorProgram
from alvh.core.hedge.settlement import calendar_before
from alvh.core.market import MarketBoard
from alvh.core.sessions import SessionCalendar, et_date
from alvh.core.signals.option_prices import OptionNumbers, iv_at_delta, skew_25

REFERENCE: Final = CondorProgram()
"""The geometry whose credit S46 compares from day to day: Cboe CNDR's, whatever a portfolio's own program is."""

_PREFERRED: Final = ("SPXW", "SPX")
_POINTS: Final = 100.0  # volatility points in 1


def option_numbers(
    event: OptionChain | None,
    session: date,
    board: MarketBoard | None,
    rates: Mapping[str, float],
    calendar: SessionCalendar,
    reader: ChainReader,
) -> OptionNumbers:
    """Return what a session's SPX chain says to signals; nothing where it is of another day, or SPX is not known.

    Args:
        event: the newest SPX chain.
        session: whose close is evaluated.
        board: the newest good prices.
        rates: `r` and `q`.
        calendar: trading sessions.
        reader: makes it ready.
    """
    spot = None if board is None else board.price("SPX")
    if event is None or spot is None or et_date(event.ts_event) != session:
        return OptionNumbers()
    before = calendar_before(calendar)
    terms = ChainTerms(
        session=session, spot=spot, rate=rates["r"], dividend=rates["q"], business_day_before=before
    )  # fmt: skip
    chain = reader.read(event, terms)
    return OptionNumbers(skew25=skew_of(chain), premium=premium_of(chain))


def skew_of(chain: Chain) -> float | None:
    """Return the 25-delta skew at 30 days, volatility points, linear between the two expiries around them (S17)."""
    points = []
    for part in _one_class_each(chain):
        put, call = (iv_at_delta(np.abs(side.delta).tolist(), side.iv.tolist()) for side in (part.puts, part.calls))
        if put is not None and call is not None:
            points.append((float(part.dte), _POINTS * put, _POINTS * call))
    return skew_25(points)


def _one_class_each(chain: Chain) -> list[ChainSlice]:
    """The slices by expiry, PM-settled where both classes are listed: two of one day are one point of the surface."""
    days = groupby(chain.slices, key=lambda part: part.expiry)
    return [min(parts, key=lambda part: _PREFERRED.index(part.trading_class)) for _, parts in days]


def premium_of(chain: Chain, program: CondorProgram = REFERENCE) -> float | None:
    """Return credit over width at mid prices, ratio (S46), of the program's expiry and deltas, or the nearest listed.

    It is a gauge, and nothing is sold on it: the liquidity gate is not asked, the deltas' tolerance is.
    """
    near = [part for part in _one_class_each(chain) if abs(part.dte - program.dte) <= DTE_TOLERANCE]
    if not near:
        return None
    part = min(near, key=lambda each: (abs(each.dte - program.dte), each.dte))
    wings = [_wing(side, program) for side in (part.puts, part.calls)]
    if None in wings:
        return None
    found = [wing for wing in wings if wing is not None]
    return sum(credit for credit, _ in found) / max(width for _, width in found)


def _wing(side: ChainSide, program: CondorProgram) -> tuple[float, float] | None:
    """Credit at mid and width of one side's spread, points; None where a delta is not listed."""
    places: Sequence[int | None] = (side.nearest_delta(program.short_delta), side.nearest_delta(program.long_delta))
    short, long = places
    if short is None or long is None or short == long:
        return None
    for place, target in ((short, program.short_delta), (long, program.long_delta)):
        if abs(abs(float(side.delta[place])) - target) > DELTA_TOLERANCE:
            return None
    return float(side.mid[short] - side.mid[long]), abs(float(side.strike[short] - side.strike[long]))
