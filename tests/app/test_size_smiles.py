"""`alvh size` on SPX options quoted along a smile, against a program that knows the smile by its formula (4.1, 4.3)."""

import math
import random
from datetime import date, timedelta
from math import isclose
from pathlib import Path

import pytest

from app.size_examiner import by_service
from oracles.option_formulas import bsm
from oracles.random_markets import Document, drawn
from oracles.sizing_reference import Book
from oracles.vix_market import HOLIDAYS, Market

STEP = 5


def quoted(rng: random.Random, market: Document, smile: Document, days: int, step: int = STEP) -> list[Document]:
    """Return a dense chain of one expiry priced on a smile; every other row leaves its volatility to be found."""
    m, rows = Market(market | {"spx_smile": smile}), list[Document]()
    first, last = round(0.7 * m.spx / STEP) * STEP, round(1.3 * m.spx / STEP) * STEP
    for at, strike in enumerate(range(first, last + step, step)):
        right = "P" if strike < m.spx else "C"
        vol = m.smile(math.log(strike / m.spx))
        mid = bsm(m.spx, strike, days / 365, vol, m.r, m.q, right)
        if mid <= 0.05:
            continue
        half = min(0.4 * mid, rng.choice([0.02, 0.05, 0.10]))
        row = {
            "dte": days, "right": right, "strike": strike, "bid": mid - half, "ask": mid + half,
            "trading_class": "SPXW",
        }  # fmt: skip
        rows.append(row | ({"iv": vol} if at % 2 else {}))
    return rows


def is_session(day: date) -> bool:
    return day.weekday() < 5 and day not in HOLIDAYS


def sound_smile(rng: random.Random, vix: float) -> Document:
    """Return a smile without arbitrage near the money: its shape is that of deviations, not of the level."""
    level = vix / 100 * rng.uniform(0.8, 1.0)
    return {"level": level, "slope": -rng.uniform(0.1, 0.4), "curvature": rng.uniform(0.1, 0.4) / level, "floor": 0.01}


def differences(folder: Path, seed: int) -> list[tuple[str, float, float]]:
    """Return what differs: losses, deltas, marks of a condor whose expiry is quoted beside two others."""
    rng, each = random.Random(seed), drawn(seed)
    (row,), session = each.portfolio["condors"], each.market["session"]
    days = next(
        days for days in range(rng.randint(14, 60), 70) if is_session(session + timedelta(days=days))
    )  # an expiry that is no session is not listed
    row["expiry"] = session + timedelta(days=days)
    smile = sound_smile(rng, each.market["vix"])
    others = [
        quoted(rng, each.market, sound_smile(rng, each.market["vix"]), days + more, 20 * STEP) for more in (-7, 30)
    ]
    chain = [option for other in others for option in other] + quoted(rng, each.market, smile, days)
    strikes = {option["strike"] for option in chain if option["dte"] == days}
    if not {row["long_put"], row["long_call"]} <= strikes:
        return []
    data = by_service(folder, each.portfolio, each.market | {"spx_options": chain})
    m = Market(each.market | {"spx_smile": smile})
    book = Book(each.portfolio, m)
    (condor,) = book.condors
    numbers = condor.numbers(m, 0.0)
    # A smile goes on flat beyond its last strikes, where a formula does not: what is moved so far is left out.
    low, high = (math.log(edge / m.spx) for edge in (min(strikes), max(strikes)))
    moved = [math.log(k / (m.spx * (1 + m.spx_return(7 / 6 * book.design)))) for _, k, _ in condor.legs()]
    if not low < min(moved) < max(moved) < high:
        return []
    pairs = [
        ("l5", data["l5"], book.loss(book.design * 5 / 6)),
        ("l6", data["l6"], book.loss(book.design)),
        ("l7", data["l7"], book.loss(book.design * 7 / 6)),
        ("mark", data["condor"]["mark"], numbers["mark"]),
    ]
    pairs += [(name, data["condor"]["greeks"][name], numbers[f"greeks.{name}"]) for name in ("delta", "vega", "theta")]
    # The smile between two strikes is a straight line for the service: a curve's bend over 5 points is left.
    scale = 1.5 * condor.quantity
    return [(name, said, ours) for name, said, ours in pairs if not isclose(said, ours, rel_tol=1e-3, abs_tol=scale)]


def test_smiles_at_random(tmp_path: Path) -> None:
    assert not {seed: found for seed in (0, 3, 7, 17) if (found := differences(tmp_path, seed))}


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 1_300, 50))
def test_many_smiles_at_random(tmp_path: Path, first: int) -> None:
    assert not {seed: found for seed in range(first, first + 50) if (found := differences(tmp_path, seed))}
