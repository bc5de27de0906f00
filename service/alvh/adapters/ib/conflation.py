"""Conflation: of the quotes of an instrument in an interval the first, the lowest, the highest and the last remain."""

from alvh.core.events import Quote


def level(quote: Quote) -> float:
    """Return what a quote is compared by: its last price, else the middle of its book, else 0."""
    if quote.last_price is not None:
        return quote.last_price
    if quote.bid_price is not None and quote.ask_price is not None:
        return (quote.bid_price + quote.ask_price) / 2
    return quote.bid_price or quote.ask_price or 0.0


class _Window:
    """The interval of one instrument: what has gone out, and what is kept as (arrival, quote), with its extremes."""

    __slots__ = ("_high", "_low", "highest", "is_live", "last", "lowest", "opened_at", "out")

    def __init__(self, arrival: int, quote: Quote) -> None:
        self.opened_at = quote.ts_recv
        self.is_live = quote.is_live
        self.lowest = self.highest = self.last = (arrival, quote)
        self._low = self._high = level(quote)
        self.out: set[int] = set()

    def add(self, arrival: int, quote: Quote) -> None:
        at = level(quote)
        self.last = (arrival, quote)
        if at < self._low:
            self.lowest, self._low = self.last, at
        elif at > self._high:
            self.highest, self._high = self.last, at


class Conflator:
    """Keeps at most four quotes per instrument and interval; the first of an interval passes at once.

    A quote whose `is_live` differs from its predecessor's closes the interval, so that nothing that is not live can
    take the place of a live extreme.

    Args:
        interval_ns: length of an interval in ns of receipt; 0 lets everything pass.
    """

    def __init__(self, interval_ns: int) -> None:
        """Start empty."""
        self.interval_ns = interval_ns
        self._arrivals = 0
        self._windows: dict[str, tuple[tuple[int, Quote], _Window]] = {}

    def __len__(self) -> int:
        """Quotes kept back, at most."""
        return 4 * len(self._windows)

    def add(self, quote: Quote, *, may_pass: bool = True) -> list[Quote]:
        """Take a quote; return what goes out now, in order.

        Args:
            quote: the quote, newer than those before it.
            may_pass: False where the reader is behind: then even a first quote is kept.
        """
        self._arrivals += 1
        known = self._windows.get(quote.instrument_id)
        passed: list[Quote] = []
        if known is not None and known[1].is_live != quote.is_live:
            if not may_pass and not quote.is_live:
                return []  # decides nothing; a stalled reader's memory stays bounded however often this flips
            passed = [kept for _, kept in self._kept(self._windows.pop(quote.instrument_id))]
            known = None
        elif known is not None and may_pass and quote.ts_recv >= known[1].opened_at + self.interval_ns:
            passed = [kept for _, kept in self._kept(self._windows.pop(quote.instrument_id))]
            known = None
        if known is not None:
            known[1].add(self._arrivals, quote)
            return passed
        if may_pass and self.interval_ns == 0:
            return [*passed, quote]
        window = _Window(self._arrivals, quote)
        self._windows[quote.instrument_id] = ((self._arrivals, quote), window)
        if may_pass:
            window.out.add(self._arrivals)
            passed.append(quote)
        return passed

    @property
    def next_due(self) -> int | None:
        """When the first open interval ends (ns), or None where nothing is open."""
        opened = [window.opened_at for _, window in self._windows.values()]
        return min(opened) + self.interval_ns if opened else None

    def due(self, now: int) -> list[Quote]:
        """Return, in order of arrival, what the intervals that have ended at `now` kept."""
        ended = [name for name, (_, window) in self._windows.items() if window.opened_at + self.interval_ns <= now]
        return self._take(ended)

    def flush(self) -> list[Quote]:
        """Return, in order of arrival, everything kept."""
        return self._take(list(self._windows))

    def _take(self, names: list[str]) -> list[Quote]:
        kept = [item for name in names for item in self._kept(self._windows.pop(name))]
        return [quote for _, quote in sorted(kept, key=lambda item: item[0])]

    @staticmethod
    def _kept(entry: tuple[tuple[int, Quote], _Window]) -> list[tuple[int, Quote]]:
        first, window = entry
        chosen = dict((first, window.lowest, window.highest, window.last))
        return sorted((item for item in chosen.items() if item[0] not in window.out), key=lambda item: item[0])
