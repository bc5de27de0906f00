"""Condor actions: which are due together, the defence line, and wings moved on a chain with their checks."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alvh.core.hedge.book import Condor
from alvh.core.hedge.chain import Chain, ChainTerms
from alvh.core.hedge.condor_actions import (
    CondorSituation,
    DefenceLine,
    RollOutRules,
    defence_line,
    due_actions,
    roll_out,
    stays_tight,
    widen,
)
from alvh.core.hedge.model_chain import model_spx_chain
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.surface import spx_model_smile

SESSION = date(2026, 5, 18)
EXPIRY = SESSION + timedelta(days=35)
CONDOR = Condor(
    long_put=5600.0, short_put=5650.0, short_call=6275.0, long_call=6325.0, quantity=4, credit=10.10, days=35,
    expiry=EXPIRY,
)  # fmt: skip
EDR = 6000 * 0.172 / 252**0.5
SAFE = DefenceLine(proximity=4.0, side="put", threshold=1.0)
INSIDE = DefenceLine(proximity=0.9, side="put", threshold=1.0)
BASE = CondorSituation(phase=Phase.STAGED, line=SAFE)
WEAK = replace(BASE, weak_print=True, average_broken=True)


def chain(*later: int, spot: float = 6000.0) -> Chain:
    terms = ChainTerms(session=SESSION, spot=spot)
    return model_spx_chain(
        [(EXPIRY + timedelta(days=days), "SPXW") for days in (0, *later)], spx_model_smile(17.2), terms
    )


def names(at: CondorSituation) -> list[tuple[str, str | None]]:
    return [(action.action, action.side) for action in due_actions(at)]


def test_defence_line_of_the_worked_condor() -> None:
    line = defence_line(CONDOR, 5750.0, EDR, tight=False)
    assert (line.side, line.crossed) == ("put", False)
    assert line.proximity == pytest.approx((5750.0 - 5639.90) / EDR)
    assert defence_line(CONDOR, 5700.0, EDR, tight=False).crossed
    assert defence_line(CONDOR, 5720.0, EDR, tight=True).crossed
    assert not defence_line(CONDOR, 5720.0, EDR, tight=False).crossed
    assert defence_line(CONDOR, 6250.0, EDR, tight=False).side == "call"
    assert defence_line(CONDOR, 5600.0, EDR, tight=False).proximity < 0


def test_equality_is_not_inside() -> None:
    assert not replace(SAFE, proximity=1.0).crossed


def test_widen_needs_both_signals_and_distance() -> None:
    both = replace(BASE, ivx_on=True, pcf_contracts=True)
    assert names(both) == [("WIDEN", "put"), ("WIDEN", "call")]
    assert names(replace(both, pcf_contracts=False)) == []
    assert names(replace(both, line=INSIDE)) == []


def test_roll_out_wins_on_the_tested_side() -> None:
    everything = replace(WEAK, ivx_on=True, pcf_contracts=True)
    assert names(everything) == [("WIDEN", "call"), ("ROLL_OUT", "put"), ("TIGHTEN", None)]


@pytest.mark.parametrize(("phase", "rolls"), [(Phase.INITIAL, False), (Phase.STAGED, True), (Phase.CONFIRMED, True)])
def test_roll_out_from_staged_on(phase: Phase, *, rolls: bool) -> None:
    assert (("ROLL_OUT", "put") in names(replace(WEAK, phase=phase))) is rolls


def test_tighten_needs_a_falling_valuation_and_comes_once() -> None:
    assert names(WEAK) == [("ROLL_OUT", "put")]
    assert ("TIGHTEN", None) in names(replace(WEAK, pe_compresses=True))
    assert ("TIGHTEN", None) not in names(replace(WEAK, pe_compresses=True, tight=True))


def test_tight_until_initial() -> None:
    begun = due_actions(replace(WEAK, pe_compresses=True))
    assert stays_tight(tight=False, phase=Phase.STAGED, actions=begun)
    assert stays_tight(tight=True, phase=Phase.CONFIRMED, actions=())
    assert not stays_tight(tight=True, phase=Phase.INITIAL, actions=())
    assert not stays_tight(tight=False, phase=Phase.STAGED, actions=())


def test_de_risk_and_hold_new() -> None:
    assert names(replace(BASE, infeasible_floor=True)) == [("DE_RISK", "put")]
    assert names(replace(BASE, line=INSIDE)) == []
    assert names(replace(BASE, phase=Phase.CONFIRMED, line=INSIDE)) == [("DE_RISK", "put")]
    assert names(replace(BASE, second_engine=True)) == [("HOLD_NEW", None)]
    assert names(replace(BASE, hold_new=True)) == [("HOLD_NEW", None)]


def test_widen_moves_out_by_a_quarter_of_the_range_and_keeps_the_width() -> None:
    part = chain().slices[0]
    move = widen(CONDOR, "put", part, spx=6000.0, edr_points=EDR, sleeve_delta=-822.57, delta_limit=957.6)
    assert move is not None
    assert (move.short_strike, move.long_strike) == (5630.0, 5580.0)  # 5650 - 16.25 and down to the grid
    assert move.net_credit < 0
    assert -move.net_credit == pytest.approx(move.checks[0].value)
    far = widen(CONDOR, "call", part, spx=6000.0, edr_points=EDR, sleeve_delta=-822.57, delta_limit=957.6)
    assert far is not None
    assert (far.short_strike, far.long_strike) == (6295.0, 6345.0)
    # A short put spread is long delta: moving it out takes delta away; a call spread's move gives some back.
    assert move.checks[1].value < -822.57 < far.checks[1].value  # type: ignore[operator]  # both are measured


def test_widen_is_at_least_one_strike_and_checks_the_band() -> None:
    part = chain().slices[0]
    near = widen(CONDOR, "put", part, spx=6000.0, edr_points=1.0, sleeve_delta=-822.57, delta_limit=957.6)
    assert near is not None
    assert near.short_strike == 5645.0
    tight = widen(CONDOR, "put", part, spx=6000.0, edr_points=EDR, sleeve_delta=-822.57, delta_limit=830.0)
    assert tight is not None
    assert [check.name for check in tight.checks if not check.passed][-1] == "delta_band"


def test_widen_without_quotes_is_none() -> None:
    odd = replace(CONDOR, short_put=5652.5)
    part = chain().slices[0]
    assert widen(odd, "put", part, spx=6000.0, edr_points=EDR, sleeve_delta=0.0, delta_limit=1.0) is None


def test_roll_out_takes_half_to_the_best_expiry_for_a_credit() -> None:
    move = roll_out(CONDOR, "put", chain(7, 14, 21, 28), RollOutRules())
    assert move is not None
    assert move.quantity == 2
    assert 7 <= (move.expiry - EXPIRY).days <= 21
    assert (move.short_strike, move.long_strike) == (5650.0, 5600.0)
    assert move.checks[0].value == move.net_credit
    assert move.checks[1].passed


def test_roll_out_avoids_releases_and_too_far_expiries() -> None:
    full = chain(7, 14, 21)
    best = roll_out(CONDOR, "put", full, RollOutRules())
    assert best is not None
    other = roll_out(CONDOR, "put", full, RollOutRules(), releases={best.expiry})
    assert other is not None
    assert other.expiry != best.expiry
    assert roll_out(CONDOR, "put", chain(22, 28), RollOutRules()) is None
    late = replace(CONDOR, expiry=EXPIRY + timedelta(days=7))
    beyond = roll_out(late, "put", chain(7, 28), RollOutRules())
    assert beyond is not None
    assert not beyond.passed, "63 days are more than 60"


def test_one_condor_has_no_half() -> None:
    assert roll_out(replace(CONDOR, quantity=1), "put", chain(14), RollOutRules()) is None


def test_rules_from_the_configuration() -> None:
    assert RollOutRules.from_methodology({"roll_out": {"max": 28, "share": 0.25}}) == RollOutRules(most=28, share=0.25)
