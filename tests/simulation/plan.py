"""What happens to whom and when: a run's faults, drawn from its seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from simulation.broker import BrokerRates
from simulation.network import Rates

FAULTY_S = 10.0  # so long faults are about; then everything must come right by itself
KINDS = ("calm", "network", "broker", "crashes", "awaits", "pauses", "redis", "clocks", "everything", "lost_tail")
_WEIGHTS = (1, 4, 4, 4, 4, 5, 3, 2, 8, 4)
# A node takes some thousand steps (from one await to the next) in a run; the first hundreds are its start.
_STEPS = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that happens `at` a time: what, to which node (where it is about one), and for how long."""

    at: float
    what: str
    node: int = 0
    lasts: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a seed decides beforehand.

    Attributes:
        kind: the family of faults.
        story: `toy`, `live` or `real`.
        nodes: daemons of the one instance.
        faults: what happens, by time.
        lag_s: how far the replica lies behind that takes over in `lost_tail`.
        retains: whether retention trims as hard as it may meanwhile.
        archives: whether what it trims must stand in an archive first.
        last_steps: for each of the first lives of the nodes, the await at which it dies (`crash`) or sleeps (`pause`).
        answers: when somebody says something to the instance, on the story that is live.
    """

    kind: str
    story: str
    nodes: int
    rates: Rates
    broker_rates: BrokerRates
    faults: Sequence[Fault] = field(default_factory=tuple)
    lag_s: float = 0.0
    retains: bool = False
    archives: bool = False
    last_steps: Sequence[tuple[str, int]] = ()
    answers: Sequence[float] = ()

    @property
    def may_reset(self) -> bool:
        """Whether the log may lose what it has confirmed."""
        return self.kind == "lost_tail"


def plan(random: Random, kind: str | None = None) -> Plan:
    """Draw a plan, of one `kind` of faults where one is asked for."""
    kind = kind or random.choices(KINDS, _WEIGHTS)[0]
    nodes = random.choice((1, 2, 2, 3))
    story = random.choices(("toy", "live", "real"), (6, 3, 1))[0]
    if kind == "lost_tail":
        story = random.choice(("toy", "toy", "real"))
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
        faults += _drawn(random, nodes, ("broker", "forgetful_broker"), (1, 4), (0.01, 4.0))
    if kind == "clocks" or (everything and random.random() < 0.3):
        faults += _drawn(random, nodes, ("clock", "redis_clock"), (1, 5), (-3.0, 3.0))
    if kind == "lost_tail":
        faults += _drawn(random, nodes, ("failover",), (1, 3), (0.01, 3.0))
        if random.random() < 0.5:
            faults += _drawn(random, nodes, ("crash", "pause"), (1, 3), (0.05, 3.0))
    steps: list[tuple[str, int]] = []
    if kind == "awaits" or (everything and random.random() < 0.3):
        steps = [
            (random.choice(("crash", "crash", "pause")), round(_STEPS ** random.random()))
            for _ in range(random.randint(1, 8))
        ]
    retains = story != "live" and random.random() < 0.3
    return Plan(
        kind=kind,
        story=story,
        nodes=nodes,
        rates=_rates(random) if kind in {"network", "everything", "lost_tail"} else Rates(),
        broker_rates=_broker_rates(random) if kind in {"network", "broker", "everything"} else BrokerRates(),
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
        lag_s=random.uniform(0.0, 1.0),
        retains=retains,
        archives=retains and kind != "lost_tail" and random.random() < 0.5,
        last_steps=steps,
        answers=sorted(random.uniform(0.3, FAULTY_S) for _ in range(12)) if story == "live" else (),
    )


def _drawn(
    random: Random, nodes: int, words: Sequence[str], count: tuple[int, int], lasts: tuple[float, float]
) -> list[Fault]:
    return [
        Fault(
            at=random.uniform(0.05, FAULTY_S),
            what=random.choice(words),
            node=random.randrange(nodes),
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
        cut_before=0.03 * scale, cut_behind=0.03 * scale, refused=0.03 * scale, repeated=0.05 * scale, slow=0.02 * scale
    )
