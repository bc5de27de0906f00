"""A change of the hedge as a message says it: an action for each contract, and the package they are worked as."""

from collections.abc import Sequence

from alvh.core.hedge.condor_actions import CondorAction
from alvh.core.hedge.condor_moves import CondorMove, Place
from alvh.core.hedge.execution_windows import time_window
from alvh.core.hedge.holdings import FUTURE, SHARE, HeldCondor, Lot, LotPart
from alvh.core.hedge.look import Look
from alvh.core.hedge.put_quotes import put_quote
from alvh.core.hedge.settlement import class_rule, last_trade_date
from alvh.core.hedge.sizing_desk import Change
from alvh.core.hedge.spx_quotes import spx_quote
from alvh.message_parts import Action, Package, PackageLeg


def action_of(change: Change, look: Look, verb: str) -> list[Action]:
    """Return one action for each contract of a change, what is bought first; a sold option waits for it."""
    found: list[Action] = []
    fee = look.fees.of_lot(change.lot)
    parts = list(zip(change.lot.parts, change.prices, strict=True))
    parts.sort(key=lambda pair: pair[0].ratio * change.units < 0)
    for part, price in parts:
        bid, ask, mid, iv, delta, vega = _quote(change.lot, part, look)
        count = change.units * part.ratio
        before = change.held * part.ratio
        if change.roll is not None:
            before = max(0, -count)  # of the call that is sold all that is left of it, of the new one nothing yet
        found.append(
            Action(
                action=verb,
                leg=change.lot.leg,
                instrument=part.symbol,
                side="BUY" if count > 0 else "SELL",
                qty=abs(count),
                qty_before=before,
                qty_after=before + count,
                limit_price=price,
                mid=mid,
                bid=bid,
                ask=ask,
                spread_pct=100.0 * (ask - bid) / mid if bid is not None and ask is not None and mid > 0.0 else None,
                delta=delta,
                vega=vega,
                iv=iv,
                multiplier=change.lot.multiplier,
                est_cost=price * count * change.lot.multiplier if change.lot.is_premium else 0.0,
                fees=fee * abs(count),
                time_window=time_window(look, change.lot.leg),
                depends_on=found[0].instrument if found and count < 0 and part.strike is not None else None,
                reason=_reason(change, look),
            )
        )
    return found


def holds(look: Look, changes: Sequence[Change]) -> list[Action]:
    """Return HOLD for the contracts of every lot that is left alone; one for ALL where there is nothing to do."""
    touched = {(change.lot.leg, change.lot.symbols) for change in changes}
    rolls = {change.roll.held.symbols: change.units for change in changes if change.roll is not None}
    touched |= {("L1", symbols) for symbols in rolls}
    kept = [(lot, part, lot.quantity) for lot in look.holdings.everything if (lot.leg, lot.symbols) not in touched
            for part in lot.parts]  # fmt: skip
    # Of a lot that is rolled up the sold call is left alone.
    kept += [(lot, part, rolls[lot.symbols]) for lot in look.holdings.lots if lot.symbols in rolls
             for part in lot.parts[1:]]  # fmt: skip
    found = [
        Action(
            action="HOLD",
            leg=lot.leg,
            instrument=part.symbol,
            side="NONE",
            qty=0,
            qty_before=count * part.ratio,
            qty_after=count * part.ratio,
            multiplier=lot.multiplier,
        )
        for lot, part, count in kept
    ]
    if found or changes:
        return found
    return [
        Action(action="HOLD", leg="ALL", instrument="", side="NONE", qty=0, qty_before=0, qty_after=0, multiplier=1.0)
    ]


def _reason(change: Change, look: Look) -> str | None:
    """Return the rule that asks for a change, and of a roll what it brings."""
    if change.roll is None:
        return look.leaving.get(change.lot.key) or instead_of(change, look)
    return f"{look.leaving.get(change.roll.held.key)}; credit {-change.net:.4f} per contract"


def _quote(
    lot: Lot, part: LotPart, look: Look
) -> tuple[float | None, float | None, float, float | None, float | None, float | None]:
    if lot.leg == "IWM":
        put = put_quote(look.snapshot, lot)
        return put.bid, put.ask, put.mid, put.iv, put.delta, put.vega
    if part.strike is not None and class_rule(part.trading_class).underlying == "SPX":
        sold = spx_quote(look.snapshot, part.trading_class, part.expiry, "C", part.strike or 0.0)
        return sold.bid, sold.ask, sold.mid, sold.iv, sold.delta, sold.vega
    if part.kind == SHARE:
        share = look.snapshot.share(part.symbol)
        return share.bid, share.ask, share.price, None, None, None
    if part.strike is None:
        node = look.snapshot.quoted_future(part)
        return node.bid, node.ask, node.settle, None, 1.0, None
    quote = look.snapshot.call(part.expiry, part.strike)
    return quote.bid, quote.ask, quote.mid, quote.iv, quote.delta, quote.vega


