"""What happens to a book at a close before a decision: condors named, sold and settled, legs settled, marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from alvh.core.hedge.book import VIX_OPTION_MULTIPLIER, Condor
from alvh.core.hedge.bookings import book_units, condor_lines, settle_expired
from alvh.core.hedge.holdings import HeldCondor, Holdings, Lot, LotPart
from alvh.core.hedge.program import ChosenCondor, CondorProgram, choose_condor, is_due, model_condor
from alvh.core.hedge.settlement import SettlementPrices, class_rule
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.symbols import cfe_symbol, is_vix_monthly, occ_symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What one contract of each symbol is worth now, points: of the condors and of the hedge."""

    condors: Mapping[str, float]
    sleeve: Mapping[str, float]


def marks_of(holdings: Holdings, snapshot: Snapshot) -> Marks:
    """Return the marks of everything held."""
    condors: dict[str, float] = {}
    for held in holdings.condors:
        condor = held.at(snapshot.session)
        for line, mark in zip(condor_lines(condor), snapshot.condor_marks(condor), strict=True):
            condors[line.contract.symbol] = mark
    sleeve = {part.symbol: snapshot.mark(part.expiry, part.strike) for lot in holdings.lots for part in lot.parts}
    return Marks(condors=condors, sleeve=sleeve)


def adopt(holdings: Holdings, portfolio: Mapping[str, Any], snapshot: Snapshot) -> list[str]:
    """Take over the condors a configuration names, and give up those it names no more; return notes."""
    notes: list[str] = []
    wanted = {_key(plain): plain for plain in portfolio["condors"]}
    for held in [held for held in holdings.condors if not held.is_program and held.key not in wanted]:
        condor = held.at(snapshot.session)
        lines, marks = condor_lines(condor), snapshot.condor_marks(condor)
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
    holdings.sleeve.begin_life(held.key, marks_of(holdings, snapshot).sleeve)
    holdings.condors.append(held)


def end(holdings: Holdings, held: HeldCondor) -> None:
    """Forget condors that are no more."""
    holdings.condors.remove(held)
    holdings.sleeve.end_life(held.key)


