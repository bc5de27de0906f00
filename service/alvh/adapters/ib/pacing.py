"""How often we may ask: the broker's limit on history requests, and the waiting between attempts to connect."""

import random
from collections import deque
from typing import Final

# The broker allows 60 history requests in ten minutes; what other programs of the same user ask counts too.
HISTORY_LIMIT: Final = 50
HISTORY_WINDOW_NS: Final = 600 * 10**9
# An identical request within 15 s is a pacing violation by itself.
SAME_REQUEST_NS: Final = 16 * 10**9


class HistoryPacing:
    """Says when the next history request may go out; remembers across reconnections."""

    def __init__(self, limit: int = HISTORY_LIMIT) -> None:
        """Start with nothing asked."""
        self._limit = limit
        self._sent: deque[int] = deque(maxlen=limit)
        self._last: dict[str, int] = {}

    def earliest(self, key: str, now: int) -> int:
        """Return when (ns) the request named `key` may go out, `now` at the earliest."""
        at = now
        if len(self._sent) == self._limit:
            at = max(at, self._sent[0] + HISTORY_WINDOW_NS)
        if key in self._last:
            at = max(at, self._last[key] + SAME_REQUEST_NS)
        return at

    def note(self, key: str, now: int) -> None:
        """Count a request that goes out now."""
        self._sent.append(now)
        self._last[key] = now
        if len(self._last) > 4 * self._limit:
            self._last = {name: at for name, at in self._last.items() if now - at < SAME_REQUEST_NS}


class Backoff:
    """Waiting times that double up to a cap, each shortened by up to half at random, for ever.

    Args:
        first_s: the first.
        cap_s: the longest.
        jitter: where chance comes from.
    """

    def __init__(self, first_s: float, cap_s: float, jitter: random.Random) -> None:
        """Start at the first."""
        self._first_s = first_s
        self._cap_s = cap_s
        self._jitter = jitter
        self._next_s = first_s

    def next(self) -> float:
        """Return how long to wait now (seconds)."""
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._cap_s)
        return wait_s * (0.5 + 0.5 * self._jitter.random())

    def reset(self) -> None:
        """Begin anew after a success."""
        self._next_s = self._first_s
