"""ROLL_UP in the desk: the long call goes up for a credit, the sold one stays, paper and answers book the same."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from alvh.core.engine import Engine
from alvh.core.events import Answer, Observation
from alvh.core.hedge import rolling_up
from alvh.core.hedge.holdings import Holdings, Lot, LotPart
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.rolling_up import long_roll
from alvh.core.hedge.sizing_desk import LongRoll
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.hedge.symbols import occ_symbol
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, holdings, market, told

# A small hedge, so that no limit turns it to other legs than the ladder's and none takes L1 away.
LARGE: dict[str, Any] = {
    **PROGRAM, "small_caps": [], "condor_program": {**PROGRAM["condor_program"], "quantity": 20},
    "methodology": {"phi": {"standby": 0.03, "initial": 0.10, "floor7": 0.05}},
}  # fmt: skip
AT = 12  # of SESSIONS: L1 of 2024-02-14 has 28 days left, inside its window


def bought(portfolio: dict[str, Any], *, chains: bool) -> Engine:
    """INITIAL, its ladder held."""
    made = engine(portfolio)
    for number, spx, vix in ((0, 5000.0, 15.0), (1, 4840.0, 16.0)):
        if number:
            state = made.portfolios.states[0]
            state.hedge["phase"] = PhaseState(phase=Phase.INITIAL, working=Phase.INITIAL).as_plain()
        (data,) = told(made, market(number, spx, vix, chains=chains))
        if portfolio.get("execution") == "answers":
            say(made, data["event_id"], "accept", number)
            say(made, data["event_id"], "executed", number)
    return made


def say(made: Engine, event_id: str, decision: str, session: int, fills: tuple[dict[str, Any], ...] = ()) -> None:
    at = SESSIONS[session][2] + 1_000_000_000
    made.handle(
        Answer(ts_event=at, ts_recv=at, portfolio="core", event_id=event_id, decision=decision, by="anna", reason=None,
               fills=fills)
    )  # fmt: skip


def risen(
    made: Engine, vix: float = 23.0, *, hot: bool = True, chains: bool = False, width: float = 1.0
) -> dict[str, Any]:
    at = SESSIONS[AT][2]
    if hot:
        made.handle(Observation(ts_event=at, ts_recv=at, series="CPI_SURPRISE_Z", observed=SESSIONS[AT][0], value=1.5))
    (data,) = told(made, market(AT, 4800.0, vix, chains=chains, width=width))
    return data


def l1(made: Engine) -> list[Lot]:
    return [lot for lot in holdings(made).lots if lot.leg == "L1"]


def reconciles(held: Holdings) -> bool:
    """Whether the sleeve's ledger holds what its lots are made of."""
    lots: Counter[str] = Counter()
    for lot in held.lots:
        for part in lot.parts:
            lots[part.symbol] += part.ratio * lot.quantity
    booked: Counter[str] = Counter()
    for entry in held.sleeve.lots:
        booked[entry.contract.symbol] += entry.quantity
    return {name: count for name, count in lots.items() if count} == {
        name: count for name, count in booked.items() if count
    }


@pytest.fixture(scope="module")
def modelled() -> bytes:
    return bought(LARGE, chains=False).checkpoint()


def restored(state: bytes) -> Engine:
    made = Engine()
    made.restore(state)
    return made


def test_the_long_call_is_rolled_and_the_sold_one_stays(modelled: bytes) -> None:
    made = restored(modelled)
    (before,) = l1(made)
    cash = holdings(made).sleeve.cash
    data = risen(made)
    assert "ROLL" in data["reason_codes"]
    assert data["phase_after"] == "INITIAL"
    buy, sell = [action for action in data["actions"] if action["action"] == "ROLL_UP"]
    assert (buy["side"], sell["side"], sell["depends_on"]) == ("BUY", "SELL", buy["instrument"])
    assert sell["instrument"] == before.parts[0].symbol
    assert (buy["qty_before"], buy["qty_after"]) == (0, buy["qty"])
    assert (sell["qty_before"], sell["qty_after"]) == (buy["qty"], 0)
    assert buy["delta"] == pytest.approx(0.5, abs=0.06)
    assert sell["delta"] >= 0.75
    credit = sell["limit_price"] - buy["limit_price"]
    assert credit == pytest.approx(sell["mid"] - buy["mid"] - 0.10)
    assert f"credit {credit:.4f} per contract" in buy["reason"]
    assert any(line.startswith(f"Roll up {buy['qty']} L1") for line in data["text"].splitlines())
    (package,) = [each for each in data["packages"] if buy["instrument"] in {leg["instrument"] for leg in each["legs"]}]
    assert [leg["ratio"] for leg in package["legs"]] == [1, -1]
    assert package["net_limit"] == pytest.approx(-credit)
    # What is held: as many spreads as the target asks for, each with its old sold call.
    (lot,) = l1(made)
    assert lot.parts[1] == before.parts[1]
    assert (lot.parts[0].symbol, lot.quantity, lot.armed) == (buy["instrument"], buy["qty"], True)
    assert lot.opened == SESSIONS[AT][0]
    assert lot.parts[0].strike < lot.parts[1].strike  # type: ignore[operator]
    rest = [action for action in data["actions"] if action["leg"] == "L1" and action["action"] == "CLOSE"]
    assert before.quantity - lot.quantity == (rest[0]["qty"] if rest else 0)
    kept = [a for a in data["actions"] if a["action"] == "HOLD" and a["instrument"] == before.parts[1].symbol]
    assert [(action["qty_before"], action["qty_after"]) for action in kept] == [(-lot.quantity, -lot.quantity)]
    assert reconciles(holdings(made))
    traded = sum(
        (-1 if action["side"] == "BUY" else 1) * action["qty"] * action["limit_price"] * 100.0 - action["fees"]
        for action in data["actions"]
        if action["qty"] and action["leg"] in ("L1", "L1b", "L3a", "L3b")
    )
    futures = sum(action["fees"] for action in data["actions"] if action["leg"] == "L2")
    closed_l2 = any(action["leg"] == "L2" and action["qty"] for action in data["actions"])
    assert closed_l2 or holdings(made).sleeve.cash - cash == pytest.approx(traded - futures)
    assert all(leg["target_quantity"] == leg["current_quantity"] for leg in made.legs(0))
    assert {leg["instrument"] for leg in made.legs(0)} >= {part.symbol for part in lot.parts}


