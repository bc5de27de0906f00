"""Answers: how many agree, what may be executed when, what may be amended, and what the target says behind each."""

import json
from dataclasses import replace
from typing import Any

import pytest

from alvh.core.announce import rfc3339
from alvh.core.answers import refusal, status_of
from alvh.core.effects import Publish, Refused
from alvh.core.engine import Engine
from alvh.core.events import Answer
from alvh.core.hedge.phases import Phase
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, holdings, market, told

ASKING: dict[str, Any] = {**PROGRAM, "execution": "answers", "approvals_required": True}
# One condor has room for few contracts; forty have it for amendments of one.
LARGE: dict[str, Any] = {**ASKING, "condor_program": {**PROGRAM["condor_program"], "quantity": 40}}


def started(portfolio: dict[str, Any] = ASKING) -> tuple[Engine, dict[str, Any]]:
    made = engine(portfolio)
    (first,) = told(made, market(0, 5000.0, 15.0))
    return made, first


def say(made: Engine, event_id: str, decision: str, by: str, **more: Any) -> list[Any]:  # noqa: ANN401 - an answer's
    state = made.portfolios.states[0]
    at = SESSIONS[0][2] + 1_000_000_000 * (1 + len(state.answers.get(event_id, ())))
    reason = more.pop("reason", "so decided" if decision in ("amend", "reject") else None)
    return list(
        made.handle(
            Answer(ts_event=at, ts_recv=at, portfolio="core", event_id=event_id, decision=decision, by=by,
                   reason=reason, **more)
        )
    )  # fmt: skip


def refused(effects: list[Any]) -> str:
    (effect,) = effects
    assert isinstance(effect, Refused)
    return effect.detail


def target(effects: list[Any]) -> dict[str, Any]:
    (effect,) = effects
    assert isinstance(effect, Publish)
    assert (effect.kind, effect.retained) == ("target", True)
    said: dict[str, Any] = json.loads(effect.body)
    return said


def status(made: Engine, event_id: str) -> str:
    return status_of(made.portfolios.states[0], event_id)


def test_status_follows_the_answers_and_the_target_says_so() -> None:
    made, first = started()
    event_id = first["event_id"]
    assert first["approvals_required"] == 1
    assert status(made, event_id) == "pending"
    assert "needs 1 approvals" in refused(say(made, event_id, "executed", "anna"))
    said = target(say(made, event_id, "accept", "anna"))
    assert said["sequence"] == event_id.split("-")[1]
    assert said["id"] != event_id
    data = said["data"]
    assert (data["status"], data["event_id"]) == ("approved", event_id)
    assert [(each["user"], each["decision"]) for each in data["approvals"]] == [("anna", "accept")]
    assert made.portfolios.states[0].unanswered == []
    assert {leg["current_quantity"] for leg in made.legs(0)} == {0}
    wanted = {leg["instrument"]: leg["target_quantity"] for leg in made.legs(0)}
    assert wanted == {a["instrument"]: a["qty"] for a in first["actions"] if a["side"] == "BUY"}
    done = target(say(made, event_id, "executed", "anna"))["data"]
    assert done["status"] == "executed"
    assert all(leg["target_quantity"] == leg["current_quantity"] > 0 for leg in done["legs"])
    assert "was executed" in refused(say(made, event_id, "accept", "bert"))


def test_two_approvals_are_two_people() -> None:
    made, first = started()
    event_id, state = first["event_id"], made.portfolios.states[0]
    state.required[event_id] = 2
    say(made, event_id, "accept", "anna")
    assert status(made, event_id) == "pending"
    assert state.unanswered == [event_id]
    assert "has said accept before" in refused(say(made, event_id, "accept", "anna"))
    say(made, event_id, "accept", " Anna ")
    assert status(made, event_id) == "pending"
    assert "needs 2 approvals before it is executed, has 1" in refused(say(made, event_id, "executed", "anna"))
    say(made, event_id, "accept", "bert")
    assert status(made, event_id) == "approved"
    assert state.unanswered == []


def test_a_rejection_needs_a_reason_and_ends_what_is_wanted() -> None:
    made, first = started()
    event_id = first["event_id"]
    assert "reason: expected why" in refused(say(made, event_id, "reject", "anna", reason=" "))
    assert any(leg["target_quantity"] for leg in made.legs(0))
    data = target(say(made, event_id, "reject", "anna"))["data"]
    assert (data["status"], data["legs"]) == ("rejected", [])
    assert made.legs(0) == []
    assert "was rejected" in refused(say(made, event_id, "accept", "bert"))


