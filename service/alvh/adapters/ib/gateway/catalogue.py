"""The contracts our gateway sells: the indices and funds, the VIX futures by the exchange's rule, and options."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from alvh.adapters.ib.gateway.market import Listing
from alvh.core.sessions import SessionCalendar, vix_settlement

_INDICES: Final = (
    ("SPX", "CBOE"), ("RUT", "RUSSELL"), ("VIX", "CBOE"), ("RVX", "CBOE"), ("VIX3M", "CBOE"), ("VIX9D", "CBOE"),
    ("VIX1D", "CBOE"), ("VVIX", "CBOE"), ("AD-NYSE", "NYSE"), ("AD-NASD", "NASDAQ"),
)  # fmt: skip
_FUNDS: Final = ("IWM", "SPY", "RSP")
_FIRST_INDEX, _FIRST_FUND, _FIRST_FUTURE, _FIRST_OPTION = 1001, 1101, 2001, 100_001


def underlyings() -> tuple[Listing, ...]:
    """Return the indices and funds."""
    indices = tuple(
        Listing(con_id=_FIRST_INDEX + n, name=name, symbol=name, sec_type="IND", exchange=exchange, local_symbol=name)
        for n, (name, exchange) in enumerate(_INDICES)
    )
    funds = tuple(
        Listing(
            con_id=_FIRST_FUND + n, name=name, symbol=name, sec_type="STK", exchange="SMART",
            primary_exchange="ARCA", local_symbol=name, trading_class=name,
        )
        for n, name in enumerate(_FUNDS)
    )  # fmt: skip
    return indices + funds


def vix_futures(calendar: SessionCalendar, first: date, months: int) -> tuple[Listing, ...]:
    """Return the monthly VX and VXM contracts of `months` months from that of `first` on, by expiry."""
    vix = next(listing for listing in underlyings() if listing.name == "VIX")
    listings = []
    for n in range(months):
        year, month = first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1
        settlement = vix_settlement(calendar, year, month)
        for at, (name, symbol, multiplier) in enumerate((("VX", "VIX", "1000"), ("VXM", "VXM", "100"))):
            listings.append(
                Listing(
                    con_id=_FIRST_FUTURE + 2 * n + at, name=f"{name} {settlement}", symbol=symbol, sec_type="FUT",
                    exchange="CFE", expiry=settlement.strftime("%Y%m%d"), multiplier=multiplier, trading_class=name,
                    local_symbol=f"{name}{settlement:%m%y}", min_tick=0.05, under_con_id=vix.con_id,
                )
            )  # fmt: skip
    return tuple(listings)


def options(
    underlying: Listing,
    trading_class: str,
    expiries: Iterable[date],
    strikes: Iterable[float],
    *,
    first_con_id: int = 0,
) -> tuple[Listing, ...]:
    """Return calls and puts of every expiry and strike."""
    base = first_con_id or _FIRST_OPTION
    grid = [(expiry, strike, right) for expiry in expiries for strike in strikes for right in "CP"]
    return tuple(
        option(underlying, trading_class, expiry, strike, right, base + n)
        for n, (expiry, strike, right) in enumerate(grid)
    )


def option(underlying: Listing, trading_class: str, expiry: date, strike: float, right: str, con_id: int) -> Listing:
    """Return one option."""
    return Listing(
        con_id=con_id, name=f"{trading_class} {expiry} {strike:g} {right}", symbol=underlying.symbol,
        sec_type="OPT", exchange="SMART", expiry=expiry.strftime("%Y%m%d"), strike=float(strike), right=right,
        multiplier="100", trading_class=trading_class, under_con_id=underlying.con_id,
        local_symbol=f"{trading_class:<6}{expiry:%y%m%d}{right}{round(strike * 1000):08d}",
    )  # fmt: skip
