"""Straight IWM puts beside the hedge, as a message shows them (methodology 6)."""

from dataclasses import replace
from datetime import timedelta
from math import isfinite
from typing import Any

from alvh.core.hedge.book import SmallCaps
from alvh.core.hedge.comparison import (
    GRID_DAYS,
    GRID_RETURNS,
    GRID_SHOCKS,
    Comparison,
    ComparisonInputs,
    Side,
    compare_both_betas,
    ladder_bundle,
)
from alvh.core.hedge.iwm_put import model_put
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.message_parts import ComparisonSide, IwmPuts, PutHedge, ScenarioGrid


def iwm_puts(look: Look, sizing: Sizing, small: SmallCaps | None) -> IwmPuts | None:
    """Return the comparison under both betas; None without small caps, IWM, RVX, or a ladder to compare with."""
    market = look.snapshot.market
    if small is None or market.iwm is None or market.iwm_smile is None or look.question is None:
        return None
    units, weights = ladder_bundle(look.question.inputs.candidates, dict(look.ladder))
    if not units:
        return None
    put = replace(model_put(market), fee_usd=look.fees.option)
    inputs = ComparisonInputs(
        market=market, small_caps=small, put=put, units=units, weights=weights, horizon=sizing.horizon,
        design=sizing.shock.design, parameters=look.question.inputs.parameters.scenario, stress=look.stress,
    )  # fmt: skip
    found, star = compare_both_betas(inputs)
    expiry = look.snapshot.session + timedelta(days=put.days)
    return IwmPuts(
        strike=put.strike,
        expiry=expiry.isoformat(),
        qty_equal_cost=found.puts.equal_cost_units,
        qty_equal_offset=_finite(found.puts.equal_offset_units),
        cost=found.puts.cost,
        offset=found.puts.equal_cost_offset,
        e=found.puts.efficiency,
        verdict_text=found.verdict,
        cost_equal_cost=found.puts.equal_cost_usd,
        cost_equal_offset=_finite(found.puts.equal_offset_usd),
        hedge_units_equal_cost=found.bundle.equal_cost_units,
        hedge_offset_equal_cost=found.bundle.equal_cost_offset,
        hedge_units_equal_offset=_finite(found.bundle.equal_offset_units),
        hedge_cost_equal_offset=_finite(found.bundle.equal_offset_usd),
        hedge_e=found.bundle.efficiency,
        cells=len(found.grid),
        puts_win=found.puts_win,
        ratio_beta_stress=found.ratio,
        ratio_beta_star=star.ratio,
        verdict_text_beta_star=star.verdict,
        european=found.marks.mid,
        american=found.marks.american,
        break_even=found.marks.break_even,
        puts=_side(found.puts),
        hedge=_side(found.bundle),
        sensitivities={f"{beta:g}/{vvix:g}": offset for (beta, vvix), offset in found.sensitivities.items()},
        grid=_grid(found),
    )


def put_fields(look: Look, sizing: Sizing) -> dict[str, Any]:
    """Return the IWM puts chosen by the trader, and the sums of the message that they are part of."""
    plan = look.puts
    if plan is None:
        return {}
    loss = sizing.small_cap_loss_design
    return {
        "put_hedge": PutHedge(
            n_held=plan.held, n=plan.wanted, target_gain=plan.target, gain=plan.gain,
            offset=plan.gain / loss if loss > 0.0 else None, cost=plan.cost, budget=plan.budget, premium=plan.premium,
            delta=plan.delta,
        ),
        "premium_at_risk": sizing.premium_at_risk + plan.premium,
        "worst_case_hedge": sizing.worst_case_hedge + plan.premium,
        "book_max_loss": sizing.book_max_loss + plan.premium,
        "d_book": sizing.deltas.book + plan.delta,
    }  # fmt: skip


def _side(side: Side) -> ComparisonSide:
    return ComparisonSide(
        cost_share=side.equal_cost_share,
        carry={f"{day:g}": dollars for day, dollars in side.carry.items()},
        convexity_10_5=side.convexity[0],
        convexity_20_10=side.convexity[1],
        dispersion_vix=side.dispersion_vix,
        dispersion_spot=side.dispersion_spot,
        half_spread=side.half_spread_usd,
        relative_width=side.relative_width,
        g1=side.grind,
        c1=side.chop,
        stress=dict(side.stress),
    )


def _grid(found: Comparison) -> ScenarioGrid:
    """Return the grid in cents: its cells stand in one row, spot outermost, then VIX, then days."""
    return ScenarioGrid(
        r_iwm=list(GRID_RETURNS),
        d_vix=list(GRID_SHOCKS),
        days=list(GRID_DAYS),
        puts=[round(cell.puts, 2) for cell in found.grid],
        hedge=[round(cell.bundle, 2) for cell in found.grid],
    )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
