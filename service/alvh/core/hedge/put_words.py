"""Straight IWM puts beside the hedge, as a message shows them (methodology 6)."""

from dataclasses import replace
from datetime import timedelta
from math import isfinite

from alvh.core.hedge.book import SmallCaps
from alvh.core.hedge.comparison import Comparison, ComparisonInputs, compare, ladder_bundle
from alvh.core.hedge.iwm_put import PutPricer, model_put
from alvh.core.hedge.look import Look
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.scenario import linked_spx_return, small_cap_return
from alvh.message_parts import IwmPuts


def iwm_puts(look: Look, sizing: Sizing, small: SmallCaps | None) -> IwmPuts | None:
    """Return the comparison under the stress beta; None without small caps, IWM, RVX, or a ladder to compare with."""
    market = look.snapshot.market
    if small is None or market.iwm is None or market.iwm_smile is None or look.question is None:
        return None
    units, weights = ladder_bundle(look.question.inputs.candidates, dict(look.ladder))
    if not units:
        return None
    put = replace(model_put(market), fee_usd=look.fees.option)
    inputs = ComparisonInputs(
        market=market, small_caps=small, put=put, units=units, weights=weights, horizon=sizing.horizon,
        design=sizing.shock.design, parameters=look.question.inputs.parameters.scenario,
    )  # fmt: skip
    found = compare(inputs)
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
        ratio_beta_star=_star_ratio(inputs, found),
    )


def _star_ratio(inputs: ComparisonInputs, found: Comparison) -> float | None:
    """Return e of the puts over that of the ladder under beta*: of the two only the puts' gain depends on the beta."""
    if found.bundle.efficiency <= 0.0:
        return None
    parameters = inputs.parameters
    star = replace(inputs.small_caps, beta_stress=inputs.small_caps.beta_star)
    r = small_cap_return(star, linked_spx_return(parameters, inputs.market.vix, inputs.design))
    pricer = PutPricer(inputs.market, inputs.put, parameters.rvx_elasticity, parameters.shift_cap)
    gain = float(pricer.gains(r, inputs.design, 0.0))
    return gain / found.puts.cost / found.bundle.efficiency


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
