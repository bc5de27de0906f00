"""Price bands in which nothing happens to a portfolio: a quote inside all of them costs two comparisons."""

from collections.abc import Sequence
from math import inf

Band = tuple[float, float]


class QuietBands:
    """One band of SPX for each portfolio, by rank (its place in the configuration)."""

    __slots__ = ("_bands", "_high", "_is_stale", "_low")

    def __init__(self) -> None:
        self._bands: list[Band] = []
        self._low, self._high = -inf, inf
        self._is_stale = False

    def reset(self, bands: Sequence[Band]) -> None:
        """Take the bands of all portfolios."""
        self._bands = list(bands)
        self._is_stale = True

    def put(self, rank: int, band: Band) -> None:
        """Take a portfolio's new band."""
        if self._bands[rank] != band:
            self._bands[rank] = band
            self._is_stale = True

    def is_quiet(self, price: float) -> bool:
        """Whether a price lies in all bands."""
        if self._is_stale:
            self._low = max((low for low, _ in self._bands), default=-inf)
            self._high = min((high for _, high in self._bands), default=inf)
            self._is_stale = False
        return self._low < price < self._high

    def outside(self, price: float) -> Sequence[int]:
        """Return the ranks whose band a price does not lie in, rising."""
        return [rank for rank, (low, high) in enumerate(self._bands) if not low < price < high]
