"""IWM puts for small caps, where the trader has chosen them (6.3): how many are wanted, and what limits the number."""

from dataclasses import dataclass
from math import floor, inf
from typing import Final

from alvh.core.hedge.constraints import Binding
from alvh.core.hedge.exposure import VXTH_DAYS, front_price
from alvh.core.hedge.holdings import Lot, LotPart
from alvh.core.hedge.iwm_put import PUT_MULTIPLIER, IwmPut, PutPricer
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.put_quotes import held_put, new_put, put_quote
from alvh.core.hedge.scenario import linked_spx_return, small_cap_return
from alvh.core.hedge.sizing_desk import Change
from alvh.core.hedge.sizing_inputs import SizingParameters
from alvh.core.hedge.symbols import occ_symbol

ROLL_DTE: Final = 7
"""Days to expiry at or below which a put is rolled into one of about 35 days: little time value is left (CHOICE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPlan:
    """What the puts do; dollars.

    Attributes:
        target: share of the small caps' design loss to offset.
        gain: what the puts wanted gain in the design scenario.
        cost: what they cost over the horizon.
        budget: what they may cost.
        premium: what can be lost with them.
        delta: dollars per +1 % SPX, by beta*.
        held, wanted: contracts.
        changes: trades.
        bindings: what limited the number.
    """

    target: float
    gain: float
    cost: float
    budget: float
    premium: float
    delta: float
    held: int
    wanted: int
    changes: tuple[Change, ...]
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Each:
    """One put: gain in the design scenario, cost over the horizon, what can be lost, delta per +1 % SPX; dollars."""

    gain: float
    cost: float
    premium: float
    delta: float


def leaving(look: Look) -> dict[str, str]:
    """Return the puts that are to be rolled: their symbols, and the rule."""
    if not look.snapshot.is_fresh_for_condors:
        return {}
    near = [
        lot for lot in look.holdings.overlays
        if lot.leg == "IWM" and (lot.parts[0].expiry - look.snapshot.session).days <= ROLL_DTE
    ]  # fmt: skip
    return {lot.key: f"ROLL: dte<={ROLL_DTE}" for lot in near}


def plan_puts(
    look: Look, sizing: Sizing, parameters: SizingParameters, share: float, *, may_buy: bool, is_off: bool
) -> PutPlan | None:
    """Return what the puts do; None without small caps, or where IWM or RVX is not known: nothing is traded then.

    Args:
        look: the decision.
        sizing: of it: its target share, its design scenario, and what it leaves of the cap.
        parameters: of methodology 11.
        share: of the small caps' loss that is the puts' to offset.
        may_buy: whether anything may be added now.
        is_off: whether the hedge is switched off: all is sold.
    """
    fresh = new_put(look.snapshot, look.fees.option)
    if look.small_caps is None or fresh is None or not look.snapshot.is_fresh_for_condors:
        return None
    lots = [lot for lot in look.holdings.overlays if lot.leg == "IWM"]
    going = {lot.key for lot in lots if is_off or lot.key in look.leaving}
    kept = [lot for lot in lots if lot.key not in going]
    sales = [_sale(look, lot, lot.quantity) for lot in lots if lot.key in going]
    each = {lot: _each(look, sizing, parameters, _put_of(look, lot)) for lot in kept}
    target = 0.0 if is_off else share * sizing.phi * sizing.small_cap_loss_design
    gain = sum(lot.quantity * each[lot].gain for lot in kept)
    budget = _budget(look, sizing, parameters, share)
    one = _each(look, sizing, parameters, fresh)
    bought: int = 0
    bindings: tuple[Binding, ...] = ()
    if gain < target and may_buy and not is_off:
        bought, bindings = _bought(sizing, parameters, one, target - gain, budget, kept, each)
    elif gain > target:
        for lot in kept:
            count = min(lot.quantity, floor((gain - target) / each[lot].gain + 1e-9)) if each[lot].gain > 0.0 else 0
            if count:
                sales.append(_sale(look, lot, count))
                gain -= count * each[lot].gain
    sold = {change.lot: -change.units for change in sales}
    left = [(each[lot], lot.quantity - sold.get(lot, 0)) for lot in kept]
    totals = {
        name: sum(getattr(unit, name) * count for unit, count in [*left, (one, bought)])
        for name in ("gain", "cost", "premium", "delta")
    }
    purchase = [_purchase(look, fresh, bought)] if bought else []
    return PutPlan(
        target=target, budget=budget, held=sum(lot.quantity for lot in lots),
        wanted=sum(count for _, count in left) + bought, changes=(*sales, *purchase), bindings=bindings, **totals,
    )  # fmt: skip


def _bought(
    sizing: Sizing,
    parameters: SizingParameters,
    one: _Each,
    missing: float,
    budget: float,
    kept: list[Lot],
    each: dict[Lot, _Each],
) -> tuple[int, tuple[Binding, ...]]:
    """Return how many puts are bought, and what cut the number, in the order of 4.8."""
    wanted = floor(missing / one.gain + 1e-9) if one.gain > 0.0 else 0
    spent = sum(each[lot].cost * lot.quantity for lot in kept)
    at_risk = sum(each[lot].premium * lot.quantity for lot in kept)
    leaned = sizing.deltas.book + sum(each[lot].delta * lot.quantity for lot in kept)
    strict = parameters.scope == "strict"
    premium = parameters.premium_max * sizing.credit - sizing.premium_at_risk - at_risk if strict else inf
    limits = (
        ("CAP", (budget - spent) / one.cost, f"IWM puts may cost {budget:,.2f} USD over the horizon"),
        ("PREMIUM", premium / one.premium, "premium at risk is limited to the condors' credit"),
        ("BOOK_DELTA", leaned / -one.delta if one.delta < 0.0 else inf, "the book may not be short the market"),
    )
    count, bindings = wanted, []
    for name, most, detail in limits:
        allowed = max(0, floor(min(most, 1e9) + 1e-9))
        if allowed < count:
            bindings.append(
                Binding(constraint=name, cut_usd=(count - allowed) * one.gain, detail=f"IWM puts: {detail}")
            )
            count = allowed
    return count, tuple(bindings)


def _budget(look: Look, sizing: Sizing, parameters: SizingParameters, share: float) -> float:
    """Return what puts may cost over the horizon: what the hedge leaves of the cap, or the small caps' own budget."""
    assert look.small_caps is not None
    to_date = look.holdings.puts.cost_of_book(look.marks.puts)
    if parameters.scope == "strict":
        return max(0.0, sizing.cap - sizing.cost - to_date)
    weight = parameters.bands.weight(front_price(look.snapshot.market))
    return max(0.0, share * weight * look.small_caps.exposure * sizing.horizon / VXTH_DAYS - to_date)


