"""The steward's rules in the desk: growth withheld after a loss, rolls let through, counters that see moves inside."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from alvh.core.hedge import daily
from alvh.core.hedge.discipline import count
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.steward import without_growth
from core.hedge.quoted_desk import PROGRAM, engine, holdings, market, told


def change(leg: str, units: int, held: int = 0) -> Any:  # noqa: ANN401 - what the rule looks at of a change
    from dataclasses import dataclass  # noqa: PLC0415 - a stand-in needs it

    @dataclass(frozen=True)
    class Lot:
        leg: str
        quantity: int
        kind: str = "option"
        multiplier: float = 100.0
        per_unit: float = 1.0

    @dataclass(frozen=True)
    class Change:
        lot: Lot
        units: int
        held: int
        unit: Any
        roll: Any = None

    return Change(lot=Lot(leg, abs(units)), units=units, held=held, unit=SimpleNamespace(terms=leg))


def made_of(kind: str, units: int, per_unit: float, multiplier: float = 100.0) -> Any:  # noqa: ANN401 - as above
    from dataclasses import replace  # noqa: PLC0415 - of the stand-in

    of_leg = change("L1", units)
    return replace(of_leg, lot=replace(of_leg.lot, kind=kind, per_unit=per_unit, multiplier=multiplier))


def test_what_stands_in_for_calls_is_bought_back_for_what_it_stands_for() -> None:
    # Ten calls are four futures of delta 0.4, and four futures ten calls; parts of a contract are not bought.
    for sold, bought, kept in (
        (made_of("option", -10, 1.0), made_of("future", 6, 0.4), 4),
        (made_of("option", -4, 1.0), made_of("future", 6, 0.4), 1),
        (made_of("future", -4, 0.4), made_of("option", 12, 1.0), 10),
        (made_of("future", -3, 0.41), made_of("future", 5, 0.39), 3),
        (made_of("future", -10, 0.4), made_of("future", 2, 0.04, 1000.0), 1),
    ):
        found, _ = without_growth([sold, bought], sizing(L1=10.0))
        assert [each.units for each in found] == [sold.units, kept]


def sizing(**gains: float) -> Any:  # noqa: ANN401 - what the rule looks at of a sizing
    rows = [SimpleNamespace(leg=leg, unit=SimpleNamespace(terms=leg), gain_design=gain) for leg, gain in gains.items()]
    return SimpleNamespace(legs=rows)


def test_growth_is_withheld_and_said_while_rolls_and_sales_go_through() -> None:
    changes = [change("L1", -4, 4), change("L3a", -1, 3), change("L1", 6), change("L2", 2)]
    kept, cut = without_growth(changes, sizing(L1=10.0, L2=5.0))
    assert [(each.lot.leg, each.units) for each in kept] == [("L1", -4), ("L3a", -1), ("L1", 4)]
    assert kept[2].lot.quantity == 4
    assert cut is not None
    assert (cut.constraint, cut.cut_usd) == ("STEWARD", pytest.approx(2 * 10.0 + 2 * 5.0))
    assert without_growth([change("L1", -4, 4)], sizing())[1] is None


def test_a_quiet_loss_withholds_growth_at_the_hard_timer_and_no_drift_is_fired_for_it() -> None:
    made = engine(PROGRAM)
    told(made, market(0, 5000.0, 15.0, chains=False))
    before = {lot.leg: lot.quantity for lot in holdings(made).lots}
    state = made.portfolios.states[0]
    # The target doubles while no signal changes: only the steward stands between.
    said = []
    for number in range(1, 11):
        state.hedge["amended"] = {"phase": "STANDBY", "phi": 0.45}
        states, quiet = state.hedge["states"], number < 10
        said += [(number, data) for data in told(made, market(number, 5000.0, 15.0 - 0.001 * number, chains=False))]
        if state.hedge["states"] == states and quiet:
            assert all(n != number or "TIMER_5" not in data["reason_codes"] for n, data in said)
    hard = [data for _, data in said if "TIMER_10" in data["reason_codes"]]
    cut = [each for data in hard for each in data["binding"] if each["constraint"] == "STEWARD"]
    if hard and cut:
        assert cut[0]["cut"] > 0.0
        assert {lot.leg: lot.quantity for lot in holdings(made).lots} == before
    assert PhaseState.from_plain(state.hedge["phase"]).phase is Phase.STANDBY


def test_what_changes_inside_a_session_counts_at_its_close() -> None:
    hedge: dict[str, Any] = {}
    today = date(2026, 3, 16)
    same: dict[str, Any] = {"offset": 0.2, "phi": 0.5, "session": today}
    count(hedge, adjusted=True, size_change=100.0, is_close=False, **same)
    count(hedge, adjusted=True, size_change=50.0, is_close=False, **same)
    assert hedge["inside"] == [True, 150.0]
    count(hedge, adjusted=False, size_change=0.0, is_close=True, **same)
    assert "inside" not in hedge
    assert (hedge["discipline"]["loyalty_error"], hedge["discipline"]["last_sign"]) == (0, 1)
    count(hedge, adjusted=True, size_change=-10.0, is_close=True, **same)
    assert len(hedge["discipline"]["reversals"]) == 1
    assert hedge["last_change"] == today.isoformat()


def test_a_daily_program_looks_back_on_twenty_one_sessions() -> None:
    made = engine(PROGRAM)
    told(made, market(0, 5000.0, 15.0, chains=False))
    credit = holdings(made).condors[0].condor.credit_usd
    past = made.portfolios.states[0].hedge["daily"]
    assert past[0][0] == pytest.approx(credit)
    for number in range(1, 24):
        told(made, market(number, 5000.0, 15.0, chains=False))
    past = made.portfolios.states[0].hedge["daily"]
    assert len(past) == daily.SESSIONS
    assert sum(row[0] for row in past) in (0.0, pytest.approx(credit), pytest.approx(past[-1][0]))
