"""What the engine keeps of one portfolio: its timer, its place in the sequence, and its hedge."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

PHASES_KEPT: Final = 50  # for the page: how the phase came about


@dataclass(slots=True, kw_only=True)
class PortfolioState:
    """One portfolio between two events.

    Attributes:
        portfolio_id: its name in the configuration.
        is_anchored: False until the first session close at which the watched indices have been seen.
        sessions: session closes since the last rebalance.
        sequence: adjustments sent so far.
        prev_event_id: id of the newest of them.
        phase: phase of the hedge behind the newest close.
        held: closes since that phase was entered.
        fired: reason codes that fire once per crossing and re-arm at the next session, already sent in this one.
        last_rebalance: session of the newest rebalance.
        phase_history: phases with the session each was entered in and the condition that led there (empty: unknown),
            oldest first, the newest `PHASES_KEPT`.
        unanswered: ids of adjustments that wait for an answer.
        answers: by adjustment, what was said to it.
        required: by adjustment, how many different people must agree before it may be executed.
        target: the newest HedgeTarget as it was published, plain; None before the first.
        hedge: what the hedge desk keeps, as plain data; empty for `hedge: none`.
    """

    portfolio_id: str
    is_anchored: bool = False
    sessions: int = 0
    sequence: int = 0
    prev_event_id: str | None = None
    phase: str = "OFF"
    held: int = 0
    fired: list[str] = field(default_factory=list)
    last_rebalance: date | None = None
    phase_history: list[list[str]] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    required: dict[str, int] = field(default_factory=dict)
    target: dict[str, Any] | None = None
    hedge: dict[str, Any] = field(default_factory=dict)

    def entered(self, phase: str, session: date, condition: str | None) -> None:
        """Note the phase a session's close has led to, and by which condition."""
        if not self.phase_history or self.phase_history[-1][0] != phase:
            self.phase_history = [*self.phase_history[1 - PHASES_KEPT :], [phase, session.isoformat(), condition or ""]]

    def state(self) -> dict[str, Any]:
        """Return the portfolio as plain data."""
        return {
            "portfolio_id": self.portfolio_id,
            "is_anchored": self.is_anchored,
            "sessions": self.sessions,
            "sequence": self.sequence,
            "prev_event_id": self.prev_event_id,
            "phase": self.phase,
            "held": self.held,
            "fired": self.fired,
            "last_rebalance": None if self.last_rebalance is None else self.last_rebalance.isoformat(),
            "phase_history": self.phase_history,
            "unanswered": self.unanswered,
            "answers": self.answers,
            "required": self.required,
            "target": self.target,
            "hedge": self.hedge,
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return what `state` was taken from."""
        last = state["last_rebalance"]
        return cls(**{**state, "last_rebalance": None if last is None else date.fromisoformat(last)})
