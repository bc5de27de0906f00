"""Where an index has been since the oldest anchor: one bucket a minute, bounded, thinned for whoever draws it."""

from collections import deque
from typing import Final

NS_PER_SECOND: Final = 1_000_000_000
BUCKET_NS: Final = 60 * NS_PER_SECOND  # of the source's time: a regular session has 390
# The hard timer rebalances at the tenth close by default; twelve sessions leave room for one that is set longer.
MAX_BUCKETS: Final = 12 * 390
MAX_POINTS: Final = 240  # more than a phone has pixels for

Point = tuple[float, float, float, float]


class Trail:
    """One index. Nights and holidays leave no bucket, so that points stand for time in session."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        # [start of the bucket ns, low, high, last], rising
        self._buckets: deque[tuple[int, float, float, float]] = deque(maxlen=MAX_BUCKETS)

    def add(self, ts_event: int, price: float) -> None:
        """Take a good price (index points) of the source's time `ts_event` (ns UTC); what is older is left out."""
        start = ts_event - ts_event % BUCKET_NS
        if self._buckets and self._buckets[-1][0] >= start:
            since, low, high, _ = self._buckets[-1]
            if since == start:
                self._buckets[-1] = (start, min(low, price), max(high, price), price)
            return
        self._buckets.append((start, price, price, price))

    def points(self, since_ns: int, limit: int = MAX_POINTS) -> list[Point]:
        """Return at most `limit` points (Unix seconds, low, high, last) from the bucket of `since_ns` on."""
        first = since_ns - since_ns % BUCKET_NS
        chosen = [bucket for bucket in self._buckets if bucket[0] >= first]
        size = -(-len(chosen) // limit) if chosen else 1
        groups = (chosen[i : i + size] for i in range(0, len(chosen), size))
        return [
            (
                group[-1][0] / NS_PER_SECOND,
                min(bucket[1] for bucket in group),
                max(bucket[2] for bucket in group),
                group[-1][3],
            )
            for group in groups
        ]
