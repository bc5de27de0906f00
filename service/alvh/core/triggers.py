"""3 % moves and 5-10 session timers (interfaces, section 4; methodology S01, S02).

All portfolios share one `MoveWatch` per watched index. Their thresholds lie sorted by price, so a quote that crosses
none of them costs two comparisons, however many portfolios there are.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from math import inf
from typing import Any, Final

# Levels only prefilter: the move itself is judged literally, |price / anchor - 1| >= threshold in IEEE doubles. A level
# is moved towards the anchor by far more than the few units in the last place by which rounding can differ.
_PREFILTER_MARGIN: Final = 1e-9

UP: Final = 1
DOWN: Final = -1


def move_ratio(price: float, anchor: float) -> float:
    """The move since the anchor: price / anchor - 1."""
    return price / anchor - 1.0


class MoveWatch:
    """One watched index against the anchors of many portfolios.

    Portfolios are known by rank, their place in the configuration.
    """

    __slots__ = ("_anchors", "_downs", "_high", "_low", "_runs", "_ups")

    def __init__(self) -> None:
        self._anchors: dict[int, tuple[float, float, int]] = {}  # rank: anchor, threshold, confirm_quotes
        self._ups: list[tuple[float, int]] = []  # (level, rank), rising
        self._downs: list[tuple[float, int]] = []
        self._high = inf
        self._low = -inf
        self._runs: dict[int, tuple[int, int, int]] = {}  # rank: side, count, ts of the newest quote counted

    def arm(self, rank: int, anchor: float, threshold: float, confirm_quotes: int) -> None:
        """Watch a portfolio from a new anchor; its run of quotes beyond the old threshold ends."""
        self.disarm(rank)
        self._anchors[rank] = (anchor, threshold, confirm_quotes)
        insort(self._ups, (_upper(anchor, threshold), rank))
        insort(self._downs, (_lower(anchor, threshold), rank))
        self._refresh()

    def disarm(self, rank: int) -> None:
        """Watch a portfolio no more."""
        known = self._anchors.pop(rank, None)
        if known is None:
            return
        anchor, threshold, _ = known
        del self._ups[bisect_left(self._ups, (_upper(anchor, threshold), rank))]
        del self._downs[bisect_left(self._downs, (_lower(anchor, threshold), rank))]
        self._runs.pop(rank, None)
        self._refresh()

    def _refresh(self) -> None:
        self._high = self._ups[0][0] if self._ups else inf
        self._low = self._downs[-1][0] if self._downs else -inf

    def anchor(self, rank: int) -> float | None:
        """The anchor of a portfolio in points, or None before its first rebalance."""
        known = self._anchors.get(rank)
        return None if known is None else known[0]

    def on_quote(self, price: float, ts_event: int) -> Sequence[int]:
        """Take a good quote inside the session; return the ranks whose move it confirms, rising."""
        if self._low < price < self._high:
            if self._runs:
                self._runs.clear()
            return ()
        return self._confirm(price, ts_event)

    def _confirm(self, price: float, ts_event: int) -> list[int]:
        runs: dict[int, tuple[int, int, int]] = {}
        confirmed = []
        for rank in self.beyond(price):
            anchor, _, needed = self._anchors[rank]
            side = UP if price > anchor else DOWN
            run_side, count, newest = self._runs.get(rank, (side, 0, -1))
            if run_side != side:
                count, newest = 0, -1
            if ts_event > newest:
                count, newest = count + 1, ts_event
            runs[rank] = (side, count, newest)
            if count >= needed:
                confirmed.append(rank)
        self._runs = runs
        return confirmed

    def beyond(self, price: float) -> list[int]:
        """The ranks whose threshold `price` has reached, rising; at a session close one price is enough."""
        ranks = []
        for level, rank in self._ups:
            if level > price:
                break
            ranks.append(rank)
        for level, rank in reversed(self._downs):
            if level < price:
                break
            ranks.append(rank)
        return sorted(rank for rank in ranks if self._is_beyond(rank, price))

    def _is_beyond(self, rank: int, price: float) -> bool:
        anchor, threshold, _ = self._anchors[rank]
        return abs(move_ratio(price, anchor)) >= threshold

    def state(self) -> dict[str, Any]:
        """Return the watch as plain data."""
        return {
            "anchors": [[rank, *known] for rank, known in sorted(self._anchors.items())],
            "runs": [[rank, *run] for rank, run in sorted(self._runs.items())],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become what `state` was taken from."""
        self.__init__()  # type: ignore[misc]  # a watch has no other way to be empty than to be new
        for rank, anchor, threshold, confirm_quotes in state["anchors"]:
            self.arm(rank, anchor, threshold, confirm_quotes)
        self._runs = {rank: (side, count, newest) for rank, side, count, newest in state["runs"]}


def _upper(anchor: float, threshold: float) -> float:
    return anchor * (1.0 + threshold) * (1.0 - _PREFILTER_MARGIN)


def _lower(anchor: float, threshold: float) -> float:
    return anchor * (1.0 - threshold) * (1.0 + _PREFILTER_MARGIN)
