"""Straight IWM puts beside the hedge, as a message shows them (methodology 6)."""

from datetime import timedelta
from typing import TYPE_CHECKING

from alvh.core.hedge.book import SmallCaps
from alvh.core.hedge.comparison import ComparisonInputs, compare, ladder_bundle
from alvh.core.hedge.iwm_put import model_put
from alvh.core.hedge.outcome import Sizing
from alvh.message_parts import IwmPuts

if TYPE_CHECKING:
    from alvh.core.hedge.desk import Look


def iwm_puts(look: "Look", sizing: Sizing, small: SmallCaps | None) -> IwmPuts | None:
    """Return the comparison under the stress beta; None without small caps, IWM, RVX, or a ladder to compare with."""
    market = look.snapshot.market
    if small is None or market.iwm is None or market.iwm_smile is None or look.question is None:
        return None
    units, weights = ladder_bundle(look.question.inputs.candidates, dict(look.ladder))
    if not units:
        return None
    put = model_put(market)
    found = compare(
        ComparisonInputs(
            market=market, small_caps=small, put=put, units=units, weights=weights, horizon=sizing.horizon,
            design=sizing.shock.design, parameters=look.question.inputs.parameters.scenario,
        )
    )  # fmt: skip
    expiry = look.snapshot.session + timedelta(days=put.days)
    return IwmPuts(
        strike=put.strike,
        expiry=expiry.isoformat(),
        qty_equal_cost=found.puts.equal_cost_units,
        qty_equal_offset=found.puts.equal_offset_units,
        cost=found.puts.cost,
        offset=found.puts.equal_cost_offset,
        e=found.puts.efficiency,
        verdict_text=found.verdict,
    )
