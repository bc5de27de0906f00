"""Field lessons 10, 11, 13, 14, 15 and 22: stale, delayed, corrupt and missing data, over TCP, in virtual time."""

import asyncio
from dataclasses import replace
from datetime import date, datetime

import pytest

from alvh.adapters.ib.gateway import wire
from alvh.adapters.ib.gateway.faults import HistoryFault
from alvh.core.events import DailyBar, FeedState, Quote
from alvh.core.market import JUMP, MarketBoard
from gateway.harness import IN_SESSION, SETTINGS, bench
from gateway.scripted import NEW_YORK
from gateway.virtual import VirtualClock, run_virtually

NAMES = ("SPX", "RUT", "VIX", "IWM")


def stamp(clock: VirtualClock, age_s: float = 0.0) -> int:
    """Epoch seconds of a trade so long ago."""
    return int(clock.now() / 1e9 - age_s)


@pytest.mark.parametrize("is_stamped", [True, False])
def test_row_10_yesterdays_close_as_first_tick_is_not_live(is_stamped: bool) -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, period_s=None) as b:
            old = stamp(clock, 18 * 3600) if is_stamped else None
            b.prices.set("SPX", last=5820.0, stamp_s=old)  # yesterday's close, sent as the subscription's first tick
            await b.until(lambda: any(q.instrument_id == "SPX" for q in b.of(Quote)) or b.asked_for("SPX") > 0, 30)
            await asyncio.sleep(2)
            b.prices.set("SPX", last=5820.0, stamp_s=old)
            await asyncio.sleep(2)
            if is_stamped:
                assert not b.live("SPX"), "an old stamp stays old, however often it is sent"
                assert any("SPX" in reason for reason in b.feed.waiting_for())
            b.prices.set("SPX", last=6001.0, stamp_s=stamp(clock) if is_stamped else None)
            await b.until(lambda: [q.last_price for q in b.live("SPX")][-1:] == [6001.0], 2)

    run_virtually(IN_SESSION, main)


def test_row_10_first_tick_after_the_open_proves_itself_anew() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, period_s=None) as b:
            await b.until(lambda: b.asked_for("SPX") > 0, 30)
            b.prices.set("SPX", last=5999.0)
            await asyncio.sleep(1200 - (clock.now() / 1e9) % 1200 + 600)
            opened = next(s for s in [b.prices.calendar.session_of(clock.now())] if s is not None).open_ns
            b.prices.set("SPX", last=5998.0)  # yesterday's close, repeated at the open
            b.prices.set("SPX", last=6010.0)
            await asyncio.sleep(1)
            assert [q.last_price for q in b.live("SPX", opened)] == [6010.0]

    run_virtually(datetime(2026, 9, 22, 9, 15, tzinfo=NEW_YORK), main)


def test_row_11_an_outlier_as_first_quote_is_held_against_the_history_and_a_gap_is_confirmed() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, period_s=None) as b:
            await b.until(lambda: b.feed.status().state == "degraded", 30)
            for price in (600_000.0, 6180.0, 6181.0):
                b.prices.set("SPX", last=price)
                await asyncio.sleep(1)
            board, verdicts = MarketBoard(stale_after_s=30.0), []
            for event in b.events:
                if isinstance(event, DailyBar):
                    board.remember(event)
                elif isinstance(event, Quote) and event.instrument_id == "SPX" and event.is_live:
                    verdicts.append((event.last_price, board.accept(event)))
            assert (600_000.0, JUMP) in verdicts
            assert verdicts[-2:] == [(6180.0, None), (6181.0, None)]

    run_virtually(IN_SESSION, main)


def test_row_13_failing_history_keeps_it_not_ready_with_paced_retries() -> None:
    faults = [HistoryFault.PACING, HistoryFault.SILENCE, HistoryFault.EMPTY, HistoryFault.NO_DATA] * 60

    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(SETTINGS, history_patience_s=1e9)) as b:
            b.gateway.faults.history += faults
            for _ in range(30):
                await asyncio.sleep(60)
                waiting = b.feed.waiting_for()
                assert any("SPX: history" in reason for reason in waiting)
                assert not b.of(Quote), "nothing is told, so nothing can be armed"
            at = [received.at for received in b.requests(20)]
            busiest = max(sum(1 for other in at if start <= other < start + 600 * 10**9) for start in at)
            assert 5 < busiest < 60
            b.gateway.faults.history.clear()
            await b.until_ready(330)
            assert {bar.instrument_id for bar in b.of(DailyBar)} >= {"SPX", "RUT", "VIX"}

    run_virtually(IN_SESSION, main)


