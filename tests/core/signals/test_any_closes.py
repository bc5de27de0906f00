"""Whatever closes come, signals are total: no exception, known words, finite numbers, and a plain JSON state."""

import json
import math
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alvh.core.events import FuturesCurve, Observation
from alvh.core.signals import Bar, SignalBook
from alvh.core.signals.observations import SERIES

INSTRUMENTS = ("SPX", "RUT", "IWM", "VIX", "RVX", "VIX3M", "VIX9D", "VIX1D", "SPY", "RSP", "SKEW")
price = st.one_of(st.sampled_from([1.0, 20.0, 100.0]), st.floats(1e-3, 1e6))
closes = st.fixed_dictionaries({}, optional=dict.fromkeys(INSTRUMENTS, price))
curves = st.none() | st.lists(st.tuples(st.integers(-10, 200), st.floats(0.1, 150.0)), max_size=4)
told = st.dictionaries(st.sampled_from(sorted(SERIES)), st.floats(-1e3, 1e6), max_size=3)
# Short periods and an early use, so that a few closes reach every rule.
QUICK = {"rsi": {"n": 2}, "macd": {"fast": 2, "slow": 4, "signal": 2}, "ivx": {"window": 3}, "beta": {"w1": 3, "w2": 4}}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(closes, curves, told), min_size=1, max_size=25), st.sampled_from(["RUT", "IWM"]))
def test_any_closes_give_well_formed_signals(
    days: list[tuple[dict[str, float], list[tuple[int, float]] | None, dict[str, float]]], small_cap: str
) -> None:
    book = SignalBook(QUICK, small_cap=small_cap)
    for number, (prices, curve, observed) in enumerate(days):
        session = date(2024, 1, 1) + timedelta(days=number)
        for series, value in observed.items():
            book.observe(
                Observation(
                    ts_event=number, ts_recv=number, series=series, observed=session, value=value, consensus=1.0
                )
            )
        nodes = None if curve is None else tuple((session + timedelta(days=d), p, None, None) for d, p in curve)
        event = None if nodes is None else FuturesCurve(ts_event=number, ts_recv=number, symbol="VX", nodes=nodes)
        bars = {name: Bar(price=p, ts_event=number) for name, p in prices.items()}
        book.close(session, number, bars, event)
        for item in book.signals:
            assert item.quality in {"ok", "async", "stale", "proxy", "missing"}
            assert item.state
            assert item.threshold
            assert item.quality == "missing" or item.value is not None or item.state in {"inverted", "stale", "none"}
        assert all(value is None or math.isfinite(value) for value in book.row())
        assert 0.0 <= book.spread.a <= 0.20
        assert (book.spread.a > 0.0) == book.spread.is_active
        assert (
            SignalBook(QUICK).checkpoint().keys() == json.loads(json.dumps(book.checkpoint(), allow_nan=False)).keys()
        )
