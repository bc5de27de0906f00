"""The reference line of the event: small caps as SPX contracts and as VIX futures (methodology 4.2); never an order."""

from dataclasses import dataclass
from typing import Final

from alvh.core.hedge.book import VX_MULTIPLIER, VXM_MULTIPLIER, SmallCaps
from alvh.core.hedge.curve import VixCurve, vol_beta
from alvh.core.hedge.scenario import ScenarioParameters

_SPX_PER_POINT: Final = 100.0
_XSP_PER_SPX_POINT: Final = 10.0
_ES_PER_POINT: Final = 50.0
_MES_PER_POINT: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a full linear hedge of the small caps would be.

    Attributes:
        spx_notional: beta* E, dollars.
        spx: SPX option contracts; likewise `xsp`, `es`, `mes`.
        vx1_response: rise of the front VIX future on a day SPX falls by one per cent, points.
        vx_full: VX contracts for the whole.
        vx_m: VX contracts times the vega multiplier m.
        vxm_m: the same in VXM.
    """

    spx_notional: float
    spx: float
    xsp: float
    es: float
    mes: float
    vx1_response: float
    vx_full: float
    vx_m: float
    vxm_m: float


def baseline(
    small_caps: SmallCaps, spx: float, curve: VixCurve, parameters: ScenarioParameters, multiplier: float
) -> Baseline:
    """Return the reference contracts; zero futures where the curve has none.

    Args:
        small_caps: what is held.
        spx: points.
        curve: VIX and its futures.
        parameters: the link between SPX and VIX.
        multiplier: m of the phase.
    """
    notional = small_caps.beta_star * small_caps.exposure
    response = 0.0
    if curve.days:
        growth = 1.0 + parameters.vix_pct_per_spx_pct / 100.0
        response = curve.prices[0] * (growth ** float(vol_beta(curve.days[0], curve.beta_30)) - 1.0)
    full = notional * 0.01 / (VX_MULTIPLIER * response) if response > 0.0 else 0.0
    return Baseline(
        spx_notional=notional,
        spx=notional / (_SPX_PER_POINT * spx),
        xsp=notional / (_XSP_PER_SPX_POINT * spx),
        es=notional / (_ES_PER_POINT * spx),
        mes=notional / (_MES_PER_POINT * spx),
        vx1_response=response,
        vx_full=full,
        vx_m=full * multiplier,
        vxm_m=full * multiplier * VX_MULTIPLIER / VXM_MULTIPLIER,
    )
