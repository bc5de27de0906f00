"""The desk's condors: sides moved, rolled and bought back on the book and its ledger, and new ones held back."""

from datetime import date, timedelta
from typing import Any

import pytest

from alvh.core.events import Answer, Quote
from alvh.core.hedge import condor_desk
from alvh.core.hedge.book import Condor
from alvh.core.hedge.condor_actions import CondorAction
from alvh.core.hedge.condor_moves import CondorMove, Place, apply
from alvh.core.hedge.desk import HedgeDesk
from alvh.core.hedge.holdings import HeldCondor, Holdings
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, holdings, market, told

OPENED = date(2025, 12, 22)
EXPIRY = date(2026, 1, 26)
CONDOR = Condor(
    long_put=5600.0, short_put=5650.0, short_call=6275.0, long_call=6325.0, quantity=4, credit=10.10, days=35,
    expiry=EXPIRY,
)  # fmt: skip
OLD = Place(short=5650.0, long=5600.0, expiry=EXPIRY, trading_class="SPXW")


def book(quantity: int = 4) -> Holdings:
    made = Holdings()
    held = HeldCondor(key="a", condor=CONDOR, opened=OPENED, is_program=False)
    made.condors.append(held)
    for contract, sign in zip(("P5600", "P5650", "C6275", "C6325"), (1, -1, -1, 1), strict=True):
        right, strike = contract[0], float(contract[1:])
        move = CondorMove(key="a", action="", side="put" if right == "P" else "call", quantity=1,
                          old=Place(short=strike, long=0.0, expiry=EXPIRY, trading_class="SPXW"), new=None,
                          prices=(0.0, 0.0), reason="", pricing="model")  # fmt: skip
        made.condor_ledger.trade(move.trades[0][0], sign * quantity, 5.0, fee=0.0, session=OPENED)
    return made


def moved(action: str, quantity: int, new: Place | None, prices: tuple[float, ...]) -> CondorMove:
    return CondorMove(
        key="a", action=action, side="put", quantity=quantity, old=OLD, new=new, prices=prices, reason="why",
        pricing="quotes",
    )  # fmt: skip


def test_a_side_moved_outward_keeps_the_condor_and_pays_its_debit_out_of_the_credit() -> None:
    made = book()
    new = Place(short=5630.0, long=5580.0, expiry=EXPIRY, trading_class="SPXW")
    move = moved("WIDEN", 4, new, (29.3, 25.2, 23.8, 27.4))
    cash = made.condor_ledger.cash
    assert apply(made, move, fee_usd=1.0, session=OPENED) == 4
    (held,) = made.condors
    assert held.key == "a"
    assert (held.condor.short_put, held.condor.long_put, held.condor.short_call) == (5630.0, 5580.0, 6275.0)
    assert held.condor.credit == pytest.approx(10.10 - move.net_debit)
    assert made.condor_ledger.cash - cash == pytest.approx(-move.net_debit * 400.0 - 16.0)
    assert CondorMove.from_plain(move.as_plain()) == move


def test_half_of_a_side_rolled_leaves_three_pieces_whose_credits_add_up() -> None:
    made = book()
    later = Place(short=5650.0, long=5600.0, expiry=EXPIRY + timedelta(days=14), trading_class="SPXW")
    move = moved("ROLL_OUT", 2, later, (29.3, 25.2, 30.0, 35.0))
    apply(made, move, fee_usd=1.0, session=OPENED)
    left, calls, puts = made.condors
    assert (left.key, left.condor.quantity, left.condor.has_puts) == ("a", 2, True)
    assert (calls.condor.quantity, calls.condor.has_puts, calls.condor.has_calls) == (2, False, True)
    assert (puts.expiry, puts.condor.has_puts, puts.condor.has_calls) == (later.expiry, True, False)
    assert {each.origin for each in made.condors} == {"a"}
    assert len({each.key for each in made.condors}) == 3
    assert sum(each.condor.credit_usd for each in made.condors) == pytest.approx(4 * 1010.0 - move.net_debit * 200.0)
    assert puts.condor.break_evens()[1] == float("inf")
    assert puts.condor.max_loss_usd == pytest.approx((50.0 - 5.0) * 200.0)
    assert (
        Holdings.from_plain(made.as_plain()) == made
        or made.as_plain() == Holdings.from_plain(made.as_plain()).as_plain()
    )