def _each(look: Look, sizing: Sizing, parameters: SizingParameters, put: IwmPut) -> _Each:
    assert look.small_caps is not None
    market, scenario, design = look.snapshot.market, parameters.scenario, sizing.shock.design
    pricer = PutPricer(market, put, scenario.rvx_elasticity, scenario.shift_cap)
    fall = small_cap_return(look.small_caps, linked_spx_return(scenario, market.vix, design))
    points = pricer.marks().delta * PUT_MULTIPLIER * pricer.spot * 0.01
    return _Each(
        gain=float(pricer.gains(fall, design, 0.0)),
        cost=pricer.cost(sizing.horizon),
        premium=PUT_MULTIPLIER * put.ask + put.fee_usd,
        delta=points * look.small_caps.beta_star,
    )


def _put_of(look: Look, lot: Lot) -> IwmPut:
    part = lot.parts[0]
    return held_put(look.snapshot, part.strike or 0.0, part.expiry)


def _sale(look: Look, lot: Lot, count: int) -> Change:
    return Change(lot=lot, units=-count, held=lot.quantity, prices=(put_quote(look.snapshot, lot).bid,), unit=None)


def _purchase(look: Look, put: IwmPut, count: int) -> Change:
    assert put.expiry is not None
    symbol = occ_symbol("IWM", put.expiry, "P", put.strike)
    part = LotPart(symbol=symbol, trading_class="IWM", strike=put.strike, expiry=put.expiry, ratio=1)
    lot = Lot(
        leg="IWM", parts=(part,), multiplier=PUT_MULTIPLIER, quantity=count, entry_price=put.ask, extrinsic=None,
        armed=True, opened=look.snapshot.session,
    )  # fmt: skip
    held = look.holdings.find("IWM", lot.terms)
    return Change(lot=lot, units=count, held=held.quantity if held else 0, prices=(put.ask,), unit=None)