def test_the_next_adjustment_supersedes_one_that_waits() -> None:
    made, first = started()
    for number in range(1, 12):
        if told(made, market(number, 5000.0, 15.0)):
            break
    assert status(made, first["event_id"]) == "superseded"
    assert "superseded by" in refused(say(made, first["event_id"], "accept", "anna"))


def lapsed(portfolio: dict[str, Any]) -> tuple[Engine, str, list[Any]]:
    """An unanswered proposal, and what the close at its `expires_at` brought."""
    made, first = started(portfolio)
    effects = [effect for event in market(1, 5000.0, 15.0) for effect in made.handle(event)]
    assert first["expires_at"] == rfc3339(SESSIONS[1][2])
    return made, first["event_id"], [effect for effect in effects if isinstance(effect, Publish)]


def test_an_unanswered_proposal_lapses_at_its_expiry_and_the_target_says_so() -> None:
    made, event_id, said = lapsed(ASKING)
    state = made.portfolios.states[0]
    assert (status(made, event_id), state.unanswered) == ("expired", [])
    (again,) = [json.loads(each.body) for each in said if each.kind == "target"]
    assert (again["data"]["status"], again["data"]["event_id"]) == ("expired", event_id)
    assert again["data"]["as_of"] == rfc3339(SESSIONS[1][2])
    assert again["data"]["legs"] == []
    assert made.legs(0) == []
    for decision in ("accept", "amend"):
        more = {"amendments": ({"field": "phi", "new": 0.5},)} if decision == "amend" else {}
        (effect,) = say(made, event_id, decision, "anna", **more)
        assert isinstance(effect, Refused)
        assert (effect.subject, effect.reason) == ("answer", "expired")
        assert "expired at" in effect.detail
    assert "needs 1 approvals" in refused(say(made, event_id, "executed", "anna"))
    assert holdings(made).lots == []
    other = Engine()
    other.restore(made.checkpoint())
    assert status(other, event_id) == "expired"
    assert "expired at" in refused(say(other, event_id, "accept", "anna"))


def test_what_was_executed_can_be_told_behind_the_expiry() -> None:
    made, event_id, _ = lapsed({**ASKING, "approvals_required": False})
    assert status(made, event_id) == "expired"
    data = target(say(made, event_id, "executed", "anna"))["data"]
    assert data["status"] == "executed"
    assert all(leg["target_quantity"] == leg["current_quantity"] > 0 for leg in data["legs"])


def test_what_was_accepted_in_time_does_not_lapse_but_is_amended_no_more() -> None:
    made, first = started()
    event_id = first["event_id"]
    say(made, event_id, "accept", "anna")
    wanted = made.legs(0)
    effects = [effect for event in market(1, 5000.0, 15.0) for effect in made.handle(event)]
    assert not [each for each in effects if isinstance(each, Publish) and each.kind == "target"]
    assert (status(made, event_id), made.legs(0)) == ("approved", wanted)
    amended = say(made, event_id, "amend", "bert", amendments=({"field": "phi", "new": 0.5},))
    assert "expired at" in refused(amended)
    assert "expired at" in refused(say(made, event_id, "accept", "bert"))
    assert target(say(made, event_id, "executed", "anna"))["data"]["status"] == "executed"


def test_too_few_approvals_lapse_as_well_and_can_be_rejected() -> None:
    made, first = started()
    event_id, state = first["event_id"], made.portfolios.states[0]
    state.required[event_id] = 2
    say(made, event_id, "accept", "anna")
    told(made, market(1, 5000.0, 15.0))
    assert status(made, event_id) == "expired"
    assert "expired at" in refused(say(made, event_id, "accept", "bert"))
    assert target(say(made, event_id, "reject", "bert"))["data"]["status"] == "rejected"


def test_on_a_live_feed_the_answers_own_time_decides() -> None:
    made, first = started()
    state, event_id = made.portfolios.states[0], first["event_id"]
    expires = SESSIONS[1][2]
    said = Answer(ts_event=0, ts_recv=0, portfolio="core", event_id=event_id, decision="accept", by="anna")
    assert refusal(state, said, expires) is None
    late = refusal(state, said, expires + 1)
    assert late is not None
    assert late.reason == "expired"
    executed = replace(said, decision="executed")
    not_approved = refusal(state, executed, expires + 1)
    assert not_approved is not None
    assert not_approved.reason == "not_approved"


def test_paper_has_executed_and_nothing_lapses() -> None:
    made, first = started({**PROGRAM, "approvals_required": True})
    told(made, market(1, 5000.0, 15.0))
    assert status(made, first["event_id"]) == "pending"
    assert target(say(made, first["event_id"], "accept", "anna"))["data"]["status"] == "approved"


