"""What a sizing is asked at one instant: candidates, what is held, small caps, cost so far; and what it changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from alvh.core.hedge.book import LEGS, FinancingSpread, HedgeUnit, SmallCaps
from alvh.core.hedge.bookings import FOR_EVER, book_units
from alvh.core.hedge.contracts import MODEL_SLIPPAGE, LegChoice
from alvh.core.hedge.holdings import FUTURE, SHARE, Holdings, Lot, LotPart
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phase_targets import PhaseTarget
from alvh.core.hedge.selection import choose_leg
from alvh.core.hedge.sizing_inputs import SizingInputs, SizingParameters
from alvh.core.hedge.sizing_report import FLOOR_PHASES
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.symbols import cfe_root
from alvh.core.signals.term_structure import basis_and_roll
from alvh.core.situation import Situation

_SPREAD_CONTRACT_SIDES: Final = 4.0  # a calendar's fee pays for two contracts bought and sold again


ETP_SHARE_FEE: Final = 0.005
"""Per ETP share and side, dollars, where a configuration says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """Fees in dollars per contract and side."""

    option: float
    future: float
    share: float = ETP_SHARE_FEE

    @classmethod
    def of(cls, fees: Mapping[str, float]) -> "Fees":
        """Return the fees a configuration says."""
        return cls(
            option=fees["option"],
            future=fees["future_spread"] / _SPREAD_CONTRACT_SIDES,
            # Configurations of version 0.1 know no ETP.
            share=fees.get("etp_share", ETP_SHARE_FEE),
        )

    def of_lot(self, lot: Lot) -> float:
        """Return the fee of one contract of a lot."""
        return {FUTURE: self.future, SHARE: self.share}.get(lot.kind, self.option)

    def of_choice(self, choice: LegChoice) -> float:
        """Return the fee of one contract of what a leg is to be made of."""
        if choice.is_stand_in and not choice.is_future:
            return self.share
        return self.future if choice.is_future else self.option


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRoll:
    """A lot whose long call is rolled up (3.5).

    Attributes:
        held: the lot as it is.
        becomes: the same units behind the roll, at today's touch.
        trade: what is traded: the new call bought, the old one sold.
        prices: of these two, points.
    """

    held: Lot
    becomes: Lot
    trade: Lot
    prices: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Units of one make to buy (positive) or sell, at the touch.

    Attributes:
        lot: what they are; its quantity, price and session are those of a purchase.
        units: how many, signed.
        held: of them before.
        prices: per contract of a unit, points.
        unit: today's quotes; None of an overlay or a roll, which no sizing values.
        roll: of a ROLL_UP, whose contracts `lot` holds; None of a plain purchase or sale.
    """

    lot: Lot
    units: int
    held: int
    prices: tuple[float, ...]
    unit: HedgeUnit | None
    roll: LongRoll | None = None

    @property
    def net(self) -> float:
        """Net price per unit, points: paid when bought, received when sold."""
        return sum(part.ratio * price for part, price in zip(self.lot.parts, self.prices, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A sizing's inputs, and the choices its candidates come from."""

    inputs: SizingInputs
    choices: Mapping[str, LegChoice]


