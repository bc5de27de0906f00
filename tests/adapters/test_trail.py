"""Trails: every extreme is kept, whatever they are thinned to; they are bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.adapters.http import Trail
from alvh.adapters.http.trail import MAX_BUCKETS

_QUOTES = st.lists(st.tuples(st.integers(0, 200_000), st.floats(1.0, 10_000.0)), min_size=1, max_size=300)


@given(quotes=_QUOTES, since=st.integers(0, 200_000), limit=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_trail_keeps_every_extreme_whatever_it_is_thinned_to(
    quotes: list[tuple[int, float]], since: int, limit: int
) -> None:
    quotes = sorted(quotes, key=lambda quote: quote[0])
    trail = Trail()
    for second, price in quotes:
        trail.add(second * 1_000_000_000, price)
    points = trail.points(since * 1_000_000_000, limit)
    inside = [price for second, price in quotes if second // 60 >= since // 60]
    assert len(points) <= limit
    assert bool(points) == bool(inside)
    if inside:
        assert (min(p[1] for p in points), max(p[2] for p in points)) == (min(inside), max(inside))
        assert points[-1][3] == inside[-1]
        times = [p[0] for p in points]
        assert times == sorted(set(times))


def test_a_trail_is_bounded_and_takes_nothing_older() -> None:
    trail = Trail()
    for minute in range(MAX_BUCKETS + 100):
        trail.add(minute * 60_000_000_000, float(minute))
    trail.add(0, 1e9)
    points = trail.points(0, MAX_BUCKETS * 2)
    assert len(points) == MAX_BUCKETS
    assert points[-1] == ((MAX_BUCKETS + 99) * 60.0, MAX_BUCKETS + 99, MAX_BUCKETS + 99, MAX_BUCKETS + 99)
