"""The book equals TA-Lib, numpy and statsmodels on real history, and goes on alike after any restart."""

import json
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
import talib

from alvh.core.signals import Bar, SignalBook

Array = npt.NDArray[np.float64]


class Table:
    """Everything a book printed, by column, with the inputs beside it; NaN for what is empty."""

    def __init__(self, days: list[Any], book: SignalBook) -> None:
        rows = []
        for one in days:
            book.close(*one)
            rows.append([np.nan if value is None else value for value in book.row()])
        self._numbers = np.array(rows, dtype=float)
        self._columns = {name: number for number, name in enumerate(book.columns)}
        self._days = days

    def __getitem__(self, column: str) -> Array:
        return self._numbers[:, self._columns[column]]

    def prices(self, instrument: str) -> Array:
        return np.array([d.bars[instrument].price if instrument in d.bars else np.nan for d in self._days])


@pytest.fixture(scope="module")
def table(history: list[Any]) -> Table:
    return Table(history, SignalBook())


def _spread(values: Array, where: Array) -> Array:
    """Put values computed over the sessions `where` back into their rows."""
    rows = np.full(where.shape, np.nan)
    rows[where] = values
    return rows


def _same(ours: Array, theirs: Array) -> None:
    assert np.isfinite(theirs).sum() > 100
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("column", "instrument"), [("S05_rsi", "RUT"), ("S07_rsi", "VIX"), ("S04_rsi_spx", "SPX")])
def test_rsi_equals_talib(table: Table, column: str, instrument: str) -> None:
    prices = table.prices(instrument)
    here = np.isfinite(prices)
    expected = _spread(talib.RSI(prices[here], 14), here)
    ours = table[column]
    if column == "S04_rsi_spx":
        assert here.all()
    _same(ours, expected)


@pytest.mark.parametrize(
    ("prefix", "numerator", "denominator", "first_line"),
    [("S03", "IWM", "SPX", 26), ("S03_rut", "RUT", "SPX", 26), ("S06", "VIX", None, 34), ("S08", "RUT", None, 34)],
)
def test_macd_equals_talib(table: Table, prefix: str, numerator: str, denominator: str | None, first_line: int) -> None:
    series = table.prices(numerator)
    if denominator is not None:
        series = series / table.prices(denominator) * 1000.0
    here = np.isfinite(series)
    line, signal, hist = (_spread(values, here) for values in talib.MACD(series[here], 12, 26, 9))
    _same(table[f"{prefix}_signal"], signal)
    _same(table[f"{prefix}_hist"], hist)
    ours = table[f"{prefix}_macd"]
    defined = np.isfinite(line)
    np.testing.assert_allclose(ours[defined], line[defined], rtol=0, atol=1e-9)
    # The line is defined from bar 26 (methodology, S03); TA-Lib shows it from bar 34 only.
    assert np.flatnonzero(np.isfinite(ours))[0] == np.flatnonzero(here)[first_line - 1]


def test_difference_of_rsi_and_its_zscore(table: Table) -> None:
    difference = talib.RSI(table.prices("RUT"), 14) - talib.RSI(table.prices("SPX"), 14)
    _same(table["S04_difference"], difference)
    z = np.full(difference.shape, np.nan)
    for t in range(14 + 60, len(z)):
        window = difference[t - 60 : t]
        z[t] = (difference[t] - window.mean()) / window.std(ddof=1)
    _same(table["S04_z"], z)


def test_mean_spread_excludes_today(table: Table) -> None:
    spread = table.prices("RVX") - table.prices("VIX")
    here = np.isfinite(spread)
    values = spread[here]
    mean = np.array([values[t - 90 : t].mean() if t >= 90 else np.nan for t in range(len(values))])
    x = np.where((values > 0) & (mean > 0), (values - mean) / np.maximum(mean, 1.0), np.nan)
    _same(table["S10_spread"], _spread(values, here))
    _same(table["S10_mean"], _spread(mean, here))
    _same(table["S10_x"], _spread(x, here))


