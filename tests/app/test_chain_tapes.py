"""Tapes with chain files, and the simulator's chains, through the engine and `alvh signals`."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from alvh.adapters.simulator import SimulatorFeed
from alvh.adapters.simulator.options import spx_chain, vix_chain, vx_curve
from alvh.app.replaying import signals
from alvh.app.signal_rows import signal_columns, signal_row
from alvh.app.sources import calendar, configuration, tape_events
from alvh.core.effects import Publish
from alvh.core.engine import Engine
from alvh.core.events import Event
from alvh.core.sessions import SessionCalendar
from alvh.core.signals.position import TERMS
from alvh.settings import Portfolio, Settings
from core.hedge.test_chain import CHAINS, needs_chains
from tapes import write_tape

Node = tuple[date, float]
PORTFOLIO: dict[str, Any] = {
    "id": "core",
    "small_caps": [{"symbol": "RUT", "shares": 100}],
    "condor_program": {"dte": 35, "short_delta": 0.20, "long_delta": 0.05, "quantity": 4, "roll": "expiry"},
}
STRESS = (
    "name,r_spx,r_rut,d_vix,days,sessions,from,to,source",
    "fall,-0.10,-0.13,12,7,5,,,made up",
    "calm,0.01,0.01,-1,7,5,,,made up",
)
SESSIONS = (date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 6))


def portfolio(**more: Any) -> Settings:  # noqa: ANN401 - fields of a portfolio
    return Settings(portfolios=[Portfolio.model_validate({**PORTFOLIO, **more})])


def tape(
    folder: Path, prices: Mapping[date, Mapping[str, float]], curves: Mapping[date, Iterable[Node]],
    chains: Mapping[str, Sequence[str]],
) -> Path:  # fmt: skip
    """Write a tape of closes, curves and chain files."""
    names = sorted({name for row in prices.values() for name in row})
    files: dict[str, Sequence[str]] = {
        f"{name}.csv": ["date,close", *(f"{day},{row[name]}" for day, row in prices.items())] for name in names
    }
    rows = [f"{day},{expiry},{settle}" for day, nodes in curves.items() for expiry, settle in nodes]
    files["VX.csv"] = ["date,expiry,settle", *rows]
    return write_tape(folder, {**files, **chains})


def chain_lines(rows: Iterable[Sequence[object]]) -> list[str]:
    return ["expiry,right,strike,bid,ask,iv,root", *(",".join("" if c is None else str(c) for c in r) for r in rows)]


def told(events: Iterable[Event]) -> tuple[Engine, list[dict[str, Any]]]:
    engine = Engine()
    effects = [effect for event in events for effect in engine.handle(event) if isinstance(effect, Publish)]
    return engine, [json.loads(effect.body)["data"] for effect in effects if effect.kind == "adjustment"]


def deltas_of(condor: Mapping[str, Any], listed: Iterable[Mapping[str, str]]) -> list[float]:
    """The vendor's own |delta| of a condor's four legs."""
    by_key = {(r["expiry"], r["root"], r["right"], float(r["strike"])): abs(float(r["delta"])) for r in listed}
    legs = condor["legs"]
    return [
        by_key[condor["expiry"], condor["trading_class"], "P" if name.endswith("put") else "C", legs[name]]
        for name in ("long_put", "short_put", "short_call", "long_call")
    ]


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    """Three sessions of the simulator's surface, the last without chains."""
    sessions = SessionCalendar(calendar(Settings().calendar, SESSIONS[0], SESSIONS[-1]).sessions)
    market = {"SPX": 5100.0, "RUT": 2050.0, "VIX": 15.0, "VVIX": 88.0, "RVX": 20.0}
    curves = {day: [node[:2] for node in vx_curve(sessions, day, 15.0)] for day in SESSIONS}
    chains = {}
    for day in SESSIONS[:2]:
        chains[f"chain-SPX-{day}.csv"] = chain_lines(spx_chain(sessions, day, 5100.0, 15.0))
        chains[f"chain-VIX-{day}.csv"] = chain_lines(vix_chain(day, 15.0, 88.0, vx_curve(sessions, day, 15.0)))
    return tape(tmp_path / "tape", dict.fromkeys(SESSIONS, market), curves, chains)


def test_a_tape_with_chains_is_priced_at_quotes_and_says_where_it_is_not(simulated: Path) -> None:
    _, (first, *_) = told(tape_events(str(simulated), portfolio()))
    assert (first["pricing"], first["executable"]) == ("quotes", False)
    assert all(check["passed"] for check in first["liquidity"])
    bought = [action for action in first["actions"] if action["side"] == "BUY"]
    assert bought
    assert all(action["limit_price"] == action["ask"] for action in bought)
    often = portfolio(methodology={"timer": {"soft": 1, "hard": 2}})
    _, messages = told(tape_events(str(simulated), often))
    last = messages[-1]
    assert (last["asof_session"], last["pricing"], last["executable"]) == (str(SESSIONS[2]), "model", False)
    assert "Model prices: not executable." in last["text"]


