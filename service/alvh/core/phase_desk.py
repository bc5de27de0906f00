"""`hedge: alvh` as far as it says when: the phases of the methodology and the events they make, without sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from alvh.core.announce import Decision, in_order
from alvh.core.events import Answer
from alvh.core.hedge.phases import Phase, PhaseInputs, PhaseParameters, PhaseState, advance, reason_codes
from alvh.core.portfolio import PortfolioState
from alvh.core.situation import Situation

_LINES = (
    "Review the hedge: a trigger of the methodology has fired.",
    "This version says when a rebalance is due and in which phase; it proposes no contracts.",
)


class PhaseDesk:
    """Moves one portfolio through the phases (methodology 3.2 to 3.4); what it proposes is a review, no contracts."""

    needs: Sequence[str] = ("VIX",)

    def __init__(self, portfolio: Mapping[str, Any]) -> None:
        self._is_enabled = bool(portfolio["enabled"])
        self._has_standing_exposure = bool(portfolio["small_caps"] or portfolio["condor_program"])
        self._expiries = [date.fromisoformat(condor["expiry"]) for condor in portfolio["condors"]]
        self._parameters = PhaseParameters.from_methodology(portfolio["methodology"])

    def is_ready(self, state: PortfolioState) -> bool:  # noqa: ARG002 - a desk's signature
        """Whether there is anything to hedge."""
        return self._is_enabled and (self._has_standing_exposure or bool(self._expiries))

    def decide(self, state: PortfolioState, situation: Situation) -> Decision:
        """Step the machine at a close; pass triggers on."""
        before = state.phase
        reasons = tuple(situation.triggers)
        if situation.is_close:
            reasons = self._at_close(state, situation)
        flags = asdict(situation.book.flags)
        spread = situation.book.spread
        return Decision(
            reasons=reasons,
            phase_before=before,
            phase_after=state.phase,
            held=state.held,
            lines=_LINES if reasons else (),
            fields={"booleans": flags, "confirmations": spread.confirmations, "a": spread.a},
        )

    def _at_close(self, state: PortfolioState, situation: Situation) -> tuple[str, ...]:
        inputs = self._inputs(situation)
        step = advance(_remembered(state), inputs, self._parameters)
        spread = situation.book.spread
        ivx = [spread.is_active, spread.confirmations if spread.is_active else 0]
        changed = state.hedge.get("ivx", ivx) != ivx
        state.hedge = {"phase": step.after.as_plain(), "ivx": ivx}
        state.phase, state.held = step.after.phase.value, step.after.held
        asked = reason_codes(step, inputs, self._parameters, ivx_changed=changed)
        # The move is judged by the triggers, on good prices alone.
        return in_order((*situation.triggers, *(code for code in asked if code != "MOVE_3")))

    def _inputs(self, situation: Situation) -> PhaseInputs:
        flags = situation.book.flags
        moves = [abs(move.move_ratio) for move in situation.moves if move.move_ratio is not None]
        has_condor = any(expiry >= situation.session for expiry in self._expiries)
        return PhaseInputs(
            ratio_neg=flags.ratio_neg,
            bigtop=flags.bigtop,
            v_r=flags.v_r,
            v_m=flags.v_m,
            v_r_low=flags.v_r_low,
            adv=flags.adv,
            macro=flags.macro,
            cap_r=flags.cap_r,
            cap_m=flags.cap_m,
            calm=flags.calm,
            monet=flags.monet_curve,
            mv=100.0 * max(moves, default=0.0),
            has_exposure=self._has_standing_exposure or has_condor,
            kill=not self._is_enabled,
        )

    def answered(self, state: PortfolioState, answer: Answer) -> None:
        """Take an answer; the record of it is all that follows."""

    def legs(self, state: PortfolioState) -> list[dict[str, Any]]:  # noqa: ARG002 - a desk's signature
        """Return nothing: no contracts are proposed."""
        return []


def _remembered(state: PortfolioState) -> PhaseState:
    plain = state.hedge.get("phase")
    return PhaseState.from_plain(plain) if plain else PhaseState(phase=Phase.OFF)
