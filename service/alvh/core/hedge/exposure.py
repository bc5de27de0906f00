"""What a sizing has to answer: losses in every shock, the horizon, the credit and what of it may be spent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alvh.core.hedge.book import Condor, FinancingSpread
from alvh.core.hedge.delta import BookGreeks, book_greeks
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.program import DAILY_PROGRAM_DAYS
from alvh.core.hedge.scenario import HedgeMarket, condor_losses, financing_delta, linked_spx_return
from alvh.core.hedge.sizing_inputs import SizingInputs
from alvh.core.hedge.slots import SlotPlan
from alvh.core.hedge.target import DesignShock, design_shock, small_cap_losses
from alvh.core.hedge.units import UnitTable

DAILY_PROGRAM_HORIZON: Final = 30.0
"""H of a daily program, days; its credit is that of 21 sessions (4.6)."""

VXTH_DAYS: Final = 30.0  # the weights of VXTH are per month

LOW, DESIGN, HIGH = range(3)
"""Places of the design shock and its band among the shocks of a sizing."""

FIXED_SHOCKS: Final = (5.0, 6.0, 7.0, 10.0, 20.0)
"""VIX changes whose gains and offsets every message prints, points (methodology 7)."""

UP_MOVE: Final = 0.03
"""The SPX rise whose loss is printed beside the linked one (methodology 7, "risk first")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The book before any hedge.

    Attributes:
        shock: design shock and band.
        shocks: VIX changes of the arrays below: the band, `FIXED_SHOCKS`, the up-test.
        r_spx: SPX return linked to each.
        condor_losses: dollars, per shock; positive is a loss.
        small_cap_losses: likewise.
        up_move_loss: condor loss with SPX +3 % at the up-test's VIX, dollars.
        horizon: H, calendar days.
        credit_usd: whose share may be spent.
        greeks: of the condors.
        financing_delta: D_f, dollars per +1 % SPX.
        small_cap_delta: D_s.
        max_loss_usd: of the condors at expiry.
    """

    shock: DesignShock
    shocks: tuple[float, ...]
    r_spx: Floats
    condor_losses: Floats
    small_cap_losses: Floats
    up_move_loss: float
    horizon: float
    credit_usd: float
    greeks: BookGreeks
    financing_delta: float
    small_cap_delta: float
    max_loss_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent over the horizon, dollars.

    Attributes:
        cost_to_date: counted against the cap, not negative.
        cap: 40 % of the credit less cost to date, not negative.
        gross_cap: what gross hedge cost may reach once financing is counted.
        financing: FIN credit accrued over the horizon.
        premium_limit: greatest premium at risk.
        small_caps: budget of the small caps in a split scope; 0 in a strict one.
    """

    cost_to_date: float
    cap: float
    gross_cap: float
    financing: float
    premium_limit: float
    small_caps: float


def shocks_of(market: HedgeMarket, inputs: SizingInputs) -> tuple[DesignShock, tuple[float, ...]]:
    """Return the design shock and all VIX changes a sizing looks at."""
    shock = design_shock(market.vix, inputs.parameters.band)
    return shock, (shock.low, shock.design, shock.high, *FIXED_SHOCKS, inputs.parameters.up_shock)


def exposure_of(inputs: SizingInputs) -> Exposure:
    """Return what the book would lose, by full repricing at t = 0."""
    market, parameters = inputs.market, inputs.parameters
    shock, shocks = shocks_of(market, inputs)
    d = np.array(shocks)
    r = linked_spx_return(parameters.scenario, market.vix, d)
    losses = condor_losses(
        market,
        inputs.condors,
        np.append(r, UP_MOVE),
        np.append(d, parameters.up_shock),
        0.0,
        shift_cap=parameters.scenario.shift_cap,
    )
    small = inputs.small_caps
    return Exposure(
        shock=shock,
        shocks=shocks,
        r_spx=r,
        condor_losses=losses[:-1],
        small_cap_losses=small_cap_losses(small, r),
        up_move_loss=float(losses[-1]),
        horizon=horizon(inputs.condors),
        credit_usd=credit_of(inputs.condors, inputs.trailing_credit_usd),
        greeks=book_greeks(market, inputs.condors),
        financing_delta=sum(financing_delta(market, spread) for spread in inputs.financing),
        small_cap_delta=small.beta_star * small.exposure * 0.01 if small else 0.0,
        max_loss_usd=sum(condor.max_loss_usd for condor in inputs.condors),
    )


