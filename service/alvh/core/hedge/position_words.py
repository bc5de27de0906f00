"""The signals that speak of the book itself, as a message lists them: those of `position.TERMS`, told or missing."""

from collections.abc import Callable, Mapping
from typing import Any

from alvh.core.hedge.look import Look
from alvh.core.hedge.option_checks import bound_signal, parity_signal, stress_signal, timing_signal
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phase_desk import move_per_cent
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.scenario import ScenarioParameters
from alvh.core.hedge.sizing import report, work
from alvh.core.hedge.sizing_desk import Question, refusal_of
from alvh.core.signals.model import Signal
from alvh.core.signals.position import TERMS, position_signal, vega_of_first_three

_FRONT_SHARE = 0.60  # of the vega over three expiries, in STANDBY and INITIAL (S47)


def position_signals(
    look: Look, sizing: Sizing | None, sessions: int, methodology: Mapping[str, Any]
) -> tuple[Signal, ...]:
    """Return the signals of a decision, by id; what cannot be told is missing.

    Args:
        look: the decision.
        sizing: of it; None where the VIX curve is missing.
        sessions: closes since the last rebalance.
        methodology: of the portfolio, for the threshold of S01.
    """
    at = look.situation.ts_event
    moved = move_per_cent(look.situation) / 100.0
    found = [
        position_signal(
            "S01", moved, asof=at, state="beyond" if moved >= methodology["move3"]["threshold"] else "within"
        ),
        position_signal("S02", float(sessions), asof=at, state="counting"),
    ]
    if sizing is not None:
        exposure = 0.0 if look.small_caps is None else look.small_caps.exposure
        found += _returns(sizing, at, has_condor=bool(look.holdings.condors), exposure=exposure)
        found.append(_vega(sizing, at, look.phase.phase))
    acceleration = max((window.acceleration for window in look.windows.values()), default=None)
    is_open = any(window.is_open for window in look.windows.values())
    efficiency = max((window.efficiency for window in look.windows.values()), default=None)
    found.append(
        position_signal("S33", acceleration, asof=at, state="open" if is_open else "closed",
                        parts=(("acceleration", acceleration), ("efficiency", efficiency)))
    )  # fmt: skip
    choices = {} if look.question is None else look.question.choices
    refused = sum(bool(refusal_of(choice)) for choice in choices.values())
    if look.snapshot.pricing == "quotes" and choices:
        found.append(position_signal("S34", float(refused), asof=at, state="failed" if refused else "passed"))
    nearest = min((line.proximity for line in look.lines.values()), default=None)
    is_crossed = any(line.crossed for line in look.lines.values())
    found.append(position_signal("S41", nearest, asof=at, state="crossed" if is_crossed else "clear"))
    found += _market_checks(look, at)
    condors = [held.at(look.snapshot.session) for held in look.holdings.condors]
    parameters = ScenarioParameters() if look.question is None else look.question.inputs.parameters.scenario
    found.append(stress_signal(look.stress, look.snapshot.market, condors, look.small_caps, sizing, parameters, at))
    told = {signal.id for signal in found}
    found += [position_signal(name, None, asof=None, state="missing") for name in TERMS if name not in told]
    return tuple(sorted(found, key=lambda each: each.id))


def told_later(
    look: Look, ask: Callable[[Look], Question], sessions: int, methodology: Mapping[str, Any]
) -> Callable[[], tuple[Signal, ...]]:
    """Return what makes the signals of a decision that said nothing, and so was never sized, when somebody asks."""

    def signals() -> tuple[Signal, ...]:
        if look.sizing is None and look.seen is not None:
            look.question = look.question or ask(look)
            look.sizing = report(look.worked or work(look.question.inputs))
        return position_signals(look, look.sizing, sessions, methodology)

    return signals


def _market_checks(look: Look, at: int) -> list[Signal]:
    """Return S35, S36 and S39: what quoted options allow, and whether the clock does."""
    snapshot = look.snapshot
    futures = {
        node.expiry: (node.bid, node.ask) for node in snapshot.nodes if node.bid is not None and node.ask is not None
    }
    quoted = snapshot.vix_chain if snapshot.pricing == "quotes" else None
    return [
        parity_signal(quoted, futures, at, look.fees.option),
        bound_signal(snapshot.spx_chain, snapshot.market, at),
        timing_signal(look.situation.calendar, at, look.situation.releases),
    ]


def _returns(sizing: Sizing, at: int, *, has_condor: bool, exposure: float) -> list[Signal]:
    expected = None if sizing.expected is None else sizing.expected.simple
    neutral = None if sizing.expected_neutral is None else sizing.expected_neutral.simple
    gross = sizing.returns
    parts = (
        ("period", gross.period), ("simple", gross.simple), ("compound", gross.compound), ("expected", expected),
        ("neutral", neutral),
    )  # fmt: skip
    state = "below_hurdle" if sizing.second_engine else "ready"
    small = (("small_caps", -sizing.small_cap_loss_design / exposure),) if exposure else ()
    return [
        position_signal("S30", gross.simple if has_condor else None, asof=at, state=state,
                        parts=parts if has_condor else ()),
        position_signal("S31", sizing.irr_drag if has_condor else None, asof=at, state="ready", parts=small),
    ]  # fmt: skip


def _vega(sizing: Sizing, at: int, phase: Phase) -> Signal:
    total, shares = vega_of_first_three(sizing.vega_by_expiry)
    is_heavy = bool(shares) and shares[0] > _FRONT_SHARE and phase in (Phase.STANDBY, Phase.INITIAL)
    return position_signal(
        "S47", total if shares else None, asof=at, state="front_heavy" if is_heavy else "spread",
        parts=tuple((f"share{number}", share) for number, share in enumerate(shares, start=1)),
    )  # fmt: skip
