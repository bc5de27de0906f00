"""A market in one YAML file, for `alvh size`: prices, VIX futures, option quotes, and what signals would have said."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from alvh.errors import InputError
from alvh.settings import read_mapping
from alvh.settings_book import Fees, Rates, Strike
from alvh.settings_faults import explain

Positive = Annotated[float, Field(gt=0)]
Volatility = Annotated[float, Field(ge=1, le=1_000)]
"""Of the VIX and what is like it, points: it has lain between 9 and 83."""

Beta = Annotated[float, Field(gt=0, le=10)]
Session = Annotated[date, Field(ge=date(1990, 1, 2), le=date(2100, 12, 31))]
"""There has been a VIX since 1990."""

Price = Annotated[float, Field(gt=0, le=1_000_000)]


class Part(BaseModel):
    """A section of the file; what it does not know it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Dated(Part):
    """A contract by its expiry, or by calendar days from the session."""

    expiry: date | None = Field(default=None, description="ISO date")
    dte: int | None = Field(
        default=None, ge=1, le=3_650, description="calendar days from the session, instead of expiry"
    )

    @model_validator(mode="after")
    def _is_dated(self) -> "Dated":
        if (self.expiry is None) == (self.dte is None):
            raise ValueError("expected either expiry or dte")
        return self

    def on(self, session: date) -> date:
        """Return the expiry."""
        return self.expiry or session + timedelta(days=self.dte or 0)


class FutureNode(Dated):
    """One VIX future."""

    price: Volatility = Field(description="settlement or mid, points")
    bid: Positive | None = Field(default=None, description="points; with an ask or not at all")
    ask: Positive | None = Field(default=None, description="points")

    @model_validator(mode="after")
    def _is_two_sided(self) -> Self:
        if (self.bid is None) != (self.ask is None):
            raise ValueError("expected both bid and ask, or neither")
        if self.bid is not None and self.ask is not None and self.bid > self.ask:
            raise ValueError("expected a bid up to the ask")
        return self


class EtpNode(Part):
    """A volatility ETP, whose shares may stand in for VIX options and futures that fail the gate."""

    symbol: Literal["VIXY", "VXX"]
    bid: Positive = Field(description="USD per share")
    ask: Positive = Field(description="USD per share")

    @model_validator(mode="after")
    def _is_two_sided(self) -> Self:
        if self.bid > self.ask:
            raise ValueError("expected a bid up to the ask")
        return self


class OptionQuote(Dated):
    """One option; a bid of 0, a bid above the ask or too wide a quote is a quote that the liquidity gate refuses."""

    right: Literal["C", "P"] = "C"
    strike: Strike = Field(description="points")
    bid: float = Field(ge=0, description="points")
    ask: Positive = Field(description="points")
    iv: Positive | None = Field(default=None, description="implied volatility, decimal; from the mid where left out")


class VixOptionQuote(OptionQuote):
    """One VIX option."""

    trading_class: Literal["VIX", "VIXW"] | None = Field(default=None, description="default: by its expiry")


class SpxOptionQuote(OptionQuote):
    """One SPX option."""

    trading_class: Literal["SPX", "SPXW"] | None = Field(default=None, description="default: by its expiry")


class SmileCurve(Part):
    """sigma(x) = max(floor, level + slope x + curvature x^2), x = ln(K/S)."""

    level: float
    slope: float
    curvature: float
    floor: float = Field(default=0.08, gt=0)


class MarketFile(Part):
    """What one sizing sees; what is left out is unknown."""

    session: Session = Field(description="the session whose close this is")
    spx: Price = Field(description="points")
    vix: Volatility = Field(description="points")
    iwm: Price | None = Field(default=None, description="USD per share")
    rut: Price | None = Field(default=None, description="points")
    rvx: Volatility | None = Field(default=None, description="points")
    vvix: Volatility | None = Field(default=None, description="points; level of the model's VIX option surface")
    rates: Rates = Rates()
    fees: Fees = Fees()
    vx: list[FutureNode] = Field(min_length=1, description="VIX futures")
    vix_options: list[VixOptionQuote] = Field(default=[], description="quotes; without any the model surface is used")
    etps: list[EtpNode] = Field(default=[], description="volatility ETPs, tried where nothing else passes the gate")
    spx_options: list[SpxOptionQuote] = Field(default=[], description="quotes; smiles of their expiries")
    spx_smile: SmileCurve | None = Field(default=None, description="default: methodology 4.10 scaled by VIX/17.20")
    phase: Literal["STANDBY", "INITIAL", "STAGED", "CONFIRMED", "MONETISE", "COOLDOWN"] = "INITIAL"
    by_bigtop: bool = Field(default=False, description="INITIAL was entered through the late-cycle score alone")
    a: float = Field(default=0.0, ge=0, le=1, description="addition of S10, ratio")
    beta_star: Beta = Field(default=1.15, description="S11")
    beta_stress: Beta | None = Field(default=None, description="S12; default: beta_star")
    rv20: Annotated[float, Field(gt=0, le=1_000)] | None = Field(
        default=None, description="realised volatility of SPX, % per year"
    )
    vix_rising: bool = Field(default=False, description="vM: the MACD histogram of the VIX is above 0")


def read_market(path: Path) -> MarketFile:
    """Read and validate a market file.

    Raises:
        InputError: the file cannot be read or says something unexpected; names the file, the field, what was expected.
    """
    try:
        market = MarketFile(**read_mapping(path))
    except ValidationError as error:
        raise InputError(explain(str(path), error)) from error
    symbols = [etp.symbol for etp in market.etps]
    if len(set(symbols)) < len(symbols):
        raise InputError(f"{path}: etps: expected each symbol once, got {', '.join(symbols)}")
    groups: tuple[tuple[str, Sequence[Dated]], ...] = (
        ("vx", market.vx),
        ("vix_options", market.vix_options),
        ("spx_options", market.spx_options),
    )
    for name, rows in groups:
        seen: dict[tuple[object, ...], int] = {}
        for number, row in enumerate(rows):
            if row.on(market.session) <= market.session:
                raise InputError(f"{path}: {name}.{number}.expiry: expected a date behind the session")
            first = seen.setdefault(_contract(row, market.session), number)
            if first != number:
                raise InputError(
                    f"{path}: {name}.{number}: expected each contract once, this is that of {name}.{first}"
                )
    return market


def _contract(row: Dated, session: date) -> tuple[object, ...]:
    """Return what makes two rows the same contract."""
    if isinstance(row, VixOptionQuote | SpxOptionQuote):
        return row.on(session), row.right, row.strike, row.trading_class
    return (row.on(session),)
