"""`alvh size` against a program of its own: the worked vectors in both, then markets and portfolios drawn at random."""

import json
from collections import Counter
from datetime import date
from math import isclose
from pathlib import Path
from typing import Any

import pytest
import yaml

from alvh.app.sizing import sized
from oracles.hedge_units import Unit, choose
from oracles.random_markets import Document, drawn
from oracles.sizing_reference import LADDER, ORDER, Answer, Book
from oracles.sizing_results import at_settlement, baseline, break_evens, results
from oracles.small_cap_puts import Put, comparison
from oracles.vix_market import Market

EXAMPLES = Path(__file__).parents[2] / "examples"
VECTOR_MARKET: Document = yaml.safe_load((EXAMPLES / "market-vector-a.yaml").read_text())
VECTOR_BOOK: Document = yaml.safe_load((EXAMPLES / "portfolio-vector-a.yaml").read_text())
CONDOR_D = {
    "expiry": "2026-01-26", "quantity": 4, "credit": 9.70, "short_put": 5700, "long_put": 5650, "short_call": 6300,
    "long_call": 6350,
}  # fmt: skip


def by_service(folder: Path, portfolio: Document, market: Document) -> dict[str, Any]:
    paths = folder / "portfolio.yaml", folder / "market.yaml"
    for path, document in zip(paths, (portfolio, market), strict=True):
        path.write_text(yaml.safe_dump(document))
    data: dict[str, Any] = json.loads(sized(*paths))["data"]
    return data


class Compared:
    """One message and what the reference says of it; differences are collected by name."""

    def __init__(self, data: dict[str, Any], portfolio: Document, market: Document) -> None:
        self.data, self.differences = data, list[tuple[str, Any, Any]]()
        scenario = portfolio.get("methodology", {}).get("scenario", {})
        self.market = Market(market, vvix_beta=scenario.get("vvix_beta", 0.0))
        self.book = Book(portfolio, self.market)
        self.units = choose(self.market)
        self.answer: Answer = self.book.solve(self.units)
        self.targets()
        # Where a leg was replaced (L-F) the reference, which replaces nothing, has no opinion on what follows.
        if not data["fallbacks_used"]:
            self.contracts()
            for name, value in results(self.book, self.answer).items():
                self.same(name, data[name], value)
            self.break_evens()
            self.puts()

    def same(self, name: str, said: float | None, ours: float | None) -> None:
        equal = said is ours if said is None or ours is None else isclose(said, ours, rel_tol=1e-6, abs_tol=1e-5)
        if not equal:
            self.differences.append((name, said, ours))

    def targets(self) -> None:
        data, book = self.data, self.book
        for name, share in (("l5", 5 / 6), ("l6", 1.0), ("l7", 7 / 6)):
            self.same(name, data[name], book.loss(book.design * share))
        if book.exposure:
            self.same("smallcap_loss6", data["smallcap_loss6"], book.small_cap_loss(book.design))
            for name, value in baseline(book, data["m"]).items():
                self.same(f"baseline.{name}", data["baseline"][name], value)
        for name, value in self.answer.numbers.items():
            self.same(name, data[name], value)
        self.same("d_design", data["d_design"], book.design)

    def contracts(self) -> None:
        data = self.data
        bought: Counter[str] = Counter()
        for action in data["actions"]:
            if action["leg"] in ORDER and action["side"] != "NONE":
                bought[action["leg"]] = max(bought[action["leg"]], action["qty"])
        ours = {leg: count for leg, count in self.answer.contracts.items() if count}
        if dict(bought) != ours:
            self.differences.append(("contracts", dict(bought), ours))
        if self.book.loss(self.book.design * 7 / 6) > 0.0:
            self.same("feasibility_r", data["feasibility_r"], self.answer.feasibility)
            self.same("feasibility_r_untilted", data["feasibility_r_untilted"], self.answer.feasibility_untilted)

    def break_evens(self) -> None:
        for row in self.data["breakevens"]:
            unit = self.units.get(row["leg"])
            if unit is None:
                continue
            self.same(f"{row['leg']}.at_settlement", row["at_settlement"], at_settlement(self.market, unit))
            for name, t in (("d_vix_now", 0), ("d_vix_14d", 14)):
                if t < (unit.days - 7 if unit.months else unit.days):
                    self.one_of(f"{row['leg']}.{name}", row[name], unit, t)

    def one_of(self, name: str, said: float | None, unit: Unit, t: int) -> None:
        ours = break_evens(self.book, unit, t)
        if (said is None) != (not ours) or (said is not None and min(abs(said - each) for each in ours) > 1e-6):
            self.differences.append((name, said, ours))

    def puts(self) -> None:
        said = self.data["iwm_puts"]
        legs = {leg: unit for leg, unit in self.units.items() if leg in LADDER}
        if self.market.phase == "STANDBY":
            legs.pop("L1", None)
        if said is None or not legs:
            assert said is None or not self.book.exposure
            return
        put = Put(self.book, (date.fromisoformat(said["expiry"]) - self.market.session).days)
        for name, value in comparison(self.book, legs, put).items():
            self.same(f"iwm_puts.{name}", said[name], value)


def compared(folder: Path, portfolio: Document, market: Document) -> Compared:
    return Compared(by_service(folder, portfolio, market), portfolio, market)


VECTORS = [
    ("A", {}, {}, {"L1": 6, "L3a": 6, "L3b": 3}, 1.2289),
    ("B", {}, {"phase": "CONFIRMED", "a": 0.15}, {"L1": 4, "L1b": 6, "L2": 4, "L3a": 4, "L3b": 3}, None),
    ("D", {"condors": [CONDOR_D]}, {}, None, 1.0037),
]


@pytest.mark.parametrize(
    ("name", "book", "market", "contracts", "feasibility"), VECTORS, ids=lambda each: str(each)[:1]
)
def test_the_worked_vectors(
    tmp_path: Path,
    name: str,
    book: Document,
    market: Document,
    contracts: dict[str, int] | None,
    feasibility: float | None,
) -> None:
    both = compared(tmp_path, VECTOR_BOOK | book, VECTOR_MARKET | market)
    assert not both.differences
    if contracts is not None:
        assert {leg: n for leg, n in both.answer.contracts.items() if n} == contracts
    if feasibility is not None:
        assert round(both.answer.feasibility, 4) == feasibility


def differences(folder: Path, seeds: range) -> dict[int, list[tuple[str, Any, Any]]]:
    found = {}
    for seed in seeds:
        each = drawn(seed)
        both = compared(folder, each.portfolio, each.market)
        if both.differences:
            found[seed] = both.differences
    return found


@pytest.mark.parametrize("first", range(0, 24, 8))
def test_markets_at_random(tmp_path: Path, first: int) -> None:
    assert not differences(tmp_path, range(first, first + 8))


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 3_000, 100))
def test_many_markets_at_random(tmp_path: Path, first: int) -> None:
    assert not differences(tmp_path, range(first, first + 100))
