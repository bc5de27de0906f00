"""What happens to a book at a close before a decision: condors named, sold and settled, legs settled, marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import inf
from typing import Any

from alvh.core.hedge.book import CONDOR_MULTIPLIER, VIX_OPTION_MULTIPLIER, Condor
from alvh.core.hedge.bookings import FOR_EVER, book_units, condor_lines, settle_expired
from alvh.core.hedge.futures_selection import ETPS, FUTURES_MULTIPLIERS, shares_for
from alvh.core.hedge.holdings import HeldCondor, Holdings, Lot, LotPart
from alvh.core.hedge.program import ChosenCondor, CondorProgram, NoCondor, choose_condor, is_due, model_condor
from alvh.core.hedge.put_quotes import put_quote
from alvh.core.hedge.settlement import SettlementPrices, class_rule
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.spx_quotes import spx_quote
from alvh.core.hedge.symbols import cfe_symbol, is_vix_monthly, occ_symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What one contract of each symbol is worth now, points: of condors, hedge, its financing and IWM puts."""

    condors: Mapping[str, float]
    sleeve: Mapping[str, float]
    overlays: Mapping[str, float] = field(default_factory=dict)
    puts: Mapping[str, float] = field(default_factory=dict)


def marks_of(holdings: Holdings, snapshot: Snapshot) -> Marks:
    """Return the marks of everything held."""
    condors: dict[str, float] = {}
    for held in holdings.condors:
        condor = held.at(snapshot.session)
        for line, mark in zip(condor_lines(condor), side_marks(condor, snapshot), strict=True):
            condors[line.contract.symbol] = mark
    sleeve = {part.symbol: snapshot.part_mark(part) for lot in holdings.lots for part in lot.parts}
    overlays = {
        part.symbol: spx_quote(snapshot, part.trading_class, part.expiry, "C", part.strike or 0.0).mid
        for lot in holdings.overlays
        if lot.leg == "FIN"
        for part in lot.parts
    }
    puts = {lot.symbols[0]: put_quote(snapshot, lot).mid for lot in holdings.overlays if lot.leg == "IWM"}
    return Marks(condors=condors, sleeve=sleeve, overlays=overlays, puts=puts)


def side_marks(condor: Condor, snapshot: Snapshot) -> tuple[float, ...]:
    """Return the marks of the options a condor is made of, in the order of `condor_lines`."""
    marks = snapshot.condor_marks(condor)
    return (*(marks[:2] if condor.has_puts else ()), *(marks[2:] if condor.has_calls else ()))


def adopt(holdings: Holdings, portfolio: Mapping[str, Any], snapshot: Snapshot) -> list[str]:
    """Take over the condors a configuration names, and give up those it names no more; return notes."""
    notes: list[str] = []
    wanted = {_key(plain): plain for plain in portfolio["condors"]}
    for held in [held for held in holdings.condors if not held.is_program and held.origin not in wanted]:
        condor = held.at(snapshot.session)
        lines, marks = condor_lines(condor), side_marks(condor, snapshot)
        book_units(holdings.condor_ledger, lines, -condor.quantity, marks, fee_usd=0.0, session=snapshot.session)
        end(holdings, held)
        notes.append(f"condor_named_no_more:{held.key}")
    for key in [key for key in wanted if key not in holdings.named]:
        expiry = date.fromisoformat(wanted[key]["expiry"])
        if expiry < snapshot.session:
            notes.append(f"condor_expired_before_the_start:{key}")
            continue
        _name(holdings, key, wanted[key], expiry, snapshot)
    holdings.named = list(wanted)
    return notes


def _name(holdings: Holdings, key: str, plain: Mapping[str, Any], expiry: date, snapshot: Snapshot) -> None:
    days = (expiry - snapshot.session).days
    condor = Condor(
        long_put=plain["long_put"], short_put=plain["short_put"], short_call=plain["short_call"],
        long_call=plain["long_call"], quantity=plain["quantity"], credit=plain["credit"], days=days, expiry=expiry,
        trading_class=plain["trading_class"],
    )  # fmt: skip
    # Only the net credit is known: it is booked on the short put, and nothing on the other three.
    begin(holdings, HeldCondor(key=key, condor=condor, opened=snapshot.session, is_program=False), snapshot,
          (0.0, condor.credit, 0.0, 0.0), fee_usd=0.0)  # fmt: skip


