"""The feed from a cold start to live, over TCP: what it asks for, in which order it tells, what it waits for."""

import asyncio
from datetime import date

from alvh.core.events import DailyBar, Quote, SessionClose, WatchedIndex
from gateway.harness import IN_SESSION, SETTINGS, bench
from gateway.virtual import VirtualClock, run_virtually


def test_history_is_told_before_the_first_quote_and_then_everything_is_live() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            kinds = [type(event) for event in b.events]
            first_quote = kinds.index(Quote)
            bars = b.of(DailyBar)
            assert kinds[:2] == [WatchedIndex, DailyBar], "which index is watched is told before its history"
            closes = b.of(SessionClose)
            assert [close.session for close in closes] == sorted({bar.session for bar in bars})
            assert [close.is_history for close in closes] == [True] * (len(closes) - 1) + [False]
            assert DailyBar not in kinds[first_quote:]
            assert {bar.instrument_id for bar in bars} == {"SPX", "RUT", "VIX", "IWM"}
            assert [(bar.session, bar.instrument_id) for bar in bars] == sorted(
                (bar.session, bar.instrument_id) for bar in bars
            )
            assert bars[-1].session == date(2026, 9, 18)
            assert [event.instrument_id for event in b.of(WatchedIndex)] == ["RUT"]
            await asyncio.sleep(10)
            assert all(len(b.live(name)) >= 9 for name in ("SPX", "RUT", "VIX", "IWM"))
            assert b.states[-1][1] == "live"

    run_virtually(IN_SESSION, main)


def test_first_requests_are_those_of_a_reader() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, SETTINGS) as b:
            await b.until_ready(30)
            assert {received.message for received in b.gateway.received} <= {71, 61, 59, 9, 1, 20, 49}

    run_virtually(IN_SESSION, main)
