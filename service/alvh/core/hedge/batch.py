"""Many portfolios in one market at once: one unit table for each horizon, one array solve for each mix.

The arithmetic is that of `sizing.size`, through the same solver; a portfolio that holds other contracts than those
that can be bought, finances, or splits its scope is sized alone and its answer put among the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alvh.core.hedge.book import LEGS
from alvh.core.hedge.delta import condor_sensitivities
from alvh.core.hedge.exposure import (
    DESIGN,
    HIGH,
    credit_of,
    earned_by,
    front_price,
    horizon,
    net_of_financing,
    shocks_of,
)
from alvh.core.hedge.guards import Guards, guards_of
from alvh.core.hedge.mix import mix_of
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.scenario import condor_values, linked_spx_return
from alvh.core.hedge.sizing import size
from alvh.core.hedge.sizing_inputs import SizingInputs
from alvh.core.hedge.sizing_report import FLOOR_PHASES
from alvh.core.hedge.slots import plan_slots, slots_of
from alvh.core.hedge.solver import Demand, Ints, solve
from alvh.core.hedge.structural import IS_STRUCTURAL, least_of
from alvh.core.hedge.units import UnitBoard, UnitTable, unit_table

# Condors priced in one array pass: 4 legs x 4 scenarios x 2,000 doubles stay inside a core's second-level cache.
_CHUNK: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizing:
    """Answers for B portfolios in the order asked; dollars unless said.

    Attributes:
        contracts: units that should be held, (B, 5) by `book.LEGS`.
        real: before rounding, (B, 5).
        target_gain: T.
        loss_design: loss sized against, at the design shock.
        gain_design: hedge gain there.
        gain_high: hedge gain at 7/6 of it.
        cap: what may be spent.
        cost: HC.
        feasibility: R of the mix that was used.
        infeasible_floor: INFEASIBLE_FLOOR.
    """

    contracts: Ints
    real: Floats
    target_gain: Floats
    loss_design: Floats
    gain_design: Floats
    gain_high: Floats
    cap: Floats
    cost: Floats
    feasibility: Floats
    infeasible_floor: NDArray[np.bool_]


def size_many(portfolios: Sequence[SizingInputs]) -> BatchSizing:
    """Return the sizings of portfolios that share market, candidates, parameters and guards' inputs.

    Raises:
        ValueError: they do not share them, or there are none.
    """
    if not portfolios:
        raise ValueError("no portfolio to size")
    first = portfolios[0]
    if any(not _shares(each, first) for each in portfolios):
        raise ValueError("a batch shares one market, its candidates, parameters and guards")
    answer = _empty(len(portfolios))
    simple = np.array([_is_simple(each) for each in portfolios])
    for row in np.flatnonzero(~simple).tolist():
        _put_alone(answer, row, portfolios[row])
    if simple.any():
        _size_simple(answer, portfolios, np.flatnonzero(simple))
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """What the simple portfolios would lose and may spend, one row for each."""

    losses: Floats
    condor_high: Floats
    credit: Floats
    room: Floats
    held: Floats
    days: Floats


def _size_simple(answer: BatchSizing, portfolios: Sequence[SizingInputs], rows: NDArray[np.intp]) -> None:
    first = portfolios[0]
    shock, shocks = shocks_of(first.market, first)
    books = _books(portfolios, rows, np.array((shock.low, shock.design, shock.high)))
    board = UnitBoard(first.market, plan_slots(first.candidates, ()).units, first.parameters.scenario.vvix_beta)
    guards = guards_of(
        first.candidates,
        front_price(first.market),
        first.parameters.bands,
        first.daily_roll,
        vix_momentum=first.vix_momentum,
    )
    gamma = first.parameters.scenario.vix_pct_per_spx_pct
    tables: dict[float, UnitTable] = {}
    groups: dict[tuple[object, ...], list[int]] = {}
    for at, row in enumerate(rows):
        target = portfolios[row].target
        key = (books.days[at], target.kind, tuple(target.weights.items()), target.phase)
        groups.setdefault(key, []).append(at)
    for members in groups.values():
        days = float(books.days[members[0]])
        if days not in tables:
            tables[days] = unit_table(board, shocks, DESIGN, days, gamma, first.market.vix)
        _solve_group(answer, portfolios, rows, np.array(members), books, tables[days], guards)


def _solve_group(
    answer: BatchSizing,
    portfolios: Sequence[SizingInputs],
    rows: NDArray[np.intp],
    members: NDArray[np.intp],
    books: _Books,
    table: UnitTable,
    guards: Guards,
) -> None:
    """Solve the portfolios of one horizon and one mix, and put their answers where they belong."""
    chosen, parameters = [portfolios[row] for row in rows[members]], portfolios[0].parameters
    plan = plan_slots(portfolios[0].candidates, ())
    slots, _ = slots_of(plan, table, DESIGN, HIGH)
    target = chosen[0].target
    held, credit = books.held[members], books.credit[members]
    by_leg = np.zeros(len(LEGS), dtype=np.intp)
    by_leg[[LEGS.index(unit.leg) for unit in plan.units]] = np.arange(len(plan.units))
    present = np.array([bool(units) for units in plan.rows])
    to_date = np.array([_to_date(each, table, by_leg) for each in chosen])
    cap = np.maximum(parameters.credit_share * credit - np.maximum(to_date, 0.0), 0.0)
    used = np.where(slots.usable, held, 0.0)
    demand = Demand(
        loss=books.losses[members, DESIGN],
        floor_loss=books.condor_high[members],
        phi=np.array([each.target.phi for each in chosen]),
        ceiling=np.array([each.target.ceiling for each in chosen]),
        floor=parameters.floor,
        cap=cap,
        premium_limit=parameters.premium_max * credit,
        delta_room=np.maximum(books.room[members], 0.0),
        held=used[:, :, None],
        least=least_of(used[:, :, None]) * float(target.adds_allowed),
        over_insured=np.array([each.target.over_insured for each in chosen]),
        most=guards.most(used),
        halved=guards.halved,
    )
    tilts = target.phase in FLOOR_PHASES
    solution = solve(slots, mix_of(target.kind, target.weights, slots), demand, ~guards.frozen if tilts else None)
    contracts = _kept(target.phase, solution.contracts, held)
    whole, at = contracts.astype(np.float64), rows[members]
    kept = np.minimum(whole, held)
    gain, gain_held = (np.where(present[:, None], each[by_leg], 0.0) for each in (table.gain, table.gain_held))
    cost, cost_held = (np.where(present, each[by_leg], 0.0) for each in (table.cost, table.cost_held))
    answer.contracts[at], answer.real[at] = contracts, solution.real
    answer.target_gain[at], answer.loss_design[at] = solution.target, demand.loss
    for places, shock in ((answer.gain_design, DESIGN), (answer.gain_high, HIGH)):
        places[at] = kept @ gain_held[:, shock] + (whole - kept) @ gain[:, shock]
    answer.cap[at] = cap
    answer.cost[at] = kept @ cost_held + (whole - kept) @ cost
    answer.feasibility[at] = solution.feasibility
    answer.infeasible_floor[at] = tilts & (solution.feasibility < 1.0)
    for row in at[((held > used) & IS_STRUCTURAL).any(axis=1)].tolist():
        _put_alone(answer, row, portfolios[row])  # L3 held that gains nothing stays beside the solve


def _books(portfolios: Sequence[SizingInputs], rows: NDArray[np.intp], shocks: Floats) -> _Books:
    first = portfolios[0]
    market, link = first.market, first.parameters.scenario
    chosen = [portfolios[row] for row in rows]
    owner = np.array([at for at, each in enumerate(chosen) for _ in each.condors], dtype=np.intp)
    condors = [condor for each in chosen for condor in each.condors]
    returns = linked_spx_return(link, market.vix, shocks)
    losses, leaning = np.zeros((len(chosen), shocks.size)), np.zeros(len(chosen))
    for start in range(0, len(condors), _CHUNK):
        part = condors[start : start + _CHUNK]
        d, r = np.append(shocks, 0.0), np.append(returns, 0.0)
        values = condor_values(market, part, r, d, 0.0, link.shift_cap)
        dollars = np.array([condor.dollars_per_point for condor in part])[:, None]
        np.add.at(losses, owner[start : start + _CHUNK], dollars * (values[:, :-1] - values[:, -1:]))
        np.add.at(leaning, owner[start : start + _CHUNK], condor_sensitivities(market, part)[:, 0])
    small = [each.small_caps for each in chosen]
    exposure = np.array([caps.exposure if caps else 0.0 for caps in small])
    stress = np.array([caps.beta_stress if caps else 0.0 for caps in small])
    star = np.array([caps.beta_star if caps else 0.0 for caps in small])
    covered = np.array([each.covers_small_caps for each in chosen])
    beta = np.where(returns < 0.0, stress[:, None], star[:, None])
    small_losses = -beta * returns * exposure[:, None]
    return _Books(
        losses=losses + np.where(covered[:, None], small_losses, 0.0),
        condor_high=losses[:, HIGH],
        credit=np.array([credit_of(each.condors, each.trailing_credit_usd) for each in chosen]),
        room=np.where(exposure > 0.0, leaning + star * exposure * 0.01, np.inf),
        held=np.array([_held(each) for each in chosen]),
        days=np.array([horizon(each.condors) for each in chosen]),
    )


def _shares(one: SizingInputs, other: SizingInputs) -> bool:
    """Whether two portfolios may be in one batch; markets are told by identity first, as comparing smiles is dear."""
    return (
        (one.market is other.market or one.market == other.market)
        and (one.candidates is other.candidates or one.candidates == other.candidates)
        and (one.parameters is other.parameters or one.parameters == other.parameters)
        and (one.daily_roll, one.vix_momentum) == (other.daily_roll, other.vix_momentum)
    )


def _is_simple(inputs: SizingInputs) -> bool:
    """Whether the arrays can hold this portfolio."""
    terms = {unit.leg: unit.terms for unit in inputs.candidates}
    plain = all(lot.is_kept and lot.is_tradable and terms.get(lot.unit.leg) == lot.unit.terms for lot in inputs.held)
    return plain and not inputs.financing and inputs.parameters.scope == "strict"


def _held(inputs: SizingInputs) -> list[float]:
    counts = dict.fromkeys(LEGS, 0.0)
    for lot in inputs.held:
        counts[lot.unit.leg] += lot.quantity
    return list(counts.values())


def _to_date(inputs: SizingInputs, table: UnitTable, by_leg: NDArray[np.intp]) -> float:
    """Return the hedge cost so far, dollars, as `exposure.entry_costs` does."""
    if inputs.cost_to_date_usd is not None:
        return inputs.cost_to_date_usd
    total = 0.0
    for lot in inputs.held:
        row, unit = by_leg[LEGS.index(lot.unit.leg)], lot.unit
        if lot.entry_price is None:
            total += lot.quantity * float(table.entry_cost[row])
        else:
            paid = lot.entry_price * unit.multiplier + unit.fee_usd * unit.contracts
            total += lot.quantity * (paid - float(table.mid[row]))
    return net_of_financing(total, earned_by(inputs.financing), inputs.parameters.fin_max)


def _kept(phase: Phase, contracts: Ints, held: Floats) -> Ints:
    if phase in (Phase.MONETISE, Phase.COOLDOWN):
        return held.astype(np.int64)
    return np.zeros_like(contracts) if phase is Phase.OFF else contracts


def _put_alone(answer: BatchSizing, row: int, inputs: SizingInputs) -> None:
    sizing = size(inputs)
    for leg, units in sizing.contracts.items():
        answer.contracts[row, LEGS.index(leg)] = units
    for each in sizing.legs:
        answer.real[row, LEGS.index(each.leg)] = each.real
    answer.target_gain[row], answer.loss_design[row] = sizing.target_gain, sizing.protected_loss_design
    answer.gain_design[row], answer.gain_high[row] = sizing.gain_design, sizing.gain_high
    answer.cap[row], answer.cost[row] = sizing.cap, sizing.cost
    answer.feasibility[row], answer.infeasible_floor[row] = sizing.feasibility, sizing.infeasible_floor


def _empty(count: int) -> BatchSizing:
    return BatchSizing(
        contracts=np.zeros((count, len(LEGS)), dtype=np.int64),
        real=np.zeros((count, len(LEGS))),
        target_gain=np.zeros(count),
        loss_design=np.zeros(count),
        gain_design=np.zeros(count),
        gain_high=np.zeros(count),
        cap=np.zeros(count),
        cost=np.zeros(count),
        feasibility=np.zeros(count),
        infeasible_floor=np.zeros(count, dtype=np.bool_),
    )
