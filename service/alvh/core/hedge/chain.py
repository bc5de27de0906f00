"""An option chain made ready for choosing from: refused rows counted, classes told apart, forwards, volatilities."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.pricing import DAYS_PER_YEAR, Floats, black76_greeks, implied_vol_black76
from alvh.core.hedge.settlement import (
    CLASSES,
    BusinessDayBefore,
    Settlement,
    class_rule,
    last_trade_date,
    weekday_before,
)
from alvh.core.hedge.symbols import inferred_class, is_spx_monthly, is_vix_month, is_vix_monthly, listed_day
from alvh.core.instruments import BELIEVABLE

Row = tuple[date, str, float, float, float, float | None, str | None]
"""A row of the OptionChain event: expiry, right C or P, strike, bid, ask, iv or None, trading class or None."""

BELIEVABLE_VOLS: Final = (1e-3, 10.0)
"""A quoted volatility outside (0.1 to 1000 %) is a vendor's placeholder, or per cent: the mid says what it is."""

PARITY_STRIKES: Final = 5
"""Strikes nearest the forward whose median is the implied forward: one stale row cannot move it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainSide:
    """The calls or the puts of one slice: arrays of one length, by rising strike.

    Attributes:
        right: C or P.
        strike: points.
        bid: points, above 0.
        ask: points, at or above the bid.
        mid: points; of quotes the middle, of a model chain the model's price.
        iv: implied volatility, decimal; as quoted where that is above 0, else of the mid.
        iv_quoted: whether it was quoted.
        delta: per point of the index (SPX) or of the VIX future (VIX); negative for puts.
        vega: per volatility point.
    """

    right: str
    strike: Floats
    bid: Floats
    ask: Floats
    mid: Floats
    iv: Floats
    iv_quoted: NDArray[np.bool_]
    delta: Floats
    vega: Floats

    def __len__(self) -> int:
        """How many strikes are listed with a usable quote."""
        return len(self.strike)

    def index_of(self, strike: float) -> int | None:
        """Return the position of a strike; None where it is not listed or was refused."""
        index = int(np.searchsorted(self.strike, strike))
        return index if index < len(self.strike) and self.strike[index] == strike else None

    def nearest_strike(self, target: float) -> int | None:
        """Return the position of the strike nearest `target`, the lower one of two; None where there is none."""
        return _nearest(self.strike, target)

    def nearest_delta(self, target: float) -> int | None:
        """Return the position of the option whose |delta| is nearest |target|, the lower strike of two."""
        return _nearest(np.abs(self.delta), abs(target))


def _nearest(values: Floats, target: float) -> int | None:
    return int(np.argmin(np.abs(values - target))) if len(values) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainSlice:
    """One expiry of one trading class.

    Attributes:
        underlying: SPX or VIX.
        trading_class: SPX, SPXW, VIX or VIXW.
        class_inferred: whether the feed left the class to us.
        settlement: how it settles.
        expiry: the day it settles.
        last_trade: the last day it trades.
        is_monthly: whether it is the standard monthly expiry.
        dte: calendar days to the expiry.
        forward: points; the VIX future of that expiry or the curve between two of them, or implied by put-call
            parity, or carried from spot.
        forward_source: `future`, `curve`, `parity` or `carry`.
        discount: e^(-rT).
        calls: the calls.
        puts: the puts.
    """

    underlying: str
    trading_class: str
    class_inferred: bool
    settlement: Settlement
    expiry: date
    last_trade: date
    is_monthly: bool
    dte: int
    forward: float
    forward_source: str
    discount: float
    calls: ChainSide
    puts: ChainSide

    @property
    def years(self) -> float:
        """Time to expiry: calendar days / 365, for AM, PM and VRO alike (methodology 0.5)."""
        return self.dte / DAYS_PER_YEAR

    def side(self, right: str) -> ChainSide:
        """Return the calls (C) or the puts (P)."""
        return self.calls if right == "C" else self.puts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """An option chain at one time.

    Attributes:
        underlying: SPX or VIX.
        session: the day it was quoted.
        spot: the index then, points.
        slices: by expiry, then trading class.
        refused: how many rows were left out, by reason.
    """

    underlying: str
    session: date
    spot: float
    slices: tuple[ChainSlice, ...]
    refused: Mapping[str, int]

    def slice_of(self, expiry: date, trading_class: str) -> ChainSlice | None:
        """Return one slice; None where it is not there."""
        found = (part for part in self.slices if part.expiry == expiry and part.trading_class == trading_class)
        return next(found, None)


@dataclass(slots=True)
class _Rows:
    """Accepted rows of one expiry and class, by right and strike; filled once, then made into arrays."""

    inferred: bool
    by_right: dict[str, dict[float, tuple[float, float, float]]] = field(default_factory=lambda: {"C": {}, "P": {}})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTerms:
    """What a chain is read under.

    Attributes:
        session: the day of its quotes.
        spot: the index, points.
        rate: riskless rate, decimal per year, continuous.
        dividend: dividend yield of SPX, likewise; used only where parity gives no forward.
        futures: VIX futures by expiry, points: the forwards of VIX options.
        curve: those futures as the frozen curve that sizing values a hedge on (methodology 4.3): the forwards of VIX
            options that expire between them.
        business_day_before: the exchange's calendar.
    """

    session: date
    spot: float
    rate: float = 0.042
    dividend: float = 0.013
    futures: Mapping[date, float] = field(default_factory=lambda: MappingProxyType({}))
    curve: VixCurve | None = None
    business_day_before: BusinessDayBefore = weekday_before

    def is_month(self, expiry: date) -> bool:
        """Whether a VIX expiry is a month's: by its day, or as its future stands alone."""
        return is_vix_monthly(expiry) or (expiry in self.futures and is_vix_month(expiry, self.futures))

    @classmethod
    def of(cls, session: date, spot: float) -> Self:
        """Return terms with the default rates and nothing else known."""
        return cls(session=session, spot=spot)


