"""The harvest in the desk: half of what has multiplied is sold, cost is repaid first, half of the rest may buy time."""

from typing import Any

import pytest

from alvh.core.engine import Engine
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.phases import Phase, PhaseState
from core.hedge.quoted_desk import PROGRAM, engine, holdings, market, told

LARGE: dict[str, Any] = {**PROGRAM, "small_caps": [], "condor_program": {**PROGRAM["condor_program"], "quantity": 20}}


@pytest.fixture(scope="module")
def held() -> bytes:
    """INITIAL, its ladder bought in a quiet market."""
    made = engine(LARGE)
    told(made, market(0, 5000.0, 15.0, chains=False))
    state = made.portfolios.states[0]
    state.hedge["phase"] = PhaseState(phase=Phase.INITIAL, working=Phase.INITIAL).as_plain()
    told(made, market(1, 4840.0, 16.0, chains=False))
    assert {"L1", "L3a", "L3b"} <= {lot.leg for lot in holdings(made).lots}
    return made.checkpoint()


def harvested(held: bytes, vix: float, spx: float) -> tuple[Engine, Holdings, dict[str, Any]]:
    made = Engine()
    made.restore(held)
    before = holdings(made)
    said = told(made, market(2, spx, vix, chains=False))
    data = next(data for data in said if "HARVEST" in data["reason_codes"])
    assert data["phase_after"] == "MONETISE"
    return made, before, data


def test_half_of_l1_is_sold_and_what_is_left_of_the_proceeds_buys_time(held: bytes) -> None:
    made, before, data = harvested(held, 29.0, 4800.0)
    had = {leg: sum(lot.quantity for lot in before.lots if lot.leg == leg) for leg in ("L1", "L3a", "L3b")}
    has = {leg: sum(lot.quantity for lot in holdings(made).lots if lot.leg == leg) for leg in ("L1", "L3a", "L3b")}
    assert has["L1"] == had["L1"] - max(1, had["L1"] // 2)
    assert all(has[leg] >= had[leg] for leg in ("L3a", "L3b"))
    sold = [action for action in data["actions"] if action["action"] == "HARVEST"]
    assert {action["leg"] for action in sold} <= {"L1", "L1b", "L2"}
    # The sold call is bought back first.
    assert [action["side"] for action in sold if action["leg"] == "L1"] == ["BUY", "SELL"]
    (note,) = [note for note in data["notes"] if note.startswith("harvest: proceeds")]
    proceeds, repays, most = (
        float(word.strip(",")) for word in note.split() if word.strip(",").replace(".", "").isdigit()
    )
    assert most == pytest.approx(0.5 * (proceeds - repays), abs=0.02)
    bought = [action for action in data["actions"] if action["action"] == "OPEN"]
    assert {action["leg"] for action in bought} <= {"L3a", "L3b"}
    assert sum(action["est_cost"] + action["fees"] for action in bought) <= most + 1e-6


def test_above_thirty_only_half_as_many_calls_buy_time(held: bytes) -> None:
    _, _, calm = harvested(held, 29.0, 4800.0)
    made, _, tense = harvested(held, 48.0, 4800.0)
    count = [sum(a["qty"] for a in data["actions"] if a["action"] == "OPEN") for data in (calm, tense)]
    assert all(number >= 0 for number in count)
    assert all(lot.quantity > 0 for lot in holdings(made).lots)


def test_cooldown_adds_nothing(held: bytes) -> None:
    made, _, _ = harvested(held, 29.0, 4800.0)
    before = {lot.symbols: lot.quantity for lot in holdings(made).lots}
    said = told(made, market(3, 4800.0, 28.0, chains=False))
    assert made.portfolios.states[0].phase == "COOLDOWN"
    bought = [action for data in said for action in data["actions"] if action["action"] == "OPEN"]
    assert bought == []
    assert all(lot.quantity <= before[lot.symbols] for lot in holdings(made).lots)
