"""Executable put-call parity on a future, and the bound forward variance puts on a VIX future (S35, S36)."""

import math
from dataclasses import dataclass
from typing import Final

_VXM_PER_OPTION: Final = 1.0  # both have a multiplier of 100; ten options need one VX
DOLLARS_PER_POINT: Final = 100.0
RICH_MARGIN: Final = 0.10
"""Points above the bound, besides costs, from which a VIX future is called rich (CHOICE)."""

CHEAP_MARGIN: Final = 4.0
"""Points below the bound from which it is called cheap (CHOICE; the bound ignores the volatility of volatility)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSided:
    """A quote: bid and ask, points."""

    bid: float
    ask: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityEdge:
    """What the two packages earn at the touch, points per option.

    Attributes:
        conversion: long the future, long the put, short the call; before fees.
        reversal: the opposite; before fees.
        fees: fees of one package, points per option.
        flag: `conversion`, `reversal` or `none`: which of them pays after fees, by at least a tick.
    """

    conversion: float
    reversal: float
    fees: float
    flag: str

    @property
    def conversion_net(self) -> float:
        """The conversion's edge after fees, points."""
        return self.conversion - self.fees

    @property
    def reversal_net(self) -> float:
        """The reversal's edge after fees, points."""
        return self.reversal - self.fees


def parity_fees(fee_usd: float = 1.0, *, options_per_future: float = _VXM_PER_OPTION) -> float:
    """Return the fees of a package, points per option: a call, a put and a share of one future.

    Args:
        fee_usd: per contract and side, dollars.
        options_per_future: 1 for VXM, 10 for VX.
    """
    return (2.0 + 1.0 / options_per_future) * fee_usd / DOLLARS_PER_POINT


def parity_edge(
    *, call: TwoSided, put: TwoSided, future: TwoSided, strike: float, discount: float, fees: float, tick: float = 0.01
) -> ParityEdge:
    """Return the executable parity edges at one strike (S35).

    Args:
        call: the call's quote, points.
        put: the put's quote at the same strike and expiry.
        future: the future of that expiry; for SPX the forward's two sides.
        strike: points.
        discount: e^(-rT).
        fees: of one package, points per option (`parity_fees`).
        tick: smallest net price step, points.
    """
    conversion = (call.bid - put.ask) - discount * (future.ask - strike)
    reversal = discount * (future.bid - strike) - (call.ask - put.bid)
    best, name = max((conversion, "conversion"), (reversal, "reversal"))
    # Prices are decimal: an edge of exactly one tick must not be lost to the last bit of a difference.
    pays = best - fees > 0.0 and best - fees >= tick - 1e-9
    return ParityEdge(conversion=conversion, reversal=reversal, fees=fees, flag=name if pays else "none")


def prefer_synthetic(edge: ParityEdge) -> bool:
    """Whether a long call is cheaper as long put and long future (L-S).

    A conversion that pays says that the call's bid alone is above what the put and the future cost together.
    """
    return edge.flag == "conversion"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardBound:
    """A VIX future against the forward 30-day volatility of SPX.

    Attributes:
        bound: the greatest fair future, points; None where the two variances admit none.
        edge: future less bound, points; None likewise.
        flag: `rich`, `cheap`, `inside` or `no_bound`.
    """

    bound: float | None
    edge: float | None
    flag: str


def forward_bound(
    *, future: float, vol_near: float, days_near: float, vol_far: float, days_far: float, costs: float = 0.0
) -> ForwardBound:
    """Compare a VIX future with forward variance (S36; Jensen's inequality makes the bound an upper one).

    Args:
        future: the VIX future that settles in `days_near` days, points.
        vol_near: SPX variance-swap volatility to that date, in points such as 17.2.
        days_near: calendar days.
        vol_far: the same to 30 days later.
        days_far: calendar days, above `days_near`.
        costs: of trading it, points.
    """
    span = days_far - days_near
    variance = (vol_far**2 * days_far - vol_near**2 * days_near) / span if span > 0 else math.nan
    if not variance > 0.0:
        return ForwardBound(bound=None, edge=None, flag="no_bound")
    bound = math.sqrt(variance)
    edge = future - bound
    flag = "rich" if edge > RICH_MARGIN + costs else "cheap" if edge < -CHEAP_MARGIN else "inside"
    return ForwardBound(bound=bound, edge=edge, flag=flag)
