"""`alvh size`: the worked example from its two files, held legs that are at target, and files that say nonsense."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from alvh.__main__ import main
from alvh.messages import AdjustmentMessage

EXAMPLES = Path(__file__).parents[2] / "examples"
PORTFOLIO, MARKET = EXAMPLES / "portfolio-vector-a.yaml", EXAMPLES / "market-vector-a.yaml"


def told(capsys: pytest.CaptureFixture[str], portfolio: Path = PORTFOLIO, market: Path = MARKET) -> dict[str, Any]:
    assert main(["size", "--portfolio", str(portfolio), "--market", str(market)]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)["data"]
    return data


def changed(path: Path, folder: Path, **fields: Any) -> Path:  # noqa: ANN401 - any YAML value
    document = yaml.safe_load(path.read_text())
    document.update(fields)
    other = folder / path.name
    other.write_text(yaml.safe_dump(document))
    return other


def test_vector_a_to_the_printed_digits(capsys: pytest.CaptureFixture[str]) -> None:
    data = told(capsys)
    bought = {(a["leg"], a["instrument"]): a["qty"] * (1 if a["side"] == "BUY" else -1) for a in data["actions"]}
    assert bought == {
        ("L1", "VIX   260121C00019000"): 6,
        ("L1", "VIX   260121C00029000"): -6,
        ("L3a", "VIX   260415C00022000"): 6,
        ("L3b", "VIX   260722C00023000"): 3,
    }
    printed = {
        "hc_accrual": 1586.08, "hc_pct": 39.26, "gain6": 1057.56, "gain5": 844.96, "gain7": 1267.65,
        "l5": 1335.28, "l6": 1945.90, "l7": 2627.41, "target_gain": 972.95, "cap": 1616.00, "premium_at_risk": 3180.00,
        "d_c": -663.17, "d_h": -159.41, "d_sleeve": -822.57, "d_book": 409.62,
    }  # fmt: skip
    assert {name: round(data[name], 2) for name in printed} == printed
    ratios = {
        "offset5": 0.6328, "offset6": 0.5435, "offset7": 0.4825, "offset10": 0.3823, "offset20": 0.3191,
        "feasibility_r": 1.2289, "wacc_p": 5.2014, "irr_gross": 2.6398, "irr_net": 1.4585, "irr_drag": 1.1813,
    }  # fmt: skip
    assert {name: round(data[name], 4) for name in ratios} == ratios
    theta = next(signal for signal in data["signals"] if signal["id"] == "S33")
    assert (round(theta["value"], 4), round(theta["parts"]["efficiency"], 5)) == (0.9987, 0.02853)
    assert theta["state"] == "closed"
    assert data["pricing"] == "quotes"
    assert data["executable"] is False
    assert len(data["text"].splitlines()) <= 15


def test_sizing_twice_changes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    legs = [
        {"leg": "L1", "quantity": 6, "expiry": "2026-01-21", "strike": 19, "short_strike": 29, "entry_price": 1.50},
        {"leg": "L3a", "quantity": 6, "expiry": "2026-04-15", "strike": 22, "entry_price": 2.35},
        {"leg": "L3b", "quantity": 3, "expiry": "2026-07-22", "strike": 23, "entry_price": 2.90},
    ]
    data = told(capsys, changed(PORTFOLIO, tmp_path, legs=legs))
    assert [action for action in data["actions"] if action["qty"]] == []
    assert "Hold" in data["text"]


def test_without_quotes_the_model_prices_and_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = told(capsys, market=changed(MARKET, tmp_path, vix_options=[]))
    assert data["pricing"] == "model"
    assert data["executable"] is False
    assert "not executable" in data["text"]


CONDOR = {
    "expiry": "2026-01-26", "quantity": 4, "credit": 10.10, "short_put": 5650, "long_put": 5600, "short_call": 6275,
    "long_call": 6325,
}  # fmt: skip
LEG = {"leg": "L1", "quantity": 6, "expiry": "2026-01-21", "strike": 19, "short_strike": 29, "entry_price": 1.50}
QUOTE = {"dte": 30, "strike": 19, "bid": 1.65, "ask": 1.75, "iv": 0.88}
NAN, INF = math.nan, math.inf


def refused(
    capsys: pytest.CaptureFixture[str], said: tuple[str, ...], portfolio: Path = PORTFOLIO, market: Path = MARKET
) -> None:
    assert main(["size", "--portfolio", str(portfolio), "--market", str(market)]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert not captured.out
    for words in said:
        assert words in captured.err


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"vix": -1}, "vix"),
        ({"vix": 0.001}, "vix"),
        ({"vix": INF}, "vix"),
        ({"spx": NAN}, "spx"),
        ({"spx": INF}, "spx"),
        ({"spx": "much"}, "spx"),
        ({"iwm": INF}, "iwm"),
        ({"iwm": None}, "iwm: expected a price"),
        ({"beta_star": INF}, "beta_star"),
        ({"rates": {"r": NAN}}, "rates.r"),
        ({"rates": {"r": 4.2}}, "rates.r"),
        ({"fees": {"option": -1}}, "fees.option"),
        ({"spx_smile": {"level": NAN, "slope": 0, "curvature": 0}}, "spx_smile.level"),
        ({"phase": "PANIC"}, "phase"),
        ({"volume": 3}, "volume"),
        ({"session": "2025-12-25"}, "session"),
        ({"session": "1900-01-02"}, "session"),
        ({"session": "yesterday"}, "session"),
        ({"vx": []}, "vx"),
        ({"vx": [{"dte": 10**9, "price": 18}]}, "vx.0.dte"),
        ({"vx": [{"dte": 30, "price": 18}, {"dte": 30, "price": 19}]}, "vx.1"),
        ({"vx": [{"dte": 30, "price": 18, "bid": 17.9}]}, "vx.0: expected both bid and ask"),
        ({"vx": [{"dte": 30, "price": 18, "bid": 19, "ask": 18}]}, "vx.0"),
        ({"vx": [{"expiry": "2025-12-17", "price": 18}]}, "vx.0.expiry"),
        ({"vx": [{"dte": 30, "price": NAN}]}, "vx.0.price"),
        ({"vix_options": [QUOTE, QUOTE]}, "vix_options.1"),
        ({"vix_options": [QUOTE | {"strike": 1e12}]}, "vix_options.0.strike"),
        ({"vix_options": [QUOTE | {"ask": INF}]}, "vix_options.0.ask"),
        ({"vix_options": [QUOTE | {"trading_class": "SPXW"}]}, "vix_options.0.trading_class"),
        ({"spx_options": [QUOTE | {"trading_class": "VIX"}]}, "spx_options.0.trading_class"),
    ],
)
def test_a_market_that_says_nonsense(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    refused(capsys, (said, "market-vector-a.yaml"), market=changed(MARKET, tmp_path, **fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": 5}, "id"),
        ({"hedge": "none"}, "hedge"),
        ({"enabled": False}, "enabled"),
        ({"condors": [CONDOR, CONDOR]}, "condors"),
        ({"condors": [CONDOR | {"expiry": "2025-11-01"}]}, "condors.0.expiry"),
        ({"condors": [CONDOR | {"expiry": "2025-12-22"}]}, "condors.0.expiry"),
        ({"condors": [CONDOR | {"long_call": 99_999}]}, "condors.0.long_call"),
        ({"condors": [CONDOR | {"short_put": 5500}]}, "condors.0"),
        ({"condors": [CONDOR | {"credit": 60}]}, "condors.0"),
        ({"condors": [CONDOR | {"credit": NAN}]}, "condors.0.credit"),
        ({"condors": [CONDOR | {"quantity": 1.5}]}, "condors.0.quantity"),
        ({"condors": [CONDOR | {"quantity": 10**12}]}, "condors.0.quantity"),
        ({"small_caps": [{"symbol": "IWM", "shares": INF}]}, "small_caps.0.shares"),
        ({"legs": [LEG, LEG]}, "legs"),
        ({"legs": [LEG | {"expiry": "2025-12-22"}]}, "legs.0.expiry"),
        ({"legs": [LEG | {"opened": "2026-01-05"}]}, "legs.0.opened"),
        ({"legs": [LEG | {"strike": None}]}, "legs.0"),
        ({"legs": [LEG | {"strike": NAN}]}, "legs.0.strike"),
        ({"legs": [LEG | {"short_strike": 10}]}, "legs.0"),
        ({"legs": [LEG | {"strike": 5_000, "short_strike": 6_000}]}, "legs.0.strike"),
        ({"legs": [LEG | {"quantity": -3}]}, "legs.0"),
        ({"legs": [LEG | {"leg": "L1b"}]}, "legs.0"),
        ({"legs": [LEG | {"leg": "L9"}]}, "legs.0.leg"),
        ({"legs": [{"leg": "L2", "quantity": 2, "expiry": "2026-01-21"}]}, "legs.0"),
        ({"methodology": {"design_vix": [7, 6, 5]}}, "methodology.design_vix"),
        ({"methodology": {"cap": {"share": 1}}}, "methodology.cap.share"),
    ],
)
def test_a_portfolio_that_says_nonsense(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    refused(capsys, (said, "portfolio-vector-a.yaml"), changed(PORTFOLIO, tmp_path, **fields))


@pytest.mark.parametrize("text", ["", "[1, 2]", "hello", "a: [1", "\tspx: 3", "\0", "vix: 17\nvix: 30\n"])
def test_a_file_that_is_no_market(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    path = tmp_path / "market.yaml"
    path.write_text(text)
    refused(capsys, ("market.yaml",), market=path)
    refused(capsys, (str(tmp_path), "directory"), market=tmp_path)
    refused(capsys, ("nowhere.yaml", "No such file"), tmp_path / "nowhere.yaml")


def test_an_expired_condor_beside_a_live_one_is_left_out_with_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    portfolio = changed(PORTFOLIO, tmp_path, condors=[CONDOR | {"expiry": "2025-12-19"}, CONDOR])
    assert main(["size", "--portfolio", str(portfolio), "--market", str(MARKET)]) == 0
    captured = capsys.readouterr()
    assert "condors.0.expiry" in captured.err
    assert len(json.loads(captured.out)["data"]["condors"]) == 1


def test_the_schema_of_a_market_names_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "market"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"spx", "vix", "vx", "vix_options", "phase"} <= set(schema["properties"])


def test_vector_b_in_the_same_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = told(capsys, market=changed(MARKET, tmp_path, phase="CONFIRMED", a=0.15))
    units = {action["leg"]: action["qty"] for action in data["actions"]}
    assert units == {"L1": 4, "L1b": 6, "L2": 4, "L3a": 4, "L3b": 3}
    assert round(data["hc_accrual"], 2) == 1597.92
    assert round(data["offset6"], 4) == 0.5963
    assert data["approvals_required"] == 2


def test_vector_d_tilts_until_the_floor_is_feasible(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    condor = {
        "expiry": "2026-01-26", "quantity": 4, "credit": 9.70, "short_put": 5700, "long_put": 5650,
        "short_call": 6300, "long_call": 6350,
    }  # fmt: skip
    data = told(capsys, changed(PORTFOLIO, tmp_path, condors=[condor]))
    assert (round(data["l6"], 2), round(data["l7"], 2)) == (2836.31, 3610.77)
    assert round(data["feasibility_r"], 4) == 1.0037
    assert "INFEASIBLE_FLOOR" not in data["reason_codes"]


def of_examples(capsys: pytest.CaptureFixture[str], portfolio: str, market: str) -> dict[str, Any]:
    return told(capsys, EXAMPLES / f"portfolio-vector-{portfolio}.yaml", EXAMPLES / f"market-{market}.yaml")


def bought(data: dict[str, Any]) -> dict[str, int]:
    return {action["leg"]: action["qty"] for action in data["actions"] if action["side"] != "NONE"}


def test_vector_b_of_the_examples(capsys: pytest.CaptureFixture[str]) -> None:
    data = of_examples(capsys, "a", "vector-b")
    assert bought(data) == {"L1": 4, "L1b": 6, "L2": 4, "L3a": 4, "L3b": 3}
    printed = {"target_gain": 1585.09, "gain6": 1160.28, "hc_accrual": 1597.92, "premium_at_risk": 2620.00,
               "d_h": -170.15, "d_sleeve": -833.32, "d_book": 398.88, "shortfall": 424.82}  # fmt: skip
    assert {name: round(data[name], 2) for name in printed} == printed
    offsets = {"offset5": 0.6887, "offset6": 0.5963, "offset7": 0.5333, "offset10": 0.4318, "offset20": 0.3870}
    assert {name: round(data[name], 4) for name in offsets} == offsets


def test_vector_c2_of_the_examples_both_losses_inside_one_cap(capsys: pytest.CaptureFixture[str]) -> None:
    data = of_examples(capsys, "c2", "vector-a")
    assert round(data["target_gain"], 2) == 4163.67
    assert bought(data) == {"L1": 6, "L3a": 6, "L3b": 3}
    assert round(data["offset6"], 4) == 0.1270
    assert "50 % of the condors' and small caps' loss of $8,327" in data["text"]


def test_vector_c_of_the_examples_beside_the_hedge_of_vector_a(capsys: pytest.CaptureFixture[str]) -> None:
    data = of_examples(capsys, "c", "vector-a")
    assert bought(data) == {"L1": 6 + 4, "L3a": 6 + 5, "L3b": 3 + 2}
    assert round(data["hc_accrual"], 2) == round(1586.0791 + 1142.1341, 2)
    assert round(data["gain6"], 2) == round(1057.5556 + 764.1754, 2)
    assert "$2,728 of $2,783" in data["text"], "the cap of 1,616.00 and the budget of 1,166.67"


def test_vector_d_and_a_held_hedge_of_the_examples(capsys: pytest.CaptureFixture[str]) -> None:
    data = of_examples(capsys, "d", "vector-a")
    assert round(data["feasibility_r"], 4) == 1.0037
    assert data["tilt"] == {"L2": 0.5, "L1b": 0.05, "ladder": pytest.approx(0.45)}
    assert bought(of_examples(capsys, "a-held", "vector-a")) == {}


@pytest.mark.parametrize("portfolio", ["a", "a-held", "c", "c2", "d"])
@pytest.mark.parametrize("market", ["vector-a", "vector-b", "inverted"])
def test_every_pair_of_examples_is_a_message_of_a_page(
    capsys: pytest.CaptureFixture[str], portfolio: str, market: str
) -> None:
    files = [str(EXAMPLES / name) for name in (f"portfolio-vector-{portfolio}.yaml", f"market-{market}.yaml")]
    assert main(["size", "--portfolio", files[0], "--market", files[1]]) == 0
    event = AdjustmentMessage.model_validate_json(capsys.readouterr().out)
    data = event.data
    lines = data.text.splitlines()
    assert len(lines) <= 15
    assert not any(word in data.text for word in ("nan", "inf ", "$-", "None"))
    for package, line in zip(data.packages, [line for line in lines if line.startswith(("Buy", "Sell"))], strict=True):
        assert package.net_limit is not None
        assert line.endswith((f"at {abs(package.net_limit):.2f}", f"at {package.net_limit:.2f}"))
    assert data.hc_accrual is not None
    assert data.hc_accrual >= 0.0
    assert all(action.qty >= 0 for action in data.actions)
    assert data.smallcap is not None
    assert (data.smallcap.beta_star, data.smallcap.beta_stress) == (1.2321955, 1.62)
