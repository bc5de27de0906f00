"""How long to wait before trying again: capped, and jittered so that many do not come back at once."""

from random import Random
from typing import Final

BASE_S: Final = 0.1  # a restart of a local Redis or broker takes about this long
CAP_S: Final = 30.0  # a person who has repaired something should not wait longer than this to see it
GROWTH: Final = 3.0  # decorrelated jitter: the next delay lies between the base and three times the last one


class Backoff:
    """Decorrelated jitter: each delay is drawn between `base_s` and three times the delay before, at most `cap_s`.

    Source: M. Brooker, "Exponential Backoff And Jitter" (2015).
    """

    def __init__(self, random: Random, *, base_s: float = BASE_S, cap_s: float = CAP_S) -> None:
        """Start at the base; `random` is given so that a simulation can seed it."""
        assert 0 < base_s <= cap_s, (base_s, cap_s)
        self._random = random
        self._base_s = base_s
        self._cap_s = cap_s
        self._last_s = base_s

    def next(self) -> float:
        """Return the seconds to wait before the next attempt."""
        self._last_s = min(self._cap_s, self._random.uniform(self._base_s, self._last_s * GROWTH))
        return self._last_s

    def reset(self) -> None:
        """Begin at the base again: the last attempt went well."""
        self._last_s = self._base_s
