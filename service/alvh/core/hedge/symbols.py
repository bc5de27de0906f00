"""Names of listed contracts: OCC and CFE symbols, and which expiries are the standard monthly ones."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from alvh.core.hedge.settlement import BusinessDayBefore, weekday_before
from alvh.core.sessions import third_friday

_MONTH_CODES: Final = "FGHJKMNQUVXZ"
_OCC: Final = re.compile(r"([A-Z]+ *)(\d{6})([CP])(\d{8})")
_CFE: Final = re.compile(r"(VXM|VX)(\d{2})?[FGHJKMNQUVXZ]\d{2}")
_SATURDAY: Final = 5
_DAYS_OF_VIX: Final = 30
_ALONE: Final = timedelta(days=21)


def occ_symbol(trading_class: str, expiry: date, right: str, strike: float) -> str:
    """Return the 21 characters of an option's OCC symbol: root padded to six, yymmdd, C or P, strike in thousandths."""
    return f"{trading_class:<6}{expiry:%y%m%d}{right}{round(strike * 1000):08d}"


def cfe_symbol(root: str, expiry: date) -> str:
    """Return a VIX future's symbol: root, month code, two digits of the year; weeklies carry their week's number."""
    week = "" if is_vix_monthly(expiry) else f"{expiry.isocalendar().week:02d}"
    return f"{root}{week}{_MONTH_CODES[expiry.month - 1]}{expiry:%y}"


def is_vix_monthly(expiry: date) -> bool:
    """Whether a VIX expiry is the standard monthly one.

    The Wednesday 30 days before the third Friday of the next month, or the day before it when one of the two is a
    holiday (methodology 0.5); weeklies settle on the other Wednesdays.
    """
    wednesday = third_friday(expiry.year + expiry.month // 12, expiry.month % 12 + 1) - timedelta(days=_DAYS_OF_VIX)
    return expiry in (wednesday, wednesday - timedelta(days=1))


def is_vix_month(expiry: date, futures: Iterable[date]) -> bool:
    """Whether a VIX expiry is a month's, beside the days on which futures settle.

    Weeklies settle a week from their neighbours: a future that none settles within three weeks of is a month's, even
    where its file names another day than the exchange does.
    """
    others = [day for day in futures if day != expiry]
    alone = len(others) > 0 and all(abs(day - expiry) >= _ALONE for day in others)
    return is_vix_monthly(expiry) or alone


def is_spx_monthly(expiry: date, business_day_before: BusinessDayBefore = weekday_before) -> bool:
    """Whether an SPX expiry is the third Friday, or the business day before it when that is a holiday."""
    return expiry == spx_monthly(expiry.year, expiry.month, business_day_before)


def spx_monthly(year: int, month: int, business_day_before: BusinessDayBefore = weekday_before) -> date:
    """Return the monthly SPX expiry of a month."""
    return business_day_before(third_friday(year, month) + timedelta(days=1))


def listed_day(expiry: date) -> date:
    """Return the business day an expiry stands for: feeds of the years to 2015 name the Saturday behind the Friday."""
    return expiry - timedelta(days=1) if expiry.weekday() == _SATURDAY else expiry


def inferred_class(underlying: str, expiry: date) -> str:
    """Return the trading class of a row that names none.

    The third Friday of SPX is then the AM-settled SPX class, which has been listed for it without a gap; every other
    SPX expiry is SPXW. VIX monthlies are VIX, other Wednesdays VIXW.
    """
    if underlying == "VIX":
        return "VIX" if is_vix_monthly(expiry) else "VIXW"
    is_third_friday = expiry == third_friday(expiry.year, expiry.month)
    return "SPX" if is_third_friday else "SPXW"


@dataclass(frozen=True, slots=True, kw_only=True)
class OccName:
    """What an OCC symbol says: trading class, expiry, C or P, strike in points."""

    trading_class: str
    expiry: date
    right: str
    strike: float


def parse_occ(symbol: str) -> OccName | None:
    """Return what an OCC symbol says; None for anything that is not one (a future, a share, a day that is none)."""
    found = _OCC.fullmatch(symbol)
    if found is None:
        return None
    name, day, right, strike = found.groups()
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return None
    return OccName(trading_class=name.strip(), expiry=expiry, right=right, strike=int(strike) / 1000.0)


def cfe_root(symbol: str) -> str | None:
    """Return VX or VXM for one of their futures, None for anything else (VXM26 is the VX of June, VXMM26 the VXM)."""
    found = _CFE.fullmatch(symbol)
    return None if found is None else found.group(1)
