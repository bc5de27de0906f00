"""Loyalty and motion counters: when a session counts, when it is forgiven, and that they survive a checkpoint."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.discipline import Discipline, may_increase
from alvh.errors import JournalError


def after(changes: list[float]) -> Discipline:
    counters = Discipline()
    for change in changes:
        counters = counters.at_close(offset=0.5, phi=0.5, adjusted=change != 0, size_change=change)
    return counters


def test_loyalty_counts_drifted_sessions_without_an_adjustment() -> None:
    counters = Discipline()
    for offset in (0.44, 0.45, 0.56, 0.50):
        counters = counters.at_close(offset=offset, phi=0.5, adjusted=False, size_change=0)
    assert counters.loyalty_error == 2
    assert counters.at_close(offset=0.0, phi=0.5, adjusted=True, size_change=0).loyalty_error == 0


def test_loyalty_limit_is_said() -> None:
    counters = Discipline()
    for _ in range(11):
        counters = counters.at_close(offset=0.0, phi=0.5, adjusted=False, size_change=0)
    assert counters.warnings == ("loyalty_limit",)


def test_a_reversal_is_an_opposite_change_within_five_sessions() -> None:
    assert after([1, 0, 0, 0, 0, -1]).motion_error == 1
    assert after([1, 0, 0, 0, 0, 0, -1]).motion_error == 0
    assert after([1, 1, 1]).motion_error == 0
    assert after([1, -1, 1]).motion_error == 2
    assert after([1, -1, 1]).warnings == ("motion_limit",)


def test_reversals_are_forgotten_after_ten_sessions() -> None:
    assert after([1, -1, *[0] * 9]).motion_error == 1
    assert after([1, -1, *[0] * 10]).motion_error == 0


def test_no_increase_after_a_hedge_loss_unless_a_signal_changed() -> None:
    assert may_increase(hedge_pnl=0.0, signals_changed=())
    assert not may_increase(hedge_pnl=-0.01, signals_changed=())
    assert may_increase(hedge_pnl=-500.0, signals_changed=("S03",))


@given(st.lists(st.sampled_from([-2.0, 0.0, 3.0]), max_size=40))
def test_memory_is_bounded_and_restores(changes: list[float]) -> None:
    counters = after(changes)
    assert counters.motion_error <= 10
    assert Discipline.from_plain(json.loads(json.dumps(counters.as_plain()))) == counters


def test_a_broken_checkpoint_is_refused() -> None:
    with pytest.raises(JournalError, match="discipline"):
        Discipline.from_plain({"session": 1})
