"""From decisions to the ledger: a condor's and a leg's contracts, their trades, and what settles when it expires."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from alvh.core.hedge.book import CONDOR_MULTIPLIER, Condor
from alvh.core.hedge.contracts import LegChoice
from alvh.core.hedge.ledger import Contract, Entry, Ledger
from alvh.core.hedge.settlement import (
    SettlementPrice,
    SettlementPrices,
    class_rule,
    intrinsic,
    settlement_price,
)
from alvh.core.hedge.symbols import cfe_root, occ_symbol, parse_occ
from alvh.errors import InputError

FOR_EVER: Final = date.max
"""Expiry of a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contract of a position: what it is, and how many of it one unit holds (negative: sold)."""

    contract: Contract
    ratio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One expired contract: its booking, and the price of the underlying it settled at; None both while unknown."""

    contract: Contract
    entry: Entry | None
    at: SettlementPrice | None


def condor_lines(condor: Condor) -> tuple[Line, ...]:
    """Return the options of one condor, as held after its sale, by rising strike: four, or two of a single side.

    Raises:
        InputError: its expiry is not known, or its class is none of SPX's.
    """
    if condor.expiry is None or class_rule(condor.trading_class).underlying != "SPX":
        raise InputError(f"condor {condor.strikes}: expected an expiry, and SPX or SPXW as trading_class")
    puts = (("P", condor.long_put, 1), ("P", condor.short_put, -1)) if condor.has_puts else ()
    calls = (("C", condor.short_call, -1), ("C", condor.long_call, 1)) if condor.has_calls else ()
    return tuple(
        Line(
            contract=Contract(
                symbol=occ_symbol(condor.trading_class, condor.expiry, right, strike),
                leg="COND",
                multiplier=CONDOR_MULTIPLIER,
                premium=True,
                expiry=condor.expiry,
            ),
            ratio=ratio,
        )
        for right, strike, ratio in (*puts, *calls)
    )


def choice_lines(choice: LegChoice) -> tuple[Line, ...]:
    """Return the contracts of one unit of a chosen leg."""
    return tuple(
        Line(
            contract=Contract(
                symbol=part.symbol,
                leg=choice.leg,
                multiplier=part.multiplier,
                premium=part.trading_class not in ("VX", "VXM"),
                expiry=part.expiry or FOR_EVER,
            ),
            ratio=part.ratio,
        )
        for part in choice.contracts
    )


def book_units(
    ledger: Ledger, lines: Iterable[Line], units: int, prices: Iterable[float], *, fee_usd: float, session: date
) -> tuple[Entry, ...]:
    """Book a trade of whole units, each line at its own price.

    Args:
        ledger: whose sleeve.
        lines: what one unit is made of.
        units: bought, or sold when negative; 0 books nothing.
        prices: per line, points.
        fee_usd: per contract.
        session: when.
    """
    if not units:
        return ()
    return tuple(
        ledger.trade(
            line.contract,
            units * line.ratio,
            price,
            fee=fee_usd * abs(units * line.ratio),
            session=session,
        )
        for line, price in zip(lines, prices, strict=True)
    )


def trading_class_of(contract: Contract) -> str | None:
    """Return the trading class a ledger's contract belongs to; None for shares."""
    named = parse_occ(contract.symbol)
    return cfe_root(contract.symbol) if named is None else named.trading_class


def settle_expired(ledger: Ledger, session: date, known: Callable[[str], SettlementPrices]) -> tuple[Settled, ...]:
    """Settle every lot that expires at `session` or before; what has no settlement price yet stays, and is said.

    Options pay their intrinsic value, futures the settlement price itself. To be called at the session's close, before
    anything is decided there.

    Args:
        ledger: whose sleeve.
        session: the session that has closed.
        known: prices of a trading class's underlying in the session of its expiry (of VIX classes `official` is the
            VRO: on a tape the VX curve's row of that very day).
    """
    expired = dict.fromkeys(lot.contract for lot in ledger.lots if lot.contract.expiry <= session)
    settled = []
    for contract in expired:
        name = trading_class_of(contract)
        at = None if name is None else settlement_price(class_rule(name).settlement, known(name))
        entry = None if at is None else ledger.settle(contract, worth_at(contract, at.price), session=session)
        settled.append(Settled(contract=contract, entry=entry, at=at))
    return tuple(settled)


def worth_at(contract: Contract, price: float) -> float:
    """Return what one contract is worth when its underlying settles at `price`, points."""
    named = parse_occ(contract.symbol)
    return price if named is None else intrinsic(named.right, named.strike, price)
