"""A process that is nothing but the feed: `python -m gateway.reader PORT`; it says when it is live, and is killed."""

import asyncio
import sys

from alvh.adapters.ib.feed_settings import DEFAULT_WATCHLIST, IbFeedSettings
from gateway.now import reading

NAMES = ("SPX", "RUT", "VIX", "IWM")


async def main(port: int) -> None:
    """Come up, say so, and stay."""
    few = tuple(watched for watched in DEFAULT_WATCHLIST if watched.instrument_id in NAMES)
    settings = IbFeedSettings(
        port=port, watchlist=few, breadth=(), vx_months=0, vxm_months=0, history_years=1, backoff_first_s=0.2
    )
    async with reading(settings) as run:
        await run.until_live(*NAMES)
        sys.stdout.write("live\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