def test_rows_of_signals_have_all_forty_eight_where_the_tape_gives_them(simulated: Path, tmp_path: Path) -> None:
    library = write_tape(tmp_path, {"stress.csv": STRESS}) / "stress.csv"
    settings = portfolio().model_copy(update={"stress": library})
    out = tmp_path / "signals.csv"
    assert signals(str(simulated), settings, out) == len(SESSIONS)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])
    assert [name for name in names if "_" not in name][1:] == [f"S{n:02d}" for n in range(1, 49)]
    for row, has_chain in zip(rows, (True, True, False), strict=True):
        for name in ("S17", "S34", "S36", "S46"):
            assert (row[name] != "") is has_chain, (row["date"], name)
        for name in ("S01", "S02", "S30", "S39", "S40", "S41", "S47", "S48"):
            assert (row[name] != "") is (row["date"] != str(SESSIONS[0]) or name not in ("S01", "S02")), name
        assert row["S35"] == "", "a tape's futures have no quotes"
        assert float(row["S48"]) < 0.0


def test_the_library_is_part_of_the_log_and_its_faults_are_named(tmp_path: Path) -> None:
    library = write_tape(tmp_path, {"stress.csv": STRESS}) / "stress.csv"
    settings = portfolio().model_copy(update={"stress": library})
    one, other = configuration(settings, 0), configuration(portfolio(), 0)
    assert [case["name"] for case in one.document["stress"]] == ["fall", "calm"]
    assert one.config_hash != other.config_hash


def test_the_simulator_quotes_what_parity_and_the_forward_bound_need() -> None:
    settings = portfolio()
    known = calendar(settings.calendar, date(2025, 1, 2), date(2026, 12, 31))
    engine = Engine()
    engine.handle(configuration(settings, 0))
    engine.handle(known)
    feed = SimulatorFeed(SessionCalendar(known.sessions), quote_interval_s=3600)
    for event in feed.replay():
        engine.handle(event)
        if engine.session is not None:
            break
    row = signal_row(engine)
    assert set(row) >= set(TERMS) - {"S48"}
    for name in ("S17", "S34", "S35", "S36", "S41", "S46", "S47"):
        assert row[name] is not None, name
    columns = signal_columns(engine)
    assert len(columns) == len(set(columns))


# Real chains


