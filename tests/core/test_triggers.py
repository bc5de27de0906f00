"""Move watches: many portfolios on one index, and what each would do alone."""

import json

from hypothesis import given
from hypothesis import strategies as st

from alvh.core.triggers import MoveWatch

ANCHORS = st.floats(1.0, 1e5)
THRESHOLDS = st.floats(1e-4, 0.5)


@given(st.lists(st.tuples(ANCHORS, THRESHOLDS), min_size=1, max_size=30), st.lists(ANCHORS, max_size=30))
def test_beyond_is_the_literal_comparison(portfolios: list[tuple[float, float]], prices: list[float]) -> None:
    """The sorted levels only prefilter."""
    watch = MoveWatch()
    for rank, (anchor, threshold) in enumerate(portfolios):
        watch.arm(rank, anchor, threshold, 2)
    edges = [anchor * (1 + side * threshold) for anchor, threshold in portfolios for side in (1, -1)]
    for price in [*prices, *(edge for edge in edges if edge > 0)]:
        literal = [rank for rank, (anchor, t) in enumerate(portfolios) if abs(price / anchor - 1) >= t]
        assert watch.beyond(price) == literal


@given(st.lists(st.floats(90.0, 110.0), max_size=80), st.integers(1, 4), st.integers(0, 80))
def test_state_at_any_prefix_confirms_alike(prices: list[float], confirm: int, cut: int) -> None:
    """A restored watch goes on in the middle of a run."""
    watch = MoveWatch()
    for rank in range(3):
        watch.arm(rank, 100.0, 0.02 + 0.01 * rank, confirm)
    for ts, price in enumerate(prices[:cut]):
        watch.on_quote(price, ts)
    copy = MoveWatch()
    copy.restore(json.loads(json.dumps(watch.state())))
    for ts, price in enumerate(prices[cut:], start=cut):
        assert list(watch.on_quote(price, ts)) == list(copy.on_quote(price, ts))


def test_arming_anew_ends_the_run() -> None:
    """A run ends at any rebalance, also where the level stays beyond."""
    watch = MoveWatch()
    watch.arm(0, 100.0, 0.03, 2)
    assert list(watch.on_quote(104.0, 1)) == []
    watch.arm(0, 100.0, 0.03, 2)
    assert list(watch.on_quote(104.0, 2)) == []
    assert list(watch.on_quote(104.0, 3)) == [0]


def test_the_other_side_starts_a_new_run() -> None:
    """Consecutive quotes beyond the threshold must lie on the same side."""
    watch = MoveWatch()
    watch.arm(0, 100.0, 0.03, 2)
    assert [list(watch.on_quote(price, ts)) for ts, price in enumerate([104.0, 96.0, 104.0, 104.0])] == [
        [],
        [],
        [],
        [0],
    ]


def test_disarmed_portfolios_are_out_of_the_way() -> None:
    """Nothing is left of them, and disarming twice does no harm."""
    watch = MoveWatch()
    watch.arm(0, 100.0, 0.03, 1)
    watch.arm(1, 100.0, 0.03, 1)
    watch.disarm(0)
    watch.disarm(0)
    assert list(watch.on_quote(104.0, 1)) == [1]
    assert watch.anchor(0) is None
