"""What a hedge leg may be made of: the rules it is chosen by, the market it is chosen from, the listed contracts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Final

from alvh.core.hedge.book import EtpShare, HedgeUnit, VixCall, VixFuture
from alvh.core.hedge.chain import Chain
from alvh.core.hedge.liquidity import LiquidityRules, LiquidityVerdict, Touch
from alvh.core.hedge.model_chain import CurveNode
from alvh.core.hedge.settlement import BusinessDayBefore, Settlement, weekday_before
from alvh.errors import InputError

MODEL_SLIPPAGE: Final = 0.02
"""Round trip of a VIX futures spread without quotes, points: two ticks of a spread order (methodology 4.4, 4.10)."""

STAND_INS: Final = ("future", "etp")
"""Fallbacks that are no options."""

MODEL_VERDICT: Final = LiquidityVerdict(passed=True, reason="model", spread_pct=None)
"""What stands for the gate's verdict where there is nothing to gate: such a choice is valued, never executable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegWindow:
    """When a leg may be opened, calendar days to expiry.

    Attributes:
        low: earliest expiry of the window.
        high: latest.
        target: nearest to it is best.
        least: a fallback expiry outside the window lies above it: at or below, the leg would be rolled at once.
        most: and it lies below this, where the next longer leg begins.
    """

    low: int
    high: int
    target: int
    least: int
    most: int

    def outside(self, dte: int) -> int:
        """Return 0 in the window, 1 behind it, 2 before it: the order in which fallback expiries are tried."""
        return 0 if self.low <= dte <= self.high else 1 if dte > self.high else 2