def test_a_side_bought_back_is_gone_and_both_leave_nothing() -> None:
    made = book()
    apply(made, moved("DE_RISK", 4, None, (29.3, 25.2)), fee_usd=1.0, session=OPENED)
    (held,) = made.condors
    assert (held.condor.has_puts, held.condor.credit) == (False, pytest.approx(10.10 - 4.1))
    # What is not there any more is not traded twice.
    assert apply(made, moved("DE_RISK", 4, None, (29.3, 25.2)), fee_usd=1.0, session=OPENED) == 0
    calls = CondorMove(
        key="a", action="DE_RISK", side="call", quantity=9, new=None, prices=(14.0, 7.6), reason="", pricing="model",
        old=Place(short=6275.0, long=6325.0, expiry=EXPIRY, trading_class="SPXW"),
    )  # fmt: skip
    assert apply(made, calls, fee_usd=1.0, session=OPENED) == 4
    assert made.condors == []
    assert made.condor_ledger.lots == ()


def sold(quantity: int = 4, **more: Any) -> Any:  # noqa: ANN401 - an engine
    made = engine({**PROGRAM, "condor_program": {**PROGRAM["condor_program"], "quantity": quantity}, **more})
    told(made, market(0, 5000.0, 15.0))
    return made


def due(monkeypatch: pytest.MonkeyPatch, *actions: tuple[str, str | None]) -> None:
    """Let these actions be due: the signals that make them so take months of closes and have tests of their own."""
    found = tuple(CondorAction(action=name, side=side, reason="as told") for name, side in actions)
    monkeypatch.setattr(condor_desk, "due_actions", lambda _: found)


@pytest.mark.parametrize("chains", [True, False])
def test_both_sides_widen_once_at_listed_strikes(monkeypatch: pytest.MonkeyPatch, *, chains: bool) -> None:
    made = sold()
    (before,) = holdings(made).condors
    due(monkeypatch, ("WIDEN", "put"), ("WIDEN", "call"))
    said = [data for number in range(1, 3) for data in told(made, market(number, 4845.0, 17.0, chains=chains))]
    actions = [action for data in said for action in data["actions"] if action["action"] == "WIDEN"]
    moves = [action for action in actions if action["qty"]]
    refusals = [note for data in said for note in data["condor_checks"]]
    assert moves or refusals
    if moves:
        (after,) = holdings(made).condors
        assert after.condor.width == pytest.approx(before.condor.width, abs=1e-9)
        assert after.condor.short_put <= before.condor.short_put
        assert after.condor.short_call >= before.condor.short_call
        assert sum(action["qty"] for action in moves) in (16, 32)
        held = holdings(made).condor_ledger
        assert {action["qty_after"] for action in moves} <= {0, 4, -4}
        assert sum(abs(lot.quantity) for lot in held.lots) == 16


@pytest.mark.parametrize("chains", [True, False])
def test_half_of_the_tested_side_rolls_out_for_a_credit(monkeypatch: pytest.MonkeyPatch, *, chains: bool) -> None:
    made = sold()
    (before,) = holdings(made).condors
    due(monkeypatch, ("ROLL_OUT", "put"))
    (data,) = told(made, market(1, 4845.0, 17.0, chains=chains))
    assert "ROLL" in data["reason_codes"]
    moves = [action for action in data["actions"] if action["action"] == "ROLL_OUT" and action["qty"]]
    assert [(action["side"], action["qty"]) for action in moves] == [("BUY", 2), ("BUY", 2), ("SELL", 2), ("SELL", 2)]
    (package,) = [each for each in data["packages"] if each["legs"][0]["instrument"].startswith("SPX")]
    assert package["net_debit_total"] <= 0.0
    assert all(action["time_window"].endswith("ET") for action in moves)
    pieces = holdings(made).condors
    assert [piece.condor.quantity for piece in pieces] == [2, 2, 2]
    later = next(piece for piece in pieces if piece.expiry > before.expiry)
    assert 7 <= (later.expiry - before.expiry).days <= 21
    assert (later.expiry - SESSIONS[1][0]).days <= 60
    # It is said once while its condition lasts, and the book goes on.
    again = [d for number in range(2, 14) for d in told(made, market(number, 4845.0, 17.0, chains=False))]
    assert not [action for d in again for action in d["actions"] if action["action"] == "ROLL_OUT" and action["qty"]]
    shown = again[-1]["condors"]
    assert any(condor["be_high"] is None for condor in shown)
    assert [condor["expiry"] for condor in shown] == sorted(condor["expiry"] for condor in shown)


