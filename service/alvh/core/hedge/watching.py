"""The reasons for a message that come from what is held at a close: TIMER_5, the theta window, ROLL, HARVEST, CAP."""

from collections.abc import Mapping
from typing import Any, Final

from alvh.core.hedge.condor_desk import due_of, is_new_roll, rearm
from alvh.core.hedge.look import Look
from alvh.core.hedge.lot_rules import exit_reasons
from alvh.core.hedge.phases import Phase
from alvh.core.portfolio import PortfolioState

DRIFT_BAND: Final = 0.05
"""How far the offset held may lie from the attainable one before the soft timer makes a message (3.4, TIMER_5)."""


def watch(look: Look, state: PortfolioState, methodology: Mapping[str, Any]) -> None:
    """Add the reasons that come from what is held at a close."""
    hedge, timer = state.hedge, methodology["timer"]
    is_open = any(window.is_open for window in look.windows.values())
    if state.is_anchored and state.sessions >= timer["hard_in_ttheta"] and is_open:
        look.reasons.append("TIMER_10")
    look.reasons += exit_reasons(look.leaving)
    if look.phase.phase is Phase.MONETISE:
        look.reasons.append("HARVEST")
    _watch_limits(look, state, soft=timer["soft"])
    due = due_of(look)
    hedge["done"] = rearm(hedge.get("done", {}), due)
    if any(is_new_roll(key, actions, hedge["done"]) for key, actions in due.items()):
        look.reasons.append("ROLL")


def _watch_limits(look: Look, state: PortfolioState, *, soft: int) -> None:
    """Add TIMER_5 and CAP."""
    hedge, seen = state.hedge, look.seen
    if seen is None or not look.snapshot.is_fresh:
        return
    if look.keeps_hedge:
        hedge["over_cap"] = False
        return
    # What the steward would not let grow is no drift to act on: it is looked at again at the next close.
    grows = seen.offset_target is not None and seen.offset_target > seen.offset_held
    is_soft = state.is_anchored and state.sessions >= soft
    if is_soft and seen.drift > DRIFT_BAND and (look.may_increase or not grows):
        look.reasons.append("TIMER_5")
    is_over = seen.cost_held > seen.cap + 1e-6
    if is_over and not hedge.get("over_cap", False):
        look.reasons.append("CAP")
    hedge["over_cap"] = is_over