def build_chain(underlying: str, rows: Iterable[Row], terms: ChainTerms) -> Chain:
    """Return the chain of the rows that may be used; the others are counted by reason.

    Reasons: `not_a_number`, `bad_right`, `bad_strike`, `expired`, `unknown_class`, `no_bid` (0 or less), `no_ask`,
    `crossed`, `duplicate`, and behind these `no_forward` and `no_iv` (neither quoted nor implied by the mid).
    """
    refused: Counter[str] = Counter()
    groups: dict[tuple[date, str], _Rows] = {}
    for expiry, right, strike, bid, ask, iv, said in rows:
        day = listed_day(expiry) if underlying == "SPX" else expiry
        name = said or inferred_class(underlying, day)
        reason = _fault(underlying, name, terms.session, (day, right, strike, bid, ask))
        if reason is None:
            group = groups.setdefault((day, name), _Rows(inferred=not said))
            kept = group.by_right[right]
            reason = "duplicate" if strike in kept else None
            kept.setdefault(strike, (bid, ask, _usable(iv)))
        if reason is not None:
            refused[reason] += 1
    slices = []
    for day, name in sorted(groups):
        part = _slice(underlying, name, day, groups[day, name], terms, refused)
        if part is not None:
            slices.append(part)
    counted = MappingProxyType(dict(sorted(refused.items())))
    return Chain(underlying=underlying, session=terms.session, spot=terms.spot, slices=tuple(slices), refused=counted)


def _usable(iv: float | None) -> float:
    return iv if iv is not None and BELIEVABLE_VOLS[0] < iv < BELIEVABLE_VOLS[1] else math.nan


def _fault(underlying: str, name: str, session: date, row: tuple[date, str, float, float, float]) -> str | None:
    day, right, strike, bid, ask = row
    faults = (
        ("bad_right", right not in ("C", "P")),
        ("not_a_number", not (math.isfinite(strike) and math.isfinite(bid) and math.isfinite(ask))),
        ("bad_strike", not BELIEVABLE[0] <= strike <= BELIEVABLE[1]),
        ("expired", day <= session),
        ("unknown_class", name not in CLASSES or CLASSES[name].underlying != underlying),
        ("no_bid", bid <= 0.0),
        ("no_ask", not 0.0 < ask <= BELIEVABLE[1]),
        ("crossed", ask < bid),
    )
    return next((reason for reason, applies in faults if applies), None)