def test_betas_equal_statsmodels(table: Table) -> None:
    rut, spx = table.prices("RUT"), table.prices("SPX")
    y, x = rut[1:] / rut[:-1] - 1, spx[1:] / spx[:-1] - 1
    shrunk = []
    for window, name in ((30, "30"), (90, "90")):
        slope, se, rho2 = (np.full(rut.shape, np.nan) for _ in range(3))
        for t in range(window, len(rut), 7):
            fit = sm.OLS(y[t - window : t], sm.add_constant(x[t - window : t])).fit()
            slope[t], se[t], rho2[t] = fit.params[1], fit.bse[1], fit.rsquared
        rows = np.isfinite(slope)
        np.testing.assert_allclose(table[f"S11_b{name}"][rows], slope[rows], rtol=0, atol=1e-9)
        np.testing.assert_allclose(table[f"S11_se{name}"][rows], se[rows], rtol=0, atol=1e-9)
        np.testing.assert_allclose(table[f"S11_rho2_{name}"][rows], rho2[rows], rtol=0, atol=1e-9)
        assert np.flatnonzero(np.isfinite(table[f"S11_b{name}"]))[0] == window
        ours, error = table[f"S11_b{name}"], table[f"S11_se{name}"]
        weight = error**2 / (error**2 + 0.15**2)
        shrunk.append((1 - weight) * ours + weight * 1.15)
    _same(table["S11_beta"], (shrunk[0] + shrunk[1]) / 2)


def test_capture_and_correlation_equal_numpy(table: Table) -> None:
    rut, spx = table.prices("RUT"), table.prices("SPX")
    y, x = rut[1:] / rut[:-1] - 1, spx[1:] / spx[:-1] - 1
    capture, rho = np.full(rut.shape, np.nan), np.full(rut.shape, np.nan)
    for t in range(20, len(rut)):
        rho[t] = np.corrcoef(x[t - 20 : t], y[t - 20 : t])[0, 1]
        if t >= 60:
            down = x[t - 60 : t] < 0
            capture[t] = np.log1p(y[t - 60 : t][down]).sum() / np.log1p(x[t - 60 : t][down]).sum()
    _same(table["S12_capture"], capture)
    _same(table["S43_rho20"], rho)


def test_curve_and_volatility_signals_equal_numpy(table: Table, history: list[Any]) -> None:
    slope = np.full(len(history), np.nan)
    for number, one in enumerate(history):
        live = [] if one.curve is None else [node for node in one.curve.nodes if node[0] > one.session]
        if len(live) > 1:
            slope[number] = live[1][1] / live[0][1] - 1
    _same(table["S14_slope"], slope)
    _same(table["S16_ratio"], table.prices("VIX") / table.prices("VIX3M"))
    returns = np.diff(np.log(table.prices("SPX")))
    deviations = [returns[t - 20 : t].std(ddof=1) for t in range(20, 1 + len(returns))]
    rv = 100 * np.sqrt(252) * np.array([np.nan] * 20 + deviations)
    _same(table["S18_rv20"], rv)
    _same(table["S18_vrp"], table.prices("VIX") - rv)
    here = np.isfinite(table.prices("RUT"))
    _same(table["S13_sma200"], _spread(talib.SMA(table.prices("RUT")[here], 200), here))


def test_goes_on_alike_after_a_restart_at_every_prefix(made_up: list[Any]) -> None:
    whole, before = SignalBook(), SignalBook()
    for one in made_up:
        restarted = SignalBook()
        restarted.restore(json.loads(json.dumps(before.checkpoint(), allow_nan=False)))
        assert restarted.signals == before.signals
        assert restarted.flags == before.flags
        restarted.close(*one)
        whole.close(*one)
        assert restarted.signals == whole.signals
        assert restarted.flags == whole.flags
        assert restarted.row() == whole.row()
        assert json.dumps(restarted.checkpoint()) == json.dumps(whole.checkpoint())
        before = restarted


