"""Who decides about one portfolio's hedge: the desk of triggers alone, or that of the methodology."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from alvh.core.announce import Decision
from alvh.core.events import AccountPositions, Answer
from alvh.core.hedge.desk import HedgeDesk
from alvh.core.portfolio import PortfolioState
from alvh.core.situation import Desk, Situation

_FIRST: Final = "Both indices have been seen: moves and sessions count from here."
_DUE: Final = "Rebalance the hedge: a trigger of the methodology has fired."


class TriggersAlone:
    """`hedge: none`: the first STATE, then MOVE_3 and TIMER_10, and nothing else; needs no holdings."""

    needs: Sequence[str] = ()
    wants_chains = False

    def is_ready(self, state: PortfolioState) -> bool:  # noqa: ARG002 - a desk's signature
        """Return True: there is nothing to wait for."""
        return True

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Pass the triggers on."""
        before = state.phase
        if situation.is_close:
            state.held += 1
        if "STATE" in situation.triggers:
            state.phase, state.held = "STANDBY", 0
        return Decision(
            reasons=tuple(situation.triggers),
            phase_before=before,
            phase_after=state.phase,
            held=state.held,
            lines=(_FIRST if "STATE" in situation.triggers else _DUE,),
        )

    def quiet_band(self, state: PortfolioState) -> tuple[float, float]:  # noqa: ARG002 - a desk's signature
        """Return everything: there are no defence lines."""
        return -inf, inf

    def is_crossed_at(self, state: PortfolioState, spx: float) -> bool:  # noqa: ARG002 - a desk's signature
        """Return False: there are no defence lines."""
        return False

    def positions(self, state: PortfolioState, event: AccountPositions) -> None:
        """Take an account's positions; triggers need no holdings."""

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Take an answer; nothing follows from it here."""

    def refuses(self, state: PortfolioState, answer: Answer) -> str | None:  # noqa: ARG002 - a desk's signature
        """Return None: triggers alone propose nothing."""
        return None

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:  # noqa: ARG002 - a desk's signature
        """Return nothing: no hedge is held."""
        return []


def open_desk(portfolio: Mapping[str, Any], document: Mapping[str, Any]) -> Desk:
    """Return the desk a portfolio's configuration asks for."""
    return TriggersAlone() if portfolio["hedge"] == "none" else HedgeDesk(portfolio, document)