@pytest.mark.parametrize(
    ("field", "new", "words"),
    [
        ("phi", 0.39, "expected a number from 0.4 to 0.6"), ("phi", 0.61, "from 0.4 to 0.6"),
        ("a", 0.09, "from 0.1 to 0.2"), ("m", 0.86, "from 0.6 to 0.85"), ("roll_days", 22, "from 7 to 21"),
        ("phi", True, "expected a number"), ("phi", "0.5", "expected a number"), ("cap", 1.0, "expected override or"),
        ("override", "S01", "expected one of S34, S39"),
    ],
)  # fmt: skip
def test_amendments_stay_inside_the_seeds_ranges(field: str, new: object, words: str) -> None:
    made, first = started()
    assert words in refused(say(made, first["event_id"], "amend", "anna", amendments=({"field": field, "new": new},)))
    assert made.portfolios.states[0].answers[first["event_id"]] == []


def test_an_amended_share_holds_from_its_approval_until_the_phase_changes() -> None:
    made, first = started()
    say(made, first["event_id"], "amend", "anna", amendments=({"field": "phi", "new": 0.45},))
    later = [data for number in range(1, 12) for data in told(made, market(number, 5000.0, 15.0))]
    assert {data["phi"] for data in later if data["phase_after"] == Phase.STANDBY} == {0.45}


def test_amended_quantities_are_what_is_executed() -> None:
    made, first = started(LARGE)
    event_id = first["event_id"]
    bought = {action["leg"]: action["qty"] for action in first["actions"] if action["side"] == "BUY"}
    leg, quantity = next(iter(bought.items()))
    faults = (
        (leg, -1, "expected whole units"), ("L2", 1, "no proposal of it"), (leg, 0, "would offset"),
        (leg, quantity + 500, "would"),
    )  # fmt: skip
    for named, count, words in faults:
        effects = say(made, event_id, "amend", "anna", amendments=({"leg": named, "quantity": count},))
        assert words in refused(effects)
    data = target(say(made, event_id, "amend", "anna", amendments=({"leg": leg, "quantity": quantity + 1},)))["data"]
    (amended,) = data["amendments"]
    assert (amended["field"], amended["new"]) == (f"{leg}.quantity", quantity + 1)
    assert {each["target_quantity"] for each in data["legs"] if each["leg"] == leg} == {quantity + 1}
    say(made, event_id, "executed", "anna")
    held = {lot.leg: lot.quantity for lot in holdings(made).lots}
    assert held == {**bought, leg: quantity + 1}


def test_an_override_of_a_gate_takes_two_people_and_an_amendment_begins_the_count_anew() -> None:
    made, first = started()
    event_id = first["event_id"]
    say(made, event_id, "accept", "anna")
    assert status(made, event_id) == "approved"
    say(made, event_id, "amend", "bert", amendments=({"field": "override", "new": "S39"},))
    assert made.portfolios.states[0].required[event_id] == 2
    assert status(made, event_id) == "pending"
    say(made, event_id, "accept", "anna")
    assert status(made, event_id) == "approved"


def test_a_share_above_sixty_per_cent_takes_two_approvals() -> None:
    made, first = started(LARGE)
    state, event_id = made.portfolios.states[0], first["event_id"]
    proposal = state.hedge["proposals"][event_id]
    proposal["sized"] |= {"gain": 590.0, "loss": 1_000.0, "cap": 1e9}
    proposal["limits"][4] = 1e9
    leg = proposal["lots"][0][0]
    quantity = proposal["held"].get(leg, 0) + proposal["units"][0] + 1
    say(made, event_id, "amend", "anna", amendments=({"leg": leg, "quantity": quantity},))
    assert (state.required[event_id], status(made, event_id)) == (2, "pending")


def test_what_is_asked_of_answers_survives_a_checkpoint() -> None:
    made, first = started()
    state = made.portfolios.states[0]
    state.required[first["event_id"]] = 2
    other = Engine()
    other.restore(made.checkpoint())
    for each in (made, other):
        say(each, first["event_id"], "accept", "anna")
    assert made.checkpoint() == other.checkpoint()
    assert status(other, first["event_id"]) == "pending"


def test_paper_execution_ahead_of_approvals_is_flagged() -> None:
    _, first = started({**PROGRAM, "approvals_required": True})
    assert "paper_executed_before_approvals:1" in first["notes"]
    _, plain = started(PROGRAM)
    assert not [note for note in plain["notes"] if note.startswith("paper_executed")]
