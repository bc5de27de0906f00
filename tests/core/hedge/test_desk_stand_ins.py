"""L-F in the desk: futures or shares chosen where VIX options are too wide, accepted, held, marked, rolled and sold."""

import json
import math
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from alvh.core.engine import Engine
from alvh.core.events import Answer
from alvh.core.hedge.bookings import FOR_EVER
from alvh.core.hedge.fills import book_fills, refusal
from alvh.core.hedge.holdings import Holdings, Lot, LotPart
from alvh.core.hedge.phases import Phase, PhaseState
from alvh.core.hedge.sizing_desk import Fees
from core.conditions import configuration
from core.hedge.quoted_desk import PROGRAM, SESSIONS, engine, holdings, market, told

SMALL: dict[str, Any] = {**PROGRAM, "small_caps": []}
NAMED: dict[str, Any] = {
    "id": "core",
    "condors": [{"expiry": "2024-03-01", "quantity": 20, "credit": 22.0, "short_put": 4800, "long_put": 4700,
                 "short_call": 5200, "long_call": 5300}],
}  # fmt: skip
VIXY = {"VIXY": (39.98, 40.02)}


def trades(data: dict[str, Any]) -> list[tuple[str, str, str, int, float]]:
    return [
        (action["action"], action["leg"], action["instrument"], action["qty"] * (1 if action["side"] == "BUY" else -1),
         action["limit_price"])
        for action in data["actions"] if action["qty"]
    ]  # fmt: skip


class Futures:
    """Cash of VXM futures from what messages say was traded, by leg, oldest contracts closed first."""

    def __init__(self) -> None:
        self.cash = 0.0
        self.open: dict[tuple[str, str], list[tuple[int, float]]] = {}

    def trade(self, data: dict[str, Any]) -> None:
        for action in (action for action in data["actions"] if action["qty"] and action["leg"] != "COND"):
            assert (action["multiplier"], action["est_cost"]) == (100.0, 0.0)
            self.cash -= action["fees"]
            entries = self.open.setdefault((action["leg"], action["instrument"]), [])
            side = 1 if action["side"] == "BUY" else -1
            for _ in range(action["qty"]):
                if entries and entries[0][0] != side:
                    held, price = entries.pop(0)
                    self.cash += 100.0 * held * (action["limit_price"] - price)
                else:
                    entries.append((side, action["limit_price"]))

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        return {key: sum(side for side, _ in entries) for key, entries in self.open.items() if entries}


def test_futures_are_chosen_held_rolled_and_sold_and_every_trade_is_booked() -> None:
    made, plain = engine(NAMED), Futures()
    state = made.portfolios.states[0]
    rolled: list[tuple[int, dict[str, Any]]] = []
    for number in range(34):
        if number:
            # A market that stands still would fall back to STANDBY; L1 is to live long enough to be rolled.
            state.hedge["phase"] = PhaseState(phase=Phase.INITIAL, working=Phase.INITIAL).as_plain()
        for data in told(made, market(number, 4840.0 if number else 5000.0, 15.0, width=20.0)):
            plain.trade(data)
            assert set(data["fallbacks_used"]) <= {"L1: future", "L1b: future", "L3a: future", "L3b: future"}
            at_risk = data["worst_case_hedge"] - sum(action["fees"] for action in data["actions"] if action["qty"])
            assert at_risk <= data["credit"] * (1 + 1e-9), "premium and falls of futures stay inside the credit"
            if "ROLL" in data["reason_codes"]:
                rolled.append((number, data))
        held = {(lot.leg, part.symbol): lot.quantity * part.ratio for lot in holdings(made).lots for part in lot.parts}
        assert held == plain.counts
        assert holdings(made).sleeve.cash == pytest.approx(plain.cash)
    ((number, data),) = rolled
    assert (date(2024, 2, 14) - SESSIONS[number][0]).days == 7
    sale, purchase = (action for action in data["actions"] if action["leg"] == "L1" and action["qty"])
    assert (sale["action"], sale["instrument"], sale["side"], sale["reason"]) == (
        "ROLL",
        "VXMG24",
        "SELL",
        "ROLL: dte<=7",
    )
    assert (purchase["action"], purchase["instrument"], purchase["side"]) == ("ROLL", "VXMH24", "BUY")
    assert (sale["limit_price"], purchase["limit_price"]) == (sale["bid"], purchase["ask"])
    made.handle(configuration([{**NAMED, "enabled": False}]))
    for data in told(made, market(34, 4840.0, 15.0, width=20.0)):
        plain.trade(data)
    assert holdings(made).lots == []
    assert plain.counts == {}
    assert holdings(made).sleeve.cash == pytest.approx(plain.cash)


