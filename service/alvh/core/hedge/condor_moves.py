"""A condor's side bought back, moved or rolled: what is traded, and what the book holds behind it (3.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from alvh.core.hedge.book import CONDOR_MULTIPLIER, Condor
from alvh.core.hedge.holdings import HeldCondor, Holdings
from alvh.core.hedge.ledger import Contract
from alvh.core.hedge.symbols import occ_symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a side stands: strikes in points, expiry, trading class."""

    short: float
    long: float
    expiry: date
    trading_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CondorMove:
    """One side of some condors traded.

    Attributes:
        key: of the condors held.
        action: WIDEN, ROLL_OUT or DE_RISK.
        side: `put` or `call`.
        quantity: condors whose side is traded.
        old: where it stands.
        new: where it goes; None where it is bought back.
        prices: points per contract, at the touch: old short bought, old long sold, new long bought, new short sold.
        reason: why.
        pricing: `quotes` or `model`.
        is_choice: one of several ways, for a person to choose: paper execution leaves it alone.
    """

    key: str
    action: str
    side: str
    quantity: int
    old: Place
    new: Place | None
    prices: tuple[float, ...]
    reason: str
    pricing: str
    is_choice: bool = False

    @property
    def right(self) -> str:
        """P or C."""
        return "P" if self.side == "put" else "C"

    @property
    def trades(self) -> tuple[tuple[Contract, int, float], ...]:
        """What is traded per condor: contract, signed count, price; what is bought stands before what is sold."""
        places = [(self.old, self.old.short, 1), (self.old, self.old.long, -1)]
        if self.new is not None:
            places += [(self.new, self.new.long, 1), (self.new, self.new.short, -1)]
        return tuple(
            (_contract(place, self.right, strike), count, price)
            for (place, strike, count), price in zip(places, self.prices, strict=True)
        )

    @property
    def net_debit(self) -> float:
        """Points per condor paid (positive) or received."""
        return sum(count * price for _, count, price in self.trades)

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "key": self.key, "action": self.action, "side": self.side, "quantity": self.quantity,
            "old": _place_row(self.old), "new": None if self.new is None else _place_row(self.new),
            "prices": list(self.prices), "reason": self.reason, "pricing": self.pricing, "is_choice": self.is_choice,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "CondorMove":
        """Return what `as_plain` wrote."""
        return cls(**{
            **plain, "old": _place(plain["old"]), "new": None if plain["new"] is None else _place(plain["new"]),
            "prices": tuple(plain["prices"]),
        })  # fmt: skip


def place_of(condor: Condor, side: str) -> Place:
    """Return where a side of a condor stands."""
    assert condor.expiry is not None
    short, long = (condor.short_put, condor.long_put) if side == "put" else (condor.short_call, condor.long_call)
    return Place(short=short, long=long, expiry=condor.expiry, trading_class=condor.trading_class)


def apply(holdings: Holdings, move: CondorMove, *, fee_usd: float, session: date) -> int:
    """Book a move and let the book follow; return the condors that moved: none where they are not held any more.

    A condor's own key goes on with its budget's life; that of a new piece begins at the next close.

    Args:
        holdings: what is held.
        move: what was done.
        fee_usd: per option.
        session: when.
    """
    held = next((each for each in holdings.condors if each.key == move.key), None)
    if held is None or place_of(held.condor, move.side) != move.old:
        return 0
    count = min(move.quantity, held.condor.quantity)
    for contract, sign, price in move.trades:
        holdings.condor_ledger.trade(contract, sign * count, price, fee=fee_usd * count, session=session)
    at = holdings.condors.index(held)
    pieces = _pieces(held, move, count, session)
    holdings.condors[at : at + 1] = pieces
    if held.key not in {piece.key for piece in pieces}:
        holdings.sleeve.end_life(held.key)
        holdings.financing.end_life(held.key)
        holdings.puts.end_life(held.key)
    return count


def _pieces(held: HeldCondor, move: CondorMove, count: int, session: date) -> list[HeldCondor]:
    """Return what a condor becomes: what was left alone, what its other side is now, and the side that moved."""
    condor, left = held.condor, held.condor.quantity - count
    paid = move.prices[0] - move.prices[1]
    stamp = f"{held.origin} | {move.action} {move.side} {session}"
    found = [replace(held, condor=replace(condor, quantity=left))] if left else []
    key = f"{stamp} kept" if left else held.key
    received = 0.0 if move.new is None else move.prices[3] - move.prices[2]
    if move.new is not None and move.new.expiry == move.old.expiry:
        moved = _with_side(condor, move.side, move.new)
        moved = replace(moved, quantity=count, credit=condor.credit - paid + received)
        return [*found, replace(held, key=key, condor=moved)]
    rest = replace(_without_side(condor, move.side), quantity=count, credit=condor.credit - paid)
    if rest.has_puts or rest.has_calls:
        found.append(replace(held, key=key, condor=rest))
    if move.new is not None:
        other = "call" if move.side == "put" else "put"
        rolled = replace(
            _with_side(_without_side(condor, other), move.side, move.new), quantity=count, credit=received,
            expiry=move.new.expiry, trading_class=move.new.trading_class, days=(move.new.expiry - session).days,
            days_at_entry=(move.new.expiry - held.opened).days,
        )  # fmt: skip
        found.append(replace(held, key=f"{stamp} to {move.new.expiry}", condor=rolled))
    return found


def _with_side(condor: Condor, side: str, place: Place) -> Condor:
    if side == "put":
        return replace(condor, short_put=place.short, long_put=place.long)
    return replace(condor, short_call=place.short, long_call=place.long)


def _without_side(condor: Condor, side: str) -> Condor:
    if side == "put":
        return replace(condor, long_put=condor.short_put)
    return replace(condor, long_call=condor.short_call)


def _contract(place: Place, right: str, strike: float) -> Contract:
    return Contract(
        symbol=occ_symbol(place.trading_class, place.expiry, right, strike), leg="COND",
        multiplier=CONDOR_MULTIPLIER, premium=True, expiry=place.expiry,
    )  # fmt: skip


def _place_row(place: Place) -> list[Any]:
    return [place.short, place.long, place.expiry.isoformat(), place.trading_class]


def _place(row: list[Any]) -> Place:
    short, long, expiry, name = row
    return Place(short=short, long=long, expiry=date.fromisoformat(expiry), trading_class=name)
