"""The newest VIX futures curves: VX, which decides, and beside it what Mini VIX futures (VXM) are quoted at."""

from dataclasses import replace
from typing import Final

from alvh.core.codec import as_text, from_text
from alvh.core.effects import Refused
from alvh.core.events import FuturesCurve
from alvh.core.instruments import BELIEVABLE_VOLATILITY

MINI: Final = "VXM"
"""Symbol of the Mini VIX futures: fewer months than VX, so that they never stand for the whole curve."""


class Curves:
    """The newest curve of each symbol.

    Attributes:
        minis: of VXM; None where the feed tells none apart from VX.
    """

    __slots__ = ("_whole", "minis")

    def __init__(self) -> None:
        self._whole: FuturesCurve | None = None
        self.minis: FuturesCurve | None = None

    @property
    def newest(self) -> FuturesCurve | None:
        """The curve decisions are made on: of VX; of VXM where that is all a feed has told; None before the first."""
        return self.minis if self._whole is None else self._whole

    def take(self, event: FuturesCurve) -> bool:
        """Keep a curve; False where it is older than the newest of its symbol."""
        known = self.minis if event.symbol == MINI else self._whole
        if known is not None and event.ts_event < known.ts_event:
            return False
        if event.symbol == MINI:
            self.minis = event
        else:
            self._whole = event
        return True

    def state(self) -> list[str | None]:
        """Return the curves as plain data."""
        return [as_text(self._whole), as_text(self.minis)]

    def restore(self, state: list[str | None] | str | None) -> None:
        """Become what `state` was taken from; earlier versions kept one curve."""
        whole, minis = state if isinstance(state, list) else (state, None)
        one, other = from_text(whole), from_text(minis)
        self._whole = one if isinstance(one, FuturesCurve) else None
        self.minis = other if isinstance(other, FuturesCurve) else None


def believed(event: FuturesCurve) -> tuple[FuturesCurve, tuple[Refused, ...]]:
    """Return a curve without the contracts whose price can be none, and what is said of these."""
    nodes, refused = [], []
    for expiry, settle, bid, ask in event.nodes:
        if _is_price(settle):
            nodes.append((expiry, settle, bid if _is_price(bid) else None, ask if _is_price(ask) else None))
        else:
            refused.append(
                Refused(subject=event.symbol, reason="invalid", detail=f"{event.symbol} of {expiry}: {settle}")
            )
    if tuple(nodes) == event.nodes:
        return event, ()
    return replace(event, nodes=tuple(nodes)), tuple(refused)


def _is_price(points: float | None) -> bool:
    least, greatest = BELIEVABLE_VOLATILITY
    return points is not None and least <= points <= greatest
