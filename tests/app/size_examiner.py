"""Compares the message that `alvh size` prints with what the second program of tests/oracles says of the same files."""

import csv
import json
from collections import Counter
from datetime import date
from math import isclose
from pathlib import Path
from typing import Any

import yaml

import alvh.core.hedge
from alvh.app.sizing import sized
from oracles.hedge_units import Unit, choose
from oracles.held_hedge import hedge_behind, lots
from oracles.order_numbers import daily_range, net_debits, order_numbers
from oracles.random_markets import Document
from oracles.sizing_reference import LADDER, ORDER, Answer, Book
from oracles.sizing_results import at_settlement, baseline, break_evens, break_evens_of_all, results, vega3
from oracles.small_cap_puts import Case, Put, comparison, grid, sensitivities, sides
from oracles.spread_financing import sunk_behind
from oracles.vix_market import Market

STRESS = Path(alvh.core.hedge.__file__).parent / "stress.csv"


def cases() -> list[Case]:
    """Return the stress library, which is data: whatever is read from it is priced by each program on its own."""
    rows = csv.DictReader(STRESS.read_text().splitlines())
    return [
        Case(row["name"], float(row["r_spx"]), float(row["r_rut"]), float(row["d_vix"]), float(row["days"]))
        for row in rows
    ]


def by_service(folder: Path, portfolio: Document, market: Document) -> dict[str, Any]:
    paths = folder / "portfolio.yaml", folder / "market.yaml"
    for path, document in zip(paths, (portfolio, market), strict=True):
        path.write_text(yaml.safe_dump(document))
    data: dict[str, Any] = json.loads(sized(*paths))["data"]
    return data


CASES = cases()


