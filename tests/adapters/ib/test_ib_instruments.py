"""Chains, the VX curve, breadth, positions, legs and the line budget, over TCP, in virtual time."""

import asyncio
from dataclasses import replace
from datetime import date, datetime

from alvh.adapters.ib.feed_settings import DEFAULT_BREADTH, DEFAULT_WATCHLIST, IbFeedSettings, OptionLeg
from alvh.adapters.ib.gateway.market import Holding
from alvh.core.effects import FetchChain
from alvh.core.events import AccountPositions, DailyBar, FuturesCurve, Observation, OptionChain, Quote
from alvh.core.sessions import et_date
from gateway.harness import IN_SESSION, SETTINGS, bench
from gateway.scripted import NEW_YORK
from gateway.virtual import VirtualClock, run_virtually

WHOLE = IbFeedSettings(history_years=1)


def test_the_whole_watchlist_comes_up_within_the_budget() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, WHOLE) as b:
            await b.until_ready(60)
            await asyncio.sleep(5)
            names = {watched.instrument_id for watched in DEFAULT_WATCHLIST}
            assert {q.instrument_id for q in b.of(Quote)} == names
            assert {bar.instrument_id for bar in b.of(DailyBar)} == names
            assert b.gateway.lines_in_use == len(names) + 8 + 2 + 2
            assert b.feed.status().left_out == ()

    run_virtually(IN_SESSION, main)


def test_what_exceeds_the_budget_is_left_out_and_said_least_important_first() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(WHOLE, line_budget=35, chain_reserve=20)) as b:
            await b.until_ready(60)
            assert b.gateway.lines_in_use == 15
            left_out = b.feed.status().left_out
            assert left_out[-2:] == ("AD-NYSE", "AD-NASD")
            assert len(left_out) == 8
            assert ("AD-NASD", "no_line") in b.rejected

    run_virtually(IN_SESSION, main)


def test_lines_taken_by_others_are_told_as_101_and_tried_again() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            b.gateway.faults.lines = 3
            await b.until(lambda: b.codes[101] > 0, 30)
            assert any("101" in detail for _, _, detail in b.states)
            await b.until(lambda: len(b.live("SPX")) > 3, 30)
            b.gateway.faults.lines = 100
            await b.until_live("SPX", "RUT", "VIX", "IWM", limit_s=130)

    run_virtually(IN_SESSION, main)


def test_the_curve_is_live_rolls_on_settlement_day_and_has_a_history() -> None:
    settings = replace(SETTINGS, vx_months=4, stale_after_s=300.0, probe_interval_s=900.0)

    async def main(clock: VirtualClock) -> None:
        async with bench(clock, settings, period_s=30.0) as b:
            await b.until(lambda: any(c.ts_event > clock.now() - 10**10 for c in b.of(FuturesCurve)), 60)
            history = [curve for curve in b.of(FuturesCurve) if curve.nodes[0][2] is None]
            assert len(history) > 200
            assert all(node[0] > et_date(curve.ts_event) for curve in history for node in curve.nodes)
            assert [node[0] for node in b.of(FuturesCurve)[-1].nodes] == [
                date(2026, 9, 16), date(2026, 10, 21), date(2026, 11, 18), date(2026, 12, 16),
            ]  # fmt: skip
            await asyncio.sleep(86400)
            curve = b.of(FuturesCurve)[-1]
            assert [node[0] for node in curve.nodes] == [
                date(2026, 10, 21), date(2026, 11, 18), date(2026, 12, 16), date(2027, 1, 20),
            ]  # fmt: skip
            assert curve.nodes[0][2] is not None
            assert b.gateway.lines_in_use == 4 + 4

    run_virtually(datetime(2026, 9, 15, 10, 0, tzinfo=NEW_YORK), main)  # the day before a settlement


def test_breadth_is_told_once_at_the_close() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(SETTINGS, breadth=DEFAULT_BREADTH), period_s=5.0) as b:
            await b.until_ready(60)
            b.prices.set("AD-NYSE", bid=2000.0, ask=900.0)
            await asyncio.sleep(1200)
            told = [(o.series, o.value, o.observed) for o in b.of(Observation)]
            assert told == [
                ("NASDAQ_ADVANCERS", 2200.0, date(2026, 9, 21)), ("NASDAQ_DECLINERS", 1900.0, date(2026, 9, 21)),
                ("NYSE_ADVANCERS", 2000.0, date(2026, 9, 21)), ("NYSE_DECLINERS", 900.0, date(2026, 9, 21)),
            ]  # fmt: skip
            close = b.prices.calendar.close_of(date(2026, 9, 21))
            assert {o.ts_event for o in b.of(Observation)} == {close}

    run_virtually(datetime(2026, 9, 21, 15, 50, tzinfo=NEW_YORK), main)


