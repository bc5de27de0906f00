"""A portfolio that reads an account: the account is what is held, and where answers said otherwise it is shown."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from alvh.core.events import AccountPositions
from alvh.core.hedge import bookkeeping
from alvh.core.hedge.account_book import read_account
from alvh.core.hedge.bookings import book_units
from alvh.core.hedge.holdings import OPTION, Holdings, Lot
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.portfolio import PortfolioState

NOT_SEEN: Final = "account_not_seen"


def with_account(portfolio: Mapping[str, Any], hedge: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a portfolio's configuration with the condors and small caps of its account in place of its own."""
    if not portfolio.get("from_account"):
        return portfolio
    account = hedge.get("account") or {}
    return {
        **portfolio, "condors": account.get("condors", []), "small_caps": account.get("small_caps", []), "legs": [],
    }  # fmt: skip


class ReadsAccount:
    """A desk whose portfolio may be read from an account."""

    def positions(self, state: PortfolioState, event: AccountPositions) -> None:
        """Take all positions of the account; they are followed at the next close."""
        account = read_account(event).as_plain()
        _keep_credits(account, state.hedge)
        state.hedge["account"] = account


def account_notes(portfolio: Mapping[str, Any], hedge: Mapping[str, Any], *, is_close: bool) -> list[str]:
    """Return what every message says of the account: not seen yet, positions nobody explains, differences.

    At a close the differences are looked for anew, and said by `follow_account`.
    """
    if not portfolio.get("from_account"):
        return []
    account = hedge.get("account")
    if account is None:
        return [NOT_SEEN]
    differences = [] if is_close else hedge.get("account_differences", [])
    return [*(f"account_unexplained:{words}" for words in _unexplained(hedge)), *differences]


def account_words(hedge: Mapping[str, Any]) -> list[str]:
    """Return what a person should know of the account: what fits no leg, and where answers said otherwise."""
    return [*(f"unexplained: {words}" for words in _unexplained(hedge)), *hedge.get("account_differences", [])]


def _unexplained(hedge: Mapping[str, Any]) -> list[str]:
    """Return what fits nowhere, without futures and shares of which as many are held by the answers."""
    account = hedge.get("account") or {"unexplained": []}
    loose = account.get("loose", {})
    if not loose or "holdings" not in hedge:
        return list(account["unexplained"])
    agreed = _agreed(account, Holdings.from_plain(hedge["holdings"]))
    return [words for words in account["unexplained"] if loose.get(words) not in agreed]


def _agreed(account: Mapping[str, Any], holdings: Holdings) -> set[str]:
    """Return the futures and shares of which the account holds as many as all lots of them together."""
    ours: dict[str, int] = {}
    for lot in holdings.lots:
        for part in lot.parts if lot.kind != OPTION else ():
            ours[part.symbol] = ours.get(part.symbol, 0) + part.ratio * lot.quantity
    theirs = account.get("nets", {})
    return {symbol for symbol in {*theirs, *ours} if theirs.get(symbol, 0) == ours.get(symbol, 0)}


def _keep_credits(account: dict[str, Any], hedge: Mapping[str, Any]) -> None:
    """Let condors that are held already keep the credit they were taken over with: average costs waver by cents."""
    holdings = Holdings.from_plain(hedge["holdings"]) if "holdings" in hedge else Holdings()
    held = {
        (c.trading_class, str(c.expiry), c.short_put, c.long_put, c.short_call, c.long_call, c.quantity): c.credit
        for c in (each.condor for each in holdings.condors if not each.is_program)
    }
    for plain in account["condors"]:
        names = ("trading_class", "expiry", "short_put", "long_put", "short_call", "long_call", "quantity")
        plain["credit"] = held.get(tuple(plain[name] for name in names), plain["credit"])


def adopt_book(
    holdings: Holdings, portfolio: Mapping[str, Any], hedge: dict[str, Any], snapshot: Snapshot
) -> list[str]:
    """Take over, at a close, what a configuration and its account name, and give up what they name no more."""
    notes = [] if "holdings" in hedge else bookkeeping.adopt_legs(holdings, portfolio["legs"], snapshot)
    notes += bookkeeping.adopt(holdings, portfolio, snapshot)
    return [*notes, *follow_account(holdings, hedge, snapshot)]


def follow_account(holdings: Holdings, hedge: dict[str, Any], snapshot: Snapshot) -> list[str]:
    """Bring the hedge legs into line with the account; return notes, and keep the differences for whoever looks.

    What the account holds and nobody had answered for is taken over at its cost; what it does not hold is given up at
    today's mark. At the first look everything is taken over, which is no difference.
    """
    account = hedge.get("account")
    if account is None:
        return []
    if not snapshot.nodes:
        return ["account_legs_wait_for_a_vx_curve"] if account["legs"] or holdings.lots else []
    wanted = Holdings()
    notes = bookkeeping.adopt_legs(wanted, account["legs"], snapshot)
    theirs = {lot.terms: lot for lot in (*wanted.lots, *wanted.overlays)}
    agreed = _agreed(account, holdings)
    # What stands in for calls cannot be read from an account: as many as it holds stay, in the order of the lots.
    left = dict(account.get("nets", {}))
    for lot in wanted.lots:
        for part in lot.parts if lot.kind != OPTION else ():
            left[part.symbol] = left.get(part.symbol, 0) - part.ratio * lot.quantity
    differences = []
    # IWM puts are no leg that an account's positions are read as: they follow the answers alone.
    for lot in [*holdings.lots, *(each for each in holdings.overlays if each.leg != "IWM")]:
        told = theirs.pop(lot.terms, None)
        if lot.kind != OPTION and agreed.issuperset(lot.symbols):
            continue
        quantity = 0 if told is None else told.quantity
        if lot.is_stand_in:
            (symbol,) = lot.symbols
            quantity = min(lot.quantity, max(left.get(symbol, 0), 0))
            left[symbol] = left.get(symbol, 0) - quantity
        if quantity != lot.quantity:
            differences.append(f"account_differs:{_words(lot)} {lot.quantity} held by the answers, {quantity} there")
            _trade(holdings, lot, quantity - lot.quantity, snapshot)
            holdings.swap(lot, replace(lot, quantity=quantity) if quantity else None)
    for plain in account["legs"]:
        one = Holdings()
        bookkeeping.adopt_legs(one, [plain], snapshot)
        for lot in (*one.lots, *one.overlays):
            if lot.terms in theirs and (lot.kind == OPTION or not agreed.issuperset(lot.symbols)):
                differences.append(f"account_differs:{_words(lot)} 0 held by the answers, {lot.quantity} there")
                bookkeeping.adopt_legs(holdings, [plain], snapshot)
    hedge["account_differences"] = differences = differences if "holdings" in hedge else []
    return [*notes, *differences]


def _words(lot: Lot) -> str:
    return f"{lot.leg} {'/'.join(symbol.strip() for symbol in lot.symbols)}:"


def _trade(holdings: Holdings, lot: Lot, quantity: int, snapshot: Snapshot) -> None:
    prices = [bookkeeping.part_mark(lot.leg, part, snapshot) for part in lot.parts]
    book_units(holdings.ledger_of(lot.leg), lot.lines, quantity, prices, fee_usd=0.0, session=snapshot.session)
