"""Sessions as data: hours, counts, neighbours, business days and settlement dates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvh.core.sessions import (
    SessionCalendar,
    et_date,
    et_ns,
    et_time,
    parse_date,
    parse_release,
    third_friday,
    vix_settlement,
)
from alvh.errors import JournalError
from tapes import weekday_calendar, weekday_sessions

_THANKSGIVING, _BLACK_FRIDAY = date(2024, 11, 28), date(2024, 11, 29)
_NOVEMBER = SessionCalendar(
    weekday_sessions(date(2024, 11, 1), date(2024, 12, 31), closed=[_THANKSGIVING], early={_BLACK_FRIDAY: "13:00"})
)
_NS = 1_000_000_000


def _utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * _NS


def test_exchange_time_follows_daylight_saving() -> None:
    assert et_ns(date(2024, 3, 8), "16:00") == _utc("2024-03-08T21:00")
    assert et_ns(date(2024, 3, 11), "16:00") == _utc("2024-03-11T20:00")
    assert et_time(_utc("2024-03-11T12:30")).strftime("%H:%M") == "08:30"
    assert et_date(_utc("2024-03-12T02:00")) == date(2024, 3, 11)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)))  # noqa: DTZ001 (the exchange's clock, made aware below)
def test_exchange_clock_round_trip(at: datetime) -> None:
    ts = et_ns(at.date(), at.strftime("%H:%M"))
    shown = et_time(ts)
    skipped = timedelta(hours=1)  # an hour that daylight saving skips does not exist, and is read as the one behind
    assert shown.replace(tzinfo=None) - at.replace(second=0, microsecond=0) in (timedelta(0), skipped)


def test_hours_include_open_and_close() -> None:
    session = _NOVEMBER.session(date(2024, 11, 4))
    assert session is not None
    for ts, expected in [
        (session.open_ns - 1, False),
        (session.open_ns, True),
        (session.close_ns, True),
        (session.close_ns + 1, False),
    ]:
        assert _NOVEMBER.is_open(ts) is expected
        assert (_NOVEMBER.session_of(ts) == session) is expected


def test_half_day_ends_early_and_holiday_has_no_hours() -> None:
    assert _NOVEMBER.close_of(_BLACK_FRIDAY) == et_ns(_BLACK_FRIDAY, "13:00")
    assert not _NOVEMBER.is_open(et_ns(_BLACK_FRIDAY, "13:01"))
    assert not _NOVEMBER.is_open(et_ns(_THANKSGIVING, "11:00"))
    assert not _NOVEMBER.is_session(_THANKSGIVING)


@given(st.lists(st.integers(-(3 * 86_400), 70 * 86_400), min_size=1, max_size=60))
def test_is_open_does_not_depend_on_what_was_asked_before(offsets: list[int]) -> None:
    start = et_ns(date(2024, 11, 1), "00:00")
    used = SessionCalendar(weekday_sessions(date(2024, 11, 1), date(2024, 12, 31), closed=[_THANKSGIVING]))
    rows = weekday_sessions(date(2024, 11, 1), date(2024, 12, 31), closed=[_THANKSGIVING])
    for offset in offsets:
        ts = start + offset * _NS
        expected = any(open_ns <= ts <= close_ns for _, open_ns, close_ns in rows)
        assert used.is_open(ts) is expected
        assert (used.session_of(ts) is not None) is expected


def test_neighbours() -> None:
    assert _NOVEMBER.next_session(date(2024, 11, 27)).date == _BLACK_FRIDAY
    assert _NOVEMBER.session_on_or_after(_THANKSGIVING).date == _BLACK_FRIDAY
    assert _NOVEMBER.previous_session(_BLACK_FRIDAY) == _NOVEMBER.session(date(2024, 11, 27))
    assert _NOVEMBER.previous_session(date(2024, 11, 1)) is None
    close = _NOVEMBER.close_of(_BLACK_FRIDAY)
    assert _NOVEMBER.next_close_after(close - 1).date == _BLACK_FRIDAY
    assert _NOVEMBER.next_close_after(close).date == date(2024, 12, 2)
    assert _NOVEMBER.last_close_until(close) == _NOVEMBER.session(_BLACK_FRIDAY)
    assert _NOVEMBER.last_close_until(close - 1) == _NOVEMBER.session(date(2024, 11, 27))


def test_counts() -> None:
    assert _NOVEMBER.count_between(date(2024, 11, 27), date(2024, 12, 2)) == 2
    assert _NOVEMBER.count_between(date(2024, 12, 2), date(2024, 11, 27)) == -2
    assert _NOVEMBER.sessions_until(date(2024, 11, 3)) == 1
    assert [session.date.day for session in _NOVEMBER.sessions_between(_THANKSGIVING, date(2024, 12, 3))] == [29, 2, 3]
    assert len(_NOVEMBER) == 42


@given(st.integers(-60, 160), st.integers(-60, 160))
def test_business_days_are_sessions_where_known_and_weekdays_elsewhere(start: int, end: int) -> None:
    base = date(2024, 11, 1)
    first, last = base + timedelta(days=start), base + timedelta(days=end)
    low, high = min(first, last), max(first, last)
    days = [low + timedelta(days=step) for step in range(1, (high - low).days + 1)]
    expected = sum(day.weekday() < 5 and day != _THANKSGIVING for day in days)
    assert _NOVEMBER.business_days(first, last) == (expected if first <= last else -expected)


def test_beyond_the_horizon_nothing_is_open_and_questions_for_a_session_fail_clearly() -> None:
    beyond = et_ns(date(2025, 1, 2), "12:00")
    assert not _NOVEMBER.is_open(beyond)
    assert _NOVEMBER.session_of(beyond) is None
    with pytest.raises(JournalError, match="ends at 2024-12-31"):
        _NOVEMBER.next_close_after(beyond)
    with pytest.raises(JournalError, match="ends at 2024-12-31"):
        _NOVEMBER.session_on_or_after(date(2025, 1, 2))
    with pytest.raises(JournalError, match="ends at 2024-12-31"):
        _NOVEMBER.next_session(_NOVEMBER.horizon)
    with pytest.raises(JournalError, match="no session"):
        _NOVEMBER.close_of(_THANKSGIVING)


def test_a_calendar_out_of_order_is_refused() -> None:
    rows = weekday_sessions(date(2024, 11, 4), date(2024, 11, 6))
    for broken in ([], [rows[1], rows[0]], [rows[0], rows[0]], [(rows[0][0], rows[0][2], rows[0][1])]):
        with pytest.raises(JournalError, match="session calendar"):
            SessionCalendar(broken)


def test_vix_settlement_moves_before_holidays() -> None:
    friday, juneteenth = date(2025, 4, 18), date(2026, 6, 19)
    wednesday = date(2024, 6, 19)
    calendar = SessionCalendar(
        weekday_sessions(date(2024, 1, 1), date(2026, 12, 31), closed=[friday, juneteenth, wednesday])
    )
    expected = {
        (2024, 6): date(2024, 6, 18),  # the Wednesday itself is a holiday
        (2024, 11): date(2024, 11, 20),
        (2024, 12): date(2024, 12, 18),
        (2025, 3): date(2025, 3, 18),  # Good Friday lies 30 days later
        (2025, 12): date(2025, 12, 17),
        (2026, 1): date(2026, 1, 21),
        (2026, 3): date(2026, 3, 18),
        (2026, 5): date(2026, 5, 19),
        (2027, 3): date(2027, 3, 17),  # beyond the horizon weekdays stand for sessions
    }
    assert {month: vix_settlement(calendar, *month) for month in expected} == expected
    assert third_friday(2026, 5) == date(2026, 5, 15)


@pytest.mark.parametrize("text", ["", "20240105", "2024-1-5", "2024-13-01", "2024-W01-1", "2024-02-30", "05/01/2024"])
def test_only_plain_dates_are_dates(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_date(text)


def test_releases() -> None:
    assert parse_release(" 2024-01-11 ", "CPI", "8:30".zfill(5)) == (date(2024, 1, 11), "cpi", "08:30")
    for row in [("2024-01-11", "", "08:30"), ("2024-01-11", "cpi", "soon"), ("2024-01-11", "cpi", "08:30+02:00")]:
        with pytest.raises(ValueError, match=r"event|time"):
            parse_release(*row)


def test_weekend_is_closed_throughout() -> None:
    calendar = weekday_calendar(date(2024, 11, 1), date(2024, 11, 8))
    saturday = et_ns(date(2024, 11, 2), "00:00")
    assert not any(calendar.is_open(saturday + hour * 3_600 * _NS) for hour in range(48))
