"""The futures curve and the option chains of the made-up market, priced from one surface.

The curve leads from the VIX to a long-run level and so inverts in stress. VIX options are Black-76 on the future of
their own expiry with the model surface; SPX options are Black-Scholes with the model smile at that tenor's level of
volatility. What is quoted is on the exchange's ticks, wider in stress.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np

from alvh.core.hedge.expiries import monthly_expiries, vix_settlements
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, black76, bsm
from alvh.core.hedge.surface import REFERENCE_VIX, spx_model_smile, vix_model_surface
from alvh.core.sessions import SessionCalendar

CurveNode = tuple[date, float, float | None, float | None]
ChainRow = tuple[date, str, float, float, float, float | None, str | None]

RATE: Final = 0.042  # of methodology 4.10: the engine's own defaults, so that its parity checks find nothing
DIVIDEND: Final = 0.013
CURVE_MONTHS: Final = 9  # monthly settlements reach beyond 250 days, the farthest tenor of the ladder (L3b)
_CURVE_HOME, _CURVE_DAYS = 20.5, 80.0  # the level the curve leads to, and how fast: e-folding in calendar days
_CALM_VIX: Final = 20.0  # above it quotes widen in proportion
_WEEKLY_DAYS: Final = 63  # condors live up to 60 days (methodology 3.7); their expiries stay listed to the end
_SPX_MONTHS: Final = 4  # a forward volatility from a VIX expiry to 30 days behind it needs the months beyond (S36)
_SPX_STEP: Final = 25.0
_BOTH_SIDES: Final = 0.04  # around the money puts and calls are listed, as parity needs both; farther out the cheap one
_SMILE_DAYS: Final = 35.0  # the tenor at which the smile of methodology 4.10 was drawn
_SMILE_RANGE: Final = (-0.18, 0.1875)  # in ln(K/S) there
_FRIDAY: Final = 4


def vx_curve(calendar: SessionCalendar, today: date, vix: float) -> tuple[CurveNode, ...]:
    """The VIX futures at today's close: (expiry, settle, bid, ask), points, on ticks of 0.05."""
    width = 0.05 if vix < 2.0 * _CALM_VIX else 0.10
    nodes = []
    for expiry in vix_settlements(calendar, today, CURVE_MONTHS):
        fair = curve_level(vix, (expiry - today).days)
        bid = round(math.floor(fair / 0.05) * 0.05, 2)
        ask = round(bid + width, 2)
        nodes.append((expiry, round((bid + ask) / 2.0, 3), bid, ask))
    return tuple(nodes)


def curve_level(vix: float, days: float) -> float:
    """A VIX future `days` before it settles, points: between the VIX and the long-run level."""
    return _CURVE_HOME + (vix - _CURVE_HOME) * math.exp(-days / _CURVE_DAYS)


def vix_chain(today: date, vix: float, vvix: float, curve: Sequence[CurveNode]) -> tuple[ChainRow, ...]:
    """Calls and puts on each future of the curve, strikes from 0.7 of it to 2.2 standard deviations above it."""
    surface = vix_model_surface(vvix)
    rows: list[ChainRow] = []
    for expiry, future, _, _ in curve:
        days = (expiry - today).days
        years = days / DAYS_PER_YEAR
        strikes = _vix_strikes(0.7 * future, future * math.exp(2.2 * surface.s30 * math.sqrt(years)) + 2.0)
        vols = surface.vol(days, strikes, future)
        for right in ("C", "P"):
            values = black76(future, strikes, years, vols, RATE, right == "C")
            rows += _quoted(expiry, right, strikes, values, vols, "VIX", vix)
    return tuple(rows)


def _vix_strikes(low: float, high: float) -> Floats:
    listed = [*np.arange(9.0, 15.0, 0.5), *np.arange(15.0, 30.0, 1.0), *np.arange(30.0, 50.0, 2.5),
              *np.arange(50.0, 100.0, 5.0), *np.arange(100.0, 205.0, 10.0)]  # fmt: skip
    return np.asarray([strike for strike in listed if low <= strike <= high], dtype=np.float64)


