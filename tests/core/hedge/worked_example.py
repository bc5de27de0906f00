"""The worked example of methodology 4.10 as inputs: market, condor, small caps, hedge units, phases."""

from typing import Final

from alvh.core.hedge.book import Condor, HedgeLeg, HedgeUnit, SmallCaps, VixCall, VixFuture
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.phase_targets import PhaseTarget, TargetParameters, phase_target
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.scenario import HedgeMarket
from alvh.core.hedge.sizing import Sizing, SizingInputs
from alvh.core.hedge.surface import iwm_model_smile, spx_model_smile

CURVE: Final = VixCurve(
    vix=17.20,
    days=(30.0, 58.0, 86.0, 114.0, 149.0, 177.0, 212.0),
    prices=(18.60, 19.40, 19.90, 20.30, 20.70, 20.95, 21.20),
)

MARKET: Final = HedgeMarket(
    spx=6000.0,
    curve=CURVE,
    rate=0.042,
    dividend=0.013,
    spx_smile=spx_model_smile(17.20),
    iwm=223.20,
    rvx=24.10,
    iwm_dividend=0.012,
    iwm_smile=iwm_model_smile(24.10),
)

CONDOR: Final = Condor(
    long_put=5600.0, short_put=5650.0, short_call=6275.0, long_call=6325.0, quantity=4, credit=10.10, days=35
)
CONDOR_D: Final = Condor(
    long_put=5650.0, short_put=5700.0, short_call=6300.0, long_call=6350.0, quantity=4, credit=9.70, days=35
)
SMALL_CAPS: Final = SmallCaps(exposure=100_000.0, beta_star=1.2321955, beta_stress=1.62)

L1: Final = HedgeUnit(
    leg="L1",
    calls=(
        VixCall(days=30.0, strike=19.0, vol=0.88, bid=1.65, ask=1.75),
        VixCall(days=30.0, strike=29.0, vol=1.12, bid=0.25, ask=0.35, ratio=-1),
    ),
)
L1B: Final = HedgeUnit(leg="L1b", calls=(VixCall(days=30.0, strike=29.0, vol=1.12, bid=0.25, ask=0.35),))
L2: Final = HedgeUnit(
    leg="L2",
    futures=(VixFuture(days=30.0, price=18.60, ratio=1), VixFuture(days=58.0, price=19.40, ratio=-1)),
    slippage=0.02,
)
L3A: Final = HedgeUnit(leg="L3a", calls=(VixCall(days=114.0, strike=22.0, vol=0.66, bid=2.25, ask=2.35),))
L3B: Final = HedgeUnit(leg="L3b", calls=(VixCall(days=212.0, strike=23.0, vol=0.56, bid=2.80, ask=2.90),))
UNITS: Final = (L1, L1B, L2, L3A, L3B)


def target_of(phase: Phase, a: float = 0.0, *, by_bigtop: bool = False) -> PhaseTarget:
    return phase_target(PhaseState(phase=phase, working=phase, by_bigtop=by_bigtop), a, TargetParameters())


VECTOR_A: Final = SizingInputs(
    market=MARKET,
    condors=(CONDOR,),
    small_caps=SMALL_CAPS,
    candidates=UNITS,
    target=target_of(Phase.INITIAL),
)


def held_after(sizing: Sizing) -> tuple[HedgeLeg, ...]:
    """What is held once a sizing's answer is done."""
    return tuple(HedgeLeg(unit=row.unit, quantity=row.target) for row in sizing.legs if row.target)
