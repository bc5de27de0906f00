"""One sizing: a market, a book and a phase in; contracts, what they gain and cost, and what limited them, out.

`size` is the only entry. It is pure and deterministic and follows methodology 4.3 to 4.9; the arithmetic of the solve
itself is in `solver`, the shape of the answer in `outcome`.
"""

from dataclasses import dataclass, replace

import numpy as np

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.exposure import DESIGN, HIGH, Budget, Exposure, budget_of, exposure_of, front_price
from alvh.core.hedge.guards import Guards, guards_of
from alvh.core.hedge.mix import mix_of
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.phase_targets import PhaseTarget
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.sizing_inputs import SizingInputs, SizingParameters
from alvh.core.hedge.sizing_report import FLOOR_PHASES, Sleeve, Worked, report
from alvh.core.hedge.slots import SlotPlan, Slots, plan_slots, slots_of
from alvh.core.hedge.solver import Demand, solve
from alvh.core.hedge.structural import idle_kept, least_of
from alvh.core.hedge.trimming import Limits, trimmed
from alvh.core.hedge.units import UnitBoard, UnitTable, unit_table

__all__ = [
    "Glance", "Sizing", "SizingInputs", "SizingParameters", "Worked", "glance", "glance_at_held", "report", "size",
    "work",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a close asks of the hedge held, without the report of a sizing.

    Attributes:
        offset_held: offset at the design shock of what is held; 0 where nothing is lost.
        offset_target: the same of the attainable whole-contract target; None where it was not asked for.
        cost_held: HC of what is held over the horizon, dollars.
        cap: what it may be, dollars.
    """

    offset_held: float
    offset_target: float | None
    cost_held: float
    cap: float

    @property
    def drift(self) -> float:
        """How far the two offsets lie apart (TIMER_5); 0 where the target was not asked for."""
        return 0.0 if self.offset_target is None else abs(self.offset_target - self.offset_held)


def size(inputs: SizingInputs) -> Sizing:
    """Return the hedge this book should hold in this market and phase.

    Raises:
        ValueError: two candidates for one leg, or a negative quantity held.
    """
    return report(work(inputs))


def glance(worked: Worked) -> Glance:
    """Return how far what is held lies from what should be, and what it costs; `report` says all of it."""
    loss = float(worked.losses[DESIGN])
    held, wanted = float(worked.gains(worked.held)[DESIGN]), float(worked.gains(worked.wanted)[DESIGN])
    return Glance(
        offset_held=held / loss if loss > 0.0 else 0.0,
        offset_target=wanted / loss if loss > 0.0 else 0.0,
        cost_held=worked.gross_cost(worked.held),
        cap=worked.budget.gross_cap + worked.budget.small_caps,
    )


def glance_at_held(inputs: SizingInputs) -> Glance:
    """Return what is held and what it costs, without asking what should be: a third of the work."""
    parameters, market = inputs.parameters, inputs.market
    exposure = exposure_of(inputs)
    plan = plan_slots((), inputs.held)
    board = UnitBoard(market, plan.units, parameters.scenario.vvix_beta)
    gamma = parameters.scenario.vix_pct_per_spx_pct
    table = unit_table(board, exposure.shocks, DESIGN, exposure.horizon, gamma, market.vix)
    budget = budget_of(inputs, exposure, plan, table)
    held = np.array(plan.held, dtype=np.float64)
    losses = exposure.condor_losses
    if inputs.covers_small_caps or parameters.scope == "split":
        losses = losses + inputs.small_cap_share * exposure.small_cap_losses
    loss = float(losses[DESIGN])
    gain = float(held @ table.gain_held[:, DESIGN]) if len(held) else 0.0
    return Glance(
        offset_held=gain / loss if loss > 0.0 else 0.0,
        offset_target=None,
        cost_held=float(held @ table.cost_held) if len(held) else 0.0,
        cap=budget.gross_cap + budget.small_caps,
    )


def work(inputs: SizingInputs) -> Worked:
    """Return a sizing worked out, for `glance` or `report` to be made of it.

    Raises:
        ValueError: as `size`.
    """
    parameters, market = inputs.parameters, inputs.market
    exposure = exposure_of(inputs)
    plan = plan_slots(inputs.candidates, inputs.held)
    board = UnitBoard(market, plan.units, parameters.scenario.vvix_beta)
    gamma = parameters.scenario.vix_pct_per_spx_pct
    table = unit_table(board, exposure.shocks, DESIGN, exposure.horizon, gamma, market.vix)
    budget = budget_of(inputs, exposure, plan, table)
    guards = guards_of(
        inputs.candidates,
        front_price(market),
        parameters.bands,
        inputs.daily_roll,
        vix_momentum=inputs.vix_momentum,
    )
    slots, held = slots_of(plan, table, DESIGN, HIGH)
    if parameters.scope == "split":
        slots = replace(slots, refund=np.zeros_like(slots.refund))
    sleeves = _sleeves(inputs, exposure, budget, guards, slots, held)
    targets, idle_sold = _targets(inputs.target, plan, table, sleeves)
    return Worked(
        inputs=inputs,
        exposure=exposure,
        budget=budget,
        board=board,
        table=table,
        plan=plan,
        guards=guards,
        sleeves=sleeves,
        targets=targets,
        idle_sold=idle_sold,
    )


def demand_of(
    inputs: SizingInputs,
    exposure: Exposure,
    guards: Guards,
    held: Floats,
    losses: Floats,
    cap: float,
    premium_limit: float,
    taken_delta: float,
) -> Demand:
    """Return what one sleeve asks of the solver, as a batch of one.

    Args:
        inputs: of the sizing.
        exposure: the book before any hedge.
        guards: in force.
        held: contracts held in the slots' segments, (5, segments).
        losses: to be offset, dollars per shock of the exposure.
        cap: on gross hedge cost, dollars.
        premium_limit: on premium at risk, dollars.
        taken_delta: of a sleeve solved before, dollars per +1 % SPX.
    """
    room = np.inf
    if inputs.small_caps is not None and inputs.small_caps.exposure > 0.0:
        room = exposure.greeks.delta + exposure.financing_delta + exposure.small_cap_delta + taken_delta
    return Demand(
        loss=losses[[DESIGN]],
        floor_loss=exposure.condor_losses[[HIGH]],
        phi=np.array([inputs.target.phi]),
        ceiling=np.array([inputs.target.ceiling]),
        floor=inputs.parameters.floor,
        cap=np.array([cap]),
        premium_limit=np.array([premium_limit]),
        delta_room=np.array([max(room, 0.0)]),
        held=held[None],
        least=least_of(held)[None],
        over_insured=np.array([inputs.target.over_insured]),
        most=guards.most(held.sum(axis=1)[None]),
        halved=guards.halved,
    )


def _sleeves(
    inputs: SizingInputs, exposure: Exposure, budget: Budget, guards: Guards, slots: Slots, held: Floats
) -> tuple[Sleeve, ...]:
    """Solve for the condors and, in a split scope, for the small caps with what the condors left of the holdings.

    The floor is a share of the condors' loss, so the small caps' own solve has none and tilts nothing.
    """
    target = inputs.target
    mix = mix_of(target.kind, target.weights, slots)
    tiltable = ~guards.frozen if target.phase in FLOOR_PHASES else None
    losses = exposure.condor_losses
    if inputs.covers_small_caps and inputs.parameters.scope == "strict":
        losses = losses + inputs.small_cap_share * exposure.small_cap_losses
    is_split = inputs.parameters.scope == "split" and inputs.small_caps is not None and inputs.small_cap_share > 0.0

    def condors(least: Floats) -> Sleeve:
        demand = demand_of(inputs, exposure, guards, held, losses, budget.gross_cap, budget.premium_limit, 0.0)
        demand = replace(demand, least=least[None])
        return Sleeve(covers="condor", losses=losses, cap=budget.cap, mix=mix, demand=demand, slots=slots,
                      solution=solve(slots, mix, demand, tiltable))  # fmt: skip

    def small_caps(first: Sleeve, least: Floats) -> Sleeve:
        contracts = first.solution.contracts[0].astype(np.float64)
        left = np.maximum(held - slots.split(contracts[None])[0], 0.0)
        delta = float(slots.total(contracts[None], slots.delta)[0])
        small = inputs.small_cap_share * exposure.small_cap_losses
        stays = np.minimum(np.maximum(least - contracts, 0.0), least_of(left))
        demand = demand_of(inputs, exposure, guards, left, small, budget.small_caps, np.inf, delta)
        demand = replace(demand, least=stays[None])
        return Sleeve(covers="small_caps", losses=small, cap=budget.small_caps, mix=mix, demand=demand, slots=slots,
                      solution=solve(slots, mix, demand, None))  # fmt: skip

    least = least_of(held) if target.adds_allowed else np.zeros(len(LEGS))
    if not is_split:
        return (condors(least),)
    # L3 that both together would sell is kept by the condors' sleeve; by the other what that one has no room for.
    first = condors(np.zeros_like(least))
    second = small_caps(first, np.zeros_like(least))
    more = second.solution.contracts[0]
    if (first.solution.contracts[0] + more < least).any():
        first = condors(np.maximum(least - more, 0.0))
        second = small_caps(first, least)
    return (first, second)


def _targets(
    target: PhaseTarget, plan: SlotPlan, table: UnitTable, sleeves: tuple[Sleeve, ...]
) -> tuple[tuple[int, ...], tuple[tuple[str, str], ...]]:
    """Return the whole units of each row that should be held, and (leg, limit) of idle L3 that a limit lets go.

    COOLDOWN and MONETISE add nothing and their sizing takes nothing away (the harvest is an action of its own); OFF
    holds nothing but what no order may touch.
    """
    if target.phase in (Phase.MONETISE, Phase.COOLDOWN):
        return plan.held, ()
    if target.phase is Phase.OFF:
        return tuple(held if fixed else 0 for held, fixed in zip(plan.held, plan.fixed, strict=True)), ()
    contracts = sum(sleeve.solution.contracts[0] for sleeve in sleeves)
    targets = plan.spread(np.asarray(contracts), table.gain[:, DESIGN] > 0.0)
    demands = [sleeve.demand for sleeve in sleeves]
    limits = Limits(
        cost=sum(float(demand.cap[0]) for demand in demands),
        premium=sum(float(demand.premium_limit[0]) for demand in demands),
        gain=sum(float(demand.ceiling[0] * max(demand.loss[0], 0.0)) for demand in demands),
        delta=float(demands[0].delta_room[0]),
    )
    return idle_kept(plan, table, trimmed(plan, table, targets, DESIGN, limits), DESIGN, limits)
