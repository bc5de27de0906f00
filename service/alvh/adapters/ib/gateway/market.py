"""What the gateway of ours sells: listings, prices, bars and holdings, and where prices come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One contract as the gateway knows it, field by field as on the wire.

    Attributes:
        name: what this project calls it (`SPX`, `VX 2026-12-16`, ...).
        expiry: last trade date as YYYYMMDD, or empty.
        under_con_id: contract id of what it is written on, or 0.
    """

    con_id: int
    name: str
    symbol: str
    sec_type: str
    exchange: str
    primary_exchange: str = ""
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    min_tick: float = 0.01
    under_con_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What is known of one contract; None is what is not quoted.

    Attributes:
        stamp_s: time of the last trade in epoch seconds, told as tick 45; None where the feed has none (an index).
        previous_close: tick 9.
        is_halted: tick 49.
        iv, delta: of the model computation (tick 13); sent for options only.
    """

    last: float | None = None
    bid: float | None = None
    ask: float | None = None
    last_size: float = 0
    bid_size: float = 10
    ask_size: float = 10
    stamp_s: int | None = None
    previous_close: float | None = None
    is_halted: bool = False
    iv: float | None = None
    delta: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of history, stamped with the start of its interval (aware)."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One position: signed quantity and average cost in dollars."""

    listing: Listing
    quantity: float
    average_cost: float


class PriceSource(Protocol):
    """Where the gateway's prices come from: a script, a tape or the simulator."""

    def listings(self) -> Sequence[Listing]:
        """Return every contract that can be asked for."""
        ...

    def price(self, con_id: int) -> Price | None:
        """Return what is known now; None where there is no price yet."""
        ...

    def bars(self, con_id: int, bar_s: int, start: datetime, end: datetime) -> Sequence[Bar]:
        """Return the completed bars of `bar_s` seconds (86 400: daily, one per session) that start in [start, end]."""
        ...

    async def run(self, publish: Callable[[int, Price], None]) -> None:
        """Move the prices, telling each move, until cancelled or the source ends."""
        ...
