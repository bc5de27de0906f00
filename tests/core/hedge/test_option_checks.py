"""S35, S36, S39, S48: parity on quotes, the forward bound, the clock, the worst case of the library."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import ArrayLike

from alvh.core.hedge.chain import Chain, ChainTerms, Row, build_chain
from alvh.core.hedge.option_checks import bound_signal, parity_signal, stress_signal, timing_signal
from alvh.core.hedge.pricing import Floats
from alvh.core.hedge.scenario import ScenarioParameters, condor_losses
from alvh.core.hedge.stress import StressCase
from alvh.core.sessions import SessionCalendar, et_ns
from core.hedge.worked_example import CONDOR, MARKET, SMALL_CAPS

TODAY = date(2025, 12, 22)
EXPIRY = TODAY + timedelta(days=30)


def vix_chain(call_bid: float, call_ask: float) -> Chain:
    """The parity example of methodology 5, with one call quote of ours."""
    rows: list[Row] = [
        (EXPIRY, "C", 19.0, call_bid, call_ask, None, "VIX"),
        (EXPIRY, "P", 19.0, 2.00, 2.10, None, "VIX"),
    ]
    return build_chain("VIX", rows, ChainTerms(session=TODAY, spot=17.2, futures={EXPIRY: 18.60}))


def test_parity_of_the_worked_example() -> None:
    """Fair -0.1012 / -0.1984 before fees; mispriced +0.1986 / -0.4484."""
    fair = parity_signal(vix_chain(1.65, 1.75), {EXPIRY: (18.55, 18.65)}, 1, fee_usd=0.0)
    assert (fair.state, fair.value) == ("none", pytest.approx(-0.1012, abs=5e-5))
    rich = parity_signal(vix_chain(1.90, 2.00), {EXPIRY: (18.55, 18.60)}, 1, fee_usd=0.0)
    assert (rich.state, rich.value) == ("conversion", pytest.approx(0.1986, abs=5e-5))
    assert dict(rich.parts)["reversal"] == pytest.approx(-0.4484, abs=5e-5)


def test_parity_needs_both_rights_and_the_future() -> None:
    assert parity_signal(None, {}, 1, 1.0).quality == "missing"
    assert parity_signal(vix_chain(1.65, 1.75), {}, 1, 1.0).state == "missing"


def test_the_bound_of_the_worked_example_lies_above_the_future() -> None:
    """30-day 17.2, 60-day 18.9 give 20.459: VX1 at 18.60 is inside."""
    rows: list[Row] = []
    for days, vol in ((30, 0.172), (60, 0.189)):
        for right in ("C", "P"):
            rows += [(TODAY + timedelta(days=days), right, 6000.0, 100.0, 101.0, vol, "SPXW")]
    chain = build_chain("SPX", rows, ChainTerms(session=TODAY, spot=6000.0))
    smiles = tuple((float(part.dte), _Flat(float(part.calls.iv[0]))) for part in chain.slices)
    found = bound_signal(chain, replace(MARKET, expiry_smiles=smiles), 1)
    assert dict(found.parts)["bound"] == pytest.approx(20.459, abs=5e-4)
    assert (found.state, found.value) == ("inside", pytest.approx(18.60 - 20.459, abs=5e-4))


def test_without_expiries_on_both_sides_there_is_no_bound() -> None:
    assert bound_signal(None, MARKET, 1).quality == "missing"


class _Flat:
    def __init__(self, level: float) -> None:
        self._level = level

    def vol(self, x: ArrayLike) -> Floats:
        return np.full(np.shape(x), self._level)


def test_the_clock() -> None:
    opened, closed = et_ns(TODAY, "09:30"), et_ns(TODAY, "16:00")
    calendar = SessionCalendar([(TODAY, opened, closed)])
    for clock, value in (("09:35", 0.0), ("12:00", 1.0), ("15:55", 0.0), ("18:00", 0.0)):
        assert timing_signal(calendar, et_ns(TODAY, clock)).value == value


def test_the_worst_case_of_the_library() -> None:
    """Condors and small caps as the case moved them; what would leave the VIX below 0 is left out."""
    cases = [
        _case("fall", r_spx=-0.10, r_rut=-0.12, d_vix=15.0),
        _case("calm", r_spx=0.01, r_rut=0.01, d_vix=-1.0),
        _case("impossible", r_spx=0.2, r_rut=0.2, d_vix=-40.0),
    ]
    found = stress_signal(cases, MARKET, (CONDOR,), SMALL_CAPS, None, ScenarioParameters(), 1)
    loss = float(condor_losses(MARKET, (CONDOR,), [-0.10], [15.0], [5.0])[0])
    assert (found.state, found.value) == ("fall", pytest.approx(-loss - 12_000.0))
    assert [name for name, _ in found.parts] == ["fall", "calm"]
    assert stress_signal([], MARKET, (CONDOR,), None, None, ScenarioParameters(), 1).quality == "missing"


def _case(name: str, *, r_spx: float, r_rut: float, d_vix: float) -> StressCase:
    return StressCase(
        name=name, r_spx=r_spx, r_rut=r_rut, d_vix=d_vix, days=5, sessions=5, start=None, end=None, source="made up"
    )
