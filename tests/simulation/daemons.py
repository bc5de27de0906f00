"""The nodes of a simulated instance, through all their lives, and their clocks."""

import asyncio
from dataclasses import dataclass

from alvh.app.node import InstanceNode
from simulation.broker import SimulatedClient
from simulation.loop import Process, VirtualLoop

START_S = 1_700_000_000.0


class WallClock:
    """A node's time of day; it may jump."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.offset_s = START_S

    def now(self) -> int:
        return round((self.offset_s + self._loop.time()) * 1e9)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Daemon:
    """One of the nodes, through all its lives."""

    number: int
    clock: WallClock
    process: Process | None = None
    node: InstanceNode | None = None
    task: "asyncio.Task[None] | None" = None
    client: SimulatedClient | None = None
