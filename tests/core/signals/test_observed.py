"""Observations reach their signals at the next close, grow stale, and, where missing, neither confirm nor veto."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import percentileofscore

from alvh.core.events import MacroCalendar, Observation
from alvh.core.signals import Bar, SignalBook
from alvh.core.signals.model import Signal
from alvh.core.signals.observations import SERIES
from alvh.core.signals.option_prices import iv_at_delta, skew_25

SESSIONS = [date(2020, 1, 6) + timedelta(days=7 * (n // 5) + n % 5) for n in range(900)]
STAMP = 10**18


def told(book: SignalBook, number: int, values: dict[str, float], consensus: dict[str, float] | None = None) -> None:
    """Tell the book these observations, dated session `number`."""
    for series, value in values.items():
        event = Observation(
            ts_event=STAMP + number, ts_recv=STAMP + number, series=series, observed=SESSIONS[number], value=value,
            consensus=(consensus or {}).get(series),
        )  # fmt: skip
        assert book.observe(event) is None


def closed(
    book: SignalBook,
    number: int,
    prices: dict[str, float] | None = None,
    *,
    skew25: float | None = None,
    premium: float | None = None,
) -> None:
    """Close session `number` with these prices."""
    stamp = STAMP + number * 86_400 * 10**9
    bars = {name: Bar(price=price, ts_event=stamp) for name, price in (prices or {}).items()}
    book.close(SESSIONS[number], stamp, bars, skew25=skew25, premium=premium)


def shown(book: SignalBook, signal_id: str) -> Signal:
    """Return the newest signal of this id."""
    [found] = [item for item in book.signals if item.id == signal_id]
    return found


def part(book: SignalBook, signal_id: str, name: str) -> float | None:
    """Return one part of the newest signal of this id."""
    return dict(shown(book, signal_id).parts)[name]


def counts(small: tuple[float, float], large: tuple[float, float]) -> dict[str, float]:
    """Advancers and decliners of both universes."""
    return {
        "SMALL_ADVANCERS": small[0], "SMALL_DECLINERS": small[1],
        "LARGE_ADVANCERS": large[0], "LARGE_DECLINERS": large[1],
    }  # fmt: skip


def test_unknown_and_older_observations_are_refused_and_fred_names_understood() -> None:
    book = SignalBook()
    event = Observation(ts_event=1, ts_recv=1, series="LIVE_FISH", observed=SESSIONS[3], value=1.0)
    assert book.observe(event) == "unknown"
    told(book, 3, {"DGS2": 4.0})
    older = Observation(ts_event=2, ts_recv=2, series="US2Y", observed=SESSIONS[2], value=9.0)
    assert book.observe(older) == "out_of_order"
    closed(book, 3)
    assert book.newest is not None
    assert book.newest.fresh("US2Y") == 4.0


def test_breadth_compares_normalised_changes_of_five_sessions() -> None:
    book = SignalBook()
    for number in range(7):
        told(book, number, counts((900, 1100), (260, 240)))
        closed(book, number, {"SPX": 4000.0})
        assert (shown(book, "S09").value is None) == (number < 5)
        assert book.flags.adv is (None if number < 5 else True)
    assert shown(book, "S09").value == pytest.approx(5 * -200 / 2000 - 5 * 20 / 500)
    told(book, 7, counts((1999, 1), (251, 249)))
    closed(book, 7, {"SPX": 4000.0})
    assert not book.flags.adv
    closed(book, 8, {"SPX": 4000.0})
    assert book.breadth.is_diverging is None, "without today's counts it is missing"
    assert shown(book, "S09").quality == "missing"


def test_breadth_divergence_exactly_at_the_threshold_counts() -> None:
    book = SignalBook()
    for number in range(6):
        told(book, number, counts((900, 1100), (250, 250)))
        closed(book, number)
    assert shown(book, "S09").value == -0.5
    assert book.flags.adv is True


def test_classic_breadth_from_the_nyse_line_where_counts_are_missing() -> None:
    book = SignalBook()
    for number in range(22):
        told(book, number, {"NYSE_AD_LINE": 100.0 - number})
        closed(book, number, {"SPX": 4000.0 + number})
    assert part(book, "S09", "classic") == 1.0
    assert part(book, "S09", "slope20") == 1.0
    assert book.flags.adv is None


def scheduled(*rows: tuple[date, str]) -> MacroCalendar:
    """A release calendar."""
    return MacroCalendar(ts_event=1, ts_recv=1, releases=tuple((day, name, "08:30") for day, name in rows))


def test_release_window_from_three_sessions_before_to_one_after() -> None:
    book = SignalBook()
    book.macro(scheduled((SESSIONS[10], "cpi"), (SESSIONS[3], "retail_sales"), (SESSIONS[20], "fomc_minutes")))
    seen = []
    for number in range(22):
        closed(book, number)
        seen.append(book.flags.macro)
        assert book.macro_prints.is_release_day == (number in (10, 20))
    assert [number for number, near in enumerate(seen) if near] == [7, 8, 9, 10, 11, 17, 18, 19, 20, 21]
    assert part(book, "S20", "since_last") == 1.0
    assert part(book, "S20", "to_next") is None


def test_without_a_calendar_proximity_is_missing() -> None:
    book = SignalBook()
    closed(book, 0)
    assert book.flags.macro is None
    assert shown(book, "S20").quality == "missing"


def test_surprise_over_the_deviation_of_those_before_and_valid_for_five_sessions() -> None:
    book = SignalBook()
    rng = np.random.default_rng(30)
    surprises = [round(float(x), 3) for x in rng.normal(0, 0.1, 14)]
    number = 0
    for surprise in surprises[:-1]:
        told(book, number, {"CPI": 3.0 + surprise}, {"CPI": 3.0})
        closed(book, number)
        number += 20
    actual = 3.0 - 0.35
    told(book, number, {"CPI": actual}, {"CPI": 3.0})
    seen = []
    for age in range(7):
        closed(book, number + age)
        seen.append((book.flags.weak, book.flags.macro, book.macro_prints.sessions_since_weak))
    assert [weak for weak, _, _ in seen] == [True] * 5 + [False] * 2
    assert [macro for _, macro, _ in seen] == [True] * 5 + [None] * 2
    assert [since for _, _, since in seen] == list(range(7))
    assert not book.flags.hot


def test_surprise_value_equals_numpy() -> None:
    book = SignalBook()
    rng = np.random.default_rng(31)
    told_so_far: list[float] = []
    for number in range(60):
        surprise = float(rng.normal(0, 0.1))
        told(book, number, {"PPI": surprise}, {"PPI": 0.0})
        closed(book, number)
        if number >= 12:
            expected = surprise / np.std(told_so_far[-36:], ddof=1)
            newest = shown(book, "S21").value
            if abs(expected) >= 1:
                assert newest == pytest.approx(expected, rel=1e-12)
        else:
            assert shown(book, "S21").quality == "missing"
        told_so_far.append(surprise)


def test_print_without_consensus_says_nothing_and_by_hand_it_does() -> None:
    book = SignalBook()
    told(book, 0, {"CPI": 301.0})
    closed(book, 0)
    assert (book.flags.hot, book.flags.weak, book.flags.macro) == (False, False, None)
    told(book, 1, {"CPI_SURPRISE_Z": 1.0})
    closed(book, 1)
    assert (book.flags.hot, book.flags.weak, book.flags.macro) == (True, False, True)
    assert shown(book, "S21").state == "hot"
    told(book, 2, {"PPI_SURPRISE_Z": -0.99})
    closed(book, 2)
    assert shown(book, "S21").state == "hot"


def test_contraction_of_cash_flow_multiples_and_its_stand_in() -> None:
    book = SignalBook()
    for number in range(64):
        told(book, number, {"SMALL_PCF": 12.0 if number < 63 else 10.5, "REIT_PCF": 15.0})
        closed(book, number)
        assert book.fundamentals.is_contracting is (None if number < 63 else True)
    assert shown(book, "S22").value == pytest.approx(-0.125)
    assert shown(book, "S22").quality == "ok"
    other = SignalBook()
    for number in range(64):
        told(other, number, {"REIT_PCF": 15.0 - 0.001 * number})
        closed(other, number)
    assert shown(other, "S22").inputs == ("REIT_PCF",)
    assert shown(other, "S22").quality == "proxy"


def test_valuations_percentile_and_monthly_divergence() -> None:
    book = SignalBook()
    rng = np.random.default_rng(32)
    pe, pcf = 18 + np.cumsum(rng.normal(0, 0.1, 860)), 11 + np.cumsum(rng.normal(0, 0.1, 860))
    months: dict[tuple[int, int], tuple[float, float]] = {}
    for number in range(860):
        told(book, number, {"SMALL_PE": float(pe[number]), "SMALL_PCF": float(pcf[number])})
        closed(book, number)
        day = SESSIONS[number]
        months[day.year, day.month] = (float(pe[number]), float(pcf[number]))
        percentile = part(book, "S23", "percentile")
        if number < 251:
            assert percentile is None
        elif number % 50 == 0:
            assert percentile == pytest.approx(percentileofscore(pe[: number + 1], pe[number], kind="weak"))
    assert shown(book, "S23").value == pytest.approx(pe[859] / pe[859 - 63] - 1)
    points = np.array(list(months.values()))[:-1]  # the month under way has no point yet
    assert len(points) > 37
    window, newest = points[-37:-1], points[-1]
    z = (newest - window.mean(axis=0)) / window.std(axis=0, ddof=1)
    assert shown(book, "S24").value == pytest.approx(z[0] - z[1], rel=1e-9)


def test_quick_ratio_and_exchange_rate() -> None:
    book = SignalBook()
    for quarter in range(5):
        told(book, quarter * 65, {"SMALL_QUICK_RATIO": 1.3 - 0.04 * quarter})
        closed(book, quarter * 65)
    assert part(book, "S25", "change_year") == pytest.approx(1.14 / 1.30 - 1)
    assert shown(book, "S25").state == "weak"
    for month in range(4):
        told(book, 300 + month * 21, {"RBUSBIS": 100.0 - month})
        closed(book, 300 + month * 21)
    assert shown(book, "S26").value == pytest.approx(-0.03)
    assert shown(book, "S26").state == "weak_dollar"


def test_changes_of_rates_over_twenty_sessions() -> None:
    book = SignalBook()
    for number in range(21):
        told(book, number, {"US2Y": 4.0 + 0.02 * number, "DE2Y": 2.0, "HY_OAS": 3.0 + 0.025 * number, "DFII10": 2.0})
        closed(book, number)
        assert (shown(book, "S27").value is None) == (number < 20)
    assert shown(book, "S27").value == pytest.approx(40.0)
    assert shown(book, "S27").state == "on"
    assert part(book, "S27", "real10y_change20") == pytest.approx(0.0)
    assert shown(book, "S42").value == pytest.approx(50.0)
    assert book.rates.is_stressed
    for number in range(21, 28):
        closed(book, number)
    assert shown(book, "S42").quality == "stale"
    assert not book.rates.is_stressed, "what is stale confirms nothing"


def test_cost_of_capital_needs_beta_and_a_year() -> None:
    book = SignalBook()
    rng = np.random.default_rng(33)
    spx, rut = 4000.0, 2000.0
    values: list[float] = []
    for number in range(360):
        market = float(rng.normal(0, 0.01))
        spx, rut = spx * (1 + market), rut * (1 + 1.2 * market + float(rng.normal(0, 0.004)))
        bond, high_yield = 4.0 + 0.1 * float(rng.normal()), 8.0 + 0.1 * float(rng.normal())
        told(book, number, {"US10Y": bond, "HY_YIELD": high_yield})
        closed(book, number, {"SPX": spx, "RUT": rut})
        wacc = part(book, "S28", "wacc")
        if wacc is not None:
            beta = part(book, "S11", "beta")
            assert beta is not None
            assert wacc == pytest.approx(0.65 * (bond + beta * 4.5) + 0.35 * high_yield * 0.79, rel=1e-12)
            z = part(book, "S28", "z")
            if len(values) >= 252:
                window = np.array(values[-252:])
                assert z == pytest.approx((wacc - window.mean()) / window.std(ddof=1), rel=1e-9)
            else:
                assert z is None
            values.append(wacc)
    assert len(values) > 252


def test_implied_premium_by_hand() -> None:
    book = SignalBook()
    told(book, 0, {"DDM_DIVIDEND_YIELD": 1.3, "DDM_GROWTH": 7.0, "US10Y": 4.2})
    closed(book, 0)
    assert shown(book, "S29").value == pytest.approx(4.1)


def test_skew_against_its_ninety_sessions() -> None:
    book = SignalBook()
    rng = np.random.default_rng(34)
    skews = [float(x) for x in rng.normal(6, 1, 92)]
    for number, skew in enumerate(skews):
        closed(book, number, {"SKEW": 130.0}, skew25=skew, premium=0.05 if number == 91 else 0.1)
        assert (shown(book, "S17").quality == "ok") == (number >= 90)
    window = np.array(skews[1:91])
    assert part(book, "S17", "z") == pytest.approx((skews[91] - window.mean()) / window.std(ddof=1), rel=1e-9)
    assert shown(book, "S46").state == "thin"


def test_skew_from_a_smile() -> None:
    assert iv_at_delta([0.1, 0.2, 0.3], [0.30, 0.25, 0.21]) == pytest.approx(0.23)
    assert iv_at_delta([0.3, 0.4], [0.2, 0.2]) is None
    assert skew_25([(20, 0.20, 0.14), (40, 0.22, 0.12)]) == pytest.approx(0.08)
    assert skew_25([(30, 0.20, 0.14)]) == pytest.approx(0.06)
    assert skew_25([(40, 0.20, 0.14)]) is None


def top_book() -> SignalBook:
    """A book after a year of rising prices with every price ingredient of S32 known, and most of them true."""
    book = SignalBook()
    rng = np.random.default_rng(35)
    for number in range(300):
        told(book, number, {"NYSE_AD_LINE": 100.0 - 0.1 * number})
        spx = 4000 * 1.0008**number * (1 + 0.0005 * float(rng.normal()))
        prices = {
            "SPX": spx, "RUT": 2000 * 0.9995**number, "IWM": 200 * 0.9995**number, "VIX": 12.0,
            "RSP": 150 * 0.9999**number, "SPY": 400 * 1.0003**number,
        }  # fmt: skip
        closed(book, number, prices)
    return book


def test_big_top_scores_the_known_weight_and_switches_after_three_closes() -> None:
    book = top_book()
    parts = dict(shown(book, "S32").parts)
    assert [parts[f"c{n}"] for n in (1, 2, 3, 4, 8)] == [1.0] * 5
    assert parts["c5"] is None
    assert parts["c7"] is None, "no futures curve"
    assert parts["weight"] == 80.0
    assert shown(book, "S32").value == pytest.approx(100 * (70 + 10 * (parts["c6"] or 0)) / 80)
    assert book.flags.bigtop is True


def test_big_top_needs_seventy_per_cent_of_the_weight() -> None:
    book = top_book()
    closed(book, 300, {"SPX": 5100.0, "RUT": 1700.0, "VIX": 12.0})  # no line, no leadership: 45 of 100 left
    assert shown(book, "S32").value is None
    assert book.flags.bigtop is None
    for number in range(301, 303):
        told(book, number, {"NYSE_AD_LINE": 69.0})
        closed(book, number, {"SPX": 5100.0, "RUT": 1700.0, "IWM": 170.0, "VIX": 12.0, "RSP": 145.0, "SPY": 440.0})
    assert book.flags.bigtop is True, "one close without a score switches nothing"


def test_missing_observations_leave_every_flag_as_it_is_without_them(made_up: list[Any]) -> None:
    bare, fed = SignalBook(), SignalBook()
    for number, one in enumerate(made_up):
        event = Observation(
            ts_event=one.ts_event, ts_recv=one.ts_event, series="SMALL_PE", observed=one.session, value=20.0 + number
        )
        fed.observe(event)
        bare.close(*one)
        fed.close(*one)
        assert (bare.flags.adv, bare.flags.macro, bare.flags.hot, bare.flags.weak) == (None, None, False, False)
        assert bare.flags.ratio_neg == fed.flags.ratio_neg
        assert bare.spread.a == fed.spread.a


def test_goes_on_alike_after_a_restart_with_observations(made_up: list[Any]) -> None:
    rng = np.random.default_rng(36)
    whole, before = SignalBook(), SignalBook()
    calendar = scheduled(*((one.session, "cpi") for one in made_up[7::21]))
    for number, one in enumerate(made_up):
        restarted = SignalBook()
        restarted.restore(json.loads(json.dumps(before.checkpoint(), allow_nan=False)))
        assert restarted.signals == before.signals
        for book in (restarted, whole):
            if number == 3:
                book.macro(calendar)
        for series in SERIES:
            if rng.random() < 0.6:
                value, consensus = float(rng.uniform(1, 9)), float(rng.uniform(1, 9))
                event = Observation(
                    ts_event=one.ts_event, ts_recv=one.ts_event, series=series, observed=one.session, value=value,
                    consensus=consensus,
                )  # fmt: skip
                assert (restarted.observe(event), whole.observe(event)) == (None, None)
        skew, premium = float(rng.normal(6, 1)), float(rng.uniform(0.03, 0.3))
        for book in (restarted, whole):
            book.close(*one, skew25=skew, premium=premium)
        assert restarted.signals == whole.signals
        assert restarted.flags == whole.flags
        before = restarted
    assert json.dumps(before.checkpoint()) == json.dumps(whole.checkpoint())
    missing = {item.id for item in whole.signals if item.value is None}
    assert missing <= {"S09", "S20", "S24", "S28", "S37"}


@pytest.mark.parametrize(
    ("series", "value", "consensus"),
    [
        ("REER", 0.0, None),
        ("RBUSBIS", 1e300, None),
        ("US10Y", -1e9, None),
        ("CPI", 3.0, 1e15),
        ("SMALL_DECLINERS", -1.0, None),
    ],
)
def test_what_can_be_no_value_of_a_series_is_refused(series: str, value: float, consensus: float | None) -> None:
    event = Observation(ts_event=1, ts_recv=1, series=series, observed=SESSIONS[0], value=value, consensus=consensus)
    assert SignalBook().observe(event) == "invalid"
