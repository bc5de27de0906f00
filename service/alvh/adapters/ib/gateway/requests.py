"""What clients ask for, read from the fields of their messages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from alvh.adapters.ib.gateway.market import Listing

# Everything that places, changes, cancels, exercises or binds an order, or asks for the orders of an account.
ORDER_MESSAGES: Final = frozenset({3, 4, 5, 15, 16, 21, 58, 99})

_BAR_SECONDS: Final = {"sec": 1, "secs": 1, "min": 60, "mins": 60, "hour": 3600, "hours": 3600, "day": 86400}
_DURATION_DAYS: Final = {"D": 1, "W": 7, "M": 31, "Y": 366}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message a client sent: when (ns UTC), by which client id (None before it has told), its id and fields."""

    at: int
    client_id: int | None
    message: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """A request for bars: their size in seconds, the span [start, end], and how dates are to be written."""

    request_id: int
    bar_s: int
    start: datetime
    end: datetime
    writes_epoch: bool


def matches(listing: Listing, contract: Sequence[str]) -> bool:
    """Tell whether a listing is what the twelve contract fields of a request describe; empty fields match all."""
    con_id, symbol, sec_type, expiry, strike, right, _, exchange, _, currency, local_symbol, trading_class = contract
    if int(con_id or 0):
        return listing.con_id == int(con_id)
    exact = (
        (symbol, listing.symbol), (sec_type, listing.sec_type), (right, listing.right), (currency, listing.currency),
        (local_symbol, listing.local_symbol), (trading_class, listing.trading_class),
    )  # fmt: skip
    return (
        all(not asked or asked == known for asked, known in exact)
        and listing.expiry.startswith(expiry)
        and (not float(strike or 0) or float(strike) == listing.strike)
        and exchange in {"", "SMART", listing.exchange}
    )


def history_request(fields: Sequence[str], now: datetime) -> HistoryRequest:
    """Read a history request (message 20); raises ValueError where it is not one we can answer."""
    end_text, bar_text, duration = fields[15], fields[16], fields[17]
    end = now if not end_text else datetime.strptime(end_text, "%Y%m%d %H:%M:%S UTC").replace(tzinfo=UTC)
    count, unit = bar_text.split()
    span = re.fullmatch(r"(\d+) ([SDWMY])", duration)
    if span is None:
        raise ValueError(duration)
    amount = int(span[1])
    length = timedelta(seconds=amount) if span[2] == "S" else timedelta(days=amount * _DURATION_DAYS[span[2]])
    return HistoryRequest(
        request_id=int(fields[1]), bar_s=int(count) * _BAR_SECONDS[unit], start=end - length, end=end,
        writes_epoch=fields[20] == "2",
    )  # fmt: skip