def ask(  # noqa: PLR0913 - a sizing depends on all of these, and they come from four places
    situation: Situation,
    snapshot: Snapshot,
    holdings: Holdings,
    target: PhaseTarget,
    parameters: SizingParameters,
    *,
    small_caps: SmallCaps | None,
    fees: Fees,
    cost_to_date: float,
    leaving: Mapping[str, str],
    with_candidates: bool = True,
    financing: tuple[FinancingSpread, ...] = (),
    trailing_credit: float | None = None,
) -> Question:
    """Return what to ask of a sizing.

    Args:
        situation: of the decision.
        snapshot: its market.
        holdings: what is held.
        target: what the phase wants.
        parameters: of methodology 11.
        small_caps: held; None without, or without a price.
        fees: per contract.
        cost_to_date: hedge cost of this condor's life, dollars.
        leaving: symbols of lots that are to go whatever the target, joined by spaces, and the rule that says so.
        with_candidates: whether legs are chosen to buy; otherwise what is held is looked at alone.
        financing: FIN spreads held.
        trailing_credit: condor credit of the last 21 sessions, dollars, for daily programs; None for others.
    """
    choices = _choices(snapshot, target, parameters) if with_candidates and target.adds_allowed else {}
    stopped = {lot.leg for lot in holdings.lots if leaving.get(lot.key, "").startswith("CLOSE")}
    units = {leg: choice.unit(fees.of_choice(choice)) for leg, choice in choices.items() if leg not in stopped}
    close = situation.book.newest
    realised = None if close is None else situation.book.realised.realised(close)
    held = [snapshot.held(lot, fees.of_lot(lot), is_kept=lot.key not in leaving) for lot in holdings.lots]
    inputs = SizingInputs(
        market=snapshot.market,
        condors=tuple(held_condor.at(snapshot.session) for held_condor in holdings.condors),
        small_caps=small_caps,
        candidates=tuple(unit for unit in units.values() if unit is not None),
        target=target,
        held=tuple(held),
        parameters=parameters,
        cost_to_date_usd=cost_to_date,
        financing=financing,
        trailing_credit_usd=trailing_credit,
        refused=tuple((leg, refusal_of(choice)) for leg, choice in choices.items() if units.get(leg) is None),
        daily_roll=None if close is None else basis_and_roll(close)[1],
        vix_momentum=situation.book.flags.v_m is True,
        covers_small_caps=parameters.covers_small_caps,
        small_cap_share=parameters.small_cap_share,
        rv20=None if realised is None else realised / 100.0,
    )
    return Question(inputs=inputs, choices=choices)


def refusal_of(choice: LegChoice) -> str:
    """Return why a leg cannot be bought as sizing values it; empty where it can."""
    if not choice.passed:
        return choice.reason
    return ""


def _choices(snapshot: Snapshot, target: PhaseTarget, parameters: SizingParameters) -> dict[str, LegChoice]:
    """The legs of the phase's mix; from INITIAL on those too that a tilt of it may turn to (4.8)."""
    selection = snapshot.selection(parameters.bands.bands[1])
    may_tilt = target.phase in FLOOR_PHASES
    wanted = [leg for leg in LEGS if target.weights.get(leg) or (may_tilt and leg in ("L1b", "L2"))]
    return {leg: choose_leg(leg, selection, snapshot.rules) for leg in wanted}


def small_caps_of(
    portfolio: Mapping[str, Any], situation: Situation, prior: float
) -> tuple[SmallCaps | None, list[tuple[str, float, float]]]:
    """Return the small caps held, and (symbol, shares, price) of each; what has no price is left out.

    Args:
        portfolio: its configuration.
        situation: prices and betas.
        prior: beta before there is one.
    """
    rows = []
    for plain in portfolio["small_caps"]:
        price = situation.board.price(plain["symbol"])
        if price is not None:
            rows.append((str(plain["symbol"]), float(plain["shares"]), price))
    if not rows:
        return None, []
    exposure = situation.book.exposure
    beta = exposure.beta_star or prior
    stress = exposure.beta_stress or beta
    total = sum(shares * price for _, shares, price in rows)
    return SmallCaps(exposure=total, beta_star=beta, beta_stress=max(stress, beta)), rows


def changes_of(sizing: Sizing, holdings: Holdings, snapshot: Snapshot) -> list[Change]:
    """Return what a sizing changes, sales first."""
    found = []
    for row in sizing.legs:
        if row.change:
            bought = lot_of(row.unit, row.leg, abs(row.change), snapshot)
            lot = bought if row.change > 0 else holdings.find(row.leg, bought.terms) or bought
            prices = touch(row.unit, buying=row.change > 0)
            found.append(Change(lot=lot, units=row.change, held=row.held, prices=prices, unit=row.unit))
    return sorted(found, key=lambda change: change.units > 0)