def test_positions_of_the_account_are_told_whole_and_again_when_they_change() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(SETTINGS, wants_positions=True)) as b:
            await b.until_ready(30)
            (first,) = b.of(AccountPositions)
            ((contract, quantity, cost),) = first.positions
            assert (contract["symbol"], contract["sec_type"], quantity, cost) == ("IWM", "STK", 448.0, 201.5)
            option = next(listing for listing in b.prices.listings() if listing.sec_type == "OPT")
            b.gateway.change_holding(Holding(listing=option, quantity=4, average_cost=120.0))
            await asyncio.sleep(2)
            assert len(b.of(AccountPositions)[-1].positions) == 2
            b.gateway.change_holding(Holding(listing=option, quantity=0, average_cost=0.0))
            await asyncio.sleep(2)
            assert len(b.of(AccountPositions)[-1].positions) == 1

    run_virtually(IN_SESSION, main)


def test_chains_answer_their_request_in_time_within_the_lines_and_give_them_back() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(WHOLE, line_budget=70)) as b:
            await b.until_ready(60)
            await asyncio.sleep(2)
            lines = b.gateway.lines_in_use
            for request_id, underlying in (("c1", "VIX"), ("c2", "SPX"), ("c3", "VIX")):
                asked = clock.now()
                await b.feed.perform(FetchChain(request_id=request_id, underlying=underlying))
                await b.feed.perform(FetchChain(request_id=request_id, underlying=underlying))
                most = 0
                while not any(chain.request_id == request_id for chain in b.of(OptionChain)):
                    most = max(most, b.gateway.lines_in_use)
                    assert clock.now() - asked < 10 * 10**9
                    await asyncio.sleep(0.05)
                assert most <= 70
                await asyncio.sleep(2)
                assert b.gateway.lines_in_use == lines
            vix, spx, _ = b.of(OptionChain)
            assert len(b.of(OptionChain)) == 3
            assert {row[6] for row in vix.rows} == {"VIX"}
            assert {row[6] for row in spx.rows} == {"SPXW"}
            assert len({row[0] for row in vix.rows}) == 3
            assert all(0 <= row[3] <= row[4] and row[5] == 0.9 for row in vix.rows)
            assert len(vix.rows) > 40
            assert not b.feed.waiting_for()

    run_virtually(IN_SESSION, main)


def test_a_chain_of_delayed_quotes_is_no_answer() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(60)
            for listing in b.prices.listings():
                if listing.sec_type == "OPT":
                    b.gateway.faults.kinds[listing.con_id] = 3
            await b.feed.perform(FetchChain(request_id="c1", underlying="VIX"))
            await asyncio.sleep(12)
            assert not b.of(OptionChain)
            assert ("VIX", "no_chain") in b.rejected

    run_virtually(IN_SESSION, main)


def test_legs_of_the_book_are_quoted_and_their_missing_greeks_are_missing() -> None:
    leg = OptionLeg(
        instrument_id="leg-1", symbol="VIX", trading_class="VIX", expiry=date(2026, 10, 21), strike=20.0, right="C"
    )

    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(SETTINGS, legs=(leg,))) as b:
            await b.until_ready(30)
            b.prices.set("VIX 2026-10-21 20 C", bid=1.2, ask=1.3)
            await asyncio.sleep(1)
            quote = b.live("leg-1")[-1]
            assert (quote.bid_price, quote.ask_price, quote.last_price) == (1.2, 1.3, None)
            greeks = b.feed.greeks("leg-1")
            assert greeks is not None
            assert (greeks.iv, greeks.delta, greeks.vega, greeks.theta) == (0.9, 0.4, None, None)
            b.prices.set("VIX 2026-10-21 20 C", bid=0.0, bid_size=0, ask=1.3)
            await asyncio.sleep(1)
            assert b.live("leg-1")[-1].bid_price is None

    run_virtually(IN_SESSION, main)
