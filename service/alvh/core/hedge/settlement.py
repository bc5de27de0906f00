"""What expiring contracts are worth: which price settles them, how good that price is, and the payoff."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from alvh.core.sessions import SessionCalendar
from alvh.errors import InputError

_SATURDAY: Final = 5


class Settlement(StrEnum):
    """When and by what a contract settles (methodology 0.5)."""

    AM = "am"  # the index's opening prices of the expiry day; last trade the business day before
    PM = "pm"  # the index's close of the expiry day
    VRO = "vro"  # the VIX's special opening quotation of the settlement Wednesday


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRule:
    """One trading class: its underlying, how it settles, whether it trades on its expiry day."""

    underlying: str
    settlement: Settlement
    trades_on_expiry: bool


CLASSES: Final = {
    "SPX": ClassRule(underlying="SPX", settlement=Settlement.AM, trades_on_expiry=False),
    "SPXW": ClassRule(underlying="SPX", settlement=Settlement.PM, trades_on_expiry=True),
    "IWM": ClassRule(underlying="IWM", settlement=Settlement.PM, trades_on_expiry=True),
    "VIX": ClassRule(underlying="VIX", settlement=Settlement.VRO, trades_on_expiry=False),
    "VIXW": ClassRule(underlying="VIX", settlement=Settlement.VRO, trades_on_expiry=False),
    "VX": ClassRule(underlying="VIX", settlement=Settlement.VRO, trades_on_expiry=True),
    "VXM": ClassRule(underlying="VIX", settlement=Settlement.VRO, trades_on_expiry=True),
}
"""Trading classes by name; VX and VXM trade on the morning of their settlement day."""

BusinessDayBefore = Callable[[date], date]


def weekday_before(day: date) -> date:
    """Return the last weekday before `day`: what stands in for a calendar where none is known."""
    day -= timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day


def calendar_before(calendar: SessionCalendar) -> BusinessDayBefore:
    """Return the function that names the exchange's last business day before a date."""
    return lambda day: calendar.business_day_on_or_before(day - timedelta(days=1))


def last_trade_date(trading_class: str, expiry: date, business_day_before: BusinessDayBefore = weekday_before) -> date:
    """Return the last day a contract trades.

    Args:
        trading_class: one of `CLASSES`.
        expiry: its expiry or final settlement date.
        business_day_before: the exchange's calendar.

    Raises:
        InputError: the class is unknown.
    """
    return expiry if class_rule(trading_class).trades_on_expiry else business_day_before(expiry)


def class_rule(trading_class: str) -> ClassRule:
    """Return the rule of a trading class.

    Raises:
        InputError: the class is unknown.
    """
    rule = CLASSES.get(trading_class)
    if rule is None:
        raise InputError(f"trading_class {trading_class!r}: expected one of {', '.join(CLASSES)}")
    return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPrices:
    """What is known on an expiry day, points; None where it is not.

    Attributes:
        official: the published settlement value (SET, VRO, or a future's final settle of that day).
        opening: the first good price of the underlying in the expiry session.
        closing: its close of the expiry session.
        previous_close: its close of the session before.
    """

    official: float | None = None
    opening: float | None = None
    closing: float | None = None
    previous_close: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPrice:
    """The price a contract settles at, and where it came from (`official`, `opening`, `closing`, `previous_close`)."""

    price: float
    source: str

    @property
    def is_proxy(self) -> bool:
        """Whether a neighbouring price stands in for the exchange's own settlement value."""
        return self.source != "official"


def settlement_price(settlement: Settlement, known: SettlementPrices) -> SettlementPrice | None:
    """Return what an expiry settles at: the first known of an order that depends on the class; None if nothing is.

    PM classes settle at the close of the expiry day, which is itself the official value for an index. AM classes and
    VRO settle on the morning's opening quotation: the first good price of that session stands in for it, and where
    only closes exist the close of the session *before*, which lies an overnight gap from the opening, while the same
    day's close lies a whole session behind it and would let a position know a day it no longer existed in.
    """
    orders = {
        Settlement.PM: (("official", known.official), ("official", known.closing)),
        Settlement.AM: _morning(known),
        Settlement.VRO: _morning(known),
    }
    for source, price in orders[settlement]:
        if price is not None:
            return SettlementPrice(price=price, source=source)
    return None


def _morning(known: SettlementPrices) -> tuple[tuple[str, float | None], ...]:
    return (
        ("official", known.official),
        ("opening", known.opening),
        ("previous_close", known.previous_close),
        ("closing", known.closing),
    )


def intrinsic(right: str, strike: float, price: float) -> float:
    """Return an option's payoff at settlement, points: `right` C or P."""
    return max(0.0, price - strike if right == "C" else strike - price)


def condor_payoff(*, long_put: float, short_put: float, short_call: float, long_call: float, price: float) -> float:
    """Return what closing a condor costs at settlement, points: between 0 and its wider wing."""
    puts = intrinsic("P", short_put, price) - intrinsic("P", long_put, price)
    calls = intrinsic("C", short_call, price) - intrinsic("C", long_call, price)
    return puts + calls
