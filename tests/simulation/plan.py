"""What happens to whom and when: a run's faults, drawn from its seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from simulation.asking import ChainRates
from simulation.broker import BrokerRates
from simulation.failovers import anywhere, late_leader, leader_dies_with_it, messages_wait, orphans
from simulation.faults import FAULTY_S, LEADER, Fault
from simulation.network import Rates

_WEIGHTS = {
    "calm": 1, "network": 4, "broker": 4, "crashes": 4, "awaits": 4, "pauses": 5, "redis": 3, "clocks": 2,
    "everything": 8, "lost_tail": 7, "split": 7,
}  # fmt: skip
KINDS = tuple(_WEIGHTS)
_LOSSES = (anywhere, messages_wait, messages_wait, leader_dies_with_it)
_SPLITS = (late_leader, orphans, orphans)
# A node takes some thousand steps (from one await to the next) in a run; the first hundreds are its start.
_STEPS = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a seed decides beforehand.

    Attributes:
        kind: the family of faults.
        story: `toy`, `live`, `asking` or `real`.
        nodes: daemons of the one instance.
        faults: what happens, by time.
        retains: whether retention trims as hard as it may meanwhile.
        archives: whether what it trims must stand in an archive first.
        forgets_at_rest: whether the broker forgets what was retained when nothing follows that would be retained anew.
        last_steps: for each of the first lives of the nodes, the await at which it dies (`crash`) or sleeps (`pause`).
        answers: when somebody says something to the instance, on the story that is live.
    """

    kind: str
    story: str
    nodes: int
    rates: Rates
    broker_rates: BrokerRates
    chain_rates: ChainRates
    faults: Sequence[Fault] = field(default_factory=tuple)
    retains: bool = False
    archives: bool = False
    forgets_at_rest: bool = False
    last_steps: Sequence[tuple[str, int]] = ()
    answers: Sequence[float] = ()

    @property
    def may_reset(self) -> bool:
        """Whether the log may lose what it has confirmed."""
        return self.kind in {"lost_tail", "split"}


def plan(random: Random, kind: str | None = None) -> Plan:
    """Draw a plan, of one `kind` of faults where one is asked for."""
    kind = kind or random.choices(KINDS, tuple(_WEIGHTS.values()))[0]
    may_reset = kind in {"lost_tail", "split"}
    nodes = random.choice((2, 3, 3) if kind == "split" else (1, 2, 2, 3))
    if may_reset:  # where quotes do not come again, what is said anew is something else
        story = random.choices(("toy", "live", "asking", "real"), (2, 4, 3, 1))[0]
    else:
        story = random.choices(("toy", "live", "asking", "real"), (4, 4, 3, 1))[0]
    faults = _failovers(random, kind, nodes) if may_reset else _faults(random, kind, nodes)
    has_bad_net = kind in {"network", "everything"} or (kind == "lost_tail" and random.random() < 0.4)
    retains = story in {"toy", "real"} and random.random() < 0.4
    return Plan(
        kind=kind,
        story=story,
        nodes=nodes,
        rates=_rates(random) if has_bad_net else Rates(),
        broker_rates=_broker_rates(random) if kind in {"network", "broker", "everything"} else BrokerRates(),
        chain_rates=_chain_rates(random) if story == "asking" and kind != "calm" else ChainRates(),
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
        retains=retains,
        archives=retains and not may_reset and random.random() < 0.5,
        forgets_at_rest=kind != "calm" and random.random() < 0.3,
        last_steps=_last_steps(random) if kind == "awaits" or (kind == "everything" and random.random() < 0.3) else (),
        # A failover may lose what was acknowledged to who said it: who answers must see it in the log.
        answers=_answers(random) if story == "live" and not may_reset else (),
    )


def _failovers(random: Random, kind: str, nodes: int) -> list[Fault]:
    """What loses the end of the log."""
    if kind == "split":
        return [fault for _ in range(random.choice((1, 1, 2))) for fault in random.choice(_SPLITS)(random)]
    faults = [fault for _ in range(random.randint(1, 2)) for fault in random.choice(_LOSSES)(random)]
    if random.random() < 0.4:
        faults += _drawn(random, nodes, ("crash", "pause"), (1, 3), (0.05, 3.0))
    return faults


def _faults(random: Random, kind: str, nodes: int) -> list[Fault]:
    """What loses nothing."""
    faults: list[Fault] = []
    everything = kind == "everything"
    if kind == "crashes" or (everything and random.random() < 0.6):
        faults += _drawn(random, nodes, ("crash", "crash", "crash", "stop"), (1, 6), (0.01, 3.0))
    if kind == "pauses" or (everything and random.random() < 0.6):
        faults += _drawn(random, nodes, ("pause",), (1, 5), (0.05, 9.0))
        if random.random() < 0.15:
            faults += _drawn(random, nodes, ("pause",), (1, 1), (14.0, 20.0))
    if kind == "redis" or (everything and random.random() < 0.4):
        faults += _drawn(random, nodes, ("redis",), (1, 3), (0.01, 4.0))
    if kind == "broker" or (everything and random.random() < 0.6):
        faults += _drawn(random, nodes, ("broker", "forgetful_broker", "broker_stall"), (1, 4), (0.01, 5.0))
    if kind == "clocks" or (everything and random.random() < 0.3):
        faults += _drawn(random, nodes, ("clock", "redis_clock"), (1, 5), (-3.0, 3.0))
    return faults


def _last_steps(random: Random) -> list[tuple[str, int]]:
    return [
        (random.choice(("crash", "crash", "pause")), round(_STEPS ** random.random()))
        for _ in range(random.randint(1, 8))
    ]


def _answers(random: Random) -> list[float]:
    return sorted(random.uniform(0.3, FAULTY_S) for _ in range(12))


def _drawn(
    random: Random, nodes: int, words: Sequence[str], count: tuple[int, int], lasts: tuple[float, float]
) -> list[Fault]:
    return [
        Fault(
            at=random.uniform(0.05, FAULTY_S),
            what=random.choice(words),
            node=random.choice((LEADER, random.randrange(nodes))),
            lasts=random.uniform(*lasts),
        )
        for _ in range(random.randint(*count))
    ]


def _rates(random: Random) -> Rates:
    scale = random.choice((0.3, 1.0, 1.0, 3.0))
    return Rates(lost_request=0.02 * scale, lost_reply=0.03 * scale, late=0.005 * scale, slow=0.02 * scale)


def _broker_rates(random: Random) -> BrokerRates:
    scale = random.choice((0.3, 1.0, 1.0, 3.0))
    return BrokerRates(
        cut_before=0.03 * scale, cut_behind=0.03 * scale, refused=0.06 * scale, repeated=0.05 * scale, slow=0.04 * scale
    )


def _chain_rates(random: Random) -> ChainRates:
    scale = random.choice((0.0, 0.5, 1.0, 1.0))
    return ChainRates(lost=0.1 * scale, refused=0.05 * scale, late=0.1 * scale, slow=0.2 * scale, doubled=0.3 * scale)
