"""What an answer says was executed, booked: at the prices filled where they are told, else at those proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from alvh.core.events import Answer
from alvh.core.hedge.holdings import Holdings, Lot
from alvh.core.hedge.sizing_desk import Fees, take


def book_fills(
    holdings: Holdings, lots: Sequence[Lot], proposal: Mapping[str, Any], answer: Answer, fees: Fees, session: date
) -> None:
    """Let what is held follow an executed proposal; more is never sold than is held.

    Args:
        holdings: to be changed.
        lots: of the proposal, one for each change.
        proposal: its `units` and `prices`, by change.
        answer: the fills, where they are told: {symbol, quantity, price, fee}.
        fees: per contract where no fill names one.
        session: of the proposal.
    """
    fills = {str(fill["symbol"]): fill for fill in answer.fills if "symbol" in fill}
    for lot, wanted, prices in zip(lots, proposal["units"], proposal["prices"], strict=True):
        told = [fills.get(symbol, {}) for symbol in lot.symbols]
        if fills and not told[0]:
            continue  # Fills that leave a leg out say that it was not traded.
        filled = told[0].get("quantity")
        units = wanted if filled is None else (1 if wanted > 0 else -1) * abs(int(filled) // lot.parts[0].ratio)
        held = holdings.find(lot.leg, lot.terms)
        if units < 0:
            units = -min(-units, 0 if held is None else held.quantity)
        if not units:
            continue
        paid = [float(fill.get("price", price)) for fill, price in zip(told, prices, strict=True)]
        for line, price, fill in zip(lot.lines, paid, told, strict=True):
            count = units * line.ratio
            fee = float(fill.get("fee", fees.for_leg(lot.leg) * abs(count)))
            holdings.ledger_of(lot.leg).trade(line.contract, count, price, fee=fee, session=session)
        net = sum(part.ratio * price for part, price in zip(lot.parts, paid, strict=True))
        take(holdings, replace(lot, quantity=abs(units)), units, net)
