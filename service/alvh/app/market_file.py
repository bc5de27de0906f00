"""A market in one YAML file, for `alvh size`: prices, VIX futures, option quotes, and what signals would have said."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from alvh.errors import InputError
from alvh.settings import Fees, Rates, explain, read_mapping

Positive = Annotated[float, Field(gt=0)]


class Part(BaseModel):
    """A section of the file; what it does not know it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dated(Part):
    """A contract by its expiry, or by calendar days from the session."""

    expiry: date | None = Field(default=None, description="ISO date")
    dte: int | None = Field(default=None, ge=1, description="calendar days from the session, instead of expiry")

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

    price: Positive = Field(description="settlement or mid, points")
    bid: Positive | None = Field(default=None, description="points")
    ask: Positive | None = Field(default=None, description="points")


class OptionQuote(Dated):
    """One VIX or SPX option."""

    right: Literal["C", "P"] = "C"
    strike: Positive = Field(description="points")
    bid: float = Field(ge=0, description="points")
    ask: Positive = Field(description="points")
    iv: Positive | None = Field(default=None, description="implied volatility, decimal; from the mid where left out")
    trading_class: str | None = Field(default=None, description="VIX, VIXW, SPX or SPXW")


class SmileCurve(Part):
    """sigma(x) = max(floor, level + slope x + curvature x^2), x = ln(K/S)."""

    level: float
    slope: float
    curvature: float
    floor: float = Field(default=0.08, gt=0)


class MarketFile(Part):
    """What one sizing sees; what is left out is unknown."""

    session: date = Field(description="the session whose close this is")
    spx: Positive = Field(description="points")
    vix: Positive = Field(description="points")
    iwm: Positive | None = Field(default=None, description="USD per share")
    rut: Positive | None = Field(default=None, description="points")
    rvx: Positive | None = Field(default=None, description="points")
    vvix: Positive | None = Field(default=None, description="points; level of the model's VIX option surface")
    rates: Rates = Rates()
    fees: Fees = Fees()
    vx: list[FutureNode] = Field(min_length=1, description="VIX futures")
    vix_options: list[OptionQuote] = Field(default=[], description="quotes; without any the model surface is used")
    spx_options: list[OptionQuote] = Field(default=[], description="quotes; smiles of their expiries")
    spx_smile: SmileCurve | None = Field(default=None, description="default: methodology 4.10 scaled by VIX/17.20")
    phase: Literal["STANDBY", "INITIAL", "STAGED", "CONFIRMED", "MONETISE", "COOLDOWN"] = "INITIAL"
    by_bigtop: bool = Field(default=False, description="INITIAL was entered through the late-cycle score alone")
    a: float = Field(default=0.0, ge=0, le=1, description="addition of S10, ratio")
    beta_star: Positive = Field(default=1.15, description="S11")
    beta_stress: Positive | None = Field(default=None, description="S12; default: beta_star")
    rv20: Positive | None = Field(default=None, description="realised volatility of SPX, % per year")
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
    for name, rows in (("vx", market.vx), ("vix_options", market.vix_options), ("spx_options", market.spx_options)):
        for number, row in enumerate(rows):
            if row.on(market.session) <= market.session:
                raise InputError(f"{path}: {name}.{number}.expiry: expected a date behind the session")
    return market
