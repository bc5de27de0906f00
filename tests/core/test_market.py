"""The market board: which quotes are good, and what happens to the others."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.events import DailyBar, FeedState
from alvh.core.market import NS_PER_SECOND, MarketBoard
from core.conditions import quote, session_dates

S = NS_PER_SECOND


@pytest.mark.parametrize("price", [0.0, -1.0, math.inf, None])
def test_prices_that_are_none_are_invalid(price: float | None) -> None:
    """Zero, negative, infinite, missing; NaN fails every comparison and is refused too."""
    board = MarketBoard()
    assert board.accept(quote("SPX", 1, price)) == "invalid"
    assert board.accept(quote("SPX", 1, math.nan)) == "invalid"
    assert board.price("SPX") is None


@pytest.mark.parametrize(
    ("name", "price"), [("SPX", 1e8), ("SPX", 1e-5), ("VIX", 1001.0), ("VIX", 1e300), ("VIX", 5e-324)]
)
def test_what_can_be_no_price_is_invalid_however_often_it_comes(name: str, price: float) -> None:
    board = MarketBoard()
    assert [board.accept(quote(name, at, price)) for at in (1, 2, 3)] == ["invalid"] * 3
    assert board.price(name) is None


def test_a_book_without_a_last_price_gives_its_middle() -> None:
    """Futures and options are quoted by their book alone."""
    board = MarketBoard()
    assert board.accept(quote("VXM", 1, None, bid_price=18.5, ask_price=18.7)) is None
    assert board.price("VXM") == pytest.approx(18.6)
    assert board.accept(quote("VXM", 2, None, bid_price=18.8, ask_price=18.7)) == "crossed"
    assert board.accept(quote("VXM", 2, None, bid_price=18.8)) == "invalid"


def test_time_running_backwards_is_out_of_order() -> None:
    """The same instant is not."""
    board = MarketBoard()
    assert board.accept(quote("SPX", 5, 100.0)) is None
    assert board.accept(quote("SPX", 4, 101.0)) == "out_of_order"
    assert board.accept(quote("SPX", 5, 102.0)) is None
    assert board.price("SPX") == 102.0


def test_a_jump_is_held_until_the_next_quote_lies_near_it() -> None:
    """An outlier passes by; a new level stays."""
    board = MarketBoard(max_jump={"SPX": 0.20})
    assert board.accept(quote("SPX", 1, 100.0)) is None
    assert board.accept(quote("SPX", 2, 10_000.0)) == "jump"
    assert board.accept(quote("SPX", 3, 100.5)) is None
    assert board.accept(quote("SPX", 4, 50.0)) == "jump"
    assert board.accept(quote("SPX", 5, 75.0)) == "jump", "neither near the last good price nor near the jump"
    assert board.accept(quote("SPX", 6, 74.0)) is None
    assert board.price("SPX") == 74.0


def test_exactly_the_limit_is_no_jump() -> None:
    """Further than it is."""
    board = MarketBoard(max_jump={"SPX": 0.25})
    assert board.accept(quote("SPX", 1, 100.0)) is None
    assert board.accept(quote("SPX", 2, 125.0)) is None
    assert board.accept(quote("SPX", 3, 156.26)) == "jump"


def test_volatility_may_double_but_not_grow_fivefold() -> None:
    """The VIX of 2018-02-05 passes, a misplaced decimal point does not."""
    board = MarketBoard()
    assert board.accept(quote("VIX", 1, 17.31)) is None
    assert board.accept(quote("VIX", 2, 37.32)) is None
    assert board.accept(quote("VIX", 3, 373.2)) == "jump"
    assert board.accept(quote("VIX", 4, 3.0)) == "jump"
    assert board.accept(quote("VIX", 5, 36.0)) is None


def test_a_stale_stamp_is_refused_on_live_feeds_alone() -> None:
    """Field lesson 10: the first `last` after the open was yesterday's close."""
    live, tape = MarketBoard(stale_after_s=30.0), MarketBoard()
    live.remember(DailyBar(ts_event=0, ts_recv=0, instrument_id="SPX", session=session_dates(1)[0], close=100.0))
    assert live.accept(quote("SPX", 10 * S, 100.0, ts_recv=41 * S)) == "stale"
    assert tape.accept(quote("SPX", 10 * S, 100.0, ts_recv=41 * S)) is None
    assert live.accept(quote("SPX", 10 * S, 100.0, ts_recv=40 * S)) is None


def test_the_first_live_price_is_held_against_history() -> None:
    """A genuine gap of 3 % passes, a 100-fold price does not."""
    board = MarketBoard(stale_after_s=30.0, max_jump={"SPX": 0.20})
    board.remember(DailyBar(ts_event=0, ts_recv=0, instrument_id="SPX", session=session_dates(1)[0], close=100.0))
    assert (board.price("SPX"), board.entry("SPX").is_live, board.entry("SPX").quality) == (100.0, False, "history")
    assert (board.price_for_decisions("SPX", 30 * S), board.was_live("SPX", 30 * S)) == (100.0, False)
    assert board.accept(quote("SPX", S, 10_000.0)) == "jump"
    assert board.accept(quote("SPX", 2 * S, 103.0)) is None


def test_a_feed_that_is_away_decides_nothing_until_a_live_quote() -> None:
    """What it showed last stays on the board, and is no price to decide by."""
    board = MarketBoard()
    board.accept(quote("SPX", 1, 100.0))
    board.accept(quote("RUT", 1, 50.0))
    board.mark(FeedState(ts_event=2, ts_recv=2, instrument_id="SPX", is_live=False, reason="1100"))
    assert (board.price_for_decisions("SPX", 3), board.price_for_decisions("RUT", 3)) == (None, 50.0)
    assert board.price("SPX") == 100.0
    board.accept(quote("SPX", 4, 101.0))
    assert board.price_for_decisions("SPX", 5) == 101.0


def test_a_split_stands_in_the_day_s_bar_before_it_is_good() -> None:
    """IWM on 2005-06-09: two for one. It neither triggers nor anchors yet; an outlier is no split."""
    board = MarketBoard(max_jump={"IWM": 0.20, "RUT": 0.20})
    board.accept(quote("IWM", 1, 123.33))
    assert board.accept(quote("IWM", 2, 62.39)) == "jump"
    assert board.price("IWM") == 123.33
    assert board.entry("IWM").bar == (62.39, 2)
    assert board.accept(quote("IWM", 3, 62.51)) is None
    assert board.entry("IWM").bar == (62.51, 3)
    assert board.accept(quote("IWM", 4, 6251.0)) == "jump"
    assert board.entry("IWM").bar == (62.51, 3)
    board.accept(quote("RUT", 1, 600.0))
    assert board.accept(quote("RUT", 2, 300.0)) == "jump"
    assert board.entry("RUT").bar == (600.0, 1), "an index does not split"


@given(st.lists(st.tuples(st.sampled_from(["SPX", "VIX"]), st.floats(0.01, 1e5)), max_size=60), st.integers(0, 60))
def test_state_at_any_prefix_judges_alike(prices: list[tuple[str, float]], cut: int) -> None:
    """A restored board gives the same verdicts."""
    board = MarketBoard(max_jump={"SPX": 0.2})
    for number, (name, price) in enumerate(prices[:cut]):
        board.accept(quote(name, number, price))
    copy = MarketBoard(max_jump={"SPX": 0.2})
    copy.restore(board.state())
    for number, (name, price) in enumerate(prices[cut:], start=cut):
        each = quote(name, number, price)
        assert board.accept(each) == copy.accept(each)
    assert board.state() == copy.state()
