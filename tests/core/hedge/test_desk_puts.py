"""IWM puts in the desk (6.3): bought where they were chosen, inside their budget, rolled, settled, given up again."""

from typing import Any

import pytest
from pydantic import ValidationError

from alvh.core.engine import Engine
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.settings import Portfolio
from core.conditions import configuration
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, holdings, market, told

SPLIT: dict[str, Any] = {"cap": {"scope": "split"}}
PUTS: dict[str, Any] = {
    **PROGRAM, "small_caps": [{"symbol": "IWM", "shares": 4480}], "hedge_instrument": "iwm_put", "methodology": SPLIT,
}  # fmt: skip


def first(**more: Any) -> tuple[Engine, dict[str, Any]]:  # noqa: ANN401 - fields of a portfolio
    made = engine({**PUTS, **more})
    (data,) = told(made, market(0, 5000.0, 16.0, chains=False))
    return made, data


def test_puts_are_bought_for_the_small_caps_and_condors_keep_the_vix_hedge() -> None:
    made, data = first()
    _, plain = first(hedge_instrument="alvh")
    (order,) = [action for action in data["actions"] if action["leg"] == "IWM"]
    assert (order["action"], order["side"]) == ("OPEN", "BUY")
    assert order["instrument"].startswith("IWM ")
    assert order["instrument"][12] == "P"
    part = data["put_hedge"]
    assert part["n"] == order["qty"] > 0
    assert part["cost"] <= part["budget"] + 1e-6
    assert part["gain"] <= part["target_gain"] + 1e-6
    assert part["target_gain"] == pytest.approx(data["phi"] * data["smallcap_loss6"])
    assert part["delta"] < 0.0
    assert data["d_book"] == pytest.approx(data["d_sleeve"] + data["d_s"] + part["delta"])
    assert data["d_book"] >= 0.0
    assert data["executable"] is False
    assert "IWM" in [each["leg"] for each in data["protocols"]]
    # What the small caps' own budget bought of VIX calls, puts now take over.
    vix = [sum(a["qty"] for a in each["actions"] if a["leg"].startswith("L3")) for each in (data, plain)]
    assert 0 < vix[0] < vix[1]
    (lot,) = holdings(made).overlays
    assert holdings(made).puts.cash == pytest.approx(-order["limit_price"] * 100.0 * lot.quantity - lot.quantity)
    assert any(leg["leg"] == "IWM" and leg["current_quantity"] == lot.quantity for leg in made.legs(0))


def test_a_mix_gives_each_half() -> None:
    _, whole = first()
    _, half = first(hedge_instrument="mix")
    _, none = first(hedge_instrument="alvh")
    assert half["put_hedge"]["target_gain"] == pytest.approx(0.5 * whole["put_hedge"]["target_gain"])
    assert half["put_hedge"]["budget"] == pytest.approx(0.5 * whole["put_hedge"]["budget"])
    bought = [sum(a["qty"] for a in each["actions"] if a["leg"].startswith("L3")) for each in (whole, half, none)]
    assert bought == sorted(bought)
    assert none["put_hedge"] is None


def test_inside_a_strict_cap_puts_get_what_the_hedge_leaves() -> None:
    _, data = first(methodology={})
    part = data["put_hedge"]
    assert part["budget"] == pytest.approx(data["cap"] - data["hc_accrual"])
    assert part["cost"] <= part["budget"] + 1e-6
    assert data["premium_at_risk"] <= data["credit"] + 1e-6
    cuts = [each for each in data["binding"] if (each["detail"] or "").startswith("IWM puts")]
    assert part["gain"] >= part["target_gain"] - 500.0 or cuts


def test_they_are_rolled_a_week_before_they_expire_and_sold_when_switched_off() -> None:
    made, data = first()
    symbol = next(action["instrument"] for action in data["actions"] if action["leg"] == "IWM")
    said = [d for number in range(1, 27) for d in told(made, market(number, 5000.0, 16.0, chains=False))]
    rolled = [
        action for d in said for action in d["actions"] if action["instrument"] == symbol and action["side"] == "SELL"
    ]
    assert [action["reason"] for action in rolled] == ["ROLL: dte<=7"]
    assert any("ROLL" in d["reason_codes"] for d in said)
    assert [lot.symbols for lot in holdings(made).overlays] != [(symbol,)]
    state = made.portfolios.states[0]
    state.hedge["phase"] = PhaseState(phase=Phase.STANDBY, working=Phase.STANDBY).as_plain()
    made.handle(configuration([{**PUTS, "enabled": False}]))
    (off,) = told(made, market(27, 5000.0, 16.0, chains=False))
    assert off["phase_after"] == "OFF"
    assert holdings(made).overlays == []
    assert holdings(made).puts.lots == ()


def test_a_put_that_is_left_settles_at_its_payoff() -> None:
    made, _ = first()
    (lot,) = holdings(made).overlays
    cash, expiry = holdings(made).puts.cash, lot.parts[0].expiry
    last = max(number for number, session in enumerate(SESSIONS[:40]) if session[0] <= expiry)
    told(made, market(last, 4000.0, 45.0, chains=False))
    payoff = 100.0 * lot.quantity * ((lot.parts[0].strike or 0.0) - 4000.0 / 27)
    fresh = sum(each.quantity * (100.0 * each.entry_price + 1.0) for each in holdings(made).overlays)
    assert lot.symbols[0] not in {each.symbols[0] for each in holdings(made).overlays}
    assert holdings(made).puts.cash - cash == pytest.approx(payoff - fresh, abs=0.01)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"small_caps": []}, "expected small_caps beside"),
        ({"hedge_small_caps": True}, "expected hedge_small_caps: false"),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Portfolio(**{**PUTS, **more})
