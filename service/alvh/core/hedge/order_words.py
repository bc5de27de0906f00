"""A change of the hedge as a message says it: an action for each contract, and the package they are worked as."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alvh.core.hedge.condor_actions import CondorAction
from alvh.core.hedge.holdings import HeldCondor, LotPart
from alvh.core.hedge.settlement import class_rule, last_trade_date
from alvh.core.hedge.sizing_desk import Change
from alvh.message_parts import Action, Package, PackageLeg

if TYPE_CHECKING:
    from alvh.core.hedge.desk import Look

_WINDOW = "09:40-15:50 ET"


def action_of(change: Change, look: "Look", verb: str) -> list[Action]:
    """Return one action for each contract of a change; a spread's sold contract waits for its bought one."""
    found: list[Action] = []
    fee = look.fees.for_leg(change.lot.leg)
    parts = zip(change.lot.parts, change.prices, change.unit.calls or change.unit.futures, strict=True)
    for part, price, _ in parts:
        bid, ask, mid, iv, delta, vega = _quote(part, look)
        count = change.units * part.ratio
        found.append(
            Action(
                action=verb,
                leg=change.lot.leg,
                instrument=part.symbol,
                side="BUY" if count > 0 else "SELL",
                qty=abs(count),
                qty_before=change.held * part.ratio,
                qty_after=(change.held + change.units) * part.ratio,
                limit_price=price,
                mid=mid,
                bid=bid,
                ask=ask,
                spread_pct=100.0 * (ask - bid) / mid if bid is not None and ask is not None and mid > 0.0 else None,
                delta=delta,
                vega=vega,
                iv=iv,
                multiplier=change.lot.multiplier,
                est_cost=price * count * change.lot.multiplier if part.strike is not None else 0.0,
                fees=fee * abs(count),
                time_window=_WINDOW,
                depends_on=found[0].instrument if found and count < 0 and part.strike is not None else None,
            )
        )
    return found


def holds(look: "Look", changes: Sequence[Change]) -> list[Action]:
    """Return HOLD for the contracts of every lot that is left alone; one for ALL where there is nothing to do."""
    touched = {(change.lot.leg, change.lot.symbols) for change in changes}
    found = [
        Action(
            action="HOLD",
            leg=lot.leg,
            instrument=part.symbol,
            side="NONE",
            qty=0,
            qty_before=lot.quantity * part.ratio,
            qty_after=lot.quantity * part.ratio,
            multiplier=lot.multiplier,
        )
        for lot in look.holdings.lots
        if (lot.leg, lot.symbols) not in touched
        for part in lot.parts
    ]
    if found or changes:
        return found
    return [
        Action(action="HOLD", leg="ALL", instrument="", side="NONE", qty=0, qty_before=0, qty_after=0, multiplier=1.0)
    ]


def _quote(
    part: LotPart, look: "Look"
) -> tuple[float | None, float | None, float, float | None, float | None, float | None]:
    if part.strike is None:
        node = look.snapshot.future(part.expiry)
        return node.bid, node.ask, node.settle, None, 1.0, None
    quote = look.snapshot.call(part.expiry, part.strike)
    return quote.bid, quote.ask, quote.mid, quote.iv, quote.delta, quote.vega


def package_of(change: Change, look: "Look", number: int) -> Package:
    """Return a change as one order: its net price, a debit positive."""
    rule = look.snapshot.terms.business_day_before
    sign = 1 if change.units > 0 else -1
    is_premium = change.lot.parts[0].strike is not None
    debit = sign * change.net
    return Package(
        legs=[
            PackageLeg(
                instrument=part.symbol,
                ratio=sign * part.ratio,
                trading_class=part.trading_class,
                last_trade_date=last_trade_date(part.trading_class, part.expiry, rule).isoformat(),
                settlement=str(class_rule(part.trading_class).settlement),
                quote_age=look.snapshot.age_of("VIX") if is_premium else None,
            )
            for part in change.lot.parts
        ],
        quantity=abs(change.units),
        net_limit=debit,
        net_debit_total=debit * abs(change.units) * change.lot.multiplier if is_premium else 0.0,
        order_of_working=number,
    )


def condor_action(action: CondorAction, held: HeldCondor) -> Action:
    """Return what a condor should do; a proposal in words, its strikes are for the trader to choose."""
    condor = held.condor
    name = f"{condor.trading_class} {held.expiry} {condor.short_put:g}P/{condor.short_call:g}C"
    return Action(
        action=action.action,
        leg="COND",
        instrument=f"{name} {action.side}" if action.side else name,
        side="NONE",
        qty=0,
        qty_before=-condor.quantity,
        qty_after=-condor.quantity,
        multiplier=100.0,
    )
