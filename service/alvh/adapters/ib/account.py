"""Positions of the account as events."""

from collections.abc import Iterable, Mapping

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
        "multiplier": float(contract.multiplier) if contract.multiplier else None,
        "currency": contract.currency,
        "local_symbol": contract.localSymbol,
        "trading_class": contract.tradingClass,
    }


def positions_event(account: str, positions: Iterable[Position], now: int) -> AccountPositions:
    """Return all positions of one account, ordered by contract id."""
    own = sorted((p for p in positions if p.account == account), key=lambda position: position.contract.conId)
    rows = tuple((contract_document(p.contract), float(p.position), float(p.avgCost)) for p in own)
    return AccountPositions(ts_event=now, ts_recv=now, account=account, positions=rows)