def _slice(
    underlying: str, name: str, day: date, rows: _Rows, terms: ChainTerms, refused: Counter[str]
) -> ChainSlice | None:
    dte = (day - terms.session).days
    discount = math.exp(-terms.rate * dte / DAYS_PER_YEAR)
    forward, source = _forward(underlying, day, rows, terms, discount)
    if forward is None:
        refused["no_forward"] += sum(len(kept) for kept in rows.by_right.values())
        return None
    # SPX deltas are per point of the index, which moves its forward by F/S; VIX deltas are per point of the future.
    per_point = 1.0 if underlying == "VIX" else forward / terms.spot
    sides = {right: _side(right, kept, dte, forward, terms.rate, per_point) for right, kept in rows.by_right.items()}
    left_out = sum(len(kept) - len(sides[right]) for right, kept in rows.by_right.items())
    if left_out:
        refused["no_iv"] += left_out
    return ChainSlice(
        underlying=underlying,
        trading_class=name,
        class_inferred=rows.inferred,
        settlement=class_rule(name).settlement,
        expiry=day,
        last_trade=last_trade_date(name, day, terms.business_day_before),
        is_monthly=terms.is_month(day) if underlying == "VIX" else is_spx_monthly(day, terms.business_day_before),
        dte=dte,
        forward=forward,
        forward_source=source,
        discount=discount,
        calls=sides["C"],
        puts=sides["P"],
    )


def _forward(underlying: str, day: date, rows: _Rows, terms: ChainTerms, discount: float) -> tuple[float | None, str]:
    if underlying == "VIX" and day in terms.futures:
        return terms.futures[day], "future"
    if underlying == "VIX" and terms.curve is not None and terms.curve.prices:
        return float(terms.curve.level((day - terms.session).days)), "curve"
    implied = parity_forward(
        {strike: 0.5 * (bid + ask) for strike, (bid, ask, _) in rows.by_right["C"].items()},
        {strike: 0.5 * (bid + ask) for strike, (bid, ask, _) in rows.by_right["P"].items()},
        discount,
    )
    if implied is not None:
        return implied, "parity"
    if underlying == "VIX":  # the VIX is not a traded asset: its spot carries to no forward
        return None, "none"
    years = (day - terms.session).days / DAYS_PER_YEAR
    return terms.spot * math.exp((terms.rate - terms.dividend) * years), "carry"


def parity_forward(calls: Mapping[float, float], puts: Mapping[float, float], discount: float) -> float | None:
    """Return the forward implied by put-call parity, points: the median over the strikes where C and P lie closest.

    Args:
        calls: mid by strike, points.
        puts: the same.
        discount: e^(-rT).

    Returns:
        None where no strike has both, or what they imply is not above 0.
    """
    both = sorted((abs(call - puts[strike]), strike, call - puts[strike]) for strike, call in calls.items()
                  if strike in puts)  # fmt: skip
    if not both:
        return None
    forward = float(np.median([strike + gap / discount for _, strike, gap in both[:PARITY_STRIKES]]))
    return forward if forward > 0.0 else None


def _side(
    right: str, kept: Mapping[float, Sequence[float]], dte: int, forward: float, rate: float, per_point: float
) -> ChainSide:
    table = np.array([(strike, *kept[strike]) for strike in sorted(kept)], dtype=np.float64).reshape(-1, 4)
    strike, bid, ask, quoted = table.T
    years, is_call = dte / DAYS_PER_YEAR, right == "C"
    is_quoted = np.isfinite(quoted)
    iv, asked = quoted.copy(), ~is_quoted
    if asked.any():
        iv[asked] = implied_vol_black76(0.5 * (bid + ask)[asked], forward, strike[asked], years, rate, is_call)
    good = np.isfinite(iv)
    greeks = black76_greeks(forward, strike[good], years, iv[good], rate, is_call)
    return ChainSide(
        right=right,
        strike=strike[good],
        bid=bid[good],
        ask=ask[good],
        mid=np.asarray(0.5 * (bid + ask)[good]),
        iv=iv[good],
        iv_quoted=is_quoted[good],
        delta=np.asarray(greeks.delta * per_point),
        vega=np.asarray(greeks.vega_point),
    )
