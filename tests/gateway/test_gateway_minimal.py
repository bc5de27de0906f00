"""The real adapter on a gateway that shares no code with ours: it comes up whole, and survives its outages."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from alvh.adapters.ib.feed_settings import IbFeedSettings
from alvh.adapters.ib.gateway.requests import ORDER_MESSAGES
from alvh.core.effects import FetchChain
from alvh.core.events import AccountPositions, DailyBar, FuturesCurve, OptionChain
from alvh.core.sessions import et_date
from gateway.minimal import LEVELS, MinimalGateway
from gateway.now import Reading, open_now, reading


@pytest.fixture
def gateway() -> Iterator[MinimalGateway]:
    today = et_date(time.time_ns())
    days = open_now().sessions_between(today - timedelta(days=430), today - timedelta(days=1))
    server = MinimalGateway(today, [session.date for session in days])
    server.open()
    yield server
    server.close()
    asked = {int(fields[0]) for fields in server.received}
    assert not asked & ORDER_MESSAGES
    assert asked <= {71, 61, 59, 9, 1, 2, 20, 25, 49, 78}


def test_everything_the_adapter_asks_for_is_understood_from_another_gateway_too(gateway: MinimalGateway) -> None:
    async def main() -> None:
        async with reading(IbFeedSettings(port=gateway.port, wants_positions=True, breadth=())) as run:
            await run.until_live(*LEVELS)
            bars = [event for event in run.events if isinstance(event, DailyBar)]
            assert {bar.instrument_id for bar in bars} == set(LEVELS)
            assert len([bar for bar in bars if bar.instrument_id == "SPX"]) > 280
            curves = [event for event in run.events if isinstance(event, FuturesCurve) and event.symbol == "VX"]
            assert len(curves[-1].nodes) == 8
            assert len(curves) > 200, "with a history, expired contracts included"
            (positions,) = [event for event in run.events if isinstance(event, AccountPositions)]
            assert [(row[0]["symbol"], row[1], row[2]) for row in positions.positions] == [("IWM", 100.0, 220.5)]
            await run.feed.perform(FetchChain(request_id="c", underlying="VIX"))
            await run.until(lambda: any(isinstance(event, OptionChain) for event in run.events))
            (chain,) = [event for event in run.events if isinstance(event, OptionChain)]
            assert {row[6] for row in chain.rows} == {"VIX"}
            assert all(row[5] == 0.95 for row in chain.rows)

    asyncio.run(main())


def test_it_is_live_again_after_each_kind_of_outage(gateway: MinimalGateway) -> None:
    names = ("SPX", "RUT", "VIX", "IWM")

    def asked_for_ticks() -> int:
        return sum(fields[0] == "1" for fields in gateway.received)

    async def lost(run: Reading) -> None:
        await run.until(lambda: run.feed.status().state == "lost")

    async def main() -> None:
        few = tuple(watched for watched in IbFeedSettings().watchlist if watched.instrument_id in names)
        settings = IbFeedSettings(port=gateway.port, watchlist=few, breadth=(), vx_months=0, vxm_months=0)
        async with reading(settings) as run:
            await run.until_live(*names)
            assert asked_for_ticks() == 4
            gateway.lose()
            await lost(run)
            gateway.find(keeps=True)
            await run.until_live(*names)
            gateway.lose()
            await lost(run)
            before = asked_for_ticks()
            gateway.find(keeps=False)
            await run.until_live(*names)
            assert asked_for_ticks() == before + 4
            gateway.close()
            await run.until(lambda: run.feed.status().state == "connecting")
            gateway.open()
            await run.until_live(*names)
            assert sum(len(client.lines) for client in gateway.clients) == 4

    asyncio.run(main())
