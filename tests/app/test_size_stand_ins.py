"""`alvh size` where VIX options are too wide: futures or shares by plain arithmetic, held ones at target, bad files."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from alvh.__main__ import main
from app.test_size_command import MARKET, PORTFOLIO, changed, told

VIX, SPX, CREDIT, CAP = 17.20, 6000.0, 4040.0, 1616.0
NODES = [(0, 17.20), (30, 18.60), (58, 19.40), (86, 19.90), (114, 20.30), (149, 20.70), (177, 20.95), (212, 21.20)]
LEGS = {"L1": (30, 18.60, 4), "L3a": (114, 20.30, 4), "L3b": (212, 21.20, 2)}
EXPIRIES = {30: "2026-01-21", 114: "2026-04-15", 212: "2026-07-22"}
SYMBOLS = {"L1": "VXMF26", "L3a": "VXMJ26", "L3b": "VXMN26"}


def wide_market(folder: Path, half: float | None = 0.02, **fields: Any) -> Path:  # noqa: ANN401 - any YAML value
    """The market of vector A with options twice too wide, futures quoted so far to each side of their price."""
    document = yaml.safe_load(MARKET.read_text())
    for row in document["vix_options"]:
        row.update(bid=row["bid"] - 0.1, ask=row["ask"] + 0.1)
    for row in document["vx"]:
        row.update({} if half is None else {"bid": row["price"] - half, "ask": row["price"] + half})
    document.update(fields)
    path = folder / "market.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def level(days: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(NODES):
        if days <= x1:
            return y0 + (y1 - y0) * (days - x0) / (x1 - x0)
    return NODES[-1][1]


def forward(days: float, vix: float) -> float:
    return level(days) * math.pow(vix / VIX, min(1.0, 0.43 * math.sqrt(30.0 / days)))


def call_delta(days: float, price: float, strike: float, vol: float) -> float:
    years = days / 365.0
    d1 = math.log(price / strike) / (vol * math.sqrt(years)) + vol * math.sqrt(years) / 2
    return math.exp(-0.042 * years) * 0.5 * math.erfc(-d1 / math.sqrt(2.0))


DELTAS = {
    "L1": call_delta(30, 18.60, 19, 0.88) - call_delta(30, 18.60, 29, 1.12),
    "L3a": call_delta(114, 20.30, 22, 0.66),
    "L3b": call_delta(212, 21.20, 23, 0.56),
}


def gain(days: float, price: float) -> float:
    return 100 * (forward(days, VIX + 6) - price) - 4.0 - 1.0


def cost(days: float, price: float) -> float:
    h = min(35.0, days - 7.0)
    return 100 * (price - level(days - h)) * 35.0 / h + 4.0 + 1.0


def risk(days: float, price: float) -> float:
    return 100 * (price - min(forward(days, 9.0), forward(7.0, 9.0))) + 4.0


def spx_dollars(days: float) -> float:
    move = VIX * 0.4887 / 0.1147 / 100.0
    return 50 * (forward(days, VIX - move) - forward(days, VIX + move))


def test_the_ladder_in_futures_is_what_plain_arithmetic_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = told(capsys, market=wide_market(tmp_path))
    assert data["fallbacks_used"] == ["L1: future", "L1b: future", "L3a: future", "L3b: future"]
    weights = {leg: w * DELTAS[leg] for leg, (_, _, w) in LEGS.items()}

    def total(each: dict[str, float]) -> float:
        return sum(weights[leg] * each[leg] for leg in LEGS)

    gains, costs, risks = (
        {leg: f(days, price) for leg, (days, price, _) in LEGS.items()} for f in (gain, cost, risk)
    )  # fmt: skip
    leaning = {leg: -spx_dollars(days) for leg, (days, _, _) in LEGS.items()}
    room = data["d_c"] + data["d_s"]
    assert data["feasibility_r_untilted"] > 1.0
    u = min(972.945 / total(gains), CAP / total(costs), CREDIT / total(risks), room / total(leaning))
    assert u == CREDIT / total(risks), "what futures put at risk binds here"
    real = {leg: weights[leg] * u for leg in LEGS}
    whole = {leg: math.floor(n + 1e-9) for leg, n in real.items()}
    for leg in sorted(real, key=lambda leg: -(real[leg] % 1)):
        more = whole | {leg: whole[leg] + 1}
        fits = all(
            sum(n * each[name] for name, n in more.items()) <= limit
            for each, limit in ((costs, CAP), (risks, CREDIT), (leaning, room), (gains, 0.60 * data["l6"]))
        )
        whole = more if fits and sum(n * gains[name] for name, n in whole.items()) < data["target_gain"] else whole
    bought = {action["leg"]: (action["instrument"], action["qty"]) for action in data["actions"] if action["qty"]}
    assert bought == {leg: (SYMBOLS[leg], count) for leg, count in whole.items() if count}
    assert data["gain6"] == pytest.approx(sum(n * gains[leg] for leg, n in whole.items()))
    assert data["hc_accrual"] == pytest.approx(sum(n * costs[leg] for leg, n in whole.items()))
    assert data["d_h"] == pytest.approx(-sum(n * leaning[leg] for leg, n in whole.items()))
    at_risk = sum(n * risks[leg] for leg, n in whole.items())
    assert data["worst_case_hedge"] == pytest.approx(at_risk + sum(whole.values()))
    assert data["premium_at_risk"] == 0.0
    assert {each["constraint"] for each in data["binding"]} >= {"PREMIUM"}


def test_futures_that_are_held_are_at_target_when_asked_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    market = wide_market(tmp_path)
    first = told(capsys, market=market)
    legs = [
        {"leg": action["leg"], "instrument": "VXM", "quantity": action["qty"], "entry_price": action["limit_price"],
         "expiry": EXPIRIES[LEGS[action["leg"]][0]]}
        for action in first["actions"] if action["qty"]
    ]  # fmt: skip
    assert len(legs) == 3
    again = told(capsys, changed(PORTFOLIO, tmp_path, legs=legs), market)
    assert [action for action in again["actions"] if action["qty"]] == []
    assert "Hold" in again["text"]
    assert again["gain6"] > first["gain6"], "held from today's mid, their entry cost lies behind"


def test_shares_where_neither_options_nor_futures_are_quoted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    etps = [{"symbol": "VXX", "bid": 50.0, "ask": 50.1}, {"symbol": "VIXY", "bid": 39.98, "ask": 40.02}]
    market = wide_market(tmp_path, half=None, etps=etps)
    data = told(capsys, market=market)
    assert data["fallbacks_used"] == ["L1: etp", "L1b: etp", "L3a: etp", "L3b: etp"]
    actions = [action for action in data["actions"] if action["qty"]]
    assert {action["instrument"] for action in actions} == {"VIXY"}
    # Shares of each leg as the deltas they stand for: delta 100 F beta(tau)/beta(30) / P (1.2).
    stands_for = {
        leg: w * DELTAS[leg] * 100 * price * math.sqrt(30 / days) / 40.0 for leg, (days, price, w) in LEGS.items()
    }
    count = {action["leg"]: action["qty"] for action in actions}
    assert count["L1"] / count["L3a"] == pytest.approx(stands_for["L1"] / stands_for["L3a"], rel=0.02)
    assert data["premium_at_risk"] == pytest.approx(40.02 * sum(count.values()))
    assert data["premium_at_risk"] <= CREDIT
    worth = 40.0 * math.pow(23.20 / 17.20, 0.43)
    assert data["gain6"] == pytest.approx(sum(count.values()) * (worth - 0.02 - 40.02 - 0.005))
    legs = [{"leg": leg, "instrument": "VIXY", "quantity": n, "entry_price": 40.02} for leg, n in count.items()]
    again = told(capsys, changed(PORTFOLIO, tmp_path, legs=legs), market)
    assert [action for action in again["actions"] if action["qty"]] == []


def test_nothing_at_all_leaves_the_whole_target_open(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = told(capsys, market=wide_market(tmp_path, half=None))
    assert data["fallbacks_used"] == ["L1: skip", "L1b: skip", "L3a: skip", "L3b: skip"]
    assert data["residual_unhedged"] == pytest.approx(972.945, abs=0.01)
    assert "LIQ" in data["reason_codes"]


@pytest.mark.parametrize(("leg", "market", "said"), [
    ({"leg": "L1", "instrument": "VIXY", "quantity": 5}, {}, "legs.0.instrument: expected a quote of VIXY"),
    ({"leg": "L1", "instrument": "VXM", "quantity": 5}, {}, "expected an expiry"),
    ({"leg": "L1", "instrument": "VXM", "quantity": 5, "expiry": "2026-01-21", "strike": 19}, {}, "expected no strike"),
    ({"leg": "L1", "instrument": "SVXY", "quantity": 5}, {}, "legs.0.instrument"),
    (None, {"etps": [{"symbol": "VIXY", "bid": 41, "ask": 40}]}, "expected a bid up to the ask"),
    (None, {"etps": [{"symbol": "VIXY", "bid": 40, "ask": 41}] * 2}, "expected each symbol once"),
])  # fmt: skip
def test_files_that_say_nonsense_of_stand_ins(
    leg: dict[str, Any] | None, market: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    portfolio = PORTFOLIO if leg is None else changed(PORTFOLIO, tmp_path, legs=[leg])
    assert main(["size", "--portfolio", str(portfolio), "--market", str(wide_market(tmp_path, **market))]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_the_schema_of_a_market_names_the_etps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "market"]) == 0
    assert "etps" in json.loads(capsys.readouterr().out)["properties"]
