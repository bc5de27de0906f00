"""The TWS wire format as a server writes and reads it: frames and messages, server version 178.

Layouts: the protocol notes of the project (section 3) and `ib_async` 2.1.0 `decoder.py`. Fields travel as text, each
ended by NUL; a frame is a big-endian length and that many bytes.
"""

import struct
from collections.abc import Iterable
from typing import Final

from alvh.adapters.ib.gateway.market import Bar, Holding, Listing

SERVER_VERSION: Final = 178
# A request is some hundred bytes; whatever claims to be longer is no client of this protocol.
LARGEST_FRAME: Final = 1 << 20

Field = str | int | float | bool | None


def frame(*fields: Field) -> bytes:
    """Return one frame: the length, then each field with its NUL."""
    body = "".join(f"{_text(field)}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


def _text(field: Field) -> str:
    if field is None:
        return ""
    if isinstance(field, bool):
        return "1" if field else "0"
    return str(field)


def split(body: bytes) -> tuple[str, ...]:
    """Return the fields of a frame's body."""
    return tuple(body.decode(errors="backslashreplace").split("\0")[:-1])


def hello(at: str) -> bytes:
    """Answer the handshake: our version and the time of connection."""
    return frame(SERVER_VERSION, at)


def managed_accounts(accounts: Iterable[str]) -> bytes:
    """Name the accounts of this log-in."""
    return frame(15, 1, ",".join(accounts))


def next_valid_id(request_id: int) -> bytes:
    """Name the first id the client may use."""
    return frame(9, 1, request_id)


def error(request_id: int, code: int, text: str) -> bytes:
    """Say an error, a warning or a notice; `request_id` -1 means the connection."""
    return frame(4, 2, request_id, code, text, "")


def current_time(epoch_s: int) -> bytes:
    """Answer what time it is."""
    return frame(49, 1, epoch_s)


def market_data_type(request_id: int, kind: int) -> bytes:
    """Say of which kind the ticks are from here on: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""
    return frame(58, 1, request_id, kind)


def tick_price(request_id: int, kind: int, price: float, size: float = 0) -> bytes:
    """Send one price (kinds: 1 bid, 2 ask, 4 last, 9 close; 66, 67, 68, 75 the same delayed)."""
    return frame(1, 6, request_id, kind, price, size, 0)


def tick_size(request_id: int, kind: int, size: float) -> bytes:
    """Send one size (kinds: 0 bid, 3 ask, 5 last, 8 volume)."""
    return frame(2, 6, request_id, kind, size)


def tick_generic(request_id: int, kind: int, value: float) -> bytes:
    """Send one number (kind 49: halted)."""
    return frame(45, 6, request_id, kind, value)


def tick_string(request_id: int, kind: int, text: str) -> bytes:
    """Send one text (kinds 45 and 88: time of the last trade in epoch seconds)."""
    return frame(46, 6, request_id, kind, text)


def tick_parameters(request_id: int, min_tick: float) -> bytes:
    """Say an instrument's tick size at the start of its stream."""
    return frame(81, request_id, min_tick, "", 0)


def model_greeks(request_id: int, iv: float | None, delta: float | None, underlying: float | None) -> bytes:
    """Send a model computation whose missing numbers are coded as the real gateway codes them (-1 and -2)."""
    iv, underlying = (-1 if value is None else value for value in (iv, underlying))
    return frame(21, request_id, 13, 0, iv, -2 if delta is None else delta, -1, -1, -2, -2, -2, underlying)


def contract_data(request_id: int, listing: Listing) -> bytes:
    """Answer one contract's details."""
    return frame(
        10, request_id, listing.symbol, listing.sec_type, listing.expiry, listing.strike, listing.right,
        listing.exchange, listing.currency, listing.local_symbol, listing.trading_class, listing.trading_class,
        listing.con_id, listing.min_tick, listing.multiplier, "", listing.exchange, 1, listing.under_con_id,
        listing.name, listing.primary_exchange, listing.expiry[:6], "", "", "", "US/Eastern", "", "", "", 0, 0,
        1, "", "", "26", listing.expiry, "", 1, 1, 1,
    )  # fmt: skip


def contract_data_end(request_id: int) -> bytes:
    """End the details of one request."""
    return frame(52, 1, request_id)


def historical_data(request_id: int, bars: Iterable[tuple[str, Bar]]) -> bytes:
    """Answer a history request: (date as text, bar) rows."""
    rows = tuple(bars)
    start, end = (rows[0][0], rows[-1][0]) if rows else ("", "")
    fields: list[Field] = [17, request_id, start, end, len(rows)]
    for text, bar in rows:
        fields += [text, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.close, 1]
    return frame(*fields)


def position(account: str, holding: Holding) -> bytes:
    """Send one position of an account."""
    listing = holding.listing
    return frame(
        61, 3, account, listing.con_id, listing.symbol, listing.sec_type, listing.expiry, listing.strike,
        listing.right, listing.multiplier, listing.exchange, listing.currency, listing.local_symbol,
        listing.trading_class, holding.quantity, holding.average_cost,
    )  # fmt: skip


def position_end() -> bytes:
    """End the positions."""
    return frame(62, 1)


def option_parameters(request_id: int, group: tuple[Listing, ...]) -> bytes:
    """Answer the expiries and strikes of options of one exchange and trading class."""
    first = group[0]
    expiries = sorted({listing.expiry for listing in group})
    strikes = sorted({listing.strike for listing in group})
    return frame(
        75, request_id, first.exchange, first.under_con_id, first.trading_class, first.multiplier,
        len(expiries), *expiries, len(strikes), *strikes,
    )  # fmt: skip


def option_parameters_end(request_id: int) -> bytes:
    """End the option parameters of one request."""
    return frame(76, request_id)


def account_summary_end(request_id: int) -> bytes:
    """End an account summary (ours is empty: nothing here depends on money)."""
    return frame(64, 1, request_id)
