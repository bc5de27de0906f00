"""A standing condor program: which four strikes it sells next, from a chain or the model, or why it does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Final

import numpy as np

from alvh.core.hedge.chain import Chain, ChainSide, ChainSlice, ChainTerms
from alvh.core.hedge.liquidity import Kind, LiquidityRules, Touch, gate_spread
from alvh.core.hedge.model_chain import model_spx_chain
from alvh.core.hedge.settlement import BusinessDayBefore, Settlement
from alvh.core.hedge.surface import Smile
from alvh.core.hedge.symbols import occ_symbol, spx_monthly
from alvh.errors import InputError

DELTA_TOLERANCE: Final = 0.02
"""How far a chosen strike's delta may lie from the program's (issue 2 of 5)."""

MODEL_TOLERANCE: Final = 0.05
"""The same for the short legs of a model condor: in a calm market two strikes of the 5-point grid lie 0.05 apart."""

DTE_TOLERANCE: Final = 18
"""How far a listed expiry may lie from the program's, days: half of the five weeks between two monthly expiries."""

DAILY_PROGRAM_DAYS: Final = 7
"""Condors sold with less than this to expiry are a daily program (4.6): SPXW expires on every session."""

DAILY_TOLERANCE: Final = 3
"""Of these the expiry may lie so far from the program's: a long weekend."""

