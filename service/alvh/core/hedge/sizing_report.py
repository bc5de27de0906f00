"""From a solved hedge to the answer: what it gains, costs, puts at risk and leans to, and what limited it."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from alvh.core.hedge.baseline import baseline
from alvh.core.hedge.book import LEGS, FinancingSpread
from alvh.core.hedge.breakevens import leg_break_evens
from alvh.core.hedge.constraints import Binding, bindings, floor_binding, idle_binding, missing_share, sleeve_binding
from alvh.core.hedge.costs import carry, expected_return, held_to_expiry
from alvh.core.hedge.delta import Deltas
from alvh.core.hedge.exposure import DESIGN, FIXED_SHOCKS, HIGH, LOW, UP_MOVE, Budget, Exposure, accrued
from alvh.core.hedge.guards import Guards
from alvh.core.hedge.mix import Mix
from alvh.core.hedge.outcome import LegSizing, Sizing, SmallCapSizing
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.scenario import condor_values, financing_delta, financing_losses
from alvh.core.hedge.sizing_inputs import SizingInputs
from alvh.core.hedge.slots import SlotPlan, Slots
from alvh.core.hedge.solver import Demand, Solution
from alvh.core.hedge.structural import STRUCTURAL
from alvh.core.hedge.units import UnitBoard, UnitTable

BREAK_EVEN_DAYS: Final = (0.0, 14.0)
"""Days ahead on which a sizing states VIX* (methodology 7: `vix_star_now`, `vix_star_14d`)."""

_FIRST_FIXED: Final = HIGH + 1
_UP_TEST: Final = _FIRST_FIXED + len(FIXED_SHOCKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """One solve: of the condors, or in a split scope of the small caps.

    Attributes:
        covers: `condor` or `small_caps`.
        losses: what it is to offset, dollars per shock.
        cap: its budget before financing, dollars.
        mix: of the phase, with tilts.
        demand: what was asked.
        slots: what was offered.
        solution: what came out.
    """

    covers: str
    losses: Floats
    cap: float
    mix: Mix
    demand: Demand
    slots: Slots
    solution: Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """Everything a report is made of: what was asked, what was priced, what was solved, what should be held by row."""

    inputs: SizingInputs
    exposure: Exposure
    budget: Budget
    board: UnitBoard
    table: UnitTable
    plan: SlotPlan
    guards: Guards
    sleeves: tuple[Sleeve, ...]
    targets: tuple[int, ...]
    idle_sold: tuple[tuple[str, str], ...]

    @property
    def spreads(self) -> tuple[FinancingSpread, ...]:
        """FIN spreads held and offered."""
        return (*self.inputs.financing, *self.inputs.offered)

    @property
    def held(self) -> Floats:
        """Units held by row."""
        return np.array(self.plan.held, dtype=np.float64)

    @property
    def wanted(self) -> Floats:
        """Units that should be held by row."""
        return np.array(self.targets, dtype=np.float64)

    @property
    def losses(self) -> Floats:
        """Losses sized against, dollars per shock of the exposure."""
        return np.asarray(sum(sleeve.losses for sleeve in self.sleeves))

    def gains(self, units: Floats) -> Floats:
        """Return the gain of so many units by row, per shock: held ones from today's mid, others from the touch."""
        kept = np.minimum(units, self.held)
        return np.asarray(kept @ self.table.gain_held + (units - kept) @ self.table.gain)

    def gross_cost(self, units: Floats) -> float:
        """Return HC of so many units by row before financing, dollars."""
        kept = np.minimum(units, self.held)
        return float(kept @ self.table.cost_held + (units - kept) @ self.table.cost)


def report(worked: Worked) -> Sizing:
    """Return the answer."""
    gains, losses = worked.gains(worked.wanted), worked.losses
    gross = worked.gross_cost(worked.wanted)
    offered = sum(accrued(spread, worked.exposure.horizon) for spread in worked.inputs.offered)
    cost = gross - min(worked.budget.financing + offered, worked.inputs.parameters.fin_max * gross)
    leaning = _deltas(worked)
    values: dict[str, Any] = {
        **_target(worked),
        **_money(worked, cost),
        **_risk(worked, gains),
        **_result(worked, gains, losses),
        **_limits(worked, leaning),
        **_returns(worked, cost),
        "legs": _legs(worked),
        "deltas": leaning,
        "greeks": worked.exposure.greeks,
        "small_caps": _small_caps(worked),
        "break_evens": leg_break_evens(
            worked.inputs.market,
            worked.board,
            worked.inputs.parameters.scenario,
            BREAK_EVEN_DAYS,
            # Where more is bought the purchase is what a person decides on.
            held=[0 < held >= target for held, target in zip(worked.plan.held, worked.targets, strict=True)],
            prices=worked.plan.entry_prices,
        ),
        "notes": (*worked.guards.notes, *_kept_notes(worked), *_unsound_smiles(worked)),
    }
    return Sizing(**values)