def test_without_its_condition_a_long_delta_is_noted_and_nothing_moves(modelled: bytes) -> None:
    made = restored(modelled)
    (before,) = l1(made)
    data = risen(made, hot=False)
    assert data["phase_after"] == "INITIAL"
    assert [note for note in data["notes"] if note.startswith("L1_delta>=0.75:")]
    assert not [action for action in data["actions"] if action["action"] in ("ROLL_UP", "HARVEST")]
    assert {lot.parts for lot in l1(made)} <= {before.parts}


def test_answers_book_the_roll_at_what_it_was_filled_at() -> None:
    asking = {**LARGE, "execution": "answers"}
    made = bought(asking, chains=False)
    (before,) = l1(made)
    data = risen(made)
    buy, sell = [action for action in data["actions"] if action["action"] == "ROLL_UP"]
    assert l1(made) == [before]
    plain = restored(made.checkpoint())
    say(plain, data["event_id"], "accept", AT)
    say(plain, data["event_id"], "executed", AT)
    (lot,) = l1(plain)
    assert (lot.parts[0].symbol, lot.parts[1], lot.quantity) == (buy["instrument"], before.parts[1], buy["qty"])
    assert reconciles(holdings(plain))
    # Three of them only, at other prices: the others stay as they are.
    cash = holdings(made).sleeve.cash
    fills = (
        {"symbol": buy["instrument"], "quantity": 3, "price": 2.00, "fee": 1.5},
        {"symbol": sell["instrument"], "quantity": 3, "price": 4.00, "fee": 1.5},
    )
    say(made, data["event_id"], "accept", AT)
    say(made, data["event_id"], "executed", AT, fills)
    sizes = {lot.parts[0].symbol: lot.quantity for lot in l1(made)}
    assert sizes == {buy["instrument"]: 3, sell["instrument"]: before.quantity - 3}
    assert reconciles(holdings(made))
    assert holdings(made).sleeve.cash - cash == pytest.approx(3 * 200.0 - 3.0)


def test_at_quotes_it_pays_the_touch_and_needs_the_gate() -> None:
    state = bought(LARGE, chains=True).checkpoint()
    made = restored(state)
    data = risen(made, chains=True)
    buy, sell = [action for action in data["actions"] if action["action"] == "ROLL_UP"]
    assert buy["limit_price"] == buy["ask"]
    assert sell["limit_price"] == sell["bid"]
    assert reconciles(holdings(made))
    wide = risen(restored(state), chains=True, width=9.0)
    assert not [action for action in wide["actions"] if action["action"] == "ROLL_UP"]


def snapshot_of(made: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - the desk's own snapshot
    """The market in which a desk decides."""
    seen: list[Snapshot] = []

    def watched(lot: Lot, snapshot: Snapshot) -> LongRoll | None:
        seen.append(snapshot)
        return long_roll(lot, snapshot)

    monkeypatch.setattr(rolling_up, "long_roll", watched)
    risen(made)
    return seen[-1]


def test_what_cannot_keep_its_sold_call_is_not_rolled_leg_by_leg(
    modelled: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = restored(modelled)
    (lot,) = l1(made)
    snapshot = snapshot_of(restored(modelled), monkeypatch)
    roll = long_roll(lot, snapshot)
    assert roll is not None
    new = roll.becomes.parts[0].strike
    assert new is not None
    # A sold call at the new strike or below would turn the spread round.
    long, short = lot.parts
    assert long_roll(replace(lot, parts=(long, replace(short, strike=new))), snapshot) is None
    assert long_roll(replace(lot, parts=(long, replace(short, strike=new + 1.0))), snapshot) is not None
    # Behind its window a spread is rolled as a whole; an outright call goes into the next expiry of its class.
    near = next(part for part in snapshot.vix_chain.slices if part.dte < 20 or part.trading_class == "VIX")
    early = replace(snapshot.rules, windows={**snapshot.rules.windows, "L1": replace(
        snapshot.rules.windows["L1"], low=near.dte + 1, high=90)})  # fmt: skip
    monkeypatch.setattr(snapshot, "rules", early)
    assert long_roll(lot, snapshot) is None
    alone = replace(lot, parts=(long,))
    beyond = long_roll(alone, snapshot)
    assert beyond is not None
    assert beyond.becomes.parts[0].expiry > long.expiry
    assert beyond.trade.parts[1] == replace(long, ratio=-1)
    strike = 200.0
    absent = LotPart(symbol=occ_symbol("VIX", long.expiry, "C", strike), trading_class="VIX", strike=strike,
                     expiry=long.expiry, ratio=1)  # fmt: skip
    assert long_roll(replace(lot, parts=(absent,)), snapshot) is None
