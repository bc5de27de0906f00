"""One thing that goes wrong in a run, and how long such things are about."""

from dataclasses import dataclass

FAULTY_S = 10.0  # so long faults are about; then everything must come right by itself
LEADER = -1  # whoever leads when it happens


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens `at` a time, to which node or `LEADER` (where it is about one), and for how long.

    `lag` is how far the replica lies behind that takes over in a failover.
    """

    at: float
    what: str
    node: int = 0
    lasts: float = 0.0
    lag: float = 0.0
