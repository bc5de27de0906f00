"""`alvh size`: the worked example from its two files, held legs that are at target, and files that say nonsense."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alvh.__main__ import main

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


@pytest.mark.parametrize(
    ("fields", "said"), [({"vix": -1}, "vix"), ({"session": "2025-12-25"}, "session"), ({"vx": []}, "vx")]
)
def test_nonsense_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    market = changed(MARKET, tmp_path, **fields)
    assert main(["size", "--portfolio", str(PORTFOLIO), "--market", str(market)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "market-vector-a.yaml" in error
    assert len(error.splitlines()) == 1


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