def test_the_tested_side_is_bought_back_and_a_way_among_others_is_left_to_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = sold()
    found = (CondorAction(action="DE_RISK", side="put", reason="INFEASIBLE_FLOOR"),)
    monkeypatch.setattr(condor_desk, "due_actions", lambda _: found)
    said = [data for number in range(1, 3) for data in told(made, market(number, 4845.0 - number, 17.0, chains=False))]
    choices = [action for data in said for action in data["actions"] if action["action"] == "DE_RISK"]
    assert choices
    assert all(action["is_choice"] for action in choices)
    assert holdings(made).condors[0].condor.has_puts
    due(monkeypatch, ("DE_RISK", "put"))
    said = [data for number in range(3, 5) for data in told(made, market(number, 4690.0 - number, 17.0, chains=False))]
    done = [action for data in said for action in data["actions"] if action["action"] == "DE_RISK" and action["qty"]]
    assert [action["side"] for action in done] == ["BUY", "SELL"]
    assert done[1]["depends_on"] == done[0]["instrument"]
    (left,) = holdings(made).condors
    assert (left.condor.has_puts, left.condor.has_calls) == (False, True)
    assert len(holdings(made).condor_ledger.lots) == 2


def test_answers_execute_a_condors_move(monkeypatch: pytest.MonkeyPatch) -> None:
    made = sold(execution="answers")
    due(monkeypatch, ("ROLL_OUT", "put"))
    (data,) = told(made, market(1, 4845.0, 17.0))
    assert len(holdings(made).condors) == 1
    at = SESSIONS[1][2] + 1
    made.handle(
        Answer(ts_event=at, ts_recv=at, portfolio="core", event_id=data["event_id"], decision="executed", by="a")
    )
    assert len(holdings(made).condors) == 3
    told(made, market(2, 4845.0, 17.0))
    assert len(holdings(made).condors) == 3


def test_no_new_condor_above_the_users_vix_and_the_hedge_is_kept() -> None:
    made = engine({**PROGRAM, "hold_new_above": 20.0})
    said = [data for number in range(3) for data in told(made, market(number, 5000.0, 25.0))]
    assert holdings(made).condors == []
    assert any(note.startswith("hold_new: VIX 25.00 above 20") for note in said[0]["notes"])
    assert [action["action"] for action in said[0]["actions"] if action["leg"] == "COND"] == ["HOLD_NEW"]
    told(made, market(3, 5000.0, 18.0))
    assert len(holdings(made).condors) == 1


def test_second_engine_holds_a_condor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HedgeDesk, "_second_engine", lambda *_: True)
    made = engine(PROGRAM)
    (first,) = told(made, market(0, 5000.0, 15.0))
    assert "hold_new: second_engine" in first["notes"]
    assert first["condors"] == []


def test_a_move_inside_a_session_sells_nothing_of_a_hedge_that_is_kept() -> None:
    made = engine({**PROGRAM, "hold_new_above": 20.0})
    told(made, market(0, 5000.0, 15.0, chains=False))
    expiry = holdings(made).condors[0].expiry
    last = next(number for number, session in enumerate(SESSIONS) if session[0] >= expiry)
    told(made, market(last, 5000.0, 25.0, chains=False))
    kept = [(lot.symbols, lot.quantity) for lot in holdings(made).lots]
    assert kept
    assert holdings(made).condors == []
    opens = SESSIONS[last + 1][1]
    quotes = [
        Quote(ts_event=opens + seconds * 1_000_000_000, ts_recv=opens + seconds * 1_000_000_000, instrument_id=name,
              last_price=price)
        for seconds in (60, 61, 62)
        for name, price in (("VIX", 25.0), ("SPX", 5200.0 + seconds))
    ]  # fmt: skip
    said = told(made, iter(quotes))
    assert any("MOVE_3" in data["reason_codes"] for data in said)
    assert [(lot.symbols, lot.quantity) for lot in holdings(made).lots] == kept


def test_an_amended_roll_goes_about_as_far_as_people_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made = sold()
    (before,) = holdings(made).condors
    made.portfolios.states[0].hedge["amended"] = {"phase": "STANDBY", "roll_days": 21}
    due(monkeypatch, ("ROLL_OUT", "put"))
    told(made, market(1, 4845.0, 17.0, chains=False))
    later = next(piece for piece in holdings(made).condors if piece.expiry > before.expiry)
    assert 18 <= (later.expiry - before.expiry).days <= 21
