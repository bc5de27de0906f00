"""The phase of one portfolio's hedge at a close: from signals to the machine's inputs, one step, its reasons."""

from dataclasses import dataclass

from alvh.core.hedge.phases import PhaseInputs, PhaseParameters, PhaseState, Step, advance
from alvh.core.signals.book import SignalBook
from alvh.core.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseNews:
    """What a close did to the phase.

    Attributes:
        step: what the machine did.
        inputs: what it was told.
        ivx_changed: S10 switched, or its k changed, since the close before.
    """

    step: Step
    inputs: PhaseInputs
    ivx_changed: bool

    @property
    def reasons(self) -> tuple[str, ...]:
        """STATE and IVX, where this close alone gives them; moves and timers are counted elsewhere."""
        found = (("STATE", self.step.changed), ("IVX", self.ivx_changed))
        return tuple(code for code, applies in found if applies)


def phase_inputs(situation: Situation, *, has_exposure: bool, is_enabled: bool, monet: bool) -> PhaseInputs:
    """Return what the machine is told at a close (methodology 3.2).

    Args:
        situation: of the close.
        has_exposure: small caps or a condor are held, or a program will sell one.
        is_enabled: False: a person has switched the hedge off.
        monet: a lot of L1 has multiplied; the curve's own condition is added here.
    """
    flags = situation.book.flags
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
        monet=monet or flags.monet_curve,
        mv=move_per_cent(situation),
        has_exposure=has_exposure,
        quality_ok=all(situation.board.price(name) is not None for name in ("SPX", "VIX")),
        kill=not is_enabled,
    )


def move_per_cent(situation: Situation) -> float:
    """Return the greatest move of a watched index since the last rebalance, per cent; 0 before the first."""
    return 100.0 * max((abs(move.move_ratio) for move in situation.moves if move.move_ratio is not None), default=0.0)


def spread_state(book: SignalBook) -> list[int]:
    """Return what a change of makes an IVX event: whether S10 is on, and its k."""
    return [int(book.spread.is_active), book.spread.confirmations]


def step_phase(
    state: PhaseState, inputs: PhaseInputs, parameters: PhaseParameters, before: list[int] | None, now: list[int]
) -> PhaseNews:
    """Return what a close did.

    Args:
        state: where the machine stood.
        inputs: of the close.
        parameters: of methodology 11.
        before: S10 at the close before (`spread_state`); None at the first.
        now: S10 at this close.
    """
    step = advance(state, inputs, parameters)
    return PhaseNews(step=step, inputs=inputs, ivx_changed=before is not None and before != now)


def booleans(inputs: PhaseInputs) -> dict[str, bool | None]:
    """Return the inputs as they stand in a message, by the names of methodology 3.2."""
    return {
        "ratio_neg": inputs.ratio_neg,
        "bigtop": inputs.bigtop,
        "vR": inputs.v_r,
        "vM": inputs.v_m,
        "vRlow": inputs.v_r_low,
        "adv": inputs.adv,
        "macro": inputs.macro,
        "capR": inputs.cap_r,
        "capM": inputs.cap_m,
        "calm": inputs.calm,
        "monet": inputs.monet,
    }