def _target(worked: Worked) -> dict[str, Any]:
    exposure, first = worked.exposure, worked.sleeves[0]
    return {
        "shock": exposure.shock,
        "losses": _by_shock(exposure.condor_losses),
        "loss_low": float(exposure.condor_losses[LOW]),
        "loss_design": float(exposure.condor_losses[DESIGN]),
        "loss_high": float(exposure.condor_losses[HIGH]),
        "small_cap_loss_design": float(exposure.small_cap_losses[DESIGN]),
        "protected_loss_design": float(worked.losses[DESIGN]),
        "phi": worked.inputs.target.phi,
        "target_gain": float(first.solution.target[0]),
        "ceiling": worked.inputs.target.ceiling,
        "floor": worked.inputs.parameters.floor,
    }


def _money(worked: Worked, cost: float) -> dict[str, Any]:
    exposure, table, units = worked.exposure, worked.table, worked.wanted
    premium, stops = float(units @ table.premium), float(units @ table.stop)
    financing = sum(spread.max_loss_usd for spread in worked.spreads)
    fees = float((units - np.minimum(units, worked.held)) @ worked.board.fees)
    kept = np.minimum(units, worked.held)
    by_row = kept * table.cost_held + (units - kept) * table.cost
    return {
        "horizon": exposure.horizon,
        "credit": exposure.credit_usd,
        "cap": worked.budget.cap,
        "cost_to_date": worked.budget.cost_to_date,
        "cost": cost,
        "cost_ratio": cost / exposure.credit_usd if exposure.credit_usd > 0.0 else 0.0,
        "premium_at_risk": premium,
        "loss_at_stops": stops,
        "worst_case_hedge": premium + stops + fees + financing,
        "book_max_loss": exposure.max_loss_usd + premium + stops + fees + financing,
        "margin_options": sum(c.width * c.dollars_per_point for c in worked.inputs.condors)
        + sum(spread.width_usd for spread in worked.spreads),
        "margin_futures": float(units @ np.where(worked.board.is_futures, table.capital, 0.0)),
        "carry": carry(_capital(worked), by_row, exposure.horizon),
        "carry_per_day": cost / exposure.horizon,
    }


def _capital(worked: Worked) -> Floats:
    """Return the capital tied in each row, dollars: the debit paid where it is known, or to be paid (4.9)."""
    units, table, board = worked.wanted, worked.table, worked.board
    kept = np.minimum(units, worked.held)
    paid = [
        float(table.capital[row]) if price is None or board.is_futures[row] else max(price, 0.0) * unit.multiplier
        for row, (unit, price) in enumerate(zip(worked.plan.units, worked.plan.entry_prices, strict=True))
    ]
    return kept * np.array(paid, dtype=np.float64) + (units - kept) * table.capital


def _risk(worked: Worked, gains: Floats) -> dict[str, Any]:
    parameters, exposure = worked.inputs.parameters, worked.exposure
    up, market = float(gains[_UP_TEST]), worked.inputs.market
    moves = np.array([float(exposure.r_spx[_UP_TEST]), UP_MOVE])
    sold = financing_losses(market, worked.spreads, moves, parameters.up_shock, 0.0)
    linked = up - float(exposure.condor_losses[_UP_TEST]) - float(sold[0])
    return {
        "up_move_loss": exposure.up_move_loss - up + float(sold[1]),
        "up_test": linked,
        "up_test_passed": linked >= -parameters.up_loss_share * exposure.credit_usd,
    }


