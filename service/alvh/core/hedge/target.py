"""How large a loss the hedge is sized against: the loss table, the design shock and its band, the target gain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alvh.core.hedge.book import Condor, SmallCaps
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.scenario import (
    HedgeMarket,
    ScenarioParameters,
    condor_losses,
    linked_spx_return,
    small_cap_return,
)

TABLE_SHOCKS: Final = (3.0, 5.0, 6.0, 7.0, 10.0, 20.0)
"""VIX changes of the loss table, points (methodology 4.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRow:
    """One line of the loss table: a VIX change, what goes with it, what the book loses; points and dollars."""

    d_vix: float
    r_spx: float
    spx: float
    condor_loss: float
    small_cap_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignShock:
    """The VIX changes sizing looks at, points: the design point d and the ends of its band, 5/6 d and 7/6 d."""

    low: float
    design: float
    high: float


def design_shock(vix: float, band: Sequence[float] = (5.0, 6.0, 7.0)) -> DesignShock:
    """Return d = max(6, VIX/3) and its band (methodology 4.5).

    Args:
        vix: spot, points.
        band: the shocks of a quiet market, low, design and high, whose ratios the band keeps.
    """
    low, middle, high = band
    design = max(middle, vix / 3.0)
    return DesignShock(low=design * low / middle, design=design, high=design * high / middle)


def loss_table(
    market: HedgeMarket,
    condors: Sequence[Condor],
    small_caps: SmallCaps | None,
    parameters: ScenarioParameters,
    shocks: Sequence[float] = TABLE_SHOCKS,
) -> tuple[LossRow, ...]:
    """Return what the book loses at once in each VIX change with the SPX return linked to it, by full repricing."""
    d = np.asarray(shocks, dtype=np.float64)
    r = linked_spx_return(parameters, market.vix, d)
    condor = condor_losses(market, condors, r, d, 0.0, shift_cap=parameters.shift_cap)
    small = small_cap_losses(small_caps, r)
    return tuple(
        LossRow(
            d_vix=float(d[at]),
            r_spx=float(r[at]),
            spx=float(market.spx * (1.0 + r[at])),
            condor_loss=float(condor[at]),
            small_cap_loss=float(small[at]),
        )
        for at in range(d.size)
    )


def small_cap_losses(small_caps: SmallCaps | None, r_spx: Floats) -> Floats:
    """Return dollars the small caps lose at SPX returns, positive for a loss."""
    if small_caps is None:
        return np.zeros_like(r_spx)
    return np.asarray(-small_cap_return(small_caps, r_spx) * small_caps.exposure)
