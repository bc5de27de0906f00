"""What a portfolio holds of its hedge already, as a second program values it: from today's mid (4.4)."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from oracles.hedge_units import Unit, slippage
from oracles.vix_market import Market, Quote, days_of

Document = dict[str, Any]
OCC = re.compile(r"(VIXW?) +(\d{6})([CP])(\d{8})")
FUTURE = re.compile(r"(VXM|VX)([FGHJKMNQUVXZ])(\d\d)")
MONTH_LETTERS = "FGHJKMNQUVXZ"


@dataclass(frozen=True)
class Contract:
    """One listed thing: days to its expiry, and the strike of an option."""

    days: int
    strike: float | None


def contract_of(symbol: str, market: Market) -> Contract | None:
    """Return what a symbol names, for a future by the month it settles in; nothing for what is not of the VIX."""
    if named := OCC.fullmatch(symbol):
        expiry = date.fromisoformat(f"20{named[2][:2]}-{named[2][2:4]}-{named[2][4:]}")
        return Contract((expiry - market.session).days, int(named[4]) / 1000)
    if named := FUTURE.fullmatch(symbol):
        month = MONTH_LETTERS.index(named[2]) + 1, 2000 + int(named[3])
        for days, _ in market.nodes:
            settles = market.session + timedelta(days=days)
            if (settles.month, settles.year) == month:
                return Contract(days, None)
    return None


@dataclass(frozen=True)
class Lot:
    """Contracts of one leg that were held before."""

    unit: Unit
    quantity: int

    @property
    def main(self) -> Contract:
        """Return what of it is bought, by which its symbol is found."""
        return Contract(self.unit.days, None if self.unit.months else self.unit.calls[0][1].strike)

    def sunk(self, market: Market) -> float:
        """Return what it has cost up to now, dollars: what was paid and its fee, less today's mid."""
        now = self.unit.start(market)
        if self.unit.months:
            now = market.level(self.unit.months[0]) - market.level(self.unit.months[1])
        assert self.unit.paid is not None
        return self.quantity * (self.unit.multiplier * (self.unit.paid - now) + self.unit.side_fee(market))


def lots(portfolio: Document, market: Market) -> list[Lot]:
    """Return the VIX legs of a portfolio; FIN is none of them."""
    return [Lot(held_unit(row, market), row["quantity"]) for row in portfolio.get("legs", []) if row["leg"] != "FIN"]


def held_unit(row: Document, market: Market) -> Unit:
    days, paid = days_of(row, market.session), float(row["entry_price"])
    leg = "L3a" if row["leg"] == "L3b" and days <= 130 else row["leg"]
    if leg == "L2":
        back = days_of({"expiry": row["short_expiry"]}, market.session)
        return Unit(leg, months=(days, back), slippage=slippage(market, days, back), paid=paid)
    calls = [(1, quoted(market, days, row["strike"]))]
    if row.get("short_strike"):
        calls.append((-1, quoted(market, days, row["short_strike"])))
    return Unit(leg, tuple(calls), paid=paid)


def quoted(market: Market, days: int, strike: float) -> Quote:
    return next(quote for quote in market.quotes if (quote.days, quote.strike) == (days, float(strike)))


def hedge_behind(
    actions: list[Document], before: list[Lot], units: dict[str, Unit], market: Market
) -> list[tuple[Unit, int]]:
    """Return what is held once the actions are done: first of the lots that were held, the rest newly bought.

    Raises:
        LookupError: something would be held that is neither held now nor what the rules of 3.1 choose.
    """
    after: dict[tuple[str, Contract], int] = {}
    for action in actions:
        contract = contract_of(action["instrument"], market)
        # Each lot has actions of its own: one may sell what another buys.
        if contract is not None and action["qty_after"] > 0:
            key = action["leg"], contract
            after[key] = after.get(key, 0) + action["qty_after"]
    hedge = []
    for lot in before:
        key = lot.unit.leg, lot.main
        if kept := min(lot.quantity, after.get(key, 0)):
            hedge.append((lot.unit, kept))
            after[key] -= kept
    for (leg, contract), count in after.items():
        if count > 0:
            unit = units[leg]
            if Lot(unit, count).main != contract:
                raise LookupError(f"{leg} holds {contract}")
            hedge.append((unit, count))
    return hedge