def test_row_13_a_hundred_instruments_in_need_of_history_stay_below_sixty_in_ten_minutes() -> None:
    few = SETTINGS.watchlist
    many = (*few, *(replace(few[0], instrument_id=f"SPX-{n}") for n in range(96)))

    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(SETTINGS, watchlist=many, line_budget=120, history_patience_s=1e9)) as b:
            await b.until(lambda: len({bar.instrument_id for bar in b.of(DailyBar)}) == 100, 1500)
            at = [received.at for received in b.requests(20)]
            busiest = max(sum(1 for other in at if start <= other < start + 600 * 10**9) for start in at)
            assert busiest < 60

    run_virtually(IN_SESSION, main)


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_row_14_only_live_data_is_live(kind: int) -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            b.gateway.set_kind("SPX", kind)
            turned = clock.now()
            await asyncio.sleep(5)
            quotes = [q for q in b.of(Quote) if q.instrument_id == "SPX" and q.ts_recv > turned]
            assert len(quotes) >= 4
            assert not any(q.is_live for q in quotes)
            (reason,) = b.feed.waiting_for()
            assert reason.startswith("SPX")
            assert ("frozen" if kind in {2, 4} else "delayed") in reason
            assert any(e.instrument_id == "SPX" and not e.is_live for e in b.of(FeedState))
            b.gateway.set_kind("SPX", 1)
            await b.until_ready(5)

    run_virtually(IN_SESSION, main)


@pytest.mark.parametrize(("code", "keeps"), [(10167, True), (10197, False), (354, False), (10090, True)])
def test_row_14_each_permission_code_is_counted_and_said(code: int, keeps: bool) -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            con_id = b.prices.con_id("VIX")
            (b.gateway.faults.notices if keeps else b.gateway.faults.refusals)[con_id] = (code, "what the broker says")
            if code == 10167:
                b.gateway.faults.kinds[con_id] = 3
            await asyncio.sleep(60)
            assert b.codes[code] >= 1
            assert any(f"VIX: {code}" in detail for _, _, detail in b.states)
            waiting = [reason for reason in b.feed.waiting_for() if reason.startswith("VIX")]
            if code == 10090:
                assert not waiting
                assert b.live("VIX"), "the rest still flows"
                assert b.asked_for("VIX") == 1
                return
            assert waiting
            assert not b.live("VIX")
            assert len(b.live("SPX")) > 50, "the others are not touched"
            b.gateway.faults.refusals.clear()
            b.gateway.faults.kinds.clear()
            b.gateway.set_kind("VIX", 1)
            await b.until_ready(700)

    run_virtually(IN_SESSION, main)


def test_a_competing_session_in_mid_stream_silences_one_and_it_comes_back() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            con_id = b.prices.con_id("SPX")
            b.gateway.faults.silent.add(con_id)
            b.gateway.say_of("SPX", 10197, "No market data during competing live session")
            await asyncio.sleep(1)
            assert any(e.instrument_id == "SPX" and "10197" in e.reason for e in b.of(FeedState))
            b.gateway.faults.silent.clear()
            await b.until_live("SPX", limit_s=40)
            await b.until_ready(5)

    run_virtually(IN_SESSION, main)


def test_row_15_ids_are_never_reused_and_322_and_300_are_asked_anew_under_another() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            for code in (322, 300):
                b.gateway.drop("SPX", code, "duplicate ticker id")
                await b.until_live("SPX", limit_s=5)
            for _ in range(5):
                b.gateway.reset()
                await b.until_live(*NAMES, limit_s=30)
            ids = [int(received.fields[2]) for received in b.requests(1)]
            ids += [int(received.fields[1]) for received in b.requests(20)]
            ids += [int(received.fields[2]) for received in b.requests(9)]
            assert len(ids) == len(set(ids))
            assert b.asked_for("SPX") == 3 + 5

    run_virtually(IN_SESSION, main)


