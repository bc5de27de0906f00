"""Failovers of Redis that lose its last commits, each with what makes the loss hurt most."""

from random import Random

from simulation.faults import FAULTY_S, LEADER, Fault

# From the last commit that the replica has until it answers: noticing that a master is gone takes a second at least.
# So what is lost with the old one is older than that, an epoch in unix seconds too.
TAKES_S = 1.0


def failover(random: Random, at: float, over_at: float, down_s: float) -> Fault:
    """What was committed from `at` on is lost; a replica takes over at `over_at` and answers `down_s` later."""
    at = max(0.1, at)
    lag = max(over_at - at, 0.01)
    return Fault(at=at, what="failover", lag=lag, lasts=max(down_s, TAKES_S - lag + random.uniform(0.0, 0.3)))


def anywhere(random: Random) -> list[Fault]:
    """At any time, whatever goes on."""
    at = random.uniform(0.05, FAULTY_S)
    return [failover(random, at, at + random.uniform(0.0, 1.0), random.uniform(0.01, 3.0))]


def messages_wait(random: Random) -> list[Fault]:
    """Messages wait for the broker, more than find room in memory, and part of them is lost.

    The broker goes on while Redis is away: whoever is asked first then, the relay may look in vain for what the leader
    is about to write again.
    """
    at = random.uniform(2.5, FAULTY_S - 1.5)
    over = failover(random, at, at + random.uniform(0.6, 1.3), random.uniform(0.2, 0.8))
    stalls_at = at - random.uniform(1.0, 2.4)
    goes_on_at = over.at + over.lag + random.uniform(0.0, over.lasts)
    return [Fault(at=stalls_at, what="broker_stall", lasts=goes_on_at - stalls_at), over]


def leader_dies_with_it(random: Random) -> list[Fault]:
    """The leader dies when it has just begun to tell the new Redis what the old one had confirmed.

    The broker acknowledges a handful of messages meanwhile, of which the new Redis does not have all.
    """
    at = random.uniform(1.0, FAULTY_S - 2.0)
    over = failover(random, at, at + random.uniform(0.3, 1.0), random.uniform(0.2, 0.6))
    down_at, up_at = over.at + over.lag, over.at + over.lag + over.lasts
    stalls_at, goes_on_at = over.at + random.uniform(0.0, 0.2), random.uniform(down_at, up_at)
    dies_at = up_at + random.uniform(0.0, 0.4)
    return [
        Fault(at=stalls_at, what="broker_stall", lasts=goes_on_at - stalls_at),
        over,
        Fault(at=dies_at, what="crash", node=LEADER, lasts=random.uniform(0.05, 2.0)),
    ]


def late_leader(random: Random) -> list[Fault]:
    """The leader is paused, what it did last is lost, another one leads; the old one wakes up, and the new one dies."""
    at, silent_s = random.uniform(0.8, FAULTY_S - 2.0), random.uniform(1.7, 5.0)
    faults = [
        Fault(at=at, what="pause", node=LEADER, lasts=silent_s),
        failover(random, at - random.uniform(0.0, 0.8), at + random.uniform(0.1, 1.2), random.uniform(0.01, 0.5)),
    ]
    if random.random() < 0.7:
        again = at + silent_s + random.uniform(0.0, 0.8)
        faults.append(Fault(at=again, what="crash", node=LEADER, lasts=random.uniform(0.05, 2.0)))
    return faults


def orphans(random: Random) -> list[Fault]:
    """The leader dies and takes with it what its followers have folded; one leads on from before, the next dies too."""
    at = random.uniform(1.0, FAULTY_S - 3.0)
    faults = [
        Fault(at=at, what="crash", node=LEADER, lasts=random.uniform(2.0, 6.0)),
        failover(random, at - random.uniform(0.3, 1.5), at + random.uniform(0.0, 0.5), random.uniform(0.01, 0.5)),
    ]
    again = at
    for _ in range(random.randint(1, 2)):
        again += random.uniform(1.5, 4.0)
        faults.append(Fault(at=again, what="crash", node=LEADER, lasts=random.uniform(0.5, 4.0)))
    return faults
