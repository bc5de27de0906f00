"""What a message says of each order, as a second program has it: quote, Greeks of one contract, cash, fees (7)."""

import math
from typing import Any

from oracles.exact_options import exact
from oracles.held_hedge import Contract, contract_of
from oracles.vix_market import Market, Quote

Document = dict[str, Any]


def order_numbers(action: Document, market: Market) -> dict[str, float | None]:
    """Return the numbers of an order in a VIX option or future, under their names; of nothing else any."""
    contract = contract_of(action["instrument"], market)
    if contract is None or action["side"] == "NONE":
        return {}
    if contract.strike is None:
        return {"delta": 1.0, "multiplier": 100.0, "fees": action["qty"] * market.calendar_fee / 4, "est_cost": 0.0}
    quote = next(quote for quote in market.quotes if (quote.days, quote.strike) == (contract.days, contract.strike))
    is_bought = action["side"] == "BUY"
    limit = quote.ask if is_bought else quote.bid
    cash = 100 * action["qty"] * limit
    delta, vega = greeks(quote, market)
    # A model's mid is not the middle of what it quotes, which is rounded.
    mid = (quote.bid + quote.ask) / 2 if market.is_quoted else market.vix_call(quote, 0.0, 0.0)
    return {
        "mid": mid, "bid": quote.bid, "ask": quote.ask, "limit_price": limit, "iv": quote.vol,
        "spread_pct": 100 * (quote.ask - quote.bid) / mid, "delta": delta, "vega": vega,
        "multiplier": 100.0, "est_cost": cash if is_bought else -cash, "fees": action["qty"] * market.fee,
    }  # fmt: skip


def greeks(quote: Quote, market: Market) -> tuple[float, float]:
    """Return delta by the future of its expiry, and points per volatility point (4.3), in forty digits."""
    years = quote.days / 365
    found = exact(market.level(quote.days), quote.strike, years, quote.vol, market.r, market.r, is_call=True)
    return found.delta, found.vega / 100


def net_debits(packages: list[Document], market: Market) -> list[tuple[float, float]]:
    """Return net price and cash of each package of options: what is bought at the ask, what is sold at the bid."""
    out = []
    for package in packages:
        net = 0.0
        for leg in package["legs"]:
            contract = contract_of(leg["instrument"], market)
            quote = next(quote for quote in market.quotes if contract == Contract(quote.days, quote.strike))
            net += leg["ratio"] * (quote.ask if leg["ratio"] > 0 else quote.bid)
        out.append((net, 100 * net * package["quantity"]))
    return out


def daily_range(market: Market) -> float:
    """Return one standard deviation of a day, per cent (S40)."""
    return market.vix / math.sqrt(252)