def test_the_message_says_what_is_bought_in_place_of_what_and_what_it_puts_at_risk() -> None:
    made = engine(SMALL)
    (first,) = told(made, market(0, 5000.0, 15.0, width=20.0))
    assert first["fallbacks_used"] == ["L3a: future", "L3b: future"]
    assert (first["residual_unhedged"], "LIQ" in first["reason_codes"]) == (0.0, False)
    assert {leg: symbol for _, leg, symbol, _, _ in trades(first)} == {"L3a": "VXMJ24", "L3b": "VXMQ24"}
    for action in (action for action in first["actions"] if action["qty"]):
        assert (action["limit_price"], action["est_cost"], action["delta"]) == (action["ask"], 0.0, 1.0)
        assert action["reason"].startswith("in place of VIX   24")
        assert action["reason"].endswith(": wide")
    assert "in place of calls" in first["text"]
    assert [leg["settlement"] for package in first["packages"] for leg in package["legs"]] == ["vro", "vro"]
    assert [leg["last_trade_date"] for package in first["packages"] for leg in package["legs"]] == [
        "2024-04-17", "2024-08-21",
    ]  # fmt: skip
    # Nothing is paid for a future: what it may lose down to a VIX of 9, at its roll (4.3), is at risk.
    assert first["premium_at_risk"] == 0.0
    nodes = [(0, 15.0), *((node["dte"], node["settle"]) for node in first["vx_curve"])]
    (d1, f1) = nodes[1]
    at_seven = 15.0 + (f1 - 15.0) * 7 / d1
    assert d1 > 7
    lowest = at_seven * (9.0 / 15.0) ** (0.43 * math.sqrt(30 / 7))
    settles = {node["expiry"]: node["settle"] for node in first["vx_curve"]}
    lost = sum(
        count * (100.0 * (settles[{"VXMJ24": "2024-04-17", "VXMQ24": "2024-08-21"}[symbol]] - lowest) + 5.0 + 1.0)
        for *_, symbol, count, _ in trades(first)
    )
    assert first["worst_case_hedge"] == pytest.approx(lost)
    stops = [(protocol["leg"], protocol["stop"]) for protocol in first["protocols"] if protocol["leg"] != "COND"]
    assert [leg for leg, _ in stops] == ["L3a", "L3b"]
    assert all("VIX of 9" in stop for _, stop in stops)


def test_a_held_future_is_marked_at_its_settlement_price_day_by_day() -> None:
    made = engine(SMALL)
    told(made, market(0, 5000.0, 15.0, width=20.0))
    held = {lot.symbols[0]: (lot.quantity, lot.entry_price) for lot in holdings(made).lots}
    events = list(market(1, 5000.0, 18.0, width=20.0))
    curve = next(event for event in events if type(event).__name__ == "FuturesCurve")
    settle = {node[0]: node[1] for node in curve.nodes}  # type: ignore[attr-defined]
    told(made, iter(events))
    days = {"VXMJ24": date(2024, 4, 17), "VXMQ24": date(2024, 8, 21)}
    gain = sum(100.0 * count * (settle[days[name]] - price) for name, (count, price) in held.items())
    fees = sum(count for count, _ in held.values())
    assert made.portfolios.states[0].hedge["equity"] == pytest.approx(gain - fees)


