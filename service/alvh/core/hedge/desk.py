"""The desk of `hedge: alvh`: phases at each close, and what follows from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from alvh.core.announce import Decision, in_order
from alvh.core.events import Answer
from alvh.core.hedge.phase_desk import booleans, phase_inputs, spread_state, step_phase
from alvh.core.hedge.phases import PhaseParameters, PhaseState
from alvh.core.portfolio import PortfolioState
from alvh.core.situation import Situation


class HedgeDesk:
    """Decides about the hedge of one portfolio by the methodology."""

    needs: Sequence[str] = ("VIX",)

    def __init__(self, portfolio: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """Take a portfolio's configuration, and the document it stands in."""
        self._portfolio = portfolio
        self._phase_parameters = PhaseParameters.from_methodology(portfolio["methodology"])

    def is_ready(self, state: PortfolioState) -> bool:
        """Whether there is something to hedge, and nobody has switched the hedge off."""
        portfolio = self._portfolio
        held = portfolio["small_caps"] or portfolio["condors"] or portfolio["condor_program"]
        return bool(portfolio["enabled"] and held)

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Return what is to be said at a close, or at a quote that triggered."""
        reasons, before = list(situation.triggers), state.phase
        fields: dict[str, Any] = {}
        if situation.is_close:
            reasons += self._close(state, situation, fields)
        return Decision(
            reasons=in_order(reasons), phase_before=before, phase_after=state.phase, held=state.held, fields=fields
        )

    def _close(self, state: PortfolioState, situation: Situation, fields: dict[str, Any]) -> tuple[str, ...]:
        hedge = state.hedge
        inputs = phase_inputs(situation, has_exposure=self.is_ready(state), is_enabled=self._portfolio["enabled"],
                              monet=False)  # fmt: skip
        known = PhaseState.from_plain(hedge["phase"]) if "phase" in hedge else PhaseState()
        now = spread_state(situation.book)
        news = step_phase(known, inputs, self._phase_parameters, hedge.get("spread"), now)
        hedge["phase"], hedge["spread"] = news.step.after.as_plain(), now
        state.phase, state.held = str(news.step.after.phase), news.step.after.held
        fields["booleans"] = booleans(inputs)
        fields["confirmations"] = situation.book.spread.confirmations
        return news.reasons

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Take an answer."""

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:
        """Return the contracts wanted and held."""
        return []
