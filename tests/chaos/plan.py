"""What happens to whom and when in one round of chaos on real processes, drawn from its seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

LEASE_S: Final = 2.0
RUN_S: Final = 6.0  # wall time the tape takes when nothing happens; all faults begin within it
LEADER: Final = -1  # the node that leads when the fault's time has come
LONGEST_STALL_S: Final = 7.0  # beyond the time limits of a command (5 s) and of an acknowledgement (5 s)

# What: the shortest and the longest it lasts, seconds. `cut` ends a connection within a write and needs no time.
DURATIONS: Final = {
    "kill_daemon": (0.0, 2.0),
    "kill_leader": (0.0, 2.0),
    "pause_leader": (1.2 * LEASE_S, 3.0 * LEASE_S),
    "kill_redis": (0.0, 2.0),
    "kill_broker": (0.0, 2.0),
    "pause_redis": (0.5, LONGEST_STALL_S),
    "pause_broker": (0.5, LONGEST_STALL_S),
    "redis_reset": (0.0, 1.0),
    "redis_stall": (0.2, LONGEST_STALL_S),
    "redis_half_open": (0.2, LONGEST_STALL_S),
    "redis_cut": (0.5, 2.0),
    "broker_reset": (0.0, 1.0),
    "broker_stall": (0.2, LONGEST_STALL_S),
    "broker_half_open": (0.2, LONGEST_STALL_S),
    "broker_cut": (0.5, 2.0),
    "redis_disk_full": (0.5, 3.0),
    "redis_memory_full": (0.5, 3.0),
}
KINDS: Final = tuple(DURATIONS)
LONGEST_CUT_BYTES: Final = 20_000  # of a commit or a publish: some end within the first header, some far behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that happens: when, what, to which node (where it is about one), for how long."""

    at_s: float
    what: str
    node: int
    lasts_s: float
    after_bytes: int

    def __str__(self) -> str:
        who = "" if self.what.endswith(("_redis", "_broker", "_full")) else f" of {_node(self.node)}"
        return f"{self.at_s:.2f} s {self.what}{who} for {self.lasts_s:.2f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a seed decides beforehand.

    Attributes:
        seed: where it comes from.
        nodes: daemons of the one instance.
        tape: which of the tapes is played.
        is_mqtt5: the subscriber's protocol; else 3.1.1.
        faults: what happens, by time.
    """

    seed: int
    nodes: int
    tape: int
    is_mqtt5: bool
    faults: Sequence[Fault]

    @property
    def fills_disk(self) -> bool:
        """Whether Redis needs a small disk."""
        return any(fault.what == "redis_disk_full" for fault in self.faults)


def plan(seed: int, kind: str | None = None) -> Plan:
    """Draw the plan of a seed; consecutive seeds go through all kinds of faults, others are added at random."""
    random = Random(seed)
    first = kind or KINDS[seed % len(KINDS)]
    others = [kind or random.choice(KINDS) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    nodes = 2 if first == "pause_leader" else random.choice((1, 2))
    faults = [_drawn(random, what, nodes) for what in (first, *others)]
    return Plan(
        seed=seed,
        nodes=nodes,
        tape=random.randrange(TAPES),
        is_mqtt5=random.random() < 0.5,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
    )


TAPES: Final = 4


def _drawn(random: Random, what: str, nodes: int) -> Fault:
    return Fault(
        at_s=random.uniform(0.0, RUN_S),
        what=what,
        node=LEADER if what.endswith("_leader") else random.randrange(nodes),
        lasts_s=random.uniform(*DURATIONS[what]),
        after_bytes=int(LONGEST_CUT_BYTES ** random.random()),
    )


def _node(node: int) -> str:
    return "the leader" if node == LEADER else f"node {node}"