def test_a_wide_future_that_is_held_is_left_alone_until_it_settles_at_the_vro() -> None:
    made = engine(SMALL)
    told(made, market(0, 5000.0, 15.0, width=20.0))
    held = {lot.symbols[0]: (lot.quantity, lot.entry_price) for lot in holdings(made).lots}
    assert "VXMJ24" in held
    last = next(n for n, (day, _, _) in enumerate(SESSIONS) if day == date(2024, 4, 17))
    for number in (*range(1, 4), *range(last - 6, last)):
        for data in told(made, market(number, 5000.0, 15.0, width=20.0, futures_width=20.0)):
            assert trades(data) == []
    assert any(lot.symbols == ("VXMJ24",) for lot in holdings(made).lots)
    cash = holdings(made).sleeve.cash
    told(made, market(last, 5000.0, 15.0, width=20.0, futures_width=20.0))
    assert not any(lot.symbols == ("VXMJ24",) for lot in holdings(made).lots)
    count, price = held["VXMJ24"]
    assert holdings(made).sleeve.cash == pytest.approx(cash + 100.0 * count * (15.0 - price))


def test_shares_are_bought_where_neither_options_nor_futures_can_be_had() -> None:
    made = engine(SMALL)
    (first,) = told(made, market(0, 5000.0, 15.0, width=20.0, futures_width=None, etps=VIXY))
    assert first["fallbacks_used"] == ["L3a: etp", "L3b: etp"]
    actions = [action for action in first["actions"] if action["qty"]]
    assert {(action["instrument"], action["limit_price"], action["multiplier"]) for action in actions} == {
        ("VIXY", 40.02, 1.0)
    }
    for action in actions:
        assert action["est_cost"] == pytest.approx(40.02 * action["qty"])
        assert action["fees"] == pytest.approx(0.005 * action["qty"])
    count = sum(action["qty"] for action in actions)
    assert first["premium_at_risk"] == pytest.approx(40.02 * count)
    assert holdings(made).sleeve.cash == pytest.approx(-40.025 * count)
    (package, *_) = first["packages"]
    assert [(leg["settlement"], leg["last_trade_date"], leg["quote_age"]) for leg in package["legs"]] == [
        ("none", "", 0.0)
    ]
    assert [row["at_settlement"] for row in first["breakevens"] if row["leg"] in ("L3a", "L3b")] == [None, None]
    told(made, market(1, 5000.0, 15.0, width=20.0, futures_width=None, etps={"VIXY": (43.98, 44.02)}))
    assert made.portfolios.states[0].hedge["equity"] == pytest.approx((44.0 - 40.025) * count)
    restored = Engine()
    restored.restore(made.checkpoint())
    assert holdings(restored).lots == holdings(made).lots
    # After 23 days they are rolled into options, where these are to be had again.
    said: list[dict[str, Any]] = []
    for number in range(2, 20):
        said += told(made, market(number, 5000.0, 15.0, etps={"VIXY": (43.98, 44.02)}))
    rolls = [data for data in said if "ROLL" in data["reason_codes"]]
    assert (date.fromisoformat(rolls[0]["asof_session"]) - SESSIONS[0][0]).days == 23
    assert all(trade[4] == 43.98 for trade in trades(rolls[0]) if trade[2] == "VIXY")
    assert not any(lot.symbols == ("VIXY",) for lot in holdings(made).lots)
    assert all(lot.parts[0].strike is not None for lot in holdings(made).lots)


def test_where_nothing_passes_the_leg_is_left_out_and_what_stays_open_is_said() -> None:
    made = engine(SMALL)
    (first,) = told(made, market(0, 5000.0, 15.0, width=20.0, futures_width=20.0))
    assert first["fallbacks_used"] == ["L3a: skip", "L3b: skip"]
    assert first["residual_unhedged"] == pytest.approx(first["target_gain"])
    assert first["residual_unhedged"] > 0.0
    assert "LIQ" in first["reason_codes"]
    assert trades(first) == []
    assert holdings(made).lots == []
    # At INITIAL the whole ladder is missing: legs that would stand in for one another are not there either.
    state = made.portfolios.states[0]
    state.hedge["phase"] = PhaseState(phase=Phase.INITIAL, working=Phase.INITIAL).as_plain()
    (second,) = told(made, market(1, 4840.0, 16.0, width=20.0, futures_width=20.0))
    assert second["residual_unhedged"] == pytest.approx(second["target_gain"])
    cuts = [each for each in second["binding"] if each["constraint"] == "LIQ" and each["cut"]]
    assert {each["detail"].split()[0] for each in cuts} == {"L1", "L3a", "L3b"}
    assert sum(each["cut"] for each in cuts) == pytest.approx(second["target_gain"])


