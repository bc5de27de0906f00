"""The condor program: its deltas on real chains, refusals with their reason, and the model where there is no chain."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.chain import ChainTerms, build_chain
from alvh.core.hedge.liquidity import LiquidityRules
from alvh.core.hedge.program import (
    ChosenCondor,
    CondorProgram,
    NoCondor,
    choose_condor,
    is_due,
    model_condor,
    nearest_monthly,
)
from alvh.core.hedge.settlement import Settlement, weekday_before
from alvh.core.hedge.surface import spx_model_smile
from alvh.errors import InputError
from core.hedge.test_chain import needs_chains, real_rows

PROGRAM = CondorProgram()
RULES = LiquidityRules()
STRESS_DAY = date(2022, 6, 10)


@needs_chains
@pytest.mark.parametrize("trading_class", [None, "SPXW", "SPX"])
def test_stress_day_within_two_hundredths_of_its_deltas(trading_class: str | None) -> None:
    chain = build_chain("SPX", real_rows("chain_SPX_2022-06-10.csv"), ChainTerms.of(STRESS_DAY, 3900.8601))
    condor = choose_condor(replace(PROGRAM, trading_class=trading_class), chain, RULES)
    assert isinstance(condor, ChosenCondor)
    assert condor.trading_class == (trading_class or "SPXW")
    assert condor.settlement is (Settlement.AM if trading_class == "SPX" else Settlement.PM)
    assert (condor.expiry, condor.dte) == (date(2022, 7, 15), 35)
    for leg, target in zip(condor.legs, (0.05, 0.20, 0.20, 0.05), strict=True):
        assert abs(abs(leg.delta) - target) <= 0.02
    strikes = [leg.strike for leg in condor.legs]
    assert strikes == sorted(set(strikes))
    touch = condor.short_put.bid + condor.short_call.bid - condor.long_put.ask - condor.long_call.ask
    assert condor.credit == pytest.approx(touch)
    assert 0 < condor.credit < condor.mid
    assert (condor.pricing, condor.executable) == ("quotes", True)


@needs_chains
def test_wide_quotes_of_2013_are_refused_with_the_reason() -> None:
    chain = build_chain("SPX", real_rows("chain_SPX_2013-06-24.csv"), ChainTerms.of(date(2013, 6, 24), 1573.09))
    refused = choose_condor(PROGRAM, chain, RULES)
    assert isinstance(refused, NoCondor)
    assert refused.reason == "liquidity"
    taken = choose_condor(PROGRAM, chain, LiquidityRules(max_rel=0.50))
    assert isinstance(taken, ChosenCondor)
    assert (taken.trading_class, taken.dte) == ("SPX", 53)
    assert isinstance(choose_condor(replace(PROGRAM, trading_class="SPXW"), chain, RULES), NoCondor)


@needs_chains
def test_stale_chains_and_far_expiries_are_refused() -> None:
    chain = build_chain("SPX", real_rows("chain_SPX_2022-06-10.csv"), ChainTerms.of(STRESS_DAY, 3900.8601))
    stale = choose_condor(PROGRAM, chain, RULES, quote_age_s=61.0)
    assert isinstance(stale, NoCondor)
    assert stale.reason == "liquidity"
    far = choose_condor(replace(PROGRAM, dte=400), chain, RULES)
    assert isinstance(far, NoCondor)
    assert far.reason == "no_expiry"


def test_an_empty_chain_is_refused() -> None:
    empty = choose_condor(PROGRAM, build_chain("SPX", [], ChainTerms.of(STRESS_DAY, 3900.0)), RULES)
    assert isinstance(empty, NoCondor)
    assert "none" in empty.detail


def test_coarse_strikes_have_no_delta() -> None:
    rows = [(date(2022, 7, 15), right, 100.0 * k, 50.0, 51.0, 0.2, "SPXW") for right in "CP" for k in (30, 39, 48)]
    found = choose_condor(PROGRAM, build_chain("SPX", rows, ChainTerms.of(STRESS_DAY, 3900.0)), RULES)
    assert isinstance(found, NoCondor)
    assert found.reason == "no_delta"


def test_model_condor_is_priced_at_its_touch_and_never_executable() -> None:
    terms = ChainTerms(session=date(2026, 5, 15), spot=6000.0, rate=0.042, dividend=0.013)
    condor = model_condor(PROGRAM, spx_model_smile(17.2), terms)
    assert isinstance(condor, ChosenCondor)
    assert (condor.pricing, condor.executable, condor.trading_class) == ("model", False, "SPXW")
    assert (condor.expiry, condor.dte) == (date(2026, 6, 19), 35)
    assert condor.credit == pytest.approx(condor.mid - 0.20)
    assert all(leg.strike % 5 == 0 for leg in condor.legs)
    for leg, target in zip(condor.legs, (0.05, 0.20, 0.20, 0.05), strict=True):
        assert abs(abs(leg.delta) - target) <= 0.02


def test_model_says_where_its_wing_ends_and_refuses_where_it_has_none() -> None:
    terms = ChainTerms.of(date(2008, 9, 19), 1255.0)
    tense = model_condor(PROGRAM, spx_model_smile(26.0), terms)
    assert isinstance(tense, ChosenCondor)
    assert tense.notes[0].startswith("long_P_at_delta_")
    assert tense.long_put.mid < tense.short_put.mid
    crisis = model_condor(PROGRAM, spx_model_smile(60.0), terms)
    assert isinstance(crisis, NoCondor)
    assert crisis.reason == "no_delta"


@given(st.floats(650.0, 7000.0), st.floats(9.0, 85.0), st.dates(date(2004, 1, 2), date(2030, 1, 1)))
def test_a_model_condor_is_whole_wherever_there_is_one(spot: float, vix: float, session: date) -> None:
    condor = model_condor(PROGRAM, spx_model_smile(vix), ChainTerms.of(session, spot))
    if isinstance(condor, ChosenCondor):
        strikes = [leg.strike for leg in condor.legs]
        assert strikes == sorted(set(strikes))
        assert 0.0 < condor.credit < max(strikes[1] - strikes[0], strikes[3] - strikes[2])
        assert condor.expiry > session


def test_monthlies_are_walked_one_after_another() -> None:
    session, walked = date(2026, 5, 15), []
    for _ in range(6):
        session = nearest_monthly(session, 35, weekday_before)
        walked.append(session)
    assert walked == [
        date(2026, 6, 19), date(2026, 7, 17), date(2026, 8, 21), date(2026, 9, 18), date(2026, 10, 16),
        date(2026, 11, 20),
    ]  # fmt: skip


def test_due_at_the_close_of_its_expiry() -> None:
    expiry = date(2026, 6, 19)
    assert is_due(None, expiry)
    assert not is_due(expiry, expiry - timedelta(days=1))
    assert is_due(expiry, expiry)


def test_program_from_a_configuration() -> None:
    read = CondorProgram.from_plain(
        {"dte": 35, "short_delta": 0.2, "long_delta": 0.05, "quantity": 4, "roll": "expiry"}
    )
    assert read == PROGRAM
    assert CondorProgram.from_plain({"trading_class": "SPX"}).trading_class == "SPX"


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        ({"dtes": 35}, "dtes"),
        ({"dte": 0}, "dte"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"short_delta": 0.04}, "long_delta < short_delta"),
        ({"trading_class": "XSP"}, "trading_class"),
        ({"roll": "weekly"}, "roll"),
    ],
)
def test_what_is_no_program_is_named(plain: dict[str, object], field: str) -> None:
    with pytest.raises(InputError, match=field):
        CondorProgram.from_plain(plain)
