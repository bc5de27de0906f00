"""MACD equals TA-Lib's classic mode at every prefix, and the values of methodology 9.2."""

import numpy as np
import pytest
import talib

from alvh.core.statistics import Ema, Macd

REGRESSION = [
    91.5, 94.815, 94.375, 95.095, 93.78, 94.625, 92.53, 92.75, 90.315, 92.47, 96.125, 97.25, 98.5, 89.875, 91, 92.815,
    89.155, 89.345, 91.625, 89.875, 88.375, 87.625, 84.78, 83, 83.5, 81.375, 84.44, 89.25, 86.375, 86.25, 85.25,
    87.125, 85.815, 88.97, 88.47, 86.875, 86.815, 84.875, 84.19, 83.875,
]  # fmt: skip


def test_published_values() -> None:
    macd = Macd()
    lines = []
    for close in REGRESSION:
        macd.update(close)
        lines.append((macd.value, macd.signal, macd.histogram))
    assert lines[33] == pytest.approx((-1.9738, -2.7071, 0.7333), abs=5e-5)
    assert lines[34][:2] == pytest.approx((-1.7174, -2.5092), abs=5e-5)


def test_line_is_defined_from_bar_26_and_signal_from_bar_34() -> None:
    macd = Macd()
    for number, close in enumerate(REGRESSION, start=1):
        macd.update(close)
        assert (macd.value is not None) == (number >= 26)
        assert (macd.signal is not None) == (macd.histogram is not None) == macd.is_ready == (number >= 34)
        if number == 26:
            assert macd.value == pytest.approx(np.mean(REGRESSION[14:26]) - np.mean(REGRESSION[:26]), abs=1e-12)
    assert macd.warmup_count == 34


@pytest.mark.parametrize("periods", [(12, 26, 9), (3, 10, 16), (5, 35, 5)])
def test_equals_talib_at_every_prefix(periods: tuple[int, int, int]) -> None:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.02, 700)))
    macd = Macd(*periods)
    expected = np.column_stack(talib.MACD(closes, *periods))
    for number, close in enumerate(closes.tolist()):
        macd.update(close)
        if macd.is_ready:
            assert (macd.value, macd.signal, macd.histogram) == pytest.approx(tuple(expected[number]), rel=0, abs=1e-9)
        else:
            assert np.isnan(expected[number]).all()


def test_line_before_the_signal_continues_the_seeded_averages() -> None:
    closes = REGRESSION
    slow, fast = Ema(26), Ema(12)
    macd = Macd()
    for number, close in enumerate(closes[:33], start=1):
        slow.update(close)
        if number > 14:
            fast.update(close)
        macd.update(close)
        if fast.value is not None and slow.value is not None:
            assert macd.value == pytest.approx(fast.value - slow.value, abs=1e-12)
