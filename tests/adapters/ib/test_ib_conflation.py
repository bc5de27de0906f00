"""Conflation keeps the first, lowest, highest and last of an interval, in order, and bounds what waits."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alvh.adapters.ib.conflation import Conflator
from alvh.adapters.ib.outlet import Outlet
from alvh.core.events import FeedState, Quote
from gateway.virtual import VirtualClock, run_virtually

INTERVAL = 250_000_000
START = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)


def quote(price: float, at: int, name: str = "SPX", *, is_live: bool = True) -> Quote:
    """A quote received at `at` ns."""
    return Quote(ts_event=at, ts_recv=at, instrument_id=name, last_price=price, is_live=is_live)


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 120_000_000), st.sampled_from(["SPX", "RUT"]), st.booleans()),
        max_size=60,
    )
)
def test_each_run_keeps_its_extremes_and_its_end_in_order(rows: list[tuple[int, int, str, bool]]) -> None:
    conflator, out, at, taken = Conflator(INTERVAL), [], 10**18, []
    for price, gap, name, is_live in rows:
        at += gap
        out += conflator.due(at)
        taken.append(quote(float(price), at, name, is_live=is_live))
        out += conflator.add(taken[-1])
    out += conflator.flush()
    for name in ("SPX", "RUT"):
        mine, kept = [q for q in taken if q.instrument_id == name], [q for q in out if q.instrument_id == name]
        positions = [next(n for n, q in enumerate(mine) if q is k) for k in kept]
        assert positions == sorted(set(positions)), "in order, none twice"
        assert kept[:1] == mine[:1]
        assert kept[-1:] == mine[-1:]
        for is_live in (True, False):
            prices = [q.last_price for q in mine if q.is_live is is_live]
            seen = [q.last_price for q in kept if q.is_live is is_live]
            if prices:
                assert (min(seen), max(seen)) == (min(prices), max(prices))  # type: ignore[type-var]  # none is None


def test_an_interval_of_a_thousand_quotes_becomes_four_and_the_first_passes_at_once() -> None:
    conflator = Conflator(INTERVAL)
    prices = [100.0, *(100 + (n * 37 % 91) for n in range(998)), 101.5]
    passed = [conflator.add(quote(price, 10**18 + n)) for n, price in enumerate(prices)]
    assert [q.last_price for q in passed[0]] == [100.0]
    assert not any(passed[1:])
    assert conflator.due(10**18 + INTERVAL - 1) == []
    assert [q.last_price for q in conflator.due(10**18 + INTERVAL)] == [190.0, 101.5]
    assert conflator.next_due is None


def test_a_book_without_a_last_price_is_compared_by_its_middle() -> None:
    conflator = Conflator(INTERVAL)
    for n, (bid, ask) in enumerate([(1.0, 1.2), (0.8, 1.0), (1.4, 1.6), (1.1, 1.3)]):
        conflator.add(
            Quote(
                ts_event=n, ts_recv=n, instrument_id="leg", last_price=None, bid_price=bid, ask_price=ask, is_live=True
            )
        )
    assert [q.bid_price for q in conflator.flush()] == [0.8, 1.4, 1.1]


def test_a_reader_that_stalls_for_ten_minutes_costs_four_quotes_per_instrument_and_loses_no_extreme() -> None:
    async def main(clock: VirtualClock) -> None:
        outlet = Outlet(clock, INTERVAL, limit=10)
        pumping = asyncio.create_task(outlet.pump())
        for n in range(6000):
            price = 1.0 if n == 3000 else 999.0 if n == 4000 else 100.0 + n % 7
            outlet.offer(quote(price, clock.now(), is_live=n % 3 > 0 or n in {3000, 4000}))
            if n % 10 == 0:
                outlet.tell(
                    FeedState(ts_event=0, ts_recv=0, instrument_id=f"X{n % 50}", is_live=False, reason="silent")
                )
            await asyncio.sleep(0.1)
            assert len(outlet) <= 10 + 4 + 5 + 4
        got = []
        while len(outlet):
            got.append((await asyncio.wait_for(outlet.get(), 5)).event)
        await asyncio.sleep(1)
        while outlet._queue:
            got.append((await outlet.get()).event)
        prices = [event.last_price for event in got if isinstance(event, Quote)]
        assert 1.0 in prices
        assert 999.0 in prices
        assert prices.index(1.0) < prices.index(999.0)
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)

    run_virtually(START, main)


def test_a_state_goes_out_behind_every_quote_received_before_it() -> None:
    async def main(clock: VirtualClock) -> None:
        outlet = Outlet(clock, INTERVAL, limit=100)
        for price in (5.0, 4.0, 6.0):
            outlet.offer(quote(price, clock.now()))
        outlet.mark("here")
        outlet.tell(FeedState(ts_event=0, ts_recv=0, instrument_id="SPX", is_live=False, reason="silent"))
        got = [await outlet.get() for _ in range(4)]
        assert [getattr(s.event, "last_price", None) for s in got] == [5.0, 4.0, 6.0, None]
        assert [s.position for s in got] == [None, None, None, "here"]

    run_virtually(START, main)