def most(unit: Unit) -> float:
    """Return the greatest gain of a spread at settlement, points."""
    (_, bought), (_, sold) = unit.calls
    return sold.strike - bought.strike - unit.can_lose


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
            self.before = lots(portfolio, self.market)
            if not self.before:
                self.contracts()
            self.hedge = hedge_behind(data["actions"], self.before, self.units, self.market)
            gross = sum(lot.sunk(self.market) for lot in self.before)
            self.sunk = sunk_behind(gross, self.book.financing, self.market)
            for name, value in results(self.book, self.hedge, self.sunk).items():
                self.same(name, data[name], value)
            self.condors()
            self.financing()
            self.signals()
            self.orders()
            self.vega()
            self.break_evens()
            self.break_evens_of_all()
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
            if name == "cap":
                continue  # what is held has cost some of it
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

    def condors(self) -> None:
        count = sum(condor.quantity for condor in self.book.condors)
        cost = (self.data["hc_accrual"] + self.sunk) / count
        by_days = sorted(self.book.condors, key=lambda condor: condor.days)
        for said, condor in zip(self.data["condors"], by_days, strict=True):
            ours = condor.numbers(self.market, cost * condor.quantity)
            for name, value in ours.items():
                head, _, tail = name.partition(".")
                self.same(f"condors.{name}", said[head][tail] if tail else said[head], value)

    def financing(self) -> None:
        ours = self.book.financing
        if len(self.data["financing"]) != (ours is not None):
            self.differences.append(("financing", self.data["financing"], ours))
        elif ours is not None:
            for name, value in ours.numbers(self.market).items():
                self.same(f"financing.{name}", self.data["financing"][0][name], value)

    def signals(self) -> None:
        """Compare what of S30, S31, S33, S40, S41 and S47 stands in the list of signals."""
        if len(self.book.condors) != 1:
            return
        m, (condor,) = self.market, self.book.condors
        signals = {signal["id"]: signal for signal in self.data["signals"]}
        period = condor.held_to_expiry(condor.credit)
        efficiency, acceleration = condor.theta_figures(m)
        near = min(m.spx - condor.strikes[1] + condor.credit, condor.strikes[2] + condor.credit - m.spx)
        shares = vega3(self.book, self.hedge)
        ours: dict[str, float | None] = {
            "S30.period": period, "S30.simple": period * 365 / condor.days,
            "S30.compound": (1 + period) ** (365 / condor.days) - 1,
            "S30.expected": m.rv20 and condor.expected_return(m, condor.credit, m.rv20),
            "S30.neutral": condor.expected_return(m, condor.credit, None), "S31": self.data["irr_drag"],
            "S40": daily_range(m), "S40.points": m.spx * daily_range(m) / 100,
            "S41": near / (m.spx * daily_range(m) / 100), "S47": sum(shares) if shares else None,
        }  # fmt: skip
        if self.data["condor"]["mark"] > 0.0:  # where it is worth nothing there is no decay to speak of
            ours |= {"S33.efficiency": efficiency, "S33.acceleration": acceleration}
        expected = self.data["irr_expected"]
        keeps_out = None if expected is None else expected < m.r + 0.05
        if self.data["second_engine"] is not keeps_out:
            self.differences.append(("second_engine", self.data["second_engine"], keeps_out))
        if self.book.exposure:
            ours["S31.small_caps"] = -self.book.small_cap_loss(self.book.design) / self.book.exposure
        is_heavy = bool(shares) and shares[0] / sum(shares) > 0.6 and m.phase in ("STANDBY", "INITIAL")
        if (signals["S47"]["state"] == "front_heavy") != is_heavy:
            self.differences.append(("S47.state", signals["S47"]["state"], is_heavy))
        ours |= {f"S47.share{at}": each / sum(shares) for at, each in enumerate(shares, start=1)}
        for name, value in ours.items():
            head, _, tail = name.partition(".")
            self.same(name, signals[head]["parts"][tail] if tail else signals[head]["value"], value)

    def orders(self) -> None:
        m, data = self.market, self.data
        for action in data["actions"]:
            for name, value in order_numbers(action, m).items():
                self.same(f"{action['leg']}.{name}", action[name], value)
        packages = [each for each in data["packages"] if each["legs"][0]["instrument"].startswith("VIX ")]
        for package, (net, cash) in zip(packages, net_debits(packages, m), strict=True):
            self.same("package.net_limit", package["net_limit"], net)
            self.same("package.net_debit_total", package["net_debit_total"], cash)
        first, second = m.nodes[:2]
        self.same("s12", data["s12"], 100 * (second[1] / first[1] - 1))
        self.same("basis", data["basis"], first[1] - m.vix)
        self.same("daily_roll", data["daily_roll"], self.book.daily_roll)
        gain = sum(n * unit.gain(m, self.book.design) for unit, n in self.hedge)
        if not self.before and not self.book.is_split:
            self.same("shortfall", data["shortfall"], max(0.0, self.answer.numbers["target_gain"] - gain))

    def vega(self) -> None:
        ours = vega3(self.book, self.hedge)
        if len(self.data["vega3"]) != len(ours):
            self.differences.append(("vega3", self.data["vega3"], ours))
        for said, value in zip(self.data["vega3"], ours, strict=False):
            self.same("vega3", said, value)

    def break_evens_of_all(self) -> None:
        rows = {row["leg"]: row for row in self.data["breakevens"]}
        for leg in ("SLEEVE", "BOOK"):
            if leg not in rows:
                continue
            for name, t in (("d_vix_now", 0), ("d_vix_14d", 14)):
                said, is_book = rows[leg][name], leg == "BOOK"
                ours = break_evens_of_all(self.book, self.hedge, t, with_condors=is_book)
                if is_book:  # what a message tells is where a rise of the VIX makes it so, up to its threefold or 150
                    reach = max(20.0, min(2 * self.market.vix, 150.0 - self.market.vix))
                    ours = [d for d in ours if 1e-3 < d < reach]
                self.is_one_of(f"{leg}.{name}", said, ours)
            self.linked(rows[leg])

    def linked(self, row: Document) -> None:
        for name in ("now", "14d"):
            d = row[f"d_vix_{name}"]
            if d is not None:
                self.same(f"{row['leg']}.spx_pct_{name}", row[f"spx_pct_{name}"], 100 * self.market.spx_return(d))
                self.same(f"{row['leg']}.vix_star_{name}", row[f"vix_star_{name}"], self.market.vix + d)

    def break_evens(self) -> None:
        rows = {leg: [row for row in self.data["breakevens"] if row["leg"] == leg] for leg in ORDER}
        for leg, told in rows.items():
            new = [self.units[leg]] if leg in self.units else []
            candidates = [lot.unit for lot in self.before if lot.unit.leg == leg] + new
            for row in told:
                # A row names its leg alone: the unit is the one whose settlement break-even it has.
                # Two spreads may share it: then the one with the same greatest gain.
                nearest = min(candidates, key=lambda unit: self.distance(row, unit), default=None)
                if nearest is not None:
                    self.break_even_of(row, nearest)

    def distance(self, row: Document, unit: Unit) -> float:
        far = abs(at_settlement(self.market, unit) - float(row["at_settlement"]))
        if row["max_gain"] is not None and len(unit.calls) == 2:
            far += abs(float(row["max_gain"]) / 100 - most(unit))
        if row["d_vix_now"] is not None:  # a lot bought at what it costs today differs in this alone
            roots = break_evens(self.book, unit, 0.0)
            far += 1e-4 * min((abs(root - row["d_vix_now"]) for root in roots), default=1.0)
        return far

    def break_even_of(self, row: Document, unit: Unit) -> None:
        m, leg = self.market, row["leg"]
        self.same(f"{leg}.at_settlement", row["at_settlement"], at_settlement(m, unit))
        self.same(f"{leg}.at_settlement_with_fees", row["at_settlement_with_fees"],
                  at_settlement(m, unit, with_fees=True))  # fmt: skip
        if len(unit.calls) == 2:
            self.same(f"{leg}.max_gain", row["max_gain"], 100 * most(unit))
        for name, t in (("d_vix_now", 0), ("d_vix_14d", 14)):
            if t < (unit.days - 7 if unit.months else unit.days):
                self.is_one_of(f"{leg}.{name}", row[name], break_evens(self.book, unit, t))
        self.linked(row)

    def is_one_of(self, name: str, said: float | None, ours: list[float]) -> None:
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
        possible = [case for case in CASES if self.market.vix + case.d_vix >= 1.0]
        for name, value in sides(self.book, legs, put, possible).items():
            told: Any = said
            for part in name.split(".", 2):
                told = told[part]
            self.same(f"iwm_puts.{name}", told, value)
        for name, value in sensitivities(self.book, legs, put).items():
            self.same(f"iwm_puts.sensitivities.{name}", said["sensitivities"][name], value)
        self.grid(said, grid(self.book, legs, put, said["qty_equal_cost"], said["hedge_units_equal_cost"]))

    def grid(self, said: Document, ours: list[tuple[float, float]]) -> None:
        """Compare cell by cell; the message rounds them to cents."""
        told = list(zip(said["grid"]["puts"], said["grid"]["hedge"], strict=True))
        far = [
            (a, b)
            for a, b in zip(told, ours, strict=True)
            if max(abs(x - y) for x, y in zip(a, b, strict=True)) > 0.0051
        ]
        if far:
            self.differences.append(("iwm_puts.grid", *far[0]))


def compared(folder: Path, portfolio: Document, market: Document) -> Compared:
    return Compared(by_service(folder, portfolio, market), portfolio, market)
