"""The options of a replayed market: its chains moved to today's dates, each contract under an id that stays its own."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from alvh.adapters.ib.gateway.catalogue import option
from alvh.adapters.ib.gateway.market import Listing, Price
from alvh.core.events import OptionChain
from alvh.core.sessions import et_date

_CLASSES: Final = {"VIX": "VIX", "SPX": "SPXW"}
_FIRST_ID: Final = 300_001

# An option as this project and the exchange tell it from others: underlying, expiry, right, strike.
_Key = tuple[str, date, str, float]


class OptionBoard:
    """Lists and prices the newest chain of each underlying.

    Expiries keep their days to expiry; those on which a contract of the VIX futures curve settles move with it.

    Args:
        underlyings: listings of what options are written on, by name.
    """

    def __init__(self, underlyings: Mapping[str, Listing]) -> None:
        """Start with nothing listed."""
        self._underlyings = underlyings
        self._ids: dict[_Key, int] = {}
        self._next_id = itertools.count(_FIRST_ID)
        self._listed: dict[str, dict[int, Listing]] = {}

    def listings(self) -> Sequence[Listing]:
        """Return every option that is listed now."""
        return [listing for chain in self._listed.values() for listing in chain.values()]

    def take(
        self, chain: OptionChain, today: date, settlements: Mapping[date, date], known: Callable[[int], Price | None]
    ) -> list[tuple[int, Price]]:
        """List a chain as of today; return the prices that change.

        Args:
            chain: as of another day.
            today: the exchange's date now.
            settlements: days of the chain's market on which a VIX future settles, and the days of ours they stand for.
            known: the newest price of an option.
        """
        underlying = self._underlyings.get(chain.underlying)
        trading_class = _CLASSES.get(chain.underlying)
        if underlying is None or trading_class is None:
            return []
        shift = today - et_date(chain.ts_event)
        listed: dict[int, Listing] = {}
        prices: list[tuple[int, Price]] = []
        for expiry, right, strike, bid, ask, iv, _ in chain.rows:
            moved = settlements.get(expiry) or _weekday(expiry + shift)
            con_id = self._id((chain.underlying, moved, right, strike))
            if con_id in listed:
                continue  # two expiries that move to one Friday: the nearer one stands
            listed[con_id] = option(underlying, trading_class, moved, strike, right, con_id)
            prices.append((con_id, Price(bid=bid or None, ask=ask, iv=iv)))
        for con_id in self._listed.get(chain.underlying, {}).keys() - listed.keys():
            old = known(con_id)
            if old is not None:
                prices.append((con_id, replace(old, bid=None, ask=None)))
        self._listed[chain.underlying] = listed
        return prices

    def _id(self, key: _Key) -> int:
        con_id = self._ids.get(key)
        if con_id is None:
            con_id = self._ids[key] = next(self._next_id)
        return con_id


def _weekday(day: date) -> date:
    """Move a date that falls on a weekend to the Friday before."""
    return day - timedelta(days=max(day.weekday() - 4, 0))