WINDOWS: Final[Mapping[str, LegWindow]] = MappingProxyType({
    "L1": LegWindow(low=20, high=45, target=30, least=10, most=100),
    "L1b": LegWindow(low=20, high=45, target=30, least=10, most=100),
    "L2": LegWindow(low=14, high=45, target=14, least=7, most=100),
    "L3a": LegWindow(low=100, high=130, target=110, least=60, most=190),
    "L3b": LegWindow(low=190, high=250, target=220, least=130, most=1000),
})  # fmt: skip
"""The windows of methodology 3.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRules:
    """How legs are chosen: the `legs:` and `liquidity:` sections of methodology 11.

    Attributes:
        windows: per leg.
        delta: of the long strike of L1, L3a and L3b.
        z: least, wanted and greatest distance of K_z in standard deviations.
        liquidity: the gate.
        futures_root: what L2 is made of: VXM or VX.
        calendar: when contracts stop trading.
    """

    windows: Mapping[str, LegWindow] = field(default_factory=lambda: WINDOWS)
    delta: float = 0.50
    z: tuple[float, float, float] = (1.5, 1.75, 2.0)
    liquidity: LiquidityRules = field(default_factory=LiquidityRules)
    futures_root: str = "VXM"
    calendar: BusinessDayBefore = weekday_before

    @classmethod
    def from_methodology(
        cls, methodology: Mapping[str, Mapping[str, object]], calendar: BusinessDayBefore = weekday_before
    ) -> "SelectionRules":
        """Return the rules a `methodology:` mapping says, defaults where it is silent.

        Raises:
            InputError: `legs` holds what it must not.
        """
        said, default = methodology.get("legs", {}), cls()
        windows = dict(default.windows)
        for key, legs in (("L1_dte", ("L1", "L1b")), ("L3a_dte", ("L3a",)), ("L3b_dte", ("L3b",))):
            dte = said.get(key)
            if isinstance(dte, Sequence):
                low, high, target = (int(value) for value in dte)
                for leg in legs:
                    windows[leg] = replace(windows[leg], low=low, high=high, target=target)
        delta, z = said.get("delta", default.delta), said.get("z", default.z)
        if not isinstance(delta, float | int) or not isinstance(z, Sequence):
            raise InputError("methodology.legs: expected a number for delta and three for z")
        least, wanted, most = (float(value) for value in z)
        liquidity = {"liquidity": {key: float(str(v)) for key, v in methodology.get("liquidity", {}).items()}}
        return cls(
            windows=MappingProxyType(windows),
            delta=float(delta),
            z=(least, wanted, most),
            liquidity=LiquidityRules.from_methodology(liquidity),
            calendar=calendar,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EtpQuote:
    """A volatility ETP: VIXY or VXX, dollars per share."""

    symbol: str
    bid: float
    ask: float
    age_s: float | None = 0.0
    beta: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionMarket:
    """What can be chosen from.

    Attributes:
        session: the day of the quotes.
        vix: VIX options: the quoted chain, or the model's (`model_vix_chain`).
        pricing: `quotes` or `model`: which of the two `vix` is.
        futures: the VIX futures curve.
        minis: what VXM futures are quoted at; None where nobody tells them apart: then VX's quotes stand for both,
            which arbitrage holds together.
        etps: volatility ETPs, in the order in which they are tried.
        quote_age_s: age of the chain, seconds; None: unknown, which fails the gate.
        futures_age_s: of the futures' quotes; likewise `minis_age_s`.
        outright_l1: whether L1 may be an outright call (not above a VX1 of 30, methodology 3.5). Above 50 no outright
            call is bought at all, but chosen it is: what the guard frees is not given to other legs (4.8).
    """

    session: date
    vix: Chain
    pricing: str
    futures: Sequence[CurveNode] = ()
    minis: Sequence[CurveNode] | None = None
    etps: Sequence[EtpQuote] = ()
    quote_age_s: float | None = 0.0
    futures_age_s: float | None = 0.0
    minis_age_s: float | None = 0.0
    outright_l1: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One listed contract of a leg.

    Attributes:
        symbol: OCC or CFE symbol, or the ETP's ticker.
        trading_class: VIX, VIXW, VX, VXM, SPX, SPXW or the ticker.
        right: C or P; None for futures and shares.
        strike: points; None likewise.
        expiry: final settlement; None for shares.
        last_trade_date: last day it trades; None likewise.
        settlement: am, pm or vro; None likewise.
        dte: calendar days to expiry; None likewise.
        ratio: contracts per unit of the leg, negative sold.
        multiplier: dollars per point.
        bid: points; None where it is not quoted.
        ask: likewise.
        mid: points.
        iv: decimal; None for futures and shares.
        delta: per point of the VIX future (VIX) or of the index (SPX); of shares their beta to the 30-day future.
        vega: per volatility point.
        spread_pct: (ask - bid)/mid, per cent.
        passed: the gate's verdict on it alone (a spread may pass on its net price all the same).
        reason: why.
    """

    symbol: str
    trading_class: str
    right: str | None
    strike: float | None
    expiry: date | None
    last_trade_date: date | None
    settlement: Settlement | None
    dte: int | None
    ratio: int
    multiplier: float
    bid: float | None
    ask: float | None
    mid: float
    iv: float | None
    delta: float
    vega: float
    spread_pct: float | None
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegChoice:
    """What a leg is to be made of.

    Attributes:
        leg: L1, L1b, L2, L3a, L3b or FIN.
        contracts: its parts, empty where nothing could be chosen.
        passed: whether the gate lets it be traded; at model prices, whether it can be valued.
        reason: why; for a refused leg the reason of the first choice.
        fallback: None for the first choice, else `outright_call`, `next_expiry`, `next_expiry_outright`, `future`,
            `etp` or `skip`.
        per_unit: contracts (or shares) of this that replace one unit of the leg; 1 unless it is another kind.
        tried: what it is, where there is no contract to name.
        pricing: `quotes` or `model`.
        executable: whether it may be proposed as an order.
        rejected: what was tried before, as `<instrument>: <reason>`.
    """

    leg: str
    contracts: tuple[Contract, ...]
    passed: bool
    reason: str
    fallback: str | None
    pricing: str
    per_unit: float = 1.0
    rejected: tuple[str, ...] = ()
    tried: str = ""

    @property
    def executable(self) -> bool:
        """Whether it may be proposed as an order: never at model prices."""
        return self.passed and self.pricing == "quotes"

    @property
    def is_stand_in(self) -> bool:
        """Whether it is a future or shares in place of the leg's options."""
        return self.fallback in STAND_INS and self.leg != "L2"

    @property
    def is_future(self) -> bool:
        """Whether it is made of futures, whose fee is another than an option's."""
        return self.leg == "L2" or (self.is_stand_in and self.fallback == "future")

    @property
    def residual_unhedged(self) -> bool:
        """Whether the leg is left out, so that its share of the target stays open."""
        return not self.contracts

    @property
    def ask(self) -> float | None:
        """Net debit to open one unit at the touch, points; None where a part is not quoted."""
        return self._net(buying=True)

    @property
    def bid(self) -> float | None:
        """Net credit to close one unit at the touch, points."""
        return self._net(buying=False)

    @property
    def mid(self) -> float:
        """Net price of one unit at the middle, points."""
        return sum(part.ratio * part.mid for part in self.contracts)

    @property
    def delta(self) -> float:
        """Net delta of one unit."""
        return sum(part.ratio * part.delta for part in self.contracts)

    def _net(self, *, buying: bool) -> float | None:
        total = 0.0
        for part in self.contracts:
            price = part.ask if (part.ratio > 0) == buying else part.bid
            if price is None:
                return None
            total += part.ratio * price
        return total

    def unit(self, fee_usd: float = 1.0) -> HedgeUnit | None:
        """Return the leg as sizing values it; None where it is skipped."""
        if not self.contracts or self.leg == "FIN":
            return None
        if self.is_stand_in and self.fallback == "etp":
            return HedgeUnit(
                leg=self.leg,
                shares=tuple(_share(part) for part in self.contracts),
                multiplier=1.0,
                fee_usd=fee_usd,
                per_unit=self.per_unit,
            )
        if self.is_future:
            quoted = all(part.bid is not None for part in self.contracts)
            return HedgeUnit(
                leg=self.leg,
                futures=tuple(_future(part) for part in self.contracts),
                multiplier=self.contracts[0].multiplier,
                fee_usd=fee_usd,
                slippage=None if quoted else MODEL_SLIPPAGE,
                # A calendar of VX is a larger contract of the same leg, no stand-in for options.
                per_unit=self.per_unit if self.is_stand_in else 1.0,
            )
        return HedgeUnit(leg=self.leg, calls=tuple(_call(part) for part in self.contracts), fee_usd=fee_usd)