def spx_expiries(calendar: SessionCalendar, today: date) -> tuple[date, ...]:
    """The listed SPX expiries behind today: each week's last session out to 63 days, and the next four months."""
    fridays = (today + timedelta(days=step) for step in range(1, _WEEKLY_DAYS + 1))
    weeks = (calendar.business_day_on_or_before(day) for day in fridays if day.weekday() == _FRIDAY)
    months = monthly_expiries(calendar, today, _SPX_MONTHS)
    return tuple(sorted({expiry for expiry in (*weeks, *months) if expiry > today}))


def spx_chain(calendar: SessionCalendar, today: date, spx: float, vix: float) -> tuple[ChainRow, ...]:
    """PM-settled SPX options of each listed expiry, strikes every 25 points over three standard deviations."""
    rows: list[ChainRow] = []
    for expiry in spx_expiries(calendar, today):
        days = (expiry - today).days
        years = days / DAYS_PER_YEAR
        level = _tenor_level(vix, days)
        reach = level / 100.0 * math.sqrt(years)
        low, high = spx * (1.0 - max(0.10, 2.8 * reach)), spx * (1.0 + max(0.06, 2.0 * reach))
        strikes = np.arange(math.ceil(max(low, 0.3 * spx) / _SPX_STEP), high // _SPX_STEP + 1.0) * _SPX_STEP
        vols = _spx_vols(np.log(strikes / spx), level, days)
        for right in ("P", "C"):
            side = strikes <= spx * (1.0 + _BOTH_SIDES) if right == "P" else strikes >= spx * (1.0 - _BOTH_SIDES)
            values = bsm(spx, strikes[side], years, vols[side], RATE, DIVIDEND, right == "C")
            rows += _quoted(expiry, right, strikes[side], values, vols[side], "SPXW", vix)
    return tuple(rows)


def _spx_vols(x: Floats, level: float, days: float) -> Floats:
    """The smile of methodology 4.10 at its own level and tenor, and elsewhere sticky in standard deviations.

    Scaled up as it stands its curvature would make far puts dearer than near ones, which no market shows for long;
    for the same reason it is flat beyond four standard deviations below and its lowest point above.
    """
    scale = level / REFERENCE_VIX
    reference = spx_model_smile(REFERENCE_VIX)
    at = np.clip(x / (scale * math.sqrt(days / _SMILE_DAYS)), *_SMILE_RANGE)
    return np.asarray(np.maximum(reference.floor, scale * reference.vol(at)))


def _tenor_level(vix: float, days: float) -> float:
    """The volatility level of a tenor, points: the VIX at 30 days, and on the way to its long-run level elsewhere."""
    return _CURVE_HOME + (vix - _CURVE_HOME) * math.exp(-(max(days, 7.0) - 30.0) / (2.0 * _CURVE_DAYS))


def _quoted(
    expiry: date, right: str, strikes: Floats, values: Floats, vols: Floats, root: str, vix: float
) -> list[ChainRow]:
    tick_low, tick_high = (0.01, 0.05) if root == "VIX" else (0.05, 0.10)
    stress = max(1.0, vix / _CALM_VIX)
    half = np.maximum(0.02 if root == "VIX" else 0.05, 0.008 * values) * stress
    bids, asks = np.maximum(values - half, 0.0), values + half
    bid_ticks = np.where(bids < 3.0, tick_low, tick_high)
    ask_ticks = np.where(asks < 3.0, tick_low, tick_high)
    # A hair is allowed for before rounding to the tick, so that a last bit never moves a quote by one.
    bids = np.round(np.floor(bids / bid_ticks + 1e-6) * bid_ticks, 2)
    asks = np.round(np.ceil(asks / ask_ticks - 1e-6) * ask_ticks, 2)
    columns = (strikes.tolist(), bids.tolist(), asks.tolist(), np.round(vols, 6).tolist())
    return [(expiry, right, strike, bid, ask, vol, root) for strike, bid, ask, vol in zip(*columns, strict=True)]
