"""The wall clock."""

import asyncio
import time


class WallClock:
    """Time of day and sleeping, as the machine has them."""

    def now(self) -> int:
        """Return the time of day, ns UTC."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
