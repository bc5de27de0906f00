"""The stress library as shipped and as somebody breaks it, against the tapes it was made of, and the two paths."""

import csv
from pathlib import Path

import pytest

import alvh.core.hedge
from alvh.core.hedge.stress import applicable, chop_path, grind_path, read_library
from alvh.errors import InputError

SHIPPED = Path(alvh.core.hedge.__path__[0]) / "stress.csv"
TAPES = Path(__file__).parents[3].parent / "shared" / "data" / "tapes"
HEADER = "name,r_spx,r_rut,d_vix,days,sessions,from,to,source"


def test_shipped_library_reads_and_names_its_sources() -> None:
    cases = read_library(SHIPPED.read_text(encoding="utf-8"))
    assert len(cases) >= 20
    assert all(case.source and case.start and case.end and case.start < case.end for case in cases)
    assert any(case.r_spx > 0 for case in cases), "rebounds belong to it"
    assert all((case.end - case.start).days == case.days for case in cases if case.start and case.end)


@pytest.mark.skipif(not TAPES.exists(), reason="the shared tapes are not beside the repository")
def test_shipped_moves_are_the_tapes_own() -> None:
    closes: dict[str, dict[str, float]] = {}
    for index in ("SPX", "RUT", "VIX"):
        closes[index] = {}
        for folder in ("daily-2004-2012", "intraday-2024"):
            with (TAPES / folder / f"{index}.csv").open(encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    if "close" in row:
                        closes[index][row["date"]] = float(row["close"])
                    elif row["ts"][11:16] == "16:00":
                        closes[index][row["ts"][:10]] = float(row["last"])
    sessions = sorted(closes["SPX"])
    for case in read_library(SHIPPED.read_text(encoding="utf-8")):
        start, end = str(case.start), str(case.end)
        assert closes["SPX"][end] / closes["SPX"][start] - 1 == pytest.approx(case.r_spx, abs=1e-6)
        assert closes["RUT"][end] / closes["RUT"][start] - 1 == pytest.approx(case.r_rut, abs=1e-6)
        assert closes["VIX"][end] - closes["VIX"][start] == pytest.approx(case.d_vix, abs=5e-3)
        assert sessions.index(end) - sessions.index(start) == case.sessions


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name,r_spx\na,0.1", "missing r_rut"),
        (f"{HEADER}\na,x,0,0,1,1,,,me", "line 2: r_spx"),
        (f"{HEADER}\na,nan,0,0,1,1,,,me", "line 2: r_spx"),
        (f"{HEADER}\na,-1.5,0,0,1,1,,,me", "return above -1"),
        (f"{HEADER}\na,0,0,0,1.5,1,,,me", "line 2: days"),
        (f"{HEADER}\na,0,0,0,1,1,yesterday,,me", "line 2: from"),
        (f"{HEADER}\na,0,0,0,1,1,,,", "line 2: source"),
        (f"{HEADER}\na,0,0,0,1,1,,,me\na,0,0,0,1,1,,,me", "unique"),
    ],
)
def test_a_broken_library_is_named_by_line_and_field(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        read_library(text)


def test_a_fall_of_the_vix_is_left_out_where_it_would_end_below_zero() -> None:
    (case,) = read_library(f"{HEADER}\nrebound,0.1,0.1,-14.96,3,1,,,me")
    assert list(applicable([case], 13.0)) == []
    assert list(applicable([case], 70.0)) == [case]


def test_paths() -> None:
    grind = grind_path()
    assert len(grind) == 15
    assert grind[0].r_spx == pytest.approx(-0.003)
    assert grind[-1].r_spx == pytest.approx(0.997**15 - 1)
    assert grind[-1].d_vix == pytest.approx(1.5)
    assert (grind[0].day, grind[4].day, grind[5].day, grind[-1].day) == (3, 7, 10, 21)
    chop = chop_path(4)
    assert [round(point.r_spx, 6) for point in chop] == [0.01, -0.0001, 0.009899, -0.0002]
    assert {point.d_vix for point in chop} == {0.0}
