"""What an answer says was executed, booked: at the prices filled where they are told, else at those proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from alvh.core.hedge.condor_moves import CondorMove, apply
from alvh.core.hedge.holdings import Holdings, Lot
from alvh.core.hedge.reported import Fill, Package, Told, fault_of, matched, name_of
from alvh.core.hedge.sizing_desk import Fees, take, take_roll


def refusal(fills: Sequence[Fill], proposal: Mapping[str, Any] | None, holdings: Holdings) -> str | None:
    """Return why fills do not fit a proposal, or None; one that is not remembered, or was booked, asks for less."""
    if proposal is None:
        return fault_of(fills, ())
    packages = [package for package, _ in _packages(proposal, holdings)]
    if proposal["is_done"]:
        packages = [replace(package, most=None) for package in packages]
    return fault_of(fills, packages)


def book_fills(holdings: Holdings, proposal: Mapping[str, Any], fills: Sequence[Fill], fees: Fees) -> None:
    """Let what is held follow an executed proposal; more is never sold than is held.

    Args:
        holdings: to be changed.
        proposal: as remembered.
        fills: where they are told, and fit: what they leave out was not traded.
        fees: per contract where no fill names one.
    """
    session = date.fromisoformat(proposal["session"])
    found = _packages(proposal, holdings)
    said = matched(fills, [package for package, _ in found])
    for (package, change), told in zip(found, said, strict=True):
        if fills and not told.is_traded:
            continue
        if isinstance(change, CondorMove):
            _book_move(holdings, change, package, told, fees, session)
        else:
            _book_lot(holdings, change, package, told, fees, session)


def _packages(proposal: Mapping[str, Any], holdings: Holdings) -> list[tuple[Package, "_Traded | CondorMove"]]:
    """What a proposal trades: changes of the hedge with their prices, then moves of condors."""
    lots = _lots(proposal["lots"])
    found: list[tuple[Package, _Traded | CondorMove]] = []
    rolls = proposal.get("rolls") or [None] * len(lots)  # an older version remembers none
    for lot, units, prices, rows in zip(lots, proposal["units"], proposal["prices"], rolls, strict=True):
        roll = None if rows is None else (_lots(rows[:1])[0], _lots(rows[1:])[0])
        old = lot if roll is None else roll[0]
        held = holdings.find(old.leg, old.terms)
        most = (0 if held is None else held.quantity) if units < 0 or roll is not None else None
        ratios = {name_of(part.symbol): part.ratio for part in lot.parts}
        found.append((Package(leg=lot.leg, ratios=ratios, units=units, most=most), _Traded(lot, prices, roll)))
    for plain in proposal.get("moves", ()):
        move = CondorMove.from_plain(plain)
        ratios = {name_of(contract.symbol): count for contract, count, _ in move.trades}
        found.append((Package(leg="COND", ratios=ratios, units=move.quantity, most=move.quantity), move))
    return found


class _Traded(NamedTuple):
    """A lot's contracts and their prices; of a ROLL_UP also the lot as it is held and as it becomes."""

    lot: Lot
    prices: Sequence[float]
    roll: tuple[Lot, Lot] | None


def _lots(rows: Sequence[Any]) -> list[Lot]:
    return Holdings.from_plain({**Holdings().as_plain(), "lots": rows}).lots


def _book_lot(holdings: Holdings, traded: _Traded, package: Package, told: Told, fees: Fees, session: date) -> None:
    lot, prices, roll = traded
    count = told.units(package)
    if package.most is not None:
        count = min(count, package.most)
    if not count:
        return
    units = count if package.units > 0 else -count
    paid = [told.price(symbol, price) for symbol, price in zip(lot.symbols, prices, strict=True)]
    for line, symbol, price in zip(lot.lines, lot.symbols, paid, strict=True):
        usual = fees.of_lot(lot) * abs(units * line.ratio)
        holdings.ledger_of(lot.leg).trade(
            line.contract, units * line.ratio, price, fee=told.fee(symbol, usual), session=session
        )
    if roll is not None:
        held, becomes = roll
        entry = becomes.entry_price + paid[0] - prices[0]
        take_roll(holdings, held, replace(becomes, entry_price=entry), units)
        return
    net = sum(part.ratio * price for part, price in zip(lot.parts, paid, strict=True))
    take(holdings, replace(lot, quantity=count), units, net)


def _book_move(holdings: Holdings, move: CondorMove, package: Package, told: Told, fees: Fees, session: date) -> None:
    count = told.units(package)
    if not count:
        return
    prices = tuple(told.price(contract.symbol, price) for contract, _, price in move.trades)
    paid = sum(told.fee(contract.symbol, fees.option * count) for contract, _, _ in move.trades)
    done = replace(move, prices=prices, quantity=count)
    apply(holdings, done, fee_usd=paid / (len(move.trades) * count), session=session)