def _result(worked: Worked, gains: Floats, losses: Floats) -> dict[str, Any]:
    held = _ratio(float(worked.gains(worked.held)[DESIGN]), float(losses[DESIGN]))
    done = _ratio(float(gains[DESIGN]), float(losses[DESIGN]))
    kept = np.minimum(worked.wanted, worked.held)
    each = kept * worked.table.gain_held[:, DESIGN] + (worked.wanted - kept) * worked.table.gain[:, DESIGN]
    weights = np.maximum(each, 0.0)
    days = np.array([unit.days for unit in worked.plan.units])
    by_expiry: dict[float, float] = {}
    for row, at, dollars in worked.board.part_vix_points():
        if worked.targets[row]:
            by_expiry[at] = by_expiry.get(at, 0.0) + worked.targets[row] * dollars
    return {
        "gains": _by_shock(gains),
        "gain_low": float(gains[LOW]),
        "gain_design": float(gains[DESIGN]),
        "gain_high": float(gains[HIGH]),
        "offsets": {
            shock: _ratio(float(gains[_FIRST_FIXED + at]), float(losses[_FIRST_FIXED + at]))
            for at, shock in enumerate(FIXED_SHOCKS)
        },
        "offset_low": _ratio(float(gains[LOW]), float(losses[LOW])),
        "offset_design": done,
        "offset_high": _ratio(float(gains[HIGH]), float(losses[HIGH])),
        "offset_held": held,
        "drift": abs((done or 0.0) - (held or 0.0)),
        "vega_usd": float(worked.wanted @ worked.table.vix_point),
        "vega_by_expiry": tuple(sorted(by_expiry.items())),
        "tenor_centroid": float(weights @ days / weights.sum()) if weights.sum() > 0.0 else None,
    }


def _limits(worked: Worked, leaning: Deltas) -> dict[str, Any]:
    first, inputs = worked.sleeves[0], worked.inputs
    solution, slots = first.solution, first.slots
    whole = solution.contracts.astype(np.float64)
    needed = float(slots.total(solution.wanted, slots.cost)[0])
    budget = float(first.demand.cap[0] + (first.demand.held * slots.refund).sum())
    gain = float(slots.total(whole, slots.gain)[0])
    gain_high = float(slots.total(whole, slots.gain_high)[0])
    floor_applies = inputs.target.phase in FLOOR_PHASES
    found: list[Binding] = []
    for sleeve in worked.sleeves:
        each = bindings(sleeve.slots, sleeve.mix, sleeve.demand, sleeve.solution, worked.guards, inputs.refused)
        prefix = "" if sleeve is first else "small caps: "
        found += [replace(binding, detail=prefix + binding.detail) for binding in each]
    found += [idle_binding(leg, limit) for leg, limit in worked.idle_sold]
    if floor_applies:
        found += floor_binding(gain_high, inputs.parameters.floor, float(worked.exposure.condor_losses[HIGH]))
    found += sleeve_binding(leaning.sleeve_excess, leaning.sleeve_limit)
    tilt = {leg: float(share) for leg, share in zip(LEGS, solution.shares[0], strict=True) if share > 0.0}
    if solution.ladder[0] > 0.0:
        tilt["ladder"] = float(solution.ladder[0])
    return {
        "shortfall": max(0.0, float(solution.target[0]) - gain),
        "residual_unhedged": float(missing_share(first.mix, solution).sum() * solution.target[0]),
        "feasibility": float(solution.feasibility[0]),
        "feasibility_untilted": float(solution.feasibility_untilted[0]),
        "feasibility_target": budget / needed if needed > 0.0 else np.inf,
        "infeasible_floor": floor_applies and bool(solution.feasibility[0] < 1.0),
        "tilt": tilt,
        "bindings": tuple(found),
    }


FLOOR_PHASES: Final = (Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED)
"""Phases in which the floor of 40 % is asked for: the others want less than that by design."""


def _returns(worked: Worked, cost: float) -> dict[str, Any]:
    inputs, exposure = worked.inputs, worked.exposure
    credit = sum(condor.credit_usd for condor in inputs.condors)
    width = credit + exposure.max_loss_usd
    days = max((float(condor.days) for condor in inputs.condors), default=0.0)
    # Where the credit is that of 21 sessions, horizon and cost to date are a month's too, and of many condors: those
    # held bear their own days of it.
    share = min(1.0, days / exposure.horizon) if days and inputs.trailing_credit_usd is not None else 1.0
    spent = share * (cost + worked.budget.cost_to_date)
    left = credit - spent
    gross, net = held_to_expiry(credit, width, days), held_to_expiry(left, width, days)
    expected = None if inputs.rv20 is None else expected_return(inputs.market, inputs.condors, spent, inputs.rv20)
    hurdle = inputs.market.rate + inputs.parameters.hurdle_over_rf
    small = inputs.small_caps
    return {
        "returns": gross,
        "returns_net": net,
        "irr_drag": gross.simple - net.simple,
        "expected": expected,
        "expected_neutral": expected_return(inputs.market, inputs.condors, spent, None),
        "second_engine": expected.simple_net < hurdle if expected else None,
        "baseline": baseline(small, inputs.market.spx, inputs.market.curve, inputs.parameters.scenario, inputs.target.m)
        if small
        else None,
    }


