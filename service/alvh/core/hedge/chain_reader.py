"""Reads each quoted chain once, however many portfolios and signals look at it."""

from datetime import date

from alvh.core.events import OptionChain
from alvh.core.hedge.chain import Chain, ChainTerms, build_chain

_Key = tuple[date, float, float, float, dict[date, float]]


class ChainReader:
    """The newest chain of each underlying, made ready under the terms it was asked for last.

    To be thrown away with the calendar its terms count in.
    """

    __slots__ = ("_read",)

    def __init__(self) -> None:
        self._read: dict[str, tuple[OptionChain, _Key, Chain]] = {}

    def read(self, event: OptionChain, terms: ChainTerms) -> Chain:
        """Return a chain made ready."""
        futures = dict(terms.futures) if event.underlying == "VIX" else {}  # forwards of VIX options alone
        key = (terms.session, terms.spot, terms.rate, terms.dividend, futures)
        known = self._read.get(event.underlying)
        if known is not None and known[0] is event and known[1] == key:
            return known[2]
        chain = build_chain(event.underlying, event.rows, terms)
        self._read[event.underlying] = (event, key, chain)
        return chain
