"""ROLL_UP in the desk (3.5): the long call of a lot of L1 is sold and a higher one bought; its sold call is kept."""

from collections.abc import Sequence
from dataclasses import replace

from alvh.core.hedge.book import VixCall
from alvh.core.hedge.harvest import RollUp, roll_up
from alvh.core.hedge.holdings import Holdings, Lot, LotPart
from alvh.core.hedge.look import Look
from alvh.core.hedge.sizing_desk import Change, LongRoll, sale_of
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.symbols import occ_symbol


def long_roll(lot: Lot, snapshot: Snapshot) -> LongRoll | None:
    """Return the roll of a lot's long call; None where the lot cannot keep its other contract, or no credit is made.

    A spread is rolled inside its own expiry, while that lies in the window in which L1 is opened: behind a later call
    the sold one would not be covered, as each VIX expiry has a future of its own. An outright call may also go into
    the next expiry of its class.
    """
    long, *short = lot.parts
    window, slices = snapshot.rules.windows["L1"], snapshot.vix_chain.slices
    of_class = [part for part in slices if part.trading_class == long.trading_class]
    own = next((part for part in of_class if part.expiry == long.expiry), None)
    if own is None or long.strike is None:
        return None
    later = sorted((part for part in of_class if part.expiry > own.expiry), key=lambda part: part.expiry)
    places = [part for part in (own, *([] if short else later[:1])) if window.low <= part.dte <= window.high]
    found = roll_up(long.strike, own, places, quoted=snapshot.pricing == "quotes")
    if found is None or any(found.strike >= (part.strike or 0.0) for part in short):
        return None
    return _made(lot, found, snapshot) if _passes(long, found, snapshot) else None


def _passes(long: LotPart, found: RollUp, snapshot: Snapshot) -> bool:
    """Whether both calls pass the gate (S34); the model's always do, and are never executable."""
    if snapshot.pricing != "quotes":
        return True
    age = snapshot.age_of("VIX")
    for expiry, strike in ((long.expiry, long.strike or 0.0), (found.expiry, found.strike)):
        quote = snapshot.call(expiry, strike)
        days = float((expiry - snapshot.session).days)
        call = VixCall(days=days, strike=strike, vol=quote.iv, bid=quote.bid, ask=quote.ask)
        if not quote.listed or not snapshot.verdict(call, age).passed:
            return False
    return True


def _made(lot: Lot, found: RollUp, snapshot: Snapshot) -> LongRoll:
    long, *short = lot.parts
    symbol = occ_symbol(long.trading_class, found.expiry, "C", found.strike)
    new = replace(long, symbol=symbol, strike=found.strike, expiry=found.expiry)
    forward = float(snapshot.market.curve.level(max((found.expiry - snapshot.session).days, 1)))
    # Its entry is what the whole unit costs at today's touch: the rules of the harvest begin anew (3.2).
    entry = found.bought_at + sum(
        part.ratio * snapshot.call(part.expiry, part.strike or 0.0).bid for part in short
    )  # fmt: skip
    return LongRoll(
        held=lot,
        becomes=replace(
            lot, parts=(new, *short), entry_price=entry, armed=True, opened=snapshot.session,
            extrinsic=max(found.bought_at - max(forward - found.strike, 0.0), 0.0),
        ),
        trade=replace(
            lot, parts=(new, replace(long, ratio=-long.ratio)), entry_price=-found.credit, extrinsic=None, armed=False,
            opened=snapshot.session,
        ),
        prices=(found.bought_at, found.sold_at),
    )  # fmt: skip


def long_rolls(look: Look) -> tuple[LongRoll, ...]:
    """Return the rolls of a decision, of the lots that are to be rolled up."""
    lots = [lot for lot in look.holdings.lots if is_rolled_up(look.leaving.get(lot.key, ""))]
    rolls = [long_roll(lot, look.snapshot) for lot in lots] if not look.keeps_hedge else []
    return tuple(roll for roll in rolls if roll is not None)


def is_rolled_up(rule: str) -> bool:
    """Whether a lot goes by ROLL_UP."""
    return rule.startswith("ROLL_UP")


def rolled(holdings: Holdings, rolls: Sequence[LongRoll]) -> Holdings:
    """Return what would be held behind the rolls of whole lots: what a sizing beside them counts with."""
    if not rolls:
        return holdings
    trial = Holdings.from_plain(holdings.as_plain())
    for roll in rolls:
        trial.swap(roll.held, None)
        trial.put(roll.becomes)
    return trial


def with_rolls(changes: Sequence[Change], rolls: Sequence[LongRoll], look: Look) -> list[Change]:
    """Return changes of a hedge that counts with the rolls, and the rolls themselves, behind the sales.

    What the sizing does not want of a rolled lot is sold as it is held, and not rolled first.
    """
    made: list[Change] = []
    counts = {roll.becomes.terms: roll.held.quantity for roll in rolls}
    by_terms = {roll.becomes.terms: roll for roll in rolls}
    for change in changes:
        roll = by_terms.get(change.lot.terms) if change.lot.leg == "L1" and change.units < 0 else None
        if roll is None:
            made.append(change)
            continue
        fewer = min(-change.units, counts[roll.becomes.terms])
        counts[roll.becomes.terms] -= fewer
        made.append(sale_of(roll.held, fewer, look.snapshot, look.fees))
        if fewer < -change.units:
            made.append(replace(change, units=change.units + fewer, held=change.held - roll.held.quantity))
    rolling = [
        Change(lot=roll.trade, units=counts[roll.becomes.terms], held=0, prices=roll.prices, unit=None, roll=roll)
        for roll in rolls
        if counts[roll.becomes.terms]
    ]
    sales = [change for change in made if change.units < 0]
    return [*sales, *rolling, *(change for change in made if change.units > 0)]