def _legs(worked: Worked) -> tuple[LegSizing, ...]:
    table = worked.table
    real = np.asarray(sum(sleeve.solution.real[0] for sleeve in worked.sleeves))
    rows = [
        LegSizing(
            leg=unit.leg,
            unit=unit,
            held=worked.plan.held[row],
            target=worked.targets[row],
            real=float(real[LEGS.index(unit.leg)]),
            gain=_by_shock(table.gain[row]),
            gain_design=float(table.gain[row, DESIGN]),
            cost=float(table.cost[row]),
            cost_held=float(table.cost_held[row]),
            efficiency=float(table.efficiency[row]),
            spx_pct=float(table.spx_pct[row]),
            vix_point=float(table.vix_point[row]),
            premium=float(table.premium[row]),
            at_risk=float(table.premium[row] + table.stop[row]),
            capital=float(table.capital[row]),
            entry_price=worked.plan.entry_prices[row],
            mid=float(table.mid[row] / unit.multiplier),
        )
        for row, unit in enumerate(worked.plan.units)
    ]
    return tuple(sorted(rows, key=lambda row: LEGS.index(row.leg)))


def _unsound_smiles(worked: Worked) -> tuple[str, ...]:
    """Say which condor the smile gives a worth no condor has: a model's wings admit arbitrage far from the money."""
    condors = worked.inputs.condors
    worth = condor_values(worked.inputs.market, condors, 0.0, 0.0, 0.0)[:, 0] if condors else ()
    return tuple(
        f"smile_unsound: {value:.2f} points for a condor {condor.width:g} wide with {condor.days} days to go"
        for condor, value in zip(condors, worth, strict=True)
        if not -0.005 <= value <= 1.001 * condor.width
    )


def _kept_notes(worked: Worked) -> tuple[str, ...]:
    """Say which L3 stays although the mix would hold less of it (3.1)."""
    if not worked.inputs.target.adds_allowed:
        return ()
    is_around = any(sleeve.solution.is_around[0] for sleeve in worked.sleeves)
    counts = dict.fromkeys(STRUCTURAL, 0)
    for row, unit in enumerate(worked.plan.units):
        stays = min(worked.targets[row], worked.plan.held[row]) if unit.leg in STRUCTURAL else 0
        if stays and (is_around or worked.table.gain[row, DESIGN] <= 0.0):
            counts[unit.leg] += stays
    kept = ", ".join(f"{leg} {count}" for leg, count in counts.items() if count)
    return (f"L3_kept: {kept} held stays, more than the mix would hold",) if kept else ()


def _deltas(worked: Worked) -> Deltas:
    exposure = worked.exposure
    return Deltas(
        condor=exposure.greeks.delta,
        hedge=float(worked.wanted @ worked.table.spx_pct),
        financing=sum(financing_delta(worked.inputs.market, spread) for spread in worked.spreads),
        small_caps=exposure.small_cap_delta,
        sleeve_limit=worked.inputs.parameters.sleeve_max_share * exposure.max_loss_usd,
    )


def _small_caps(worked: Worked) -> SmallCapSizing | None:
    if len(worked.sleeves) == 1:
        return None
    sleeve = worked.sleeves[1]
    solution, slots = sleeve.solution, sleeve.slots
    whole = solution.contracts.astype(np.float64)
    gain, loss = float(slots.total(whole, slots.gain)[0]), float(sleeve.losses[DESIGN])
    return SmallCapSizing(
        budget=sleeve.cap,
        loss_design=loss,
        target_gain=float(solution.target[0]),
        real={leg: float(solution.real[0, at]) for at, leg in enumerate(LEGS) if solution.real[0, at] > 0.0},
        contracts={leg: int(whole[0, at]) for at, leg in enumerate(LEGS) if whole[0, at]},
        gain_design=gain,
        offset_design=_ratio(gain, loss),
        cost=float(slots.true_cost(whole, sleeve.demand.held)[0]),
    )


def _by_shock(values: Floats) -> dict[float, float]:
    return {shock: float(values[_FIRST_FIXED + at]) for at, shock in enumerate(FIXED_SHOCKS)}


def _ratio(gain: float, loss: float) -> float | None:
    return gain / loss if loss > 0.0 else None
