"""What is held and what could be bought: condors, small caps, hedge units, hedge legs, the financing spread.

Quantities are contracts, prices points, amounts dollars; days are calendar days from the snapshot.
"""

from dataclasses import dataclass
from datetime import date
from math import inf
from typing import Final

CONDOR_MULTIPLIER: Final = 100.0
VIX_OPTION_MULTIPLIER: Final = 100.0
VX_MULTIPLIER: Final = 1000.0
VXM_MULTIPLIER: Final = 100.0

ETP_DAYS: Final = 30.0
"""Days at which volatility ETPs keep their futures (VIXY and VXX follow the S&P 500 VIX Short-Term Futures index)."""

LEGS: Final = ("L1", "L1b", "L2", "L3a", "L3b")
"""The legs a sizing solves for, in the order that breaks ties (methodology 4.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condor:
    """Short iron condors of one kind; a side whose two strikes are one has been bought back or rolled away.

    Attributes:
        long_put: strike, points; below `short_put` below `short_call` below `long_call`.
        short_put: strike.
        short_call: strike.
        long_call: strike.
        quantity: condors sold.
        credit: received per condor, points.
        days: to expiry.
        trading_class: SPXW (PM-settled) or SPX (AM-settled).
        expiry: the date itself, where it is known.
        days_at_entry: to expiry when it was sold, where that is known: tells a daily program from a condor grown old.
    """

    long_put: float
    short_put: float
    short_call: float
    long_call: float
    quantity: int
    credit: float
    days: int
    trading_class: str = "SPXW"
    expiry: date | None = None
    days_at_entry: int | None = None

    @property
    def has_puts(self) -> bool:
        """Whether its put side is there."""
        return self.long_put < self.short_put

    @property
    def has_calls(self) -> bool:
        """Whether its call side is there."""
        return self.short_call < self.long_call

    @property
    def strikes(self) -> tuple[float, float, float, float]:
        """Short put, long put, short call, long call."""
        return self.short_put, self.long_put, self.short_call, self.long_call

    @property
    def width(self) -> float:
        """The wider of the two wings, points."""
        return max(self.short_put - self.long_put, self.long_call - self.short_call)

    @property
    def dollars_per_point(self) -> float:
        """Dollars by which all condors change when one changes by a point."""
        return CONDOR_MULTIPLIER * self.quantity

    @property
    def credit_usd(self) -> float:
        """Credit of all condors."""
        return self.credit * self.dollars_per_point

    @property
    def max_loss_usd(self) -> float:
        """Greatest loss of all condors at expiry."""
        return (self.width - self.credit) * self.dollars_per_point

    def break_evens(self, cost: float = 0.0) -> tuple[float, float]:
        """Return the lower and upper break-even at expiry after `cost` points of hedge per condor (section 5).

        A side that is not there has none: minus or plus infinity.
        """
        net = self.credit - cost
        return self.short_put - net if self.has_puts else -inf, self.short_call + net if self.has_calls else inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCaps:
    """Small caps held beside the condors.

    Attributes:
        exposure: E, dollars.
        beta_star: shrunk beta to SPX (S11).
        beta_stress: beta used when SPX falls (S12).
    """

    exposure: float
    beta_star: float
    beta_stress: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VixCall:
    """One VIX call of a hedge unit as quoted.

    Attributes:
        days: to settlement.
        strike: points.
        vol: implied volatility, decimal.
        bid: points.
        ask: points.
        ratio: +1 bought, -1 sold, per unit.
        expiry: the settlement date, where it is known.
        symbol: its name at the exchange, where it is known.
    """

    days: float
    strike: float
    vol: float
    bid: float
    ask: float
    ratio: int = 1
    expiry: date | None = None
    symbol: str = ""

    @property
    def touch(self) -> float:
        """What a trade that opens it costs now: the ask of what is bought, the bid of what is sold, points."""
        return self.ask if self.ratio > 0 else self.bid


@dataclass(frozen=True, slots=True, kw_only=True)
class VixFuture:
    """One VIX future of a hedge unit: days to settlement, its mark, +1 bought or -1 sold per unit."""

    days: float
    price: float
    ratio: int
    bid: float | None = None
    ask: float | None = None
    expiry: date | None = None
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EtpShare:
    """One share of a fund of VIX futures that is kept at 30 days by rolling every day (VIXY, VXX; L-F).

    Attributes:
        symbol: ticker.
        bid: dollars.
        ask: dollars.
        beta: of the share to the 30-day future, about 1.
        ratio: +1: shares are only ever bought.
    """

    symbol: str
    bid: float
    ask: float
    beta: float = 1.0
    ratio: int = 1

    @property
    def days(self) -> float:
        """Constant maturity of what it holds."""
        return ETP_DAYS

    @property
    def price(self) -> float:
        """Middle of its quote, dollars."""
        return 0.5 * (self.bid + self.ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeUnit:
    """One contract of a hedge leg: a call, a call spread, a calendar spread; or what stands in for a call (L-F).

    Attributes:
        leg: one of `LEGS`.
        calls: its options, or
        futures: its futures, the front one first, or
        shares: its shares.
        multiplier: dollars per point.
        fee_usd: per contract and side.
        slippage: round trip of the futures in points, where a spread quote says it; else from the futures' own quotes.
        per_unit: contracts or shares of it that stand for one contract of the leg's own; 1 unless it stands in.
    """

    leg: str
    calls: tuple[VixCall, ...] = ()
    futures: tuple[VixFuture, ...] = ()
    shares: tuple[EtpShare, ...] = ()
    multiplier: float = VIX_OPTION_MULTIPLIER
    fee_usd: float = 1.0
    slippage: float | None = None
    per_unit: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what sizing could not value or must not hold."""
        kinds = sum(bool(parts) for parts in (self.calls, self.futures, self.shares))
        if self.leg not in LEGS or kinds != 1 or not self.per_unit > 0.0:
            raise ValueError(
                f"hedge unit {self.leg!r}: expected one of {', '.join(LEGS)}, of calls or of futures or of shares, "
                "and a per_unit above 0"
            )
        if sum(part.ratio for part in self.parts) < 0:
            raise ValueError(f"hedge unit {self.leg}: sells more than it buys")

    @property
    def parts(self) -> tuple[VixCall, ...] | tuple[VixFuture, ...] | tuple[EtpShare, ...]:
        """What it is made of, whatever that is."""
        return self.calls or self.futures or self.shares

    @property
    def contracts(self) -> int:
        """Exchange contracts in one unit, each paying its own fee."""
        return sum(abs(part.ratio) for part in self.parts)

    @property
    def days(self) -> float:
        """Days to the nearest settlement in it; of shares the 30 days that they are kept at."""
        return min(part.days for part in self.parts)

    @property
    def is_outright(self) -> bool:
        """Whether it is a naked long call, which the high-VIX guard limits."""
        return bool(self.calls) and all(call.ratio > 0 for call in self.calls)

    @property
    def is_calendar(self) -> bool:
        """Whether it is a spread of futures, which has a stop; a future alone has none."""
        return bool(self.futures) and sum(future.ratio for future in self.futures) == 0

    @property
    def terms(self) -> tuple[tuple[float, float, int, str], ...]:
        """What it is made of apart from prices: (days, strike, ratio, kind) of each part.

        Two of equal terms are one line. Futures are told apart by their multiplier, shares by their ticker.
        """
        if self.calls:
            return tuple((call.days, call.strike, call.ratio, "") for call in self.calls)
        if self.shares:
            return tuple((share.days, 0.0, share.ratio, share.symbol) for share in self.shares)
        return tuple((future.days, 0.0, future.ratio, f"x{self.multiplier:g}") for future in self.futures)


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeLeg:
    """Hedge units held.

    Attributes:
        unit: what it is, at today's quotes.
        quantity: units held, not negative.
        entry_price: net price paid per unit, points; None where it is not known (today's touch is then taken).
        is_kept: False where it is to go whatever the target (due to be rolled).
        is_tradable: False where its quotes fail the gate: no order is then proposed on it.
    """

    unit: HedgeUnit
    quantity: int
    entry_price: float | None = None
    is_kept: bool = True
    is_tradable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingSpread:
    """SPX call spreads sold to finance the hedge (FIN, methodology 3.6).

    Attributes:
        short_call: strike, points.
        long_call: strike above it.
        quantity: spreads sold.
        credit: received per spread, points; of spreads held what is left to be earned.
        days: to expiry.
        earned: of spreads held what they have earned up to now, points; negative is a loss.
    """

    short_call: float
    long_call: float
    quantity: int
    credit: float
    days: int
    earned: float = 0.0

    @property
    def width_usd(self) -> float:
        """Their width, dollars."""
        return (self.long_call - self.short_call) * CONDOR_MULTIPLIER * self.quantity

    @property
    def max_loss_usd(self) -> float:
        """Greatest loss at expiry, dollars."""
        return self.width_usd - self.credit * CONDOR_MULTIPLIER * self.quantity
