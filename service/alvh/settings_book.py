"""The knobs of a book: condors, the program that opens them, small caps, hedge legs held; rates and fees."""

from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from alvh.settings_methodology import Knobs

MOST_CONTRACTS: Final = 1_000_000
"""More of anything is a slip of the pen: it is many times what is open in all VIX options."""

Contracts = Annotated[int, Field(gt=0, le=MOST_CONTRACTS)]
Strike = Annotated[float, Field(gt=0, le=100_000)]
Rate = Annotated[float, Field(gt=-0.5, lt=1)]


class Condor(Knobs):
    """One iron condor held; strikes and credit in points."""

    expiry: date
    quantity: Contracts = Field(description="condors")
    credit: float = Field(gt=0, description="received per condor, points")
    short_put: Strike
    long_put: Strike
    short_call: Strike
    long_call: Strike
    trading_class: Literal["SPXW", "SPX"] = Field(default="SPXW", description="SPXW PM-settled, SPX AM-settled")

    @model_validator(mode="after")
    def _defined_risk(self) -> Self:
        if not self.long_put < self.short_put < self.short_call < self.long_call:
            raise ValueError("expected long_put < short_put < short_call < long_call")
        width = max(self.short_put - self.long_put, self.long_call - self.short_call)
        if self.credit >= width:
            raise ValueError(f"expected a credit below the width of the wider wing ({width:g}), got {self.credit:g}")
        return self

    @property
    def contract(self) -> tuple[object, ...]:
        """What makes two condors the same position."""
        return self.expiry, self.trading_class, self.long_put, self.short_put, self.short_call, self.long_call


class CondorProgram(Knobs):
    """Condors opened by rule (the geometry of Cboe's CNDR)."""

    dte: int = Field(
        default=35,
        ge=1,
        le=365,
        description="calendar days to expiry at the opening; below 7 a daily program: a session's expiry, H of 30 days",
    )
    short_delta: float = Field(default=0.20, gt=0, lt=0.5)
    long_delta: float = Field(default=0.05, gt=0, lt=0.5)
    quantity: int = Field(default=4, ge=1)
    roll: Literal["expiry"] = "expiry"
    trading_class: Literal["SPXW", "SPX"] = "SPXW"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.long_delta >= self.short_delta:
            raise ValueError("expected long_delta < short_delta")
        return self


class SmallCap(Knobs):
    """Small caps held beside the condors."""

    symbol: Literal["IWM", "RUT"] = "IWM"
    shares: float = Field(gt=0, description="shares (RUT: units of one dollar per point)")


class HeldLeg(Knobs):
    """A hedge leg that is already held; negative quantity is short (FIN)."""

    leg: Literal["L1", "L1b", "L2", "L3a", "L3b", "FIN"]
    quantity: int = Field(description="contracts, or shares")
    expiry: date | None = Field(default=None, description="of all but shares")
    instrument: Literal["VXM", "VX", "VIXY", "VXX"] | None = Field(
        default=None, description="what stands in for VIX calls, or a calendar's class; default: calls, of L2 VXM"
    )
    strike: Strike | None = Field(default=None, description="long strike of calls and spreads, points")
    short_strike: Strike | None = Field(default=None, description="short strike of a spread, points")
    short_expiry: date | None = Field(default=None, description="second month of a futures calendar")
    entry_price: float | None = Field(default=None, description="paid per contract, points")
    opened: date | None = None

    @property
    def is_share(self) -> bool:
        """Whether it is held in shares of a volatility ETP."""
        return self.instrument in ("VIXY", "VXX")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.expiry is None) != self.is_share:
            raise ValueError("expected an expiry, of VIXY and VXX none")
        if self.leg == "FIN":
            if self.instrument is not None:
                raise ValueError("expected no instrument: FIN is made of SPX calls")
            return self
        if not 0 < self.quantity <= MOST_CONTRACTS:
            raise ValueError(f"expected a quantity from 1 to {MOST_CONTRACTS}, as no leg but FIN is ever sold short")
        if self.leg == "L2":
            if self.short_expiry is None or self.expiry is None or self.short_expiry <= self.expiry:
                raise ValueError("expected a short_expiry behind the expiry: L2 sells the later month")
            return self
        if self.instrument is not None:
            if self.strike is not None or self.short_strike is not None:
                raise ValueError(f"expected no strike: {self.instrument} has none")
            return self
        if self.strike is None:
            raise ValueError("expected a strike")
        if self.short_strike is not None and (self.leg != "L1" or self.short_strike <= self.strike):
            raise ValueError("expected a short_strike of L1 alone, above its strike")
        return self


def _no_condor_twice(condors: list[Condor]) -> list[Condor]:
    for at, condor in enumerate(condors):
        if condor.contract in (other.contract for other in condors[:at]):
            raise ValueError(f"number {at} has the contracts of one before it: give one, with the quantity of both")
    return condors


def _no_leg_twice(legs: list[HeldLeg]) -> list[HeldLeg]:
    for at, leg in enumerate(legs):
        if leg in legs[:at]:
            raise ValueError(f"number {at} repeats one before it: give one, with the quantity of both")
    return legs


Condors = Annotated[list[Condor], AfterValidator(_no_condor_twice)]
HeldLegs = Annotated[list[HeldLeg], AfterValidator(_no_leg_twice)]


class Rates(Knobs):
    """Rates the pricing uses, decimals per year (methodology 4.10)."""

    r: Rate = Field(default=0.042, description="risk-free")
    q: Rate = Field(default=0.013, description="dividend yield of SPX")
    q_iwm: Rate = Field(default=0.012, description="dividend yield of IWM")


class Fees(Knobs):
    """Fees in dollars."""

    option: float = Field(default=1.00, ge=0, description="per option contract and side")
    future_spread: float = Field(default=4.00, ge=0, description="per futures calendar")
    etp_share: float = Field(default=0.005, ge=0, description="per share of a volatility ETP and side")
