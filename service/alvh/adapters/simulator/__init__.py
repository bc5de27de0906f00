"""A made-up market: seeded sessions with regimes and jumps, told as a tape would tell them. Nothing in it is real."""

from alvh.adapters.simulator.feed import SimulatorFeed

__all__ = ["SimulatorFeed"]
