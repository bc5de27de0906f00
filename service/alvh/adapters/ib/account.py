"""Positions of the account as events."""

from collections.abc import Iterable, Mapping
from math import isfinite

from ib_async import Contract, Position

from alvh.adapters.ib.contracts import expiry_of
from alvh.core.events import AccountPositions


def contract_document(contract: Contract) -> Mapping[str, str | float | int | None]:
    """Return a contract as plain JSON values."""
    expiry = expiry_of(contract)
    return {
        "con_id": contract.conId,
        "symbol": contract.symbol,
        "sec_type": contract.secType,
        "expiry": None if expiry is None else expiry.isoformat(),
        "strike": contract.strike or None,
        "right": contract.right[:1] or None,
        "multiplier": _number(contract.multiplier),
        "currency": contract.currency,
        "local_symbol": contract.localSymbol,
        "trading_class": contract.tradingClass,
    }


def _number(text: str) -> float | None:
    """Return a multiplier, or None where there is none that can be read."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def positions_event(account: str, positions: Iterable[Position], now: int) -> AccountPositions | None:
    """Return all positions of one account, ordered by contract id; None where a number of one cannot be read.

    One that is left out would look as if it had been sold: then the account stands as it was told last.
    """
    own = sorted((p for p in positions if p.account == account), key=lambda position: position.contract.conId)
    if not all(isfinite(number) for p in own for number in (p.position, p.avgCost, p.contract.strike)):
        return None
    rows = tuple((contract_document(p.contract), float(p.position), float(p.avgCost)) for p in own)
    return AccountPositions(ts_event=now, ts_recv=now, account=account, positions=rows)