def package_of(change: Change, look: Look, number: int) -> Package:
    """Return a change as one order: its net price, a debit positive."""
    sign = 1 if change.units > 0 else -1
    debit = sign * change.net
    return Package(
        legs=[_package_leg(part, sign, look) for part in change.lot.parts],
        quantity=abs(change.units),
        net_limit=debit,
        net_debit_total=debit * abs(change.units) * change.lot.multiplier if change.lot.is_premium else 0.0,
        order_of_working=number,
    )


def _package_leg(part: LotPart, sign: int, look: Look) -> PackageLeg:
    snapshot = look.snapshot
    if part.kind == SHARE:
        quoted = {etp.symbol: etp.age_s for etp in snapshot.etps()}
        return PackageLeg(
            instrument=part.symbol, ratio=sign * part.ratio, trading_class=part.trading_class, last_trade_date="",
            settlement="none", quote_age=quoted.get(part.symbol),
        )  # fmt: skip
    rule = class_rule(part.trading_class)
    is_future = part.kind == FUTURE
    return PackageLeg(
        instrument=part.symbol,
        ratio=sign * part.ratio,
        trading_class=part.trading_class,
        last_trade_date=last_trade_date(
            part.trading_class, part.expiry, snapshot.terms.business_day_before
        ).isoformat(),
        settlement=str(rule.settlement),
        quote_age=snapshot.age_of_future(part.trading_class) if is_future else snapshot.age_of(rule.underlying),
    )


def instead_of(change: Change, look: Look) -> str | None:
    """Return what a purchase stands in for and why (L-F); None where it stands in for nothing."""
    choice = None if look.question is None else look.question.choices.get(change.lot.leg)
    if choice is None or change.units < 0 or not choice.is_stand_in or not choice.rejected:
        return None
    if tuple(part.symbol for part in choice.contracts) != change.lot.symbols:
        return None
    return f"in place of {choice.rejected[0]}"


def condor_action(action: CondorAction, held: HeldCondor | None) -> Action:
    """Return what condors should do without a trade of ours: TIGHTEN, HOLD_NEW, or what could not be priced."""
    if held is None:
        return Action(
            action=action.action, leg="COND", instrument="", side="NONE", qty=0, qty_before=0, qty_after=0,
            multiplier=100.0, reason=action.reason,
        )  # fmt: skip
    condor = held.condor
    strikes = [f"{condor.short_put:g}P"] if condor.has_puts else []
    strikes += [f"{condor.short_call:g}C"] if condor.has_calls else []
    name = f"{condor.trading_class} {held.expiry} {'/'.join(strikes)}"
    return Action(
        action=action.action,
        leg="COND",
        instrument=f"{name} {action.side}" if action.side else name,
        side="NONE",
        qty=0,
        qty_before=-condor.quantity,
        qty_after=-condor.quantity,
        multiplier=100.0,
        reason=action.reason,
    )


def move_actions(move: CondorMove, look: Look) -> list[Action]:
    """Return one action for each contract of a condor's move, what is bought before what is sold."""
    found: list[Action] = []
    ledger = look.holdings.condor_ledger
    for contract, sign, price in sorted(move.trades, key=lambda trade: trade[1] < 0):
        place = move.new if move.new and contract.symbol in _symbols(move, move.new) else move.old
        strike = int(contract.symbol[13:]) / 1000.0
        quote = spx_quote(look.snapshot, place.trading_class, place.expiry, move.right, strike)
        count, before = sign * move.quantity, ledger.quantity(contract.symbol)
        found.append(
            Action(
                action=move.action,
                leg="COND",
                instrument=contract.symbol,
                side="BUY" if count > 0 else "SELL",
                qty=abs(count),
                qty_before=before,
                qty_after=before + count,
                limit_price=price,
                mid=quote.mid,
                bid=quote.bid,
                ask=quote.ask,
                spread_pct=100.0 * (quote.ask - quote.bid) / quote.mid if quote.mid > 0.0 else None,
                delta=quote.delta,
                vega=quote.vega,
                iv=quote.iv,
                multiplier=contract.multiplier,
                est_cost=price * count * contract.multiplier,
                fees=look.fees.option * abs(count),
                time_window=time_window(look, "COND"),
                depends_on=found[0].instrument if found and count < 0 else None,
                reason=move.reason,
                is_choice=move.is_choice,
            )
        )
    return found


def _symbols(move: CondorMove, place: Place) -> tuple[str, ...]:
    return tuple(
        contract.symbol for contract, _, _ in move.trades if contract.expiry == place.expiry
        and int(contract.symbol[13:]) / 1000.0 in (place.short, place.long)
    )  # fmt: skip


def move_package(move: CondorMove, look: Look, number: int) -> Package:
    """Return a condor's move as one order: its net price, a debit positive."""
    rule = look.snapshot.terms.business_day_before
    name = move.old.trading_class
    return Package(
        legs=[
            PackageLeg(
                instrument=contract.symbol,
                ratio=sign,
                trading_class=name,
                last_trade_date=last_trade_date(name, contract.expiry, rule).isoformat(),
                settlement=str(class_rule(name).settlement),
                quote_age=look.snapshot.age_of("SPX"),
            )
            for contract, sign, _ in move.trades
        ],
        quantity=move.quantity,
        net_limit=move.net_debit,
        net_debit_total=move.net_debit * move.quantity * 100.0,
        order_of_working=number,
    )
