"""The gateway of ours, asked by the real client over TCP, answers as the protocol notes say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
from ib_async import IB, Contract, Future, Index, Option, RequestError, StartupFetchNONE, Stock

from alvh.adapters.ib.gateway.faults import HistoryFault
from alvh.adapters.ib.gateway.market import Holding
from alvh.adapters.ib.gateway.server import Gateway
from gateway.scripted import ScriptedPrices, weekday_calendar
from gateway.virtual import VirtualClock, run_virtually

START = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)  # Monday, 10:00 in New York
CALENDAR = weekday_calendar(date(2024, 1, 1), date(2027, 12, 31))


@contextlib.asynccontextmanager
async def connected(
    clock: VirtualClock, *, period_s: float | None = 1.0
) -> AsyncIterator[tuple[Gateway, ScriptedPrices, IB]]:
    """A gateway, its prices and a client of the real library."""
    prices = ScriptedPrices(CALENDAR, date(2026, 9, 21), period_s=period_s)
    listing = next(listing for listing in prices.listings() if listing.name == "IWM")
    gateway = Gateway(prices, holdings=[Holding(listing=listing, quantity=448, average_cost=201.5)], now=clock.now)
    await gateway.start()
    ib = IB()
    await ib.connectAsync("127.0.0.1", gateway.port, 7, readonly=True, fetchFields=StartupFetchNONE)
    try:
        yield gateway, prices, ib
    finally:
        ib.disconnect()
        await gateway.stop()


async def found(ib: IB, asked: Contract) -> list[Contract]:
    """Ask for contract details."""
    details = await ib.reqContractDetailsAsync(asked)
    return [each.contract for each in details if each.contract is not None]


def test_handshake_positions_and_time() -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock) as (gateway, _, ib):
            assert ib.client.serverVersion() == 178
            assert ib.managedAccounts() == ["DU1000001"]
            (position,) = ib.positions()
            assert (position.contract.symbol, position.position, position.avgCost) == ("IWM", 448, 201.5)
            assert (await ib.reqCurrentTimeAsync()).timestamp() == clock.now() // 10**9
            assert [received.message for received in gateway.received] == [71, 61, 49]

    run_virtually(START, main)


def test_contract_details_of_index_fund_future_and_option() -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock) as (_, _, ib):
            (spx,) = await found(ib, Index("SPX", "CBOE", "USD"))
            assert spx.conId
            (iwm,) = await found(ib, Stock("IWM", "SMART", "USD"))
            assert iwm.primaryExchange == "ARCA"
            futures = await found(ib, Future("VIX", exchange="CFE", tradingClass="VX"))
            assert min(future.lastTradeDateOrContractMonth for future in futures) == "20261021"
            expired = await found(ib, Future("VIX", exchange="CFE", tradingClass="VX", includeExpired=True))
            assert len(expired) > len(futures)
            calls = await found(ib, Option("VIX", "20261021", 0.0, "C", "SMART", tradingClass="VIX"))
            assert {call.strike for call in calls} >= {10.0, 30.0, 50.0}
            ib.RaiseRequestErrors = True
            with pytest.raises(RequestError) as refused:
                await ib.reqContractDetailsAsync(Index("NONESUCH", "CBOE", "USD"))
            assert refused.value.code == 200

    run_virtually(START, main)


def test_history_daily_intraday_and_its_faults() -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock) as (gateway, _, ib):
            (contract,) = await found(ib, Index("SPX", "CBOE", "USD"))
            daily = await ib.reqHistoricalDataAsync(contract, "", "1 Y", "1 day", "TRADES", True)
            assert daily[-1].date == date(2026, 9, 21)
            assert 255 < len(daily) < 265
            minutes = await ib.reqHistoricalDataAsync(contract, "", "1 D", "5 mins", "TRADES", True)
            assert len(minutes) == 20
            assert isinstance(minutes[-1].date, datetime)
            assert minutes[-1].date.tzinfo is not None
            ib.RaiseRequestErrors = True
            gateway.faults.history += [HistoryFault.PACING, HistoryFault.SILENCE, HistoryFault.EMPTY]
            with pytest.raises(RequestError) as refused:
                await ib.reqHistoricalDataAsync(contract, "", "1 Y", "1 day", "TRADES", True)
            assert refused.value.code == 162
            assert not await ib.reqHistoricalDataAsync(contract, "", "1 Y", "1 day", "TRADES", True)
            assert not await ib.reqHistoricalDataAsync(contract, "", "1 Y", "1 day", "TRADES", True)

    run_virtually(START, main)


def test_ticks_flow_at_the_set_rate_and_option_parameters_come() -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock, period_s=0.5) as (_, _, ib):
            (contract,) = await found(ib, Index("SPX", "CBOE", "USD"))
            ticker = ib.reqMktData(contract)
            lasts: list[float] = []
            ticker.updateEvent += lambda t: lasts.extend(tick.price for tick in t.ticks if tick.tickType == 4)
            await asyncio.sleep(10.2)
            assert len(lasts) == 21
            assert (ticker.bid, ticker.ask, ticker.marketDataType) == (-1, -1, 1)
            chains = await ib.reqSecDefOptParamsAsync("SPX", "", "IND", contract.conId)
            assert [chain.tradingClass for chain in chains] == ["SPXW"]

    run_virtually(START, main)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_slow_and_split_frames_arrive_whole(chunk: int) -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock) as (gateway, _, ib):
            gateway.faults.chunk, gateway.faults.chunk_delay_s = chunk, 0.001
            (contract,) = await found(ib, Index("VIX", "CBOE", "USD"))
            ticker = ib.reqMktData(contract)
            await asyncio.sleep(5)
            assert 17 < ticker.last < 18

    run_virtually(START, main)


def test_second_client_with_the_same_id_is_told_326() -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock) as (gateway, _, _):
            second, codes = IB(), []
            second.errorEvent += lambda _req, code, _text, _contract: codes.append(code)
            with pytest.raises(TimeoutError):
                await second.connectAsync("127.0.0.1", gateway.port, 7, readonly=True, fetchFields=StartupFetchNONE)
            assert codes == [326]

    run_virtually(START, main)


def test_reset_in_mid_frame_and_restart() -> None:
    async def main(clock: VirtualClock) -> None:
        async with connected(clock) as (gateway, _, ib):
            port = gateway.port
            gateway.reset(mid_frame=True)
            await asyncio.sleep(0.1)
            assert not ib.isConnected()
            await gateway.stop(keep_prices=True)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            await gateway.start()
            assert gateway.port == port
            await ib.connectAsync("127.0.0.1", port, 7, readonly=True, fetchFields=StartupFetchNONE)
            assert ib.isConnected()

    run_virtually(START, main)