def _key(plain: Mapping[str, Any]) -> str:
    strikes = "/".join(f"{plain[name]:g}" for name in ("long_put", "short_put", "short_call", "long_call"))
    return f"{plain['trading_class']} {plain['expiry']} {strikes} x{plain['quantity']} at {plain['credit']:g}"


def begin(holdings: Holdings, held: HeldCondor, snapshot: Snapshot, prices: Sequence[float], *, fee_usd: float) -> None:
    """Book condors that are sold now; a new life of the hedge's budget begins with them (4.6)."""
    lines = condor_lines(held.condor)
    book_units(holdings.condor_ledger, lines, held.condor.quantity, prices, fee_usd=fee_usd, session=snapshot.session)
    marks = marks_of(holdings, snapshot)
    holdings.sleeve.begin_life(held.key, marks.sleeve)
    holdings.financing.begin_life(held.key, marks.overlays)
    holdings.puts.begin_life(held.key, marks.puts)
    holdings.condors.append(held)


def begin_lives(holdings: Holdings, snapshot: Snapshot) -> None:
    """Let the budget of every condor that has none yet begin: pieces of one that was moved since the last close."""
    marks = marks_of(holdings, snapshot)
    for held in holdings.condors:
        holdings.sleeve.begin_life(held.key, marks.sleeve)
        holdings.financing.begin_life(held.key, marks.overlays)
        holdings.puts.begin_life(held.key, marks.puts)


def end(holdings: Holdings, held: HeldCondor) -> None:
    """Forget condors that are no more."""
    holdings.condors.remove(held)
    holdings.sleeve.end_life(held.key)
    holdings.financing.end_life(held.key)
    holdings.puts.end_life(held.key)