def sale_of(lot: Lot, units: int, snapshot: Snapshot, fees: Fees) -> Change:
    """Return the sale of units of a lot at the touch."""
    unit = snapshot.unit(lot, fees.of_lot(lot))
    return Change(lot=lot, units=-units, held=lot.quantity, prices=touch(unit, buying=False), unit=unit)


def lot_of(unit: HedgeUnit, leg: str, units: int, snapshot: Snapshot) -> Lot:
    """Return units bought now as a lot."""
    parts = _lot_parts(unit)
    prices = touch(unit, buying=True)
    extrinsic = None
    if unit.calls:
        call = unit.calls[0]
        forward = float(snapshot.market.curve.level(call.days))
        extrinsic = max(call.touch - max(forward - call.strike, 0.0), 0.0)
    return Lot(
        leg=leg, parts=parts, multiplier=unit.multiplier, quantity=units, extrinsic=extrinsic, armed=True,
        entry_price=sum(p.ratio * price for p, price in zip(parts, prices, strict=True)), opened=snapshot.session,
        per_unit=unit.per_unit,
    )  # fmt: skip


def _lot_parts(unit: HedgeUnit) -> tuple[LotPart, ...]:
    parts = [
        LotPart(symbol=share.symbol, trading_class=share.symbol, strike=None, expiry=FOR_EVER, ratio=share.ratio)
        for share in unit.shares
    ]
    for part in unit.calls or unit.futures:
        assert part.expiry is not None
        strike = getattr(part, "strike", None)
        name = part.symbol[:6].strip() if strike is not None else cfe_root(part.symbol) or "VXM"
        parts.append(
            LotPart(symbol=part.symbol, trading_class=name, strike=strike, expiry=part.expiry, ratio=part.ratio)
        )
    return tuple(parts)


def touch(unit: HedgeUnit, *, buying: bool) -> tuple[float, ...]:
    """Return the price of each contract at which a unit can be bought or sold now, points."""
    if unit.calls:
        return tuple(call.ask if (call.ratio > 0) == buying else call.bid for call in unit.calls)
    if unit.shares:
        return tuple(share.ask if buying else share.bid for share in unit.shares)
    # Without quotes of its own a calendar slips by half of its round trip, shared by its two contracts.
    slip = 0.25 * (MODEL_SLIPPAGE if unit.slippage is None else unit.slippage)
    prices = []
    for future in unit.futures:
        is_bought = (future.ratio > 0) == buying
        quoted = future.ask if is_bought else future.bid
        prices.append(quoted if quoted is not None else future.price + (slip if is_bought else -slip))
    return tuple(prices)


def execute(holdings: Holdings, changes: Sequence[Change], snapshot: Snapshot, fees: Fees) -> None:
    """Book changes as done at their prices: paper execution, or what an answer said was executed."""
    for change in changes:
        lot = change.lot
        book_units(
            holdings.ledger_of(lot.leg), lot.lines, change.units, change.prices, fee_usd=fees.of_lot(lot),
            session=snapshot.session,
        )  # fmt: skip
        if change.roll is None:
            take(holdings, lot, change.units, change.net)
        else:
            take_roll(holdings, change.roll.held, change.roll.becomes, change.units)


def take(holdings: Holdings, lot: Lot, units: int, net: float) -> None:
    """Let the lots follow a trade of so many units at a net price."""
    if units > 0:
        holdings.put(replace(lot, quantity=units, entry_price=net))
        return
    held = holdings.find(lot.leg, lot.terms)
    assert held is not None and held.quantity >= -units  # noqa: PT018
    holdings.swap(held, replace(held, quantity=held.quantity + units))


def take_roll(holdings: Holdings, held: Lot, becomes: Lot, units: int) -> None:
    """Let so many units of a lot become another."""
    lot = holdings.find(held.leg, held.terms)
    assert lot is not None and lot.quantity >= units  # noqa: PT018
    holdings.swap(lot, replace(lot, quantity=lot.quantity - units))
    holdings.put(replace(becomes, quantity=units))
