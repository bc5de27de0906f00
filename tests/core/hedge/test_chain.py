"""Option chains: what is refused and counted, classes told apart, forwards, volatilities, and three real chains."""

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.hedge.chain import Chain, ChainTerms, Row, build_chain, parity_forward
from alvh.core.hedge.curve import VixCurve
from alvh.core.hedge.pricing import black76
from alvh.core.hedge.settlement import Settlement

CHAINS = Path(__file__).parents[3].parent / "shared" / "data" / "chains"
needs_chains = pytest.mark.skipif(not CHAINS.exists(), reason="the shared chains are not beside the repository")
SESSION = date(2026, 5, 18)
EXPIRY = date(2026, 6, 17)
GOOD: Row = (EXPIRY, "C", 19.0, 1.65, 1.75, 0.88, "VIX")


def real_rows(name: str) -> list[Row]:
    def number(text: str) -> float:
        return float(text) if text else math.nan

    with (CHAINS / name).open(encoding="utf-8") as file:
        return [
            (
                date.fromisoformat(row["expiry"]),
                row["right"],
                number(row["strike"]),
                number(row["bid"]),
                number(row["ask"]),
                float(row["iv"]) if row["iv"] else None,
                row["root"],
            )
            for row in csv.DictReader(file)
        ]


def vix_chain(*rows: Row, future: float | None = 18.60) -> Chain:
    futures = {} if future is None else {EXPIRY: future}
    return build_chain("VIX", rows, ChainTerms(session=SESSION, spot=17.20, futures=futures))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((EXPIRY, "C", 19.0, math.nan, 1.75, None, "VIX"), "not_a_number"),
        ((EXPIRY, "C", 19.0, 1.65, math.inf, None, "VIX"), "not_a_number"),
        ((EXPIRY, "C", 0.0, 1.65, 1.75, None, "VIX"), "bad_strike"),
        ((EXPIRY, "X", 19.0, 1.65, 1.75, None, "VIX"), "bad_right"),
        ((EXPIRY, "C", 19.0, 0.0, 1.75, None, "VIX"), "no_bid"),
        ((EXPIRY, "C", 19.0, -1.0, 1.75, None, "VIX"), "no_bid"),
        ((EXPIRY, "C", 19.0, 1.65, 0.0, None, "VIX"), "no_ask"),
        ((EXPIRY, "C", 19.0, 1.75, 1.65, None, "VIX"), "crossed"),
        ((EXPIRY, "C", 19.0, 1.65, 1.75, None, "SPXW"), "unknown_class"),
        ((EXPIRY, "C", 19.0, 1.65, 1.75, None, "XYZ"), "unknown_class"),
        ((SESSION, "C", 19.0, 1.65, 1.75, None, "VIX"), "expired"),
        ((EXPIRY, "C", 19.0, 9.65, 29.75, None, "VIX"), "no_iv"),
    ],
)
def test_refused_rows_are_counted_by_reason(row: Row, reason: str) -> None:
    other: Row = (EXPIRY, "C", 20.0, 1.30, 1.40, None, "VIX")
    chain = vix_chain(row, other)
    assert dict(chain.refused) == {reason: 1}
    assert [len(part.calls) for part in chain.slices] == [1]


def test_a_duplicate_keeps_the_first() -> None:
    chain = vix_chain(GOOD, (EXPIRY, "C", 19.0, 1.0, 1.1, 0.5, "VIX"))
    assert dict(chain.refused) == {"duplicate": 1}
    assert chain.slices[0].calls.bid.tolist() == [1.65]


def test_a_vix_chain_without_future_or_parity_has_no_forward() -> None:
    chain = vix_chain(GOOD, future=None)
    assert (chain.slices, dict(chain.refused)) == ((), {"no_forward": 1})


def test_between_two_futures_the_curve_is_the_forward() -> None:
    curve = VixCurve(vix=17.20, days=(20.0, 48.0), prices=(18.0, 19.4))
    chain = build_chain("VIX", [GOOD], ChainTerms(session=SESSION, spot=6000.0, curve=curve))
    assert [(part.forward_source, part.forward) for part in chain.slices] == [("curve", pytest.approx(18.5))]
    bare = VixCurve(vix=17.20, days=(), prices=())
    assert not build_chain("VIX", [GOOD], ChainTerms(session=SESSION, spot=6000.0, curve=bare)).slices


def test_quoted_volatility_is_used_zero_and_absurd_ones_are_implied() -> None:
    future, strike, years = 18.60, 19.0, 30 / 365
    mid = float(black76(future, strike, years, 0.88, 0.042, True))
    for iv in (None, 0.0, -1.0, 88.0, math.nan):
        part = vix_chain((EXPIRY, "C", strike, mid - 0.05, mid + 0.05, iv, "VIX")).slices[0]
        assert part.calls.iv[0] == pytest.approx(0.88, abs=1e-9)
        assert not part.calls.iv_quoted[0]
    quoted = vix_chain(GOOD).slices[0].calls
    assert quoted.iv.tolist() == [0.88]
    assert quoted.delta[0] == pytest.approx(0.5149, abs=5e-5)
    assert quoted.vega[0] == pytest.approx(0.0212, abs=5e-5)


def test_am_and_pm_of_one_day_are_two_slices() -> None:
    friday = date(2026, 6, 19)
    rows: list[Row] = [(friday, right, 6000.0, 100.0, 101.0, 0.15, root) for right in "CP" for root in ("SPX", "SPXW")]
    chain = build_chain("SPX", rows, ChainTerms.of(SESSION, 6000.0))
    assert [(part.trading_class, part.settlement, part.last_trade) for part in chain.slices] == [
        ("SPX", Settlement.AM, friday - timedelta(days=1)),
        ("SPXW", Settlement.PM, friday),
    ]
    assert {part.dte for part in chain.slices} == {32}
    assert chain.slice_of(friday, "SPX") is chain.slices[0]
    assert chain.slice_of(friday, "VIX") is None


