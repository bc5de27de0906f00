"""S17 and S46 from chains: against a program of its own, and on real quotes against the vendor's deltas."""

import csv
import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from alvh.core.events import OptionChain
from alvh.core.hedge.chain import Chain, ChainTerms, Row, build_chain
from alvh.core.hedge.chain_reader import ChainReader
from alvh.core.hedge.chain_signals import premium_of, skew_of
from core.conditions import published
from core.hedge.quoted_desk import PROGRAM, engine, market
from core.hedge.test_chain import CHAINS, needs_chains, real_rows

SESSION = date(2024, 1, 2)
SPOT = 5000.0
TERMS = ChainTerms(session=SESSION, spot=SPOT, rate=0.0, dividend=0.0)


def smile(strike: float, days: int) -> float:
    """A made-up smile, decimal: steeper for the nearer expiry."""
    x = np.log(strike / SPOT) / np.sqrt(days / 365.0)
    return float(0.16 - 0.10 * x * np.sqrt(30.0 / days) + 0.02 * x * x)


def price(strike: float, days: int, right: str) -> float:
    years, vol = days / 365.0, smile(strike, days)
    d1 = (np.log(SPOT / strike) + 0.5 * vol * vol * years) / (vol * np.sqrt(years))
    call = SPOT * norm.cdf(d1) - strike * norm.cdf(d1 - vol * np.sqrt(years))
    return float(call if right == "C" else call - SPOT + strike)


def delta(strike: float, days: int, right: str) -> float:
    years, vol = days / 365.0, smile(strike, days)
    d1 = (np.log(SPOT / strike) + 0.5 * vol * vol * years) / (vol * np.sqrt(years))
    return float(norm.cdf(d1) if right == "C" else norm.cdf(-d1))


def rows(days: int, *, step: int = 5, name: str = "SPXW") -> list[Row]:
    expiry = date.fromordinal(SESSION.toordinal() + days)
    found: list[Row] = []
    for strike in range(4200, 5600, step):
        for right in "CP":
            mid = price(float(strike), days, right)
            if mid > 0.06:
                found.append((expiry, right, float(strike), mid - 0.05, mid + 0.05, None, name))
    return found


def chain(*parts: list[Row]) -> Chain:
    return build_chain("SPX", [row for part in parts for row in part], TERMS)


def skew_at(days: int) -> float:
    """The 25-delta skew of the smile itself, by root finding, points."""
    put = brentq(lambda k: delta(k, days, "P") - 0.25, 4300.0, 5000.0)
    call = brentq(lambda k: delta(k, days, "C") - 0.25, 5000.0, 5500.0)
    return 100.0 * (smile(put, days) - smile(call, days))


def test_skew_equals_that_of_the_smile_it_was_made_from() -> None:
    expected = skew_at(24) + (skew_at(38) - skew_at(24)) * (30 - 24) / (38 - 24)
    assert skew_of(chain(rows(24), rows(38), rows(66))) == pytest.approx(expected, abs=0.02)
    assert skew_of(chain(rows(24), rows(30), rows(38))) == pytest.approx(skew_at(30), abs=0.02)


def test_skew_is_missing_where_no_two_expiries_lie_around_thirty_days() -> None:
    assert skew_of(chain(rows(35), rows(66))) is None
    assert skew_of(chain(rows(10), rows(24))) is None
    assert skew_of(chain()) is None


def test_of_two_classes_of_one_day_the_pm_settled_counts() -> None:
    dearer: list[Row] = [(*row[:3], row[3] * 1.2, row[4] * 1.2, row[5], "SPX") for row in rows(30)]
    both = chain([*dearer, *rows(30)])
    assert skew_of(both) == skew_of(chain(rows(30)))
    assert premium_of(both) == premium_of(chain(rows(30)))


def test_premium_equals_a_search_through_the_strikes() -> None:
    credit, widths = 0.0, []
    for right, sign in (("P", -1), ("C", 1)):
        strikes = [float(k) for k in range(4200, 5600, 5) if price(float(k), 38, right) > 0.06]
        short, long = (min(strikes, key=lambda k: abs(delta(k, 38, right) - goal)) for goal in (0.20, 0.05))
        credit += price(short, 38, right) - price(long, 38, right)
        widths.append(sign * (long - short))
    assert premium_of(chain(rows(24), rows(38), rows(66))) == pytest.approx(credit / max(widths), rel=1e-6)


def test_premium_is_missing_where_the_geometry_is_not_listed() -> None:
    assert premium_of(chain(rows(80))) is None
    assert premium_of(chain(rows(38, step=200))) is None
    assert premium_of(chain()) is None


@needs_chains
def test_stress_day_against_the_vendors_volatilities_and_deltas() -> None:
    """The vendor interpolates nothing: its own IV and delta columns, cut at 25 delta on both sides of 30 days."""
    with (CHAINS / "chain_SPX_2022-06-10.csv").open(newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["root"] == "SPXW" and float(row["iv"]) > 0.0]
    points = {}
    for expiry in ("2022-07-08", "2022-07-11"):
        ivs = []
        for right in "PC":
            side = sorted((abs(float(r["delta"])), float(r["iv"])) for r in listed
                          if (r["expiry"], r["right"]) == (expiry, right))  # fmt: skip
            ivs.append(float(np.interp(0.25, [at for at, _ in side], [iv for _, iv in side])))
        points[(date.fromisoformat(expiry) - date(2022, 6, 10)).days] = 100.0 * (ivs[0] - ivs[1])
    expected = float(np.interp(30.0, list(points), list(points.values())))
    real = build_chain("SPX", real_rows("chain_SPX_2022-06-10.csv"), ChainTerms.of(date(2022, 6, 10), 3900.8601))
    assert skew_of(real) == pytest.approx(expected, abs=0.5)
    premium = premium_of(real)
    assert premium is not None
    assert 0.06 < premium < 0.30


def test_a_close_takes_them_from_its_own_session_alone() -> None:
    made, seen = engine(PROGRAM), []
    for number, has_chains in enumerate((True, False, True)):
        for event in market(number, 5000.0, 15.0, chains=has_chains):
            for message in published(made.handle(event), "signals"):
                parts: list[dict[str, Any]] = json.loads(message.body)["data"]["signals"]
                seen.append({part["id"]: part for part in parts if part["id"] in ("S17", "S46")})
    for number, has_chains in enumerate((True, False, True)):
        assert (seen[number]["S17"]["value"] is not None) is has_chains
        assert seen[number]["S46"]["quality"] == ("ok" if has_chains else "missing")
        assert seen[number]["S17"]["state"] == ("warming" if has_chains else "missing")


def test_a_chain_is_read_once_for_all_and_anew_under_other_terms() -> None:
    event = next(each for each in market(0, 5000.0, 15.0) if isinstance(each, OptionChain))
    reader = ChainReader()
    one = reader.read(event, TERMS)
    assert reader.read(event, TERMS) is one
    assert reader.read(event, ChainTerms.of(SESSION, SPOT + 1.0)) is not one
