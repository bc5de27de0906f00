"""What a brokerage account's positions are in a book of condors: condors, hedge legs, small caps, and what is neither.

Legs are read, never guessed: what forms no condor or hedge leg by itself, or could form several, is named and left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from alvh.core.events import AccountPositions
from alvh.core.hedge.futures_selection import ETPS
from alvh.core.hedge.symbols import cfe_symbol, is_spx_monthly
from alvh.core.instruments import BELIEVABLE
from alvh.core.sessions import et_date

_OURS: Final = frozenset({"SPX", "VIX", "VXM", "IWM", "RUT", *ETPS})
_MONDAY: Final = 0
_TUESDAY: Final = 1
# An outright VIX call is the leg of its tenor (methodology 3.1): L3b becomes L3a at 130 days, which is rolled at 60.
_OLDEST_L3A: Final = 130
_LONGEST_L1: Final = 60
_OPTION_MULTIPLIER: Final = 100.0
_ANY_DAY: Final = "2000-01-03"
_MOST_HELD: Final = 1e8  # shares of a small-cap fund; contracts are fewer still
_GREATEST_COST: Final = 1e9  # dollars of one contract
_LONGEST_WORDS: Final = 120


@dataclass(slots=True, kw_only=True)
class AccountBook:
    """One account's positions as a portfolio's configuration would name them, and what fits nowhere, in words.

    Attributes:
        condors, small_caps, legs: as a configuration names them.
        unexplained: in words.
        nets: VIX futures and shares of volatility ETPs by symbol, signed: what stands in for calls (L-F) cannot be told
            from a position alone, but is known where answers have told it.
        loose: of the words in `unexplained` those that speak of one of `nets`, and its symbol.
    """

    condors: list[dict[str, Any]] = field(default_factory=list)
    small_caps: list[dict[str, Any]] = field(default_factory=list)
    legs: list[dict[str, Any]] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    nets: dict[str, int] = field(default_factory=dict)
    loose: dict[str, str] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Option:
    trading_class: str
    expiry: date
    right: str
    strike: float
    quantity: int
    cost: float  # points per contract

    def __str__(self) -> str:
        return f"{self.quantity:+d} {self.trading_class} {self.expiry} {self.strike:g}{self.right}"


def read_account(event: AccountPositions) -> AccountBook:
    """Return what the positions of one account are."""
    book = AccountBook()
    options: dict[tuple[str, date], list[_Option]] = defaultdict(list)
    futures: list[tuple[date, int, float]] = []
    for contract, quantity, cost in event.positions:
        if str(contract.get("symbol")) not in _OURS or not quantity:
            continue
        if not _is_readable(contract, quantity, cost):
            book.unexplained.append(f"unreadable: {_named(contract, quantity)}"[:_LONGEST_WORDS])
            continue
        symbol = _net_symbol(contract)
        if symbol is not None:
            book.nets[symbol] = book.nets.get(symbol, 0) + round(quantity)
        match contract.get("sec_type"):
            case "STK" if contract["symbol"] == "IWM" and quantity > 0:
                book.small_caps.append({"symbol": "IWM", "shares": float(quantity)})
            case "OPT" if (option := _option(contract, quantity, cost)) is not None:
                options[option.trading_class, option.expiry].append(option)
            case "FUT" if contract.get("trading_class") == "VXM" and contract.get("expiry"):
                futures.append((date.fromisoformat(contract["expiry"]), round(quantity), cost))
            case _:
                book.unexplained.append(_named(contract, quantity))
                if symbol is not None:
                    book.loose[book.unexplained[-1]] = symbol
    today = et_date(event.ts_event)
    for (name, _), group in sorted(options.items()):
        legs = sorted(group, key=lambda option: (option.right, option.strike))
        if name in {"VIX", "VIXW"}:
            _vix_legs(book, legs, today)
        else:
            _condors(book, legs)
    _calendar(book, sorted(futures))
    return book


def _is_readable(contract: Mapping[str, Any], quantity: float, cost: float) -> bool:
    """Whether what a broker says of a position can be one: words where words belong, numbers within reach of a book."""
    words = [contract.get(name) for name in ("symbol", "sec_type", "trading_class", "local_symbol", "expiry", "right")]
    numbers = [contract.get(name) for name in ("strike", "multiplier")]
    if not all(isinstance(word, str | None) for word in words):
        return False
    if any(isinstance(number, bool) or not isinstance(number, int | float | None) for number in numbers):
        return False
    least, greatest = BELIEVABLE
    if not all(least <= number <= greatest for number in numbers if number):
        return False
    try:
        date.fromisoformat(contract.get("expiry") or _ANY_DAY)
    except ValueError:
        return False
    return abs(quantity) <= _MOST_HELD and abs(cost) <= _GREATEST_COST


def _option(contract: Mapping[str, Any], quantity: float, cost: float) -> _Option | None:
    """Return an option; None where its class, date, strike or right is not said."""
    name = contract.get("trading_class") or str(contract.get("local_symbol") or "")[:6].strip()
    expiry, strike, right = contract.get("expiry"), contract.get("strike"), contract.get("right")
    if name not in {"SPX", "SPXW", "VIX", "VIXW"} or not expiry or not strike or right not in {"C", "P"}:
        return None
    return _Option(
        trading_class=name, expiry=_settlement(name, date.fromisoformat(expiry)), right=right, strike=float(strike),
        quantity=round(quantity), cost=cost / float(contract.get("multiplier") or _OPTION_MULTIPLIER),
    )  # fmt: skip


def _settlement(trading_class: str, last_trade: date) -> date:
    """Return the day an option settles: brokers name those that settle in the morning by the last day of trading."""
    following = last_trade + timedelta(days=1)
    if trading_class in {"VIX", "VIXW"} and last_trade.weekday() in {_MONDAY, _TUESDAY}:
        return following
    if trading_class == "SPX" and not is_spx_monthly(last_trade) and is_spx_monthly(following):
        return following
    return last_trade


def _named(contract: Mapping[str, Any], quantity: float) -> str:
    said = [contract.get(name) for name in ("symbol", "sec_type", "trading_class", "expiry", "strike", "right")]
    return " ".join([f"{quantity:+g}", *(str(part) for part in said if part)])


def _condors(book: AccountBook, legs: Sequence[_Option]) -> None:
    """Read one expiry of SPX options: four legs of one quantity each are a condor, a call spread sold is FIN."""
    by_size: dict[int, list[_Option]] = defaultdict(list)
    for leg in legs:
        by_size[abs(leg.quantity)].append(leg)
    for size, group in sorted(by_size.items()):
        kinds = [(leg.right, leg.quantity > 0) for leg in group]
        if kinds == [("C", False), ("C", True), ("P", True), ("P", False)]:
            short_call, long_call, long_put, short_put = group
            credit = short_put.cost + short_call.cost - long_put.cost - long_call.cost
            width = max(short_put.strike - long_put.strike, long_call.strike - short_call.strike)
            if short_put.strike < short_call.strike and 0 < round(credit, 2) < width:
                book.condors.append(
                    {
                        "expiry": short_put.expiry.isoformat(), "quantity": size, "credit": round(credit, 2),
                        "short_put": short_put.strike, "long_put": long_put.strike, "short_call": short_call.strike,
                        "long_call": long_call.strike, "trading_class": short_put.trading_class,
                    }
                )  # fmt: skip
                continue
        if kinds == [("C", False), ("C", True)] and group[0].trading_class == "SPXW":
            short, far = group
            book.legs.append(_leg("FIN", -size, far, short.strike, short_cost=short.cost))
            continue
        book.unexplained += [str(leg) for leg in group]


def _vix_legs(book: AccountBook, legs: Sequence[_Option], today: date) -> None:
    """Read one expiry of VIX options: a call spread is L1, an outright call the leg of its tenor."""
    calls = [leg for leg in legs if leg.right == "C"]
    book.unexplained += [str(leg) for leg in legs if leg.right != "C"]
    shorts, longs = [leg for leg in calls if leg.quantity < 0], [leg for leg in calls if leg.quantity > 0]
    days = (calls[0].expiry - today).days if calls else 0
    for short in list(shorts):
        below = [leg for leg in longs if leg.strike < short.strike and leg.quantity == -short.quantity]
        if len(below) == 1 and days <= _OLDEST_L3A:
            book.legs.append(_leg("L1", below[0].quantity, below[0], short.strike, short_cost=short.cost))
            longs.remove(below[0])
            shorts.remove(short)
    if shorts:
        # A sold call that no bought one covers makes the others of its expiry anything.
        book.unexplained += [str(leg) for leg in (*shorts, *longs)]
        return
    for leg in longs:
        name = "L1b" if days <= _LONGEST_L1 else "L3a" if days <= _OLDEST_L3A else "L3b"
        book.legs.append(_leg(name, leg.quantity, leg, None))


def _leg(
    name: str, quantity: int, bought: _Option, short_strike: float | None, *, short_cost: float = 0.0
) -> dict[str, Any]:
    paid = bought.cost - short_cost
    return {
        "leg": name, "quantity": quantity, "expiry": bought.expiry.isoformat(), "strike": bought.strike,
        "short_strike": short_strike, "short_expiry": None, "entry_price": round(-paid if name == "FIN" else paid, 4),
        "opened": None,
    }  # fmt: skip


def _calendar(book: AccountBook, futures: Iterable[tuple[date, int, float]]) -> None:
    """Read VXM futures: the nearer bought and the next sold, as many of each, are L2."""
    rows = list(futures)
    if len(rows) == 2 and rows[0][1] == -rows[1][1] > 0:
        (near, quantity, _), (far, _, _) = rows
        book.legs.append(
            {"leg": "L2", "quantity": quantity, "expiry": near.isoformat(), "strike": None, "short_strike": None,
             "short_expiry": far.isoformat(), "entry_price": None, "opened": None}
        )  # fmt: skip
        return
    for day, quantity, _ in rows:
        book.unexplained.append(f"{quantity:+d} VXM {day}")
        book.loose[book.unexplained[-1]] = cfe_symbol("VXM", day)


def _net_symbol(contract: Mapping[str, Any]) -> str | None:
    """Return the symbol of a VIX future or of a volatility ETP's share; None for anything else."""
    kind, name, expiry = contract.get("sec_type"), contract.get("trading_class"), contract.get("expiry")
    if kind == "STK" and contract["symbol"] in ETPS:
        return str(contract["symbol"])
    if kind == "FUT" and name in ("VX", "VXM") and expiry:
        return cfe_symbol(str(name), date.fromisoformat(expiry))
    return None