def adopt_legs(holdings: Holdings, legs: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> list[str]:
    """Take over the hedge legs a configuration starts with; return notes."""
    notes = []
    for plain in legs:
        lot = _configured(plain, snapshot)
        if lot is None:
            notes.append(f"leg_ignored:{plain['leg']} {plain['expiry']}")
            continue
        net = snapshot.unit_mid(lot) if plain["entry_price"] is None else float(plain["entry_price"])
        lot = replace(lot, entry_price=net)
        prices = [snapshot.mark(part.expiry, part.strike) for part in lot.parts]
        # The first contract carries what the net price differs from today's marks by.
        marked = sum(part.ratio * price for part, price in zip(lot.parts, prices, strict=True))
        prices[0] += (net - marked) / lot.parts[0].ratio
        book_units(holdings.sleeve, lot.lines, lot.quantity, prices, fee_usd=0.0, session=snapshot.session)
        holdings.put(lot)
    return notes


def _configured(plain: Mapping[str, Any], snapshot: Snapshot) -> Lot | None:
    expiry = date.fromisoformat(plain["expiry"])
    leg, quantity, strike = plain["leg"], plain["quantity"], plain["strike"]
    if expiry <= snapshot.session or quantity <= 0 or leg == "FIN":
        return None
    parts: tuple[LotPart, ...]
    if leg == "L2":
        if plain["short_expiry"] is None:
            return None
        expiries = (expiry, date.fromisoformat(plain["short_expiry"]))
        parts = tuple(
            LotPart(symbol=cfe_symbol("VXM", day), trading_class="VXM", strike=None, expiry=day, ratio=ratio)
            for day, ratio in zip(expiries, (1, -1), strict=True)
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
        leg=leg, parts=parts, multiplier=VIX_OPTION_MULTIPLIER, quantity=quantity, entry_price=0.0, extrinsic=None,
        armed=True, opened=date.fromisoformat(plain["opened"]) if plain["opened"] else snapshot.session,
    )  # fmt: skip


def settle(
    holdings: Holdings, snapshot: Snapshot, settles: Mapping[date, float], closes: Mapping[str, float]
) -> list[str]:
    """Settle what expires at this close, in both ledgers; return notes.

    Args:
        holdings: what is held.
        snapshot: of the close.
        settles: of VIX futures that settle in this session, points: the VRO.
        closes: of the session before, by underlying.
    """
    known = _prices(snapshot, settles, closes)
    notes = []
    for ledger in (holdings.condor_ledger, holdings.sleeve):
        for settled in settle_expired(ledger, snapshot.session, known):
            if settled.at is None:
                notes.append(f"not_settled:{settled.contract.symbol}")
            elif settled.at.is_proxy:
                notes.append(f"settled_at_{settled.at.source}:{settled.contract.symbol}")
    open_lots = {lot.contract.symbol for lot in (*holdings.condor_ledger.lots, *holdings.sleeve.lots)}
    for held in list(holdings.condors):
        if held.expiry <= snapshot.session and not any(
            line.contract.symbol in open_lots for line in condor_lines(held.condor)
        ):
            end(holdings, held)
    for lot in list(holdings.lots):
        left = tuple(part for part in lot.parts if part.symbol in open_lots)
        if len(left) < len(lot.parts):
            # A calendar whose front month has settled is a naked future: what is left of it goes too.
            for line in (line for line in lot.lines if line.contract.symbol in open_lots):
                held_of = line.contract
                holdings.sleeve.settle(held_of, snapshot.mark(held_of.expiry, _strike(lot, held_of.symbol)),
                                       session=snapshot.session)  # fmt: skip
            holdings.swap(lot, None)
    return notes


def _strike(lot: Lot, symbol: str) -> float | None:
    return next(part.strike for part in lot.parts if part.symbol == symbol)


def _prices(
    snapshot: Snapshot, settles: Mapping[date, float], closes: Mapping[str, float]
) -> Callable[[str], SettlementPrices]:
    def known(trading_class: str) -> SettlementPrices:
        underlying = class_rule(trading_class).underlying
        closing = snapshot.market.spx if underlying == "SPX" else snapshot.market.vix
        return SettlementPrices(
            official=settles.get(snapshot.session) if underlying == "VIX" else None,
            closing=closing,
            previous_close=closes.get(underlying),
        )

    return known


def sell_program(
    holdings: Holdings, program: CondorProgram, snapshot: Snapshot, *, fee_usd: float
) -> tuple[HeldCondor | None, list[str]]:
    """Sell the program's next condor if one is due; return it, and notes.

    Args:
        holdings: what is held.
        program: the standing order.
        snapshot: of the close.
        fee_usd: per option.
    """
    last = max((held.expiry for held in holdings.condors if held.is_program), default=None)
    if not is_due(last, snapshot.session) or not snapshot.is_fresh_for_condors:
        return None, []
    if snapshot.spx_chain is not None:
        age = snapshot.age_of("SPX")
        chosen = choose_condor(program, snapshot.spx_chain, snapshot.rules.liquidity, quote_age_s=age)
    else:
        chosen = model_condor(program, snapshot.market.spx_smile, snapshot.terms)
    if not isinstance(chosen, ChosenCondor):
        return None, [f"no_condor:{chosen.reason}: {chosen.detail}"]
    held = _sold(chosen, snapshot.session)
    prices = [leg.bid if leg.side < 0 else leg.ask for leg in chosen.legs]
    begin(holdings, held, snapshot, prices, fee_usd=fee_usd)
    return held, [f"condor_{note}" for note in chosen.notes]


def _sold(chosen: ChosenCondor, session: date) -> HeldCondor:
    strikes = [leg.strike for leg in chosen.legs]
    condor = Condor(
        long_put=strikes[0], short_put=strikes[1], short_call=strikes[2], long_call=strikes[3],
        quantity=chosen.quantity, credit=chosen.credit, days=chosen.dte, trading_class=chosen.trading_class,
        expiry=chosen.expiry, days_at_entry=chosen.dte,
    )  # fmt: skip
    key = f"{chosen.trading_class} {chosen.expiry} sold {session}"
    return HeldCondor(key=key, condor=condor, opened=session, is_program=True)