def _future(part: Contract) -> VixFuture:
    match part:
        case Contract(dte=int() as days):
            return VixFuture(
                days=days,
                price=part.mid,
                ratio=part.ratio,
                bid=part.bid,
                ask=part.ask,
                expiry=part.expiry,
                symbol=part.symbol,
            )
    raise ValueError(f"{part.symbol} is no future")


def _share(part: Contract) -> EtpShare:
    assert part.bid is not None and part.ask is not None  # noqa: PT018 - the gate refuses what is not quoted
    return EtpShare(symbol=part.symbol, bid=part.bid, ask=part.ask, beta=part.delta)


def _call(part: Contract) -> VixCall:
    match part:
        case Contract(dte=int() as days, strike=float() as strike, iv=float() as vol, bid=float() as bid,
                      ask=float() as ask):  # fmt: skip
            return VixCall(
                days=days,
                strike=strike,
                vol=vol,
                bid=bid,
                ask=ask,
                ratio=part.ratio,
                expiry=part.expiry,
                symbol=part.symbol,
            )
    raise ValueError(f"{part.symbol} is no quoted option")


_UNQUOTED: Final = float("nan")


def touch_of(part: Contract, age_s: float | None) -> Touch:
    """Return a contract's quote as the gate reads it; a missing side fails there."""
    return Touch(
        bid=_UNQUOTED if part.bid is None else part.bid, ask=_UNQUOTED if part.ask is None else part.ask, age_s=age_s
    )