def test_rows_stand_under_fixed_columns(made_up: list[Any]) -> None:
    book = SignalBook()
    columns = book.columns
    assert len(set(columns)) == len(columns)
    promised = (
        "S03_macd S03_signal S03_rut_macd S03_rut_signal S04_difference S05_rsi S06_macd S06_signal S07_rsi S08_macd "
        "S08_signal S10_spread S10_mean S10_x S11_b30 S11_b90 S11_beta S12_capture S14_slope S16_ratio S18_rv20 S18_vrp"
    )
    assert set(promised.split()) <= set(columns)
    assert book.row() == ()
    for one in made_up:
        book.close(*one)
        names = [n for s in book.signals for n in (s.id, *(f"{s.id}_{part}" for part, _ in s.parts))]
        assert tuple(names) == columns
        assert len(book.row()) == len(columns)


def test_what_is_missing_today_is_empty_today_and_moves_no_statistic(made_up: list[Any]) -> None:
    with_gap, without = SignalBook(), SignalBook()
    for one in made_up[:150]:
        with_gap.close(*one)
        without.close(*one)
    gap = made_up[150]
    with_gap.close(gap.session, gap.ts_event, {})
    assert {item.quality for item in with_gap.signals} == {"missing"}
    assert {item.value for item in with_gap.signals} == {None}
    flags = with_gap.flags
    assert (flags.ratio_neg, flags.v_r, flags.v_m, flags.v_r_low, flags.calm) == (None,) * 5
    for one in made_up[151:160]:
        with_gap.close(*one)
        without.close(*one)
    kept = [name for name in with_gap.columns if not name.startswith(("S13", "S20"))]
    ours = dict(zip(with_gap.columns, with_gap.row(), strict=True))
    theirs = dict(zip(without.columns, without.row(), strict=True))
    assert {name: ours[name] for name in kept} == {name: theirs[name] for name in kept}


def test_iwm_stands_in_for_rut_as_a_proxy(made_up: list[Any]) -> None:
    book = SignalBook(small_cap="IWM")
    days = [(d.session, d.ts_event, {k: v for k, v in d.bars.items() if k != "RUT"}) for d in made_up]
    full = [one for one in days if {"IWM", "SPX"} <= set(one[2])]
    for one in full:
        book.close(*one)
    quality = {item.id: item.quality for item in book.signals}
    assert {quality[name] for name in ("S04", "S05", "S08", "S11", "S12", "S13", "S43")} == {"proxy"}
    assert quality["S03"] == "ok"
    iwm = np.array([one[2]["IWM"].price for one in full])
    row = dict(zip(book.columns, book.row(), strict=True))
    assert row["S05_rsi"] == pytest.approx(talib.RSI(iwm, 14)[-1], abs=1e-9)


@pytest.mark.parametrize(("minutes", "expected"), [(15, "ok"), (20, "ok"), (21, "async"), (-21, "async")])
def test_stamps_apart_make_it_asynchronous(minutes: int, expected: str) -> None:
    book = SignalBook()
    close_ns = 1_700_000_000_000_000_000
    vix = Bar(price=18.0, ts_event=close_ns + minutes * 60 * 1_000_000_000)
    book.close(date(2024, 1, 2), close_ns, {"VIX": vix, "VIX3M": Bar(price=20.0, ts_event=close_ns)})
    [ratio] = [item for item in book.signals if item.id == "S16"]
    assert ratio.quality == expected
    assert ratio.value == pytest.approx(0.9)
    assert ratio.asof == max(close_ns, vix.ts_event)


def test_used_only_after_its_warm_up_though_shown_before(made_up: list[Any]) -> None:
    book = SignalBook()
    closes = 0
    for one in made_up:
        book.close(*one)
        closes += "VIX" in one.bars
        [rsi] = [item for item in book.signals if item.id == "S07"]
        if "VIX" not in one.bars:
            continue
        assert (rsi.value is not None) == (closes >= 15)
        assert (rsi.quality == "ok") == (closes >= 100)
        assert (book.flags.v_r_low is not None) == (closes >= 100)