def budget_of(inputs: SizingInputs, exposure: Exposure, plan: SlotPlan, table: UnitTable) -> Budget:
    """Return what may be spent (methodology 4.6)."""
    parameters = inputs.parameters
    to_date = inputs.cost_to_date_usd
    if to_date is None:
        to_date = net_of_financing(entry_costs(plan, table), earned_by(inputs.financing), parameters.fin_max)
    # A hedge that has made money so far does not raise the cap: 40 % of the credit is a limit, not an average.
    to_date = max(to_date, 0.0)
    whole = parameters.credit_share * exposure.credit_usd
    # Two budgets of a split scope share what is held: each sleeve is charged K at the touch, so only what was spent
    # beyond the entry costs that K contains is taken off what the solver may spend.
    charged = max(to_date - entry_refund(plan, table), 0.0) if parameters.scope == "split" else to_date
    cap, left = max(whole - to_date, 0.0), max(whole - charged, 0.0)
    financing = sum(accrued(spread, exposure.horizon) for spread in inputs.financing)
    gross = left + financing if parameters.fin_max >= 1.0 else min(left + financing, left / (1.0 - parameters.fin_max))
    small = 0.0
    if parameters.scope == "split" and inputs.small_caps is not None:
        weight = parameters.bands.weight(front_price(inputs.market))
        small = inputs.small_cap_share * weight * inputs.small_caps.exposure * exposure.horizon / VXTH_DAYS
    return Budget(
        cost_to_date=to_date,
        cap=cap,
        gross_cap=gross,
        financing=financing,
        premium_limit=parameters.premium_max * exposure.credit_usd,
        small_caps=small,
    )


def horizon(condors: Sequence[Condor]) -> float:
    """Return H: the remaining days of the longest condor, at least one; 30 for daily programs and without condors."""
    if not condors or _is_daily(condors):
        return DAILY_PROGRAM_HORIZON
    return float(max(1, *(condor.days for condor in condors)))


def credit_of(condors: Sequence[Condor], trailing_usd: float | None) -> float:
    """Return the credit whose share may be spent, dollars: of daily programs that of 21 sessions, where it is known."""
    if trailing_usd is not None and (not condors or _is_daily(condors)):
        return trailing_usd
    return sum(condor.credit_usd for condor in condors)


def front_price(market: HedgeMarket) -> float:
    """Return VX1 in points; spot VIX where the curve has no future."""
    return market.curve.prices[0] if market.curve.prices else market.vix


def entry_costs(plan: SlotPlan, table: UnitTable) -> float:
    """Return what the held hedge has cost so far, dollars: entry price less today's mid, and the entry fees.

    Without an entry price today's touch is taken: the leg was just bought.
    """
    total = 0.0
    for row, (unit, held, price) in enumerate(zip(plan.units, plan.held, plan.entry_prices, strict=True)):
        if not held:
            continue
        if price is None:
            total += held * float(table.entry_cost[row])
        else:
            total += held * (price * unit.multiplier - float(table.mid[row]) + unit.fee_usd * unit.contracts)
    return total


def earned_by(spreads: Iterable[FinancingSpread]) -> float:
    """Return what spreads held have earned up to now, dollars."""
    return sum(spread.earned * 100.0 * spread.quantity for spread in spreads)


def net_of_financing(gross: float, earned: float, fin_max: float) -> float:
    """Return a hedge's cost with what FIN has earned: a gain pays a part of it at most, a loss adds to it (4.6)."""
    return gross - (min(earned, fin_max * max(gross, 0.0)) if earned >= 0.0 else earned)


def entry_refund(plan: SlotPlan, table: UnitTable) -> float:
    """Return the entry costs of what is held that K at the touch contains and K of a holding does not, dollars."""
    return float(np.array(plan.held) @ (table.cost - table.cost_held)) if plan.held else 0.0


def _is_daily(condors: Sequence[Condor]) -> bool:
    """Whether all were sold with less than a week to go; one whose entry is not known counts by what remains."""
    return all(
        (condor.days_at_entry if condor.days_at_entry is not None else condor.days) < DAILY_PROGRAM_DAYS
        for condor in condors
    )


def accrued(spread: FinancingSpread, days: float) -> float:
    """Return the credit of spreads that is earned within so many days if nothing moves, dollars."""
    share = min(1.0, days / spread.days) if spread.days > 0 else 1.0
    return max(0.0, spread.credit * 100.0 * spread.quantity * share)
