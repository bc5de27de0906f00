"""A batch of portfolios gets what each of them gets alone."""

from dataclasses import replace

import numpy as np
import pytest

from alvh.core.hedge.batch import size_many
from alvh.core.hedge.book import LEGS, EtpShare, FinancingSpread, HedgeLeg, HedgeUnit, SmallCaps, VixFuture
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.sizing import SizingInputs, SizingParameters, size
from core.hedge.worked_example import CONDOR, CONDOR_D, L1, L3A, L3B, UNITS, VECTOR_A, held_after, target_of


def portfolios(count: int) -> list[SizingInputs]:
    rng = np.random.default_rng(11)
    found = []
    for row in range(count):
        lower, upper = float(rng.integers(1060, 1150) * 5), float(rng.integers(1240, 1280) * 5)
        condors = tuple(
            replace(
                CONDOR,
                long_put=lower - 50,
                short_put=lower,
                short_call=upper,
                long_call=upper + 50,
                quantity=int(rng.integers(1, 40)),
                credit=float(rng.uniform(3, 16)),
                days=int(rng.choice([3, 21, 35])),
            )
            for _ in range(int(rng.integers(0, 3)))
        )
        held = tuple(HedgeLeg(unit=unit, quantity=int(rng.integers(0, 9))) for unit in UNITS) if row % 3 else ()
        priced = tuple(replace(lot, entry_price=1.0) if row % 2 else lot for lot in held)
        found.append(
            replace(
                VECTOR_A,
                condors=condors,
                held=priced,
                small_caps=SmallCaps(exposure=float(rng.uniform(0, 2e6)), beta_star=1.2, beta_stress=1.6)
                if row % 5
                else None,
                target=target_of(list(Phase)[row % 7], float(rng.choice([0.0, 0.1]))),
                covers_small_caps=bool(row % 4 == 0),
                cost_to_date_usd=None if row % 3 else 100.0,
            )
        )
    aged = replace(L3A, calls=tuple(replace(call, days=100.0) for call in L3A.calls))
    return [
        *found,
        replace(VECTOR_A, held=(HedgeLeg(unit=aged, quantity=3),)),
        replace(VECTOR_A, financing=(FinancingSpread(short_call=6300, long_call=6350, quantity=2, credit=9, days=35),)),
        replace(VECTOR_A, held=(HedgeLeg(unit=L1, quantity=3, is_tradable=False),)),
    ]


STAND_INS = (
    HedgeUnit(leg="L1", futures=(VixFuture(days=30.0, price=18.60, ratio=1, bid=18.58, ask=18.62),), per_unit=0.40),
    HedgeUnit(
        leg="L3a", shares=(EtpShare(symbol="VIXY", bid=39.98, ask=40.02),), multiplier=1.0, fee_usd=0.005, per_unit=12.0
    ),
    L3B,
)


@pytest.mark.parametrize("candidates", [UNITS, STAND_INS], ids=["calls", "stand-ins"])
def test_a_batch_equals_one_by_one(candidates: tuple[HedgeUnit, ...]) -> None:
    asked = [replace(inputs, candidates=candidates) for inputs in portfolios(60)]
    batch = size_many(asked)
    for row, inputs in enumerate(asked):
        alone = size(inputs)
        assert batch.contracts[row].tolist() == [alone.contracts.get(leg, 0) for leg in LEGS]
        assert batch.target_gain[row] == pytest.approx(alone.target_gain)
        assert batch.loss_design[row] == pytest.approx(alone.protected_loss_design)
        assert batch.gain_design[row] == pytest.approx(alone.gain_design)
        assert batch.gain_high[row] == pytest.approx(alone.gain_high)
        assert (batch.cap[row], batch.cost[row]) == pytest.approx((alone.cap, alone.cost))
        assert batch.feasibility[row] == pytest.approx(alone.feasibility)
        assert batch.infeasible_floor[row] == alone.infeasible_floor
        reals = {leg.leg: leg.real for leg in alone.legs}
        assert batch.real[row] == pytest.approx([reals.get(leg, 0.0) for leg in LEGS])


def test_worked_vectors_in_a_batch() -> None:
    confirmed = replace(VECTOR_A, target=target_of(Phase.CONFIRMED, 0.15))
    batch = size_many([VECTOR_A, confirmed, replace(VECTOR_A, condors=(CONDOR_D,))])
    assert batch.contracts[:2].tolist() == [[6, 0, 0, 6, 3], [4, 6, 4, 4, 3]]
    assert batch.feasibility == pytest.approx([1.2289, 1.3416, 1.0037], abs=5.1e-5)
    again = size_many([replace(VECTOR_A, held=held_after(size(VECTOR_A)))])
    assert again.contracts[0].tolist() == [6, 0, 0, 6, 3]


def test_only_what_shares_a_market_is_a_batch() -> None:
    with pytest.raises(ValueError, match="shares one market"):
        size_many([VECTOR_A, replace(VECTOR_A, parameters=SizingParameters(floor=0.3))])
    with pytest.raises(ValueError, match="no portfolio"):
        size_many([])
