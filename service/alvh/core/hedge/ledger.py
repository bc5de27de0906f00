"""A ledger of cash, lots and fees in double entry: every posting has its counterpart, to the millionth of a dollar."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from alvh.errors import JournalError

MICROS: Final = 1_000_000
"""Amounts are whole millionths of a dollar, so that accounts balance exactly and nine years of rounding stay far
below a cent (ten thousand postings: at most half a cent)."""


class Account(StrEnum):
    """Where money stands; a positive balance is owned or spent, a negative one owed or earned; all sum to zero."""

    CASH = "cash"
    POSITIONS = "positions"  # options at what was paid for them; futures cost nothing
    CAPITAL = "capital"
    REALISED = "realised"
    FEES = "fees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a lot is made of.

    Attributes:
        symbol: OCC or CFE symbol; one symbol is one contract.
        leg: L1, L1b, L2, L3a, L3b, FIN or COND.
        multiplier: dollars per point.
        premium: whether its price is paid at the trade (options, shares) or only its changes are (futures).
        expiry: the day it settles.
    """

    symbol: str
    leg: str
    multiplier: float
    premium: bool
    expiry: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Contracts opened together.

    Attributes:
        lot: its number in this ledger, rising.
        contract: what it is.
        quantity: contracts, negative when short; never 0.
        price: entry price, points.
        cost: what stands in POSITIONS for it, micro-dollars; 0 for futures.
        opened: the session it was opened in.
    """

    lot: int
    contract: Contract
    quantity: int
    price: float
    cost: int
    opened: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booked transaction: its postings, micro-dollars, and what was realised and paid by it, dollars."""

    session: date
    text: str
    postings: tuple[tuple[Account, int], ...]
    realised: float
    fees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Two ways to the same equity, dollars.

    Attributes:
        cash: the cash account.
        marks: what the lots would fetch at their marks (for futures, their gain since entry).
        equity: cash + marks.
        capital: what was put in.
        realised: realised gain before fees.
        unrealised: gain of the open lots.
        fees: paid so far.
        difference: equity less (capital + realised + unrealised - fees), micro-dollars; anything but 0 is our bug.
    """

    cash: float
    marks: float
    equity: float
    capital: float
    realised: float
    unrealised: float
    fees: float
    difference: int


class Ledger:
    """One sleeve's books. State changes only through `deposit`, `trade`, `settle` and `relabel`.

    Args:
        capital: what the sleeve starts with, dollars; 0 lets cash go negative, which is then what the condors lent.
    """

    __slots__ = ("_balances", "_lives", "_lots", "_next")

    def __init__(self, capital: float = 0.0) -> None:
        self._balances = dict.fromkeys(Account, 0)
        self._lots: list[Lot] = []
        self._lives: dict[str, int] = {}
        self._next = 1
        if capital:
            self.deposit(capital)

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Open lots, oldest first."""
        return tuple(self._lots)

    @property
    def cash(self) -> float:
        """Cash, dollars."""
        return self._balances[Account.CASH] / MICROS

    @property
    def realised(self) -> float:
        """Realised gain before fees, dollars."""
        return -self._balances[Account.REALISED] / MICROS

    @property
    def fees(self) -> float:
        """Fees paid, dollars."""
        return self._balances[Account.FEES] / MICROS

    def quantity(self, symbol: str, leg: str | None = None) -> int:
        """Contracts held of a symbol, signed; of one leg where one is named."""
        return sum(lot.quantity for lot in self._of(symbol, leg))

    def deposit(self, amount: float) -> None:
        """Put dollars in (or take them out, negative)."""
        micros = round(amount * MICROS)
        self._post(((Account.CASH, micros), (Account.CAPITAL, -micros)))

    def trade(self, contract: Contract, quantity: int, price: float, *, fee: float, session: date) -> Entry:
        """Book a trade: what offsets held lots of that symbol and leg closes them, oldest first; the rest opens one.

        Args:
            contract: what is traded.
            quantity: contracts, positive bought, negative sold.
            price: per contract, points; of options what is paid or received.
            fee: of the whole trade, dollars.
            session: when.

        Returns:
            The entry, for whoever keeps a journal of them; this ledger does not.
        """
        assert quantity
        return self._book(contract, quantity, price, fee, session, f"{quantity:+d} {contract.symbol} at {price}")

    def settle(self, contract: Contract, price: float, *, session: date, fee: float = 0.0) -> Entry | None:
        """Close all that is held of a contract at its settlement value, points; None where nothing is held."""
        held = self.quantity(contract.symbol, contract.leg)
        if not held:
            return None
        return self._book(contract, -held, price, fee, session, f"settle {contract.symbol} at {price}")

    def relabel(self, symbol: str, leg: str, becomes: str) -> int:
        """Let the lots of a leg become another leg's (L3b ages into L3a, no trade); returns the contracts moved."""
        moved = 0
        for index, lot in enumerate(self._lots):
            if lot.contract.symbol == symbol and lot.contract.leg == leg:
                self._lots[index] = replace(lot, contract=replace(lot.contract, leg=becomes))
                moved += lot.quantity
        return moved

    def reconcile(self, marks: Mapping[str, float]) -> Reconciliation:
        """Return both sides of the books at these marks.

        Args:
            marks: symbol to price, points; every open lot's symbol must be there.

        Raises:
            KeyError: a held symbol has no mark.
        """
        value = unrealised = 0
        for lot in self._lots:
            worth = _micros(marks[lot.contract.symbol], lot.quantity, lot.contract.multiplier)
            gain = worth - (lot.cost if lot.contract.premium else _micros(lot.price, lot.quantity, _times(lot)))
            unrealised += gain
            value += worth if lot.contract.premium else gain
        balances = self._balances
        equity = balances[Account.CASH] + value
        earned = -balances[Account.CAPITAL] - balances[Account.REALISED] + unrealised - balances[Account.FEES]
        return Reconciliation(
            cash=self.cash,
            marks=value / MICROS,
            equity=equity / MICROS,
            capital=-balances[Account.CAPITAL] / MICROS,
            realised=self.realised,
            unrealised=unrealised / MICROS,
            fees=self.fees,
            difference=equity - earned,
        )

    def begin_life(self, condor: str, marks: Mapping[str, float]) -> None:
        """Remember the sleeve's equity at the start of a condor's life; a second call for it changes nothing."""
        self._lives.setdefault(condor, round(self.reconcile(marks).equity * MICROS))

    def end_life(self, condor: str) -> None:
        """Forget a condor that has expired or was closed."""
        self._lives.pop(condor, None)

    def cost_to_date(self, condor: str, marks: Mapping[str, float]) -> float:
        """Return the hedge cost since a condor's life began, dollars: realised, accrued and fees, never below 0.

        What the hedge gained meanwhile pays for cost, and never enlarges the budget (methodology 4.6).
        """
        return max(0.0, -self.gain_to_date(condor, marks))

    def gain_to_date(self, condor: str, marks: Mapping[str, float]) -> float:
        """Return what the sleeve has made since a condor's life began, dollars, fees paid; 0 for an unknown one."""
        start = self._lives.get(condor)
        return 0.0 if start is None else self.reconcile(marks).equity - start / MICROS

    def gain_of_book(self, marks: Mapping[str, float]) -> float:
        """Return the same since the start of the oldest life still open; 0 where none is."""
        oldest = next(iter(self._lives), None)
        return 0.0 if oldest is None else self.gain_to_date(oldest, marks)

    def cost_of_book(self, marks: Mapping[str, float]) -> float:
        """Return the cost since then, never below 0."""
        return max(0.0, -self.gain_of_book(marks))

    def _of(self, symbol: str, leg: str | None) -> list[Lot]:
        return [lot for lot in self._lots if lot.contract.symbol == symbol and leg in (None, lot.contract.leg)]

    def _book(self, contract: Contract, quantity: int, price: float, fee: float, session: date, text: str) -> Entry:
        cash, cost, rest = 0, 0, quantity
        for lot in self._of(contract.symbol, contract.leg):
            if rest * lot.quantity >= 0:
                break
            closed = min(abs(rest), abs(lot.quantity)) * (1 if lot.quantity > 0 else -1)
            relieved = round(lot.cost * closed / lot.quantity)
            proceeds = _micros(price, closed, contract.multiplier)
            cash += proceeds if contract.premium else proceeds - _micros(lot.price, closed, contract.multiplier)
            cost -= relieved
            rest += closed
            self._reduce(lot, closed, relieved)
        realised = cash + cost
        if rest:
            paid = _micros(price, rest, contract.multiplier) if contract.premium else 0
            cash, cost = cash - paid, cost + paid
            self._open(contract, rest, price, paid, session)
        charge = round(fee * MICROS)
        postings = (
            (Account.CASH, cash - charge),
            (Account.POSITIONS, cost),
            (Account.REALISED, -realised),
            (Account.FEES, charge),
        )
        self._post(postings)
        return Entry(session=session, text=text, postings=postings, realised=realised / MICROS, fees=charge / MICROS)

    def _reduce(self, lot: Lot, closed: int, relieved: int) -> None:
        index = self._lots.index(lot)
        if closed == lot.quantity:
            del self._lots[index]
        else:
            self._lots[index] = replace(lot, quantity=lot.quantity - closed, cost=lot.cost - relieved)

    def _open(self, contract: Contract, quantity: int, price: float, paid: int, session: date) -> None:
        self._lots.append(
            Lot(lot=self._next, contract=contract, quantity=quantity, price=price, cost=paid, opened=session)
        )
        self._next += 1

    def _post(self, postings: tuple[tuple[Account, int], ...]) -> None:
        assert not sum(amount for _, amount in postings)
        for account, amount in postings:
            self._balances[account] += amount

    def as_plain(self) -> dict[str, Any]:  # JSON values of mixed types, read back by `from_plain` alone
        """Return the books as plain values for a checkpoint."""
        return {
            "balances": {str(account): amount for account, amount in self._balances.items()},
            "lots": [
                [
                    lot.lot, lot.contract.symbol, lot.contract.leg, lot.contract.multiplier, lot.contract.premium,
                    lot.contract.expiry.isoformat(), lot.quantity, lot.price, lot.cost, lot.opened.isoformat(),
                ]
                for lot in self._lots
            ],
            "lives": [[condor, equity] for condor, equity in self._lives.items()],
            "next": self._next,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Ledger":  # JSON values of mixed types
        """Return the ledger that `as_plain` wrote.

        Raises:
            JournalError: the checkpoint says something else, or its accounts do not balance.
        """
        ledger = cls()
        try:
            ledger._balances = {account: int(plain["balances"][str(account)]) for account in Account}
            ledger._lots = [_lot(row) for row in plain["lots"]]
            ledger._lives = {str(condor): int(equity) for condor, equity in plain["lives"]}
            ledger._next = int(plain["next"])
        except (KeyError, ValueError, TypeError) as error:
            raise JournalError(f"not a ledger of this version: {error}") from error
        if (
            sum(ledger._balances.values())
            or sum(lot.cost for lot in ledger._lots) != ledger._balances[Account.POSITIONS]
        ):
            raise JournalError("a ledger in the checkpoint does not balance")
        return ledger


def _lot(row: list[Any]) -> Lot:  # a JSON array of mixed types
    number, symbol, leg, multiplier, premium, expiry, quantity, price, cost, opened = row
    contract = Contract(
        symbol=symbol, leg=leg, multiplier=multiplier, premium=premium, expiry=date.fromisoformat(expiry)
    )
    return Lot(
        lot=number,
        contract=contract,
        quantity=quantity,
        price=price,
        cost=cost,
        opened=date.fromisoformat(opened),
    )


def _times(lot: Lot) -> float:
    return lot.contract.multiplier


def _micros(price: float, quantity: int, multiplier: float) -> int:
    return round(price * quantity * multiplier * MICROS)