def adopt_legs(holdings: Holdings, legs: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> list[str]:
    """Take over the hedge legs a configuration starts with; return notes."""
    notes = []
    for plain in legs:
        lot = _configured(plain, snapshot)
        if lot is None:
            notes.append(f"leg_ignored:{plain['leg']} {plain['expiry'] or plain['instrument']}")
            continue
        prices = [part_mark(lot.leg, part, snapshot) for part in lot.parts]
        # A credit is written as what was received for one spread.
        said = None if plain["entry_price"] is None else float(plain["entry_price"]) * (-1 if lot.leg == "FIN" else 1)
        net = sum(part.ratio * price for part, price in zip(lot.parts, prices, strict=True)) if said is None else said
        lot = replace(lot, entry_price=net)
        # The first contract carries what the net price differs from today's marks by.
        marked = sum(part.ratio * price for part, price in zip(lot.parts, prices, strict=True))
        prices[0] += (net - marked) / lot.parts[0].ratio
        ledger = holdings.ledger_of(lot.leg)
        book_units(ledger, lot.lines, lot.quantity, prices, fee_usd=0.0, session=snapshot.session)
        holdings.put(lot)
    return notes


def part_mark(leg: str, part: LotPart, snapshot: Snapshot) -> float:
    """Return what one contract of a leg is worth now, points."""
    if leg == "FIN":
        return spx_quote(snapshot, part.trading_class, part.expiry, "C", part.strike or 0.0).mid
    return snapshot.part_mark(part)


def _configured_financing(plain: Mapping[str, Any], expiry: date, snapshot: Snapshot) -> Lot | None:
    """A FIN spread: `strike` is that of the bought call, `short_strike` of the sold one, the quantity negative."""
    far, near = plain["strike"], plain["short_strike"]
    if far is None or near is None or not near < far:
        return None
    parts = tuple(
        LotPart(symbol=occ_symbol("SPXW", expiry, "C", strike), trading_class="SPXW", strike=strike, expiry=expiry,
                ratio=ratio)
        for strike, ratio in ((far, 1), (near, -1))
    )  # fmt: skip
    return Lot(
        leg="FIN", parts=parts, multiplier=CONDOR_MULTIPLIER, quantity=abs(plain["quantity"]), entry_price=0.0,
        extrinsic=None, armed=True, phase="CONFIRMED",
        opened=date.fromisoformat(plain["opened"]) if plain["opened"] else snapshot.session,
    )  # fmt: skip


def _configured_share(plain: Mapping[str, Any], snapshot: Snapshot) -> Lot | None:
    """Shares of a volatility ETP; None where nobody has quoted it yet."""
    symbol, leg = plain["instrument"], plain["leg"]
    quoted = next((etp for etp in snapshot.etps() if etp.symbol == symbol), None)
    stands_for = None if quoted is None else shares_for(leg, snapshot.selection(inf), snapshot.rules, quoted)
    if stands_for is None or plain["quantity"] <= 0:
        return None
    part = LotPart(symbol=symbol, trading_class=symbol, strike=None, expiry=FOR_EVER, ratio=1)
    return Lot(
        leg=leg, parts=(part,), multiplier=1.0, quantity=plain["quantity"], entry_price=0.0, extrinsic=None,
        armed=True, opened=date.fromisoformat(plain["opened"]) if plain["opened"] else snapshot.session,
        per_unit=stands_for,
    )  # fmt: skip


def _configured(plain: Mapping[str, Any], snapshot: Snapshot) -> Lot | None:
    # Configurations of version 0.1 name no instrument.
    root = plain.get("instrument")
    if root in ETPS:
        return _configured_share(plain, snapshot)
    expiry = date.fromisoformat(plain["expiry"])
    leg, quantity, strike = plain["leg"], plain["quantity"], plain["strike"]
    if leg == "FIN":
        return _configured_financing(plain, expiry, snapshot) if expiry > snapshot.session and quantity else None
    if expiry <= snapshot.session or quantity <= 0:
        return None
    parts: tuple[LotPart, ...]
    multiplier, per_unit = VIX_OPTION_MULTIPLIER, 1.0
    if leg == "L2" or root is not None:
        name = root or "VXM"
        multiplier = FUTURES_MULTIPLIERS[name]
        days = [(expiry, 1)]
        if leg == "L2":
            if plain["short_expiry"] is None:
                return None
            days.append((date.fromisoformat(plain["short_expiry"]), -1))
        else:
            per_unit = snapshot.rules.delta * VIX_OPTION_MULTIPLIER / multiplier
        parts = tuple(
            LotPart(symbol=cfe_symbol(name, day), trading_class=name, strike=None, expiry=day, ratio=ratio)
            for day, ratio in days
        )
    else:
        if strike is None:
            return None
        name = "VIX" if is_vix_monthly(expiry) else "VIXW"
        strikes = [(strike, 1)] + ([(plain["short_strike"], -1)] if plain["short_strike"] is not None else [])
        parts = tuple(
            LotPart(symbol=occ_symbol(name, expiry, "C", at), trading_class=name, strike=at, expiry=expiry, ratio=ratio)
            for at, ratio in strikes
        )
    return Lot(
        leg=leg, parts=parts, multiplier=multiplier, quantity=quantity, entry_price=0.0, extrinsic=None, armed=True,
        opened=date.fromisoformat(plain["opened"]) if plain["opened"] else snapshot.session, per_unit=per_unit,
    )  # fmt: skip


def settle(
    holdings: Holdings, snapshot: Snapshot, settles: Mapping[date, float], closes: Mapping[str, float]
) -> list[str]:
    """Settle what expires at this close, in all ledgers; return notes.

    Args:
        holdings: what is held.
        snapshot: of the close.
        settles: of VIX futures that settle in this session, points: the VRO.
        closes: of the session before, by underlying.
    """
    known = _prices(snapshot, settles, closes)
    notes = []
    for ledger in (holdings.condor_ledger, holdings.sleeve, holdings.financing, holdings.puts):
        for settled in settle_expired(ledger, snapshot.session, known):
            if settled.at is None:
                notes.append(f"not_settled:{settled.contract.symbol}")
            elif settled.at.is_proxy:
                notes.append(f"settled_at_{settled.at.source}:{settled.contract.symbol}")
    open_condors = {lot.contract.symbol for lot in holdings.condor_ledger.lots}
    open_lots = {
        lot.contract.symbol for ledger in (holdings.sleeve, holdings.financing, holdings.puts) for lot in ledger.lots
    }
    for held in list(holdings.condors):
        if held.expiry <= snapshot.session and not any(
            line.contract.symbol in open_condors for line in condor_lines(held.condor)
        ):
            end(holdings, held)
    for lot in holdings.everything:
        # Two calendars may share a month, one long and one short of it: none is in the ledger, yet nothing has settled.
        gone = [part for part in lot.parts if part.expiry <= snapshot.session and part.symbol not in open_lots]
        if gone:
            _close_rest(holdings, lot, {part.symbol for part in gone}, snapshot)
            holdings.swap(lot, None)
    return notes


def _close_rest(holdings: Holdings, lot: Lot, gone: set[str], snapshot: Snapshot) -> None:
    """Close at its mark what a lot still holds: a calendar whose front month has settled is a naked future."""
    for part, line in zip(lot.parts, lot.lines, strict=True):
        if part.symbol not in gone:
            mark = snapshot.part_mark(part)
            count = -line.ratio * lot.quantity
            holdings.ledger_of(lot.leg).trade(line.contract, count, mark, fee=0.0, session=snapshot.session)


def _prices(
    snapshot: Snapshot, settles: Mapping[date, float], closes: Mapping[str, float]
) -> Callable[[str], SettlementPrices]:
    def known(trading_class: str) -> SettlementPrices:
        underlying = class_rule(trading_class).underlying
        closing = {"SPX": snapshot.market.spx, "IWM": snapshot.market.iwm}.get(underlying, snapshot.market.vix)
        return SettlementPrices(
            official=settles.get(snapshot.session) if underlying == "VIX" else None,
            closing=closing,
            previous_close=closes.get(underlying),
        )

    return known


def due_condor(holdings: Holdings, program: CondorProgram, snapshot: Snapshot) -> ChosenCondor | NoCondor | None:
    """Return the program's next condor if one is due, or why there is none; None where none is due.

    What was rolled out of an earlier one counts: the next is due when all of it has settled.
    """
    last = max((held.expiry for held in holdings.condors if held.is_program), default=None)
    if not is_due(last, snapshot.session) or not snapshot.is_fresh_for_condors:
        return None
    if snapshot.spx_chain is not None:
        age = snapshot.age_of("SPX")
        return choose_condor(program, snapshot.spx_chain, snapshot.rules.liquidity, quote_age_s=age)
    return model_condor(program, snapshot.market.spx_smile, snapshot.terms)


def sell(holdings: Holdings, chosen: ChosenCondor, snapshot: Snapshot, *, fee_usd: float) -> None:
    """Sell a condor at the touch."""
    prices = [leg.bid if leg.side < 0 else leg.ask for leg in chosen.legs]
    begin(holdings, _sold(chosen, snapshot.session), snapshot, prices, fee_usd=fee_usd)


def _sold(chosen: ChosenCondor, session: date) -> HeldCondor:
    strikes = [leg.strike for leg in chosen.legs]
    condor = Condor(
        long_put=strikes[0], short_put=strikes[1], short_call=strikes[2], long_call=strikes[3],
        quantity=chosen.quantity, credit=chosen.credit, days=chosen.dte, trading_class=chosen.trading_class,
        expiry=chosen.expiry, days_at_entry=chosen.dte,
    )  # fmt: skip
    key = f"{chosen.trading_class} {chosen.expiry} sold {session}"
    return HeldCondor(key=key, condor=condor, opened=session, is_program=True)