def test_futures_follow_the_fills_of_an_answer() -> None:
    made = engine({**SMALL, "execution": "answers"})
    (opened,) = told(made, market(0, 5000.0, 15.0, width=20.0))
    assert holdings(made).lots == []
    fills = tuple(
        {"symbol": symbol, "quantity": count, "price": price + 0.01, "fee": 0.9 * count}
        for _, _, symbol, count, price in trades(opened)
    )
    at = SESSIONS[0][2] + 1
    made.handle(
        Answer(ts_event=at, ts_recv=at, portfolio="core", event_id=opened["event_id"], decision="executed", by="anna",
               fills=fills)
    )  # fmt: skip
    held = {lot.leg: (lot.symbols[0], lot.quantity, lot.entry_price) for lot in holdings(made).lots}
    assert held == {leg: (symbol, count, price + 0.01) for _, leg, symbol, count, price in trades(opened)}
    legs = made.portfolios.desks[0].legs(made.portfolios.states[0])
    assert all(leg["target_quantity"] == leg["current_quantity"] for leg in legs)


def test_two_legs_of_one_future_follow_answers_each_by_itself() -> None:
    made = engine({**SMALL, "execution": "answers"})
    told(made, market(0, 5000.0, 15.0, width=20.0))
    state = made.portfolios.states[0]
    state.hedge["phase"] = PhaseState(phase=Phase.CONFIRMED, working=Phase.CONFIRMED).as_plain()
    said = told(made, market(1, 4840.0, 16.0, width=20.0))
    confirmed = next(data for data in said if "MOVE_3" in data["reason_codes"])
    bought = {leg: (symbol, count) for _, leg, symbol, count, _ in trades(confirmed) if leg in ("L1", "L1b")}
    assert len({symbol for symbol, _ in bought.values()}) == 1, "both legs want the same month"
    assert confirmed["approvals_required"] == 2
    at = SESSIONS[1][2] + 1
    for name, decision in (("anna", "accept"), ("bert", "accept"), ("anna", "executed")):
        made.handle(
            Answer(
                ts_event=at, ts_recv=at, portfolio="core", event_id=confirmed["event_id"], decision=decision, by=name
            )
        )
    for leg, (symbol, count) in bought.items():
        assert sum(lot.quantity for lot in holdings(made).lots if lot.leg == leg and lot.symbols == (symbol,)) == count
        assert holdings(made).sleeve.quantity(symbol, leg) == count


def stand_in(leg: str, quantity: int) -> Lot:
    part = LotPart(symbol="VXMG24", trading_class="VXM", strike=None, expiry=date(2024, 2, 14), ratio=1)
    return Lot(
        leg=leg, parts=(part,), multiplier=100.0, quantity=quantity, entry_price=18.0, extrinsic=None, armed=True,
        opened=date(2024, 1, 2), per_unit=0.4,
    )  # fmt: skip


def test_a_fill_of_a_future_that_stands_in_two_legs_must_name_its_leg() -> None:
    lots = Holdings(lots=[stand_in("L1", 3), stand_in("L1b", 2)])
    proposal = {
        "lots": lots.as_plain()["lots"], "units": [3, 2], "prices": [[18.0], [18.0]], "session": "2024-01-02",
        "is_done": False, "moves": [],
    }  # fmt: skip
    bare = {"symbol": "VXMG24", "quantity": 5, "price": 18.1}
    assert (
        refusal([bare], proposal, Holdings())
        == "fills: VXMG24: leg: expected one of L1, L1b, as each of them trades it"
    )
    kept = Holdings()
    fills = [{**bare, "leg": "L1", "quantity": 3}, {**bare, "leg": "L1b", "quantity": 1}]
    assert refusal(fills, proposal, kept) is None
    book_fills(kept, proposal, fills, Fees(option=1.0, future=0.5))
    assert {lot.leg: (lot.quantity, lot.per_unit) for lot in kept.lots} == {"L1": (3, 0.4), "L1b": (1, 0.4)}
    assert kept.sleeve.fees == pytest.approx(0.5 * 4)


