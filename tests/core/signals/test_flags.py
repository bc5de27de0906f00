"""The rules behind each flag and switch: hysteresis, fresh crosses, twins, inversion, breaks, settlement."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from alvh.core.events import FuturesCurve
from alvh.core.signals import Bar, SignalBook
from alvh.core.signals.exposure import vasicek
from alvh.core.signals.model import Signal
from alvh.core.signals.realised import volatility_class
from alvh.errors import InputError

SESSIONS = [date(2020, 1, 6) + timedelta(days=7 * (n // 5) + n % 5) for n in range(600)]
EXPIRIES = [date(2020, 1, 22) + timedelta(days=28 * n) for n in range(9)]


def closed(
    book: SignalBook, number: int, prices: dict[str, float], curve: list[tuple[date, float]] | None = None
) -> None:
    """Close session `number` with these prices."""
    stamp = 10**18 + number * 86_400 * 10**9
    nodes = None if curve is None else tuple((expiry, price, None, None) for expiry, price in curve)
    event = None if nodes is None else FuturesCurve(ts_event=stamp, ts_recv=stamp, symbol="VX", nodes=nodes)
    bars = {name: Bar(price=price, ts_event=stamp) for name, price in prices.items()}
    book.close(SESSIONS[number], stamp, bars, event)


def shown(book: SignalBook, signal_id: str) -> Signal:
    """Return the newest signal of this id."""
    [found] = [item for item in book.signals if item.id == signal_id]
    return found


def part(book: SignalBook, signal_id: str, name: str) -> float | None:
    """Return one part of the newest signal of this id."""
    return dict(shown(book, signal_id).parts)[name]


def wave(number: int, swing: float = 0.5) -> float:
    """A quiet alternating path, whose RSI stays near 50."""
    return 20.0 + (swing if number % 2 else -swing)


def test_volatility_rsi_stays_on_until_below_60() -> None:
    book = SignalBook()
    path = [wave(n) for n in range(110)] + [20 + 1.5 * n for n in range(1, 9)] + [32 - 0.7 * n for n in range(1, 14)]
    seen = []
    for number, vix in enumerate(path):
        closed(book, number, {"VIX": vix})
        rsi = shown(book, "S07").value
        if number >= 99:
            assert rsi is not None
            seen.append((rsi, book.flags.v_r, book.flags.v_r_low))
    assert seen[0][1] is False
    for (_, before, _), (rsi, now, low) in pairwise(seen):
        assert now == (rsi > 70 or (before and rsi >= 60))
        assert low == (rsi < 60)
    assert any(60 <= rsi <= 70 and on for rsi, on, _ in seen), "the path must pass through the band while on"
    assert seen[-1][1] is False


def test_cross_up_is_fresh_for_three_closes_and_remembered_for_two_more() -> None:
    book = SignalBook()
    path = [wave(n) - 0.02 * n for n in range(110)] + [18.0 + 0.8 * n for n in range(12)]
    hists, fresh, cap = [], [], []
    for number, vix in enumerate(path):
        closed(book, number, {"VIX": vix})
        hists.append(shown(book, "S06").value)
        fresh.append(shown(book, "S06").state == "cross_up")
        cap.append(book.flags.cap_m)
    for t in range(102, len(path)):
        window = [h for h in hists[t - 3 : t] if h is not None]
        now = hists[t]
        assert now is not None
        assert fresh[t] == (now > 0 and min(window) <= 0)
        assert cap[t] == any(fresh[t - 2 : t + 1])
    assert fresh[-1] is False
    assert any(fresh[110:])


def test_capitulation_of_small_caps_needs_line_and_falling_histogram() -> None:
    book = SignalBook()
    path = [2000 + 30 * wave(n, 0.2) for n in range(110)] + [2590 * 0.985**n for n in range(1, 12)]
    seen = []
    for number, rut in enumerate(path):
        closed(book, number, {"RUT": rut})
        item = shown(book, "S08")
        seen.append((part(book, "S08", "macd"), item.value, item.state))
    for (_, before, _), (line, hist, state) in pairwise(seen[100:]):
        assert line is not None
        assert hist is not None
        assert before is not None
        assert (state == "on") == (line < 0 and hist < 0 and hist < before)
    assert seen[112][2] == "on"
    assert shown(book, "S05").state == "on"
    assert book.flags.cap_r
    assert book.flags.calm is False


def test_rut_twin_decides_where_the_twins_disagree() -> None:
    for iwm_drift, rut_drift, expected in ((-0.001, 0.001, False), (0.001, -0.001, True)):
        book = SignalBook()
        for number in range(130):
            iwm = 200 * (1 + iwm_drift) ** number
            closed(book, number, {"SPX": 4000.0, "IWM": iwm, "RUT": 2000 * (1 + rut_drift) ** number})
        assert book.flags.ratio_neg is expected
        value = shown(book, "S03").value
        assert value is not None
        assert (value < 0) is expected
        closed(book, 130, {"SPX": 4000.0, "IWM": 200 * (1 + iwm_drift) ** 130})
        assert book.flags.ratio_neg is not expected, "without RUT that day, IWM speaks"
        closed(book, 131, {"SPX": 4000.0})
        assert book.flags.ratio_neg is None


def spread_book(spread: float = 4.0, **ivx: float) -> SignalBook:
    """A book whose RVX stood `spread` above VIX for 90 closes."""
    book = SignalBook({"ivx": ivx})
    for number in range(90):
        closed(book, number, {"RVX": 20.0 + spread, "VIX": 20.0})
    return book


def test_spread_switches_on_strictly_above_and_off_after_two_closes() -> None:
    book = spread_book(4.0)
    assert part(book, "S10", "mean") is None, "the mean of 90 excludes today: first defined at close 91"
    states = []
    # x against a mean that barely moves: 0.25 exactly does not switch on.
    for number, spread in enumerate((5.0, 6.0, 4.5, 4.2, 4.5, 4.2, 4.2, 4.5), start=90):
        closed(book, number, {"RVX": 20.0 + spread, "VIX": 20.0})
        states.append((shown(book, "S10").state, book.spread.a))
    assert [state for state, _ in states] == ["off", "on", "on", "on", "on", "on", "off", "off"]
    assert [a for _, a in states] == [0.0, 0.10, 0.10, 0.10, 0.10, 0.10, 0.0, 0.0]


def test_addition_grows_with_confirmations_up_to_its_maximum() -> None:
    book = spread_book(4.0)
    for number, (checks, expected) in enumerate(
        [((False,) * 4, 0.10), ((True, True, False, False), 0.15), ((True,) * 4, 0.20)], start=90
    ):
        closed(book, number, {"RVX": 27.0, "VIX": 20.0})
        book.spread.confirm(checks)
        assert book.spread.a == pytest.approx(expected, abs=1e-15)
        assert book.spread.confirmations == sum(checks)


def test_inversion_freezes_the_addition_for_five_closes_then_ends_it() -> None:
    book = spread_book(4.0)
    closed(book, 90, {"RVX": 27.0, "VIX": 20.0})
    assert book.spread.is_active
    seen = []
    for number in range(91, 98):
        closed(book, number, {"RVX": 40.0, "VIX": 45.0})
        assert shown(book, "S10").state == "inverted"
        assert shown(book, "S10").value is None
        assert book.spread.is_inverted
        seen.append(book.spread.a)
    assert seen == [0.10] * 5 + [0.0, 0.0]
    assert not book.spread.is_active


def test_panic_of_april_2025_gives_no_addition() -> None:
    book = spread_book(5.0)
    for number, (rvx, vix) in enumerate([(40.63, 45.31), (44.07, 46.98), (45.22, 52.33)], start=90):
        closed(book, number, {"RVX": rvx, "VIX": vix})
        assert part(book, "S10", "spread") == pytest.approx(rvx - vix)
        assert (book.spread.a, book.spread.is_active, book.spread.is_inverted) == (0.0, False, True)


def test_missing_spread_neither_switches_nor_counts() -> None:
    book = spread_book(4.0)
    closed(book, 90, {"RVX": 27.0, "VIX": 20.0})
    closed(book, 91, {"RVX": 24.1, "VIX": 20.0})
    closed(book, 92, {"VIX": 20.0})
    assert book.spread.a == 0.10
    assert shown(book, "S10").quality == "missing"
    closed(book, 93, {"RVX": 24.1, "VIX": 20.0})
    assert book.spread.a == 0.0


def test_small_spreads_are_measured_against_the_floor() -> None:
    book = spread_book(0.2)
    closed(book, 90, {"RVX": 20.5, "VIX": 20.0})
    assert part(book, "S10", "x") == pytest.approx(0.3, abs=1e-9)


def test_front_contract_leaves_on_its_settlement_day() -> None:
    book = SignalBook()
    curve = [(date(2020, 1, 22), 18.0), (date(2020, 2, 19), 19.0), (date(2020, 3, 18), 21.0)]
    closed(book, 11, {"VIX": 17.0}, curve)  # Tuesday 2020-01-21
    assert part(book, "S14", "slope") == pytest.approx(19 / 18 - 1)
    assert part(book, "S14", "roll") == pytest.approx(1.0)
    closed(book, 12, {"VIX": 17.0}, curve)  # Wednesday 2020-01-22
    assert part(book, "S14", "slope") == pytest.approx(21 / 19 - 1)
    assert part(book, "S14", "vx1") == 19.0
    assert shown(book, "S14").state == "steep_contango"


def test_daily_roll_uses_the_calendar_it_is_given() -> None:
    book = SignalBook()
    expiry = date(2020, 2, 5)
    event = FuturesCurve(ts_event=1, ts_recv=1, symbol="VX", nodes=((expiry, 18.60, None, None),))
    book.close(
        date(2020, 1, 6),
        1,
        {"VIX": Bar(price=17.20, ts_event=1)},
        event,
        sessions_to=lambda day: 21 if day == expiry else 0,
    )
    assert part(book, "S14", "roll") == pytest.approx(0.0667, abs=5e-5)
    assert part(book, "S14", "slope") is None


def test_change_of_slope_over_five_closes() -> None:
    book = SignalBook()
    for number in range(6):
        closed(book, number, {}, [(EXPIRIES[3], 20.0), (EXPIRIES[4], 20.0 + 0.14 * number)])
        assert (shown(book, "S15").value is None) == (number < 5)
    assert shown(book, "S15").value == pytest.approx(0.035)
    assert shown(book, "S15").state == "steepen_contango"
    closed(book, 6, {}, [(EXPIRIES[3], 20.0), (EXPIRIES[4], 19.5)])
    assert shown(book, "S15").state == "invert"


def test_monetise_needs_inversion_falling_rsi_and_falling_histogram() -> None:
    book = SignalBook()
    path = [wave(n) for n in range(110)] + [20 + 2.0 * n for n in range(1, 15)] + [48 - 2.0 * n for n in range(1, 8)]
    for number, vix in enumerate(path):
        near, far = (vix + 1, vix + 2) if number < 112 else (vix - 2, vix - 5)
        expiries = [
            day for day in (date(2020, 1, 22) + timedelta(days=28 * n) for n in range(20)) if day > SESSIONS[number]
        ]
        closed(book, number, {"VIX": vix}, [(expiries[0], near), (expiries[1], far)])
        rsi, hist = shown(book, "S07").value, shown(book, "S06").value
        if number >= 105:
            assert rsi is not None
            assert hist is not None
            if book.flags.monet_curve:
                assert number >= 112
                assert rsi < 70
                assert hist < 0
    assert book.term_structure.is_inverted


def test_break_of_a_key_average_is_a_close_below_after_one_at_or_above() -> None:
    book = SignalBook()
    for number in range(210):
        closed(book, number, {"RUT": 2000.0})
    assert shown(book, "S13").state == "none"
    closed(book, 210, {"RUT": 1990.0})
    assert shown(book, "S13").state == "broke_both"
    assert book.small_caps.sessions_since_break == 0
    closed(book, 211, {"RUT": 1985.0})
    assert shown(book, "S13").state == "none"
    assert book.small_caps.sessions_since_break == 1


def test_classic_divergence_is_a_new_high_on_a_weaker_rsi() -> None:
    book = SignalBook()
    for number in range(120):
        spx = 4000 + number + (3 if number % 2 else 0)
        rut = 2000 + (5.0 * number if number < 110 else 550 - 8.0 * (number - 110)) + (10 if number % 3 else 0)
        closed(book, number, {"SPX": spx, "RUT": rut})
    assert part(book, "S04", "classic") == 1.0
    assert shown(book, "S04").state == "on"
    assert book.small_caps.is_diverging


@pytest.mark.parametrize(
    ("rv", "expected"),
    [
        (9.99, "below_10"),
        (10.0, "10_to_20"),
        (20.0, "20_to_35"),
        (35.0, "35_to_45"),
        (45.0, "35_to_45"),
        (45.1, "above_45"),
    ],
)
def test_classes_of_realised_volatility(rv: float, expected: str) -> None:
    assert volatility_class(rv) == expected


@pytest.mark.parametrize(
    ("vix", "expected"),
    [
        (14.99, "below_15"),
        (15.0, "15_to_20"),
        (20.0, "15_to_20"),
        (20.01, "above_20"),
        (25.0, "above_20"),
        (26.0, "above_25"),
    ],
)
def test_published_bands(vix: float, expected: str) -> None:
    book = SignalBook()
    closed(book, 0, {"VIX": vix})
    assert shown(book, "S44").state == expected


def test_trend_needs_ten_closes_on_one_side() -> None:
    book = SignalBook()
    states = []
    for number in range(60):
        closed(book, number, {"VIX": 20.0 + (number if number < 40 else 80 - 2 * number) * 0.1})
        states.append(shown(book, "S19").state)
    assert states[:29] == ["warming"] * 29
    assert states[29:40] == ["up"] * 11
    assert states[-1] == "down"
    assert "none" in states[40:]


def test_expected_move_prefers_the_shortest_index() -> None:
    book = SignalBook()
    closed(book, 0, {"VIX": 20.0, "SPX": 6000.0, "VIX9D": 17.95})
    assert shown(book, "S40").value == pytest.approx(1.1307, abs=5e-5)
    assert part(book, "S40", "points") == pytest.approx(67.84, abs=5e-3)
    assert shown(book, "S40").inputs == ("VIX9D",)
    closed(book, 1, {"VIX": 20.0, "VIX9D": 17.95, "VIX1D": 10.0})
    assert (shown(book, "S40").inputs, shown(book, "S40").quality) == (("VIX1D",), "ok")
    closed(book, 2, {"VIX": 20.0})
    assert (shown(book, "S40").inputs, shown(book, "S40").quality) == (("VIX",), "proxy")


def test_ratio_of_volatility_indices() -> None:
    book = SignalBook()
    closed(book, 0, {"VIX": 18.26, "VIX3M": 21.28})
    assert shown(book, "S16").value == pytest.approx(0.8581, abs=5e-5)
    assert shown(book, "S16").state == "calm"


def test_shrinkage_of_the_worked_example() -> None:
    assert vasicek(1.354986, 0.046695, 1.15, 0.15) == pytest.approx(1.336877, abs=5e-6)
    short, long = vasicek(1.31, 0.11, 1.15, 0.15), vasicek(1.22, 0.06, 1.15, 0.15)
    assert (short, long) == pytest.approx((1.2540, 1.2103), abs=5e-5)
    assert (short + long) / 2 == pytest.approx(1.2322, abs=5e-5)


def test_leadership_narrows_below_its_mean_and_its_level_of_20_closes_ago() -> None:
    book = SignalBook()
    for number in range(55):
        closed(book, number, {"RSP": 150.0 - 0.1 * number, "SPY": 500.0})
        assert book.leadership.is_narrowing is (None if number < 49 else True)
    closed(book, 55, {"RSP": 160.0, "SPY": 500.0})
    assert book.leadership.is_narrowing is False


def test_parameters_are_the_methodologys_and_can_be_overridden() -> None:
    book = SignalBook({"rsi": {"n": 5, "vol_on": 80}, "move3": {"threshold": 0.03}})
    for number in range(6):
        closed(book, number, {"VIX": 20.0 + number})
    assert shown(book, "S07").value == 100.0
    assert "80" in shown(book, "S07").threshold
    with pytest.raises(InputError, match="seeding"):
        SignalBook({"macd": {"seeding": "metastock"}})
