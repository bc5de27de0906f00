"""The financing spread: the worked example that fails by 0.0024 and moves a strike up, and each test of 3.6."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alvh.core.hedge.chain import ChainSlice, ChainTerms
from alvh.core.hedge.fin import FinancingChoice, FinancingSituation, choose_financing, financing_checks
from alvh.core.hedge.liquidity import LiquidityRules
from alvh.core.hedge.model_chain import model_spx_chain
from alvh.core.hedge.phases import Phase
from alvh.core.hedge.surface import QuadraticSmile

SESSION = date(2026, 5, 18)
RULES = LiquidityRules()


def after_the_spike() -> ChainSlice:
    shift = 0.06 * (30 / 35) ** 0.5
    smile = QuadraticSmile(level=0.148 + shift, slope=-0.75, curvature=2.0, floor=0.08 + shift)
    terms = ChainTerms(session=SESSION, spot=5763.650, rate=0.042, dividend=0.013)
    return model_spx_chain([(SESSION + timedelta(days=35), "SPXW")], smile, terms).slices[0]


def test_worked_example_fails_by_24_ten_thousandths_and_goes_a_strike_up() -> None:
    part = after_the_spike()
    short, long = part.calls.index_of(6050.0), part.calls.index_of(6100.0)
    assert short is not None
    assert long is not None
    assert float(part.calls.mid[short] - part.calls.mid[long]) == pytest.approx(10.2848, abs=5e-4)
    assert float(part.calls.delta[short]) == pytest.approx(0.2024, abs=5e-5)
    choice = choose_financing(part, 50.0, RULES, pricing="model")
    assert choice is not None
    assert (choice.short_strike, choice.long_strike) == (6055.0, 6105.0)
    assert choice.short_delta <= 0.20
    assert not financing_checks(replace(choice, short_delta=0.2024), 1, ALLOWED)[3].passed


def test_break_even_and_greatest_loss_of_the_worked_spread() -> None:
    worked = FinancingChoice(
        short_symbol="a", long_symbol="b", short_strike=6050.0, long_strike=6100.0, short_delta=0.2024,
        credit=10.2848 - 0.10, passed=True, reason="model", pricing="model",
    )  # fmt: skip
    assert worked.break_even == pytest.approx(6060.18, abs=0.01)
    assert worked.max_loss_usd == pytest.approx(3_982.0, abs=1.0)


CHOICE = FinancingChoice(
    short_symbol="a", long_symbol="b", short_strike=6055.0, long_strike=6105.0, short_delta=0.1998, credit=10.0,
    passed=True, reason="ok", pricing="quotes",
)  # fmt: skip
ALLOWED = FinancingSituation(
    phase=Phase.CONFIRMED, rolling_up=False, rsi_spx=40.0, spx_below_sma20=True, gross_debit=2_000.0,
    condor_call_loss=15_960.0, condor_credit=4_040.0, up_loss=900.0,
)  # fmt: skip


def failed(at: FinancingSituation, quantity: int = 1, choice: FinancingChoice = CHOICE) -> list[str]:
    return [check.name for check in financing_checks(choice, quantity, at) if not check.passed]


def test_all_pass() -> None:
    assert failed(ALLOWED) == []
    assert failed(replace(ALLOWED, phase=Phase.STAGED, rolling_up=True)) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"phase": Phase.STAGED}, "phase"),
        ({"phase": Phase.INITIAL, "rolling_up": True}, "phase"),
        ({"rsi_spx": 29.9}, "rsi_spx_30_55"),
        ({"rsi_spx": 55.1}, "rsi_spx_30_55"),
        ({"rsi_spx": None}, "rsi_spx_30_55"),
        ({"spx_below_sma20": False}, "spx_below_sma20"),
        ({"spx_below_sma20": None}, "spx_below_sma20"),
        ({"gross_debit": 1_999.0}, "credit_share_of_debit"),
        ({"condor_call_loss": 7_999.0}, "call_side_max_loss"),
        ({"up_loss": 1_010.01}, "up_scenario_loss"),
        ({"release_today": True}, "no_release_today"),
    ],
)
def test_each_test_can_fail(change: dict[str, object], name: str) -> None:
    assert failed(replace(ALLOWED, **change)) == [name]  # type: ignore[arg-type]  # one field of many types at a time


def test_edges_are_allowed() -> None:
    edge = replace(ALLOWED, rsi_spx=30.0, gross_debit=2_000.0, condor_call_loss=8_000.0, up_loss=1_010.0)
    assert failed(edge) == []


def test_no_pair_of_that_width() -> None:
    assert choose_financing(after_the_spike(), 52.5, RULES, pricing="model") is None


def test_stale_quotes_fail_the_gate() -> None:
    choice = choose_financing(after_the_spike(), 50.0, RULES, pricing="quotes", quote_age_s=61.0)
    assert choice is not None
    assert (choice.passed, choice.reason) == (False, "stale")
    assert failed(ALLOWED, choice=replace(CHOICE, passed=False)) == ["liquidity"]