def test_holdings_of_stand_ins_come_back_from_json_and_from_an_earlier_version() -> None:
    share = LotPart(symbol="VIXY", trading_class="VIXY", strike=None, expiry=FOR_EVER, ratio=1)
    lots = [stand_in("L1", 3), Lot(
        leg="L3a", parts=(share,), multiplier=1.0, quantity=20, entry_price=40.0, extrinsic=None, armed=True,
        opened=date(2024, 1, 2), per_unit=23.0,
    )]  # fmt: skip
    kept = Holdings(lots=lots)
    plain = json.loads(json.dumps(kept.as_plain()))
    assert Holdings.from_plain(plain).lots == lots
    earlier = [row[:-1] for row in plain["lots"]]
    assert [lot.per_unit for lot in Holdings.from_plain({**plain, "lots": earlier}).lots] == [1.0, 1.0]
    assert [(lot.kind, lot.is_premium, lot.key) for lot in lots] == [
        ("future", False, "L1 VXMG24"), ("share", True, "L3a VIXY"),
    ]  # fmt: skip
    kept.put(replace(stand_in("L1", 3), per_unit=0.6))
    assert [lot.quantity for lot in kept.lots] == [6, 20]
    assert kept.lots[0].per_unit == pytest.approx(6 / (3 / 0.4 + 3 / 0.6))


def test_weeks_in_which_anything_may_fail_never_lose_a_contract_nor_trade_on_a_failed_quote() -> None:
    made, rng = (
        engine({**SMALL, "condor_program": {**PROGRAM["condor_program"], "quantity": 20}}),
        np.random.default_rng(8),
    )
    spx, vix, used = 5000.0, 16.0, Counter[str]()
    state = made.portfolios.states[0]
    for number in range(24):
        spx *= float(np.exp(rng.normal(0.0, 0.012)))
        vix = float(np.clip(vix * np.exp(rng.normal(0.0, 0.10)), 10.0, 60.0))
        if number:
            phase = (Phase.INITIAL, Phase.STAGED, Phase.CONFIRMED)[number // 4 % 3]
            state.hedge["phase"] = PhaseState(phase=phase, working=phase).as_plain()
        price = 2.2 * vix
        shares = {"VIXY": (price - 0.02, price + 0.02)} if rng.random() < 0.7 or number == 0 else {}
        futures = [1.0, 1.0, None, 20.0][int(rng.integers(4))]
        wide = 20.0 if rng.random() < 0.6 else 1.0
        for data in told(made, market(number, spx, vix, width=wide, futures_width=futures, etps=shares)):
            used.update(entry.split(": ")[1] for entry in data["fallbacks_used"])
            for action in (action for action in data["actions"] if action["qty"] and action["leg"].startswith("L")):
                name = action["instrument"]
                if name == "VIXY":
                    assert shares, "no share is traded on a day that quotes none"
                elif name.startswith("VX") and action["leg"] != "L2":
                    assert futures == 1.0, "no future that stands in is traded on quotes that fail"
        booked: Counter[tuple[str, str]] = Counter()
        for lot in holdings(made).sleeve.lots:
            booked[lot.contract.leg, lot.contract.symbol] += lot.quantity
        held: Counter[tuple[str, str]] = Counter()
        for own in holdings(made).lots:
            assert own.quantity > 0
            for part in own.parts:
                held[own.leg, part.symbol] += part.ratio * own.quantity
        assert {key: count for key, count in booked.items() if count} == {
            k: count for k, count in held.items() if count
        }
        assert holdings(made).sleeve.reconcile({symbol: 1.0 for _, symbol in booked}).difference == 0
    assert {"future", "etp", "skip"} <= used.keys()
