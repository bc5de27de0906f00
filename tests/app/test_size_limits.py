"""Hard limits of `alvh size` at random: wide, missing and crossed quotes, legs held of any age, any curve."""

import random
import re
from datetime import date, timedelta
from math import floor
from pathlib import Path
from typing import Any

import pytest

from app.size_examiner import by_service
from oracles.random_markets import Document, drawn

OCC = re.compile(r"(VIXW?) +(\d{6})C(\d{8})")


def hard_case(seed: int) -> tuple[Document, Document]:
    """Return a drawn market with a third of its quotes spoiled, and a portfolio that holds some legs already."""
    rng, case = random.Random(seed), drawn(seed)
    market, portfolio = case.market, case.portfolio
    for row in market["vix_options"]:
        spoil = rng.random()
        if spoil < 0.15:
            row["bid"], row["ask"] = round(row["bid"] * 0.7, 2), round(row["ask"] * 1.3 + 0.2, 2)
        elif spoil < 0.22:
            row["bid"] = 0.0
        elif spoil < 0.27:
            row["bid"], row["ask"] = round(row["ask"] + 0.05, 2), row["bid"] + 0.01
    portfolio["legs"] = list(held_legs(rng, market))
    if rng.random() < 0.3:
        portfolio["methodology"] = {"cap": {"scope": "split"}}
    return portfolio, market


def held_legs(rng: random.Random, market: Document) -> Any:  # noqa: ANN401 - a generator of YAML values
    session, options = market["session"], market["vix_options"]
    listed = sorted({row["dte"] for row in options})
    for leg, low, high in (("L1", 2, 45), ("L1b", 2, 45), ("L3a", 40, 130), ("L3b", 120, 250)):
        days = [day for day in (*listed, rng.randint(low, high)) if low <= day <= high]
        if rng.random() < 0.5 or not days:
            continue
        day = rng.choice(days)
        strikes = sorted({row["strike"] for row in options if row["dte"] == day}) or [floor(market["vix"])]
        held: Document = {
            "leg": leg, "quantity": rng.choice([1, 3, 10, 60]), "expiry": session + timedelta(days=day),
            "strike": rng.choice(strikes), "entry_price": round(rng.uniform(0.2, 4.0), 2),
        }  # fmt: skip
        if leg == "L1":
            held["short_strike"] = held["strike"] + rng.choice([3, 8, 10])
        yield held
    if rng.random() < 0.3:
        front, back = (session + timedelta(days=row["dte"]) for row in market["vx"][:2])
        yield {"leg": "L2", "quantity": rng.choice([1, 8]), "expiry": front, "short_expiry": back, "entry_price": -0.4}


def assert_limits(data: dict[str, Any], market: Document) -> None:
    quotes = {
        (market["session"] + timedelta(days=row["dte"]), float(row["strike"])): (row["bid"], row["ask"])
        for row in market["vix_options"]
    }
    after: dict[tuple[str, str], dict[float, int]] = {}
    for action in data["actions"]:
        named = OCC.fullmatch(action["instrument"])
        assert action["qty"] == int(action["qty"]) >= 0
        if named is None:
            continue
        expiry, strike = date.fromisoformat(f"20{named[2][:2]}-{named[2][2:4]}-{named[2][4:]}"), int(named[3]) / 1000
        book = after.setdefault((action["leg"], named[2]), {})
        book[strike] = book.get(strike, 0) + action["qty_after"]
        if action["side"] != "NONE":
            bid, ask = quotes[expiry, strike]
            assert 0.0 < bid <= ask, f"an order on a failed quote: {action['instrument']}"
            assert action["limit_price"] == (ask if action["side"] == "BUY" else bid)
    for (leg, _), book in after.items():
        shorts, longs = -sum(n for n in book.values() if n < 0), sum(n for n in book.values() if n > 0)
        assert shorts <= longs, f"a naked short in {leg}: {book}"


def assert_within(data: dict[str, Any]) -> None:
    """Where something is bought the whole hedge fits the cap, and the premium at risk the credit."""
    if any(action["side"] == "BUY" and action["qty_after"] > 0 for action in data["actions"]):
        assert data["hc_accrual"] <= data["cap"] * (1 + 1e-9) + 1e-6
        assert data["premium_at_risk"] <= data["credit"] * (1 + 1e-9) + 1e-6


def limits_hold(folder: Path, seed: int) -> None:
    portfolio, market = hard_case(seed)
    data = by_service(folder, portfolio, market)
    assert_limits(data, market)
    if "methodology" not in portfolio:  # in a split scope there are two budgets
        assert_within(data)
    assert len(data["text"].splitlines()) <= 15
    for name in ("hc_accrual", "cap", "premium_at_risk", "target_gain", "worst_case_hedge", "shortfall"):
        assert data[name] >= 0.0, name
    assert all(binding["cut"] >= 0.0 for binding in data["binding"])


@pytest.mark.parametrize("first", [0, 15])
def test_hard_cases_at_random(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 15):
        limits_hold(tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 4_000, 250))
def test_many_hard_cases_at_random(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 250):
        limits_hold(tmp_path, seed)