def test_rows_without_a_class_are_inferred_and_say_so() -> None:
    chain = build_chain(
        "SPX",
        [(date(2026, 6, 19), "C", 6000.0, 100.0, 101.0, 0.15, None), (EXPIRY, "C", 6000.0, 90.0, 91.0, 0.15, None)],
        ChainTerms.of(SESSION, 6000.0),
    )
    assert [(part.trading_class, part.class_inferred) for part in chain.slices] == [("SPXW", True), ("SPX", True)]


def test_forward_by_parity_survives_a_stale_row() -> None:
    discount = math.exp(-0.042 * 30 / 365)
    strikes = [float(strike) for strike in range(5900, 6105, 25)]
    calls = {k: float(black76(6010.0, k, 30 / 365, 0.15, 0.042, True)) for k in strikes}
    puts = {k: float(black76(6010.0, k, 30 / 365, 0.15, 0.042, False)) for k in strikes}
    assert parity_forward(calls, puts, discount) == pytest.approx(6010.0, abs=1e-8)
    puts[6000.0] += 8.0
    assert parity_forward(calls, puts, discount) == pytest.approx(6010.0, abs=1e-8)
    assert parity_forward(calls, {}, discount) is None


def test_without_both_rights_spx_is_carried_from_spot() -> None:
    terms = ChainTerms(session=SESSION, spot=6000.0, rate=0.042, dividend=0.013)
    part = build_chain("SPX", [(EXPIRY, "C", 6000.0, 100.0, 101.0, 0.15, "SPXW")], terms).slices[0]
    assert part.forward_source == "carry"
    assert part.forward == pytest.approx(6000.0 * math.exp(0.029 * 30 / 365))


def test_positions_by_strike_and_delta() -> None:
    rows: list[Row] = [(EXPIRY, "C", strike, 1.0, 1.1, 0.88, "VIX") for strike in (17.0, 18.0, 19.0, 20.0)]
    calls = vix_chain(*rows).slices[0].calls
    assert calls.index_of(19.0) == 2
    assert calls.index_of(18.5) is None
    assert calls.index_of(99.0) is None
    assert calls.nearest_strike(18.5) == 1, "the lower of two"
    assert calls.nearest_delta(0.50) == 2
    assert vix_chain(*rows).slices[0].puts.nearest_delta(0.5) is None


numbers = st.one_of(st.floats(-2, 60), st.sampled_from([math.nan, math.inf, 0.0]))


@given(
    st.lists(st.tuples(st.sampled_from("CPX"), numbers, numbers, numbers, st.one_of(st.none(), numbers)), max_size=30)
)
def test_every_row_is_used_or_counted(quotes: list[tuple[str, float, float, float, float | None]]) -> None:
    rows: list[Row] = [(EXPIRY, right, strike, bid, ask, iv, "VIX") for right, strike, bid, ask, iv in quotes]
    chain = vix_chain(*rows)
    used = sum(len(part.calls) + len(part.puts) for part in chain.slices)
    assert used + sum(chain.refused.values()) == len(rows)
    for part in chain.slices:
        for side in (part.calls, part.puts):
            assert np.all((side.bid > 0) & (side.ask >= side.bid) & np.isfinite(side.iv) & (side.iv > 0))
            assert np.all(np.diff(side.strike) > 0)


@needs_chains
def test_full_chain_of_a_stress_day() -> None:
    rows = real_rows("chain_SPX_2022-06-10.csv")
    chain = build_chain("SPX", rows, ChainTerms.of(date(2022, 6, 10), 3900.8601))
    used = sum(len(part.calls) + len(part.puts) for part in chain.slices)
    assert used + sum(chain.refused.values()) == len(rows)
    assert chain.refused["expired"] == 432
    july = [part for part in chain.slices if part.expiry == date(2022, 7, 15)]
    assert [part.trading_class for part in july] == ["SPX", "SPXW"]
    assert all(part.forward == pytest.approx(3908.5, abs=1.0) and part.is_monthly for part in july)


@needs_chains
def test_deltas_agree_with_the_vendors() -> None:
    name, session = "chain_SPX_2022-06-10.csv", date(2022, 6, 10)
    chain = build_chain("SPX", real_rows(name), ChainTerms.of(session, 3900.8601))
    part = chain.slice_of(date(2022, 7, 15), "SPXW")
    assert part is not None
    with (CHAINS / name).open(encoding="utf-8") as file:
        theirs = {
            (row["right"], float(row["strike"])): float(row["delta"])
            for row in csv.DictReader(file)
            if row["expiry"] == "2022-07-15" and row["root"] == "SPXW"
        }
    for side in (part.calls, part.puts):
        for strike, delta in zip(side.strike.tolist(), side.delta.tolist(), strict=True):
            if 0.03 < abs(delta) < 0.5:
                assert delta == pytest.approx(theirs[side.right, strike], abs=0.005)


@needs_chains
def test_vix_chain_of_2013() -> None:
    chain = build_chain("VIX", real_rows("chain_VIX_2013-06-25.csv"), ChainTerms.of(date(2013, 6, 25), 18.47))
    (part,) = chain.slices
    assert (part.trading_class, part.settlement, part.dte) == ("VIX", Settlement.VRO, 57)
    assert part.last_trade == date(2013, 8, 20)
    assert part.forward == pytest.approx(20.0, abs=0.2)
    assert dict(chain.refused) == {"not_a_number": 9}