def test_row_22_what_the_decoder_loses_is_counted_and_a_malformed_1100_does_no_harm() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            (client,) = b.gateway.clients
            request = next(r for r, con in client.subscriptions.items() if con == b.prices.con_id("SPX"))
            malformed = [
                wire.frame(4, 2, -1, 1100, "without its last field"), wire.frame(1, 6, request, 4), wire.frame(250, 1),
                wire.frame(46, 6, request, 45, "not a number"), wire.frame(), wire.frame("x"),
                wire.frame(1, 6, request, 999, 5.0, 1, 0), wire.frame(21, request, 13, 0, "", 0, 0, 0, 0, 0, 0, 0),
            ]  # fmt: skip
            for message in malformed:
                b.gateway.send_raw(message)
            b.gateway.send_raw(wire.error(request, 10090, "words with malformed in them are words"))
            await asyncio.sleep(2)
            assert b.codes[0] == len(malformed)
            assert not b.feed.waiting_for()

    run_virtually(IN_SESSION, main)


def test_row_22_every_tick_of_a_packet_is_read_and_strings_do_not_make_a_quote_young() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock, replace(SETTINGS, conflate_ms=0.0), period_s=None) as b:
            await b.until(lambda: b.asked_for("SPX") > 0 and b.feed.status().state == "degraded", 30)
            (client,) = b.gateway.clients
            request = next(r for r, con in client.subscriptions.items() if con == b.prices.con_id("SPX"))
            client.send(b"".join(wire.tick_price(request, 4, 6000 + n / 100) for n in range(5000)))
            await asyncio.sleep(1)
            prices = [q.last_price for q in b.of(Quote) if q.instrument_id == "SPX"][-5000:]
            assert prices == [6000 + n / 100 for n in range(5000)]
            for _ in range(31):
                client.send(wire.tick_string(request, 84, "Q") + wire.tick_size(request, 8, 1000))
                await asyncio.sleep(1)
            assert any(reason.startswith("SPX: no live quote since 3") for reason in b.feed.waiting_for())

    run_virtually(IN_SESSION, main)


def test_halted_is_not_live_until_it_trades_again() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            b.prices.set("IWM", is_halted=True)
            halted_at = clock.now()
            await asyncio.sleep(5)
            assert not b.live("IWM", halted_at + 10**9)
            assert any("IWM" in reason and "halted" in reason for reason in b.feed.waiting_for())
            b.prices.set("IWM", is_halted=False)
            for client in b.gateway.clients:
                for request, con in client.subscriptions.items():
                    if con == b.prices.con_id("IWM"):
                        client.send(wire.tick_generic(request, 49, 0))
            await b.until_ready(5)

    run_virtually(IN_SESSION, main)


def test_a_restart_behind_a_stored_position_asks_for_the_missing_sessions_alone() -> None:
    positions: list[str] = []

    async def first(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            await b.until_ready(30)
            positions.extend(s.position for s in b.sourced if s.position)
            assert {r.fields[17] for r in b.requests(20)} == {"1 Y"}

    async def second(clock: VirtualClock) -> None:
        async with bench(clock, position=positions[-1]) as b:
            await b.until_ready(30)
            assert {r.fields[17] for r in b.requests(20)} == {"12 D"}
            assert sorted({bar.session for bar in b.of(DailyBar)}) == [date(2026, 9, day) for day in (21, 22, 23)]
            assert b.feed.status().watched == "RUT"

    async def fresh(clock: VirtualClock) -> None:
        async with bench(clock, known_until=date(2026, 9, 18)) as b:
            await b.until_ready(30)
            assert not b.requests(20)

    run_virtually(IN_SESSION, first)
    run_virtually(datetime(2026, 9, 24, 10, 0, tzinfo=NEW_YORK), second)
    run_virtually(IN_SESSION, fresh)


def test_without_rut_the_fund_is_watched_after_a_while() -> None:
    async def main(clock: VirtualClock) -> None:
        async with bench(clock) as b:
            b.gateway.faults.unknown.add(b.prices.con_id("RUT"))
            await b.until(lambda: b.feed.status().watched is not None, 120)
            assert b.feed.status().watched == "IWM"
            await b.until_ready(5)

    run_virtually(IN_SESSION, main)
