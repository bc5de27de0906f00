"""What a daily condor program's budget looks back on: the credit and the hedge cost of 21 sessions (4.6)."""

from collections.abc import Sequence
from typing import Any, Final

from alvh.core.hedge.bookkeeping import marks_of
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.look import Look

SESSIONS: Final = 21
"""Sessions whose credit counts, today's among them."""


def note_close(look: Look, hedge: dict[str, Any]) -> None:
    """Remember a close: the credit of the condors sold at it, and what the hedge is worth behind it, dollars."""
    hedge["daily"] = [*hedge.get("daily", [])[1 - SESSIONS :], [_sold(look.holdings, look), _worth(look)]]


def credit(look: Look, past: Sequence[Sequence[float]]) -> float:
    """Return the condor credit of the last 21 sessions, what is sold at this close among it, dollars."""
    return sum(row[0] for row in past[1 - SESSIONS :]) + _sold(look.holdings, look)


def cost(look: Look, past: Sequence[Sequence[float]]) -> float:
    """Return what the hedge has cost over the same time, dollars, never below 0."""
    return max(0.0, past[1 - SESSIONS :][0][1] - _worth(look)) if past else 0.0


def _sold(holdings: Holdings, look: Look) -> float:
    return sum(
        held.condor.credit_usd for held in holdings.condors
        if held.is_program and held.opened == look.snapshot.session and held.key == held.origin
    )  # fmt: skip


def _worth(look: Look) -> float:
    marks = marks_of(look.holdings, look.snapshot)
    hedge, sold = look.holdings.sleeve, look.holdings.financing
    return hedge.reconcile(marks.sleeve).equity + sold.reconcile(marks.overlays).equity