def real_lines(name: str) -> tuple[list[dict[str, str]], list[str]]:
    with (CHAINS / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, chain_lines(
        [r["expiry"], r["right"], r["strike"], r["bid"], r["ask"], r["iv"], r["root"]] for r in rows
    )


def wednesdays(first: date, count: int, level: float) -> list[Node]:
    return [(first + timedelta(days=28 * n), level + 0.1 * n) for n in range(count)]


@needs_chains
@pytest.mark.parametrize("trading_class", ["SPXW", "SPX"])
def test_stress_day_as_a_tape_sells_the_program_at_its_touch(tmp_path: Path, trading_class: str) -> None:
    listed, lines = real_lines("chain_SPX_2022-06-10.csv")
    day = date(2022, 6, 10)
    prices = {day: {"SPX": 3900.8601, "RUT": 1800.28, "VIX": 27.75, "VVIX": 105.0}}
    curves = {day: wednesdays(date(2022, 6, 15), 9, 27.9)}
    folder = tape(tmp_path / "tape", prices, curves, {f"chain-SPX-{day}.csv": lines})
    program = {**PORTFOLIO["condor_program"], "trading_class": trading_class}
    engine, (first, *_) = told(tape_events(str(folder), portfolio(condor_program=program)))
    (condor,) = first["condors"]
    assert (condor["trading_class"], condor["expiry"], condor["dte"]) == (trading_class, "2022-07-15", 35)
    for found, wanted in zip(deltas_of(condor, listed), (0.05, 0.20, 0.20, 0.05), strict=True):
        assert abs(found - wanted) <= 0.025, "the program's own deltas lie within 0.02; the vendor's differ by a hair"
    touch = {(r["right"], float(r["strike"])): (float(r["bid"]), float(r["ask"])) for r in listed
             if (r["expiry"], r["root"]) == ("2022-07-15", trading_class)}  # fmt: skip
    legs = condor["legs"]
    credit = (touch["P", legs["short_put"]][0] - touch["P", legs["long_put"]][1]
              + touch["C", legs["short_call"]][0] - touch["C", legs["long_call"]][1])  # fmt: skip
    assert condor["credit"] == pytest.approx(credit)
    assert first["pricing"] == "model", "the day has no VIX chain: the hedge is priced by the surface"
    assert first["executable"] is False
    row = signal_row(engine)
    assert row["S17"] == pytest.approx(6.0, abs=0.5)
    assert row["S46"] is not None
    assert row["S36"] is not None


@needs_chains
def test_the_2013_chains_as_a_tape_are_refused_with_their_reasons(tmp_path: Path) -> None:
    """One wide SPX expiry: no condor; one VIX expiry of 57 days: no leg of the hedge has its tenor."""
    chains, days = {}, (date(2013, 6, 24), date(2013, 6, 25))
    for name, day in (("SPX", days[0]), ("VIX", days[1])):
        chains[f"chain-{name}-{day}.csv"] = real_lines(f"chain_{name}_{day}.csv")[1]
    prices = {
        days[0]: {"SPX": 1573.09, "RUT": 951.05, "VIX": 20.11, "VVIX": 95.0},
        days[1]: {"SPX": 1588.03, "RUT": 963.94, "VIX": 18.47, "VVIX": 92.0},
    }
    curves = {day: [(date(2013, 7, 17), 18.9), (date(2013, 8, 21), 19.2), (date(2013, 9, 18), 19.5)] for day in days}
    folder = tape(tmp_path / "tape", prices, curves, chains)
    every_day = {"timer": {"soft": 1, "hard": 1}}
    program = {**PORTFOLIO["condor_program"], "trading_class": "SPX"}
    settings = portfolio(methodology=every_day, condor_program=program)
    _, (first, second) = told(tape_events(str(folder), settings))
    assert first["condors"] == []
    assert any(note.startswith("no_condor:liquidity: SPX 2013-08-16") for note in first["notes"]), first["notes"]
    assert first["pricing"] == "model"
    assert second["pricing"] == "quotes"
    assert second["executable"] is False
    assert "LIQ" in second["reason_codes"]
    assert {(check["leg"], check["passed"]) for check in second["liquidity"]} == {("L3a", False), ("L3b", False)}
    assert [action for action in second["actions"] if action["qty"]] == []


def quoted_tape(folder: Path, half: float | None, etp: str = "") -> Path:
    """Three closes: VIX options far too wide, futures quoted `half` points to each side of their price, or not."""
    prices = {day: {"SPX": 5000.0, "RUT": 2000.0, "VIX": 15.0, "VVIX": 90.0, "RVX": 20.0} for day in SESSIONS}
    sessions = calendar(Settings().calendar, SESSIONS[0], SESSIONS[-1]).sessions
    known = SessionCalendar(sessions)
    chains: dict[str, Sequence[str]] = {}
    futures = ["date,expiry,settle,bid,ask"]
    for day in SESSIONS:
        nodes = vx_curve(known, day, 15.0)
        wide = [
            (*row[:3], max(row[3] - 2.0, 0.01), row[4] + 2.0, *row[5:]) for row in vix_chain(day, 15.0, 90.0, nodes)
        ]
        chains[f"chain-VIX-{day}.csv"] = chain_lines(wide)
        chains[f"chain-SPX-{day}.csv"] = chain_lines(spx_chain(known, day, 5000.0, 15.0))
        for expiry, level, _, _ in nodes:
            touch = ["", ""] if half is None else [level - half, level + half]
            futures.append(",".join(str(cell) for cell in (day, expiry, level, *touch)))
    made = tape(folder, prices, {}, chains)
    (made / "VX.csv").write_text("\n".join(futures) + "\n")
    if etp:
        (made / "VIXY.csv").write_text("\n".join(["ts,last,bid,ask", *(f"{day}T21:00:00Z,{etp}" for day in SESSIONS)]))
    return made


@pytest.mark.parametrize(("half", "etp", "fallback", "names"), [
    (0.02, "", "future", {"VXMM24", "VXMV24"}),
    (0.05, "", "future", {"VXM24", "VXV24"}),
    (None, "40.0,39.98,40.02", "etp", {"VIXY"}),
    (None, "40.0,30.0,50.0", "skip", set()),
    (None, "", "skip", set()),
])  # fmt: skip
def test_a_tape_whose_vix_options_are_too_wide_is_hedged_by_what_it_quotes_instead(
    half: float | None, etp: str, fallback: str, names: set[str], tmp_path: Path
) -> None:
    folder = quoted_tape(tmp_path / "tape", half, etp)
    engine = Engine()
    (first, *_) = (
        json.loads(effect.body)["data"]
        for event in tape_events(str(folder), portfolio(condor_program={**PORTFOLIO["condor_program"], "quantity": 60}))
        for effect in engine.handle(event)
        if isinstance(effect, Publish) and effect.kind == "adjustment"
    )
    assert first["fallbacks_used"] == [f"L3a: {fallback}", f"L3b: {fallback}"]
    assert {action["instrument"] for action in first["actions"] if action["qty"]} == names
    assert (first["residual_unhedged"] > 0.0) == (fallback == "skip")
    assert ("LIQ" in first["reason_codes"]) == (fallback == "skip")
