"""Which constraints bound a sizing, in the order of their priority, and what each of them cut (methodology 4.8)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.guards import Guards
from alvh.core.hedge.mix import Mix
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.slots import Slots
from alvh.core.hedge.solver import LEAST_LIMITS, Demand, Solution

# Below a cent nothing was cut: the numbers compared are sums of floating products.
_LEAST_CUT_USD: Final = 0.005
_SOLD: Final = "L3 that is held has to be sold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One constraint that took effect.

    Attributes:
        constraint: LIQ, CAP, PREMIUM, BOOK_DELTA, HIGH_VIX_GUARD, CARRY_GUARD, CEILING, ROUNDING, FLOOR,
            SLEEVE_DELTA or STEWARD.
        cut_usd: gain at the design shock that it cost; for FLOOR the gain that is missing at 7/6 of it, for
            SLEEVE_DELTA dollars per +1 % SPX outside the band.
        detail: one line for a person.
    """

    constraint: str
    cut_usd: float
    detail: str


def bindings(
    slots: Slots, mix: Mix, demand: Demand, solution: Solution, guards: Guards, refused: tuple[tuple[str, str], ...]
) -> tuple[Binding, ...]:
    """Return what bound the first portfolio of a solution, highest priority first.

    Args:
        slots: what the legs offered.
        mix: of the phase.
        demand: what was asked for.
        solution: what was solved.
        guards: in force.
        refused: (leg, reason) of legs the liquidity gate or the fallbacks left out.
    """
    target = float(solution.target[0])
    wanted = float(slots.total(solution.wanted, slots.gain)[0])
    found = [
        Binding(
            constraint="LIQ",
            cut_usd=float(missing_share(mix, solution)[LEGS.index(leg)]) * target,
            detail=f"{leg} is left out: {reason}",
        )
        for leg, reason in refused
        if leg in LEGS
    ]
    stays = dict(_least_cuts(slots, demand, solution))
    left = 1.0
    limits = (
        ("CAP", solution.scale_cap, f"hedge cost over the horizon is limited to {demand.cap[0]:,.2f} USD"),
        ("PREMIUM", solution.scale_premium, f"premium at risk is limited to {demand.premium_limit[0]:,.2f} USD"),
        ("BOOK_DELTA", solution.scale_delta, "the book may not be short the market while small caps are held"),
    )
    for name, scale, detail in limits:
        share = float(scale[0])
        if share < left:
            found.append(Binding(constraint=name, cut_usd=(left - share) * wanted, detail=detail))
            left = share
        if name in stays:
            found.append(Binding(constraint=name, cut_usd=stays[name], detail=f"{_SOLD}: {detail}"))
    if "CEILING" in stays:
        detail = f"{_SOLD}: it would offset more than {demand.over_insured[0]:.0%} of the loss"
        found.append(Binding(constraint="CEILING", cut_usd=stays["CEILING"], detail=detail))
    found += _guard_cuts(slots, solution, guards)
    if solution.ceiling_skipped[0]:
        detail = f"one more contract would offset more than {demand.ceiling[0]:.0%} of the loss"
        found.append(Binding(constraint="CEILING", cut_usd=0.0, detail=detail))
    real = float(slots.total(solution.real, slots.gain)[0])
    whole = float(slots.total(solution.contracts.astype(np.float64), slots.gain)[0])
    if real - whole > _LEAST_CUT_USD and whole < target:
        found.append(Binding(constraint="ROUNDING", cut_usd=real - whole, detail="whole contracts only"))
    return tuple(each for each in found if each.cut_usd > _LEAST_CUT_USD or each.constraint in ("LIQ", "CEILING"))


def floor_binding(gain_high: float, floor: float, loss_high: float) -> tuple[Binding, ...]:
    """Return what is missing to the floor at 7/6 of the design shock, if anything."""
    missing = floor * loss_high - gain_high
    if loss_high <= 0.0 or missing <= _LEAST_CUT_USD:
        return ()
    detail = f"the hedge covers {gain_high / loss_high:.1%} of the loss at 7/6 of the design shock, below {floor:.0%}"
    return (Binding(constraint="FLOOR", cut_usd=missing, detail=detail),)


def idle_binding(leg: str, limit: str) -> Binding:
    """Return that a limit leaves no room for held L3 that gains nothing at the design shock: no gain is cut."""
    return Binding(constraint=limit, cut_usd=0.0, detail=f"{_SOLD}: no room is left for {leg} that gains nothing")


def sleeve_binding(excess: float, limit: float) -> tuple[Binding, ...]:
    """Return by how much the sleeve leaves its delta band, if it does."""
    if excess <= 0.0:
        return ()
    detail = f"the sleeve's delta leaves its band of {limit:,.2f} USD per 1 %: repair it by shifting condor strikes"
    return (Binding(constraint="SLEEVE_DELTA", cut_usd=excess, detail=detail),)


def missing_share(mix: Mix, solution: Solution) -> Floats:
    """Return the share of the target gain that nobody takes over, (5,).

    A leg of a share mix that is left out leaves its share; the ladder's legs stand in for one another while there is
    one of them.
    """
    return np.asarray(mix.lost * solution.left[0] + mix.unladdered)


def _least_cuts(slots: Slots, demand: Demand, solution: Solution) -> list[tuple[str, float]]:
    """Return which limits bring down L3 that is held, and the gain each of them costs, dollars."""
    found, left = [], 1.0
    for at, name in enumerate(LEAST_LIMITS):
        share = float(solution.least[0, at])
        if share < left:
            gains = [float(slots.total(each * demand.least, slots.gain)[0]) for each in (left, share)]
            found.append((name, gains[0] - gains[1]))
            left = share
    return found


def _guard_cuts(slots: Slots, solution: Solution, guards: Guards) -> list[Binding]:
    cuts: dict[str, float] = {}
    for leg, reason in guards.reasons.items():
        at = LEGS.index(leg)
        before, after = np.zeros((1, len(LEGS))), np.zeros((1, len(LEGS)))
        before[0, at], after[0, at] = solution.scaled[0, at], solution.real[0, at]
        cut = float((slots.total(before, slots.gain) - slots.total(after, slots.gain))[0])
        cuts[reason] = cuts.get(reason, 0.0) + cut
    details = {
        "HIGH_VIX_GUARD": "outright VIX calls are halved above VX1 30 and not bought above 50",
        "CARRY_GUARD": "no new calendar spread while the daily roll is above 0.10 without VIX momentum",
    }
    return [Binding(constraint=name, cut_usd=cut, detail=details[name]) for name, cut in cuts.items()]