_CLASSES: Final = ("SPXW", "SPX")
"""Preference between classes of one expiry where the program names none (interfaces, section 5: default SPXW)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorProgram:
    """A standing order for condors (Cboe CNDR's geometry by default).

    Attributes:
        dte: calendar days to expiry wanted at the sale.
        short_delta: |delta| of both short legs.
        long_delta: |delta| of both long legs, below `short_delta`.
        quantity: condors.
        roll: when the next one is sold: `expiry`, at the close of the session in which the last one settles.
        trading_class: SPXW or SPX; None takes either, SPXW first.
    """

    dte: int = 35
    short_delta: float = 0.20
    long_delta: float = 0.05
    quantity: int = 4
    roll: str = "expiry"
    trading_class: str | None = None

    @property
    def is_daily(self) -> bool:
        """Whether its condors live for less than a week."""
        return self.dte < DAILY_PROGRAM_DAYS

    @property
    def tolerance(self) -> int:
        """How far a listed expiry may lie from the one wanted, days."""
        return DAILY_TOLERANCE if self.is_daily else DTE_TOLERANCE

    @classmethod
    def from_plain(cls, plain: Mapping[str, object], where: str = "condor_program") -> "CondorProgram":
        """Return the program a configuration says, defaults where it is silent.

        Raises:
            InputError: a field is unknown or not what it must be; the text names it.
        """
        program = cls()
        unknown = [key for key in plain if key not in cls.__slots__]
        if unknown:
            raise InputError(f"{where}.{unknown[0]}: expected one of {', '.join(cls.__slots__)}")
        short = plain.get("short_delta", program.short_delta)
        long = plain.get("long_delta", program.long_delta)
        if not (isinstance(short, float | int) and isinstance(long, float | int) and 0.0 < long < short < 1.0):
            raise InputError(f"{where}: expected 0 < long_delta < short_delta < 1")
        trading_class = plain.get("trading_class")
        if trading_class not in (None, *_CLASSES):
            raise InputError(f"{where}.trading_class: expected SPXW or SPX")
        if plain.get("roll", program.roll) != "expiry":
            raise InputError(f"{where}.roll: expected expiry")
        return cls(
            dte=_count(plain.get("dte", program.dte), f"{where}.dte"),
            short_delta=float(short),
            long_delta=float(long),
            quantity=_count(plain.get("quantity", program.quantity), f"{where}.quantity"),
            trading_class=None if trading_class is None else str(trading_class),
        )


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{where}: expected a whole number of at least 1")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorLeg:
    """One of the four options: right, side (-1 sold, +1 bought), strike and quote in points, volatility, delta."""

    symbol: str
    right: str
    side: int
    strike: float
    bid: float
    ask: float
    mid: float
    iv: float
    delta: float
    vega: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenCondor:
    """A condor ready to be sold.

    Attributes:
        trading_class: SPXW or SPX.
        settlement: pm or am.
        expiry: the day it settles.
        last_trade: the last day it trades.
        dte: calendar days to expiry.
        quantity: condors.
        long_put: the four legs.
        short_put: likewise.
        short_call: likewise.
        long_call: likewise.
        credit: received at the touch (shorts at the bid, longs at the ask), points per condor.
        mid: the same at the middle.
        pricing: `quotes` or `model`.
        executable: whether it may be traded: never at model prices.
        notes: remarks, such as a long leg the model could not place at its delta.
    """

    trading_class: str
    settlement: Settlement
    expiry: date
    last_trade: date
    dte: int
    quantity: int
    long_put: CondorLeg
    short_put: CondorLeg
    short_call: CondorLeg
    long_call: CondorLeg
    credit: float
    mid: float
    pricing: str
    executable: bool
    notes: tuple[str, ...] = ()

    @property
    def legs(self) -> tuple[CondorLeg, CondorLeg, CondorLeg, CondorLeg]:
        """The legs by rising strike."""
        return self.long_put, self.short_put, self.short_call, self.long_call


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCondor:
    """Why the program sells nothing now.

    Attributes:
        reason: `no_expiry`, `no_delta`, `liquidity` or `no_credit`.
        detail: one line for a person.
    """

    reason: str
    detail: str


def is_due(expiry: date | None, session: date) -> bool:
    """Whether the next condor is to be sold at this session's close: none is held, or the last one has settled."""
    return expiry is None or session >= expiry


def choose_condor(
    program: CondorProgram, chain: Chain, rules: LiquidityRules, *, quote_age_s: float | None = 0.0
) -> ChosenCondor | NoCondor:
    """Choose from a quoted chain: the listed expiry nearest the program's, strikes within 0.02 of its deltas.

    Of the strikes within the tolerance the nearest that pass the liquidity gate are taken, a wing at a time (both legs
    pass, or their net price does). The credit is what the touch pays: who sells at the mid waits for it.

    Args:
        program: what is wanted.
        chain: SPX options.
        rules: of the gate.
        quote_age_s: age of the chain's quotes, seconds.
    """
    wanted = _CLASSES if program.trading_class is None else (program.trading_class,)
    slices = [part for part in chain.slices if part.trading_class in wanted]
    near = [part for part in slices if abs(part.dte - program.dte) <= program.tolerance]
    if not near:
        listed = ", ".join(dict.fromkeys(str(part.dte) for part in slices)) or "none"
        detail = f"no {' or '.join(wanted)} expiry within {program.tolerance} days of {program.dte}; listed: {listed}"
        return NoCondor(reason="no_expiry", detail=detail)
    near.sort(key=lambda part: (abs(part.dte - program.dte), part.expiry, wanted.index(part.trading_class)))
    tried = [_from_slice(program, part, rules, quote_age_s) for part in near if part.expiry == near[0].expiry]
    return next((found for found in tried if isinstance(found, ChosenCondor)), tried[0])


def model_condor(program: CondorProgram, smile: Smile, terms: ChainTerms) -> ChosenCondor | NoCondor:
    """Choose from the model surface: a monthly expiry (of a daily program a session), strikes in steps of 5.

    Never executable.

    The short strikes have to lie near their delta. A long strike that the surface cannot place at
    its delta (above a VIX of about 20 the scaled smile's put wing turns upward before) stands at the farthest strike
    that is still cheaper than those nearer in, and the condor says so.
    """
    expiry = _model_expiry(program, terms)
    chain = model_spx_chain([(expiry, program.trading_class or _CLASSES[0])], smile, terms)
    part = chain.slices[0]
    wings, notes = [], []
    for side in (part.puts, part.calls):
        short, long = side.nearest_delta(program.short_delta), side.nearest_delta(program.long_delta)
        if (
            short is None
            or long is None
            or short == long
            or not _close(side, short, program.short_delta, MODEL_TOLERANCE)
        ):
            detail = f"the model surface has no {side.right} spread at {program.short_delta}/{program.long_delta} delta"
            return NoCondor(reason="no_delta", detail=detail)
        if not _close(side, long, program.long_delta, DELTA_TOLERANCE):
            notes.append(f"long_{side.right}_at_delta_{abs(side.delta[long]):.3f}")
        wings.append((short, long))
    return _assemble(program, part, wings[0], wings[1], pricing="model", notes=tuple(notes))


def _model_expiry(program: CondorProgram, terms: ChainTerms) -> date:
    if not program.is_daily or program.trading_class == "SPX":  # AM-settled options expire once a month
        return nearest_monthly(terms.session, program.dte, terms.business_day_before)
    day = terms.session + timedelta(days=program.dte)
    while terms.business_day_before(day + timedelta(days=1)) != day:
        day += timedelta(days=1)
    return day


def nearest_monthly(session: date, dte: int, business_day_before: BusinessDayBefore) -> date:
    """Return the monthly SPX expiry later than `session` whose distance is nearest `dte` days, the earlier of two."""
    months = range(session.year * 12 + session.month - 1, session.year * 12 + session.month + dte // 28 + 2)
    expiries = [spx_monthly(month // 12, month % 12 + 1, business_day_before) for month in months]
    later = [expiry for expiry in expiries if expiry > session]
    return min(later, key=lambda expiry: (abs((expiry - session).days - dte), expiry))


def _from_slice(
    program: CondorProgram, part: ChainSlice, rules: LiquidityRules, age_s: float | None
) -> ChosenCondor | NoCondor:
    wings = []
    for side in (part.puts, part.calls):
        pairs = list(_pairs(side, program))
        if not pairs:
            detail = (
                f"{part.trading_class} {part.expiry}: no {side.right} strikes within {DELTA_TOLERANCE} of the deltas"
            )
            return NoCondor(reason="no_delta", detail=detail)
        passing = (pair for pair in pairs if _passes(side, pair, rules, age_s, program.quantity))
        pair = next(passing, None)
        if pair is None:
            detail = f"{part.trading_class} {part.expiry}: no {side.right} spread at these deltas passes the gate"
            return NoCondor(reason="liquidity", detail=detail)
        wings.append(pair)
    return _assemble(program, part, wings[0], wings[1], pricing="quotes", notes=())


def _close(side: ChainSide, index: int, target: float, tolerance: float) -> bool:
    return abs(abs(float(side.delta[index])) - target) <= tolerance


def _pairs(side: ChainSide, program: CondorProgram) -> Iterator[tuple[int, int]]:
    """Short and long positions within the tolerance, the nearest deltas first, the long strike always farther out."""
    outward = -1 if side.right == "P" else 1
    shorts, longs = _within(side, program.short_delta), _within(side, program.long_delta)
    return (
        (short, long) for short, long in product(shorts, longs)
        if outward * (side.strike[long] - side.strike[short]) > 0.0
    )  # fmt: skip


def _within(side: ChainSide, target: float) -> list[int]:
    distance = np.abs(np.abs(side.delta) - target)
    order = np.argsort(distance, kind="stable")
    return [int(index) for index in order if distance[index] <= DELTA_TOLERANCE]


def _passes(side: ChainSide, pair: tuple[int, int], rules: LiquidityRules, age_s: float | None, quantity: int) -> bool:
    short, long = (Touch(bid=float(side.bid[at]), ask=float(side.ask[at]), age_s=age_s) for at in pair)
    return gate_spread(Kind.SPX_OPTION, long, short, rules, quantity=quantity).passed


def _assemble(
    program: CondorProgram,
    part: ChainSlice,
    puts: tuple[int, int],
    calls: tuple[int, int],
    *,
    pricing: str,
    notes: tuple[str, ...],
) -> ChosenCondor | NoCondor:
    short_put, long_put = _leg(part, part.puts, puts[0], -1), _leg(part, part.puts, puts[1], 1)
    short_call, long_call = _leg(part, part.calls, calls[0], -1), _leg(part, part.calls, calls[1], 1)
    legs = (long_put, short_put, short_call, long_call)
    credit = sum(leg.bid if leg.side < 0 else -leg.ask for leg in legs)
    width = max(short_put.strike - long_put.strike, long_call.strike - short_call.strike)
    if not 0.0 < credit < width:
        detail = f"{part.trading_class} {part.expiry}: the touch pays {credit:.2f} on a width of {width:g}"
        return NoCondor(reason="no_credit", detail=detail)
    return ChosenCondor(
        trading_class=part.trading_class,
        settlement=part.settlement,
        expiry=part.expiry,
        last_trade=part.last_trade,
        dte=part.dte,
        quantity=program.quantity,
        long_put=long_put,
        short_put=short_put,
        short_call=short_call,
        long_call=long_call,
        credit=credit,
        mid=-sum(leg.side * leg.mid for leg in legs),
        pricing=pricing,
        executable=pricing == "quotes",
        notes=notes,
    )


def _leg(part: ChainSlice, side: ChainSide, at: int, sign: int) -> CondorLeg:
    strike = float(side.strike[at])
    return CondorLeg(
        symbol=occ_symbol(part.trading_class, part.expiry, side.right, strike),
        right=side.right,
        side=sign,
        strike=strike,
        bid=float(side.bid[at]),
        ask=float(side.ask[at]),
        mid=float(side.mid[at]),
        iv=float(side.iv[at]),
        delta=float(side.delta[at]),
        vega=float(side.vega[at]),
    )
