"""Financing in the desk (3.6): sold when every rule holds, shown in every sum, bought back by its rules, settled."""

from dataclasses import replace
from typing import Any

import pytest

from alvh.core.engine import Engine
from alvh.core.hedge import financing
from alvh.core.hedge.bookkeeping import Marks
from alvh.core.hedge.fin import Check, financing_checks
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.phases import Phase, PhaseState
from core.hedge.quoted_desk import PROGRAM, engine, holdings, market, told

# A small STANDBY: held L3 stays, and what the premium limit leaves must do for purchases worth financing.
LARGE: dict[str, Any] = {
    **PROGRAM, "condor_program": {**PROGRAM["condor_program"], "quantity": 20},
    "methodology": {"phi": {"standby": 0.03}},
}  # fmt: skip
WARM = 104  # closes: RSI may be used after a hundred


@pytest.fixture(scope="module")
def warm() -> tuple[bytes, float]:
    """A hundred quiet closes, then CONFIRMED: what each test goes on from."""
    made, spx = engine(LARGE), 5000.0
    for number in range(WARM):
        spx *= 1.004 if number % 2 else 0.9955
        told(made, market(number, spx, 15.0 + 0.1 * (number % 3), chains=False))
    put_into(made, Phase.CONFIRMED)
    return made.checkpoint(), spx


def put_into(made: Engine, phase: Phase) -> None:
    state = made.portfolios.states[0]
    state.hedge["phase"] = PhaseState(phase=phase, working=phase).as_plain()
    state.phase = str(phase)


def restored(warm: tuple[bytes, float]) -> Engine:
    made = Engine()
    made.restore(warm[0])
    return made


def fallen(warm: tuple[bytes, float]) -> tuple[Engine, dict[str, Any], float]:
    """The fall in which financing is sold: its message, and where SPX stands."""
    made = restored(warm)
    spx = warm[1] * 0.966
    said = told(made, market(WARM, spx, 19.0, chains=False))
    said += told(made, market(WARM + 1, spx, 19.0, chains=False))
    (data,) = [data for data in said if any(part["proposed"] for part in data["financing"])]
    return made, data, spx


def test_it_is_sold_when_every_rule_holds_and_shown_in_every_sum(warm: tuple[bytes, float]) -> None:
    made, data, _ = fallen(warm)
    checks = data["financing_checks"]
    assert len(checks) == 12
    assert all(check["passed"] for check in checks)
    assert data["approvals_required"] == 2
    (part,) = data["financing"]
    assert data["d_f"] < 0.0
    assert data["d_sleeve"] == pytest.approx(data["d_c"] + data["d_h"] + data["d_f"])
    orders = [action for action in data["actions"] if action["leg"] == "FIN"]
    assert [(order["action"], order["side"]) for order in orders] == [("FIN", "BUY"), ("FIN", "SELL")]
    assert orders[1]["depends_on"] == orders[0]["instrument"]
    assert orders[1]["limit_price"] - orders[0]["limit_price"] == pytest.approx(part["credit"])
    even = next(each for each in data["breakevens"] if each["leg"] == "FIN")
    assert even["at_settlement"] == pytest.approx(int(part["short_call"][13:]) / 1000.0 + part["credit"])
    assert "FIN" in [each["leg"] for each in data["protocols"]]
    (lot,) = holdings(made).overlays
    assert (lot.quantity, lot.phase) == (part["n"], "CONFIRMED")
    credit = part["credit"] * 100.0 * part["n"]
    assert holdings(made).financing.cash == pytest.approx(credit - 2.0 * part["n"])
    # Every rule bounds the number that was taken: one more spread breaks at least one of them.
    debit = sum(order["est_cost"] for order in data["actions"] if order["side"] in ("BUY", "SELL")
                and order["action"] == "OPEN")  # fmt: skip
    assert credit <= 0.5 * debit + 1e-6
    assert data["hc_accrual"] >= -1e-9
    assert data["worst_case_hedge"] > part["max_loss"]


def test_it_is_bought_back_at_its_stop_at_its_profit_and_when_the_phase_falls(warm: tuple[bytes, float]) -> None:
    made, _, spx = fallen(warm)
    state = made.checkpoint()
    told(made, market(WARM + 2, spx * 1.045, 16.0, chains=False))
    assert holdings(made).overlays == []
    made.restore(state)
    (data,) = told(made, market(WARM + 2, spx * 0.96, 26.0, chains=False))
    assert "HARVEST" in data["reason_codes"]
    closed = [action for action in data["actions"] if action["leg"] == "FIN" and action["qty"]]
    assert [(action["action"], action["side"]) for action in closed] == [("CLOSE", "BUY"), ("CLOSE", "SELL")]
    assert "50% of credit" in closed[0]["reason"]
    assert holdings(made).overlays == []
    assert holdings(made).financing.lots == ()
    made.restore(state)
    put_into(made, Phase.STANDBY)
    (data,) = told(made, market(WARM + 2, spx, 19.0, chains=False))
    assert "CLOSE: phase<CONFIRMED" in [action["reason"] for action in data["actions"]]
    assert holdings(made).overlays == []


def test_it_settles_with_its_condor(warm: tuple[bytes, float]) -> None:
    made, data, spx = fallen(warm)
    (lot,) = holdings(made).overlays
    (condor,) = data["condors"]
    assert lot.parts[0].expiry.isoformat() == condor["expiry"]
    state = made.portfolios.states[0]
    book = Holdings.from_plain(state.hedge["holdings"])
    book.overlays = [replace(lot, entry_price=-1e-9)]  # neither its profit nor its stop can be reached
    state.hedge["holdings"] = book.as_plain()
    for number in range(WARM + 2, WARM + 30):
        put_into(made, Phase.CONFIRMED)
        told(made, market(number, spx, 19.0, chains=False))
    assert holdings(made).financing.lots == ()
    assert holdings(made).overlays == []


def test_what_financing_earns_pays_half_of_the_cost_at_most_and_its_loss_adds_to_it() -> None:
    class Fixed:
        def __init__(self, gain: float) -> None:
            self.gain = gain

        def gain_of_book(self, marks: object) -> float:  # noqa: ARG002 - a ledger's signature
            return self.gain

        def cost_of_book(self, marks: object) -> float:  # noqa: ARG002 - a ledger's signature
            return max(0.0, -self.gain)

    book, marks = Holdings(), Marks(condors={}, sleeve={})
    for sleeve, earned, cost in ((-100.0, 30.0, 70.0), (-100.0, 80.0, 50.0), (-100.0, -40.0, 140.0), (60.0, 10.0, 0.0)):
        book.sleeve, book.financing = Fixed(sleeve), Fixed(earned)  # type: ignore[assignment]  # what is asked of a ledger
        assert financing.cost_to_date(book, marks, 0.5) == pytest.approx(cost)


def test_no_rule_but_the_failing_one_is_named(warm: tuple[bytes, float], monkeypatch: pytest.MonkeyPatch) -> None:
    def one_fails(*said: Any) -> tuple[Check, ...]:  # noqa: ANN401 - passed on
        checks = financing_checks(*said)
        return (replace(checks[0], passed=False), *checks[1:])

    monkeypatch.setattr("alvh.core.hedge.financing.financing_checks", one_fails)
    made = restored(warm)
    said = told(made, market(WARM, warm[1] * 0.966, 19.0, chains=False))
    said += told(made, market(WARM + 1, warm[1] * 0.966, 19.0, chains=False))
    looked = [data for data in said if data["financing_checks"]]
    assert looked
    assert all(data["financing"] == [] for data in looked)
    assert holdings(made).overlays == []
